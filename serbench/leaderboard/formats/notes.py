"""The texts around the leaderboard's tables: headings, explanations, why rows have no rank.

Names and notes come from strangers; they are escaped by each format, not here.
"""

from collections import Counter
from collections.abc import Iterable

from serbench import tables
from serbench.leaderboard.formats import columns
from serbench.leaderboard.formats.columns import reference
from serbench.leaderboard.ranking.board import Table
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.ranking.row import Row
from serbench.results import literature
from serbench.results.eligibility import INCOMPLETE, PARTIAL
from serbench.results.literature import PublishedRow
from serbench.results.run import circumstances

ABOUT = (
    f"F1, recall, accuracy: {columns.SPREAD}, as in the paper's Table II. The deviation divides by "
    "n - 1; the paper does not state its divisor. With several seeds, the score of each test set "
    "is the mean over the seeds.",
    f"Pooled F1: {columns.POOLED}.",
    f"Rank: {columns.RANK}, by a test that exchanges predictions speaker by speaker and is "
    "adjusted for all pairs of the table. Leaky, incomplete and otherwise unsound runs have no "
    "rank.",
    "A table contains only runs on the same utterances and audio, under the same protocol and "
    "labels.",
    "Published: as reported, and never ranked, since the test needs predictions. Results under the "
    "same protocol and labels are in the table, others below it.",
    f"Checked: {columns.CHECKED}.",
    "Sent by: the account, from the ledger; if the ledger has no account, the submitter's name on "
    "the card, not confirmed.",
    "Computed in: training a network amplifies differences in rounding, so the same command gives "
    "different scores on another processor; light models on frozen features agree.",
    f"The paper: {literature.PAPER}.",
)
"""How to read the tables."""


MADE = "<!-- made by `serbench leaderboard build`; do not edit -->"
"""In every page and picture, so that a build removes no file of anybody else."""


def title(table: Table) -> str:
    """Return the heading of a table."""
    audio = f", audio {table.audio[:8] or 'unknown'}" if table.apart else ""
    sees = f", sees {table.sees}" if table.sees else ""
    return f"{table.dataset}, protocol {table.protocol}, labels {table.labels}{audio}{sees}"


def heading(table: Table) -> str:
    """Return the heading of a table below that of its corpus."""
    whole = title(table)
    words = whole.removeprefix(f"{table.rows[0].first.corpus}, ")
    return whole if words == whole else words[:1].upper() + words[1:]


def named(entry: Entry, row: Row) -> str:
    """Return a run's name for readers: "SVM on functionals (08683f95)"."""
    detail = row.detail if entry.short in row.detail else f"{row.detail}, {entry.short}"
    return f"{row.title} ({detail.removeprefix(', ')})"


def size(table: Table) -> str:
    """Return how much a table's runs were tested on."""
    return (
        f"{tables.count(table.folds, 'test set')}, {tables.count(table.speakers, 'test speaker')}, "
        f"{tables.count(table.utterances, 'test utterance')}."
    )


def of_table(table: Table) -> list[str]:
    """Return notes on a table: what ranks mean, which rows lack a rank, and caveats."""
    corpus, protocol = (pin[:8] for pin in table.pins)
    audio = f", audio {table.audio[:8]}" if table.audio else ""
    reasons = [reason for row in table.rows for reason in row.objections]
    return [
        *([OTHER_AUDIO] if table.apart else []),
        *([SEEN.format(table.sees)] if table.sees else []),
        *_ranking(table),
        *objections(table),
        *([PARTIAL] if any(reason.startswith(INCOMPLETE) for reason in reasons) else []),
        *circumstances(
            [
                (row.first.short, row.first.computed)
                for row in table.rows
                if not row.first.is_imported
            ]
        ),
        *(f"Look at: {named(row.first, row)}: {note}." for row in table.rows for note in row.notes),
        *(
            f"{reference(row)}, {row.system}: {'; '.join(row.caveats).removesuffix('.')}."
            for row in table.published
            if row.caveats
        ),
        f"Digests: corpus {corpus}, protocol {protocol}{audio}.",
    ]


OTHER_AUDIO = (
    "Other audio: runs on other audio files of the same utterances are in another table, and are "
    "not ranked with these."
)


SEEN = (
    "Ranked apart: these models see {} (--normalise), which those of other tables do not, and "
    "corpora in which every speaker has the same emotions flatter that."
)


def objections(table: Table, exact: bool = False) -> list[str]:
    """Return why rows have no rank; a leak of the protocol itself is a note of its own.

    Args:
        table: its rows are named.
        exact: name rows by their parameters instead of their titles.
    """
    by_row = [(row, row.first.faults if table.leaks else row.objections) for row in table.rows]
    return [
        f"Not ranked: {f'{row.name} ({row.first.short})' if exact else named(row.first, row)}: "
        f"{'; '.join(reasons)}."
        for row, reasons in by_row
        if reasons
    ]


def _ranking(table: Table) -> list[str]:
    ranking, count = table.ranking, len(table.ranking.ranks)
    if table.leaks:
        return [f"Leaky, so nothing is ranked: {table.leaks}."]
    if count < 2:
        return []
    if not ranking.separable:
        return [
            f"Too few speakers to rank anything: with {table.speakers}, no p can be below "
            f"{ranking.smallest:.2g}, and telling two of {count} models apart takes "
            f"{ranking.threshold:.2g}. So all share rank 1, whatever their scores."
        ]
    return [
        f"The first row of a lower rank has p at most {ranking.threshold:.2g} against the first "
        f"row of the rank above: 5 % for all pairs of these {count}, by Holm."
    ]


def of_published(rows: Iterable[PublishedRow]) -> list[str]:
    """Return how published rows were tested and their caveats; rows that agree share a note."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        tested = [row.tested, row.classes and f"labels {row.classes}", *row.caveats]
        text = "; ".join(filter(None, tested))
        groups.setdefault((reference(row), text), []).append(row.system)
    references = Counter(who for who, _ in groups)
    return [
        f"{', '.join([who, *(systems if references[who] > 1 else [])])}: "
        f"{text.removesuffix('.') or 'nothing known'}."
        for (who, text), systems in groups.items()
    ]
