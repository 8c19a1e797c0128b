"""The entries of the core: joint corpora, the waveform, and the processes of this machine."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from serbench.contracts import Entry, hookimpl

if TYPE_CHECKING:  # listings need no numpy
    from serbench.contracts import Array, Wave


class Waveform:
    """Mono 16 kHz samples, shape (samples,), float32."""

    version = "1"
    time_axis = 0

    def __call__(self, waves: "Sequence[Wave]") -> "list[Array]":
        """Return the waves themselves."""
        return list(waves)


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    """Offer joint corpora."""
    return [
        Entry("joint", "serbench.datasets:JointDataset", "several corpora: joint:ravdess+crema-d")
    ]


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Offer the waveform."""
    return [
        Entry(
            "waveform", "serbench.plugins.builtin:Waveform", "16 kHz mono samples as they are read"
        )
    ]


@hookimpl
def serbench_engines() -> Iterable[Entry]:
    """Offer the processes of this machine."""
    return [Entry("local", "serbench.evaluation.engines.local:Local", "processes of this machine")]
