"""`serbench score` and `serbench compare`: the scores of runs, and differences between runs."""

from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import Format, Results, RunNames, complete_runs, require_format


def score(
    names: RunNames,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Which metric; may be repeated. Default: all."),
    ] = None,
    form: Format = "text",
    results: Results = None,
) -> None:
    """Compute scores from stored predictions: of each fold, their mean, and pooled."""
    from serbench.results import summary
    from serbench.results.run import find
    from serbench.settings import results_folder

    require_format(form, summary.FORMATS)
    runs = [find(name, results_folder(results)) for name in names]
    terminal.show(summary.scores(runs, metric or None, form), form=form)


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Folders or starts of names of runs; the first is compared with all others.",
            autocompletion=complete_runs,
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
            help="List utterances that only one run gets right; csv, latex: only this list.",
        ),
    ] = False,
    form: Format = "text",
    results: Results = None,
) -> None:
    """Compare runs on the same utterances: differences, their intervals, tests over speakers.

    Intervals and tests are about these trained models on new speakers, not about training again.
    """
    from serbench.comparison import result

    require_format(form, result.FORMATS)
    compared = result.compare(*names, metrics=metric or result.DEFAULT, results=results)
    terminal.show(compared.page(form, utterances), form=form)
