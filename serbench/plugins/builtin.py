"""The only feature of the core: the waveform."""

from collections.abc import Iterable, Sequence

from serbench.contracts import Array, Entry, Wave, hookimpl


class Waveform:
    """Mono 16 kHz samples, shape (samples,), float32."""

    version = "1"

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
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
