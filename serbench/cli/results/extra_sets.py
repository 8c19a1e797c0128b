"""`serbench cross-corpus` and `serbench robustness`: the scores of runs on extra test sets."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.cli import terminal
from serbench.cli.options import Format, Metric, Picture, Results, RunNames, require_format
from serbench.escaping import shown

if TYPE_CHECKING:
    from serbench.report.figures.style import Figure
    from serbench.results.run import Run


def cross_corpus(
    names: RunNames,
    metric: Metric = "uar",
    picture: Picture = None,
    form: Format = "text",
    results: Results = None,
) -> None:
    """Show the scores of runs on other corpora, from `evaluate --test-on`."""
    from serbench.report.figures import extra_sets
    from serbench.results import extra_summary

    require_formats(form, extra_summary.FORMATS, picture)
    scores = extra_summary.cross_corpus(*_runs(names, results), metric=metric)
    show(scores, form, picture, extra_sets.matrix)


def robustness(
    names: RunNames,
    metric: Metric = "uar",
    picture: Picture = None,
    form: Format = "text",
    results: Results = None,
) -> None:
    """Show how far scores of runs fall on perturbed audio, from `evaluate --perturb`."""
    from serbench.report.figures import extra_sets
    from serbench.results import extra_summary

    require_formats(form, extra_summary.FORMATS, picture)
    scores = extra_summary.robustness(*_runs(names, results), metric=metric)
    show(scores, form, picture, extra_sets.robustness)


def _runs(names: Sequence[str], results: Path | None) -> "list[Run]":
    from serbench.results.run import find
    from serbench.settings import results_folder

    return [find(name, results_folder(results)) for name in names]


def require_formats(form: str, formats: "Sequence[str]", picture: Path | None) -> None:
    """Refuse unknown formats of a table and of its picture, and a picture without matplotlib."""
    from serbench.errors import nearest
    from serbench.report.figures import style

    require_format(form, formats)
    if picture is not None:
        ending = picture.suffix.removeprefix(".")
        if ending not in style.FORMATS:
            raise nearest("picture format", ending, style.FORMATS)
        style.require_matplotlib()


def show(scores: Any, form: str, picture: Path | None, draw: "Callable[[Any], Figure]") -> None:
    """Print a table, then draw its picture: a picture that fails costs no table."""
    from serbench.report.figures import style

    is_page = form in ("text", "markdown")
    terminal.show(scores.page(form) if is_page else scores.table(form), form=form)
    if picture is not None:
        ending = picture.suffix.removeprefix(".")
        with style.drawing():
            style.save(draw(scores), picture.with_suffix(""), shown(str(picture.stem)), [ending])


def show_all(runs: "Sequence[Run]", form: str) -> None:
    """Print the tables of the extra test sets that runs have, as text or Markdown."""
    from serbench.results import extra_summary

    for scores in (extra_summary.on_corpora(runs), extra_summary.on_perturbations(runs)):
        if scores is not None and form in ("text", "markdown"):
            terminal.show(f"\n{scores.page(form)}", form=form)
