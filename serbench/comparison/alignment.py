"""Lays two runs side by side, utterance by utterance, or says why they cannot be compared."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError
from serbench.metrics import classification, intervals
from serbench.results.run import Run

Key = tuple[str, int]
"""An utterance's id, and how many times it was tested before in the run."""


@dataclass(frozen=True)
class Tested:
    """What one run says of its test utterances, in an order that does not depend on its folds'.

    An utterance that several folds test is there several times: each test counts, as it does in the
    run's own scores.

    Attributes:
        keys: sorted.
        folds: the name of the fold that tested each.
        speakers: one an utterance.
        truth: (utterances,), positions in the labels.
        prediction: the same.
        labels: the names of the labels.
    """

    keys: tuple[Key, ...]
    folds: tuple[str, ...]
    speakers: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    labels: tuple[str, ...]

    @cached_property
    def confusions(self) -> npt.NDArray[np.int64]:
        """One confusion matrix a speaker: (speakers, labels, labels), speakers sorted."""
        return intervals.speaker_confusions(
            self.truth, self.prediction, self.speakers, len(self.labels)
        )


def tested(run: Run) -> Tested:
    """A run's test utterances, sorted by id; an utterance's tests stay in the protocol's order."""
    counted: Counter[str] = Counter()
    keys: list[Key] = []
    for fold in run.folds:
        for one in fold.test.ids:
            keys.append((one, counted[one]))
            counted[one] += 1
    order = sorted(range(len(keys)), key=keys.__getitem__)
    folds = [str(fold.facts["fold"]["name"]) for fold in run.folds for _ in fold.test.ids]
    speakers = [speaker for fold in run.folds for speaker in fold.test.speakers]
    truth = np.concatenate([fold.test.truth for fold in run.folds])
    activations = np.concatenate([fold.test.activations for fold in run.folds])
    return Tested(
        keys=tuple(keys[place] for place in order),
        folds=tuple(folds[place] for place in order),
        speakers=tuple(speakers[place] for place in order),
        truth=truth[order],
        prediction=classification.predicted(activations)[order],
        labels=run.folds[0].labels,
    )


def paired(runs: Sequence[Run]) -> tuple[Tested, ...]:
    """The test utterances of runs, the same ones in the same order for all.

    Raises:
        SerbenchError: a run is incomplete, or differs from the first in its corpus, labels,
            protocol, test utterances or audio.
    """
    for run in runs:
        if run.missing:
            total = run.facts["protocol"]["folds"]
            raise SerbenchError(
                f"{run.name} is incomplete, {run.missing} of its {total} folds are missing: the "
                "command that made it runs them, then compare"
            )
    first, *others = runs
    for other in others:
        for differs in CHECKS:
            difference = differs(first, other)
            if difference:
                raise SerbenchError(
                    f"{first.name} and {other.name} cannot be compared: {difference}"
                )
    found = tuple(tested(run) for run in runs)
    for other, its in zip(others, found[1:], strict=True):
        _same_tests(first, other, found[0], its)
    return found


def _corpora(one: Run, other: Run) -> str:
    if one.corpus == other.corpus:
        return ""
    return (
        f"the corpus differs, {one.corpus} and {other.corpus}; choose runs on the same corpus "
        "(`serbench runs` lists them)"
    )


def _labels(one: Run, other: Run) -> str:
    sets = [(run.config["labels"], list(run.facts["labels"])) for run in (one, other)]
    if sets[0] == sets[1]:
        return ""
    ours, theirs = (f"{name} ({', '.join(labels)})" for name, labels in sets)
    return (
        f"the label set differs, {ours} and {theirs}; evaluate one of them again with "
        f"--labels {sets[0][0]} or --labels {sets[1][0]}"
    )


def _contents(one: Run, other: Run) -> str:
    ours, theirs = (str(run.facts["pins"]["corpus"]) for run in (one, other))
    if ours == theirs:
        return ""
    return (
        f"the corpus differs, {one.config['dataset']} (digest {ours[:8]}) and "
        f"{other.config['dataset']} (digest {theirs[:8]}), in its utterances, speakers or labels; "
        "evaluate both on the same data"
    )


def _protocols(one: Run, other: Run) -> str:
    ours, theirs = (str(run.facts["pins"]["protocol"]) for run in (one, other))
    if ours == theirs:
        return ""
    return (
        f"the protocol differs, {one.config['protocol']} (digest {ours[:8]}) and "
        f"{other.config['protocol']} (digest {theirs[:8]}); evaluate one of them again with the "
        "--protocol of the other"
    )


def _audio(one: Run, other: Run) -> str:
    ours, theirs = (
        {fold.facts["fold"]["index"]: fold.facts["pins"]["audio"] for fold in run.folds}
        for run in (one, other)
    )
    differing = [index for index in ours.keys() & theirs.keys() if ours[index] != theirs[index]]
    if not differing:
        return ""
    return (
        f"the audio differs in {len(differing)} of {len(ours)} folds, though its utterances are "
        "called alike; evaluate both on the same files"
    )


CHECKS: tuple[Callable[[Run, Run], str], ...] = (
    _corpora,
    _labels,
    _contents,
    _protocols,
    _audio,
)
"""What must be alike, what explains the others first; each says what differs, or nothing."""


def _same_tests(one: Run, other: Run, ours: Tested, theirs: Tested) -> None:
    """Pins say what a run was made of; what was tested is in the results, and is compared too."""
    words = f"{one.name} and {other.name} cannot be compared: "
    remedy = "; a result was edited, or a fold is of another run: evaluate both again"
    if ours.keys != theirs.keys:
        apart = Counter(ours.keys)
        apart.subtract(theirs.keys)
        example = min(key for key, count in apart.items() if count)[0]
        only = [sum(count == sign for count in apart.values()) for sign in (1, -1)]
        raise SerbenchError(
            f"{words}the test utterances differ, {only[0]} are only in the first and {only[1]} "
            f"only in the second, {example} for one{remedy}"
        )
    same = (ours.truth == theirs.truth) & (np.array(ours.speakers) == np.array(theirs.speakers))
    if not same.all():
        example = ours.keys[int(np.argmin(same))][0]
        raise SerbenchError(
            f"{words}{np.sum(~same)} test utterances have another label or speaker, {example} for "
            f"one{remedy}"
        )
