"""Any corpus that is a database in audformat: `audformat:DIR`, with a header db.yaml and tables."""

import contextlib
import difflib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from serbench.errors import CorpusError, SerbenchError
from serbench_corpora.own.corpus import Own
from serbench_corpora.own.rows import Listed, Row
from serbench_corpora.own.split import NAMES

HEADER = "db.yaml"
TABLES = (".csv", ".parquet")
SCHEME = "name the scheme that says who speaks with ,speaker=SCHEME behind the path"


class Audformat(Own):
    """Reads the files that a database in audformat has labels for.

    Whole files only: tables of segments are refused. Each parameter names a scheme, or a column,
    or a key of a scheme's labels, as `audformat.Database.get` finds them; "" names none.

    Attributes:
        label: the emotion.
        speaker: who speaks.
        sex: female or male; as it comes, also gender.
        session: the recording session.
        dialogue: the conversation it is a turn of.
        split: the set; else the tables say, by their splits or as they are called: the files of
            emotion.train, emotion.dev and emotion.test.
        speakers: single if every utterance really has a different speaker.
        table: those with the emotion, with commas between; else all tables of files that have it.
    """

    _in_part = True

    def __init__(  # noqa: PLR0913 - they are its schemes
        self,
        label: str = "emotion",
        speaker: str = "speaker",
        sex: str = "sex",
        session: str = "session",
        dialogue: str = "dialogue",
        split: str = "split",
        table: str = "",
        speakers: Literal["several", "single"] = "several",
    ) -> None:
        self.speakers = speakers
        self._label, self._speaker, self._table = label, speaker, table
        self._others = {"sex": sex, "session": session, "dialogue": dialogue, "split": split}

    def _read(self, place: Path) -> Listed:
        with _opened(place) as database:
            try:
                found = list(self._rows(database, place))
            except SerbenchError:
                raise
            except Exception as error:  # whatever the library says of somebody's files
                raise _unread(place, error) from error
        return self._collected(found, place, place, SCHEME)

    def _rows(self, database: Any, place: Path) -> Iterator[Row]:
        names = {"speaker": self._speaker, **self._others}
        if names["sex"] == "sex":
            names["gender"] = "gender"  # as older databases call it
        wanted = {name: scheme for name, scheme in names.items() if scheme}
        tables = self._tables(database, place)
        frame = database.get(self._label, list(dict.fromkeys(wanted.values())), tables=tables)
        if frame.empty or self._label not in frame:
            raise CorpusError(_lacking(database, self._label, "label", place))
        if frame[self._speaker].isna().all():
            raise CorpusError(
                f"{_lacking(database, self._speaker, 'speaker', place)}; without it nobody can see "
                "whether a voice is both in training and in test"
            )
        if bare := int(frame[self._label].isna().sum()):
            raise CorpusError(
                f"{place} has no {self._label!r} for {bare} of {len(frame)} files: name tables "
                "that have it for all of theirs with ,table=NAME behind the path"
            )
        parts = _parts(database) if self._others["split"] else {}
        for file, cells in zip(frame.index, frame.itertuples(index=False), strict=True):
            row = dict(zip(frame.columns, map(_text, cells), strict=True))
            told = {name: row[scheme] for name, scheme in wanted.items()}
            told["sex"] = told.get("sex") or told.pop("gender", "")
            told["split"] = told.get("split") or parts.get(file, "")
            told.pop("gender", None)
            yield Row(f"{place.name}, {file}", file, row[self._label], **told)

    def _tables(self, database: Any, place: Path) -> list[str]:
        """The tables with the emotion, all of whole files."""
        named = [one.strip() for one in self._table.split(",") if one.strip()]
        for one in named:
            if one not in database.tables:
                known = ", ".join(database.tables)
                raise CorpusError(f"{place} has no table {one!r}: its tables are {known}")
        having = named or [one for one in database.tables if _has(database, one, self._label)]
        whole = [one for one in having if database.tables[one].is_filewise]
        if (named and whole != named) or (having and not whole):
            cut = next(one for one in having if one not in whole)
            raise CorpusError(
                f"{place}: the table {cut} labels segments of files, but an utterance is a whole "
                "file here: write the segments as files with audformat.utils.to_filewise_index"
            )
        return whole


@contextlib.contextmanager
def _opened(place: Path) -> Iterator[Any]:
    """The database, without what could run code: tags of Python in its header, and pickles."""
    import audformat  # takes two seconds, with pandas

    _check_header(place)
    with tempfile.TemporaryDirectory() as name:
        # the library prefers a pickle to the table that it was made of: let it see none
        for path in sorted(place.iterdir()):
            if path.name == HEADER or (path.name.startswith("db.") and path.suffix in TABLES):
                (Path(name) / path.name).symlink_to(path)
        try:
            database = audformat.Database.load(name, load_data=False)
        except Exception as error:  # whatever the library says of somebody's files
            raise _unread(place, error) from error
        yield database


def _check_header(place: Path) -> None:
    import yaml  # the library's own

    header = place / HEADER
    if not header.is_file():
        raise CorpusError(
            f"audformat: there is no {header}: name the folder of a database, as in "
            "audformat:DIR, or with --data"
        )
    try:
        if not isinstance(yaml.safe_load(header.read_text("utf-8")), dict):
            raise CorpusError(f"{header} is no header of a database: it must be a mapping")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{header} is not plain YAML, so it is not read: {' '.join(str(error).split())}"
        ) from error


def _unread(place: Path, error: Exception) -> CorpusError:
    words = re.sub(r"\S*/db\.", f"{place}/db.", " ".join(str(error).split()))
    if any(place.glob("db.*.pkl")):
        words += "; tables that are pickles alone are not read: save them as csv or parquet"
    return CorpusError(f"audformat cannot read {place}: {type(error).__name__}: {words}")


def _has(database: Any, table: str, scheme: str) -> bool:
    """The table has a column of this scheme, or of this name, or with such a key in its labels."""
    for name, column in database.tables[table].columns.items():
        if scheme in (name, column.scheme_id):
            return True
        labels = getattr(column.scheme, "labels", None)
        if isinstance(labels, dict) and any(
            isinstance(one, dict) and scheme in one for one in labels.values()
        ):
            return True
    return False


def _lacking(database: Any, scheme: str, parameter: str, place: Path) -> str:
    columns = {name for one in database.tables for name in database.tables[one].columns}
    known = sorted({*database.schemes, *columns})
    close = difflib.get_close_matches(scheme, known, n=1)
    meant = close[0] if close else "NAME"
    return (
        f"{place} has no {scheme!r} for whole files (schemes and columns: {', '.join(known)}): "
        f"write ,{parameter}={meant} behind the path"
    )


def _parts(database: Any) -> Mapping[str, str]:
    """The set of each file, as the tables that are split say it.

    Raises:
        CorpusError: a file is in two.
    """
    parts: dict[str, str] = {}
    for name, table in database.tables.items():
        part = _part(database, name, table)
        if not part or not table.is_filewise:
            continue
        for file in table.files:
            if parts.setdefault(file, part) != part:
                raise CorpusError(
                    f"{file} is both in {parts[file]} and, by the table {name}, in {part}: write "
                    ",split= behind the path to read no split"
                )
    return parts


def _part(database: Any, name: str, table: Any) -> str:
    """The set that a table is, by its split, or as it is called; or ""."""
    kind = database.splits[table.split_id].type if table.split_id else ""
    words = [kind] if kind else name.casefold().split(".")
    found = {NAMES[word] for word in words if word in NAMES}
    return found.pop() if len(found) == 1 else ""


def _text(cell: Any) -> str:
    return "" if cell is None or cell != cell or str(cell) == "<NA>" else str(cell).strip()
