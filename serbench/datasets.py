"""From a dataset's name as typed to the corpus on this disk, under a label set."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from serbench import specs
from serbench.contracts import Dataset, Located, Makes, StandsIn
from serbench.corpus import Corpus, relabelled
from serbench.errors import BadParameter, CorpusError, SerbenchError, nearest
from serbench.files import expanded, replacing_folder
from serbench.plugins import registry
from serbench.protocols import speakers
from serbench.settings import Settings
from serbench.specs import checked, parameters, parse_name


@dataclass(frozen=True)
class Source:
    """A dataset, and where on this machine its corpus is.

    Attributes:
        spec: as the user typed it: "toy:seed=3"; one that is named by its place goes by its
            name alone, "csv:my", the same on every machine.
        dataset: the plugin's object.
        root: the corpus's folder, or its file.
        generated: it is made in the cache when it is first needed.
    """

    spec: str
    dataset: Dataset
    root: Path
    generated: bool = False


def find(spec: str, places: Settings, data: Path | None = None) -> Source:
    """The dataset of that name and the folder of its corpus.

    Args:
        spec: name and parameters, or name, path and parameters: "csv:my.csv,label=emotion".
        places: of this machine.
        data: the corpus's own folder or file, where it is not under `places.data`.

    Raises:
        SerbenchError: the name or a parameter is unknown, or a package is missing.
    """
    target = registry.load(registry.find("dataset", spec.partition(":")[0]))
    if isinstance(target, Located):
        return _located(target, spec, places, data)
    name, given = parse_name(spec)
    dataset: Any = target(**checked(name, parameters(target), given))
    if data is not None:
        return Source(spec, dataset, expanded(data).resolve())
    if not isinstance(dataset, Makes):
        return Source(spec, dataset, (places.data / name).resolve())
    folder = f"{spec.replace(':', '-').replace(',', '-')}-{dataset.version}"
    made = (places.cache / "corpora" / folder).resolve()
    return Source(spec, cast(Dataset, dataset), made, generated=True)


def named(spec: str, places: Settings) -> Source:
    """The dataset that results name, perhaps a stranger's; only `places.data` is looked at.

    Raises:
        SerbenchError: as `find`; or a corpus that is named by its place is not spelled as results
            spell it.
    """
    name, _, text = spec.partition(":")
    target: Any = registry.load(registry.find("dataset", name))
    if not isinstance(target, Located):
        return find(spec, places)
    path, _ = specs.divided(text, parameters(target))  # type: ignore[arg-type]
    corpus = specs.called(Path(path), target.endings)
    source = _located(target, spec, places, _kept(name, corpus, target.endings, places))
    if source.spec != spec:
        raise SerbenchError(f"its dataset is called {source.spec} here, not {spec}")
    return source


def _located(target: Any, spec: str, places: Settings, data: Path | None) -> Source:
    """A dataset that is named by its place."""
    name, _, text = spec.partition(":")
    known = parameters(target)
    typed, given = specs.divided(text, known)
    if data is None and not typed:
        raise BadParameter(f"{name} needs a path: write {name}:PATH, or add --data PATH")
    path = Path(os.path.abspath(os.path.expanduser(typed or str(data))))
    chosen = checked(name, known, specs.values(given, known))
    place = expanded(data) if data is not None else _found(name, path, typed, target, places)
    if data is not None or not place.exists():
        specs.require_known(name, typed, known)
    spec = specs.spelled(name, specs.called(path, target.endings), chosen, known)
    dataset: Located = target(**chosen)
    root = place.resolve()
    return Source(spec, dataset.at(root), root)


def _found(name: str, path: Path, typed: str, target: Any, places: Settings) -> Path:
    """Where a corpus is whose path, or whose name alone, was typed; it need not be there."""
    for place in specs.candidates(path, target.endings):
        if place.is_file() if target.endings else place.is_dir():
            return place
    if path.exists() or Path(typed).name != typed:
        return path
    kept = _kept(name, typed, target.endings, places)
    return kept if kept.exists() else path


def _kept(name: str, corpus: str, endings: Sequence[str], places: Settings) -> Path:
    """Where a corpus is that is kept with the others: `places.data / "csv" / "my.csv"`."""
    bare, *tried = specs.candidates(places.data / name / corpus, endings)
    return next((place for place in (*tried, bare) if place.exists()), tried[0] if tried else bare)


def read(source: Source, labels: str | None = None) -> Corpus:
    """The corpus under a label set; one that is generated is made first.

    Raises:
        CorpusError: it is missing, incomplete or mixed with something else, or its speakers are
            not people.
        UnknownName: it has no such label set.
    """
    name = label_set_name(source, labels)
    if source.generated and isinstance(source.dataset, Makes) and not source.root.exists():
        with replacing_folder(source.root) as folder:
            source.dataset.make(folder)
    return _named(source, name, source.dataset.read(source.root))


def manifest(source: Source, labels: str | None = None) -> Corpus:
    """The corpus without its audio, or as it is on this disk where it ships no manifest."""
    name = label_set_name(source, labels)
    known = source.dataset.manifest()
    return read(source, labels) if known is None else _named(source, name, known)


def outline(source: Source) -> Corpus:
    """The corpus as far as it is known without its audio; ids may be made up.

    Raises:
        CorpusError: nothing is known of it, and it is not on this disk either.
    """
    dataset: object = source.dataset
    if source.dataset.manifest() is None and isinstance(dataset, StandsIn):
        return _named(source, label_set_name(source, None), dataset.stand_in())
    return manifest(source)


def label_set_name(source: Source, labels: str | None) -> str:
    """The label set that a user names, or the dataset's default.

    Raises:
        UnknownName: it has no such label set.
    """
    known = list(source.dataset.label_sets)
    if labels is not None and labels not in known:
        raise nearest(f"label set of {source.spec}", labels, known)
    return labels or known[0]


def _named(source: Source, label_set: str, corpus: Corpus) -> Corpus:
    if not corpus.utterances:
        raise CorpusError(f"{source.spec}: no utterance found in {source.root}")
    speakers.require_people(
        corpus.utterances, source.spec, single=speakers.is_single(source.dataset)
    )
    corpus = replace(corpus, name=source.spec)
    return relabelled(corpus, label_set, source.dataset.label_sets[label_set])
