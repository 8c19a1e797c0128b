"""Score utterances with a trained network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from serbench import Array
from serbench.metrics import classification
from serbench_alexnet.spectrograms import Scale, Spectrograms
from serbench_torch.devices import autocast

# Windows scored at once, always the same number: rounding depends on a matrix product's shape, so
# with a fixed shape an utterance's scores depend on no other utterance, to the last bit.
TOGETHER = 16

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """Scores utterances with a network."""

    network: nn.Module  # of windows, on `device`, in training or evaluation mode
    scale: Scale  # learned from the training utterances
    frames: int  # the width of a window
    padding_db: float  # the feature's value for silence
    device: str  # "cpu" or "cuda"

    def prepared(self, inputs: Sequence[Array]) -> Spectrograms:
        """Prepare utterances, each (bands, frames) in dB, for `logits` and `probabilities`."""
        return Spectrograms.joined(inputs, self.padding_db).scaled(self.scale, self.device)

    def logits(self, windows: Tensor, precision: str = "float32") -> Tensor:
        """Compute logits, (n, labels), of windows, (n, 1, bands, frames)."""
        with autocast(self.device, precision):
            logits: Tensor = self.network(windows)
        return logits.float()

    def probabilities(self, spectrograms: Spectrograms) -> Scores:
        """Compute each utterance's mean softmax output over its windows, (utterances, labels)."""
        utterances, offsets = spectrograms.covering(self.frames)
        missing = -len(utterances) % TOGETHER
        chosen, starts = (
            np.pad(indices, (0, missing), mode="edge").reshape(-1, TOGETHER)
            for indices in (utterances, offsets)
        )
        self.network.eval()
        with torch.inference_mode():
            parts = [
                self.logits(spectrograms.windows(*part, width=self.frames)).double().softmax(dim=1)
                for part in zip(chosen, starts, strict=True)
            ]
        scores = torch.cat(parts)
        return _means(scores[: len(utterances)].cpu().numpy(), utterances)


def _means(scores: Scores, owners: npt.NDArray[np.int64]) -> Scores:
    """Return the mean over the rows of each owner; owners are sorted, and each has a row."""
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    sums: Scores = np.add.reduceat(scores, first, axis=0)
    return sums / np.diff(first, append=len(owners))[:, None]


def measured(scores: Scores, truth: npt.NDArray[np.int64]) -> Mapping[str, float]:
    """Compute the categorical cross-entropy ("loss") and the UAR of probabilities."""
    likelihoods = scores[np.arange(len(truth)), truth]
    smallest = np.finfo(np.float64).tiny  # keeps the loss finite
    decisions = classification.confusion(truth, classification.predicted(scores), scores.shape[1])
    return {
        "loss": float(-np.log(np.maximum(likelihoods, smallest)).mean()),
        "uar": float(classification.uar(decisions)),
    }
