"""Turn the rows of a user's own corpus into utterances, and refuse contradictory rows."""

import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from serbench import BadParameter, CorpusError, Utterance, refuse, refusing, tables
from serbench.escaping import shown
from serbench.protocols import speakers
from serbench.protocols.lookalike_names import alike, folded

SEXES = {
    **dict.fromkeys(("female", "f", "w", "woman"), "female"),
    **dict.fromkeys(("male", "m", "man"), "male"),
    **dict.fromkeys(("", "other", "unknown", "-", "n/a"), ""),
}
MISSING = (
    "nan",
    "NaN",
    "<NA>",
    "None",
    "null",
)  # missing values of pandas, Python and JSON as text
SINGLE = "write ,speakers=single behind the path"
ALWAYS = ("age",)  # attributes that are read wherever a column has their name
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories of characters that break lines or make two names look alike."""


@dataclass(frozen=True, slots=True)
class Row:
    """The description of one utterance as text; fields without text are ""."""

    where: str  # position in the description: "my.csv, line 7"
    path: str  # of the audio, relative to the corpus's folder or absolute
    label: str
    speaker: str
    id: str = ""  # name in results; "" derives it from the path
    sex: str = ""  # one of `SEXES`
    session: str = ""
    dialogue: str = ""
    split: str = ""  # part of the split
    sentence: str = ""
    repetition: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def attribute_names(written: str) -> tuple[str, ...]:
    """Return the attributes to read: those that a user separates by commas, and `ALWAYS`.

    Raises:
        BadParameter: one is a field of `Row`, which has a parameter of its own.
    """
    names = [name.strip() for name in written.split(",") if name.strip()]
    for name in names:
        if name in Row.__slots__:
            raise BadParameter(
                f"attributes names {name}, which is read anyway: leave it out, and write "
                f"{name}=COLUMN if its column has another name"
            )
    return tuple(dict.fromkeys((*names, *ALWAYS)))


@dataclass(frozen=True)
class Listing:
    """A corpus as its owner lists it."""

    # in the order of the list, with the paths of files that may be missing
    utterances: tuple[Utterance, ...]
    # from an utterance's id to the part that its owner wrote; empty without a split
    splits: Mapping[str, str]
    lines: Mapping[str, str]  # from an utterance's id to its position in the list
    remarks: tuple[str, ...] = ()  # lines about files that were left out

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({utterance.label for utterance in self.utterances}))

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))


def collect(
    rows: Iterable[Row], folder: Path, source: Path, *, remedy: str, single: bool
) -> Listing:
    """Collect the utterances that rows describe.

    Args:
        rows: one per utterance.
        folder: the corpus's folder, where relative paths start.
        source: the path of the list, for the messages.
        remedy: how the user can correct wrong speakers.
        single: the user says that every utterance has a different speaker.

    Raises:
        CorpusError: a row is incomplete, two rows contradict each other, all utterances have the
            same label, or the speakers are not people.
    """
    utterances: list[Utterance] = []
    splits: dict[str, str] = {}
    lines: dict[str, str] = {}
    paths: dict[str, str] = {}
    for row in rows:
        with refusing(row.where):
            _require_filled(row)
            relative = _relative(row.path, folder)
            if (earlier := paths.setdefault(relative, row.where)) != row.where:
                raise CorpusError(f"{row.where}: {row.path} is listed twice, first at {earlier}")
            utterance = _utterance(row, relative, folder)
            if utterance.id in lines:
                raise CorpusError(
                    f"{row.where}: two utterances have the id {utterance.id!r}, the first at "
                    f"{lines[utterance.id]}: give each utterance its own in a column id"
                )
            lines[utterance.id] = row.where
            splits[utterance.id] = row.split
            utterances.append(utterance)
    if not utterances:
        raise CorpusError(f"{source} lists no utterances: write one row per utterance")
    _check_labels(utterances, source)
    if all(splits[utterance.id] == utterance.speaker for utterance in utterances):
        refuse(CorpusError(f"{source}: the speakers are the names of the split's sets: {remedy}"))
    with refusing():
        speakers.require_people(utterances, str(source), single=single, mend=remedy, alone=SINGLE)
    sexes = _sexes(utterances, lines)
    # every utterance gets the sex that any row gives its speaker
    complete = tuple(replace(utterance, sex=sexes[utterance.speaker]) for utterance in utterances)
    return Listing(complete, splits if any(splits.values()) else {}, lines)


def _require_filled(row: Row) -> None:
    for name in ("path", "label", "speaker"):
        if not getattr(row, name):
            raise CorpusError(f"{row.where}: the {name} is empty; fill it in or delete the line")
    if row.label in MISSING:
        raise CorpusError(
            f"{row.where}: the label is {row.label}, the text for a missing value: fill it in or "
            "delete the line"
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
    _visible(row, "path")
    return Utterance(
        id=_visible(row, "id") or _id_of_path(row, relative),
        speaker=_visible(row, "speaker"),
        label=_visible(row, "label"),
        path=Path(os.path.join(folder, relative)),
        sex=SEXES[row.sex.casefold()],
        session=_visible(row, "session"),
        dialogue=_visible(row, "dialogue"),
        sentence=_visible(row, "sentence"),
        repetition=_visible(row, "repetition"),
        attributes={
            name: _composed(row, name, text)
            for name, text in row.attributes.items()
            if text and text not in MISSING
        },
    )


def _visible(row: Row, field: str) -> str:
    return _composed(row, field, getattr(row, field))


def _composed(row: Row, field: str, text: str) -> str:
    """Return text in Unicode's composed form, NFC; refuse invisible characters."""
    if not text.isprintable():
        for character in text:
            if unicodedata.category(character) in INVISIBLE:
                raise CorpusError(
                    f"{row.where}: the {field} '{shown(text, 60)}' contains the invisible "
                    f"character U+{ord(character):04X}: remove it"
                )
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _relative(path: str, folder: Path) -> str:
    """Return a path, with slashes; relative to the corpus's folder if the path is below it."""
    if "\\" in path and "/" not in path and not (folder / path).exists():
        path = path.replace("\\", "/")  # written on Windows
    path = os.path.normpath(os.path.expanduser(path) if path[0] == "~" else path)
    if os.path.isabs(path):
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        for candidate in (path, real):
            if candidate.startswith(f"{folder}{os.sep}"):
                return os.path.relpath(candidate, folder)
    return path


def _id_of_path(row: Row, relative: str) -> str:
    """Return the path of an utterance's file without its ending."""
    if relative.startswith((os.sep, os.pardir)):
        raise CorpusError(
            f"{row.where}: {row.path} is not below the folder of the corpus, so results would tell "
            "where your files are: add a column id with a name for each utterance, or move the "
            "table"
        )
    return unicodedata.normalize("NFC", posixpath.splitext(relative)[0])


def _check_labels(utterances: list[Utterance], source: Path) -> None:
    counts = Counter(utterance.label for utterance in utterances)
    if len(counts) < 2:
        error = CorpusError(
            f"{source} has one label, {min(counts)!r}, for all {len(utterances)} utterances, but "
            "needs at least two; is it the right column?"
        )
        refuse(error)
    for first, second in alike(counts, folded):
        error = CorpusError(
            f"{source}: the labels {first!r} ({counts[first]}) and {second!r} ({counts[second]}) "
            "differ only in upper and lower case: write one of them everywhere"
        )
        refuse(error, names=[second])


def _sexes(utterances: list[Utterance], lines: Mapping[str, str]) -> dict[str, str]:
    """Return each speaker's sex, or "" if no row gives it.

    Raises:
        CorpusError: a speaker has two sexes, or two speakers have almost the same name.
    """
    first: dict[str, Utterance] = {}
    for utterance in utterances:
        earlier = first.setdefault(utterance.speaker, utterance)
        if not earlier.sex:
            first[utterance.speaker] = utterance
        elif utterance.sex not in ("", earlier.sex):
            error = CorpusError(
                f"{lines[utterance.id]}: speaker {utterance.speaker} is {utterance.sex}, but "
                f"{earlier.sex} at {lines[earlier.id]}: is it the right column?"
            )
            refuse(error, names=[lines[utterance.id]])
    for name, other in alike(first, folded):
        error = CorpusError(
            f"{lines[first[other].id]}: the speakers {name!r} and {other!r} are written almost "
            "alike (upper and lower case, spaces, width of letters, 1 and 1.0): if one person has "
            "both, training and test could share a voice; use one spelling, or clearly different "
            "names"
        )
        refuse(error, names=[other])
    return {speaker: utterance.sex for speaker, utterance in first.items()}


def present(listing: Listing, source: Path) -> tuple[Utterance, ...]:
    """Return the utterances with the paths of their existing files.

    Raises:
        CorpusError: files are missing; the message counts them and names the first.
    """
    located = [_located(utterance) for utterance in listing.utterances]
    absent = [utterance for utterance in located if not os.path.isfile(str(utterance.path))]
    if not absent:
        return tuple(located)
    error = CorpusError(
        f"{len(absent)} of the {len(located)} files that {source} lists "
        f"{tables.are(len(absent))} missing, the first at {listing.lines[absent[0].id]}: "
        f"{absent[0].path}; paths are relative to the folder of the table"
    )
    ids = [utterance.id for utterance in absent]
    refuse(error, "missing", ids)
    without = set(ids)
    return tuple(replace(u, path=None) if u.id in without else u for u in located)


def _located(utterance: Utterance) -> Utterance:
    """Return the utterance with its path in the Unicode form of the file's name on the disk."""
    path = str(utterance.path)
    for form in () if path.isascii() or os.path.isfile(path) else ("NFC", "NFD"):
        other = Path(unicodedata.normalize(form, path))
        if other.is_file():
            return replace(utterance, path=other)
    return utterance
