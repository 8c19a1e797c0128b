"""Score utterances with a trained AlexNet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench import Array
from serbench.metrics import classification
from serbench_alexnet.network import AlexNet
from serbench_alexnet.spectrograms import Scale, Spectrograms
from serbench_torch.devices import autocast

# Windows scored at once, always as many: a matrix product's rounding depends on its shape, so
# with one shape an utterance's scores do not depend, to the last bit, on who is scored with it.
TOGETHER = 16

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """Scores utterances with a network."""

    network: AlexNet  # on `device`, in whatever state training has left it
    scale: Scale  # learned from the training utterances
    frames: int  # the width of a window
    padding_db: float  # what the feature makes of silence
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
        """Compute the mean of each utterance's windows' softmax outputs, (utterances, labels)."""
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
    """Return the mean over the rows of each owner; owners are sorted, none is missing."""
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    sums: Scores = np.add.reduceat(scores, first, axis=0)
    return sums / np.diff(first, append=len(owners))[:, None]


def measured(scores: Scores, truth: npt.NDArray[np.int64]) -> Mapping[str, float]:
    """Compute the categorical cross-entropy and the unweighted average recall of probabilities."""
    right = scores[np.arange(len(truth)), truth]
    smallest = np.finfo(np.float64).tiny  # so that one impossible truth does not hide the others
    decisions = classification.confusion(truth, classification.predicted(scores), scores.shape[1])
    return {
        "loss": float(-np.log(np.maximum(right, smallest)).mean()),
        "uar": float(classification.uar(decisions)),
    }
