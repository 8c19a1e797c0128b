"""The only feature of the core: the waveform."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from serbench.contracts import Entry, hookimpl

if TYPE_CHECKING:  # listings must not pay for numpy
    from serbench.contracts import Array, Wave


class Waveform:
    """Mono 16 kHz samples, shape (samples,), float32."""

    version = "1"

    def __call__(self, waves: "Sequence[Wave]") -> "list[Array]":
        """Return the waves themselves."""
        return list(waves)


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Offer the waveform."""
    return [
        Entry(
            "waveform", "serbench.plugins.builtin:Waveform", "16 kHz mono samples as they are read"
        )
    ]
