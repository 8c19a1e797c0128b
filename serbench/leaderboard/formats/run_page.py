"""The page of a submitted run: scores of each fold, confusions, parameters, machine and files."""

import re
import shlex
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from serbench import tables
from serbench.leaderboard.formats import columns, curves, html, notes, picture
from serbench.leaderboard.formats.html import described, escaped, listed
from serbench.leaderboard.ranking.board import Section, Table
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.ranking.row import Row
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import mean_std
from serbench.results.run import SHOWN

UP = "../../"  # from a run's page to the board
SHEET = "runs/page.css"  # the style of all pages of runs
SHADES = 10


def pages(section: Section, submissions: str, typed: str) -> dict[str, str]:
    """Return the page of every submitted run of a corpus, by its path from the board.

    Args:
        section: the corpus's section of the board.
        submissions: path from the board to the folder of submissions.
        typed: path to that folder in commands.
    """
    return {
        html.run_page(entry): html.document(
            f"{row.title}, {notes.title(table)}",
            "\n".join(_body(entry, row, table, (UP + submissions, typed))),
            sheet="../page.css",
        )
        for table in section.tables
        for row in table.rows
        for entry in row.entries
        if entry.folder
    }


def _body(entry: Entry, row: Row, table: Table, paths: tuple[str, str]) -> Iterator[str]:
    detail = f" <small>{escaped(row.detail)}</small>" if row.detail else ""
    yield f'<p><a href="{UP}index.html">Leaderboard</a></p>'
    yield f"<h1>{escaped(row.title)}{detail}</h1>"
    yield f'<p class="soft">{escaped(notes.title(table))}, {html.seed(entry)}</p>'
    rank = "not ranked" if row.rank is None else f"rank {row.rank} of the table"
    pooled = f"{tables.percent(row.pooled)} {tables.interval(row.interval)}"
    facts = [
        ("Rank", escaped(rank)),
        (
            f"Pooled F1{' of all seeds' * (len(row.entries) > 1)} [95 %]",
            escaped(pooled) + picture.line(row.pooled, row.interval),
        ),
        ("Checked", escaped(row.checked)),
        ("Sent by", escaped(f"{entry.who}, {entry.day}")),
        ("Run", escaped(entry.run)),
    ]
    if len(row.entries) > 1:
        facts.append(("All seeds", html.runs_linked(row.entries, UP)))
    yield described(facts)
    if remarks := [*entry.objections, *entry.reproductions, *entry.flags, *entry.notes]:
        yield listed(remarks)
    if entry.note:
        yield f"<h2>Note of the sender</h2>\n{_note(entry.note)}"
    yield f"<h2>Scores of each fold</h2>\n{_folds(entry)}"
    yield f"<h2>Confusions</h2>\n{_confusions(entry)}"
    if entry.curves:
        yield f"<h2>Learning curves</h2>\n{curves.figures(entry.curves)}"
    facts = [(escaped(name), escaped(str(value))) for name, value in entry.params.items()]
    facts.append(("number of weights", escaped(columns.parameters(entry.parameters))))
    yield f"<h2>Parameters</h2>\n{described(facts)}"
    texts = {
        **entry.statements,
        **entry.provenance,
        "Fitting and predicting": columns.took(entry.seconds),
        "Finished": entry.finished or "unknown",
    }
    facts = [(escaped(name), escaped(text)) for name, text in texts.items()]
    yield f"<h2>Origin</h2>\n{described(facts)}"
    linked, typed = (f"{path}/{entry.folder}" for path in paths)
    yield "<h2>Files</h2>"
    yield f'<p><a href="{quote(linked)}/card.json">card.json</a> has counts and statements, for'
    yield "programs."
    if entry.is_imported:
        yield "Nothing here computes these predictions again: others made and published them.</p>"
        return
    yield "This command computes a fold again:</p>"
    yield f"<pre>serbench leaderboard reproduce {escaped(shlex.quote(typed))}</pre>"


def _note(note: str) -> str:
    """Return a note as paragraphs; lines break where its Markdown has a paragraph or an item."""
    parts = re.split(r"\n\s*\n|\n(?=\s|[-*+#>|]|\d+[.)])", note.strip())
    return "\n".join(f"<p>{escaped(' '.join(part.split()))}</p>" for part in parts)


def _folds(entry: Entry) -> str:
    scores = {metric: METRICS[metric].compute(entry.confusions) for metric in SHOWN}
    rows = [
        [name, str(counts.sum()), *(tables.percent(float(scores[m][at])) for m in SHOWN)]
        for at, (name, counts) in enumerate(zip(entry.audio, entry.confusions, strict=True))
    ]
    means = [tables.spread(mean_std(scores[metric])) for metric in SHOWN]
    rows.append(["mean ± std", str(entry.confusions.sum()), *means])
    return _table(["fold", "utterances", *(METRICS[metric].title for metric in SHOWN)], rows)


def _confusions(entry: Entry) -> str:
    """Return the counts of all folds together; shades show the share of the true label."""
    counts = entry.confusions.sum(axis=0)
    rows = [
        f'<tr><th scope="row">{escaped(name)}</th>'
        + "".join(
            f'<td class="shade{round(SHADES * count / max(sum(row), 1))}">{count}</td>'
            for count in row
        )
        + "</tr>"
        for name, row in zip(entry.classes, counts.tolist(), strict=True)
    ]
    heads = "".join(f'<th scope="col">{escaped(name)}</th>' for name in entry.classes)
    return (
        '<div class="scrolled"><table class="counts"><thead><tr>'
        f"<th>truth, then prediction</th>{heads}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    body = "\n".join(
        f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        '<div class="scrolled"><table class="plain"><thead><tr>'
        f"{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
