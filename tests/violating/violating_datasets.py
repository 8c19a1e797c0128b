"""A dataset that keeps its contract, and one for each check that breaks just that demand."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from serbench.contracts import About
from serbench.corpus import Corpus, Fold, Protocol, Utterance, speaker_fold
from serbench.errors import CorpusError, SerbenchError
from serbench.protocols.families import kfold

LABELS = ("angry", "calm")
SPEAKERS = ("s1", "s2", "s3", "s4")
ABOUT = About("Clean", "MIT", "1 kB", "nowhere", "`python write.py` writes it", "nobody")


def write(root: Path) -> Path:
    """Write files that nobody listens to, each with bytes of its own."""
    root.mkdir(parents=True, exist_ok=True)
    for speaker, label, take in product(SPEAKERS, LABELS, (1, 2)):
        (root / f"{speaker}-{label}-{take}.wav").write_text(f"{speaker} {label} {take}")
    return root


def rotated(corpus: Corpus) -> list[Fold]:
    """Each speaker tests once, and the next one validates."""
    return [_fold(corpus, at) for at in range(len(SPEAKERS))]


def _fold(corpus: Corpus, at: int, **other: Sequence[str]) -> Fold:
    turned = SPEAKERS[at:] + SPEAKERS[:at]
    sets = {"test": turned[:1], "validation": turned[1:2], "train": turned[2:]}
    return speaker_fold(corpus, turned[0], **{**sets, **other})


class CleanDataset:
    """Names of files say who speaks, and how."""

    about: Any = ABOUT
    label_sets: Mapping[str, Mapping[str, str]] = {"own": dict(zip(LABELS, LABELS, strict=True))}
    protocols: Sequence[Protocol] = (Protocol("rotated", "four folds", rotated),)

    def __init__(self, *, takes: int = 2) -> None:
        self.takes = takes

    def manifest(self) -> Corpus | None:
        """All of it."""
        spoken = product(SPEAKERS, LABELS, range(1, self.takes + 1))
        found = [
            Utterance(f"{speaker}-{label}-{take}", speaker, label)
            for speaker, label, take in spoken
        ]
        return Corpus("clean", LABELS, tuple(found), "raw")

    def read(self, root: Path) -> Corpus:
        """Every file below root."""
        paths = sorted(root.glob("*.wav"))
        if not paths:
            raise CorpusError(f"nothing in {root}: {ABOUT.obtain}")
        return Corpus("clean", LABELS, tuple(self.utterance(path) for path in paths), "raw")

    def utterance(self, path: Path) -> Utterance:
        """What a file is called."""
        speaker, label, _ = path.stem.split("-")
        return Utterance(path.stem, speaker, label, path)


class SilentDataset(CleanDataset):
    """Violates is_made: it does not say how to get it."""

    about = dataclasses.replace(ABOUT, obtain=" ")


class UnannotatedDataset(CleanDataset):
    """Violates parameters_are_annotated."""

    def __init__(self, *, takes=2) -> None:
        super().__init__(takes=takes)


class DoubledDataset(CleanDataset):
    """Violates is_a_corpus: two utterances of one id."""

    def utterance(self, path: Path) -> Utterance:
        """Without the take."""
        return dataclasses.replace(super().utterance(path), id=path.stem[:-2])


class CrowdedDataset(CleanDataset):
    """Violates speakers_are_people: every utterance has a speaker of its own."""

    protocols = (kfold(n=4),)

    def manifest(self) -> Corpus | None:
        """All of it."""
        known = super().manifest()
        return known and _crowded(known)

    def read(self, root: Path) -> Corpus:
        """Every file below root."""
        return _crowded(super().read(root))


class LonelyDataset(CrowdedDataset):
    """Violates nothing: it says that every utterance has a speaker of its own."""

    speakers = "single"


def _crowded(corpus: Corpus) -> Corpus:
    renamed = [dataclasses.replace(one, speaker=one.id) for one in corpus.utterances]
    return dataclasses.replace(corpus, utterances=tuple(renamed))


class UnlabelledDataset(CleanDataset):
    """Violates is_a_corpus in another way: a label that is none."""

    def utterance(self, path: Path) -> Utterance:
        """In capitals."""
        return dataclasses.replace(super().utterance(path), label="ANGRY")


class MisspeltDataset(CleanDataset):
    """Violates label_sets."""

    label_sets: Mapping[str, Mapping[str, str]] = {
        **CleanDataset.label_sets,
        "two": {"angry": "high", "clam": "low"},
    }


class RepeatingDataset(CleanDataset):
    """Violates protocols_are_named."""

    protocols = CleanDataset.protocols * 2


class EmptyFoldDataset(CleanDataset):
    """Violates protocols_hold: nothing is left to validate on."""

    protocols = (Protocol("empty", "one fold", lambda corpus: [_fold(corpus, 0, validation=())]),)


class LeakyDataset(CleanDataset):
    """Violates protocols_are_disjoint: s1 trains and tests."""

    protocols = (
        Protocol(
            "leaky",
            "one fold",
            lambda corpus: [
                Fold("1", corpus.of_speakers(["s2", "s1"])[1:], *_rest(corpus)),
            ],
        ),
    )


def _rest(corpus: Corpus) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """s3 validates, and the first utterance of s1 tests."""
    return corpus.of_speakers(["s3"]), corpus.of_speakers(["s1"])[:1]


class HonestDataset(CleanDataset):
    """Violates nothing: it leaks, and says so."""

    protocols = (dataclasses.replace(LeakyDataset.protocols[0], leaks="s1 trains and tests"),)


class TwiceDataset(CleanDataset):
    """Violates protocols_are_complete: two folds test s1."""

    protocols = (
        Protocol(
            "twice",
            "two folds",
            lambda corpus: [
                _fold(corpus, 0),
                dataclasses.replace(_fold(corpus, 0), name="again"),
            ],
        ),
    )


class ShrinkingDataset(CleanDataset):
    """Violates same_corpus_twice: it hands out each place in the list once."""

    reads = 0

    def utterance(self, path: Path) -> Utterance:
        """In a session that counts."""
        ShrinkingDataset.reads += 1
        return dataclasses.replace(super().utterance(path), session=str(ShrinkingDataset.reads))


class RootedDataset(CleanDataset):
    """Violates independent_of_the_root: the folder's name is part of an id."""

    def manifest(self) -> Corpus | None:
        """None: it depends."""
        return None

    def utterance(self, path: Path) -> Utterance:
        """Named by its folder."""
        known = super().utterance(path)
        return dataclasses.replace(known, id=f"{path.parent.name}-{known.id}")


class PathlessDataset(CleanDataset):
    """Violates paths_exist."""

    def utterance(self, path: Path) -> Utterance:
        """Where a file of another ending would be."""
        return dataclasses.replace(super().utterance(path), path=path.with_suffix(".flac"))


class SharingDataset(CleanDataset):
    """Violates paths_exist in another way: two utterances are one file."""

    def utterance(self, path: Path) -> Utterance:
        """In the file of the first take."""
        first = path.with_name(path.name.replace("-2", "-1"))
        return dataclasses.replace(super().utterance(path), path=first)


class PromisingDataset(CleanDataset):
    """Violates manifest_agrees: it lists a take that nobody has."""

    def __init__(self, *, takes: int = 3) -> None:
        super().__init__(takes=takes)


class TerseDataset(CleanDataset):
    """Violates absence_is_explained."""

    def read(self, root: Path) -> Corpus:
        """Or not."""
        if not any(root.glob("*.wav")):
            raise CorpusError("no files")
        return super().read(root)


class CrashingDataset(CleanDataset):
    """Violates absence_is_explained in another way: the error is another one."""

    def read(self, root: Path) -> Corpus:
        """Or not."""
        if not any(root.glob("*.wav")):
            raise SerbenchError(f"nothing in {root}: {ABOUT.obtain}")
        return super().read(root)


class BlindDataset(CleanDataset):
    """Violates absence_is_explained in another way: nothing is a corpus to it."""

    def read(self, root: Path) -> Corpus:
        """Whatever is there."""
        found = tuple(map(self.utterance, sorted(root.glob("*.wav"))))
        return Corpus("clean", LABELS, found, "raw")
