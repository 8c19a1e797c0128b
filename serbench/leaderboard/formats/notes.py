"""The texts around the leaderboard's tables: headings, how to read them, why rows have no rank.

Names and notes come from strangers and are not escaped here: each format does that in its own way.
"""

from serbench.leaderboard.formats.columns import reference
from serbench.leaderboard.ranking.board import Table
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.ranking.row import Row
from serbench.results import literature
from serbench.results.run import circumstances

ABOUT = (
    "Scores: % mean ± sample standard deviation (n - 1) over test sets, the columns of the paper's "
    "Table II, which does not say by which number it divides. Where "
    "a configuration was run with several seeds, a test set's score is the mean over the seeds.",
    "Pooled F1: of all test utterances together, with its 95 % interval over speakers.",
    "A table holds only runs on the same utterances and audio, under the same protocol and labels.",
    "Rank: rows of one rank are not shown to be worse than the first of them. A lower rank is led "
    "by a model that is, tested by exchanging answers speaker by speaker and adjusted for all "
    "pairs of the table. Leaky, incomplete and otherwise unsound runs have none.",
    "Published: as reported, and never ranked, since without its predictions nothing can be "
    "tested. What was tested under the same protocol and labels stands in the table, the rest "
    "below it.",
    "Reference: the account that sent a run, as the ledger has it; where that has none, the name "
    "that the submission gives itself, not confirmed.",
    "Checked: recomputed, all numbers follow from the stored predictions, the corpus and the "
    "protocol; reproduced, another account made folds again too, and they agree; not recomputed, "
    "the corpus or its labels are not public, and the counts are the submitter's own.",
    "Computed in: training a network amplifies differences in rounding, so the same command gives "
    "other scores on another processor; light models on frozen features agree.",
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
    """Return notes on a table: its size, what its ranks mean, which rows have none, and caveats."""
    corpus, protocol = (pin[:8] for pin in table.pins)
    audio = f", audio {table.audio[:8]}" if table.audio else ""
    return [
        f"{table.folds} test sets, {table.speakers} test speakers, {table.utterances} test "
        f"utterances; digests: corpus {corpus}, protocol {protocol}{audio}.",
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
    "Other audio: runs of the same utterances, but of other audio files, stand in another table, "
    "and are not ranked with these."
)


def objections(table: Table) -> list[str]:
    """Return why rows have no rank; of a leaky protocol, only what else is wrong with them."""
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
            f"Too few speakers to rank anything: with {table.speakers} no p can be below "
            f"{ranking.smallest:.2g}, and telling two of {count} apart takes "
            f"{ranking.threshold:.2g}. So all share rank 1, whatever their scores."
        ]
    return [
        f"A lower rank means p at most {ranking.threshold:.2g} against the first row of the rank "
        f"above: 5 % for all pairs of these {count} by Holm."
    ]
