"""Register this package's perturbation. Import nothing heavy here: every listing does it."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_perturbations() -> Iterable[Entry]:
    """Offer one perturbation; `target` is imported when it is first used."""
    return [
        Entry(
            name="example-perturbation",
            target="example_perturbation.perturbation:ExamplePerturbation",
            summary="an echo after a random delay",
        )
    ]
