"""Find the dataset that a user names, and read its corpus from this disk under a label set."""

import contextlib
import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from serbench.contracts import (
    About,
    Dataset,
    GeneratedDataset,
    NamingDataset,
    PageDataset,
    PathDataset,
)
from serbench.corpus import Corpus, LabelSet, Protocol, Utterance, relabelled
from serbench.errors import (
    BadParameter,
    CorpusError,
    Problem,
    SerbenchError,
    collected_problems,
    nearest,
    refuse,
    refusing,
)
from serbench.files import digest, expanded, replacing_folder
from serbench.parameters import checked, parse, parse_name, settable, spelled, typed, unique
from serbench.plugins import registry
from serbench.protocols import speakers, vocabulary
from serbench.settings import Settings, settings


@dataclass(frozen=True)
class Source:
    """A dataset, and where on this machine its corpus is."""

    spec: str  # as results name it: "toy:seed=3" without defaults; of a path only "csv:my"
    dataset: Dataset
    root: Path  # the corpus's folder, or its file
    generated: bool = False  # created in the cache at first use
    page: Path | None = None  # the file that describes the corpus, if that is elsewhere


def find(spec: str, places: Settings, data: Path | None = None, page: Path | None = None) -> Source:
    """Return the named dataset and the folder of its corpus.

    Args:
        spec: name and parameters, or name, path and parameters: "csv:my.csv,label=emotion".
        places: settings of this machine.
        data: the corpus's own folder or file, if it is not under `places.data`.
        page: the file that describes the corpus, if the spec only has its name; see `PageDataset`.

    Raises:
        SerbenchError: the name or a parameter is unknown, or a package is missing.
    """
    target = registry.load(registry.find("dataset", spec.partition(":")[0]))
    if isinstance(target, PathDataset):
        if isinstance(target, PageDataset) and (page or (data and expanded(data).is_dir())):
            return _located(target, spec, places, page, audio=data)
        return _located(target, spec, places, data)
    if target is JointDataset:
        root = (places.data if data is None else expanded(data)).resolve()
        joint = JointDataset.of(spec, replace(places, data=root))
        return Source(joint.spec, joint, root)
    name, given = parse_name(spec)
    allowed = settable(target)
    chosen = checked(name, allowed, given)
    dataset: Any = target(**chosen)
    spec = spelled(name, {key: value for key, value in chosen.items() if value != allowed[key][1]})
    if data is not None:
        return Source(spec, dataset, expanded(data).resolve())
    if not isinstance(dataset, GeneratedDataset):
        return Source(spec, dataset, (places.data / name).resolve())
    folder = f"{spec.replace(':', '-').replace(',', '-')}-{dataset.version}"
    root = (places.cache / "corpora" / folder).resolve()
    return Source(spec, cast(Dataset, dataset), root, generated=True)


def named(spec: str, places: Settings) -> Source:
    """Return the dataset that untrusted results name; look for a path only in `places.data`.

    Raises:
        SerbenchError: as `find`; or a dataset with a path is not spelled as serbench spells it.
    """
    source, kept = _in_data(spec, places)
    if kept and source.spec != spec:
        raise SerbenchError(f"its dataset is called {source.spec} here, not {spec}")
    return source


def _in_data(spec: str, places: Settings) -> tuple[Source, Path | None]:
    """Return a dataset with its corpus in `places.data`, and its place if users name it by one."""
    name, _, text = spec.partition(":")
    target: Any = registry.load(registry.find("dataset", name))
    if not isinstance(target, PathDataset):
        return find(spec, places), None
    path, _ = split_path(text, settable(target))  # type: ignore[arg-type]
    corpus = corpus_name(Path(path), target.endings)
    kept = _kept(name, corpus, target.endings, places)
    return _located(target, spec, places, kept), kept


def _located(
    target: Any, spec: str, places: Settings, data: Path | None, audio: Path | None = None
) -> Source:
    """Return a dataset with a path; see `contracts.PathDataset` and `contracts.PageDataset`."""
    name, _, text = spec.partition(":")
    allowed = settable(target)
    given_path, given = split_path(text, allowed)
    if data is None and not given_path:
        raise BadParameter(f"{name} needs a path: write {name}:PATH, or add --data PATH")
    path = Path(os.path.abspath(os.path.expanduser(given_path or str(data))))
    chosen = checked(name, allowed, parsed_values(given, allowed))
    place = (
        expanded(data) if data is not None else _place_of(name, path, given_path, target, places)
    )
    if data is not None or not place.exists():
        refuse_parameter_in_path(name, given_path, allowed)
    corpus = corpus_name(path, target.endings)
    spec = canonical_spec(name, corpus, chosen, allowed)
    dataset: PathDataset = target(**chosen)
    root = place.resolve()
    if not isinstance(target, PageDataset):
        return Source(spec, dataset.at(root), root)
    kept = places.data / corpus
    folder = audio or (kept if kept.is_dir() else root.parent)
    return Source(spec, dataset.at(root), expanded(folder).resolve(), page=root)


def _place_of(name: str, path: Path, given_path: str, target: Any, places: Settings) -> Path:
    """Return where the corpus of a typed path or name is, or would be."""
    for place in with_endings(path, target.endings):
        if place.is_file() if target.endings else place.is_dir():
            return place
    if path.exists() or Path(given_path).name != given_path:
        return path
    kept = _kept(name, given_path, target.endings, places)
    return kept if kept.exists() else path


def _kept(name: str, corpus: str, endings: Sequence[str], places: Settings) -> Path:
    """Return where a corpus would be in the data folder: `places.data / "csv" / "my.csv"`."""
    bare, *tried = with_endings(places.data / name / corpus, endings)
    return next((place for place in (*tried, bare) if place.exists()), tried[0] if tried else bare)


def read(source: Source, labels: str | None = None) -> Corpus:
    """Read the corpus under a label set; a generated corpus is made first if it is missing.

    Raises:
        CorpusError: it is missing, incomplete or mixed with something else, or its speakers are
            not people.
        UnknownName: it has no such label set.
    """
    chosen = label_set(source, labels)
    make(source)
    return _relabelled(source, *chosen, source.dataset.read(source.root))


@dataclass(frozen=True)
class Survey:
    """A corpus as it is on this disk, read although it may have problems.

    Attributes:
        utterances: sorted by id, with the corpus's own labels; without path where a file is
            missing, without label and speaker if the dataset could not read the corpus.
        problems: what the dataset refuses or mentions.
        remarks: oddities of the corpus, one per line.
        published: the corpus as published, or as its owner lists it, perhaps with invented ids;
            None if the dataset does not say.
        checksums: the published checksum of each utterance's file, by id: "sha256:0a1b...".
    """

    utterances: tuple[Utterance, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...] = ()
    published: Corpus | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)


AUDIO = (".wav", ".flac", ".ogg", ".opus", ".mp3")  # what a folder is searched for


def survey(source: Source) -> Survey:
    """Read a corpus as far as possible, whatever is wrong with it; see `serbench.errors.refuse`.

    If the dataset cannot read it at all, the utterances are the audio files below its folder.

    Raises:
        CorpusError: there is no audio, or several corpora are joined, and one cannot be read.
    """
    dataset: Any = source.dataset
    make(source)
    utterances: tuple[Utterance, ...] = ()
    published, remarks = None, ()
    with collected_problems() as problems:
        with refusing():
            published = dataset.manifest()
        try:
            corpus = dataset.read(source.root)
        except CorpusError as error:
            if isinstance(dataset, JointDataset):
                raise
            refuse(error)
            utterances = tuple(_audio_below(source.root, published))
            if not utterances:
                raise
        else:
            utterances, remarks = corpus.utterances, corpus.remarks
            with refusing():
                _require_people(source, utterances)
    if published is None and (stand_in := getattr(dataset, "stand_in", None)):
        published = stand_in()  # see `contracts.BenchHooks`
        published = published if published.utterances else None  # of some subsets, nobody knows
    checksums: Mapping[str, str] = getattr(dataset, "checksums", dict)()
    return Survey(utterances, tuple(dict.fromkeys(problems)), remarks, published, checksums)


def _audio_below(root: Path, published: Corpus | None) -> Iterator[Utterance]:
    """Yield the audio files below a folder as utterances; published names have labels."""
    known = {} if published is None else {u.id.casefold(): u for u in published.utterances}
    files = sorted(root.rglob("*")) if root.is_dir() else []
    for path in files:
        if path.suffix.lower() in AUDIO and not path.name.startswith("."):
            unknown = Utterance(path.relative_to(root).as_posix(), "", "")
            yield replace(known.pop(path.stem.casefold(), unknown), path=path)


def read_corpus(
    dataset: str, labels: str | None = None, *, data: str | Path | None = None
) -> Corpus:
    """Read the utterances of a corpus, with their files; create it first if it is generated.

    Args:
        dataset: a dataset's name with its parameters; `serbench datasets` lists them.
        labels: a label set's name; None is the dataset's first.
        data: the corpus's own folder, if it is not under SERBENCH_DATA.

    Raises:
        SerbenchError: the name is unknown, or the corpus is missing or incomplete.
    """
    return read(find(dataset, settings(), None if data is None else Path(data)), labels)


def is_licensed(dataset: Dataset) -> bool:
    """Return whether the corpus's licence forbids sharing its labels."""
    return dataset.manifest() is None and not getattr(dataset, "shares_labels", False)


def make(source: Source) -> None:
    """Make a generated corpus if it is missing; do nothing for any other corpus."""
    dataset = source.dataset
    if source.generated and isinstance(dataset, GeneratedDataset) and not source.root.exists():
        with replacing_folder(source.root) as folder:
            dataset.make(folder)
    if source.generated:
        with contextlib.suppress(OSError):  # in use: `serbench cache clean` leaves it alone
            os.utime(source.root)


def manifest(source: Source, labels: str | None = None) -> Corpus:
    """Return the corpus from its manifest, or from this disk if the dataset ships no manifest."""
    chosen = label_set(source, labels)
    shipped = source.dataset.manifest()
    return read(source, labels) if shipped is None else _relabelled(source, *chosen, shipped)


def of_names(source: Source, names: Sequence[str], labels: str | None = None) -> Corpus:
    """Return the utterances of a `NamingDataset` with these names of files, which need not exist.

    Raises:
        SerbenchError: names do not say everything, or none fits.
    """
    chosen = label_set(source, labels)
    assert isinstance(source.dataset, NamingDataset)
    return _relabelled(source, *chosen, source.dataset.of_names(names))


def outline(source: Source, labels: str | None = None) -> Corpus:
    """Return the corpus under a label set, if possible without audio; ids may be invented.

    Raises:
        CorpusError: the dataset describes no utterances, and the corpus is not on this disk.
    """
    return stand_in(source, labels) or manifest(source, labels)


def stand_in(source: Source, labels: str | None = None) -> Corpus | None:
    """Return a corpus with invented ids, as many utterances of each speaker and label, or None.

    None if the dataset has a manifest, or describes no utterances.
    """
    make = getattr(source.dataset, "stand_in", None)  # see `contracts.BenchHooks`
    if make is None or source.dataset.manifest() is not None:
        return None
    return _relabelled(source, *label_set(source, labels), make())


def label_set(source: Source, labels: str | None) -> tuple[str, LabelSet]:
    """Return the name of a label set as results spell it, and its label for each of the corpus's.

    Args:
        source: the dataset.
        labels: a label set, with changes if the user wants any: "ravdess:calm=neutral,surprised="
            counts calm as neutral and leaves surprised out. None is the dataset's first label set.

    Raises:
        UnknownName: it has no such label set.
        BadParameter: a label to change does not exist.
    """
    sets = source.dataset.label_sets
    name, colon, rest = (labels or next(iter(sets))).partition(":")
    if name not in sets:
        raise nearest(f"label set of {source.spec}", name, list(sets))
    texts = vocabulary.split_changes(rest, sets[name].values()) if colon else ()
    typed_changes = vocabulary.parse_changes(texts)
    changes = vocabulary.resolved(sets[name].values(), typed_changes)
    chosen: LabelSet = {
        own: new for own, label in sets[name].items() if (new := changes.get(label, label))
    }
    if isinstance(source.dataset, JointDataset):
        chosen = source.dataset.common(chosen)
    if not chosen:
        raise BadParameter(f"no label of {source.spec} is left in the label set {labels}")
    spelled = ",".join(f"{label}={changes[label]}" for label in sorted(changes))
    return (f"{name}:{spelled}" if changes else name), chosen


def label_set_name(source: Source, labels: str | None) -> str:
    """Return the name of a label set as results spell it; see `label_set`."""
    return label_set(source, labels)[0]


def _relabelled(source: Source, name: str, chosen: LabelSet, corpus: Corpus) -> Corpus:
    if not corpus.utterances:
        raise CorpusError(f"{source.spec}: no utterance found in {source.root}")
    _require_people(source, corpus.utterances)
    corpus = replace(corpus, name=source.spec)
    return relabelled(corpus, name, chosen)


def _require_people(source: Source, utterances: Sequence[Utterance]) -> None:
    speakers.require_people(
        utterances,
        source.spec,
        single=speakers.is_single(source.dataset),
        some_unknown=speakers.has_unknown(source.dataset),
    )


def names(spec: str) -> list[str]:
    """Return the name of the dataset of a spec, or of each dataset that a joint corpus joins.

    >>> names("toy:seed=3"), names("joint:ravdess+toy:seed=3")
    (['toy'], ['ravdess', 'toy'])
    """
    specs = joined(spec) if spec.startswith("joint:") else [spec]
    return [each.partition(":")[0] for each in specs]


def joined(spec: str) -> list[str]:
    """Return the datasets that a joint one names: "joint:toy+ravdess" is toy and ravdess."""
    return list(filter(None, re.split(r"\+(?=[a-z0-9-]+(?:[:+]|$))", spec.partition(":")[2])))


class JointDataset:
    """Several corpora as one: joint:ravdess+crema-d, each below SERBENCH_DATA or --data.

    Ids, speakers, sessions and dialogues begin with the name of their corpus. Synonyms such as joy
    and happy are one label, and only labels that all corpora share are kept. The label set
    shared:calm=neutral first counts calm as neutral; shared:surprised= leaves surprised out.
    """

    default_protocol = "leave-one-corpus-out"
    protocols: Sequence[Protocol] = ()
    about = About(
        title="several corpora as one",
        licence="those of its corpora",
        size="those of its corpora",
        home="that of each corpus",
        obtain="name corpora that are on this machine: joint:ravdess+crema-d",
        cite="each of its corpora",
    )

    def __init__(self, parts: Sequence[Source]):
        self._parts = parts
        words = dict.fromkeys(word for part in parts for word in self._words(part))
        self.label_sets: Mapping[str, LabelSet] = {"shared": {word: word for word in words}}

    @classmethod
    def of(cls, spec: str, places: Settings) -> "JointDataset":
        """Return the corpora that a user joins: "joint:ravdess+crema-d", in the order of names.

        Raises:
            SerbenchError: there are fewer than two, one is named twice, or one is unknown.
        """
        parts = [cls._part(part, places) for part in joined(spec)]
        if len(parts) < 2 or len({part.spec for part in parts}) < len(parts):
            raise BadParameter(
                "joint needs two or more corpora, each once, as in joint:ravdess+crema-d, not "
                f"{spec}"
            )
        return cls(sorted(parts, key=lambda part: part.spec))

    @staticmethod
    def _part(spec: str, places: Settings) -> Source:
        """Return one of the corpora; refuse a path, and a corpus of the user's that is not there.

        Raises:
            CorpusError: the message says where the corpus must be, and how to name it.
        """
        source, kept = _in_data(spec, places)
        if kept and (source.spec != spec or not kept.exists()):
            place = kept.relative_to(places.data)
            corpus = source.spec.partition(":")[2].partition(",")[0]
            audio = f", put its audio into $SERBENCH_DATA/{corpus}" if source.page else ""
            put = "put the page there" if source.page else "put it there"
            raise CorpusError(
                f"joint reads {spec} from $SERBENCH_DATA/{place}: {put} (a link will do){audio}, "
                f"and write {source.spec}"
            )
        return source

    @property
    def spec(self) -> str:
        """The corpora as results name them."""
        return f"joint:{'+'.join(part.spec for part in self._parts)}"

    @property
    def unknown_speakers(self) -> bool:
        """Whether utterances of a corpus may have no known speaker."""
        return any(speakers.has_unknown(part.dataset) for part in self._parts)

    @property
    def page_digest(self) -> str:
        """The digest of the pages that describe corpora; "" if none does."""
        pages = [getattr(part.dataset, "page_digest", "") for part in self._parts]
        return digest(pages) if any(pages) else ""

    @staticmethod
    def _words(part: Source) -> list[str]:
        """Return the words of a corpus's labels, in the order of its default label set."""
        _, labels = label_set(part, None)
        return [vocabulary.word(label) for label in dict.fromkeys(labels.values())]

    def common(self, chosen: LabelSet) -> LabelSet:
        """Return the part of a label set with the labels that all corpora have.

        Raises:
            SerbenchError: they share fewer than two labels.
        """
        sets = [{chosen.get(word) for word in self._words(part)} for part in self._parts]
        kept = {own: label for own, label in chosen.items() if all(label in each for each in sets)}
        if len(set(kept.values())) < 2:
            lists = "; ".join(
                f"{part.spec}: {', '.join(self._words(part))}" for part in self._parts
            )
            raise SerbenchError(
                f"the corpora of {self.spec} share fewer than two labels ({lists}): map labels "
                "onto each other, as in --labels shared:calm=neutral"
            )
        return kept

    def manifest(self) -> Corpus | None:
        """Return the joint corpus without audio if every corpus ships its manifest."""
        if any(part.dataset.manifest() is None for part in self._parts):
            return None
        return self._join([manifest(part) for part in self._parts])

    def read(self, root: Path) -> Corpus:
        """Read all corpora."""
        return self._join([read(part) for part in self._parts])

    def _join(self, corpora: Sequence[Corpus]) -> Corpus:
        utterances = [
            replace(
                utterance,
                id=f"{part.spec}/{utterance.id}",
                speaker=person(part, utterance.speaker),
                label=vocabulary.word(utterance.label),
                session=utterance.session and f"{part.spec}/{utterance.session}",
                dialogue=utterance.dialogue and f"{part.spec}/{utterance.dialogue}",
                corpus=part.spec,
            )
            for part, corpus in zip(self._parts, corpora, strict=True)
            for utterance in corpus.utterances
        ]
        remarks = [f"{corpus.name}: {line}" for corpus in corpora for line in corpus.remarks]
        labels = tuple(self.label_sets["shared"])
        return Corpus(self.spec, labels, tuple(utterances), "raw", tuple(remarks))


def person(source: Source, speaker: str) -> str:
    """Return the name of a corpus's speaker among those of all corpora; "" if it is unknown.

    It begins with the corpus's name space of speakers; see `serbench.contracts.Dataset`. Speakers
    of a joint corpus have such names already.
    """
    if isinstance(source.dataset, JointDataset) or not speaker:
        return speaker
    return f"{getattr(source.dataset, 'speaker_space', '') or source.spec}/{speaker}"


def split_path(text: str, allowed: Collection[str]) -> tuple[str, dict[str, str]]:
    """Split the text after the colon of a dataset into its path and its parameters.

    The path and each value end at the first comma before one of the parameters and "=": commas,
    colons, spaces and backslashes need no quotes.

    Args:
        text: as typed: "my, own.csv,label=emotion".
        allowed: the names of the parameters.

    >>> split_path("my, own.csv,label=emotion,speaker=^(a,b)", ["label", "speaker"])
    ('my, own.csv', {'label': 'emotion', 'speaker': '^(a,b)'})

    Raises:
        BadParameter: a parameter is given twice, or the text has control characters.
    """
    if not text.isprintable():
        raise BadParameter(f"a dataset's name must not contain control characters: {text!r}")
    names = "|".join(map(re.escape, allowed))
    path, *rest = re.split(rf"(?:^|,)\s*({names})\s*=", text) if allowed else [text]
    pairs = zip(rest[::2], (value.strip() for value in rest[1::2]), strict=True)
    return path.strip(), {name: str(value) for name, value in unique(pairs).items()}


def refuse_parameter_in_path(owner: str, path: str, allowed: Collection[str]) -> None:
    """Refuse a path that seems to end in a parameter.

    Raises:
        BadParameter: it does; the message lists the most similar parameters.
    """
    if ending := re.search(r",\s*(\w+)\s*=", path):
        hint = f"; there is no file {path!r} either"
        raise BadParameter(str(nearest(f"parameter of {owner}", ending[1], sorted(allowed), hint)))


def parsed_values(
    given: Mapping[str, str], allowed: Mapping[str, tuple[Any, object]]
) -> Mapping[str, object]:
    """Return typed values: text as it is for a parameter of type `str`, else as JSON."""
    return {
        name: value if allowed[name][0] is str else parse(f"{name}={value}")[1]
        for name, value in given.items()
    }


def corpus_name(path: Path, endings: Sequence[str]) -> str:
    """Return the name of a corpus in results: the end of its path, in letters, digits and ".-_".

    >>> corpus_name(Path("/data/My corpus, v2.csv"), [".csv"])
    'My-corpus-v2'
    >>> corpus_name(Path("/data/clips.v2"), [])
    'clips.v2'

    Raises:
        BadParameter: the path's end has no such character.
    """
    name = unicodedata.normalize("NFC", path.name)
    while name.lower().endswith(tuple(endings)) and endings:
        name = name[: name.rindex(".")]
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not name:
        raise BadParameter(
            f"{str(path)!r} gives the corpus no name: write one before --data, as in csv:NAME "
            "--data PATH"
        )
    return name


def canonical_spec(
    name: str, corpus: str, given: Mapping[str, object], allowed: Mapping[str, tuple[Any, object]]
) -> str:
    """Return the only spelling of a dataset with a corpus and parameters, without defaults.

    >>> allowed = {"label": (str, "label"), "sex": (str, "sex")}
    >>> canonical_spec("csv", "my", {"label": "emotion"}, allowed)
    'csv:my,label=emotion'
    """
    changed = [
        f"{parameter}={value}" if allowed[parameter][0] is str else typed(parameter, value)
        for parameter, value in sorted(given.items())
        if value != allowed[parameter][1]
    ]
    return ",".join([f"{name}:{corpus}", *changed])


def with_endings(path: Path, endings: Sequence[str]) -> Iterator[Path]:
    """Yield the paths that a path typed with or without its ending may mean."""
    yield path
    yield from (path.with_name(path.name + ending) for ending in endings if path.name)
