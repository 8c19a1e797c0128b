"""What a model must do while it learns, and afterwards: learn, repeat itself, resume, be kept."""

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from serbench.contracts import Saves
from serbench.testing import signals
from serbench.testing.checks.model import SHORT, fits, repeats_itself, scores
from serbench.testing.examination import Check, NotRun, Violation, blaming
from serbench.testing.signals import LABELS, Spoken
from serbench.testing.subjects.model import Fitted, Learner

NEEDED = 19  # of 30 with three labels: who guesses gets there once in 1300 times
NEEDED_OF_TWO = 14  # of 20, if all three labels are guessed: once in 1100 times
TURNED = (2, 0, 1)  # the labels in another order


def same_seed(learner: Learner) -> None:
    """The same seed and the same data give the same scores.

    Randomness comes from the seed alone, not from clocks, global states or earlier folds.
    """
    waves = learner.tested.waves
    first, again = (
        learner.scores(each.model, waves) for each in (learner.small, learner.small_again)
    )
    remedy = "draw everything from a generator that is made of the seed"
    learner.same(first, again, "fitted twice with one seed, scores differ", remedy)


def random_state(learner: Learner) -> None:
    """It leaves the global random states of random, numpy and torch as they were.

    Whoever seeds them changes what others in the process draw.
    """
    # the second fit: what libraries draw while they are imported is not the model's
    if touched := learner.small_again.touched:
        raise Violation(
            f"it changes the global random state of {' and '.join(touched)}: use "
            "numpy.random.default_rng(seed), or torch.random.fork_rng() around what needs torch's"
        )


def beats_chance(learner: Learner) -> str:
    """It tells bass, mid and treble apart more often than a guess would.

    They differ in pitch and colour, so that anything that learns from sound can learn them.
    """
    right = _right(learner, learner.large, learner.tested)
    total = len(learner.tested.truth)
    if right < NEEDED:
        raise Violation(
            f"{right} of {total} test utterances are right, and {NEEDED} would not be chance: see "
            "whether it learns at all; parameters for so few utterances can be its entry's "
            'defaults for "toy"'
        )
    return f"{right} of {total} right"


def labels_order(learner: Learner) -> str:
    """Given its labels in another order, its columns come in that order.

    truth holds positions in the labels as they are given; sorting them swaps emotions.
    """
    train, held_out, tested = (
        _turned(each) for each in (learner.many, learner.held_out, learner.tested)
    )
    fitted = learner.fit(train, held_out, labels=[LABELS[one] for one in TURNED])
    right = _right(learner, fitted, tested)
    if right < NEEDED:
        raise Violation(
            f"with the labels in the order {', '.join(LABELS[one] for one in TURNED)} only "
            f"{right} of {len(tested.truth)} are right: column i is the score of labels[i], and "
            "truth holds positions in labels; sort neither"
        )
    return f"{right} of {len(tested.truth)} right"


def _turned(spoken: Spoken) -> Spoken:
    places = np.array([TURNED.index(label) for label in range(len(LABELS))])
    return Spoken(spoken.waves, places[spoken.truth].astype(np.int64), spoken.speakers)


def absent_label(learner: Learner) -> str:
    """A label without training utterances keeps its column.

    Small folds lack one now and then; scikit-learn's classifiers then give a column less.
    """
    known = (0, 2)
    with blaming("with a label that is not in training: give it a column of low scores"):
        fitted = learner.fit(learner.many.of_labels(known), learner.held_out)
        tested = learner.tested.of_labels(known)
        right = _right(learner, fitted, tested)
    if right < NEEDED_OF_TWO:
        raise Violation(
            f"without {LABELS[1]} in training only {right} of {len(tested.truth)} of the others "
            "are right: its column must stay, with the lowest scores"
        )
    return f"{right} of {len(tested.truth)} right"


def _right(learner: Learner, fitted: Fitted, spoken: Spoken) -> int:
    found = learner.scores(fitted.model, spoken.waves).argmax(axis=1)
    return int((found == spoken.truth).sum())


def odd_training(learner: Learner) -> None:
    """It learns from a set that holds 0.1 s, silence and a constant signal.

    Corpora have them, and nobody removes them.
    """
    odd = [signals.utterance(0, SHORT, 6004), signals.silent(), signals.constant()]
    few = learner.few
    speakers = (*few.speakers, *few.speakers[: len(odd)])
    truth = np.array([*few.truth, 0, 1, 2], np.int64)
    with blaming("learning from 0.1 s, silence and a constant: guard logs and divisions"):
        fitted = learner.fit(Spoken([*few.waves, *odd], truth, speakers), learner.held_out)
        learner.scores(fitted.model, learner.tested.waves)


class Killed(BaseException):
    """Ends a fit at a report, past every `except Exception`."""


def resumes(learner: Learner) -> str:
    """Killed in fit and fitted again in the same folder, it gives the scores of an undisturbed fit.

    It may keep checkpoints in its workspace or start again; half of either is a silent error.
    """
    reports = learner.small.reports
    if not reports:
        raise NotRun("it never reports, so there is no moment to kill it at")
    folder, kept, stops = learner.bench().folder, False, [reports // 2 + 1, 1]
    while (fitted := _fit_until(learner, folder, stops.pop(0) if stops else None)) is None:
        kept = kept or any(folder.iterdir())
    waves = learner.tested.waves
    undisturbed, resumed = (learner.scores(each.model, waves) for each in (learner.small, fitted))
    remedy = "store everything that the next epoch depends on, or start again"
    learner.same(undisturbed, resumed, "resumed after a kill, scores differ", remedy)
    return "keeps files in its workspace" if kept else "keeps nothing, and starts again"


def _fit_until(learner: Learner, folder: Path, stop: int | None) -> Fitted | None:
    """Fit in this folder; None where that was killed at so many reports."""
    heard = 0

    def tell(words: Mapping[str, Any]) -> None:
        nonlocal heard
        heard += 1
        learner.tell(words)
        if heard == stop:
            raise Killed

    bench = replace(learner.bench(tell), folder=folder)
    try:
        return learner.fit(learner.few, learner.held_out, bench=bench)
    except Killed:
        return None


def saves(learner: Learner) -> None:
    """What save wrote, load reads, and it predicts the same.

    --keep-models and serbench predict need both; a model without them is still a model.
    """
    place = _kept(learner)
    loaded = learner.target.load(place)
    waves = learner.tested.waves
    first, again = (learner.scores(one, waves) for one in (learner.small.model, loaded))
    remedy = "write everything that predict needs"
    learner.same(first, again, "saved and loaded, its scores differ", remedy)


PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def saves_no_pickle(learner: Learner) -> None:
    """What save writes holds no pickle.

    Reading a pickle runs whatever code its author put there.
    """
    for path in sorted(_kept(learner).rglob("*")):
        if path.is_file() and _pickled(path):
            raise Violation(
                f"{path.name} is a pickle: write arrays with safetensors and words as JSON "
                "(serbench.model_files), or scikit-learn's objects with skops"
            )


def _kept(learner: Learner) -> Path:
    if not (isinstance(learner.target, type) and issubclass(learner.target, Saves)):
        raise NotRun("it has no save and load, which --keep-models and serbench predict need")
    place = learner.folder / "kept"
    if not place.exists():
        model: Any = learner.small.model
        place.mkdir()
        model.save(place)
    return place


def _pickled(path: Path) -> bool:
    if zipfile.is_zipfile(path):  # as torch.save and numpy.savez write
        with zipfile.ZipFile(path) as archive:
            return any(_begins(archive.open(name).read(4096), name) for name in archive.namelist())
    with path.open("rb") as file:
        return _begins(file.read(4096), path.name)


def _begins(start: bytes, name: str) -> bool:
    """Whether a file's first bytes are a pickle, or those of an array of Python objects."""
    objects = start.startswith(b"\x93NUMPY") and b"'descr': '|O'" in start
    return start.startswith(PICKLES) or objects or name.endswith((".pkl", ".pickle"))


CHECKS = (
    Check(same_seed, (repeats_itself,)),
    Check(random_state, (fits,)),
    Check(beats_chance, (scores,)),
    Check(labels_order, (beats_chance,)),
    Check(absent_label, (beats_chance,)),
    Check(odd_training, (scores,)),
    Check(resumes, (same_seed,)),
    Check(saves, (repeats_itself,)),
    Check(saves_no_pickle, (fits,)),
)
