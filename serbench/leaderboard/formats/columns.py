"""The columns of the leaderboard: the one place that defines what each column shows, and where.

All formats iterate over `COLUMNS` and `RUN_COLUMNS`, so a new column is one new entry there. Texts
may come from strangers; they are escaped by each format, not here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serbench import tables
from serbench.leaderboard.ranking.board import ChanceRow, Table
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.ranking.row import Row
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import Interval
from serbench.results.literature import PublishedRow

AnyRow = Row | PublishedRow | ChanceRow

SETTING = ("dataset", "protocol", "labels", "corpus_digest", "protocol_digest", "audio_digest")
KINDS = {Row: "measured", PublishedRow: "published", ChanceRow: "chance", Entry: "run"}
"""The field of `Column` that reads a row of each type; in CSV and JSON the row's kind."""

RANK = (
    "no row is shown to be worse than the first row of its rank; the first row of a lower rank is "
    "shown to be worse than that of the rank above"
)
SPREAD = "mean ± standard deviation over test sets, in %"
MEANINGS = {
    "f1": "F1 of each label, averaged over labels",
    "uar": "recall of each label, averaged over labels (UAR)",
    "accuracy": "share of the utterances with the right label (WA)",
}
POOLED = "over all test utterances together, with its 95 % interval over speakers"
CHECKED = (
    "recomputed: all scores follow from the stored predictions, the corpus and the protocol; "
    "reproduced: another account also ran folds again, and they agree; recomputed, not run here: "
    "the predictions are from a published table, and never ranked; not recomputed: the corpus "
    "or its labels are not public, so the counts are the submitter's own"
)
"""What headings mean."""


def _plain(content: object) -> str:
    return "-" if content in (None, "") else str(content)


def _unchanged(content: object) -> object:
    return content


@dataclass(frozen=True)
class Column:
    """A column, shown to people if it has a title, and to programs if it has a key."""

    title: str = ""  # the heading
    key: str = ""  # the name in CSV and JSON
    # reads the content from a measured row; if None, the cell shows "-", and JSON lacks the key
    measured: Callable[[Row], object] | None = None
    published: Callable[[PublishedRow], object] | None = None  # the same, from a published row
    chance: Callable[[ChanceRow], object] | None = None  # the same, from a row of chance
    run: Callable[[Entry], object] | None = None  # the same, from a run, in `RUN_COLUMNS`
    text: Callable[[Any], str] = _plain  # turns the content into a cell
    value: Callable[[Any], object] = _unchanged  # turns the content into the value in CSV and JSON
    # where it is shown: "latex"; "text" (Markdown, terminal); "page" (HTML), "more" (below a row of
    # the page); "other" (HTML) and "other text" for published rows that fit no main table
    where: tuple[str, ...] = ("latex", "text", "page")
    hint: str = ""  # what the heading means, shown when a pointer is on it
    style: str = ""  # "rank", "number", "words" (long text) or ""

    def cell(self, row: AnyRow | Entry) -> str:
        """Return the cell of a row."""
        read = getattr(self, KINDS[type(row)])
        return self.text(read(row)) if read else "-"


def headed(where: str) -> list[Column]:
    """Return the columns for people in one of the places of `Column.where`."""
    return [column for column in COLUMNS if column.title and where in column.where]


def keyed() -> list[Column]:
    """Return the columns with a key, each standard deviation beside its mean."""
    with_key = [column for column in COLUMNS if column.key]
    places = {column.key: place for place, column in enumerate(with_key)}
    return sorted(
        with_key,
        key=lambda column: places.get(column.key.removesuffix("_std"), places[column.key]),
    )


def setting(table: Table) -> dict[str, str]:
    """Return the setting that all rows of a table share, for CSV and JSON."""
    contents = (table.dataset, table.protocol, table.labels, *table.pins, table.audio)
    return dict(zip(SETTING, contents, strict=True))


def values(row: AnyRow | Entry, columns: Sequence[Column]) -> dict[str, object]:
    """Return the content of a row for CSV and JSON, by key."""
    readers = ((column, getattr(column, KINDS[type(row)])) for column in columns if column.key)
    return {column.key: column.value(read(row)) for column, read in readers if read}


def ordered(table: Table) -> list[AnyRow]:
    """Return the rows of a table: ranked and published by F1, then unranked, then chance."""
    ranked: list[tuple[float, AnyRow]] = [
        (row.scores["f1"].mean, row) for row in table.rows if row.rank is not None
    ]
    ranked += [(row.scores.get("f1", 0.0), row) for row in table.published]
    ranked.sort(key=lambda scored: -scored[0])
    unranked = [row for row in table.rows if row.rank is None]
    return [*(row for _, row in ranked), *unranked, *table.chance]


def reference(row: PublishedRow) -> str:
    """Return where a row was published: "the paper, Table III"."""
    return f"{row.reference}, Table {row.table}" if row.reference == "the paper" else row.reference


def parameters(count: int | None) -> str:
    """Format a number of parameters with three digits.

    >>> parameters(57021128), parameters(1234), parameters(None)
    ('57.0 M', '1.23 k', '-')
    """
    if count is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.{max(0, 3 - len(str(int(count / size))))}f} {unit}"
    return str(count)


def took(seconds: float) -> str:
    """Format how long a run took; "-" if that is unknown, as of imported runs."""
    return "-" if math.isnan(seconds) else tables.duration(seconds)


def _seed(run: Entry) -> str:
    return "" if run.known_seed is None else str(run.seed)


def _with_seeds(row: Row) -> str:
    return row.name + (f" ({len(row.entries)} seeds)" if len(row.entries) > 1 else "")


def titled(row: Row) -> str:
    """Return a row's name for people: "Whisper base, fine-tuned (3 seeds)"."""
    return f"{row.title} ({row.detail})" if row.detail else row.title


def system(row: PublishedRow) -> str:
    """Return a published row's name with its source."""
    return f"{row.system} ({reference(row)})"


def _published_interval(row: PublishedRow) -> Interval:
    return Interval(*row.intervals.get("f1", (math.nan, math.nan)))


def _range(interval: Interval) -> str:
    """Return an interval in %, as a range that browsers do not break into lines."""
    low, high = map(tables.percent, interval)
    return "-" if low == "-" else f"{low}\u2011{high}"


def _score(metric: str, title: str = "") -> Column:
    return Column(
        title,
        metric,
        lambda row: row.scores[metric],
        lambda row: row.score(metric),
        lambda row: row.scores[metric],
        text=tables.spread,
        value=lambda score: round(score.mean, 9),  # rounding makes files equal on all machines
        where=("latex", "text", "page", "other", "other text"),
        style="number",
        hint=f"{MEANINGS[metric]}; {SPREAD}" if metric in MEANINGS else "",
    )


def _deviation(metric: str) -> Column:
    score = _score(metric)
    return replace(score, key=f"{metric}_std", value=lambda score: round(score.std, 9))


def _joined(texts: Sequence[str]) -> str:
    return "; ".join(texts)


def _day(time: str) -> str:
    return time[:10] or "-"


LATEX = ("latex",)
PAGE = ("page",)
MORE = ("more",)

COLUMNS: tuple[Column, ...] = (
    Column("rank", "rank", lambda row: row.rank, style="rank", hint=RANK),
    Column("reference", "reference", lambda row: row.first.who, reference, where=LATEX),
    Column("model", "", _with_seeds, lambda row: row.system, lambda row: row.name, where=LATEX),
    Column("model", "", titled, system, lambda row: row.name, where=("text",)),
    Column(
        "model",
        "",
        lambda row: row.title,
        lambda row: row.system,
        lambda row: row.name,
        where=("page", "other"),
        style="words",
    ),
    Column("system", "", None, system, where=("other text",)),
    Column("", "model", lambda row: row.name, lambda row: row.system, lambda row: row.name),
    Column("", "title", lambda row: row.title, lambda row: row.system, lambda row: row.name),
    Column("exact name", "", lambda row: row.name, where=MORE),
    Column(
        "parameters",
        "",
        lambda row: ", ".join(f"{name}={value}" for name, value in row.first.params.items()),
        where=MORE,
    ),
    Column("sent by", "", lambda row: row.first.who, where=MORE),
    Column(
        "modality",
        "modality",
        lambda row: row.first.modality,
        lambda row: row.modality,
        where=("latex", "other", "other text"),
    ),
    replace(_score("accuracy", "accuracy"), where=("latex",)),
    _score("precision"),
    _score("uar"),
    _score("f1", "F1"),
    replace(_score("uar", "recall"), key=""),  # after F1 in tables, before it in CSV and JSON
    replace(_score("accuracy", "accuracy"), key="", where=("text", "page", "other", "other text")),
    *map(_deviation, ("accuracy", "precision", "uar", "f1")),
    Column(
        "pooled F1 [95 %]",
        "",
        lambda row: f"{tables.percent(row.pooled)} {tables.interval(row.interval)}",
        lambda row: tables.interval(_published_interval(row)),
        where=("latex", "page"),
        style="number",
        hint=POOLED,
    ),
    Column(
        "pooled F1, 95 %",
        "",
        lambda row: row.interval,
        _published_interval,
        text=_range,
        where=("text",),
    ),
    Column("", "pooled_f1", lambda row: row.pooled),
    Column("", "f1_low", lambda row: row.interval.low, lambda row: _published_interval(row).low),
    Column("", "f1_high", lambda row: row.interval.high, lambda row: _published_interval(row).high),
    Column("", "seeds", lambda row: " ".join(map(_seed, row.entries))),
    Column(
        "checked",
        "",
        lambda row: row.checked,
        lambda _: "published",
        where=("latex", "page"),
        hint=CHECKED,
    ),
    Column("", "checked", lambda row: row.status, lambda _: "published"),
    Column("", "reproductions", lambda row: _joined(row.reproductions)),
    Column("", "objection", lambda row: _joined(row.objections), lambda row: _joined(row.caveats)),
    Column(
        "leakage",
        "leakage",
        lambda row: row.first.leaks,
        text=lambda leaks: "leaky" if leaks else "none",
        value=lambda leaks: leaks or "none",
        where=MORE,
    ),
    Column("sees", "sees", lambda row: row.first.sees, where=MORE),
    Column(
        "weights",
        "parameters",
        lambda row: row.first.parameters,
        text=parameters,
        where=MORE,
    ),
    Column("", "checkpoint", lambda row: row.first.checkpoint),
    Column("", "revision", lambda row: row.first.revision),
    Column(
        "time",
        "seconds",
        lambda row: row.seconds,
        text=took,
        where=MORE,
    ),
    Column("", "device", lambda row: row.first.device),
    Column("finished", "finished", lambda row: row.finished, text=_day, where=MORE),
    Column("serbench", "serbench", lambda row: row.first.serbench, where=MORE),
    Column("", "submitted", lambda row: max(entry.day for entry in row.entries)),
    Column("", "flags", lambda row: _joined((*row.flags, *row.notes))),
    Column("", "submissions", lambda row: " ".join(entry.folder for entry in row.entries)),
)

RUN_COLUMNS: tuple[Column, ...] = (
    Column("", "run", run=lambda run: run.run),
    Column("", "submission", run=lambda run: run.folder),
    Column("seed", "seed", run=lambda run: run.known_seed),
    Column(
        "F1",
        run=lambda run: float(METRICS["f1"].compute(run.confusions).mean()),
        text=tables.percent,
    ),
    Column("weights", run=lambda run: run.parameters, text=parameters),
    Column("", "params", run=lambda run: dict(run.params)),
    Column("", "folds", run=lambda run: run.folds),
    Column("time", "seconds", run=lambda run: run.seconds, text=took),
    Column("finished", "finished", run=lambda run: run.finished, text=_day),
    Column("serbench", run=lambda run: run.serbench),
    Column("leakage", run=lambda run: "leaky" if run.leaks else "none"),
    Column("sees", run=lambda run: run.sees),
    Column("checked", "checked", run=lambda run: run.status),
    Column("records", run=lambda run: _joined(run.reproductions)),
    Column("sent by", run=lambda run: f"{run.who}, {run.day}" if run.folder else "-"),
    Column("", "submitter", run=lambda run: run.submitter),
    Column("", "account", run=lambda run: run.account),
    Column("", "submitted", run=lambda run: run.submitted),
    Column("", "seen", run=lambda run: run.seen),
)
"""The facts of the runs behind the rows, in Markdown and JSON."""
