"""What the tests of all systems need: a workspace, and utterances that can be told apart."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from serbench.contracts import Examples

LABELS = ("angry", "happy", "sad")


@dataclass
class Desk:
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    points: list = field(default_factory=list)

    def report(self, epoch, epochs, **values):
        self.points.append(values)


@pytest.fixture(scope="session")
def desk():
    """A function that returns a new workspace."""
    return Desk


@pytest.fixture(scope="session")
def examples():
    """A function from a count, a seed and a function of a label and randomness to utterances."""

    def made(count, seed, utterance):
        random = np.random.default_rng(seed)
        truth = np.arange(count) % len(LABELS)
        inputs = [utterance(label, random).astype(np.float32) for label in truth]
        return Examples(inputs, truth.astype(np.int64), ("speaker",) * count)

    return made


@pytest.fixture(scope="session")
def mels(examples):
    """A function from a count and a seed to noise in dB, louder in the bands of the label."""

    def utterance(label, random):
        decibels = random.normal(-70, 5, (64, random.integers(20, 45)))
        decibels[21 * label : 21 * (label + 1)] += 30
        return decibels

    return lambda count, seed: examples(count, seed, utterance)


@pytest.fixture(scope="session", autouse=True)
def places(tmp_path_factory):
    """One cache for all tests, which remembers where a checkpoint's folder is; no network."""
    base = tmp_path_factory.mktemp("places")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(base / "cache"))
        patch.setenv("SERBENCH_RESULTS", str(base / "results"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def encoder(tmp_path_factory, places):
    """The folder of a tiny Whisper encoder with random weights."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForAudioClassification

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    sizes = {"d_model": 16, "encoder_layers": 2, "encoder_ffn_dim": 24, "decoder_layers": 1}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 24}
    tokens = {"vocab_size": 60, "pad_token_id": 50, "bos_token_id": 51, "eos_token_id": 52}
    tokens |= {"decoder_start_token_id": 53, "begin_suppress_tokens": None}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = WhisperForAudioClassification(
            WhisperConfig(**sizes, **heads, **tokens, init_std=0.3)
        )
    heads = ("projector.", "classifier.")
    weights = {n: w for n, w in model.state_dict().items() if not n.startswith(heads)}
    model.save_pretrained(folder, state_dict=weights)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder
