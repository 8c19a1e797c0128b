"""Register the engine `ray`, without importing Ray."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_engines() -> Iterable[Entry]:
    """Register the engine."""
    return [
        Entry(
            "ray",
            "serbench_ray.engine:Ray",
            "a Ray cluster, or Ray on this machine",
            ("ray",),
            "serbench-ray",
        )
    ]
