"""From the rows of somebody's own corpus to its utterances, refusing what cannot be meant."""

import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from serbench.corpus import Utterance
from serbench.errors import CorpusError
from serbench.protocols import speakers
from serbench.text import alike, folded, shown

SEXES = {
    **dict.fromkeys(("female", "f", "w", "woman"), "female"),
    **dict.fromkeys(("male", "m", "man"), "male"),
    **dict.fromkeys(("", "other", "unknown", "-", "n/a"), ""),
}
ABSENT = ("nan", "NaN", "<NA>", "None", "null")  # of pandas, Python and JSON, made a text
ALONE = "write ,speakers=single behind the path"
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Characters that nobody sees: they break lines, or make two names look alike."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a corpus says of one utterance, as text.

    Attributes:
        where: it is said: "my.csv, line 7".
        path: of its audio, relative to the corpus's folder or absolute.
        label: its emotion.
        speaker: who speaks.
        id: "" makes it of the path.
        sex: see `SEXES`.
        session: or "".
        dialogue: or "".
        split: the set it is in, or "".
    """

    where: str
    path: str
    label: str
    speaker: str
    id: str = ""
    sex: str = ""
    session: str = ""
    dialogue: str = ""
    split: str = ""


@dataclass(frozen=True)
class Listed:
    """A corpus as its owner lists it.

    Attributes:
        utterances: in the order of the list, with the paths of files that need not be there.
        splits: of each utterance what its owner wrote for its set, by id; empty where nobody did.
        lines: where each utterance is listed, by id.
        remarks: lines on what was left out.
    """

    utterances: tuple[Utterance, ...]
    splits: Mapping[str, str]
    lines: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({one.label for one in self.utterances}))

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({one.speaker for one in self.utterances}))


def collected(
    rows: Iterable[Row], folder: Path, source: Path, *, mend: str, single: bool = False
) -> Listed:
    """The corpus that rows describe.

    Args:
        rows: one an utterance.
        folder: what paths are relative to.
        source: of the rows, for the messages.
        mend: what the user is told to do about wrong speakers.
        single: the user says that every utterance has a different speaker.

    Raises:
        CorpusError: a row is incomplete, two contradict each other, all have one label, or the
            speakers are not people.
    """
    utterances: list[Utterance] = []
    splits: dict[str, str] = {}
    lines: dict[str, str] = {}
    paths: dict[str, str] = {}
    for row in rows:
        _require_filled(row)
        relative = _relative(row.path, folder)
        if (before := paths.setdefault(relative, row.where)) != row.where:
            raise CorpusError(f"{row.where}: {row.path} is listed twice, before at {before}")
        made = _utterance(row, relative, folder)
        if made.id in lines:
            raise CorpusError(
                f"{row.where}: the id {made.id!r} is there twice, before at {lines[made.id]}: "
                "give each utterance its own in a column id"
            )
        lines[made.id] = row.where
        splits[made.id] = row.split
        utterances.append(made)
    _check_labels(utterances, source)
    if all(splits[one.id] == one.speaker for one in utterances):
        raise CorpusError(f"{source}: the speakers are the sets of the split: {mend}")
    speakers.require_people(utterances, str(source), single=single, mend=mend, alone=ALONE)
    sexes = _check_speakers(utterances, lines)
    told = tuple(
        one if one.sex == sexes[one.speaker] else replace(one, sex=sexes[one.speaker])
        for one in utterances
    )
    return Listed(told, splits if any(splits.values()) else {}, lines)


def _require_filled(row: Row) -> None:
    for name in ("path", "label", "speaker"):
        if not getattr(row, name):
            raise CorpusError(f"{row.where}: the {name} is empty; fill it in or delete the line")
    if row.label in ABSENT:
        raise CorpusError(
            f"{row.where}: the label is {row.label}, as programs write what is missing; fill it in "
            "or delete the line"
        )
    if speakers.is_missing(row.speaker):
        raise CorpusError(
            f"{row.where}: the speaker is '{shown(row.speaker, 20)}', which stands for a missing "
            "name: write who speaks, or leave the utterance out"
        )
    if row.sex.casefold() not in SEXES:
        raise CorpusError(
            f"{row.where}: the sex is '{shown(row.sex, 20)}', but must be female, male or empty"
        )


def _utterance(row: Row, relative: str, folder: Path) -> Utterance:
    _seen(row.where, "path", row.path)
    return Utterance(
        id=_seen(row.where, "id", row.id) or _named(row.where, row.path, relative),
        speaker=_seen(row.where, "speaker", row.speaker),
        label=_seen(row.where, "label", row.label),
        path=Path(os.path.join(folder, relative)),
        sex=SEXES[row.sex.casefold()],
        session=_seen(row.where, "session", row.session),
        dialogue=_seen(row.where, "dialogue", row.dialogue),
    )


def _seen(where: str, name: str, text: str) -> str:
    """The text with its accents written in one way, once everybody can see all of it."""
    if not text.isprintable():
        for one in text:
            if unicodedata.category(one) in UNSEEN:
                raise CorpusError(
                    f"{where}: the {name} '{shown(text, 60)}' holds the control character "
                    f"U+{ord(one):04X}: remove it"
                )
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _relative(path: str, folder: Path) -> str:
    """The path from the corpus's folder, where it is below it; with slashes."""
    if "\\" in path and "/" not in path and not (folder / path).exists():
        path = path.replace("\\", "/")  # as Windows writes it
    path = os.path.normpath(os.path.expanduser(path) if path[0] == "~" else path)
    if os.path.isabs(path):
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        below = [one for one in (path, real) if one.startswith(f"{folder}{os.sep}")]
        path = os.path.relpath(below[0], folder) if below else path
    return path


def _named(where: str, path: str, relative: str) -> str:
    """The id of an utterance: the path of its file without its ending."""
    if relative.startswith((os.sep, os.pardir)):
        raise CorpusError(
            f"{where}: {path} is not below the folder of the corpus, so results would tell where "
            "your files are: add a column id with a name for each utterance, or move the table"
        )
    return unicodedata.normalize("NFC", posixpath.splitext(relative)[0])


def _check_labels(utterances: list[Utterance], source: Path) -> None:
    if not utterances:
        raise CorpusError(f"{source} lists no utterance: it needs a row for each")
    counts = Counter(one.label for one in utterances)
    if len(counts) < 2:
        raise CorpusError(
            f"{source} has one label, {min(counts)!r}, for all {len(utterances)} utterances: to "
            "tell emotions apart takes two or more; is it the right column?"
        )
    for first, second in alike(counts, folded):
        raise CorpusError(
            f"{source}: the labels {first!r} ({counts[first]}) and {second!r} ({counts[second]}) "
            "differ in upper and lower case alone: write one of them everywhere"
        )


def _check_speakers(utterances: list[Utterance], lines: Mapping[str, str]) -> dict[str, str]:
    """Each speaker's sex, as far as it is told.

    Raises:
        CorpusError: a speaker has two, or two speakers are called almost alike.
    """
    first: dict[str, Utterance] = {}
    for one in utterances:
        known = first.setdefault(one.speaker, one)
        if not known.sex:
            first[one.speaker] = one
        elif one.sex not in ("", known.sex):
            raise CorpusError(
                f"{lines[one.id]}: speaker {one.speaker} is {one.sex}, but {known.sex} at "
                f"{lines[known.id]}: is it the right column?"
            )
    for name, other in alike(first, folded):
        raise CorpusError(
            f"{lines[first[other].id]}: the speakers {name!r} and {other!r} are written almost "
            "alike (upper and lower case, spaces, width of letters, 1 and 1.0): if they are one, "
            "training and test would share a voice; write them alike, or tell them apart"
        )
    return {speaker: one.sex for speaker, one in first.items()}


def present(found: Listed, source: Path) -> tuple[Utterance, ...]:
    """The utterances, once all their files are there.

    Raises:
        CorpusError: how many are not, and the first.
    """
    there = [_there(one) for one in found.utterances]
    absent = [one for one, is_there in zip(found.utterances, there, strict=True) if not is_there]
    if absent:
        raise CorpusError(
            f"{len(absent)} of the {len(found.utterances)} files that {source} lists are not "
            f"there, the first at {found.lines[absent[0].id]}: {absent[0].path}; paths are "
            "relative to the folder of the table"
        )
    return tuple(filter(None, there))


def _there(utterance: Utterance) -> Utterance | None:
    """The utterance, if its file is there; letters with accents have two spellings on disks."""
    path = utterance.path
    assert path is not None, "it was just made of a path"
    if os.path.isfile(path):
        return utterance
    for form in () if str(path).isascii() else ("NFC", "NFD"):
        other = Path(unicodedata.normalize(form, str(path)))
        if other.is_file():
            return replace(utterance, path=other)
    return None
