"""Fit a model and predict, in a process that gets nothing of the test set but its inputs.

The process that checks the fold (`serbench.evaluation.fold`) writes inputs without names into a
file, which is unlinked once it is open here, and joins ids and truth to the predictions. So neither
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
from serbench.evaluation import model_io
from serbench.evaluation.model_io import Inputs
from serbench.files import replacing, writing_error
from serbench.plugins import registry
from serbench.processes import Message, Send
from serbench.text import shown

ALONE = 8  # utterances that are predicted one by one
PATIENCE = 300.0  # seconds that a forked process has to answer
PR_SET_PDEATHSIG = 1  # of Linux's prctl
MOST_WARNINGS = 20  # different warnings that a fold keeps
LEARNED, TESTED = "learned", "tested"  # folders in the exchange, of inputs
MODEL, SCORES = "model", "answers.safetensors"
PREDICTING = "predicting"  # a file that exists once the model may have predicted
_folds = itertools.count()  # folds trained in this process, whose models may have left a trace


@dataclass(frozen=True)
class Task:
    """Everything that the model's process learns of a fold, in plain values."""

    model: str  # its name
    version: str  # as planned
    params: Mapping[str, Any]
    labels: Sequence[str]
    seed: int
    threads: int
    precision: str  # of training
    device: str  # "auto", "cpu" or "cuda"
    truth: Mapping[str, Sequence[int]]  # of "train" and "validation", positions in the labels
    speakers: Mapping[str, Sequence[str]]  # of "train" and "validation"
    order: Sequence[int]  # in which the validation utterances are predicted
    workspace: str  # the model's folder
    exchange: str  # the folder of the inputs, for the scores and the model
    keep_model: bool  # in the exchange
    isolated: bool  # this process is the model's own, not a debugger's


@dataclass
class FoldWorkspace:
    """The workspace of one fold; see `serbench.contracts.Workspace`."""

    wanted: str  # the device that the user wants: "auto", "cpu" or "cuda"
    threads: int
    folder: Path
    send: Send  # is called with every point of the learning curve
    precision: str = "float32"
    curve: list[dict[str, float]] = field(default_factory=list)  # the points so far

    @cached_property
    def device(self) -> str:
        """The device of this machine; found when a model asks, since that imports PyTorch."""
        return settings.find_device(self.wanted)

    @property
    def used(self) -> str:
        """The device, or "cpu" if no model has asked for one."""
        return str(self.__dict__.get("device", "cpu"))

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Send progress and one point of the learning curve."""
        point = {"epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        self.curve.append(point)
        self.send({"epochs": int(epochs), **point})


def run(message: Message, send: Send) -> Message:
    """Fit a model to a fold, and predict its test and validation utterances.

    Args:
        message: a `Task`.
        send: is called with every point of the learning curve.

    Returns:
        The facts of the fold; its scores are in the exchange.

    Raises:
        PluginError: the model breaks its contract, or is not the one that was planned.
    """
    task, folds_before = Task(**message), next(_folds)
    exchange, labels = Path(task.exchange), tuple(task.labels)
    target = _load_planned(task.model, task.version)
    workspace = FoldWorkspace(task.device, task.threads, Path(task.workspace), send, task.precision)
    if task.device == "cuda":
        assert workspace.device == "cuda", "or it would have been refused"
    with (
        model_io.opened(exchange / LEARNED) as sets,
        threadpoolctl.threadpool_limits(task.threads),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", ResourceWarning)  # of files that are still open
        model: Model = target(labels=labels, seed=task.seed, **task.params)
        learned = {
            part: Examples(sets[part], np.array(truth, np.int64), tuple(task.speakers[part]))
            for part, truth in task.truth.items()
        }
        started = time.perf_counter()
        model.fit(learned["train"], learned["validation"], workspace)
        fitted = time.perf_counter()
        copy = Copy(model, task, workspace.used)
        (exchange / PREDICTING).touch()
        predicting = time.perf_counter()
        with model_io.opened(exchange / TESTED) as tested:
            test = model_io.predict(model, tested["test"], len(labels))
            predicted = time.perf_counter()
            alone = copy.compare(test, tested["test"])
        ordered = sets["validation"][task.order]
        scores = {
            "test": test.activations,
            "validation": model_io.predict(model, ordered, len(labels)).activations,
        }
        description = model_io.description(model)
    with replacing(exchange / SCORES) as temporary:
        temporary.write_bytes(safetensors.numpy.save(scores))
    optional = {
        "peak_memory_mb": peak_memory(),
        "warnings": _lines(caught),
        "folds_before": folds_before,
    }
    return {
        "link": test.link,
        "alone": alone,
        "model": description,
        "curve": workspace.curve,
        "seconds": {"fit": fitted - started, "predict": predicted - predicting},
        "device": workspace.used,
        **{name: value for name, value in optional.items() if value},
    }


def _load_planned(model: str, version: str) -> Any:
    """Load a model's class in the planned version: never mix the folds of two versions."""
    entry = registry.find("model", model)
    target = registry.load(entry)
    installed = registry.version(entry, target)
    if installed != version:
        raise PluginError(
            f"{entry.name} was version {version!r} when the run was planned, and is {installed!r} "
            "now: its code changed while the run was going on; run the same command again"
        )
    return target


class Copy:
    """A copy of a fitted model that has predicted nothing: it predicts a few utterances one by one.

    No score may depend on the batch. These utterances are drawn where the model cannot know them
    when it predicts the batch: in a forked process, or afterwards, for a saved copy.
    """

    def __init__(self, model: Model, task: Task, device: str):
        """Fork the model, or save it; save it too if it is to be kept."""
        self._model, self._task, self._device = model, task, device
        self._exchange = Path(task.exchange)
        self._fork: Fork | None = None
        keepable = isinstance(model, KeepableModel)
        assert keepable or not task.keep_model, "planning refuses it"
        # CUDA cannot be forked; OpenMP's threads may hang in a fork, then a last resort
        can_fork = hasattr(os, "fork") and device == "cpu" and task.isolated
        if can_fork and (task.threads == 1 or not keepable):
            fork = Fork(self._predict_drawn, PATIENCE)
            self._fork = fork if fork.is_done() else None
        if isinstance(model, KeepableModel) and (
            task.keep_model or (task.isolated and self._fork is None)
        ):
            place = self._exchange / MODEL
            try:
                place.mkdir()
                model.save(place)
            except (OSError, safetensors.SafetensorError) as error:
                raise writing_error(place, error) from error

    def compare(self, batch: Predictions, inputs: Inputs) -> dict[str, object]:
        """Return how far the copy's scores and labels differ from the batch's, where asked."""
        rows = None if self._fork is None else self._fork.answer()
        if rows is not None and rows.size:
            rows = rows.reshape(-1, 1 + len(self._task.labels))
        elif not self._task.isolated:  # a debugger's: never ranked
            chosen = model_io.positions(len(inputs), ALONE)
            rows = one_by_one(self._model, chosen, inputs[chosen], len(self._task.labels))
        elif (self._exchange / MODEL).is_dir():
            rows = self._predict_saved(inputs)
        else:
            reason = "no copy of the model could be made, or it did not answer"
            none = {"utterances": 0, "largest_difference": 0.0, "other_labels": 0}
            return {**none, "unchecked": reason}
        alone, others = rows[:, 1:], batch.activations[rows[:, 0].astype(int)]
        return {
            "utterances": len(rows),
            "largest_difference": float(np.abs(alone - others).max()),
            "other_labels": int((alone.argmax(axis=-1) != others.argmax(axis=-1)).sum()),
        }

    def _predict_drawn(self) -> Array:
        """Be the forked copy: see no more of the test set than the utterances to predict."""
        chosen, inputs = model_io.drawn(self._exchange / TESTED, "test", ALONE)
        return one_by_one(self._model, chosen, inputs, len(self._task.labels))

    def _predict_saved(self, inputs: Inputs) -> Array:
        chosen = model_io.positions(len(inputs), ALONE)
        exchange = self._exchange / "copy"
        model_io.write(exchange, {"test": inputs[chosen]})
        message = {
            "model": self._task.model,
            "version": self._task.version,
            "n_labels": len(self._task.labels),
            "threads": self._task.threads,
            "device": self._device,
            "folder": str(self._exchange / MODEL),
            "exchange": str(exchange),
            "chosen": chosen,
        }
        (outcome,) = processes.fresh(
            predict_saved,
            [message],
            lambda *_: None,
            at_once=1,
            threads=self._task.threads,
            nested=True,
        )
        if outcome.result is None:
            raise PluginError(f"the model was saved, and its copy cannot predict: {outcome.error}")
        return np.array(outcome.result["rows"], np.float32)


def one_by_one(model: Model, chosen: Sequence[int], inputs: Inputs, n_labels: int) -> Array:
    """Predict utterances one by one: (utterances, 1 + labels), its position before its scores."""
    rows = [
        model_io.predict(model, inputs[[at]], n_labels).activations[0] for at in range(len(inputs))
    ]
    return np.column_stack([np.array(chosen, np.float32), np.stack(rows)])


def predict_saved(message: Message, send: Send) -> Message:
    """Load a saved model, and predict utterances one by one: `rows`."""
    target = _load_planned(message["model"], message["version"])
    with (
        model_io.opened(Path(message["exchange"])) as sets,
        threadpoolctl.threadpool_limits(message["threads"]),
    ):
        model = target.load(Path(message["folder"]))
        if message["device"] != "cpu" and isinstance(model, MovableModel):
            model.to(message["device"])
        rows = one_by_one(model, message["chosen"], sets["test"], message["n_labels"])
    return {"rows": rows.tolist()}


class Fork:
    """A forked copy of this process that computes an array.

    Args:
        compute: returns the array, of at most some kilobytes.
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
        """Wait until the copy has written its array, or ended; kill one that does neither."""
        if select.select([self._stream], [], [], self._patience)[0]:
            return True
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        self._stream.close()
        return False

    def answer(self) -> npt.NDArray[np.float32] | None:
        """Return the flat array, or None if computing it failed; after `is_done`, and once."""
        with self._stream as stream:
            data = b"".join(iter(lambda: stream.read(2**16), b""))
        _, status = os.waitpid(self._child, 0)
        return np.frombuffer(data, np.float32) if status == 0 else None


def _answer(compute: Callable[[], Array], writing: int, patience: float, parent: int) -> NoReturn:
    """Be the copy: compute, write, and end in any case, not long after the parent."""
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
    """Return the most megabytes that this process has used; None where the system cannot send."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kB on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def _lines(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Return the different warnings: "ConvergenceWarning: lbfgs failed to converge"."""
    lines = (" ".join(f"{each.category.__name__}: {each.message}".split()) for each in caught)
    return [shown(line, 300) for line in dict.fromkeys(lines)][:MOST_WARNINGS]
