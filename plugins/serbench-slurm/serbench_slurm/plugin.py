"""Register the engine `slurm`."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_engines() -> Iterable[Entry]:
    """Register the jobs of a Slurm cluster."""
    return [Entry("slurm", "serbench_slurm.engine:Slurm", "jobs of a Slurm cluster")]
