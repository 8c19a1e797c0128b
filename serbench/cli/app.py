"""The command line: each command imports what it needs, calls one function, and prints.

The one place where an expected error becomes a line.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from serbench import __version__
from serbench.cli import bench, leaderboard, plugin, report
from serbench.cli import protocol as protocol_cli
from serbench.cli.options import (
    Data,
    Dataset,
    Device,
    Features,
    Format,
    Labels,
    Param,
    Results,
    RunName,
    RunNames,
    number_or,
    require_format,
)
from serbench.errors import SerbenchError
from serbench.escaping import shown
from serbench.parameters import parse_all

app = typer.Typer(
    name="serbench",
    help="Speech emotion recognition, measured so that the numbers can be compared.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # panels cost a tenth of a second at every start
)
app.add_typer(protocol_cli.app, name="protocol")
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(plugin.app, name="plugin")
app.command()(bench.bench)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"serbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Speech emotion recognition, measured so that the numbers can be compared."""


@app.command()
def evaluate(  # noqa: PLR0913 - a command's options are its parameters
    model: Annotated[
        str,
        typer.Option(
            help="A model; `serbench models` lists them. Or one by import path: my_ser:Nearest, "
            "sklearn.svm:SVC."
        ),
    ],
    dataset: Dataset,
    features: Features = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="paper, loso, kfold:n=5, a CSV file, ...; else the dataset's default."),
    ] = None,
    labels: Labels = None,
    seed: Annotated[int, typer.Option(help="Of everything random in training.")] = 0,
    param: Param = None,
    trim_db: Annotated[
        str, typer.Option(help="Cut silence this far below the loudest frame; none keeps it.")
    ] = "60",
    data: Data = None,
    results: Results = None,
    jobs: Annotated[
        str,
        typer.Option(
            help="Folds at a time: auto fills the cores if memory allows; 0: in this process. "
            "Scores do not depend on it."
        ),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(help="Of every fold; another number is another run. Default: the model's, 1."),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(help="What training computes in: float32 or bfloat16. Scores: float32."),
    ] = "float32",
    device: Device = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep every fold's model, for `serbench predict`.")
    ] = False,
    fold: Annotated[
        list[str] | None,
        typer.Option(help="Run only the fold of this name; may be repeated. Default: all."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="text, markdown, csv or latex, as shown; json: numbers of every fold."
        ),
    ] = "text",
) -> None:
    """Train and test a model on a dataset under a protocol, and print its scores.

    Finished folds are kept: the same command again runs only those that are missing.
    """
    from serbench.cli.progress import Bars
    from serbench.evaluation.pipeline import evaluate as run_folds
    from serbench.results import summary

    require_format(form, summary.FORMATS)
    with Bars() as bars:
        try:
            run = run_folds(
                model,
                dataset,
                jobs=number_or("auto", "--jobs", jobs, int),
                device=device,
                results=results,
                listener=bars,
                keep_models=keep_models,
                folds=fold or None,
                protocol=protocol,
                labels=labels,
                seed=seed,
                params=parse_all(param),
                trim_db=number_or("none", "--trim-db", trim_db, float),
                data=data,
                features=features,
                precision=precision,
                threads=threads,
            )
        except KeyboardInterrupt:
            raise _Stopped(bars.stopped()) from None
    if form == "json":
        typer.echo(summary.scores([run], None, form))
    else:
        typer.echo(str(run) if form == "text" else run.table(form))


class _Stopped(Exception):
    """The user pressed Ctrl-C; its text says how to go on."""


@app.command()
def datasets() -> None:
    """List the datasets that are installed, and where each is looked for."""
    from serbench.settings import settings

    data = settings().data
    _listing("dataset")
    typer.echo(f"\nA corpus is looked for in {data}/NAME (SERBENCH_DATA), or --data.")


@app.command()
def features() -> None:
    """List the features that are installed."""
    _listing("feature")


@app.command()
def models() -> None:
    """List the models that are installed."""
    _listing("model")


def _listing(kind: str) -> None:
    from serbench.cli.listings import listing

    rows, remarks = listing(kind)
    for row in rows:
        typer.echo(row)
    for remark in remarks:
        typer.echo(remark, err=True)


@app.command()
def runs(
    form: Format = "text",
    results: Results = None,
) -> None:
    """List the runs that there are."""
    from serbench.results import run as stored
    from serbench.results import summary
    from serbench.settings import results_folder

    require_format(form, summary.FORMATS)
    readable, broken = stored.readable(results_folder(results))
    typer.echo(summary.listing(readable, form))
    for reason in broken:
        typer.echo(f"unreadable: {shown(reason)}", err=True)


@app.command()
def score(
    names: RunNames,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Which metric; may be repeated. Default: all."),
    ] = None,
    form: Format = "text",
    results: Results = None,
) -> None:
    """Compute runs' scores again from their stored predictions: each fold, mean and pooled."""
    from serbench.results import summary
    from serbench.results.run import find
    from serbench.settings import results_folder

    require_format(form, summary.FORMATS)
    runs = [find(name, results_folder(results)) for name in names]
    typer.echo(summary.scores(runs, metric or None, form))


@app.command()
def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Runs' folders, or the starts of their names; the first against each other one.",
        ),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Which metric; may be repeated. Default: uar and f1."),
    ] = None,
    utterances: Annotated[
        bool,
        typer.Option(
            "--utterances",
            help="List those that one gets and the other does not; csv and latex: nothing else.",
        ),
    ] = False,
    form: Format = "text",
    results: Results = None,
) -> None:
    """Compare runs on the same utterances: differences, their intervals, tests over speakers.

    Of these trained models on new speakers, not of models trained again.
    """
    from serbench.comparison import result

    require_format(form, result.FORMATS)
    compared = result.compare(*names, metrics=metric or result.DEFAULT, results=results)
    typer.echo(compared.page(form, utterances))


app.command()(report.report)


@app.command()
def predict(
    run: RunName,
    files: Annotated[list[str], typer.Argument(help="Audio files.")],
    fold: Annotated[
        str | None, typer.Option(help="Whose model, by the fold's name; else the mean of all.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, csv or json.")] = "text",
    device: Device = None,
    results: Results = None,
) -> None:
    """Predict audio files with the models that evaluate --keep-models has kept.

    Prints the label and the probability of every label. Whose models they are goes to standard
    error: the mean of all folds' models, unless --fold names one.
    """
    from serbench import inference

    require_format(form, inference.FORMATS)
    predicted = inference.predict(run, files, fold=fold, device=device, results=results)
    typer.echo(shown(predicted.about), err=True)
    typer.echo(predicted.table(form))


@app.command()
def export(
    run: RunName,
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    fold: Annotated[
        str | None,
        typer.Option(help="Whose model; else the one that is best on its validation set."),
    ] = None,
    results: Results = None,
) -> None:
    """Write a kept model for other software, such as a checkpoint folder for transformers."""
    from serbench import inference

    typer.echo(str(inference.export(run, out, fold=fold, results=results)))


@app.command()
def download(
    dataset: Annotated[str, typer.Argument(help="ravdess or crema-d.")],
    data: Data = None,
) -> None:
    """Fetch a corpus that may be fetched, going on where an earlier call stopped."""
    from serbench.contracts import DownloadableDataset
    from serbench.datasets import find
    from serbench.settings import settings

    source = find(dataset, settings(), data)
    if not isinstance(source.dataset, DownloadableDataset):
        raise SerbenchError(f"{dataset} cannot be downloaded: {source.dataset.about.obtain}")
    source.dataset.download(source.root)
    typer.echo(f"{source.dataset.about.title} is in {source.root}")


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error and exit code 1."""
    try:
        app()
    except SerbenchError as error:
        typer.echo(f"serbench: {shown(str(error), lines=True)}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno is None:  # not the system's: a fault of the code
            raise
        path = "the disk" if error.filename is None else str(error.filename)
        reason = error.strerror or str(error)
        typer.echo(f"serbench: cannot read or write {shown(f'{path}: {reason}')}", err=True)
        sys.exit(1)
    except _Stopped as stopped:
        typer.echo(f"serbench: {stopped}", err=True)
        sys.exit(130)
    except SystemExit as ended:
        if ended.code == 130:  # what typer makes of Ctrl-C, without a word
            typer.echo("serbench: stopped", err=True)
        raise
