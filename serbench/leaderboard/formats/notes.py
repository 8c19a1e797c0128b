"""The texts around the leaderboard's tables: headings, explanations, why rows have no rank.

Names and notes come from strangers; they are escaped by each format, not here.
"""

from serbench import tables
from serbench.leaderboard.formats.columns import reference
from serbench.leaderboard.ranking.board import Table
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.ranking.row import Row
from serbench.results import literature
from serbench.results.run import circumstances

ABOUT = (
    "Scores: mean ± sample standard deviation over test sets, in %; the columns are those of the "
    "paper's Table II. The deviation divides by n - 1; the paper does not state its divisor. For a "
    "configuration with several seeds, the score of each test set is the mean over the seeds.",
    "Pooled F1: over all test utterances together, with its 95 % interval over speakers.",
    "A table contains only runs on the same utterances and audio, under the same protocol and "
    "labels.",
    "Rank: no row is shown to be worse than the first row of its rank. The first row of a lower "
    "rank is shown to be worse than that of the rank above, by a test that exchanges predictions "
    "speaker by speaker and is adjusted for all pairs of the table. Leaky, incomplete and "
    "otherwise unsound runs have no rank.",
    "Published: as reported, and never ranked, since the test needs predictions. Results under the "
    "same protocol and labels are in the table, others below it.",
    "Reference: the account that sent a run, from the ledger; if the ledger has no account, the "
    "submitter's name on the card, not confirmed.",
    "Checked: recomputed, all scores follow from the stored predictions, the corpus and the "
    "protocol; reproduced, another account also ran folds again, and they agree; not recomputed, "
    "the corpus or its labels are not public, so the counts are the submitter's own.",
    "Computed in: training a network amplifies differences in rounding, so the same command gives "
    "different scores on another processor; light models on frozen features agree.",
    f"The paper: {literature.PAPER}.",
)
"""How to read the tables."""


def title(table: Table) -> str:
    """Return the heading of a table."""
    audio = f", audio {table.audio[:8] or 'unknown'}" if table.apart else ""
    return f"{table.dataset}, protocol {table.protocol}, labels {table.labels}{audio}"


def named(entry: Entry, row: Row) -> str:
    """Return a run's name for readers: "alexnet-mel (08683f95)"."""
    return f"{row.name} ({entry.short})"


def of_table(table: Table) -> list[str]:
    """Return notes on a table: its size, what ranks mean, which rows lack a rank, and caveats."""
    corpus, protocol = (pin[:8] for pin in table.pins)
    audio = f", audio {table.audio[:8]}" if table.audio else ""
    return [
        f"{tables.count(table.folds, 'test set')}, {tables.count(table.speakers, 'test speaker')}, "
        f"{tables.count(table.utterances, 'test utterance')}; digests: corpus {corpus}, protocol "
        f"{protocol}{audio}.",
        *([OTHER_AUDIO] if table.apart else []),
        *_ranking(table),
        *objections(table),
        *circumstances([(row.first.short, row.first.computed) for row in table.rows]),
        *(f"Look at: {named(row.first, row)}: {note}." for row in table.rows for note in row.notes),
        *(
            f"{reference(row)}, {row.system}: {'; '.join(row.caveats)}."
            for row in table.published
            if row.caveats
        ),
    ]


OTHER_AUDIO = (
    "Other audio: runs on other audio files of the same utterances are in another table, and are "
    "not ranked with these."
)


def objections(table: Table) -> list[str]:
    """Return why rows have no rank; a leak of the protocol itself is a note of its own."""
    by_row = [(row, row.first.faults if table.leaks else row.objections) for row in table.rows]
    return [
        f"Not ranked: {named(row.first, row)}: {'; '.join(reasons)}."
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
