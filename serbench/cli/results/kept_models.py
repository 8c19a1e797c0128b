"""`serbench predict` and `serbench export`: use the kept models of runs."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import Device, Quiet, Results, RunName, require_format
from serbench.escaping import shown


def predict(
    run: RunName,
    files: Annotated[list[str], typer.Argument(help="Audio files.")],
    fold: Annotated[
        str | None,
        typer.Option(help="Name of the fold with the model. Default: mean of all folds' models."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, csv or json.")] = "text",
    device: Device = None,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Predict audio files with the models that `evaluate --keep-models` stored.

    Prints the predicted label and the probability of every label; describes the models on standard
    error.
    """
    from serbench import inference

    require_format(form, inference.FORMATS)
    predicted = inference.predict(run, files, fold=fold, device=device, results=results)
    if not quiet:
        for line in (predicted.about, *predicted.notes):
            typer.echo(shown(line), err=True)
    terminal.show(predicted.table(form), form=form)


def export(
    run: RunName,
    out: Annotated[Path, typer.Option(help="The folder to create.")],
    fold: Annotated[
        str | None,
        typer.Option(help="Name of the fold with the model. Default: the best in validation."),
    ] = None,
    results: Results = None,
) -> None:
    """Write a kept model for other software, such as a checkpoint folder for transformers."""
    from serbench import inference

    typer.echo(str(inference.export(run, out, fold=fold, results=results)))
