"""`serbench bench`: what this machine does in a second, and what an evaluation will take."""

from typing import Annotated

import typer

from serbench.cli.options import Device, Features, Param, number_or
from serbench.parameters import parse_all


def bench(  # noqa: PLR0913 - a command's options are its parameters
    model: Annotated[
        str | None,
        typer.Option(help="A model; else the paper's M1 and a small transformer encoder."),
    ] = None,
    features: Features = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Utterances as long as this one's; with --model, also an estimate for it. "
            "Default: ravdess."
        ),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Of the estimate; else the dataset's default.")
    ] = None,
    param: Param = None,
    jobs: Annotated[
        str, typer.Option(help="Folds at a time, as of `serbench evaluate`; auto fills the cores.")
    ] = "auto",
    seconds: Annotated[
        float, typer.Option(help="To spend on an item, roughly; large models need more.")
    ] = 5.0,
    only: Annotated[
        str, typer.Option(help="Of arithmetic,decode,features,models, or a feature's name.")
    ] = "",
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure this machine, and estimate what an evaluation will take on it.

    Needs no corpus and no checkpoint: utterances are synthetic, as long as a corpus's, and weights
    are random. Every item runs in a fresh process, with the threads that a fold would have.
    """
    from serbench.bench import session

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
    measured = session.bench(request)
    typer.echo(measured.to_json() if as_json else str(measured))
