"""`serbench bench`: what this machine does in a second, and what an evaluation will take."""

from typing import Annotated

import typer

from serbench.cli.options import Device, Features, jobs_of


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
    param: Annotated[
        list[str] | None,
        typer.Option(help="name=value of the model or its features; may be repeated."),
    ] = None,
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
    from serbench.bench.session import BenchRequest
    from serbench.bench.session import bench as measure
    from serbench.parameters import parse_all

    request = BenchRequest(
        model=model,
        dataset=dataset,
        protocol=protocol,
        params=parse_all(param),
        only=[item.strip() for item in only.split(",") if item.strip()],
        seconds=seconds,
        jobs=jobs_of(jobs),
        device=device,
        features=features,
    )
    measured = measure(request)
    typer.echo(measured.to_json() if as_json else str(measured))
