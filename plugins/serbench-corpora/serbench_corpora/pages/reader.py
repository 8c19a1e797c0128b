"""Read the corpus that a page describes from the names of its files, and compare its counts."""

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn

from serbench import Corpus, CorpusError, Utterance, mention, nearest, refuse, refusing
from serbench.files import file_digest
from serbench_corpora import audio_tree
from serbench_corpora.own.audio_folder import AUDIO, UNREAD
from serbench_corpora.own.listing import SEXES
from serbench_corpora.pages.page import GROUPS, PLACE, Page

Row = Mapping[str, str]
"""What the table of a corpus says about an utterance, by group."""


@dataclass
class Names:
    """The files of a corpus, sorted by what the page says about their names."""

    utterances: dict[str, tuple[str, Utterance]] = field(default_factory=dict)  # by id, with name
    again: list[tuple[str, str]] = field(default_factory=list)  # files of one id, the first kept
    foreign: list[str] = field(default_factory=list)  # files that do not fit the pattern
    dropped: Counter[str] = field(default_factory=Counter)  # files by the pattern in `Page.drop`


def sort(page: Page, names: Iterable[str], rows: Mapping[str, Row] | None = None) -> Names:
    """Sort files by their names; open none.

    Args:
        page: what names mean.
        names: paths below the corpus's folder, with slashes and endings.
        rows: the page's table, from `read_table`.

    Raises:
        CorpusError: a name is one that the page refuses, a file has no row in the table, or a code
            has no word on the page.
    """
    sorted_names = Names()
    for name in names:
        with refusing(name):
            _add(sorted_names, page, name, rows or {})
    return sorted_names


def _add(names: Names, page: Page, name: str, rows: Mapping[str, Row]) -> None:
    """Add a file to the sorted ones."""
    written = unicodedata.normalize("NFC", name).rpartition(".")[0]
    bare = _renamed(page, written)
    if glob := _fitting(bare, page.refuse):
        raise CorpusError(f"{page.name}: {name} must not be there: {page.refuse[glob]}")
    if glob := _fitting(bare, page.drop):
        names.dropped[glob] += 1
        return
    match = page.pattern.fullmatch(bare)
    if match is None:
        names.foreign.append(name)
        return
    groups = {group: text for group, text in match.groupdict().items() if text is not None}
    stem = bare.rpartition("/")[2]
    if page.table:
        row = _id(page, stem, groups) if PLACE.search(page.table.key) else stem
        groups |= _row(page, rows, name, row)
    utterance = _utterance(page, name, stem, groups)
    kept, _ = names.utterances.setdefault(utterance.id, (name, utterance))
    if kept != name:
        names.again.append((kept, name))
    if bare != written:
        mention("misnamed", [name])


def _renamed(page: Page, bare: str) -> str:
    for wrong, right in page.rename.items():
        if bare == wrong or bare.endswith(f"/{wrong}"):
            return bare.removesuffix(wrong) + right
    return bare


def _fitting(bare: str, globs: Mapping[str, str]) -> str:
    """Return the first pattern that fits the end of a path, "" if none does."""
    return next((glob for glob in globs if fnmatchcase(f"/{bare}", f"*/{glob}")), "")


def _id(page: Page, stem: str, groups: Mapping[str, str]) -> str:
    if page.id:
        return PLACE.sub(lambda place: groups.get(place[1], ""), page.id)
    return groups.get("id", stem)


def _row(page: Page, rows: Mapping[str, Row], name: str, key: str) -> Row:
    row = rows.get(key)
    if row is None:
        assert page.table is not None
        raise CorpusError(
            f"{page.name}: {name} has no row in the table {', '.join(page.table.files.values())}: "
            "use the table of the same edition as the audio"
        )
    return row


def _utterance(page: Page, name: str, stem: str, groups: dict[str, str]) -> Utterance:
    key = _id(page, stem, groups)
    label = page.labels.get(code := groups.get("label", ""))
    if label is None:
        _unknown(name, "labels", code, page.labels)
    for group, words in page.words.items():
        if group in groups:
            if groups[group] not in words:
                _unknown(name, f"words.{group}", groups[group], words)
            groups[group] = words[groups[group]]
    speaker = groups.get("speaker", "")
    speaker = "" if speaker in page.unknown_speakers else speaker
    known = page.speakers.get(speaker, {})
    if page.speakers and speaker and not known:
        _unknown(name, "speaker", speaker, page.speakers)
    sex = known.get("sex") or groups.get("sex", "")
    if sex.casefold() not in SEXES:
        raise CorpusError(
            f"{name} has the sex {sex!r}: map it to female or male in [words.sex] of the page"
        )
    attributes = {group: text for group, text in groups.items() if group not in GROUPS}
    attributes |= {group: text for group, text in known.items() if group != "sex"}
    attributes |= {"split": groups["split"]} if "split" in groups else {}
    fields = {
        group: groups.get(group, "") for group in ("session", "dialogue", "sentence", "repetition")
    }
    return Utterance(
        key, speaker, label, sex=SEXES[sex.casefold()], attributes=attributes, **fields
    )


def _unknown(name: str, table: str, code: str, known: Mapping[str, str]) -> NoReturn:
    unknown = nearest("code", code, list(known), where=f"in [{table}] of the page")
    raise CorpusError(f"{name}: {unknown}; add it to the page, or narrow the pattern")


def of_names(page: Page, names: Sequence[str]) -> Corpus:
    """Return an utterance for each name of a file that fits the page; its id is the name.

    Args:
        page: what names mean.
        names: paths of files, or their ends, with or without endings.

    Raises:
        CorpusError: the page has a table, refuses a name, or no name fits.
    """
    if page.table:
        raise CorpusError(
            f"{page.name}: names of files do not say everything: the page needs its table "
            f"{', '.join(page.table.files.values())}{_how(page)}"
        )
    utterances = []
    for name in names:
        full = name if name.lower().endswith(AUDIO + UNREAD) else f"{name}.wav"
        for _, utterance in sort(page, [full]).utterances.values():
            utterances.append(replace(utterance, id=name))
    if not utterances:
        example = f", such as {page.example}" if page.example else ""
        raise CorpusError(
            f"{page.name}: none of {len(names)} names, such as {names[0]!r}, is a file of the "
            f"corpus{example}: write names as in the corpus"
        )
    return Corpus(page.name, tuple(dict.fromkeys(page.labels.values())), tuple(utterances), "raw")


# ---- on the disk ----


def read(page: Page, root: Path) -> Corpus:
    """Read the corpus below a folder.

    Raises:
        CorpusError: the corpus is missing or incomplete, or a file contradicts the page.
    """
    try:
        paths = dict(_files(page, root)) if root.is_dir() else {}
        rows = read_table(page, root) if page.table and paths else None
        names = sort(page, paths, rows)
        mention("stray", names.foreign)
        if not names.utterances:
            raise missing(page, root, names)
        _require_copies(page, root, names)
        small = [
            root / name for name, _ in names.utterances.values() if paths[name] < audio_tree.SMALL
        ]
        audio_tree.refuse_empty(page.name, root, small)
    except OSError as error:
        raise audio_tree.unreadable(page.name, error) from error
    _require_decodable(page, names)
    utterances = [replace(u, path=root / name) for name, u in names.utterances.values()]
    require_counts(page, root, utterances, names)
    labels = tuple(dict.fromkeys(page.labels.values()))
    remarks = tuple(_remarks(page, names, utterances))
    return Corpus(page.name, labels, tuple(utterances), "raw", remarks)


def _files(page: Page, root: Path) -> Iterator[tuple[str, int]]:
    """Yield path below the root and size of every audio or video file, near ones first.

    A file that cannot be decoded is left out if audio of the same name is beside it.
    """
    entries = {
        (folder / entry.name).relative_to(root).as_posix(): entry.stat().st_size
        for folder, entry in audio_tree.files(root, AUDIO + UNREAD, page.skip)
    }
    decoded = {name.rpartition(".")[0] for name in entries if name.lower().endswith(AUDIO)}
    for name in sorted(entries, key=lambda name: (name.count("/"), name)):
        if name.lower().endswith(AUDIO) or name.rpartition(".")[0] not in decoded:
            yield name, entries[name]


def read_table(page: Page, root: Path) -> Mapping[str, Row]:
    """Read the table of a corpus: from the name of a file without its ending, or id, to its groups.

    Raises:
        CorpusError: it is missing, lacks a column, or has two rows for one file.
    """
    assert page.table is not None
    rows: dict[str, Row] = {}
    for word, file in page.table.files.items():
        name = file.rpartition("/")[2].lower()
        found = [
            folder / entry.name for folder, entry in audio_tree.files(root, (name,), page.skip)
        ]
        paths = [path for path in found if f"/{path.as_posix()}".endswith(f"/{file}")]
        nearest_one = min(paths, key=lambda path: (len(path.parts), path), default=root / file)
        _read_rows(page, word, nearest_one, rows)
    return rows


def _read_rows(page: Page, word: str, path: Path, rows: dict[str, Row]) -> None:
    """Add the rows of one file of the table to `rows`."""
    assert page.table is not None
    table, places = page.table, PLACE.findall(page.table.key)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            names = [*(reader.fieldnames or ()), *(["file"] if places else [])]
            for column in (*(places or [table.key]), *table.columns.values()):
                if column not in names:
                    raise CorpusError(
                        f"{page.name}: {nearest('column', column, names, where=f'in {path}')}"
                    )
            for row in reader:
                if places:
                    row["file"] = word
                    key = PLACE.sub(lambda place, row=row: row[place[1]] or "", table.key)
                else:
                    name = row[table.key].strip().replace("\\", "/").rpartition("/")[2]
                    audio = name.lower().endswith(AUDIO + UNREAD)
                    key = os.path.splitext(name)[0] if audio else name
                if key in rows:
                    error = CorpusError(
                        f"{path}, line {reader.line_num}: {key} has two rows: keep one of them"
                    )
                    refuse(error, names=[key])
                    continue
                rows[key] = {group: row[column] for group, column in table.columns.items()}
    except FileNotFoundError as error:
        raise CorpusError(
            f"{page.name} is incomplete: there is no table {path}, which the page reads{_how(page)}"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is not a CSV in UTF-8 ({error}): get it again") from error


def _how(page: Page) -> str:
    """Return how to get the corpus as the end of a message; "" if the page does not say."""
    return page.about.obtain and f": {page.about.obtain}"


def missing(page: Page, root: Path, names: Names) -> CorpusError:
    """Return the error for a folder without any file of the corpus."""
    if names.foreign:
        return CorpusError(
            f"{page.name}: no file under {root} matches the pattern of its page: "
            f"{audio_tree.listed(names.foreign)}; correct the pattern, or name the corpus's folder "
            "with --data DIR"
        )
    return audio_tree.missing(page.name, root, page.about, page.example)


def _require_copies(page: Page, root: Path, names: Names) -> None:
    """Refuse two files of one utterance, unless they are the same byte for byte."""
    for kept, other in names.again:
        first, second = root / kept, root / other
        if first.stat().st_size == second.stat().st_size and file_digest(first) == file_digest(
            second
        ):
            continue
        error = CorpusError(
            f"{page.name}: {first} and {second} are different files of one utterance: keep one of "
            "them"
        )
        refuse(error, "duplicate", [other])


def _require_decodable(page: Page, names: Names) -> None:
    unread = [n for n, _ in names.utterances.values() if n.lower().endswith(UNREAD)]
    if unread:
        how = page.convert or "write them as wav or flac, for example with ffmpeg"
        error = CorpusError(
            f"{page.name}: {_files_of(len(unread))} cannot be decoded "
            f"({audio_tree.listed(unread)}): {how}"
        )
        refuse(error)


# ---- counts ----


def require_counts(page: Page, root: Path, utterances: Iterable[Utterance], names: Names) -> None:
    """Compare the numbers of utterances with those of the page.

    Raises:
        CorpusError: the message says which label and which speaker has too few or too many.
    """
    counted = Counter(utterance.label for utterance in utterances)
    spoken = Counter(utterance.speaker for utterance in utterances if utterance.speaker)
    counts, total = page.counts, counted.total()
    differing = {
        noun: audio_tree.wrong_counts(expected, found)
        for noun, expected, found in (
            ("label", counts.label, counted),
            ("speaker", counts.speaker, spoken),
        )
        if expected
    }
    wrong = [f"{noun} {audio_tree.listed(parts)}" for noun, parts in differing.items() if parts]
    if counts.speakers not in (0, len(spoken)):
        wrong.append(f"{len(spoken)} of {counts.speakers} speakers")
    if not wrong and total == (counts.utterances or total):
        return
    foreign = ""
    if names.foreign:
        has = "has a name" if len(names.foreign) == 1 else "have names"
        foreign = (
            f"; {_files_of(len(names.foreign))} {has} that the pattern does not match "
            f"({audio_tree.listed(names.foreign)})"
        )
    short = f" ({'; '.join(wrong)})" if wrong else ""
    kind = "is incomplete" if total < counts.utterances else "is not the corpus of its page"
    remedy = "add or remove files, or correct the counts of the page"
    if page.about.obtain:
        remedy = f"compare your copy with the published one: {page.about.obtain}"
    error = CorpusError(
        f"{page.name} {kind}: {root} has {total} of {counts.utterances} utterances{short}"
        f"{foreign}: {remedy}"
    )
    each = [f"{noun} {part}" for noun, parts in differing.items() for part in parts]
    refuse(error, "counts", each or [f"{total} of {counts.utterances} utterances"])


def _remarks(page: Page, names: Names, utterances: Iterable[Utterance]) -> Iterator[str]:
    if names.again:
        yield (
            f"{_files_of(len(names.again))} left out as copies of others: "
            f"{audio_tree.listed([other for _, other in names.again])}"
        )
    for glob, count in names.dropped.items():
        yield f"{_files_of(count)} left out, {glob}: {page.drop[glob]}"
    if names.foreign:
        yield (
            f"{_files_of(len(names.foreign))} left out, since the pattern does not match: "
            f"{audio_tree.listed(names.foreign)}"
        )
    if unknown := sum(not utterance.speaker for utterance in utterances):
        yield f"{unknown} utterances have no known speaker: they are only trained on"


def _files_of(count: int) -> str:
    return f"{count} file" + "s" * (count != 1)
