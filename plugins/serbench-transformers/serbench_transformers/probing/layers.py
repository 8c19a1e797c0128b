"""The feature `transformer-layers`: what each layer of a frozen encoder makes of an utterance.

It is computed once for a corpus and kept, so that whatever learns from it costs seconds.
"""

import threading
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import torch

from serbench.contracts import Array, Wave
from serbench_transformers.checkpoints import loading, presets
from serbench_transformers.checkpoints.checkpoint import find
from serbench_transformers.checkpoints.loading import Weights, exact
from serbench_transformers.encoders.encoder import Encoder

RANDOM = 0  # the seed of random weights: one floor for all

COMPUTED = {
    "batching": "one by one",
    "padded_fraction": 0.0,
    "precision": "float32",
    "stored": "float32",
}
"""How, for the results of what learns from it."""


class _Version:
    """Ours and that of transformers, which computes the numbers: asked for when it is needed."""

    def __get__(self, instance: object, owner: type) -> str:
        return f"3 (transformers {metadata.version('transformers')})"


class Layers:
    """The mean over time of every layer of an encoder that is not trained.

    An array has the shape (layers + 1, hidden size): first what enters the first layer, last the
    encoder's output. Utterances are computed one by one, in float32, on the CPU: the numbers do
    not depend on what else is in a batch, bit for bit. They are stored in float32: half precision
    would magnify the differences in rounding between processors a thousand times.

    Args:
        checkpoint: a name on the hub, "facebook/wav2vec2-base", or a local folder.
        revision: of a name on the hub; what is computed with is its commit.
        weights: "random" leaves the checkpoint's unread, the floor that pretraining must beat.
    """

    version = _Version()
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
        """The checkpoint's exact revision.

        Raises:
            SerbenchError: there is no such checkpoint here, and it cannot be fetched.
        """
        return exact(params)

    @classmethod
    def rehearsed(cls, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """The shape of a preset's checkpoint, with random weights."""
        return presets.without_weights(given, folder)

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """One array a wave, (layers + 1, hidden size)."""
        encoder = self._loaded()
        with torch.inference_mode():
            return [encoder.layer_means([encoder.preprocess(wave)])[0].numpy() for wave in waves]

    def _loaded(self) -> Encoder:
        """The encoder, read when it is first needed."""
        with self._lock:
            if self._encoder is None:
                found = find(self._checkpoint, str(self._revision))
                self._encoder = loading.load(found, weights=self._weights, seed=RANDOM)
            return self._encoder
