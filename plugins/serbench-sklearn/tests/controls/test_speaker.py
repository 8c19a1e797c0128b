"""The feature `speaker-embedding` is Resemblyzer's, and reads weights that are checked only."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest

from serbench import SerbenchError
from serbench_sklearn.controls import speaker

without_weights = pytest.mark.skipif(
    importlib.util.find_spec("resemblyzer") is None,
    reason="the weights of Resemblyzer are not installed",
)

STRONG = [
    4,
    8,
    10,
    11,
    15,
    16,
    28,
    30,
    49,
    60,
    74,
    104,
    113,
    120,
    136,
    137,
    148,
    154,
    159,
    168,
    187,
    188,
    205,
    213,
    220,
    238,
    253,
]  # places of the largest values
STRENGTHS = [
    0.142844,
    0.139661,
    0.181056,
    0.127069,
    0.15816,
    0.163066,
    0.171653,
    0.145205,
    0.139606,
    0.127583,
    0.146457,
    0.145591,
    0.131456,
    0.227852,
    0.140897,
    0.168034,
    0.122105,
    0.1498,
    0.198964,
    0.180465,
    0.138856,
    0.160715,
    0.146187,
    0.157763,
    0.135599,
    0.124253,
    0.120271,
]


@pytest.fixture(scope="module")
def embed():
    return speaker.SpeakerEmbedding()


@without_weights
def test_the_embedding_is_that_of_resemblyzer(embed):
    wave = np.random.default_rng(0).normal(size=7 * 16_000).astype(np.float32) * np.float32(0.1)
    (vector,) = embed([wave])
    assert vector.shape == (256,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    # VoiceEncoder("cpu").embed_utterance(wave) of Resemblyzer 0.1.4
    assert np.flatnonzero(vector > 0.12).tolist() == STRONG
    np.testing.assert_allclose(vector[STRONG], STRENGTHS, atol=1e-5)


@without_weights
@pytest.mark.parametrize("samples", [1, 400, 25_599, 25_600, 25_601, 60_000])
def test_any_length_gives_a_finite_vector(embed, samples):
    wave = np.random.default_rng(1).normal(size=samples).astype(np.float32) * np.float32(0.01)
    assert np.isfinite(embed([wave, np.zeros(samples, np.float32)])).all()


def test_other_weights_are_refused(tmp_path, monkeypatch):
    (tmp_path / "pretrained.pt").write_bytes(b"anything")
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(SerbenchError, match=r"not those of 0\.1\.4: pip install --no-deps"):
        speaker.SpeakerEmbedding()([np.ones(16_000, np.float32)])


def test_missing_weights_name_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SerbenchError, match="needs the weights of Resemblyzer: pip install"):
        speaker.SpeakerEmbedding()([np.ones(16_000, np.float32)])
