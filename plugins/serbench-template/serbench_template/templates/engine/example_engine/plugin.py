"""Register this package's engine. Import nothing heavy here: every serbench listing does it."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_engines() -> Iterable[Entry]:
    """Offer the engine; `target` is imported when it is first used."""
    return [
        Entry(
            name="example-engine",
            target="example_engine.engine:ExampleEngine",
            summary="a command for each task, several at a time",
        )
    ]
