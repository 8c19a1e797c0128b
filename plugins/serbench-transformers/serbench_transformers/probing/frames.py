"""The feature `transformer-frames`: the frames of every layer of a frozen encoder.

Arrays are large: `frames` and `pool` make them smaller, and `stored_bytes` says how large they are.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from serbench import Array, BadParameter, SerbenchError, Wave
from serbench_transformers.checkpoints import loading
from serbench_transformers.checkpoints.checkpoint import find
from serbench_transformers.checkpoints.loading import Weights
from serbench_transformers.encoders.preprocessor import RATE
from serbench_transformers.probing.layers import Layers, Version

LARGEST = float(np.finfo(np.float16).max)


class Frames(Layers):
    """The frames of every layer of an encoder that is not trained, in half precision.

    An array has the shape (layers + 1, frames, hidden size), float16: first the output of the
    convolutions, projected to the width of the layers, last the encoder's output. Utterances are
    computed one by one, in float32, on the CPU, so that no bit depends on other utterances. A frame
    is 20 ms in wav2vec 2.0, HuBERT, WavLM and Whisper.

    Args:
        checkpoint: see `Layers`.
        revision: see `Layers`.
        weights: see `Layers`.
        frames: how many frames to keep, from the start of the utterance; 0 keeps all.
        pool: how many neighbouring frames to replace by their mean; the last mean may be of fewer.

    Raises:
        BadParameter: a number is out of its range.
    """

    version = Version(1)
    notes: ClassVar[Mapping[str, str]] = {}
    time_axis: ClassVar[int] = 1

    def __init__(
        self,
        checkpoint: str = "",
        revision: str | None = None,
        weights: Weights = "pretrained",
        frames: int = 0,
        pool: int = 1,
    ):
        if frames < 0:
            raise BadParameter(f"frames={frames} must be 0, for all frames, or more")
        if pool < 1:
            raise BadParameter(f"pool={pool} must be 1 or more")
        super().__init__(checkpoint, revision, weights)
        self._frames, self._pool = frames, pool

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """Return the parameters with the checkpoint's exact revision.

        Raises:
            SerbenchError: the checkpoint is missing and cannot be fetched, or its layers differ in
                their numbers of frames.
        """
        exact = super().resolved(params)
        cls(str(exact["checkpoint"]), str(exact["revision"])).stored_bytes(1)
        return exact

    def stored_bytes(self, seconds: float) -> int:
        """Return the size of the array of an utterance of so many seconds.

        The encoder runs on shapes alone, which takes almost no time and memory.
        """
        layers, frames, width = self._shape_of_a_second
        count = frames * seconds
        count = min(count, self._frames or count)
        return int(layers * -(-count // self._pool) * width * np.dtype(np.float16).itemsize)

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Compute one array per wave, (layers + 1, frames, hidden size), float16.

        Raises:
            SerbenchError: an activation is larger than half precision holds.
        """
        encoder = self.encoder()
        with torch.inference_mode():
            return [self._stored(encoder.layer_frames(encoder.preprocess(wave))) for wave in waves]

    def _stored(self, layers: Tensor) -> Array:
        """Cut, pool and halve the frames of an utterance, (layers + 1, frames, hidden size)."""
        if self._frames:
            layers = layers[:, : self._frames]
        if self._pool > 1:
            layers = avg_pool1d(layers.transpose(1, 2), self._pool, ceil_mode=True).transpose(1, 2)
        largest = float(layers.abs().max())
        if not largest <= LARGEST:
            raise SerbenchError(
                f"a layer of {self._checkpoint} reaches {largest:.3g}, and half precision ends at "
                f"{LARGEST:g}: use another checkpoint, or the feature transformer-layers"
            )
        return layers.half().contiguous().numpy()

    @cached_property
    def _shape_of_a_second(self) -> tuple[int, int, int]:
        checkpoint = find(self._checkpoint, str(self._revision))
        model = loading.classifier(checkpoint, (), weights="shape").eval()
        encoder = loading.encoder_of(model, checkpoint.folder)
        prepared = encoder.preprocess(np.zeros(RATE, np.float32)).to("meta")
        with torch.inference_mode(), torch.device("meta"):
            layers, frames, width = encoder.layer_frames(prepared).shape
        return layers, frames, width
