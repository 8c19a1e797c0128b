"""Every committed submission that was run can be made again with what is in this repository."""

import json
import struct
from pathlib import Path

import pytest

from serbench.evaluation.plan import make_plan
from serbench.leaderboard.reproduction.proposal import propose
from serbench.settings import settings

SUBMISSIONS = sorted(
    folder
    for folder in (Path(__file__).parents[2] / "leaderboard" / "submissions").glob("*/*/")
    if "_imported-" not in folder.name  # test_imports.py makes these again
)
ENCODER = {
    "config.json": {"model_type": "whisper", "num_mel_bins": 80},
    "preprocessor_config.json": {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": 80,
        "sampling_rate": 16000,
    },
}
WEIGHTS = json.dumps({}).encode()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A look-alike of RAVDESS, and a checkpoint that planning takes for any that it looks for."""
    lookalike = pytest.importorskip("serbench_corpora.fake_corpora")
    folders = pytest.importorskip("serbench_transformers.checkpoints.folders")
    home = tmp_path_factory.mktemp("here")
    lookalike.write_ravdess(home / "data" / "ravdess")
    encoder = home / "encoder"
    encoder.mkdir()
    for name, words in ENCODER.items():
        (encoder / name).write_text(json.dumps(words))
    (encoder / "model.safetensors").write_bytes(struct.pack("<Q", len(WEIGHTS)) + WEIGHTS)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("data", "cache", "results"):
            patch.setenv(f"SERBENCH_{name.upper()}", str(home / name))
        patch.setattr(folders, "recall", lambda name, revision: encoder)
        yield


def test_there_are_submissions():
    assert len(SUBMISSIONS) >= 22


@pytest.mark.parametrize("folder", SUBMISSIONS, ids=lambda folder: folder.name)
def test_a_committed_submission_is_planned_as_it_was_but_for_what_is_said(here, folder):
    proposal = propose(folder, ["all"])
    made = make_plan(proposal.request, settings())
    assert made.config == proposal.here
    pins = proposal.files[0].facts.pins
    assert made.pins == {name: getattr(pins, name) for name in made.pins}
    changed = {
        name
        for name, value in proposal.here.stored().items()
        if value != proposal.config.stored().get(name)
    }
    if changed == {"feature_version", "model_version"}:
        assert proposal.remade.endswith(" and model version 2")
        features, model = proposal.changes
        if proposal.config.model == "functionals-linear":
            assert model.endswith("; since version 2 the optimum is found to more digits")
            return
        words = "; since version 2 layers are stored in half precision; since version 3 layers are"
        assert f" instead of 1{words} stored in single precision again" in features
        assert model == (
            "model version 2 instead of 1; since version 2 heads are trained in double precision"
        )
    elif changed == {"feature_version"}:
        assert proposal.remade == "features version 2"
        (change,) = proposal.changes
        words = " instead of 1; since version 2 they are computed in double precision"
        assert change.endswith(words)
    elif changed == {"params"}:
        assert proposal.remade == ""
        assert proposal.config.params == {**proposal.here.params, "compute": "auto"}
        assert proposal.changes == ("precision float32, as recorded, instead of compute=auto",)
    else:
        assert not changed
        assert (proposal.remade, proposal.changes) == ("", ())
    assert not [flag for flag in proposal.flags if "not given" in flag]
