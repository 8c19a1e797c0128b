"""What this package offers. It imports nothing heavy: every listing of serbench reads it."""

from collections.abc import Iterable

from serbench import ModelEntry, hookimpl


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Offer one model; `target` is imported when it is first used."""
    return [
        ModelEntry(
            name="example-model",
            target="example_model.model:ExampleModel",
            summary="logistic regression on how loud the bands of the spectrum are",
            features="waveform",
        )
    ]
