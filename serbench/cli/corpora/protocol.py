"""`serbench protocol`: show, export and check the split of a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import Commands, Data, Dataset, Labels, complete_protocols

app = typer.Typer(
    no_args_is_help=True, cls=Commands, help="Show, export or check the split of a corpus."
)

Protocol = Annotated[
    str | None,
    typer.Option(help="Default: the dataset's own.", autocompletion=complete_protocols),
]


@app.command()
def show(
    dataset: Dataset,
    protocol: Annotated[
        str | None,
        typer.Option(help="Default: list all protocols.", autocompletion=complete_protocols),
    ] = None,
    labels: Labels = None,
    data: Data = None,
) -> None:
    """List a dataset's protocols, or show the folds of one; reads no audio if possible."""
    from serbench.cli.corpora import splits

    terminal.show(splits.show(dataset, protocol, labels, data))


@app.command()
def export(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="A .csv (fold,split,utterance) or .json file.")],
    protocol: Protocol = None,
    labels: Labels = None,
    data: Data = None,
) -> None:
    """Write a protocol's folds as plain data."""
    from serbench.cli.corpora import splits

    typer.echo(splits.export(dataset, protocol, out, labels, data))


@app.command()
def check(
    dataset: Dataset,
    protocol: Protocol = None,
    labels: Labels = None,
    data: Data = None,
) -> None:
    """Check that no sets of a protocol share speakers or audio; exit code 1 if any do."""
    from serbench.cli.corpora import splits

    text, clean = splits.check(dataset, protocol, labels, data)
    terminal.show(text)
    if not clean:
        raise typer.Exit(1)
