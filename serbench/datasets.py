"""Find the dataset that a user names, and read its corpus from this disk under a label set."""

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

    The `spec` is as the user typed it, "toy:seed=3"; that of a dataset with a path has only a
    name, "csv:my", the same on every machine.
    """

    spec: str
    dataset: Dataset
    root: Path  # the corpus's folder, or its file
    generated: bool = False  # it is made in the cache when it is first needed


def find(spec: str, places: Settings, data: Path | None = None) -> Source:
    """Return the dataset of that name and the folder of its corpus.

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
    root = (places.cache / "corpora" / folder).resolve()
    return Source(spec, cast(Dataset, dataset), root, generated=True)


def named(spec: str, places: Settings) -> Source:
    """Return the dataset that results name, perhaps a stranger's; look only into `places.data`.

    Raises:
        SerbenchError: as `find`; or a dataset with a path is not spelled as results spell it.
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
    """Return a dataset with a path; see `contracts.Located`."""
    name, _, text = spec.partition(":")
    allowed = parameters(target)
    typed, given = specs.divided(text, allowed)
    if data is None and not typed:
        raise BadParameter(f"{name} needs a path: write {name}:PATH, or add --data PATH")
    path = Path(os.path.abspath(os.path.expanduser(typed or str(data))))
    chosen = checked(name, allowed, specs.values(given, allowed))
    place = expanded(data) if data is not None else _place_of(name, path, typed, target, places)
    if data is not None or not place.exists():
        specs.require_known(name, typed, allowed)
    spec = specs.spelled(name, specs.called(path, target.endings), chosen, allowed)
    dataset: Located = target(**chosen)
    root = place.resolve()
    return Source(spec, dataset.at(root), root)


def _place_of(name: str, path: Path, typed: str, target: Any, places: Settings) -> Path:
    """Return where a corpus is, or would be, whose path or name was typed."""
    for place in specs.candidates(path, target.endings):
        if place.is_file() if target.endings else place.is_dir():
            return place
    if path.exists() or Path(typed).name != typed:
        return path
    kept = _kept(name, typed, target.endings, places)
    return kept if kept.exists() else path


def _kept(name: str, corpus: str, endings: Sequence[str], places: Settings) -> Path:
    """Return where a corpus is that is kept with the others: `places.data / "csv" / "my.csv"`."""
    bare, *tried = specs.candidates(places.data / name / corpus, endings)
    return next((place for place in (*tried, bare) if place.exists()), tried[0] if tried else bare)


def read(source: Source, labels: str | None = None) -> Corpus:
    """Read the corpus under a label set; a generated one is made first.

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
    """Return the corpus without its audio, or as it is on this disk if it ships no manifest."""
    name = label_set_name(source, labels)
    shipped = source.dataset.manifest()
    return read(source, labels) if shipped is None else _named(source, name, shipped)


def outline(source: Source) -> Corpus:
    """Return the corpus as far as it is known without its audio; ids may be made up.

    Raises:
        CorpusError: nothing is known of it, and it is not on this disk either.
    """
    dataset: object = source.dataset
    if source.dataset.manifest() is None and isinstance(dataset, StandsIn):
        return _named(source, label_set_name(source, None), dataset.stand_in())
    return manifest(source)


def label_set_name(source: Source, labels: str | None) -> str:
    """Return the label set that a user names, or the dataset's default.

    Raises:
        UnknownName: it has no such label set.
    """
    names = list(source.dataset.label_sets)
    if labels is not None and labels not in names:
        raise nearest(f"label set of {source.spec}", labels, names)
    return labels or names[0]


def _named(source: Source, label_set: str, corpus: Corpus) -> Corpus:
    if not corpus.utterances:
        raise CorpusError(f"{source.spec}: no utterance found in {source.root}")
    speakers.require_people(
        corpus.utterances, source.spec, single=speakers.is_single(source.dataset)
    )
    corpus = replace(corpus, name=source.spec)
    return relabelled(corpus, label_set, source.dataset.label_sets[label_set])
