"""Utterances, the corpus that they form, and the folds that split it."""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from serbench.errors import SerbenchError
from serbench.escaping import shown
from serbench.files import digest

PARTS = ("train", "validation", "test")
"""The sets of a fold, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording of one speaker, with its label.

    Attributes:
        id: unique in its corpus; its file's name there, without folder and ending.
        speaker: the speaker, never shared between training, validation and test; "" if unknown,
            which only a dataset that declares it may have: see `contracts.Dataset`.
        label: the emotion.
        path: the audio file; None if only the manifest is available.
        sex: "female", "male", or "" if unknown.
        session: the recording session, or "" if the corpus has none.
        dialogue: the conversation that it belongs to, or "" if the corpus has none.
        corpus: its corpus, if several are joined; else "".
        sentence: what is said, as the corpus numbers its texts, or "" if it does not.
        repetition: the take of this sentence, or "" if the corpus has none.
        attributes: anything else that the corpus says about the utterance or its speaker, by name:
            {"age": "31", "intensity": "strong"}.

    A corpus's digest covers ids, speakers and labels only.
    """

    id: str
    speaker: str
    label: str
    path: Path | None = None
    sex: str = ""
    session: str = ""
    dialogue: str = ""
    corpus: str = ""
    sentence: str = ""
    repetition: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Corpus:
    """The utterances of one corpus under one label set.

    Attributes:
        name: as the user typed it, with its parameters: "crema-d", "toy:seed=3".
        labels: the emotions, in the order of every table and every column of scores.
        utterances: sorted by id.
        label_set: the name of the label set, part of every result's identity.
        remarks: oddities of the corpus, one per line; not part of its identity.

    Raises:
        SerbenchError: two utterances have one id, or a label is not among `labels`.
    """

    name: str
    labels: tuple[str, ...]
    utterances: tuple[Utterance, ...]
    label_set: str
    remarks: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.utterances, key=lambda utterance: utterance.id))
        object.__setattr__(self, "utterances", ordered)
        for first, second in itertools.pairwise(ordered):
            if first.id == second.id:
                raise SerbenchError(
                    f"corpus {self.name} has two utterances with the id {first.id!r}: "
                    f"{first.path} and {second.path}; keep one"
                )
        for utterance in ordered:
            if "\n" in utterance.id + utterance.speaker or not utterance.id:
                raise SerbenchError(
                    f"corpus {self.name}: {utterance.id!r} of speaker {utterance.speaker!r} needs "
                    "an id and no line breaks in either"
                )
            if utterance.label not in self.labels:
                raise SerbenchError(
                    f"corpus {self.name}: utterance {utterance.id} has the label "
                    f"{utterance.label!r}, but must have one of {', '.join(self.labels)}"
                )

    def __repr__(self) -> str:
        sizes = f"utterances={len(self.utterances)} speakers={len(self.speakers)}"
        return f"<Corpus {shown(self.name)} labels={shown(self.label_set)} {sizes}>"

    def _repr_html_(self) -> str:
        from serbench import tables  # not needed by listings

        spoken: dict[str, list[str]] = {label: [] for label in self.labels}
        for utterance in self.utterances:
            spoken[utterance.label].append(utterance.speaker)
        rows = [[label, f"{len(s)}", f"{len(set(s) - {''})}"] for label, s in spoken.items()]
        rows += [[], ["all", f"{len(self.utterances)}", f"{len(self.speakers)}"]]
        table = tables.table(["", "utterances", "speakers"], rows, "html")
        return tables.page(f"{self.name}, labels {self.label_set}", table, self.remarks, "html")

    @cached_property
    def by_id(self) -> Mapping[str, Utterance]:
        """Every utterance under its id."""
        return {utterance.id: utterance for utterance in self.utterances}

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """All known speakers, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances} - {""}))

    @cached_property
    def speakerless(self) -> tuple[str, ...]:
        """The ids of the utterances whose speaker is unknown, sorted; they only train."""
        return self.of_speakers([""])

    @cached_property
    def digest(self) -> str:
        """The sha256 of ids, speakers, labels and the order of the labels."""
        rows = [[u.id, u.speaker, u.label] for u in self.utterances]
        return digest({"labels": list(self.labels), "utterances": rows})

    def of_speakers(self, speakers: Sequence[str]) -> tuple[str, ...]:
        """Return the ids of all utterances of these speakers, sorted."""
        return tuple(sorted(id_ for name in set(speakers) for id_ in self._ids.get(name, ())))

    @cached_property
    def _ids(self) -> Mapping[str, list[str]]:
        """The ids of each speaker's utterances."""
        ids: dict[str, list[str]] = {}
        for utterance in self.utterances:
            ids.setdefault(utterance.speaker, []).append(utterance.id)
        return ids


LabelSet = Mapping[str, str]
"""From a corpus's own label to a label of the set; utterances without one are left out."""


def relabelled(corpus: Corpus, name: str, label_set: LabelSet) -> Corpus:
    """Return the corpus with a label set's labels, ordered by first appearance in the set."""
    kept = tuple(
        utterance if utterance.label == label else replace(utterance, label=label)
        for utterance in corpus.utterances
        if (label := label_set.get(utterance.label)) is not None
    )
    labels = tuple(dict.fromkeys(label_set.values()))
    return Corpus(corpus.name, labels, kept, name, corpus.remarks)


@dataclass(frozen=True, slots=True)
class Fold:
    """The ids of one training, one validation and one test set.

    Attributes:
        name: unique in its protocol, shown in tables: "1", "Ses03F".
        train: ids, sorted.
        validation: ids, sorted; for model selection.
        test: ids, sorted; only the harness sees their labels.
        group: folds of a group share a test set, and only the one that is best on its
            validation set counts. Empty: the fold is a group by itself.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    group: str = ""

    def __repr__(self) -> str:
        sizes = " ".join(f"{part}={len(getattr(self, part))}" for part in PARTS)
        return f"<Fold {shown(self.name)} {sizes}>"


@dataclass(frozen=True)
class Protocol:
    """A named way to split a corpus into folds.

    Attributes:
        name: as the user types it, with its parameters: "kfold:n=5".
        summary: one line for a listing.
        folds: function from the corpus to its folds; needs no audio.
        leaks: a sentence on why its sets share speakers or audio; empty if they must not. A
            leaky protocol runs only under its own name, and is never ranked.
        source: where it was published, or "".
        n: how many folds it has; None if that depends on the corpus.
    """

    name: str
    summary: str
    folds: Callable[[Corpus], list[Fold]]
    leaks: str = ""
    source: str = ""
    n: int | None = None


def speaker_fold(
    corpus: Corpus,
    name: str,
    *,
    train: Sequence[str],
    validation: Sequence[str],
    test: Sequence[str],
) -> Fold:
    """Return the fold in which each set has all utterances of its speakers.

    Utterances without a speaker are in training.
    """
    return Fold(
        name,
        train=corpus.of_speakers([*train, ""]),
        validation=corpus.of_speakers(validation),
        test=corpus.of_speakers(test),
    )


def held_out(
    corpus: Corpus, train: Sequence[str], test: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide the training ids of a split without a validation set into training and validation.

    Validation is every fifth training speaker in sorted order (the fifth, the tenth, ...; the last
    of fewer than five). If training and test share speakers, validation is instead the tenth of
    the training ids (at least one) with the lowest sha256. Utterances without a speaker stay in
    training.
    """
    speaker = {id_: corpus.by_id[id_].speaker for id_ in train}
    speakers = sorted(set(speaker.values()) - {""})
    if any(corpus.by_id[id_].speaker in speakers for id_ in test):
        validation = set(sorted(train, key=sha256)[: max(1, len(train) // 10)])
    else:
        chosen = speakers[4::5] or speakers[-1:]
        validation = {id_ for id_ in train if speaker[id_] in chosen}
    return tuple(sorted(set(train) - validation)), tuple(sorted(validation))


def sha256(text: str) -> str:
    """Return the hexadecimal sha256 of a text, which orders texts alike in all library versions."""
    return hashlib.sha256(text.encode()).hexdigest()


def protocol_digest(folds: Sequence[Fold]) -> str:
    """Return the identity of a protocol on a corpus: sha256 of its folds' sorted ids, in order."""
    return digest([{part: sorted(getattr(fold, part)) for part in PARTS} for fold in folds])
