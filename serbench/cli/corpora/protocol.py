"""`serbench protocol`: show, export and check the split of a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import (
    Commands,
    Data,
    Dataset,
    Format,
    Labels,
    complete_protocols,
    require_format,
)
from serbench.escaping import shown

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
    if protocol is None:  # the folds of a protocol come with the remarks
        _tell_remarks(dataset, data)


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
    form: Format = "text",
) -> None:
    """Check what the sets of a split share, how even they are, and which utterances they lack.

    Compares audio if the corpus is here. Exit code 1 if a speaker or a recording is in two sets.
    """
    from serbench.cli.corpora import splits
    from serbench.protocols import split_check

    require_format(form, split_check.FORMATS)
    text, clean = splits.check(dataset, protocol, labels, data, form)
    terminal.show(text, form=form)
    _tell_remarks(dataset, data)
    if not clean:
        raise typer.Exit(1)


def _tell_remarks(dataset: str, data: Path | None) -> None:
    from serbench.cli.corpora import splits

    for remark in splits.remarks(dataset, data):
        typer.echo(shown(remark), err=True)
