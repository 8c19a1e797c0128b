"""Read a protocol from a CSV with the columns fold, split, utterance, and write one."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench.corpus import PARTS, Corpus, Fold, Protocol, held_out, protocol_digest
from serbench.errors import BadParameter, SerbenchError
from serbench.files import expanded, replacing
from serbench.parameters import parse_name

COLUMNS = ("fold", "split", "utterance")
SCHEMA = 1


@dataclass
class _Table:
    """The rows of one fold in a file."""

    group: str
    parts: dict[str, list[str]] = field(default_factory=dict)  # from utterance to its parts


@dataclass(frozen=True)
class Examined:
    """A split file with its faults.

    Attributes:
        folds: as far as the corpus has the utterances. An utterance that a fold has in two sets
            stays in both; without validation utterances, the set is empty.
        faults: a line for each utterance that is twice in a fold, then a line on all that the
            corpus lacks.
    """

    folds: Sequence[Fold]
    faults: Sequence[str]


def file(path: str = "", leaks: bool = False) -> Protocol:
    """Read the split from a CSV with the columns fold,split,utterance.

    If a fold has no validation set, `serbench.corpus.held_out` divides its training set. A fourth
    column, group, marks folds that compete: only the best on its validation set counts.

    Args:
        path: the CSV; it is read when the folds are needed.
        leaks: declare that its sets share speakers or audio.

    Raises:
        BadParameter: the path is empty or contains a comma.
    """
    if not path:
        raise BadParameter("protocol file needs the path of a CSV: file:path=split.csv")
    if "," in path:
        raise BadParameter(f"a comma separates parameters: rename {path!r} to a name without one")
    return Protocol(
        f"file:path={path}" + (",leaks=true" if leaks else ""),
        f"the folds that {path} lists",
        lambda corpus: read(Path(path), corpus),
        leaks=f"{path} is declared to share speakers or audio between its sets" if leaks else "",
    )


def read(path: Path, corpus: Corpus) -> list[Fold]:
    """Read the folds of a split file, in the order of their first lines.

    Raises:
        SerbenchError: the file is missing or not a split file, names utterances that the corpus
            lacks, has an utterance twice in a fold, or leaves a set empty.
    """
    tables, faults = _tables(path, corpus)
    if faults:
        raise SerbenchError(faults[0])
    return [_fold(path, corpus, name, table) for name, table in tables.items()]


def examine(path: Path, corpus: Corpus) -> Examined:
    """Read the folds of a split file, whatever utterances it names.

    Raises:
        SerbenchError: the file is missing or not a split file, or leaves a set empty.
    """
    tables, faults = _tables(path, corpus)
    return Examined([_fold(path, corpus, *item, divide=False) for item in tables.items()], faults)


def _tables(path: Path, corpus: Corpus) -> tuple[dict[str, _Table], list[str]]:
    """Return the rows of each fold, and a line for each fault."""
    tables: dict[str, _Table] = {}
    faults = []
    for line, row in _rows(path):
        table = tables.setdefault(row["fold"], _Table(row["group"]))
        if fault := _add_row(f"{path}, line {line}", table, row):
            faults.append(fault)
    if not tables:
        raise SerbenchError(f"{path} has no rows: each must give a fold, a split and an utterance")
    ids = {id_ for table in tables.values() for id_ in table.parts}
    unknown = sorted(ids - corpus.by_id.keys())
    if unknown:
        faults.append(
            f"{path} names {len(unknown)} of {len(ids)} utterances that corpus {corpus.name} "
            f"does not have under the label set {corpus.label_set}: {', '.join(unknown[:3])}; "
            f"write them as the corpus does, like {corpus.utterances[0].id}, and leave out others"
        )
        if len(unknown) == len(ids):
            raise SerbenchError(faults[-1])
    return tables, faults


def path_of(protocol: Protocol) -> Path | None:
    """Return the split file that a protocol reads, None if it reads none."""
    name, given = parse_name(protocol.name)
    return Path(str(given["path"])) if name == "file" else None


def utterances(path: Path) -> list[str]:
    """Return the utterances that a split file names, in its order.

    Raises:
        SerbenchError: the file is missing or not a split file.
    """
    return list(dict.fromkeys(row["utterance"] for _, row in _rows(path)))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        # utf-8-sig: spreadsheets begin their CSV with a byte-order mark
        with expanded(path).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise SerbenchError(
                    f"{path} lacks the column {' and '.join(missing)}: its first line must be "
                    f"{','.join(COLUMNS)}"
                )
            for row in reader:
                yield reader.line_num, {name: row.get(name) or "" for name in (*COLUMNS, "group")}
    except OSError as error:
        raise SerbenchError(
            f"cannot read the split {path} ({error.strerror}): give the path of a CSV with the "
            f"columns {','.join(COLUMNS)}"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SerbenchError(f"{path} is not a CSV in UTF-8 ({error}): save it as one") from error


def _add_row(where: str, table: _Table, row: dict[str, str]) -> str:
    """Add a row to its fold; return what is wrong with it if the fold has its utterance already."""
    empty = [column for column in COLUMNS if not row[column]]
    if empty:
        raise SerbenchError(f"{where}: the {empty[0]} is empty; fill it in or delete the line")
    fold, split, utterance = (row[column] for column in COLUMNS)
    if split not in PARTS:
        raise SerbenchError(f"{where}: the split is {split!r}, but must be {' or '.join(PARTS)}")
    if row["group"] != table.group:
        raise SerbenchError(
            f"{where}: fold {fold} is in the groups {table.group!r} and {row['group']!r}; "
            "give all its lines the same"
        )
    parts = table.parts.setdefault(utterance, [])
    if not parts:
        parts.append(split)
        return ""
    place = f"{split} twice" if split in parts else f"both {parts[0]} and {split}"
    parts += [] if split in parts else [split]
    return f"{where}: utterance {utterance} is in {place} in fold {fold}; keep one of the lines"


def _fold(path: Path, corpus: Corpus, name: str, table: _Table, *, divide: bool = True) -> Fold:
    parts = {
        part: tuple(
            sorted(
                id_ for id_, parts in table.parts.items() if part in parts and id_ in corpus.by_id
            )
        )
        for part in PARTS
    }
    if divide and not parts["validation"] and parts["train"]:
        parts["train"], parts["validation"] = held_out(corpus, parts["train"], parts["test"])
    for part in sorted(PARTS):  # test first: without it, held_out had no test set to respect
        if not parts[part] and (divide or part != "validation"):
            raise SerbenchError(f"{path}: fold {name} has no utterances in {part}; add some")
    return Fold(name, group=table.group, **parts)


def write_csv(path: Path, folds: Sequence[Fold]) -> None:
    """Write folds in the format of `read`: fold,split,utterance, and group if there are groups."""
    grouped = any(fold.group for fold in folds)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*COLUMNS, "group"] if grouped else COLUMNS)
        for fold in folds:
            for part in PARTS:
                for id_ in getattr(fold, part):
                    writer.writerow([fold.name, part, id_] + [fold.group] * grouped)


def write_json(path: Path, protocol: Protocol, corpus: Corpus, folds: Sequence[Fold]) -> None:
    """Write the folds of a protocol on a corpus as JSON, with digests of protocol and corpus."""
    data = {
        "schema": SCHEMA,
        **{key: getattr(protocol, key) for key in ("name", "summary", "leaks", "source")},
        "digest": protocol_digest(folds),
        "corpus": {"name": corpus.name, "label_set": corpus.label_set, "digest": corpus.digest},
        "folds": [
            {"name": fold.name, "group": fold.group, **{p: list(getattr(fold, p)) for p in PARTS}}
            for fold in folds
        ],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
