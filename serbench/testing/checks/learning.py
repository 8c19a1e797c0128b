"""Check that a model learns, gives the same scores for the same seed, resumes, and can be saved."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from serbench.contracts import KeepableModel
from serbench.processes import Message
from serbench.testing import signals
from serbench.testing.checks.model import Fitted, ModelSubject, fits, repeats_itself, scores
from serbench.testing.examination import Check, NotRun, Violation, blaming
from serbench.testing.signals import LABELS, Utterances

NEEDED = 19  # of 30 with three labels: guessing gets that many once in 1300 times
NEEDED_OF_TWO = 14  # of 20 with two labels, guessing among three: once in 1100 times
REORDERED = (2, 0, 1)  # positions of the labels in another order


def same_seed(subject: ModelSubject) -> None:
    """The same seed and the same data give the same scores.

    Scores must not depend on clocks, global states or earlier folds.
    """
    waves = subject.tested.waves
    first, again = subject.small.model, subject.small_again.model
    remedy = "draw everything from one generator that starts from the seed"
    fault = "two fits with one seed give scores that differ"
    subject.require_same(subject.scores(first, waves), subject.scores(again, waves), fault, remedy)


def random_state(subject: ModelSubject) -> None:
    """The model leaves the global random states of random, numpy and torch unchanged.

    Other code in the process draws from these states.
    """
    # of the second fit: in the first, libraries may draw while they are imported
    if touched := subject.small_again.touched:
        raise Violation(
            f"it changes the global random state of {' and '.join(touched)}: use "
            "numpy.random.default_rng(seed), or torch.random.fork_rng() around code that uses it"
        )


def beats_chance(subject: ModelSubject) -> str:
    """The model tells bass, mid and treble apart better than guessing does.

    Anything that learns from sound can learn these labels.
    """
    right, total = _right(subject, subject.large, subject.tested), len(subject.tested.truth)
    if right < NEEDED:
        raise Violation(
            f"{right} of {total} test utterances are right, but {NEEDED} are needed to rule out "
            "guessing: check that the model learns at all; parameters for so few utterances can be "
            'its entry\'s defaults for "toy"'
        )
    return f"{right} of {total} right"


def labels_order(subject: ModelSubject) -> str:
    """Columns are in the order of the argument labels.

    truth holds positions in that order: a model that sorts labels swaps emotions.
    """
    labels = [LABELS[label] for label in REORDERED]
    train, held_out, tested = map(_reordered, (subject.many, subject.held_out, subject.tested))
    fitted = subject.fit(train, validation=held_out, labels=labels)
    right, total = _right(subject, fitted, tested), len(tested.truth)
    if right < NEEDED:
        raise Violation(
            f"with the labels in the order {', '.join(labels)} only {right} of {total} are right: "
            "column i is the score of labels[i], and truth holds positions in labels; sort neither"
        )
    return f"{right} of {total} right"


def _reordered(utterances: Utterances) -> Utterances:
    positions = np.array([REORDERED.index(label) for label in range(len(LABELS))], np.int64)
    return replace(utterances, truth=positions[utterances.truth])


def absent_label(subject: ModelSubject) -> str:
    """A label without training utterances keeps its column.

    Small folds may lack a label, for which scikit-learn returns no column.
    """
    present = (0, 2)
    tested = subject.tested.of_labels(present)
    with blaming("for a label that is not in training: give it a column of low scores"):
        fitted = subject.fit(subject.many.of_labels(present))
        right, total = _right(subject, fitted, tested), len(tested.truth)
    if right < NEEDED_OF_TWO:
        raise Violation(
            f"without {LABELS[1]} in training only {right} of {total} other utterances "
            f"are right: keep the column of {LABELS[1]}, with the lowest scores"
        )
    return f"{right} of {total} right"


def _right(subject: ModelSubject, fitted: Fitted, utterances: Utterances) -> int:
    predicted = subject.scores(fitted.model, utterances.waves).argmax(axis=1)
    return int((predicted == utterances.truth).sum())


def odd_training(subject: ModelSubject) -> None:
    """The model learns from a set with 0.1 s of sound, silence and a constant signal.

    Corpora have such utterances in their training sets.
    """
    odd, few = [signals.short(), signals.silent(), signals.constant()], subject.few
    speakers = (*few.speakers, *few.speakers[: len(odd)])
    truth = np.array([*few.truth, 0, 1, 2], np.int64)
    with blaming("learning from 0.1 s, silence and a constant: guard logs and divisions"):
        fitted = subject.fit(Utterances([*few.waves, *odd], truth, speakers))
        subject.scores(fitted.model, subject.tested.waves)


class Killed(BaseException):
    """Ends a fit at a report; not an Exception, so that the model does not catch it."""


def resumes(subject: ModelSubject) -> str:
    """Killed in fit and fitted again in the same folder, the model gives the same scores.

    Resuming and starting again are both right; a mixture silently changes scores.
    """
    reports = subject.small.reports
    if not reports:
        raise NotRun("it never reports, and a kill needs a report")
    folder, has_files, stops = subject.workspace().folder, False, [reports // 2 + 1, 1]
    while (fitted := _fit_until(subject, folder, stops.pop(0) if stops else None)) is None:
        has_files = has_files or any(folder.iterdir())
    waves = subject.tested.waves
    undisturbed = subject.scores(subject.small.model, waves)
    resumed = subject.scores(fitted.model, waves)
    remedy = "store everything that the next epoch depends on, or start again"
    subject.require_same(undisturbed, resumed, "after a kill and a new fit, scores differ", remedy)
    return "keeps files in its workspace" if has_files else "keeps no files, and starts again"


def _fit_until(subject: ModelSubject, folder: Path, stop: int | None) -> Fitted | None:
    """Fit in this folder, but kill the fit and return None at report number `stop`."""
    reports = 0

    def send(message: Message) -> None:
        nonlocal reports
        subject.send(message)
        reports += "within_epoch" not in message
        if reports == stop:
            raise Killed

    try:
        return subject.fit(subject.few, workspace=subject.workspace(folder, send))
    except Killed:
        return None


def saves(subject: ModelSubject) -> None:
    """A model that was saved and loaded gives the same scores.

    --keep-models and serbench predict need save and load, which are optional.
    """
    folder = _saved(subject)
    loaded = subject.target.load(folder)
    waves = subject.tested.waves
    first, again = subject.scores(subject.small.model, waves), subject.scores(loaded, waves)
    remedy = "save everything that predict needs"
    subject.require_same(first, again, "after saving and loading, scores differ", remedy)


PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def saves_no_pickle(subject: ModelSubject) -> None:
    """No saved file is or contains a pickle.

    Reading a pickle can run any code.
    """
    for path in sorted(_saved(subject).rglob("*")):
        if path.is_file() and _is_pickled(path):
            raise Violation(
                f"{path.name} is a pickle: write arrays with safetensors and text as JSON "
                "(serbench.model_files), or scikit-learn's objects with skops"
            )


def _saved(subject: ModelSubject) -> Path:
    if not (isinstance(subject.target, type) and issubclass(subject.target, KeepableModel)):
        raise NotRun("it has no save and load, though --keep-models and serbench predict need them")
    folder = subject.folder / "kept"
    if not folder.exists():
        model: Any = subject.small.model
        folder.mkdir()
        model.save(folder)
    return folder


def _is_pickled(path: Path) -> bool:
    if zipfile.is_zipfile(path):  # the format of torch.save and numpy.savez
        with zipfile.ZipFile(path) as archive:
            return any(
                _is_pickle(archive.open(name).read(4096), name) for name in archive.namelist()
            )
    with path.open("rb") as file:
        return _is_pickle(file.read(4096), path.name)


def _is_pickle(start: bytes, name: str) -> bool:
    """Return whether a file that starts with these bytes is a pickle or an array of objects."""
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
