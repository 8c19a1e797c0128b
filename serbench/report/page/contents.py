"""Everything that a report's page shows of runs, as plain JSON values; the page lays it out."""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np

from serbench.metrics.classification import Floats
from serbench.report import analysis, configuration, speakers
from serbench.report.figures.colours import styles
from serbench.report.page import packing
from serbench.report.page.packing import Register
from serbench.report.sections import Section, sections
from serbench.report.tables import run_tables, section_tables
from serbench.report.tables.table import Table
from serbench.results import literature
from serbench.results.run import Run

DIGITS = 4
FEWEST = 2  # reports; a single one is a point, not a curve


def contents(runs: Sequence[Run], clips: Mapping[str, str], licence: str = "") -> dict[str, object]:
    """Everything that the page shows.

    Args:
        runs: at least one, each once.
        clips: from an utterance's id to the address of its audio.
        licence: what the audio's owners allow, shown beside it.

    Raises:
        SerbenchError: there is no run, or one is given twice, or its activations or certificates
            are damaged.
    """
    parts, register = sections(runs), Register()
    shown = [
        _run(run, title, position, register)
        for position, part in enumerate(parts)
        for run, title in zip(part.runs, part.names, strict=True)
    ]
    return {
        "serbench": version("serbench"),
        "paper": literature.PAPER,
        "score": packing.SCORE,
        "sections": [_section(part) for part in parts],
        "runs": shown,
        "utterances": register.words(),
        "clips": _addresses(clips, register),
        "licence": licence,
    }


def _section(part: Section) -> dict[str, object]:
    first = part.runs[0]
    setting = [str(first.config[one]) for one in ("dataset", "protocol", "labels")]
    published = literature.rows(first.corpus, "II")
    return {
        "title": part.title,
        "scores": table(section_tables.table_two(part.runs, part.names)),
        "published": [list(row.caveats) for row in published],
        "comparable": all(literature.comparable(row, *setting) for row in published),
        "calibration": table(section_tables.calibration(part.runs, part.names)),
        "sexes": table(section_tables.sexes(part.runs, part.names)),
        "sexes_notes": sorted({speakers.by_sex(run).note for run in part.runs} - {""}),
        "costs": table(section_tables.costs(part.runs, part.names)),
    }


def _run(run: Run, title: str, section: int, register: Register) -> dict[str, object]:
    emotions = run.folds[0].labels
    looks = styles(emotions)
    return {
        "title": title,
        "section": section,
        "labels": list(emotions),
        "colours": [colour for colour, _ in looks],
        "marks": [mark for _, mark in looks],
        "folds": packing.folds(run, register),
        "surest": packing.surest_first(run),
        "scores": table(run_tables.folds(run, title)),
        "boxes": [box(column) for column in analysis.label_f1(run).T],
        "reliability": _reliability(run),
        "selective": _numbers(analysis.selective(run).accuracy),
        "curves": [
            _curve(one) for one in analysis.learning_curves(run) if len(one.steps) >= FEWEST
        ],
        "speakers": [
            [one.speaker, _number(one.score), one.utterances]
            for one in speakers.speaker_scores(run)
        ],
        "uar": [_number(one) for one in (run.pooled("uar"), *run.interval("uar"))],
        "leaks": table(run_tables.leakage_certificate(run, title)),
        "configuration": configuration.configuration(run),
        "versions": configuration.versions(run),
        "commands": configuration.commands(run),
    }


def table(sheet: Table) -> dict[str, object]:
    """A sheet's heads and rows as text."""
    return {"head": [column.title for column in sheet.columns], "rows": sheet.shown()}


def box(values: Floats) -> dict[str, object]:
    """A box plot: whiskers reach the outermost value within 1.5 times the box's height.

    >>> box(np.array([0.1, 0.2, 0.3, 0.4, 2.0]))["five"]
    [0.1, 0.2, 0.3, 0.4, 0.4]
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return {"five": None, "values": _numbers(values)}
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    reach = 1.5 * (high - low)
    inside = known[(known >= low - reach) & (known <= high + reach)]
    five = np.array([inside.min(), low, middle, high, inside.max()])
    return {"five": _numbers(five), "values": _numbers(values)}


def _reliability(run: Run) -> dict[str, object]:
    found = analysis.reliability(run)
    return {
        "confidence": _numbers(found.curve.confidence),
        "accuracy": _numbers(found.curve.accuracy),
        "utterances": found.curve.utterances.tolist(),
        "words": f"ECE {100 * found.ece:.1f} %, Brier {found.brier:.3f}, NLL {found.nll:.3f} nats",
    }


def _curve(curve: analysis.Curve) -> dict[str, object]:
    return {
        "fold": curve.fold,
        "epochs": curve.epochs,
        "steps": _numbers(curve.steps),
        "values": {name: _numbers(series) for name, series in curve.values.items()},
        "best": curve.best,
    }


def _numbers(values: Floats) -> list[float | None]:
    return [_number(one) for one in values.tolist()]


def _number(value: float) -> float | None:
    """A number that JSON has: nothing for what is not finite."""
    return round(value, DIGITS) if math.isfinite(value) else None


def _addresses(clips: Mapping[str, str], register: Register) -> dict[str, object]:
    """The audio of utterances that are shown, by their positions; what all share is there once."""
    known = {at: clips[one] for at, (one, _) in enumerate(register.places) if one in clips}
    start = _common_start(list(known.values()))
    return {"start": start, "rest": {str(at): one[len(start) :] for at, one in known.items()}}


def _common_start(addresses: Sequence[str]) -> str:
    """The longest text that all start with.

    >>> _common_start(["audio/b1.wav", "audio/a1.wav", "audio/b2.wav"])
    'audio/'
    """
    first, last = min(addresses, default=""), max(addresses, default="")
    differ = (at for at, one in enumerate(first) if last[at : at + 1] != one)
    return first[: next(differ, len(first))]
