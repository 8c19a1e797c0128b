"""Base classes of torch models, which store parameters and facts in a file beside the weights."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from serbench import model_files
from serbench_torch import flop_counting

Scorer = TypeVar("Scorer")


@dataclass
class KeptModel:
    """A model whose parameters are its keyword-only fields.

    Attributes:
        version: changes whenever the predictions change.
        file: the JSON file beside the weights.
        labels: the classes, in the order of the scores.
        seed: the seed of everything random.
    """

    version: ClassVar[str]
    file: ClassVar[str] = "model.json"

    labels: tuple[str, ...]
    seed: int
    _facts: Mapping[str, Any] = field(default_factory=dict, init=False, repr=False)

    def describe(self) -> Mapping[str, object]:
        """Return facts about the fitted model."""
        return dict(self._facts)

    def _write(self, folder: Path, **more: object) -> None:
        """Write the JSON file, after the weights, so that it marks the folder as complete."""
        content = {"labels": list(self.labels), "seed": self.seed}
        content |= {"params": model_files.params(self), **more, "facts": self.describe()}
        model_files.write(folder / self.file, self.version, content)

    @classmethod
    def _read(cls, folder: Path) -> tuple[Self, dict[str, Any]]:
        """Return the model that `_write` described, and the whole content of its file.

        Raises:
            SerbenchError: the folder holds no model, or one of another version.
        """
        content = model_files.read(folder / cls.file, cls.version)
        model = cls(tuple(content["labels"]), content["seed"], **content["params"])
        model._facts = content["facts"]
        return model, content


@dataclass
class TorchModel(KeptModel, Generic[Scorer]):
    """A model whose scorer is a dataclass with a `network` on a `device`."""

    _scorer: Scorer | None = field(default=None, init=False, repr=False)

    @property
    def scorer(self) -> Scorer:
        """The scorer that `fit` or `load` created."""
        assert self._scorer is not None, "fit or load comes first"
        return self._scorer

    def to(self, device: str) -> None:
        """Compute on "cpu" or "cuda" from now on."""
        scorer: Any = self.scorer
        network = scorer.network.to(device)
        self._scorer = dataclasses.replace(scorer, network=network, device=device)

    def peak(self, device: str, threads: int) -> float:
        """Measure the operations per second of a large matrix product in float32."""
        return flop_counting.peak(device, "float32", threads)
