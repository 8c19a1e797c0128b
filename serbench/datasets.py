"""From a dataset's name as typed to the corpus on this disk, under a label set."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from serbench import plugins
from serbench.contracts import Dataset, Makes, StandsIn
from serbench.corpus import Corpus, relabelled
from serbench.errors import CorpusError, nearest
from serbench.files import replacing_folder
from serbench.names import checked, parameters, parse_name
from serbench.settings import Settings


@dataclass(frozen=True)
class Source:
    """A dataset, and where on this machine its corpus is.

    Attributes:
        spec: as the user typed it: "toy:seed=3".
        dataset: the plugin's object.
        root: the corpus's folder.
        generated: it is made in the cache when it is first needed.
    """

    spec: str
    dataset: Dataset
    root: Path
    generated: bool = False


def find(spec: str, places: Settings, data: Path | None = None) -> Source:
    """The dataset of that name and the folder of its corpus.

    Args:
        spec: name and parameters.
        places: of this machine.
        data: the corpus's own folder, where it is not under `places.data`.

    Raises:
        SerbenchError: the name or a parameter is unknown, or a package is missing.
    """
    name, given = parse_name(spec)
    target = plugins.load(plugins.find("dataset", name))
    dataset: Any = target(**checked(name, parameters(target), given))
    if data is not None:
        return Source(spec, dataset, data.expanduser().resolve())
    if not isinstance(dataset, Makes):
        return Source(spec, dataset, (places.data / name).resolve())
    folder = f"{spec.replace(':', '-').replace(',', '-')}-{dataset.version}"
    made = (places.cache / "corpora" / folder).resolve()
    return Source(spec, cast(Dataset, dataset), made, generated=True)


def read(source: Source, labels: str | None = None) -> Corpus:
    """The corpus under a label set; one that is generated is made first.

    Raises:
        CorpusError: it is missing, incomplete or mixed with something else.
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
    corpus = replace(corpus, name=source.spec)
    return relabelled(corpus, label_set, source.dataset.label_sets[label_set])
