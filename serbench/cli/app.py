"""The command line: each command imports what it needs, calls one function, and prints.

`main` is the one place that turns expected errors into one line.
"""

import shlex
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench import __version__
from serbench.cli import bench, cache, leaderboard, leakage, plugin, study, terminal
from serbench.cli.corpora import corpus as corpus_cli
from serbench.cli.corpora import protocol as protocol_cli
from serbench.cli.options import (
    WIDEST,
    Augment,
    Commands,
    Data,
    Detach,
    Device,
    Engine,
    EngineOption,
    Features,
    Jobs,
    KeepModels,
    LabelMap,
    Labels,
    Models,
    Normalise,
    Param,
    Perturb,
    Precision,
    Quiet,
    Results,
    Stopped,
    TestOn,
    Threads,
    TrainOn,
    TrimDb,
    Verbose,
    complete_protocols,
    named,
    names_of,
    number_or,
    require_format,
)
from serbench.cli.results import extra_sets, kept_models, report, runs, scores
from serbench.errors import SerbenchError
from serbench.escaping import shown
from serbench.parameters import parse_all

if TYPE_CHECKING:
    from serbench.results.run import Run

app = typer.Typer(
    name="serbench",
    help="Measure speech emotion recognition, with scores that can be compared.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # panels cost a tenth of a second at every start
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
    cls=Commands,
)
app.add_typer(study.app, name="study")
app.add_typer(corpus_cli.app, name="corpus")
app.add_typer(protocol_cli.app, name="protocol")
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(plugin.app, name="plugin")
app.add_typer(runs.app, name="runs")
app.add_typer(cache.app, name="cache")


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
    """Measure speech emotion recognition, with scores that can be compared."""


@app.command()
def evaluate(  # noqa: PLR0913 - a command's options are its parameters
    model: Models,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            help="A dataset, with its parameters: crema-d, toy:seed=3; may be repeated.",
            autocompletion=names_of("dataset"),
        ),
    ] = None,
    features: Features = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="paper, loso, kfold:n=5, a CSV file, ...; may be repeated. Default: the "
            "dataset's.",
            autocompletion=complete_protocols,
        ),
    ] = None,
    labels: Labels = None,
    seed: Annotated[
        list[str] | None,
        typer.Option(
            help="Seed of everything random in training, or a range: 0-4; may be repeated. "
            "Default: 0."
        ),
    ] = None,
    param: Param = None,
    trim_db: TrimDb = "60",
    data: Data = None,
    results: Results = None,
    jobs: Jobs = "auto",
    threads: Threads = None,
    precision: Precision = "float32",
    augment: Augment = None,
    normalise: Normalise = "none",
    device: Device = None,
    engine: Engine = "local",
    engine_option: EngineOption = None,
    keep_models: KeepModels = False,
    detach: Detach = False,
    fold: Annotated[
        list[str] | None,
        typer.Option(help="Run only the fold of this name; may be repeated. Default: all."),
    ] = None,
    train_on: TrainOn = None,
    test_on: TestOn = None,
    perturb: Perturb = None,
    label_map: LabelMap = None,
    form: Annotated[
        str,
        typer.Option("--format", help="text, markdown, csv, latex; json: scores of every fold."),
    ] = "text",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train and test a model on a dataset under a protocol, and print its scores.

    Finished folds are kept: the same command again runs only the missing folds. With several
    models, datasets, protocols or seeds, every combination is run, and one table shows all.
    """
    from serbench.evaluation import pipeline
    from serbench.evaluation.extra_sets import Wanted, left_out_corpus
    from serbench.evaluation.means import Means, with_jobs
    from serbench.evaluation.progress.bars import Bars, introduction
    from serbench.evaluation.work import require_tested
    from serbench.protocols.vocabulary import parse_changes
    from serbench.results import summary
    from serbench.results.run import read
    from serbench.study import evaluate

    require_format(form, summary.FORMATS)
    extras = Wanted(test_on or (), perturb or (), parse_changes(label_map or ()))
    if train_on:
        dataset, fold, labels, extras = left_out_corpus(dataset, train_on, fold, labels, extras)
    elif not dataset:
        raise SerbenchError("name the corpus with --dataset: `serbench datasets` lists them")
    matrix = evaluate.matrix(
        model,
        dataset,
        protocol or None,
        seed or 0,
        labels=labels,
        params=parse_all(param),
        trim_db=number_or("none", "--trim-db", trim_db, float),
        data=data,
        features=features,
        precision=precision,
        threads=threads,
        augment=tuple(augment) if augment else None,
        normalise=normalise,
    )
    means = Means(
        engine,
        with_jobs(engine, parse_all(engine_option), number_or("auto", "--jobs", jobs, int)),
        device,
        results,
        keep_models,
        detach,
        folds=fold or None,
        extras=extras,
    )
    is_study = detach or len(matrix.requests) > 1
    if verbose:
        typer.echo(introduction(results), err=True)
    with Bars(quiet, verbose) as bars:
        try:
            if not is_study:
                work = pipeline.compute_one(matrix.requests[0], means, bars)
                run = read(work.folder)
            else:
                made, failed = evaluate.compute("", matrix, means, bars)
        except KeyboardInterrupt:
            raise Stopped(bars.stopped()) from None
    if detach and made.count("queued", "running"):
        again = "run the same command without --detach to wait for them, and to print the scores"
        study.show_queued(made, engine, again)
    elif is_study and form == "json":
        typer.echo(summary.scores(made.runs, None, form))
        study.require_complete(made, failed, are_reasons_shown=False)
    elif is_study:
        study.show(made, form, failed)
    elif form == "json":
        typer.echo(summary.scores([run], None, form))
    else:
        terminal.show(str(run) if form == "text" else run.table(form), best=[0], form=form)
    runs = made.complete if is_study else () if run.missing else (run,)
    if not is_study and (extras.test_on or extras.perturb):
        extra_sets.show_all([run], form)
        require_tested(work)
    if form == "text" and not quiet and not detach:
        terminal.suggest(next_commands(runs, results, keep_models))


def next_commands(runs: "Sequence[Run]", results: Path | None, are_models_kept: bool) -> list[str]:
    """Return commands that use complete runs."""
    where = f" --results {shlex.quote(str(results))}" if results else ""
    names = " ".join(shlex.quote(run.name) for run in runs)
    commands = [f"serbench compare {names}{where}"] if len(runs) > 1 else []
    if runs:
        commands.append(f"serbench report {names} --out report{where}")
    if runs and are_models_kept and not runs[0].sees:
        commands.append(f"serbench predict {shlex.quote(runs[0].name)} FILE.wav{where}")
    if len(runs) == 1 and runs[0].ranked:
        commands.append(f"serbench leaderboard submit {names} --submitter NAME{where}")
    return commands


@app.command()
def datasets(name: Annotated[str | None, named("dataset")] = None) -> None:
    """List the installed datasets and where their corpora are, or describe one."""
    from serbench.cli import listings
    from serbench.settings import settings

    table, names = listings.corpora() if name is None else ("", set())
    if table:
        terminal.show(f"{table}\n")
    _listing("dataset", name, but=names)
    if name is None:
        typer.echo(
            f"\nThe corpus of a dataset is read from {settings().data}/NAME (SERBENCH_DATA), or "
            "--data.\n`serbench datasets NAME` describes a dataset, and how to get its corpus."
        )


@app.command()
def features(name: Annotated[str | None, named("feature")] = None) -> None:
    """List the installed features, or describe one with its parameters."""
    _listing("feature", name)


@app.command()
def models(name: Annotated[str | None, named("model")] = None) -> None:
    """List the installed models, or describe one with its parameters."""
    _listing("model", name)


@app.command()
def perturbations(name: Annotated[str | None, named("perturbation")] = None) -> None:
    """List the installed perturbations of test audio, or describe one with its parameters."""
    _listing("perturbation", name)


@app.command()
def engines(name: Annotated[str | None, named("engine")] = None) -> None:
    """List the installed engines, which run folds, or describe one with its options."""
    _listing("engine", name)


@app.command()
def protocols(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Describe this protocol instead of listing all.", autocompletion=complete_protocols
        ),
    ] = None,
) -> None:
    """List the protocols for any corpus, or describe one with its parameters."""
    from serbench.cli import listings

    if name is not None:
        terminal.show(listings.describe_protocol(name))
        return
    terminal.show_names(listings.protocols())
    typer.echo("\n`serbench protocol show --dataset NAME` also lists a dataset's own protocols.")


def _listing(kind: str, name: str | None, but: Collection[str] = ()) -> None:
    from serbench.cli import listings

    if name is not None:
        terminal.show(listings.describe(kind, name))
        return
    pairs, remarks = listings.listing(kind)
    terminal.show_names([pair for pair in pairs if pair[0] not in but])
    for remark in remarks:
        typer.echo(remark, err=True)


app.command()(scores.score)
app.command()(scores.compare)
app.command()(extra_sets.cross_corpus)
app.command()(extra_sets.robustness)
app.command()(leakage.leakage)
app.command()(report.report)
app.command()(bench.bench)
app.command()(kept_models.predict)
app.command()(kept_models.export)


@app.command()
def download(
    dataset: Annotated[
        str, typer.Argument(help="ravdess or crema-d.", autocompletion=names_of("dataset"))
    ],
    data: Data = None,
) -> None:
    """Download a corpus, if its licence allows it; resume a download that was stopped."""
    from serbench.contracts import DownloadableDataset
    from serbench.datasets import find
    from serbench.settings import settings

    source = find(dataset, settings(), data)
    if not isinstance(source.dataset, DownloadableDataset):
        how = source.dataset.about.obtain or "it is a corpus of your own"
        raise SerbenchError(f"{dataset} cannot be downloaded: {how}")
    source.dataset.download(source.root)
    typer.echo(f"{source.dataset.about.title} is in {source.root}")


def main() -> None:
    """Run the command line; expected errors are one line on standard error and exit code 1."""
    try:
        app()
    except SerbenchError as error:
        terminal.complain("serbench:", shown(str(error), lines=True))
        sys.exit(1)
    except OSError as error:
        if error.errno is None:  # not from the system, but a bug
            raise
        path = "the disk" if error.filename is None else str(error.filename)
        reason = error.strerror or str(error)
        terminal.complain("serbench:", f"cannot read or write {shown(f'{path}: {reason}')}")
        sys.exit(1)
    except Stopped as stopped:
        terminal.complain("serbench:", str(stopped))
        sys.exit(130)
    except SystemExit as ended:
        if ended.code == 130:  # typer exits without a message on Ctrl-C
            terminal.complain("serbench:", "stopped")
        raise
