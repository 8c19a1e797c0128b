"""`serbench protocol`: show, export and check how a corpus is split."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.options import Data, Dataset, Labels

app = typer.Typer(no_args_is_help=True, help="How a corpus is split: show, export, check.")


@app.command()
def show(
    dataset: Dataset,
    protocol: Annotated[str | None, typer.Option(help="Default: list them all.")] = None,
    labels: Labels = None,
    data: Data = None,
) -> None:
    """List a dataset's protocols, or show the folds of one: needs no audio where avoidable."""
    from serbench.cli import splits

    typer.echo(splits.show(dataset, protocol, labels, data))


@app.command()
def export(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="A .csv (fold,split,utterance) or .json file.")],
    protocol: Annotated[str | None, typer.Option(help="Default: the dataset's own.")] = None,
    labels: Labels = None,
    data: Data = None,
) -> None:
    """Write a protocol's folds as plain data."""
    from serbench.cli import splits

    typer.echo(splits.export(dataset, protocol, out, labels, data))


@app.command()
def check(
    dataset: Dataset,
    protocol: Annotated[str | None, typer.Option(help="Default: the dataset's own.")] = None,
    labels: Labels = None,
    data: Data = None,
) -> None:
    """Look for speakers and audio that the sets of a protocol share; fails if there are any."""
    from serbench.cli import splits

    text, clean = splits.check(dataset, protocol, labels, data)
    typer.echo(text)
    if not clean:
        raise typer.Exit(1)
