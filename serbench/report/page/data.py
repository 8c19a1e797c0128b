"""The data of a report's page; fields are keys of the JSON that its scripts read."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from serbench.metrics.classification import Floats
from serbench.report import analysis, speakers
from serbench.report.figures.colours import styles
from serbench.report.figures.extra_sets import curves
from serbench.report.page import run_details, utterances
from serbench.report.page.utterances import FoldData, Register, Utterances
from serbench.report.sections import Section, sections
from serbench.report.tables import catalogue as tables
from serbench.report.tables import run_tables, section_tables
from serbench.report.tables.table import Table
from serbench.results import extra_summary, literature
from serbench.results.learning_curve import Curve
from serbench.results.run import Run

DIGITS = 4
FEWEST = 2  # reports; one alone is a point, not a curve


@dataclass(frozen=True)
class Box:
    """A box plot over test sets."""

    five: Floats | None  # lower whisker, quartile, median, quartile, upper whisker
    values: Floats  # (folds,), nan where a test set lacks the label


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram and its scores."""

    confidence: Floats  # (bins,), nan in an empty bin
    accuracy: Floats  # (bins,), nan in an empty bin
    utterances: list[int]  # how many per bin
    words: str


@dataclass(frozen=True)
class Strength:
    """A run's scores over the strength of a perturbation."""

    title: str  # of the run
    values: list[tuple[float, float]]  # strength, UAR
    recorded: float  # UAR of the audio as recorded


@dataclass(frozen=True)
class Strengths:
    """The scores of runs over the strength of a perturbation."""

    title: str  # of the perturbation
    varied: str  # the parameter that varies
    lines: list[Strength]


@dataclass(frozen=True)
class SectionData:
    """The tables of a section."""

    title: str
    scores: Table
    published: list[list[str]]  # the caveats of each of the paper's rows
    comparable: bool  # whether the paper's rows are for the same setting
    calibration: Table
    groups: Table
    gaps: Table
    retest: Table
    group_notes: list[str]
    extra: list[Table]  # scores on extra test sets, if there are any
    extra_notes: list[str]
    strengths: list[Strengths]
    costs: Table


@dataclass(frozen=True)
class RunData:
    """The page's data of one run."""

    title: str
    section: int  # the position of its section
    labels: tuple[str, ...]
    colours: list[str]  # one per label, "#RRGGBB"
    marks: list[str]  # matplotlib's marker of each label
    folds: list[FoldData]
    surest: str  # packed positions of all test utterances, the most confident first
    scores: Table
    boxes: list[Box]  # F1 of each label
    reliability: Reliability
    selective: Floats  # accuracy over the most confident 1 %, 2 %, ...
    curves: list[Curve]
    speakers: list[tuple[str, float | None, int]]  # name, UAR, utterances
    uar: Floats  # pooled UAR, and both ends of its interval
    leaks: Table
    configuration: run_details.Rows
    versions: run_details.Rows
    commands: tuple[str, str]


@dataclass(frozen=True)
class Clips:
    """The addresses of utterances' audio: the start that they share, and the rest of each."""

    start: str
    rest: dict[int, str]  # by position of the utterance


@dataclass(frozen=True)
class PageData:
    """All data of the page."""

    serbench: str  # version
    paper: str
    score: int  # steps of a probability from 0 to 1
    sections: list[SectionData]
    runs: list[RunData]
    utterances: Utterances
    clips: Clips
    licence: str  # of the audio


def page_data(runs: Sequence[Run], clips: Mapping[str, str], licence: str = "") -> PageData:
    """Return all data of the page.

    Args:
        runs: at least one, without repeats.
        clips: the addresses of utterances' audio, by utterance id.
        licence: the licence of the audio, shown beside it.

    Raises:
        SerbenchError: there are no runs, or a run is given twice, or has damaged activations or
            certificates.
    """
    grouped, register = sections(runs), Register()
    shown = [
        _run_data(run, title, position, register)
        for position, section in enumerate(grouped)
        for run, title in zip(section.runs, section.names, strict=True)
    ]
    return PageData(
        serbench=version("serbench"),
        paper=literature.PAPER,
        score=utterances.SCORE,
        sections=[_section_data(section) for section in grouped],
        runs=shown,
        utterances=register.utterances(),
        clips=_clips(clips, register),
        licence=licence,
    )


def _section_data(section: Section) -> SectionData:
    runs, names, first = section.runs, section.names, section.runs[0]
    setting = (first.config.dataset, first.config.protocol, first.config.labels)
    published = literature.rows(first.corpus, "II")
    groups, gaps = section_tables.groups(runs, names), section_tables.gaps(runs, names)
    retest = section_tables.retest(runs, names)
    noisy = extra_summary.on_perturbations(runs)
    extra = [*tables.extra_sets(runs)]
    return SectionData(
        title=section.title,
        scores=section_tables.table_two(runs, names),
        published=[list(row.caveats) for row in published],
        comparable=all(row.is_comparable(*setting) for row in published),
        calibration=section_tables.calibration(runs, names),
        groups=groups,
        gaps=gaps,
        retest=retest,
        group_notes=[groups.caption, gaps.caption, retest.caption],
        extra=extra,
        extra_notes=[table.caption for table in extra],
        strengths=_strengths(noisy) if noisy else [],
        costs=section_tables.costs(runs, names),
    )


def _strengths(scores: extra_summary.Robustness) -> list[Strengths]:
    """Return the perturbations of which one number varies, each with a line per run."""
    shown = []
    for (name, varied), points in curves(scores).items():
        lines = []
        for row, title in enumerate(scores.names):
            tests = [(value, test) for value, at, test in points if at == row]
            if tests:
                recorded = tests[0][1].own_pooled(scores.metric)
                values = [(value, test.pooled(scores.metric)) for value, test in tests]
                lines.append(Strength(title, values, recorded))
        shown.append(Strengths(name, varied, lines))
    return shown


def _run_data(run: Run, title: str, section: int, register: Register) -> RunData:
    labels = run.facts.labels
    looks = styles(labels)
    calibration = analysis.reliability(run)
    return RunData(
        title=title,
        section=section,
        labels=labels,
        colours=[colour for colour, _ in looks],
        marks=[mark for _, mark in looks],
        folds=utterances.fold_data(run, register),
        surest=utterances.packed(analysis.predictions(run).surest_first, "<u4"),
        scores=run_tables.folds(run, title),
        boxes=[box(column) for column in analysis.label_f1(run).T],
        reliability=Reliability(
            calibration.curve.confidence,
            calibration.curve.accuracy,
            calibration.curve.utterances.tolist(),
            f"ECE {100 * calibration.ece:.1f} %, Brier {calibration.brier:.3f}, "
            f"NLL {calibration.nll:.3f} nats",
        ),
        selective=analysis.selective(run).accuracy,
        curves=[curve for curve in analysis.learning_curves(run) if len(curve.steps) >= FEWEST],
        speakers=[
            (row.speaker, _rounded(row.score), row.utterances)
            for row in speakers.speaker_scores(run)
        ],
        uar=np.array([run.pooled("uar"), *run.interval("uar")]),
        leaks=run_tables.leakage_certificate(run, title),
        configuration=run_details.configuration(run),
        versions=run_details.versions(run),
        commands=run_details.commands(run),
    )


def box(values: Floats) -> Box:
    """Return a box plot whose whiskers reach the outermost value within 1.5 times its height.

    >>> box(np.array([0.1, 0.2, 0.3, 0.4, 2.0])).five.tolist()
    [0.1, 0.2, 0.3, 0.4, 0.4]
    """
    scores = values[~np.isnan(values)]
    if not len(scores):
        return Box(None, values)
    low, middle, high = np.quantile(scores, (0.25, 0.5, 0.75))
    reach = 1.5 * (high - low)
    inside = scores[(scores >= low - reach) & (scores <= high + reach)]
    return Box(np.array([inside.min(), low, middle, high, inside.max()]), values)


def _clips(addresses: Mapping[str, str], register: Register) -> Clips:
    """Return the addresses of the page's utterances, split into their common start and the rest."""
    shown = {
        place: addresses[utterance]
        for (utterance, _), place in register.places.items()
        if utterance in addresses
    }
    start = os.path.commonprefix(list(shown.values()))  # noqa: RUF071 - of characters
    return Clips(start, {place: address[len(start) :] for place, address in shown.items()})


def as_json(value: object) -> object:
    """Return a dataclass, a table or an array as plain values: `default` of `json.dumps`."""
    if isinstance(value, Table):
        return {"head": [column.title for column in value.columns], "rows": value.shown()}
    if isinstance(value, np.ndarray):
        return [_rounded(number) for number in value.tolist()]
    return vars(value)


def _rounded(number: float) -> float | None:
    """Round a number; nan and infinity become None, since JSON lacks them."""
    return round(number, DIGITS) if math.isfinite(number) else None
