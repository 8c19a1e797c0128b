"""`serbench runs`: list the stored runs, and remove some."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import Commands, Format, Results, RunNames, Yes, confirmed, require_format
from serbench.escaping import shown

app = typer.Typer(cls=Commands, invoke_without_command=True)


@app.callback()
def runs(context: typer.Context, form: Format = "text", results: Results = None) -> None:
    """List all stored runs, or remove some."""
    if context.invoked_subcommand:
        return
    from serbench.results import run as stored
    from serbench.results import summary
    from serbench.settings import results_folder

    require_format(form, summary.FORMATS)
    readable, broken = stored.readable(results_folder(results))
    terminal.show(summary.listing(readable, form), summary.best(readable))
    for reason in broken:
        typer.echo(f"unreadable: {shown(reason)}", err=True)


@app.command()
def rm(
    context: typer.Context,
    names: RunNames,
    fold: Annotated[
        str | None,
        typer.Option(help="Remove only the fold of this name: its result and its kept model."),
    ] = None,
    yes: Yes = False,
    results: Results = None,
) -> None:
    """Remove runs and their kept models, also runs that cannot be read or whose folds failed."""
    from serbench.evaluation import removal
    from serbench.settings import results_folder

    assert context.parent is not None
    given: Path | None = results or context.parent.params["results"]
    parent = results_folder(given)
    planned = {each.folder: each for each in (removal.plan(name, parent, fold) for name in names)}
    for each in planned.values():
        typer.echo(shown(str(each)))
    if confirmed(yes, "Remove this?"):
        for each in planned.values():
            removal.remove(each, parent)
            typer.echo(f"removed {shown(str(each.folder))}")
