"""The feature `transformer-layers`: the mean of every layer of a frozen encoder.

The feature is computed once for a corpus and stored, so learning from it takes seconds.
"""

import threading
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import torch

from serbench import Array, Wave
from serbench_transformers.checkpoints import loading, presets
from serbench_transformers.checkpoints.checkpoint import find
from serbench_transformers.checkpoints.loading import Weights, exact
from serbench_transformers.encoders.encoder import Encoder

RANDOM = 0  # the seed of random weights: one floor for all models

COMPUTED = {
    "batching": "one by one",
    "padded_fraction": 0.0,
    "precision": "float32",
    "stored": "float32",
}
"""Facts about the computation, for the results of models that learn from the feature."""


class Version:
    """A feature's version and that of transformers, which computes it; read when needed."""

    def __init__(self, own: int):
        self._own = own

    def __get__(self, instance: object, owner: type) -> str:
        return f"{self._own} (transformers {metadata.version('transformers')})"


class Layers:
    """The mean over time of every layer of an encoder that is not trained.

    An array has the shape (layers + 1, hidden size): first the input of the first layer, last the
    encoder's output. Utterances are computed one by one, in float32, on the CPU, so that no bit
    depends on other utterances. Arrays are stored in float32: half precision would magnify the
    differences in rounding between processors a thousand times.

    Args:
        checkpoint: a name on the hub, "facebook/wav2vec2-base", or a local folder.
        revision: the revision of a name on the hub; its commit is used.
        weights: "random" does not read the checkpoint's: the floor that pretraining must beat.
    """

    version = Version(3)
    time_axis: ClassVar[int | None] = None
    notes: ClassVar[Mapping[str, str]] = {
        "2": "layers are stored in half precision",
        "3": "layers are stored in single precision again",
    }

    def __init__(
        self, checkpoint: str = "", revision: str | None = None, weights: Weights = "pretrained"
    ):
        self._checkpoint, self._revision, self._weights = checkpoint, revision, weights
        self._encoder: Encoder | None = None
        self._lock = threading.Lock()

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """Return the parameters with the checkpoint's exact revision.

        Raises:
            SerbenchError: the checkpoint is missing and cannot be fetched.
        """
        return exact(params)

    @classmethod
    def rehearsed(cls, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """Return parameters for a preset's architecture with random weights."""
        return presets.without_weights(given, folder)

    def encoder(self) -> Encoder:
        """Return the encoder, which is loaded at its first use."""
        with self._lock:
            if self._encoder is None:
                checkpoint = find(self._checkpoint, str(self._revision))
                self._encoder = loading.load(checkpoint, weights=self._weights, seed=RANDOM)
            return self._encoder

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Compute one array per wave, (layers + 1, hidden size)."""
        encoder = self.encoder()
        with torch.inference_mode():
            return [encoder.layer_means([encoder.preprocess(wave)])[0].numpy() for wave in waves]
