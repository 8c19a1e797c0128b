"""Register this package's features. Import nothing heavy here: every serbench listing does it."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Offer one vector per utterance; `target` is imported when it is first used."""
    return [
        Entry(
            name="example-features",
            target="example_features.features:ExampleFeatures",
            summary="statistics of energy and zero crossings over the utterance",
        )
    ]
