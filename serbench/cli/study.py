"""`serbench study ...`: many models, corpora and seeds, planned in one file."""

from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.options import Results
from serbench.escaping import shown

if TYPE_CHECKING:
    from serbench.study.plan import StudyPlan

app = typer.Typer(
    no_args_is_help=True, help="Plan, run and show studies: many models, corpora and seeds."
)

File = Annotated[
    str, typer.Argument(help="A study.toml, or a study that comes with serbench: table-2.")
]


def _plan(file: str, results: Results) -> "StudyPlan":
    from serbench.settings import results_folder
    from serbench.study import plan, study_file

    study = study_file.read(file)
    return plan.plan(study.name, study.matrix, results_folder(results))


@app.command()
def plan(file: File, results: Results = None) -> None:
    """List the runs of a study, and how many of their folds are there; compute nothing."""
    planned = _plan(file, results)
    typer.echo(planned.table())
    typer.echo(f"\n{planned.totals()}")
    for line in planned.problems():
        typer.echo(f"cannot be planned: {shown(line)}")
