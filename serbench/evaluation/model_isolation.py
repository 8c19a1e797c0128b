"""Fit a model and predict, in a process that gets nothing of the test set but its inputs.

The process that checks the fold (`serbench.evaluation.fold`) writes inputs, without names, into a
file that is unlinked once it is open here, and joins ids and truth to the predictions. So neither
the frames of this process nor anything that can be reached from an input holds a test label.
"""

import contextlib
import ctypes
import itertools
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
import threadpoolctl

from serbench import processes, settings
from serbench.contracts import Array, Examples, KeepableModel, Model, MovableModel, Predictions
from serbench.errors import PluginError
from serbench.evaluation import model_inputs, model_output
from serbench.evaluation.model_inputs import Inputs
from serbench.files import replacing, writing_error
from serbench.plugins import registry
from serbench.processes import Message, Tell
from serbench.text import shown

ALONE = 8  # utterances that are predicted one by one
PATIENCE = 300.0  # seconds that a forked process has to answer
PR_SET_PDEATHSIG = 1  # of Linux's prctl
MOST_WARNINGS = 20  # different warnings that a fold keeps
LEARNED, TESTED = "learned", "tested"  # folders in the exchange, of inputs
MODEL, ANSWERS = "model", "answers.safetensors"
PREDICTING = "predicting"  # a file that is there once the model may have predicted
_folds = itertools.count()  # folds trained in this process, whose models may have left a trace


@dataclass
class FoldWorkspace:
    """The workspace of one fold: what a model computes with, and where it reports.

    Attributes:
        wanted: the device that the user wants: "auto", "cpu" or "cuda".
        threads: how many to compute with.
        folder: private to the fold.
        tell: is called with every point of the learning curve.
        precision: what training computes in.
        curve: the points so far.
    """

    wanted: str
    threads: int
    folder: Path
    tell: Tell
    precision: str = "float32"
    curve: list[dict[str, float]] = field(default_factory=list)

    @cached_property
    def device(self) -> str:
        """The device of this machine; looked for when a model asks, since that imports PyTorch."""
        return settings.find_device(self.wanted)

    @property
    def used(self) -> str:
        """The device, or "cpu" if no model has asked for one."""
        return str(self.__dict__.get("device", "cpu"))

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Tell progress and one point of the learning curve."""
        point = {"epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        self.curve.append(point)
        self.tell({"epochs": int(epochs), **point})


def run(words: Message, tell: Tell) -> Message:
    """Fit a model to a fold, and predict its test and validation utterances.

    Args:
        words: `model`, its `version`, `params`, `labels` and `seed`; `threads`, `precision` and
            `device`; `truth` and `speakers` of training and validation; `order` in which the
            validation utterances are predicted; `workspace` and `exchange`, folders; `keep`,
            whether to leave the model in the exchange; `alone`, whether this process is the
            model's own and not a debugger's.
        tell: is called with every point of the learning curve.

    Returns:
        The facts of the fold; its scores are in the exchange.

    Raises:
        PluginError: the model breaks its contract, or is not the one that was planned.
    """
    before = next(_folds)
    exchange = Path(words["exchange"])
    target = _target(words)
    lent = FoldWorkspace(
        words["device"], words["threads"], Path(words["workspace"]), tell, words["precision"]
    )
    if lent.wanted == "cuda":
        assert lent.device == "cuda", "or it would have been refused"
    with (
        model_inputs.opened(exchange / LEARNED) as sets,
        threadpoolctl.threadpool_limits(lent.threads),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", ResourceWarning)  # of files that are still open
        labels, order = tuple(words["labels"]), list[int](words["order"])
        model: Model = target(labels=labels, seed=words["seed"], **words["params"])
        started = time.perf_counter()
        model.fit(_examples(words, sets, "train"), _examples(words, sets, "validation"), lent)
        fitted = time.perf_counter()
        copy = Copy(model, len(labels), words, lent)
        copy.make()
        (exchange / PREDICTING).touch()
        asking = time.perf_counter()
        with model_inputs.opened(exchange / TESTED) as tested:
            test = model_output.ask(model, tested["test"], len(labels))
            predicted = time.perf_counter()
            alone = copy.compared(test, tested["test"])
        validation = model_output.ask(model, sets["validation"][order], len(labels))
        described = model_output.described(model)
    scores = {"test": test.activations, "validation": validation.activations}
    with replacing(exchange / ANSWERS) as temporary:
        temporary.write_bytes(safetensors.numpy.save(scores))
    return {
        "link": test.link,
        "alone": alone,
        "model": described,
        "curve": lent.curve,
        "seconds": {"fit": fitted - started, "predict": predicted - asking},
        "device": lent.used,
        **({"peak_memory_mb": peak} if (peak := peak_memory()) else {}),
        **({"warnings": said} if (said := _said(caught)) else {}),
        **({"folds_before": before} if before else {}),
    }


def _target(words: Message) -> Any:
    """Load the model's class, in the version for which the job was planned.

    Raises:
        PluginError: its code was edited since, so that folds of two models would be mixed.
    """
    entry = registry.find("model", words["model"])
    target = registry.load(entry)
    version = registry.version(entry, target)
    if version != words["version"]:
        raise PluginError(
            f"{entry.name} was version {words['version']!r} when the run was planned, and "
            f"is {version!r} now: its code changed while the run was going on; run the same "
            "command again"
        )
    return target


def _examples(words: Message, sets: Mapping[str, Inputs], part: str) -> Examples:
    truth = np.array(words["truth"][part], np.int64)
    return Examples(sets[part], truth, tuple(words["speakers"][part]))


@dataclass
class Copy:
    """A copy of a fitted model that has predicted nothing: it predicts a few utterances one by one.

    No score may depend on the batch. Which utterances they are is drawn where the model cannot
    know it when it predicts the batch: in a forked process, or afterwards, for a saved copy.

    Attributes:
        model: the fitted model.
        n_labels: columns of the model's scores.
        words: see `run`.
        lent: the model's workspace.
    """

    model: Model
    n_labels: int
    words: Message
    lent: FoldWorkspace
    fork: "Fork | None" = None

    @property
    def forks(self) -> bool:
        """Whether a fork is asked: CUDA cannot be forked, and OpenMP's threads may not answer.

        With several threads a fork is tried where there is no other way.
        """
        if not hasattr(os, "fork") or self.lent.used != "cpu" or not self.words["alone"]:
            return False
        return self.lent.threads == 1 or not isinstance(self.model, KeepableModel)

    @property
    def place(self) -> Path:
        """Where the model is saved."""
        return Path(self.words["exchange"]) / MODEL

    def make(self) -> None:
        """Fork, or save the model; save it too if it is to be kept.

        Raises:
            SerbenchError: there is no space.
        """
        assert isinstance(self.model, KeepableModel) or not self.words["keep"], (
            "seen to at planning"
        )
        if self.forks:
            fork = Fork(self._few, PATIENCE)
            self.fork = fork if fork.is_done() else None
        wanted = self.words["keep"] or (self.words["alone"] and self.fork is None)
        if wanted and isinstance(self.model, KeepableModel):
            try:
                self.place.mkdir()
                self.model.save(self.place)
            except (OSError, safetensors.SafetensorError) as error:
                raise writing_error(self.place, error) from error

    def compared(self, among: Predictions, inputs: Inputs) -> dict[str, object]:
        """Compare what the copy predicts one by one with what the model predicted of all.

        Returns:
            How far scores and labels differ, or why no copy could be asked.
        """
        rows = None if self.fork is None else self.fork.answer()
        if rows is not None and rows.size:
            rows = rows.reshape(-1, 1 + self.n_labels)
        elif not self.words["alone"]:  # a debugger's: never ranked
            chosen = model_inputs.positions(len(inputs), ALONE)
            rows = one_by_one(self.model, chosen, inputs[chosen], self.n_labels)
        elif self.place.is_dir():
            rows = self._of_saved(inputs)
        else:
            reason = "no copy of the model could be made, or it did not answer"
            none = {"utterances": 0, "largest_difference": 0.0, "other_labels": 0}
            return {**none, "unchecked": reason}
        alone, others = rows[:, 1:], among.activations[rows[:, 0].astype(int)]
        return {
            "utterances": len(rows),
            "largest_difference": float(np.abs(alone - others).max()),
            "other_labels": int((alone.argmax(axis=-1) != others.argmax(axis=-1)).sum()),
        }

    def _few(self) -> Array:
        """What a forked copy does: it sees no more of the test set than what it predicts."""
        chosen, inputs = model_inputs.drawn(Path(self.words["exchange"]) / TESTED, "test", ALONE)
        return one_by_one(self.model, chosen, inputs, self.n_labels)

    def _of_saved(self, inputs: Inputs) -> Array:
        chosen = model_inputs.positions(len(inputs), ALONE)
        place = Path(self.words["exchange"]) / "copy"
        model_inputs.write(place, {"test": (inputs[one] for one in chosen)})
        item = {
            **{name: self.words[name] for name in ("model", "version", "labels", "threads")},
            "device": self.lent.used,
            "folder": str(self.place),
            "exchange": str(place),
            "chosen": chosen,
        }
        (outcome,) = processes.fresh(
            ask_copy, [item], lambda *_: None, at_once=1, threads=self.lent.threads, nested=True
        )
        if outcome.result is None:
            raise PluginError(f"the model was saved, and its copy cannot predict: {outcome.error}")
        return np.array(outcome.result["rows"], np.float32)


def one_by_one(model: Model, chosen: Sequence[int], inputs: Inputs, labels: int) -> Array:
    """Predict utterances one by one: a row each, its position before its scores."""
    each = [
        model_output.ask(model, inputs[[at]], labels).activations[0] for at in range(len(inputs))
    ]
    return np.column_stack([np.array(chosen, np.float32), np.stack(each)])


def ask_copy(words: Message, tell: Tell) -> Message:
    """Load a saved model, and predict utterances one by one: `rows`."""
    target = _target(words)
    with (
        model_inputs.opened(Path(words["exchange"])) as sets,
        threadpoolctl.threadpool_limits(words["threads"]),
    ):
        model = target.load(Path(words["folder"]))
        if words["device"] != "cpu" and isinstance(model, MovableModel):
            model.to(words["device"])
        rows = one_by_one(model, words["chosen"], sets["test"], len(words["labels"]))
    return {"rows": rows.tolist()}


class Fork:
    """A forked copy of this process that computes an array.

    Args:
        compute: makes the array, of at most some kilobytes.
        patience: seconds until the copy is given up.
    """

    def __init__(self, compute: Callable[[], Array], patience: float):
        self._patience = patience
        reading, writing = os.pipe()
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of the thread that waits for the parent
            self._child = os.fork()
        if self._child == 0:
            _answer(compute, writing, patience, parent)
        os.close(writing)
        self._stream = os.fdopen(reading, "rb", buffering=0)

    def is_done(self) -> bool:
        """Wait until the copy has written its answer, or ended; one that does neither is ended."""
        if select.select([self._stream], [], [], self._patience)[0]:
            return True
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        self._stream.close()
        return False

    def answer(self) -> npt.NDArray[np.float32] | None:
        """The array, flat, or None where computing it failed; after `is_done`, and once."""
        with self._stream as stream:
            data = b"".join(iter(lambda: stream.read(2**16), b""))
        _, status = os.waitpid(self._child, 0)
        return np.frombuffer(data, np.float32) if status == 0 else None


def _answer(compute: Callable[[], Array], writing: int, patience: float, parent: int) -> NoReturn:
    """Be the copy: compute, write, and end, whatever happens, not long after the parent."""
    try:
        signal.alarm(int(patience) + 1)
        with contextlib.suppress(OSError, AttributeError):  # Linux: end with the parent
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended before
            os._exit(1)
        data = np.ascontiguousarray(compute(), np.float32).tobytes()
        with os.fdopen(writing, "wb") as out:
            out.write(data)
        os._exit(0)
    except BaseException:
        os._exit(1)


def peak_memory() -> float | None:
    """Return the most megabytes that this process has used; None where the system cannot tell."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kB on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def _said(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Return the different warnings: "ConvergenceWarning: lbfgs failed to converge"."""
    lines = (" ".join(f"{each.category.__name__}: {each.message}".split()) for each in caught)
    return [shown(line, 300) for line in dict.fromkeys(lines)][:MOST_WARNINGS]
