"""Check that a dataset reads the same corpus anywhere, splits it cleanly, and explains errors."""

import dataclasses
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from serbench import datasets
from serbench.contracts import About, Dataset, Entry, GeneratedDataset, PathDataset
from serbench.corpus import Corpus, Fold, Protocol, relabelled
from serbench.datasets import Source
from serbench.errors import CorpusError
from serbench.files import file_digest
from serbench.parameters import typed
from serbench.plugins import registry
from serbench.protocols import leakage, lookup, speakers
from serbench.settings import settings
from serbench.testing.checks.parameters import parameters_are_annotated
from serbench.testing.examination import Check, NotRun, Subject, Violation, blaming


@dataclass(frozen=True)
class Split:
    """The folds that one protocol makes of the corpus under one label set."""

    corpus: Corpus
    protocol: Protocol
    folds: Sequence[Fold]


class DatasetSubject(Subject):
    """A dataset and its corpus; the name may include parameters: "toy:seed=3"."""

    kind: ClassVar[str] = "dataset"

    @cached_property
    def entry(self) -> Entry:
        """The entry that the plugin registers."""
        return registry.find("dataset", self.name.partition(":")[0])

    @cached_property
    def source(self) -> Source:
        """The dataset, with the folder of its corpus."""
        spec = self.name
        for param in self.params.items():
            spec += ("," if ":" in spec else ":") + typed(*param)
        return datasets.find(spec, settings(), self.data)

    @property
    def dataset(self) -> Dataset:
        """The plugin's object."""
        return self.source.dataset

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus on this disk, with its own labels; a generated corpus is first made.

        Raises:
            NotRun: the corpus is not here; the message says how to name its folder.
        """
        if self.data is None and not self.source.generated and not self.source.root.exists():
            raise NotRun(
                f"corpus not here: {self.source.root} does not exist; name its folder with --data"
            )
        if self.source.generated:
            datasets.read(self.source)
        return self.dataset.read(self.source.root)

    @cached_property
    def corpus_if_here(self) -> Corpus | None:
        """The corpus, or None if it is not on this disk."""
        try:
            return self.corpus
        except NotRun:
            return None

    @cached_property
    def manifest(self) -> Corpus | None:
        """The list of the corpus's utterances without audio, or None."""
        return self.dataset.manifest()

    @cached_property
    def outline(self) -> Corpus:
        """The manifest, or without one the corpus on this disk."""
        return self.corpus if self.manifest is None else self.manifest

    @cached_property
    def splits(self) -> Sequence[Split]:
        """Every protocol under every label set."""
        default = lookup.find_protocol(None, self.dataset)
        protocols = {protocol.name: protocol for protocol in (*self.dataset.protocols, default)}
        return [
            Split(corpus, protocol, lookup.make_folds(protocol, corpus))
            for name, label_set in self.dataset.label_sets.items()
            for corpus in [relabelled(self.outline, name, label_set)]
            for protocol in protocols.values()
        ]

    @cached_property
    def moved(self) -> Path:
        """A folder of another name with links to the corpus's files."""

        def link(source: str, target: str) -> None:
            os.symlink(os.path.realpath(source), target)

        root, place = self.source.root, self.folder / "moved"
        if root.is_dir():
            shutil.copytree(root, place, copy_function=link)
            return place
        place.symlink_to(root.parent, target_is_directory=True)
        return place / root.name


def is_made(subject: DatasetSubject) -> str:
    """The dataset can be imported, takes its parameters, and says where its corpus comes from.

    Users who lack the corpus read this.
    """
    about = subject.dataset.about
    if not isinstance(about, About):
        raise Violation(f"about is a {type(about).__name__}: return a serbench.contracts.About")
    may_lack = isinstance(subject.dataset, PathDataset)  # only its owner knows
    for name, value in dataclasses.asdict(about).items():
        if not isinstance(value, str) or not (value.strip() or may_lack):
            raise Violation(f"about.{name} is empty: fill it in with a few words")
    if isinstance(subject.dataset, GeneratedDataset):
        version: object = subject.dataset.version  # names the folder of the corpus
        if not isinstance(version, str) or not version:
            raise Violation(
                f"it generates its corpus but has the version {version!r}: give its class "
                'version = "1", and change that whenever the generated files change'
            )
    return about.title


def is_a_corpus(subject: DatasetSubject) -> str:
    """Manifest and corpus are of class Corpus, with unique ids and only labels that they list.

    Two utterances with one id would be scored as one.
    """
    pair = (subject.manifest, subject.corpus_if_here)
    corpora = [corpus for corpus in pair if corpus is not None]
    if not corpora:
        raise NotRun("it has no manifest, and its corpus is not here; name its folder with --data")
    for corpus in corpora:
        if not isinstance(corpus, Corpus):
            raise Violation(f"it returns a {type(corpus).__name__}, not a serbench.corpus.Corpus")
        if not corpus.utterances:
            raise Violation("it returns a corpus without utterances: raise CorpusError instead")
    return f"{len(corpora[0].utterances)} utterances, {len(corpora[0].speakers)} speakers"


def speakers_are_people(subject: DatasetSubject) -> str:
    """Every utterance has a speaker that is not a label or a file; most speak several utterances.

    A voice under two names can be in both training and test without any protocol noticing.
    """
    given = (subject.outline.utterances, subject.name)
    single = speakers.is_single(subject.dataset)
    some_unknown = speakers.has_unknown(subject.dataset)
    try:
        speakers.require_people(*given, single=single, some_unknown=some_unknown)
    except CorpusError as error:
        raise Violation(str(error)) from error
    return "; ".join(speakers.doubts(subject.outline))


def label_sets(subject: DatasetSubject) -> str:
    """There is a label set; each names only labels of the corpus, and at least one that occurs.

    A misspelt label would silently leave its utterances out.
    """
    sets = subject.dataset.label_sets
    if not sets:
        raise Violation("it has no label set: name one that maps every label to itself")
    own = subject.outline.labels
    occurring = {utterance.label for utterance in subject.outline.utterances}
    for name, mapping in sets.items():
        if unknown := [label for label in mapping if label not in own]:
            raise Violation(
                f"label set {name} names {unknown[0]!r}, which the corpus lacks: its labels are "
                f"{', '.join(own)}"
            )
        if not occurring & set(mapping):
            raise Violation(f"label set {name} leaves no utterance of the corpus: name its labels")
    return ", ".join(sets)


def protocols_are_named(subject: DatasetSubject) -> str:
    """Each protocol has its own name, and there is a default.

    serbench evaluate without --protocol uses the default.
    """
    for name, times in Counter(protocol.name for protocol in subject.dataset.protocols).items():
        if times > 1:
            raise Violation(f"{times} protocols are named {name!r}: give each its own name")
    return f"default {lookup.find_protocol(None, subject.dataset).name}"


def protocols_hold(subject: DatasetSubject) -> str:
    """Every protocol makes folds of the corpus under every label set.

    Parts that are empty or that share utterances stop an evaluation.
    """
    counts = [f"{split.protocol.name} {len(split.folds)}" for split in subject.splits]
    return f"folds: {', '.join(dict.fromkeys(counts))}"


def protocols_are_disjoint(subject: DatasetSubject) -> str:
    """Parts share no speaker or recording, unless the protocol declares that it leaks.

    A model scores too high on speakers that it was trained on.
    """
    corpus = subject.corpus_if_here
    digests = {
        utterance.id: file_digest(utterance.path)
        for utterance in (corpus.utterances if corpus else ())
        if utterance.path and utterance.path.is_file()
    }
    for split in subject.splits:
        leakage.require_clean(split.protocol, leakage.check(split.corpus, split.folds, digests))
    leaky = [protocol.name for protocol in subject.dataset.protocols if protocol.leaks]
    compared = "speakers and files" if digests else "speakers"
    return f"{compared} compared" + (f"; declared leaky: {', '.join(leaky)}" if leaky else "")


def protocols_are_complete(subject: DatasetSubject) -> str:
    """No utterance is tested twice; protocols listed as complete test every utterance.

    An utterance tested twice counts twice in pooled scores.
    """
    remarks = {}
    for split in subject.splits:
        tested = _tested_once(split)
        total, name = len(split.corpus.utterances), split.protocol.name
        if name in subject.complete and len(tested) < total:
            missed = next(u.id for u in split.corpus.utterances if u.id not in tested)
            raise Violation(
                f"protocol {name} is listed as complete, but tests {len(tested)} of {total} "
                f"utterances, not {missed}"
            )
        remarks[name] = f"{name} tests {len(tested)} of {total}"
    return ", ".join(remarks.values())


def _tested_once(split: Split) -> set[str]:
    """Return the ids of all tested utterances; refuse one in two test sets of different groups."""
    groups = {fold.group or fold.name: fold.test for fold in split.folds}
    times = Counter(utterance for test in groups.values() for utterance in test)
    utterance, most = times.most_common(1)[0]
    if most > 1:
        raise Violation(
            f"protocol {split.protocol.name} tests {utterance} in {most} folds: give each "
            "utterance one test set, or make these folds one group"
        )
    return set(times)


def same_corpus_twice(subject: DatasetSubject) -> None:
    """Reading the corpus twice gives the same corpus.

    Folds are planned in one process and trained in others.
    """
    corpora = (subject.corpus, subject.dataset.read(subject.source.root))
    first, again = (
        (corpus.digest, [dataclasses.astuple(utterance) for utterance in corpus.utterances])
        for corpus in corpora
    )
    if first != again:
        raise Violation(
            "reading twice gives different corpora: sort the files, and draw nothing at random"
        )


def independent_of_the_root(subject: DatasetSubject) -> None:
    """A corpus that was moved, or is reached through a link, is the same corpus.

    A run must have the same identity on every machine.
    """
    digest, link = subject.corpus.digest, subject.folder / "link"
    if not link.is_symlink():
        link.symlink_to(subject.source.root)
    for root, how in ((subject.moved, "moved to another folder"), (link, "reached by a link")):
        with blaming(f"with the corpus {how}"):
            corpus = subject.dataset.read(root)
        if corpus.digest != digest:
            raise Violation(
                f"{how}, the corpus has other ids, speakers or labels: read them from paths below "
                "the root, never from the root's own path"
            )


def paths_exist(subject: DatasetSubject) -> None:
    """Every utterance has its own file, and the file exists.

    A missing file must be found at once, not hours later.
    """
    owners: dict[Path, str] = {}
    for utterance in subject.corpus.utterances:
        path = utterance.path
        if path is None or not path.is_file():
            raise Violation(f"utterance {utterance.id} has the path {path}, which is not a file")
        if (other := owners.setdefault(path, utterance.id)) != utterance.id:
            raise Violation(f"utterances {other} and {utterance.id} have the same file, {path}")


def manifest_agrees(subject: DatasetSubject) -> None:
    """Manifest and corpus have the same ids, speakers and labels.

    Without audio, the manifest is used instead of the corpus.
    """
    if subject.manifest is None:
        raise NotRun("it has no manifest, which is optional")
    corpus, manifest = subject.corpus, subject.manifest
    if corpus.digest == manifest.digest:
        return
    read, listed = (
        {utterance.id: (utterance.speaker, utterance.label) for utterance in source.utterances}
        for source in (corpus, manifest)
    )
    different = [id_ for id_ in (*read, *listed) if read.get(id_) != listed.get(id_)]
    difference = f"for example in {different[0]}" if different else "in the order of their labels"
    raise Violation(
        f"manifest and corpus differ, {difference}: the manifest has {len(listed)} utterances, "
        f"the corpus {len(read)}"
    )


def absence_is_explained(subject: DatasetSubject) -> None:
    """If the corpus is missing, a CorpusError says how to get it.

    It is the first message that most users see.
    """
    empty = subject.folder / "empty"
    empty.mkdir(exist_ok=True)
    places = [(subject.folder / "absent", "a folder that does not exist")]
    if not subject.source.generated:  # the folder of a generated corpus is never empty
        places.append((empty, "an empty folder"))
    for root, place in places:
        try:
            subject.dataset.read(root)
        except CorpusError as error:
            message = str(error).replace(str(root), "...")
            helpful = (subject.dataset.about.obtain, subject.dataset.about.home, "--data")
            if not any(remedy and remedy in message for remedy in helpful):
                raise Violation(
                    f"for {place} its message is {message!r}: say how to get the corpus "
                    "(about.obtain), and that --data names its folder"
                ) from error
        except Exception as error:
            fault = f"for {place} it raises {type(error).__name__}: raise CorpusError instead"
            raise Violation(fault) from error
        else:
            raise Violation(f"for {place} it returns a corpus: raise CorpusError instead")


CHECKS = (
    Check(is_made),
    Check(parameters_are_annotated, (is_made,)),
    Check(is_a_corpus, (is_made,)),
    Check(speakers_are_people, (is_a_corpus,)),
    Check(label_sets, (is_a_corpus,)),
    Check(protocols_are_named, (is_made,)),
    Check(protocols_hold, (label_sets, protocols_are_named)),
    Check(protocols_are_disjoint, (protocols_hold,)),
    Check(protocols_are_complete, (protocols_hold,)),
    Check(same_corpus_twice, (is_a_corpus,)),
    Check(independent_of_the_root, (is_a_corpus,)),
    Check(paths_exist, (is_a_corpus,)),
    Check(manifest_agrees, (is_a_corpus,)),
    Check(absence_is_explained, (is_made,)),
)
