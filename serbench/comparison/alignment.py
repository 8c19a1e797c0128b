"""Align the test utterances of runs, or refuse runs that cannot be compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from serbench import tables
from serbench.errors import SerbenchError
from serbench.metrics import classification, intervals
from serbench.results.run import Run

Key = tuple[str, int]
"""An utterance's id, and how many times it was tested before in the run."""


@dataclass(frozen=True)
class TestUtterances:
    """The test utterances of a run, in an order that does not depend on the order of its folds.

    An utterance that several folds test appears once per fold, as in the run's own scores.
    """

    keys: tuple[Key, ...]  # sorted
    folds: tuple[str, ...]  # per utterance, the name of the fold that tested it
    speakers: tuple[str, ...]  # one per utterance
    truth: npt.NDArray[np.int64]  # (utterances,), positions in the labels
    prediction: npt.NDArray[np.int64]  # (utterances,), positions in the labels
    labels: tuple[str, ...]  # the names of the labels

    @cached_property
    def confusions(self) -> npt.NDArray[np.int64]:
        """One confusion matrix per speaker: (speakers, labels, labels), speakers sorted."""
        return intervals.speaker_confusions(
            self.truth, self.prediction, self.speakers, len(self.labels)
        )

    @classmethod
    def of(cls, run: Run) -> "TestUtterances":
        """Sort a run's test utterances by id; repeated tests stay in the protocol's order."""
        times: Counter[str] = Counter()
        rows: list[tuple[Key, str, str]] = []
        for fold in run.folds:
            name = fold.facts.fold.name
            for id_, speaker in zip(fold.test.ids, fold.test.speakers, strict=True):
                rows.append(((id_, times[id_]), name, speaker))
                times[id_] += 1
        order = sorted(range(len(rows)), key=lambda at: rows[at][0])
        keys, folds, speakers = zip(*(rows[at] for at in order), strict=True)
        truth = np.concatenate([fold.test.truth for fold in run.folds])[order]
        activations = np.concatenate([fold.test.activations for fold in run.folds])[order]
        prediction = classification.predicted(activations)
        return cls(keys, folds, speakers, truth, prediction, run.facts.labels)


def align(runs: Sequence[Run], *, any_protocol: bool = False) -> tuple[TestUtterances, ...]:
    """Return the test utterances of each run: the same utterances in the same order.

    Args:
        runs: the runs.
        any_protocol: protocols, and so training sets, may differ.

    Raises:
        SerbenchError: a run is incomplete, or differs from the first in its corpus, labels,
            protocol, test utterances or audio.
    """
    for run in runs:
        if run.missing:
            total = tables.count(run.facts.protocol.folds, "fold")
            raise SerbenchError(
                f"{run.name} is incomplete, {run.missing} of its {total} "
                f"{tables.are(run.missing)} missing: run its command again to add them, then "
                "compare"
            )
    first, *others = runs
    for other in others:
        differ = _different_data(first, other)
        if not any_protocol:
            differ = differ or _different_protocol(first, other)
        _refuse(first, other, differ)
    tests = tuple(map(TestUtterances.of, runs))
    for other, test in zip(others, tests[1:], strict=True):
        _refuse(first, other, _different_tests(tests[0], test))
    return tests


def _refuse(first: Run, other: Run, reason: str) -> None:
    if reason:
        raise SerbenchError(f"{first.name} and {other.name} cannot be compared: {reason}")


def _different_data(first: Run, other: Run) -> str:
    """Return the first cause by which the data of two runs differ, or ""."""
    runs = (first, other)
    if first.corpus != other.corpus:
        return (
            f"the corpus differs, {first.corpus} and {other.corpus}; choose runs on the same "
            "corpus (`serbench runs` lists them)"
        )
    sets = [(run.config.labels, list(run.facts.labels)) for run in runs]
    if sets[0] != sets[1]:
        ours, theirs = (f"{name} ({', '.join(labels)})" for name, labels in sets)
        return (
            f"the label set differs, {ours} and {theirs}; evaluate one of them again with "
            f"--labels {sets[0][0]} or --labels {sets[1][0]}"
        )

    pins, others = (run.facts.pins for run in runs)
    if pins.corpus != others.corpus:
        names = (f"{run.config.dataset} (digest {run.facts.pins.corpus[:8]})" for run in runs)
        return (
            f"the corpus differs, {' and '.join(names)}, in its utterances, "
            "speakers or labels; evaluate both on the same data"
        )
    return ""


def _different_protocol(first: Run, other: Run) -> str:
    """Return how the folds of two runs on the same corpus differ, in utterances or audio, or ""."""
    runs = (first, other)
    pins, others = (run.facts.pins for run in runs)
    if pins.protocol != others.protocol:
        names = (f"{run.config.protocol} (digest {run.facts.pins.protocol[:8]})" for run in runs)
        return (
            f"the protocol differs, {' and '.join(names)}; evaluate one "
            "of them again with the --protocol of the other"
        )
    audio = [{fold.facts.fold.index: fold.facts.pins.audio for fold in run.folds} for run in runs]
    both = [at for at in audio[0].keys() & audio[1].keys() if audio[0][at] and audio[1][at]]
    differing = [at for at in both if audio[0][at] != audio[1][at]]
    if differing:
        return (
            f"the audio differs in {len(differing)} of {tables.count(len(audio[0]), 'fold')}, "
            "though "
            "utterance ids are the same; evaluate both on the same files"
        )
    return ""


def _different_tests(first: TestUtterances, other: TestUtterances) -> str:
    """Return how the stored tests differ, even if the pins of their runs agree; or ""."""
    remedy = "; a result was edited, or a fold is from another run: evaluate both again"
    if first.keys != other.keys:
        apart = Counter(first.keys)
        apart.subtract(other.keys)
        example = min(key for key, count in apart.items() if count)[0]
        only = [sum(count == sign for count in apart.values()) for sign in (1, -1)]
        return (
            f"the test utterances differ, {only[0]} {tables.are(only[0])} only in the first and "
            f"{only[1]} only in the second, for example {example}{remedy}"
        )
    same = (first.truth == other.truth) & (np.array(first.speakers) == np.array(other.speakers))
    if not same.all():
        example = first.keys[int(np.argmin(same))][0]
        utterances = tables.count(int(np.sum(~same)), "test utterance")
        return f"the label or speaker of {utterances} differs, for example {example}{remedy}"
    return ""
