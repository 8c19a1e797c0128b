"""The dataset `audformat`: any audformat database, `audformat:DIR` with db.yaml and tables."""

import contextlib
import difflib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from serbench import CorpusError, SerbenchError, refuse
from serbench_corpora.own.corpus import OwnCorpus
from serbench_corpora.own.listing import ALWAYS, Listing, Row, attribute_names
from serbench_corpora.own.split import NAMES

HEADER = "db.yaml"
TABLES = (".csv", ".parquet")
SCHEME = "name the scheme of the speakers with ,speaker=SCHEME behind the path"


class Audformat(OwnCorpus):
    """Reads the files for which an audformat database has labels.

    Tables of segments are refused. The parameters from label to split name a scheme, a column or a
    key of a scheme's labels, as `audformat.Database.get` finds them; "" reads none.

    Attributes:
        label: the emotion.
        speaker: the speaker.
        sex: female or male; by default, a scheme gender is read too.
        session: the recording session.
        dialogue: the conversation that the utterance is a turn of.
        split: the set; without this scheme, the tables' splits or names give the sets, for example
            emotion.train, emotion.dev and emotion.test.
        sentence: what is said, a text or its number.
        repetition: the take of this sentence.
        attributes: more schemes, separated by commas; reports score the groups of each. The scheme
            age is always read.
        speakers: single if every utterance really has a different speaker.
        table: the tables to read, separated by commas; "" reads all tables with the emotion.
    """

    _partial = True

    def __init__(  # noqa: PLR0913 - its schemes
        self,
        label: str = "emotion",
        speaker: str = "speaker",
        sex: str = "sex",
        session: str = "session",
        dialogue: str = "dialogue",
        split: str = "split",
        sentence: str = "sentence",
        repetition: str = "repetition",
        attributes: str = "",
        table: str = "",
        speakers: Literal["several", "single"] = "several",
    ) -> None:
        self.speakers = speakers
        self._label, self._speaker, self._table = label, speaker, table
        self._others = {
            "sex": sex,
            "session": session,
            "dialogue": dialogue,
            "split": split,
            "sentence": sentence,
            "repetition": repetition,
        }
        self._attributes = attribute_names(attributes)

    def _read(self, place: Path) -> Listing:
        with _opened(place) as database:
            try:
                rows = list(self._rows(database, place))
            except SerbenchError:
                raise
            except Exception as error:  # the library raises many types for broken files
                raise _unreadable(place, error) from error
        return self._collect(rows, place, place, SCHEME)

    def _rows(self, database: Any, place: Path) -> Iterator[Row]:
        names = {"speaker": self._speaker, **self._others}
        if names["sex"] == "sex":
            names["gender"] = "gender"  # the scheme's name in older databases
        schemes = {name: scheme for name, scheme in names.items() if scheme}
        tables = self._tables(database, place)
        wanted = dict.fromkeys((*schemes.values(), *self._attributes))
        frame = database.get(self._label, list(wanted), tables=tables)
        if frame.empty or self._label not in frame:
            raise CorpusError(_missing(database, self._label, "label", place))
        if frame[self._speaker].isna().all():
            raise CorpusError(
                f"{_missing(database, self._speaker, 'speaker', place)}; without speakers, a voice "
                "in both training and test would go unnoticed"
            )
        if unlabelled := int(frame[self._label].isna().sum()):
            error = CorpusError(
                f"{place} has no {self._label!r} for {unlabelled} of {len(frame)} files: name "
                "tables that have it for all their files with ,table=NAME behind the path"
            )
            refuse(error)
        for name in self._attributes:
            if name not in ALWAYS and frame[name].isna().all():
                raise CorpusError(_missing(database, name, "attributes", place))
        frame = frame.astype(object).where(frame.notna(), "")
        parts = _parts(database) if self._others["split"] else {}
        for file, cells in zip(frame.index, frame.itertuples(index=False), strict=True):
            texts = (str(cell).strip() for cell in cells)
            row = dict(zip(frame.columns, texts, strict=True))
            fields = {name: row[scheme] for name, scheme in schemes.items()}
            gender = fields.pop("gender", "")
            fields["sex"] = fields.get("sex") or gender
            fields["split"] = fields.get("split") or parts.get(file, "")
            # pandas turns whole numbers into floats if one is missing: 31.0
            attributes = {name: row[name].removesuffix(".0") for name in self._attributes}
            where = f"{place.name}, {file}"
            yield Row(where, file, row[self._label], attributes=attributes, **fields)

    def _tables(self, database: Any, place: Path) -> list[str]:
        """Return the named tables, else all with the emotion; refuse tables of segments."""
        named = [name.strip() for name in self._table.split(",") if name.strip()]
        for name in named:
            if name not in database.tables:
                tables = ", ".join(database.tables)
                raise CorpusError(f"{place} has no table {name!r}: its tables are {tables}")
        chosen = named or [name for name in database.tables if self._has_label(database, name)]
        filewise = [name for name in chosen if database.tables[name].is_filewise]
        if (named and filewise != named) or (chosen and not filewise):
            segmented = next(name for name in chosen if name not in filewise)
            raise CorpusError(
                f"{place}: the table {segmented} labels segments of files, but an utterance must "
                "be a whole file: write segments as files with audformat.utils.to_filewise_index"
            )
        return filewise

    def _has_label(self, database: Any, table: str) -> bool:
        """Return whether a table has the emotion as scheme, column or key of a scheme's labels."""
        for name, column in database.tables[table].columns.items():
            if self._label in (name, column.scheme_id):
                return True
            labels = getattr(column.scheme, "labels", None)
            values = labels.values() if isinstance(labels, dict) else ()
            if any(isinstance(value, dict) and self._label in value for value in values):
                return True
        return False


@contextlib.contextmanager
def _opened(place: Path) -> Iterator[Any]:
    """Open the database without its parts that could run code: Python tags and pickles."""
    import audformat  # takes two seconds, with pandas

    _check_header(place)
    with tempfile.TemporaryDirectory() as name:
        # the library reads a pickle rather than a table, so give it a folder without pickles
        for path in sorted(place.iterdir()):
            if path.name == HEADER or (path.name.startswith("db.") and path.suffix in TABLES):
                try:
                    (Path(name) / path.name).symlink_to(path)
                except OSError:  # Windows allows links to developers only
                    shutil.copyfile(path, Path(name) / path.name)
        try:
            database = audformat.Database.load(name, load_data=False)
        except Exception as error:  # the library raises many types for broken files
            raise _unreadable(place, error) from error
        yield database


def _check_header(place: Path) -> None:
    import yaml  # which audformat requires

    header = place / HEADER
    if not header.is_file():
        raise CorpusError(
            f"audformat: there is no {header}: name the folder of a database, as in "
            "audformat:DIR, or with --data"
        )
    try:
        if not isinstance(yaml.safe_load(header.read_text("utf-8")), dict):
            raise CorpusError(f"{header} is not the header of a database: it must be a mapping")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{header} is not plain YAML, so it is not read: {' '.join(str(error).split())}"
        ) from error


def _unreadable(place: Path, error: Exception) -> CorpusError:
    reason = re.sub(r"\S*/db\.", f"{place}/db.", " ".join(str(error).split()))
    if any(place.glob("db.*.pkl")):
        reason += "; tables that exist only as pickles are not read: save them as csv or parquet"
    return CorpusError(f"audformat cannot read {place}: {type(error).__name__}: {reason}")


def _missing(database: Any, scheme: str, parameter: str, place: Path) -> str:
    columns = {name for table in database.tables for name in database.tables[table].columns}
    names = sorted({*database.schemes, *columns})
    (meant,) = difflib.get_close_matches(scheme, names, n=1) or ["NAME"]
    return (
        f"{place} has no {scheme!r} for whole files (schemes and columns: {', '.join(names)}): "
        f"write ,{parameter}={meant} behind the path"
    )


def _parts(database: Any) -> Mapping[str, str]:
    """Return the part of each file by the splits or names of its tables.

    Raises:
        CorpusError: a file is in two parts.
    """
    parts: dict[str, str] = {}
    for name, table in database.tables.items():
        kind = database.splits[table.split_id].type if table.split_id else ""
        terms = [kind] if kind else name.casefold().split(".")
        named = {NAMES[term] for term in terms if term in NAMES}
        if len(named) != 1 or not table.is_filewise:
            continue
        (part,) = named
        for file in table.files:
            if parts.setdefault(file, part) != part:
                raise CorpusError(
                    f"{file} is both in {parts[file]} and, by the table {name}, in {part}: write "
                    ",split= behind the path to read no split"
                )
    return parts
