"""Register this package's corpus. Import nothing heavy here: every serbench listing does it."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    """Offer one corpus; `target` is imported when it is first used."""
    return [
        Entry(
            name="example-dataset",
            target="example_dataset.corpus:ExampleDataset",
            summary="64 utterances, 8 speakers, 4 emotions",
        )
    ]
