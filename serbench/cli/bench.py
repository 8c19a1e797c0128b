"""`serbench bench`: measure this machine, and estimate the time of an evaluation."""

from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import (
    Device,
    Features,
    Param,
    Quiet,
    complete_protocols,
    names_of,
    number_or,
)
from serbench.parameters import parse_all


def bench(  # noqa: PLR0913 - a command's options are its parameters
    model: Annotated[
        str | None,
        typer.Option(
            help="A model. Default: the paper's M1 and a small transformer encoder.",
            autocompletion=names_of("model"),
        ),
    ] = None,
    features: Features = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Use lengths of utterances of this dataset; with --model, estimate the time of "
            "an evaluation on it. Default: ravdess.",
            autocompletion=names_of("dataset"),
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Protocol of the estimate. Default: the dataset's.",
            autocompletion=complete_protocols,
        ),
    ] = None,
    param: Param = None,
    jobs: Annotated[
        str, typer.Option(help="Number of folds at a time, as in `serbench evaluate`.")
    ] = "auto",
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Approximate time of all measurements. If it is too short, each is done once, and "
            "GFLOP/s and items that you did not name are left out. Default: 5 for each item; large "
            "models need more."
        ),
    ] = None,
    only: Annotated[
        str, typer.Option(help="Any of arithmetic,decode,features,models, or names of features.")
    ] = "",
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure this machine, and estimate the time of an evaluation on it.

    Needs no corpus and no checkpoint: utterances are synthetic, with the lengths of a corpus, and
    weights are random. Every measurement runs in a fresh process, with the threads of a fold.
    """
    from serbench.bench import session
    from serbench.bench.measure import silent
    from serbench.evaluation.progress.bars import progress_line

    request = session.BenchRequest(
        model=model,
        dataset=dataset,
        protocol=protocol,
        params=parse_all(param),
        only=[item.strip() for item in only.split(",") if item.strip()],
        seconds=seconds,
        jobs=number_or("auto", "--jobs", jobs, int),
        device=device,
        features=features,
    )
    measured = session.bench(request, silent if quiet else progress_line)
    terminal.show(
        measured.to_json() if as_json else str(measured), form="json" if as_json else "text"
    )
