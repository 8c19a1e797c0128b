"""`serbench study ...`: many models, corpora and seeds, planned in one file."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import (
    Commands,
    Detach,
    Device,
    EngineOption,
    KeepModels,
    Quiet,
    Results,
    Stopped,
    Verbose,
    names_of,
    number_or,
    require_format,
)
from serbench.cli.results import extra_sets
from serbench.errors import SerbenchError
from serbench.escaping import shown
from serbench.parameters import parse_all

if TYPE_CHECKING:
    from serbench.study.plan import StudyPlan
    from serbench.study.result import Study
    from serbench.study.study_file import StudyFile

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Plan, run and show studies: many models, corpora and seeds.",
)

File = Annotated[
    str, typer.Argument(help="A study file, or the name of a study in serbench: table-2.")
]
Metric = Annotated[
    list[str] | None,
    typer.Option(help="A metric to show; may be repeated. Default: accuracy, uar and f1."),
]
Engine = Annotated[
    str | None,
    typer.Option(
        help="The engine that runs the folds. Default: the engine of the file, or local.",
        autocompletion=names_of("engine"),
    ),
]
Jobs = Annotated[
    str | None,
    typer.Option(help="Number of folds at a time, with the engine local. Default: auto."),
]
Form = Annotated[str, typer.Option("--format", help="text, markdown, latex, csv, html.")]


def _plan(file: str, results: Path | None) -> "StudyPlan":
    from serbench.settings import results_folder
    from serbench.study import plan, study_file

    study = study_file.read(file)
    return plan.plan(study.name, study.matrix, results_folder(results))


def _engine(
    study: "StudyFile", engine: str | None, engine_option: list[str] | None, jobs: str | None
) -> tuple[str, dict[str, object]]:
    """Return the engine of the command line or the file, and its options."""
    from serbench.evaluation.means import with_jobs

    chosen = engine or study.engine
    options = {**((study.options or {}) if chosen == study.engine else {})}
    options |= parse_all(engine_option)
    if jobs is not None:
        if chosen == "local":
            options.pop("jobs", None)  # --jobs auto replaces it too
        options = {**with_jobs(chosen, options, number_or("auto", "--jobs", jobs, int))}
    return chosen, options


@app.command()
def plan(  # noqa: PLR0913 - a command's options are its parameters
    file: File,
    engine: Engine = None,
    engine_option: EngineOption = None,
    jobs: Jobs = None,
    device: Device = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Include the disk space for every fold's model.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option("--measure/--no-measure", help="Measure models that have no finished folds."),
    ] = True,
    form: Annotated[str, typer.Option("--format", help="text, json.")] = "text",
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """List the runs of a study, and estimate the time, memory and disk of the missing folds.

    No fold is computed. A model without finished folds is measured on synthetic utterances, which
    takes about a minute; the cache keeps the measurement.
    """
    from serbench.bench.measure import silent
    from serbench.bench.meter import Meter
    from serbench.evaluation.engines.submission import make_engine
    from serbench.evaluation.means import Means
    from serbench.evaluation.progress.bars import progress_line
    from serbench.settings import settings
    from serbench.study import study_file
    from serbench.study.estimate import estimate

    require_format(form, ("text", "json"))
    chosen, options = _engine(study_file.read(file), engine, engine_option, jobs)
    make_engine(chosen, options)  # refuses an unknown engine, and wrong options
    started, places = time.perf_counter(), settings()
    planned = _plan(file, results)
    if form == "text":  # before lines on measurements
        problems = [f"cannot be planned: {shown(line)}" for line in planned.problems()]
        terminal.show("\n".join([planned.table(), "", planned.totals(), *problems]))
    estimated = estimate(
        planned.runs,
        Means(chosen, options, device, results, keep_models),
        Meter(places, device or places.device, silent if quiet else progress_line, measure),
        places,
        planning=time.perf_counter() - started,
    )
    if form == "json":
        typer.echo(json.dumps({"schema": 1, **planned.to_json(), "estimate": estimated.to_json()}))
        return
    terminal.show(f"\n{estimated}")


@app.command()
def run(  # noqa: PLR0913 - a command's options are its parameters
    file: File,
    engine: Engine = None,
    engine_option: EngineOption = None,
    jobs: Jobs = None,
    device: Device = None,
    keep_models: KeepModels = False,
    detach: Detach = False,
    form: Form = "text",
    results: Results = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compute the missing folds of a study, and print its table.

    Finished folds are kept: the same command again runs only the missing folds. Options for the
    engine replace those of the file; they never change a result.
    """
    from serbench.evaluation.means import Means
    from serbench.evaluation.progress.bars import Bars, introduction
    from serbench.study import evaluate, study_file
    from serbench.study.table import FORMATS

    require_format(form, FORMATS)
    study = study_file.read(file)
    chosen, options = _engine(study, engine, engine_option, jobs)
    means = Means(chosen, options, device, results, keep_models, detach, extras=study.extras)
    if verbose:
        typer.echo(introduction(results), err=True)
    with Bars(quiet, verbose) as bars:
        try:
            made, failed = evaluate.compute(study.name, study.matrix, means, bars)
        except KeyboardInterrupt:
            raise Stopped(bars.stopped()) from None
    if not detach or not made.count("queued", "running"):
        show(made, form, failed)
        return
    again = (
        f"`serbench study status {shown(file)}` shows them; `serbench study collect {shown(file)}` "
        "waits for them, and prints the table"
    )
    show_queued(made, chosen, again)


def show_queued(made: "Study", engine: str, again: str) -> None:
    """Print how many folds are queued and how to come back; exit with 1 if runs are refused."""
    from serbench import tables

    queued = tables.count(made.count("queued", "running"), "fold")
    typer.echo(f"{queued} in the queue of the engine {engine}: {again}")
    if refused := [f"{each.title}: {each.problem}" for each in made.results if each.problem]:
        for line in refused:
            typer.echo(shown(line), err=True)
        raise SerbenchError(
            f"{len(refused)} of {tables.count(len(made.results), 'run')} "
            f"{tables.are(len(refused))} not queued, for the reasons above"
        )


def show(made: "Study", form: str, failed: list[str], metrics: list[str] | None = None) -> None:
    """Print a study; exit with 1 if runs failed."""
    from serbench.study.table import SHOWN

    terminal.show(made.page(form, metrics or SHOWN))
    extra_sets.show_all(made.runs, form)
    require_complete(made, failed, are_reasons_shown=form != "csv")


def require_complete(made: "Study", failed: list[str], *, are_reasons_shown: bool) -> None:
    """Exit with 1 if runs failed; print the reasons if the output does not have them."""
    from serbench import tables

    if not failed:
        return
    if not are_reasons_shown:
        for line in made.problems:
            typer.echo(shown(line), err=True)
    raise SerbenchError(
        f"{len(failed)} of {tables.count(len(made.results), 'run')} {tables.are(len(failed))} not "
        "complete, for the reasons above; fix the causes and run the same command again: only the "
        "missing folds run"
    )


@app.command()
def status(
    file: File,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    results: Results = None,
) -> None:
    """Show where every fold of a study stands, from any machine that shares the results."""
    from serbench.study import status

    require_format(form, ("text", "json"))
    found = status.status(_plan(file, results))
    if form == "json":
        typer.echo(found.as_json())
        return
    terminal.show(shown(str(found), lines=True))
    if not found.is_active and not found.is_finished:
        typer.echo(f"`serbench study run {shown(file)}` computes the other folds")


@app.command()
def collect(
    file: File,
    form: Form = "text",
    results: Results = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Wait for the folds of a study that are in an engine's queue, and print the table.

    Ctrl-C stops waiting, and cancels nothing.
    """
    from serbench.evaluation.progress.bars import Bars
    from serbench.study import result, submitted
    from serbench.study.table import FORMATS

    require_format(form, FORMATS)
    planned = _plan(file, results)
    errors: list[str] = []
    if waiting := submitted.of_study(planned):
        with Bars(quiet, verbose) as bars:
            try:
                errors = submitted.collect(waiting, planned, bars)
            except KeyboardInterrupt:
                raise Stopped(
                    "stopped waiting; the tasks go on: run the same command again to wait for them"
                ) from None
    for line in errors:
        typer.echo(shown(line), err=True)
    made = result.read(planned)
    show(made, form, [each.title for each in made.results if not each.is_complete])


@app.command()
def cancel(file: File, results: Results = None) -> None:
    """Cancel the queued and running folds of a study; finished folds are kept."""
    from serbench.study import submitted

    planned = _plan(file, results)
    lines = submitted.cancel(submitted.of_study(planned), planned)
    for line in lines or ["no fold of this study is in a queue"]:
        typer.echo(line)


@app.command()
def table(file: File, metric: Metric = None, form: Form = "text", results: Results = None) -> None:
    """Print the table of a study from its finished folds; compute nothing."""
    from serbench.study import result
    from serbench.study.table import FORMATS

    require_format(form, FORMATS)
    show(result.read(_plan(file, results)), form, [], metric)


@app.command()
def report(
    file: File,
    out: Annotated[Path, typer.Option(help="The folder to write; may be an earlier report.")],
    picture: Annotated[
        list[str] | None,
        typer.Option(help="png, svg or pdf; may be repeated; none: no pictures. Default: all."),
    ] = None,
    results: Results = None,
) -> None:
    """Write a report on all complete runs of a study, as `serbench report` does."""
    from serbench.cli.results.report import write
    from serbench.study import result

    made = result.read(_plan(file, results))
    if not made.complete:
        raise SerbenchError(f"no run of {file} is complete: `serbench study run {file}` runs them")
    for line in made.problems:
        typer.echo(f"left out: {shown(line)}", err=True)
    typer.echo(str(write(made.complete, out, results, picture=picture)))
