"""`serbench leaderboard ...`: tables of runs, submissions, and what is checked of them."""

from typing import Annotated

import typer

from serbench.errors import nearest
from serbench.options import Results

app = typer.Typer(
    help="Measured runs beside the literature; submit a run, and check submissions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def show(
    dataset: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    results: Results = None,
    form: Annotated[str, typer.Option("--format", help="markdown or text.")] = "markdown",
) -> None:
    """Print your own runs beside the literature (the paper's Table III)."""
    from serbench.leaderboard.board import board
    from serbench.settings import results_folder

    if form not in ("markdown", "text"):
        raise nearest("format", form, ("markdown", "text"))
    typer.echo(board(results_folder(results), dataset, form))
