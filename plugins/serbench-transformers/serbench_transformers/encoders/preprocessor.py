"""Turn a wave into the input of a checkpoint with its own preprocessor, without padding."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from serbench import SerbenchError, Wave

RATE = 16_000
SHORTEST = RATE // 10  # samples: shorter waves are padded with silence


class Preprocessor:
    """Prepares waves for the checkpoint in a folder: normalised, or as a spectrogram.

    Raises:
        SerbenchError: there is no preprocessor_config.json, or it asks for another rate.
    """

    def __init__(self, folder: Path):
        from transformers import AutoFeatureExtractor

        try:
            self._extract: Any = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError, TypeError, AttributeError) as error:
            raise SerbenchError(
                f"{folder.name} has no preprocessor_config.json that transformers can read: add "
                "the file of the original checkpoint"
            ) from error
        rate = self._extract.sampling_rate
        if rate != RATE:
            raise SerbenchError(f"{folder.name} takes audio of {rate} Hz; serbench reads {RATE} Hz")

    def __call__(self, wave: Wave) -> Tensor:
        """Prepare an utterance in float32: (samples,), (bands, frames) or (frames, features)."""
        padded = np.pad(wave, (0, max(0, SHORTEST - len(wave))))
        inputs = self._extract(padded, sampling_rate=RATE, padding="longest", return_tensors="np")
        if "input_values" in inputs:
            return torch.from_numpy(inputs["input_values"][0]).float()
        features = torch.from_numpy(inputs["input_features"][0]).float()
        if "attention_mask" not in inputs:
            return features
        # wav2vec2-BERT's preprocessor may pad a single utterance by half a frame
        return features[: int(inputs["attention_mask"][0].sum())]

    def save(self, folder: Path) -> None:
        """Write preprocessor_config.json."""
        self._extract.save_pretrained(folder)
