"""Read a published table of predictions: a CSV file with a row for each utterance.

Nothing in it is trusted. A message names the file's line, and says what to do.
"""

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from serbench import tables
from serbench.contracts import Array, Link
from serbench.errors import BadParameter, CorpusError, SerbenchError, nearest
from serbench.escaping import shown
from serbench.leaderboard.submissions import safe_read
from serbench.metrics import calibration
from serbench.results.json_schema import require_visible

MOST_BYTES = 2**27  # ten seeds of CREMA-D with six scores have 10 MB
FEW = 3  # most names in a message
LONGEST = 60  # most characters of a name in a message
LARGEST = float(np.finfo(np.float32).max)

Naming = Mapping[str, str]
"""From words of the table to words of the corpus."""


class Row(NamedTuple):
    """A row of the table."""

    line: int  # in the file, from 1
    cells: Mapping[str, str]  # by column, without blanks around them


@dataclass(frozen=True)
class Columns:
    """Which columns say what; "" where the table has the usual name, or none."""

    utterance: str = ""  # the name of an utterance or its file; "" is the first column
    fold: str = ""  # "" is "fold", if there is one
    seed: str = ""  # "" is "seed", if there is one
    label: str = ""  # the predicted label; "" is "label", if no column has scores
    truth: str = ""  # compared with the corpus; "" compares nothing


@dataclass(frozen=True)
class Answers:
    """The predictions of a table's rows."""

    activations: Array  # (rows, labels) float32
    link: Link
    kind: str  # "scores", or "labels" if only labels were published


@dataclass(frozen=True)
class Table:
    """A published table."""

    path: Path
    digest: str  # sha256 of the file
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    columns: Columns  # with names; "" for columns that the table does not have

    @property
    def spare(self) -> list[str]:
        """The columns that may have scores."""
        taken = {name for name in vars(self.columns).values() if name}
        return [name for name in self.head if name not in taken]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        return [row.cells[name] for row in self.rows]


def read(path: Path, columns: Columns, where: Mapping[str, str]) -> Table:
    """Read a table.

    Args:
        path: a CSV file in UTF-8 whose first line names the columns.
        columns: the names of its columns.
        where: keep only rows that have these cells, by column.

    Raises:
        SerbenchError: the file is not such a table, or no row is left.
        UnknownName: it lacks a column that is named.
    """
    data = safe_read.contents(path, MOST_BYTES)
    head, rows = _parsed(data, path)
    for name in filter(None, [*vars(columns).values(), *where]):
        if name not in head:
            raise nearest("column", name, head, where=f"in {path.name}")
    kept = tuple(
        row for row in rows if all(row.cells[name] == text for name, text in where.items())
    )
    if not kept:
        name = next(iter(where))
        values = sorted({row.cells[name] for row in rows})
        raise SerbenchError(
            f"{path.name} has no row with {' and '.join(f'{n}={t}' for n, t in where.items())}: "
            f"{name} is {some(values)}"
        )
    usual = {name: name if name in head else "" for name in ("fold", "seed")}
    found = Columns(
        utterance=columns.utterance or head[0],
        fold=columns.fold or usual["fold"],
        seed=columns.seed or usual["seed"],
        label=columns.label,
        truth=columns.truth,
    )
    return Table(path, hashlib.sha256(data).hexdigest(), head, kept, found)


def _parsed(data: bytes, path: Path) -> tuple[tuple[str, ...], list[Row]]:
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        head = tuple(name.strip() for name in next(reader, []))
        rows = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(head):
                raise SerbenchError(
                    f"{path.name}, line {reader.line_num}: {tables.count(len(cells), 'cell')}, but "
                    f"the first line names {tables.count(len(head), 'column')}"
                )
            texts = map(str.strip, cells)
            rows.append(Row(reader.line_num, dict(zip(head, texts, strict=True))))
    except UnicodeDecodeError as error:
        raise SerbenchError(f"{path.name} is not text in UTF-8 ({error.reason})") from error
    except csv.Error as error:
        raise SerbenchError(f"{path.name} is not a CSV table ({error})") from error
    require_visible("".join(head), f"a column of {path.name}")
    if len(set(head)) < len(head) or not all(head):
        raise SerbenchError(f"{path.name}: every column needs a name of its own in the first line")
    if not rows:
        raise SerbenchError(f"{path.name} has no rows below its first line")
    return head, rows


# ---- utterances ----


def utterances(table: Table, ids: Iterable[str], renamed: Naming) -> list[str | None]:
    """Return the corpus's id of each row, None where the corpus has no such utterance.

    A row may have the id, or the name or path of its file.

    Args:
        table: the table.
        ids: all ids of the corpus.
        renamed: new beginnings of names, by old ones: {"01-01-": "03-01-"}.
    """
    known = set(ids)
    found: dict[str, str | None] = {}
    for text in dict.fromkeys(table.column(table.columns.utterance)):
        require_visible(text, f"an utterance of {table.path.name}")
        name = re.split(r"[/\\]", text)[-1]
        tried = [_begun(each, renamed) for each in (text, name, name.rpartition(".")[0] or name)]
        found[text] = next((each for each in tried if each in known), None)
    return [found[text] for text in table.column(table.columns.utterance)]


def _begun(name: str, renamed: Naming) -> str:
    for old, new in renamed.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


# ---- labels and scores ----


def answers(
    table: Table, labels: Sequence[str], others: Iterable[str], naming: Naming, link: Link | None
) -> Answers:
    """Return the predictions of all rows.

    Args:
        table: the table.
        labels: of the label set, in its order.
        others: the corpus's own labels; a column of one outside the label set is not ignored.
        naming: the corpus's labels for labels or columns of the table. Several columns may have
            the same label: their probabilities are added.
        link: turns scores into probabilities; None for a table of labels.

    Raises:
        SerbenchError: scores or labels are missing, unknown or not finite.
        BadParameter: there are scores and no link.
    """
    meaning = {name: naming.get(name, name) for name in table.spare}
    scored = [name for name, label in meaning.items() if label in labels]
    if table.columns.label or (not scored and "label" in table.spare):
        return _labelled(table, table.columns.label or "label", labels, naming)
    lacking = [label for label in labels if label not in map(meaning.get, scored)]
    if lacking:
        raise SerbenchError(
            f"{table.path.name} has no column with the scores of {', '.join(lacking)}, and none "
            f"with predicted labels: its columns are {some(table.head, 12)}; add --map "
            f"COLUMN={lacking[0]}, or --label COLUMN"
        )
    elsewhere = {*others} - {*labels}
    if ignored := [name for name, label in meaning.items() if label in elsewhere]:
        raise SerbenchError(
            f"the column {ignored[0]} has scores of a label outside this label set "
            f"({', '.join(labels)}): add --map {ignored[0]}=LABEL, or choose other --labels"
        )
    if link is None:
        raise BadParameter(
            "--link is missing: identity if the table has probabilities, softmax if it has logits "
            "(sigmoid if each label was scored by itself)"
        )
    scores = np.array([[_number(table, row, name) for name in scored] for row in table.rows])
    groups = [[at for at, name in enumerate(scored) if meaning[name] == label] for label in labels]
    if len(scored) > len(labels) and link == "sigmoid":
        raise SerbenchError(
            "two columns have the same label, and scores with the link sigmoid cannot be added"
        )
    if link == "softmax":
        merged = [np.logaddexp.reduce(scores[:, group], axis=1) for group in groups]
    else:
        merged = [scores[:, group].sum(axis=1) for group in groups]
    activations = np.stack(merged, axis=1).astype(np.float32)
    _require_probabilities(table, activations, link)
    return Answers(activations, link, "scores")


def _number(table: Table, row: Row, column: str) -> float:
    try:
        number = float(row.cells[column])
    except ValueError:
        number = math.nan
    if not abs(number) < LARGEST:  # nan too
        raise SerbenchError(
            f"{table.path.name}, line {row.line}: the score {shown(row.cells[column], LONGEST)!r} "
            f"in the column {column} is not a finite number"
        )
    return number


def _require_probabilities(table: Table, activations: Array, link: Link) -> None:
    try:
        calibration.probabilities(activations, link)
    except SerbenchError as error:
        raise SerbenchError(f"{table.path.name}: {error}") from error


def _labelled(table: Table, column: str, labels: Sequence[str], naming: Naming) -> Answers:
    place = {label: at for at, label in enumerate(labels)}
    words = [naming.get(cell, cell) for cell in table.column(column)]
    _require_known(table, column, words, labels)
    one_hot = np.eye(len(labels), dtype=np.float32)[[place[word] for word in words]]
    return Answers(one_hot, "identity", "labels")


def _require_known(table: Table, column: str, words: Sequence[str], labels: Sequence[str]) -> None:
    unknown = [word for word in words if word not in labels]
    if unknown:
        word = shown(unknown[0], LONGEST)
        rows = tables.count(unknown.count(unknown[0]), "row")
        raise SerbenchError(
            f"{table.path.name}: {rows} with {word!r} in the column {column}, which is no label "
            f"here ({', '.join(labels)}): add --map {word}=LABEL"
        )


def require_truth(table: Table, truth: Sequence[str], naming: Naming, rows: Sequence[int]) -> None:
    """Compare the table's true labels with the corpus's.

    Args:
        table: the table.
        truth: the corpus's label of each of these rows.
        naming: the corpus's labels for labels of the table.
        rows: positions of the rows whose utterances the corpus has.

    Raises:
        CorpusError: they differ: the table is of another corpus, or its labels are mapped wrongly.
    """
    column = table.columns.truth
    if not column:
        return
    chosen = [table.rows[position] for position in rows]
    words = [naming.get(row.cells[column], row.cells[column]) for row in chosen]
    _require_known(table, column, words, sorted({*truth, *naming.values()}))
    pairs = zip(chosen, words, truth, strict=True)
    wrong = [(row, word, ours) for row, word, ours in pairs if word != ours]
    if wrong:
        row, word, ours = wrong[0]
        name = shown(row.cells[table.columns.utterance], LONGEST)
        raise CorpusError(
            f"{table.path.name}: {tables.count(len(wrong), 'row')} of {len(rows)} have another "
            f"true label than the corpus, such as {name} (line {row.line}): {word}, not {ours}; is "
            "it the right corpus, and is --map right?"
        )


def require_used(table: Table, naming: Naming) -> None:
    """Refuse a naming of words that the table does not have.

    Raises:
        UnknownName: the table has no such label and no such column.
    """
    spoken = {table.columns.label or "label", table.columns.truth} & {*table.head}
    there = {*table.head, *(cell for name in spoken for cell in table.column(name))}
    for text in naming:
        if text not in there:
            raise nearest("column or label", text, table.head, where=f"in {table.path.name}")


def some(names: Sequence[str], most: int = FEW) -> str:
    """Return the first few of untrusted names, for a message."""
    names = [shown(name, LONGEST) for name in names]
    return ", ".join(names[:most]) + ", …" * (len(names) > most)
