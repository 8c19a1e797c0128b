"""Register this package's model. Import nothing heavy here: every serbench listing does it."""

from collections.abc import Iterable

from serbench import ModelEntry, hookimpl


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Offer one model; `target` is imported when it is first used."""
    return [
        ModelEntry(
            name="example-model",
            target="example_model.model:ExampleModel",
            summary="logistic regression on the loudness of the spectrum's bands",
            features="waveform",
        )
    ]
