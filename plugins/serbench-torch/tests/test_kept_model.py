"""What the base classes of torch models keep, and where their networks compute."""

import dataclasses
import json
from dataclasses import dataclass
from typing import ClassVar

import pytest
from torch import nn

from serbench import SerbenchError
from serbench_torch.kept_model import TorchModel


@dataclass(frozen=True)
class Scorer:
    """A network on a device."""

    network: nn.Module
    device: str


@dataclass
class Tiny(TorchModel[Scorer]):
    """A model with one parameter."""

    version: ClassVar[str] = "3"
    _: dataclasses.KW_ONLY
    lr: float = 0.1


def fitted():
    """A model as `fit` leaves it."""
    model = Tiny(("a", "b"), 4, lr=0.2)
    model._scorer, model._facts = Scorer(nn.Linear(2, 2), "cpu"), {"threads": 1}
    return model


def test_the_file_says_all_that_makes_the_model(tmp_path):
    fitted()._write(tmp_path, frames=7)
    content = json.loads((tmp_path / "model.json").read_text())
    assert content == {
        "schema": 1,
        "version": "3",
        "labels": ["a", "b"],
        "seed": 4,
        "params": {"lr": 0.2},
        "frames": 7,
        "facts": {"threads": 1},
    }


def test_a_model_is_made_of_its_file(tmp_path):
    fitted()._write(tmp_path, frames=7)
    model, content = Tiny._read(tmp_path)
    assert (model.labels, model.seed, model.lr) == (("a", "b"), 4, 0.2)
    assert model.describe() == {"threads": 1}
    assert content["frames"] == 7


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(SerbenchError, match=r"holds no kept model: it has no model\.json"):
        Tiny._read(tmp_path)


def test_a_model_computes_where_it_is_told_to():
    model = fitted()
    model.to("meta")
    assert model.scorer.device == "meta"
    assert {weights.device.type for weights in model.scorer.network.parameters()} == {"meta"}


def test_a_model_that_was_not_fitted_has_no_scorer():
    with pytest.raises(AssertionError, match="fit or load comes first"):
        Tiny(("a", "b"), 4).to("cpu")
