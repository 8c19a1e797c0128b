"""Options that several commands share, each said in one place."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.errors import BadParameter

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


def jobs_of(text: str) -> int | None:
    """Return how many folds to run at a time; None is as many as fill the cores.

    Raises:
        BadParameter: it is neither a number nor "auto".
    """
    if text.lower() == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"--jobs is {text!r}, but must be a number or auto") from None
