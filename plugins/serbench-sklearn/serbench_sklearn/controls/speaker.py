"""The feature `speaker-embedding`: who speaks, by a public speaker encoder.

The encoder is Resemblyzer's (Apache 2.0), trained on LibriSpeech and VoxCeleb to tell speakers
apart, with the loss of Wan et al., Generalized End-to-End Loss for Speaker Verification (2018).
Only the weights in its package are used: its code cannot be imported with today's SciPy.
"""

import hashlib
import importlib.util
import io
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench import SerbenchError, Wave

SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
INSTALL = "pip install --no-deps Resemblyzer==0.1.4"
RATE, FRAME, HOP, BANDS = 16_000, 400, 160, 40
PARTIAL = 160  # frames of a partial utterance, 1.6 s
STEP = round(RATE / 1.3 / HOP)  # frames between partial utterances: 1.3 per second
COVERED = 0.75  # a last partial utterance with less speech is left out
SIZE = 256  # of the layers, and of the embedding
LEVEL = -30  # dB relative to full scale; quieter waves are amplified


class SpeakerEmbedding:
    """The speaker's embedding: float32, (256,), of length 1.

    Partial utterances of 1.6 s are embedded one by one, and their embeddings averaged. Silence
    within the utterance remains, while Resemblyzer shortens it.
    """

    version = "1"
    time_axis = None

    def __call__(self, waves: Sequence[Wave]) -> list[npt.NDArray[np.float32]]:
        """Compute one vector, shape (256,), for each wave.

        Raises:
            SerbenchError: the weights are not installed, or are not those of version 0.1.4.
        """
        import torch

        embeddings = []
        for wave in waves:
            partials = torch.from_numpy(_partials(wave))  # (partials, frames, bands)
            with torch.inference_mode():
                embeddings.append(self._encoder(partials).numpy())
        return embeddings

    @cached_property
    def _encoder(self) -> Any:
        import torch
        from torch import nn

        class Encoder(nn.Module):
            """Three LSTM layers; the last state, projected, is the embedding."""

            def __init__(self) -> None:
                super().__init__()
                self.lstm = nn.LSTM(BANDS, SIZE, 3, batch_first=True)
                self.linear = nn.Linear(SIZE, SIZE)

            def forward(self, partials: torch.Tensor) -> torch.Tensor:
                _, (state, _) = self.lstm(partials)
                each = nn.functional.normalize(self.linear(state[-1]).relu())
                return nn.functional.normalize(each.mean(dim=0), dim=0)

        weights = torch.load(io.BytesIO(_checked_weights()), map_location="cpu", weights_only=True)
        with torch.random.fork_rng([]):  # layers are made with random weights
            encoder = Encoder()
        wanted = encoder.state_dict()
        encoder.load_state_dict({name: weights["model_state"][name] for name in wanted})
        return encoder.eval()


def _partials(wave: Wave) -> npt.NDArray[np.float32]:
    """Return the mel power spectra of overlapping partial utterances: (partials, 160, 40)."""
    import librosa

    level = 10 * math.log10(max(float(np.mean(np.square(wave, dtype=np.float64))), 1e-20))
    if level < LEVEL:
        wave = wave * np.float32(min(10 ** ((LEVEL - level) / 20), 1e5))
    frames = math.ceil((len(wave) + 1) / HOP)
    starts = list(range(0, max(1, frames - PARTIAL + STEP + 1), STEP))
    covered = (len(wave) - starts[-1] * HOP) / (PARTIAL * HOP)
    if len(starts) > 1 and covered < COVERED:
        starts.pop()
    missing = max(0, (starts[-1] + PARTIAL) * HOP - len(wave))
    mel = librosa.feature.melspectrogram(
        y=np.pad(wave, (0, missing)), sr=RATE, n_fft=FRAME, hop_length=HOP, n_mels=BANDS
    )
    return np.stack([mel.T[start : start + PARTIAL] for start in starts]).astype(np.float32)


def _checked_weights() -> bytes:
    """Return the file with the weights, whose digest is checked before anything reads it."""
    package = importlib.util.find_spec("resemblyzer")
    if package is None or package.origin is None:
        raise SerbenchError(f"speaker-embedding needs the weights of Resemblyzer: {INSTALL}")
    content = Path(package.origin).with_name("pretrained.pt").read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise SerbenchError(
            f"the installed weights of Resemblyzer are not those of 0.1.4: {INSTALL}"
        )
    return content
