"""A page of TOML that describes a corpus by the names of its files."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args
from unicodedata import normalize

from serbench import About, BadParameter, CorpusError, LabelSet, SerbenchError, nearest
from serbench.files import digest
from serbench_corpora.pages.fields import Fields
from serbench_corpora.subsets import ALL, Subset

Kind = Literal["disjoint", "declared", "refused"]

GROUPS = ("id", "label", "speaker", "sex", "session", "dialogue", "sentence", "repetition", "split")
"""The named groups with a meaning; every other named group is an attribute."""

SEXES = ("female", "male")
ABOUT = ("title", "licence", "size", "home", "obtain", "cite")
PROSE = (*ABOUT, "summary", "language", "convert", "example", "share_labels")
KEYS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(PROSE, ()),
    "pattern": (),
    "id": (),
    "utterances": (),
    "speakers": (),
    "labels": (),
    "label_sets": (),
    "subsets": (),
    "words": (),
    "speaker": (),
    "unknown_speakers": (),
    "counts": ("label", "speaker"),
    "table": ("file", "files", "key", "columns"),
    "skip": (),
    "rename": (),
    "drop": (),
    "refuse": (),
    "protocol": ("kind", "default", "reason"),
}
"""From each key to the keys of its table; () if it is no table, or one with keys of any name."""

PLACE = re.compile(r"\{(\w*)\}")  # of a group in the template of the id


@dataclass(frozen=True)
class Counts:
    """How many utterances the published corpus has: in all, of each label and of each speaker.

    Attributes:
        utterances: in all, without those of `drop`; 0 if the page does not say.
        speakers: the number of speakers; 0 if the page does not say.
        label: of each label, in the corpus's words; empty if the page does not say.
        speaker: of each speaker; empty if the page does not say.
    """

    utterances: int = 0
    speakers: int = 0
    label: Mapping[str, int] | None = None
    speaker: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Table:
    """CSVs of the corpus with a row per utterance, for what the names of the files do not say.

    Attributes:
        files: from a word to the end of the file's path; the word of a single file is "".
        key: the column with the names of the files; or, with columns in braces, the utterance's
            id: "{file}_dia{Dialogue_ID}", where "{file}" is the file's word.
        columns: from each group to its column.
    """

    files: Mapping[str, str]
    key: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Rule:
    """The protocol of a corpus that is used unless the user names one.

    Attributes:
        kind: "disjoint" if no speaker is in two sets; "declared" if one is, so that runs are never
            ranked; "refused" if no protocol can be chosen.
        default: its name; "" if refused.
        reason: why it is not disjoint, or "".
    """

    kind: Kind
    default: str
    reason: str = ""


@dataclass(frozen=True)
class Page:
    """A corpus as its page describes it; see `docs/corpus-pages.md` for the keys.

    Attributes:
        name: the name of the file without its ending.
        stored: the whole page as it was parsed.
        labels: from the code of each label in names and tables to the label, in order.
        words: for each other group whose codes have words: from code to word.
        speakers: from each speaker to its attributes, "sex" among them; empty if not listed.
        skip: names of folders that are not searched, composed (NFC) and in lower case.
        rename: from a wrong name below the corpus's folder to the right one, without endings.
        subsets: the named parts of the corpus.
        drop: from a pattern of names, as in a shell, to the reason why they are left out.
        refuse: from a pattern of names to the reason why a copy with such a file is refused.
        convert: the command that makes wav files of video or other unreadable media, or "".
        example: a file of the corpus, or "".
    """

    name: str
    stored: Mapping[str, Any]
    about: About
    summary: str
    language: str
    pattern: re.Pattern[str]  # of a path without its ending, with any folders in front
    id: str  # with groups in braces: "{speaker}_{sentence}"; "" is the group id, or the file's name
    labels: Mapping[str, str]
    label_sets: Mapping[str, LabelSet]
    subsets: Mapping[str, Subset]
    words: Mapping[str, Mapping[str, str]]
    speakers: Mapping[str, Mapping[str, str]]
    unknown_speakers: tuple[str, ...]
    counts: Counts
    protocol: Rule
    table: Table | None
    skip: tuple[str, ...]
    rename: Mapping[str, str]
    drop: Mapping[str, str]
    refuse: Mapping[str, str]
    convert: str
    example: str
    shares_labels: bool

    @cached_property
    def digest(self) -> str:
        """The sha256 of all that decides what is read; prose, comments and layout do not count.

        Nor do subsets, of which a dataset has one at most.
        """
        left_out = (*PROSE, "subsets")
        return digest({key: value for key, value in self.stored.items() if key not in left_out})

    @property
    def groups(self) -> tuple[str, ...]:
        """The named groups of the pattern and of the table."""
        return (*self.pattern.groupindex, *(self.table.columns if self.table else ()))

    @property
    def n_labels(self) -> int:
        """The number of labels in the default label set."""
        return len(set(next(iter(self.label_sets.values())).values()))


def read(path: Path, default_set: str) -> Page:
    """Read a page.

    Args:
        path: the file.
        default_set: the name of the label set with all labels.

    Raises:
        CorpusError: the file is missing, or not TOML in UTF-8.
        BadParameter: a key is unknown, has the wrong type, or contradicts another.
    """
    try:
        stored = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CorpusError(
            f"there is no page {path}: give its path after the colon, as in toml:my.toml"
        ) from error
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not text in UTF-8 ({error.reason}): save it again") from error
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"{path} is not TOML: {error}") from error
    try:
        return parse(stored, path.stem, default_set)
    except SerbenchError as error:
        raise type(error)(f"{path.name}: {error}") from error


def parse(stored: Mapping[str, Any], name: str, default_set: str) -> Page:
    """Return the page of a parsed file, every key of it checked.

    Raises:
        BadParameter: see `read`.
    """
    fields = Fields(stored)
    fields.require_known(KEYS)
    prose = {key: fields.text(key, name if key == "title" else "") for key in ABOUT}
    pattern = _pattern(fields)
    table = _table(fields)
    columns = table.columns if table else {}
    words = {key: fields.texts(f"words.{key}") for key in fields.keys_of("words")}
    page = Page(
        name=name,
        stored=stored,
        about=About(**prose),
        summary=fields.text("summary", ""),
        language=fields.text("language", ""),
        pattern=pattern,
        id=fields.text("id", ""),
        labels=_labels(fields),
        label_sets={},
        subsets={name: fields.lists(f"subsets.{name}") for name in fields.keys_of("subsets")},
        words=words,
        speakers=_speakers(fields),
        unknown_speakers=fields.list("unknown_speakers"),
        counts=_counts(fields),
        protocol=_rule(fields, {*pattern.groupindex, *columns}),
        table=table,
        skip=tuple(normalize("NFC", folder).lower() for folder in fields.list("skip")),
        rename=fields.texts("rename"),
        drop=fields.texts("drop"),
        refuse=fields.texts("refuse"),
        convert=fields.text("convert", ""),
        example=fields.text("example", ""),
        shares_labels=fields.flag("share_labels"),
    )
    page = _with_label_sets(page, fields, default_set)
    _check(page)
    return page


def _pattern(fields: Fields) -> re.Pattern[str]:
    written = fields.text("pattern")
    try:
        return re.compile(rf"(?:.*/)?(?:{written})")
    except re.error as error:
        raise BadParameter(
            f"pattern is not a regular expression: {error}; write one such as "
            r"'(?P<speaker>\d\d)_(?P<label>[a-z]+)'"
        ) from error


def _labels(fields: Fields) -> Mapping[str, str]:
    if fields.is_list("labels"):
        labels = {label: label for label in fields.list("labels")}
    else:
        labels = dict(fields.texts("labels"))
    if len(set(labels.values())) < 2:
        raise BadParameter(
            'labels must name two or more: labels = ["angry", "sad"], or a table [labels] from '
            'codes to labels, A = "angry"'
        )
    return labels


def _with_label_sets(page: Page, fields: Fields, default_set: str) -> Page:
    own = dict.fromkeys(page.labels.values())
    sets: dict[str, LabelSet] = {default_set: {label: label for label in own}}
    for name in fields.keys_of("label_sets"):
        sets[name] = fields.texts(f"label_sets.{name}")
        for label in sets[name]:
            if label not in own:
                where = f"in [label_sets.{name}]"
                raise BadParameter(str(nearest("label", label, list(own), where=where)))
    return Page(**{**vars(page), "label_sets": sets})


def _speakers(fields: Fields) -> Mapping[str, Mapping[str, str]]:
    speakers = {}
    for name in fields.keys_of("speaker"):
        key = f"speaker.{name}"
        speakers[name] = fields.texts(key) if fields.is_table(key) else {"sex": fields.text(key)}
        if (sex := speakers[name].get("sex", "")) not in (*SEXES, ""):
            raise BadParameter(f"speaker {name} has the sex {sex!r}, but must have female or male")
    return speakers


def _counts(fields: Fields) -> Counts:
    label, speaker = (fields.numbers(f"counts.{key}") for key in ("label", "speaker"))
    utterances, speakers = fields.number("utterances"), fields.number("speakers")
    for noun, table in (("label", label), ("speaker", speaker)):
        total = sum(table.values())
        utterances = utterances or total
        unattributed = noun == "speaker" and fields.has("unknown_speakers")
        if table and total != utterances and not (unattributed and total < utterances):
            raise BadParameter(
                f"[counts.{noun}] adds up to {total}, but utterances is {utterances}: correct "
                "one of them"
            )
    if speaker and speakers not in (0, len(speaker)):
        raise BadParameter(
            f"[counts.speaker] has {len(speaker)} speakers, but speakers is {speakers}: "
            "correct one of them"
        )
    return Counts(utterances, speakers or len(speaker), label, speaker)


def _table(fields: Fields) -> Table | None:
    if not fields.has("table"):
        return None
    files = fields.texts("table.files") or {"": fields.text("table.file")}
    return Table(files, fields.text("table.key"), fields.texts("table.columns"))


def _rule(fields: Fields, groups: set[str]) -> Rule:
    kind: Kind = fields.choice("protocol.kind", get_args(Kind))
    reason = fields.text("protocol.reason", "")
    usual = "split" if "split" in groups else ""
    default = fields.text("protocol.default", usual)
    if (kind == "disjoint") is bool(reason):
        raise BadParameter(
            f"protocol.kind is {kind!r}: "
            + (
                "add protocol.reason, which says why speakers cannot be kept apart"
                if kind != "disjoint"
                else 'protocol.reason is for kind = "declared" or "refused"'
            )
        )
    if kind == "refused" and fields.has("protocol.default"):
        raise BadParameter('protocol.kind is "refused": leave protocol.default out')
    if kind == "declared" and not default:
        raise BadParameter('protocol.kind is "declared": name the protocol in protocol.default')
    return Rule(kind, "" if kind == "refused" else default, reason)


def _check(page: Page) -> None:
    """Refuse keys that contradict each other."""
    groups = page.groups
    twice = [name for name in groups if groups.count(name) > 1]
    if twice:
        raise BadParameter(
            f"both the pattern and [table.columns] give the {twice[0]}: remove one of them"
        )
    needed = ["label"] if page.protocol.kind == "refused" else ["label", "speaker"]
    for name in needed:
        if name not in groups:
            raise BadParameter(
                f"nothing gives the {name}: name a group (?P<{name}>...) in the pattern, or a "
                f"column in [table.columns]"
            )
    for name in PLACE.findall(page.id):
        if name not in page.pattern.groupindex:
            known = list(page.pattern.groupindex)
            raise BadParameter(str(nearest("named group", name, known, where="for the id")))
    for name in page.words:
        if name not in groups or name == "label":
            known = [group for group in groups if group != "label"]
            raise BadParameter(str(nearest("named group", name, known, where="for [words]")))
    for name, subset in page.subsets.items():
        if name == ALL:
            raise BadParameter(f"the subset {ALL} would be the whole corpus: give it another name")
        for group in subset:
            if group not in (known := [*groups, *(() if "id" in groups else ("id",))]):
                where = f"for [subsets.{name}]"
                raise BadParameter(str(nearest("named group", group, known, where=where)))
    if page.example and not page.pattern.fullmatch(page.example.rpartition(".")[0]):
        raise BadParameter(f"example is {page.example}, which the pattern does not match")
    _check_counts(page)


def _check_counts(page: Page) -> None:
    labels, counts = set(page.labels.values()), page.counts
    for label in counts.label or ():
        if label not in labels:
            where = "in [counts.label]"
            raise BadParameter(str(nearest("label", label, sorted(labels), where=where)))
    if counts.label and (lacking := labels - counts.label.keys()):
        raise BadParameter(f"[counts.label] lacks {min(lacking)}: count every label")
    if page.speakers and counts.speaker and page.speakers.keys() != counts.speaker.keys():
        name = min(page.speakers.keys() ^ counts.speaker.keys())
        raise BadParameter(
            f"the speaker {name} is only in one of [speaker] and [counts.speaker]: name the same "
            "speakers in both"
        )
    if page.speakers and counts.speakers not in (0, len(page.speakers)):
        raise BadParameter(
            f"[speaker] has {len(page.speakers)} speakers, but speakers is "
            f"{counts.speakers}: correct one of them"
        )
