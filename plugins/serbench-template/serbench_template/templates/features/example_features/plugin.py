"""What this package offers. It imports nothing heavy: every listing of serbench reads it."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Offer one vector an utterance; `target` is imported when it is first used."""
    return [
        Entry(
            name="example-features",
            target="example_features.features:ExampleFeatures",
            summary="statistics of energy and zero crossings over the utterance",
        )
    ]
