"""`serbench leakage`: what shared speakers are worth to models."""

from typing import Annotated, Literal

import typer

from serbench.cli.options import (
    Data,
    Dataset,
    Device,
    Features,
    Format,
    Jobs,
    Labels,
    Metric,
    Models,
    Normalise,
    Param,
    Picture,
    Precision,
    Quiet,
    Results,
    Stopped,
    Threads,
    TrimDb,
    Verbose,
    complete_protocols,
    number_or,
)
from serbench.cli.results import extra_sets
from serbench.parameters import parse_all


def leakage(  # noqa: PLR0913 - a command's options are its parameters
    model: Models,
    dataset: Dataset,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="A protocol that keeps speakers apart. Default: the dataset's.",
            autocompletion=complete_protocols,
        ),
    ] = None,
    parts: Annotated[
        int, typer.Option(help="Divide test sets into so many parts: one is tested, others train.")
    ] = 2,
    sentences: Annotated[
        Literal["apart", "mixed"],
        typer.Option(
            help="apart: no tested sentence was learned from the same speaker; mixed: it may be."
        ),
    ] = "apart",
    metric: Metric = "uar",
    picture: Picture = None,
    form: Format = "text",
    features: Features = None,
    labels: Labels = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random in training.")] = 0,
    param: Param = None,
    trim_db: TrimDb = "60",
    data: Data = None,
    results: Results = None,
    jobs: Jobs = "auto",
    threads: Threads = None,
    precision: Precision = "float32",
    normalise: Normalise = "none",
    device: Device = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show how much better models score on speakers that they learned from.

    Evaluates each model twice on the same test utterances, with training sets of the same size:
    without utterances of the test speakers, and with some. The second run is never ranked.
    Finished folds are kept: the same command again runs only the missing folds.
    """
    from serbench.comparison import leakage_price
    from serbench.evaluation.means import Means, with_jobs
    from serbench.evaluation.progress.bars import Bars, introduction
    from serbench.report.figures import shared_speakers
    from serbench.study import evaluate
    from serbench.study import leakage as arms

    extra_sets.require_formats(form, leakage_price.FORMATS, picture)
    runs = evaluate.matrix(
        model,
        dataset,
        arms.protocols(dataset, protocol, parts, sentences, data),
        seed,
        labels=labels,
        params=parse_all(param),
        trim_db=number_or("none", "--trim-db", trim_db, float),
        data=data,
        features=features,
        precision=precision,
        threads=threads,
        normalise=normalise,
    )
    options = with_jobs("local", {}, number_or("auto", "--jobs", jobs, int))
    if verbose:
        typer.echo(introduction(results), err=True)
    with Bars(quiet, verbose) as bars:
        try:
            price = arms.compute(runs, Means("local", options, device, results), bars, metric)
        except KeyboardInterrupt:
            raise Stopped(bars.stopped()) from None
    extra_sets.show(price, form, picture, shared_speakers.shared_speakers)
