"""A dataset under examination: what is known of its corpus, with or without the audio."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from serbench import datasets, specs
from serbench.contracts import About
from serbench.corpus import Corpus, Fold, Protocol, relabelled
from serbench.datasets import Source
from serbench.plugins import registry
from serbench.protocols import lookup
from serbench.settings import settings
from serbench.testing.examination import NotRun


@dataclass(frozen=True)
class Split:
    """One protocol on a corpus under one label set.

    Attributes:
        corpus: under the label set.
        protocol: one of the dataset's own, or its default.
        folds: what it makes of the corpus.
    """

    corpus: Corpus
    protocol: Protocol
    folds: Sequence[Fold]


@dataclass
class Known:
    """A dataset's name and parameters, and where its corpus may be.

    Attributes:
        name: as a user types it, with or without parameters.
        params: further parameters.
        folder: to write into.
        data: the corpus's folder; None where it would be by the settings, if it is there.
        complete: protocols that say they test every utterance exactly once.
    """

    name: str
    params: Mapping[str, object]
    folder: Path
    data: Path | None = None
    complete: Sequence[str] = field(default=())

    @cached_property
    def source(self) -> Source:
        """The dataset and its corpus's folder."""
        typed = [specs.typed(*one) for one in self.params.items()]
        joint = "," if ":" in self.name else ":"
        spec = self.name + (joint + ",".join(typed) if typed else "")
        return datasets.find(spec, settings(), self.data)

    @cached_property
    def target(self) -> Any:
        """What its entry points to."""
        return registry.load(registry.find("dataset", self.name.partition(":")[0]))

    @cached_property
    def dataset(self) -> Any:
        """The plugin's object."""
        return self.source.dataset

    @cached_property
    def about(self) -> About:
        """Where its corpus comes from."""
        about: About = self.dataset.about
        return about

    def require_here(self) -> None:
        """Stop a check that needs the corpus where it is not at hand.

        Raises:
            NotRun: it says how to get it.
        """
        if self.data is None and not self.source.generated and not self.source.root.exists():
            raise NotRun(
                f"corpus not here: {self.source.root} does not exist; name its folder with --data"
            )

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus on this disk, with its own labels; what is generated is made first."""
        self.require_here()
        if self.source.generated:
            datasets.read(self.source)
        return self.read(self.source.root)

    def read(self, root: Path) -> Corpus:
        """What the plugin reads there."""
        corpus: Corpus = self.dataset.read(root)
        return corpus

    @cached_property
    def manifest(self) -> Corpus | None:
        """What the plugin knows without audio."""
        manifest: Corpus | None = self.dataset.manifest()
        return manifest

    @cached_property
    def outline(self) -> Corpus:
        """Utterances, speakers and labels: of the manifest, or of the corpus if it is here."""
        return self.corpus if self.manifest is None else self.manifest

    @cached_property
    def protocols(self) -> Sequence[Protocol]:
        """The dataset's own."""
        return tuple(self.dataset.protocols)

    @cached_property
    def splits(self) -> Sequence[Split]:
        """Every protocol under every label set."""
        default = lookup.find_protocol(None, self.dataset)
        own = {one.name: one for one in (*self.protocols, default)}
        return [
            Split(corpus, protocol, lookup.make_folds(protocol, corpus))
            for name, label_set in self.dataset.label_sets.items()
            for corpus in [relabelled(self.outline, name, label_set)]
            for protocol in own.values()
        ]

    @cached_property
    def moved(self) -> Path:
        """The same files in a folder of another name: links to them."""
        root = self.source.root
        if root.is_dir():
            place = self.folder / "moved"
            shutil.copytree(root, place, copy_function=_link)
            return place
        beside = self.folder / "moved"
        beside.symlink_to(root.parent, target_is_directory=True)
        return beside / root.name


def _link(source: str, target: str) -> None:
    os.symlink(os.path.realpath(source), target)
