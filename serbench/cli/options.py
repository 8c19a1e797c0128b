"""Options that several commands share, and the checks of their values."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from serbench.errors import BadParameter, nearest

Number = TypeVar("Number", int, float)

Dataset = Annotated[str, typer.Option(help="A dataset, with its parameters: crema-d, toy:seed=3.")]
Features = Annotated[
    str | None,
    typer.Option(
        help="What a model by import path learns from; `serbench features` lists them. Default: "
        "what its attribute `features` says, functionals for an estimator, else waveform."
    ),
]
Labels = Annotated[str | None, typer.Option(help="A label set of the dataset.")]
Data = Annotated[
    Path | None,
    typer.Option(help="The corpus's own folder; else a folder of its name in SERBENCH_DATA."),
]
Results = Annotated[
    Path | None,
    typer.Option(help="The parent folder of all runs; else SERBENCH_RESULTS or ./results."),
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda; else SERBENCH_DEVICE, or auto.")
]
RunName = Annotated[str, typer.Argument(help="A run's folder, or the start of its name.")]
RunNames = Annotated[
    list[str],
    typer.Argument(metavar="RUN...", help="Runs' folders, or the starts of their names."),
]
Param = Annotated[
    list[str] | None,
    typer.Option(help="name=value of the model or its features; may be repeated."),
]
Format = Annotated[str, typer.Option("--format", help="text, markdown, csv, latex, json.")]


def number_or(word: str, option: str, text: str, kind: Callable[[str], Number]) -> Number | None:
    """Return the number typed for an option, or None for the word that stands for no number.

    Raises:
        BadParameter: it is neither.
    """
    if text.lower() == word:
        return None
    try:
        return kind(text)
    except ValueError:
        raise BadParameter(f"{option} is {text!r}, but must be a number or {word}") from None


def require_format(form: str, formats: Sequence[str]) -> None:
    """Raise UnknownName for a format that is not among `formats`."""
    if form not in formats:
        raise nearest("format", form, formats)
