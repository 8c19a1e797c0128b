"""List the tables of a report; a new table needs an entry here."""

from collections.abc import Iterator, Sequence

from serbench.report.tables import run_tables, section_tables
from serbench.report.tables.table import Table
from serbench.results import extra_summary
from serbench.results.run import Run


def of_section(runs: Sequence[Run], names: Sequence[str]) -> Iterator[Table]:
    """Yield the tables that show the comparable runs of a section side by side."""
    yield section_tables.table_two(runs, names)
    yield section_tables.calibration(runs, names)
    yield section_tables.groups(runs, names)
    yield section_tables.gaps(runs, names)
    yield section_tables.retest(runs, names)
    yield section_tables.costs(runs, names)
    yield from extra_sets(runs)


def extra_sets(runs: Sequence[Run]) -> Iterator[Table]:
    """Yield the tables on extra test sets, if the runs were tested on any."""
    if cross := extra_summary.on_corpora(runs):
        yield section_tables.cross_corpus(cross)
    if noisy := extra_summary.on_perturbations(runs):
        yield section_tables.robustness(noisy)


def of_run(run: Run, name: str) -> Iterator[Table]:
    """Yield the tables of one run."""
    yield run_tables.folds(run, name)
    yield run_tables.emotions(run, name)
    yield run_tables.mistakes(run, name)
    yield run_tables.leakage_certificate(run, name)
