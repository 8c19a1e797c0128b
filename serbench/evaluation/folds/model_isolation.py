"""Fit a model and predict, in a process that receives only the inputs of the test set.

The process that checks the fold (`serbench.evaluation.folds.fold`) writes inputs without ids into a
file, which is unlinked once it is open here, and joins ids and truth to the predictions. So no
frame of this process and no object that can be reached from an input holds a test label.
"""

import contextlib
import ctypes
import importlib
import itertools
import json
import math
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
from serbench.escaping import shown
from serbench.evaluation.folds import model_io
from serbench.evaluation.folds.model_io import Inputs
from serbench.files import replacing, writing_error
from serbench.plugins import registry
from serbench.processes import Message, Send

ALONE = 8  # utterances that are predicted one by one
PAUSE = 1.0  # seconds between two messages about progress within an epoch
PATIENCE = 300.0  # seconds until a forked copy is given up
PR_SET_PDEATHSIG = 1  # of Linux's prctl
MOST_WARNINGS = 20  # distinct warnings that are stored for a fold
LEARNED, TESTED = "learned", "tested"  # folders of inputs in the exchange
MODEL, SCORES, FACTS = "model", "answers.safetensors", "facts.json"
PREDICTING = "predicting"  # a file that exists once the model may have predicted
_folds = itertools.count()  # counts the folds of this process: earlier models may have left a trace


@dataclass(frozen=True)
class Task:
    """Everything that the model's process receives about a fold, in plain values."""

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
    exchange: str  # the folder of the inputs, the scores and the saved model
    extras: Sequence[str]  # extra test sets, by the folders of their inputs in the exchange
    keep_model: bool  # save the model in the exchange
    isolated: bool  # this process is the model's own, not a debugger's


@dataclass
class FoldWorkspace:
    """The workspace of one fold; see `serbench.contracts.Workspace`."""

    wanted: str  # the device that the user wants: "auto", "cpu" or "cuda"
    threads: int
    folder: Path
    send: Send  # called with every point of the learning curve
    precision: str = "float32"
    curve: list[dict[str, float]] = field(default_factory=list)  # the points so far
    _step: tuple[int, int] = (0, 0)  # the epoch and the percentage of it that was last sent
    _sent: float = -math.inf  # when that was

    @cached_property
    def device(self) -> str:
        """The device of this machine; found at first use, since that imports PyTorch."""
        return settings.find_device(self.wanted)

    @property
    def used(self) -> str:
        """The device, or "cpu" if the model has not used `device`."""
        return str(self.__dict__.get("device", "cpu"))

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Send progress and one point of the learning curve."""
        point = {"epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        self.curve.append(point)
        self.send({"epochs": int(epochs), **point})

    def report_step(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Send progress within an epoch, at most once a `PAUSE` and whole percent.

        Progress is only shown, so what is no share of an epoch ends no training.
        """
        done = float(step / steps) if steps else 0.0
        done = min(done, 1.0) if done > 0 else 0.0  # also for NaN
        now, at = time.monotonic(), (int(epoch), int(100 * done))
        if at != self._step and now > self._sent + PAUSE:
            self._step, self._sent = at, now
            self.send({"epoch": at[0] - 1, "epochs": int(epochs), "within_epoch": done})


def run(message: Message, send: Send) -> Message:
    """Fit a model to a fold, and predict its test and validation utterances.

    Args:
        message: a `Task`.
        send: called with every point of the learning curve.

    Returns:
        The facts of the fold; its scores are in the exchange.

    Raises:
        PluginError: the model breaks its contract, or its version is not the planned one.
    """
    task, folds_before = Task(**message), next(_folds)
    exchange, labels = Path(task.exchange), tuple(task.labels)
    target = _load_planned(task.model, task.version)
    workspace = FoldWorkspace(task.device, task.threads, Path(task.workspace), send, task.precision)
    if task.device == "cuda":
        assert workspace.device == "cuda", "without one, `device` raises"
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
            validation = model_io.predict(model, ordered, len(labels))
            scores = {"test": test.activations, "validation": validation.activations}
            with replacing(exchange / SCORES) as temporary:
                temporary.write_bytes(safetensors.numpy.save(scores))
            optional = {
                "peak_memory_mb": peak_memory(),
                "warnings": _lines(caught),
                "folds_before": folds_before,
            }
            facts = {
                "link": test.link,
                "alone": alone,
                "model": model_io.description(model),
                "curve": workspace.curve,
                "seconds": {"fit": fitted - started, "predict": predicted - predicting},
                "device": workspace.used,
                **{name: value for name, value in optional.items() if value},
            }
            # extra test sets come last, when everything else is stored: they change no other score
            # of a model that remembers or draws, and a process that dies in them loses no fold
            (exchange / FACTS).write_text(json.dumps(facts))
            _predict_extras(model, task.extras, exchange, len(labels), workspace.used)
    return facts


def _predict_extras(
    model: Model, extras: Sequence[str], exchange: Path, n_labels: int, device: str
) -> None:
    """Write the scores of a model for each extra test set, or the error, into the exchange."""
    for name in extras:
        try:
            with model_io.opened(exchange / name) as sets:
                began = time.perf_counter()
                predictions = model_io.predict(model, sets["test"], n_labels)
                seconds = time.perf_counter() - began
            facts = {"link": predictions.link, "seconds": seconds, "device": device}
            with replacing(exchange / f"{name}.safetensors") as temporary:
                arrays, text = {name: predictions.activations}, {"serbench": json.dumps(facts)}
                temporary.write_bytes(safetensors.numpy.save(arrays, text))
        except (Exception, SystemExit) as error:
            (exchange / f"{name}.error").write_text(processes.reason(error))


def predict_kept(message: Message, send: Send) -> Message:
    """Load a kept model, and predict extra test sets; the scores are in the exchange.

    Args:
        message: `model`, `version`, `folder` of the kept model, `device`, `threads`, `n_labels`,
            `exchange` and `extras`.
        send: not used.

    Returns:
        An empty message.

    Raises:
        PluginError: the model breaks its contract, or its version is not the planned one.
    """
    exchange = Path(message["exchange"])
    target = _load_planned(message["model"], message["version"])
    device = settings.find_device(message["device"])
    with threadpoolctl.threadpool_limits(message["threads"]):
        model = target.load(Path(message["folder"]))
        if isinstance(model, MovableModel):
            model.to(device)
        else:
            device = "cpu"
        _predict_extras(model, message["extras"], exchange, message["n_labels"], device)
    return {}


def _load_planned(model: str, version: str) -> Any:
    """Load a model's class; refuse another version than planned, since a run never mixes two."""
    entry = registry.find("model", model)
    target = registry.load(entry)
    installed = registry.version(entry, target)
    if installed != version:
        raise PluginError(
            f"{entry.name} was version {version!r} when the run was planned, and is {installed!r} "
            "now: its code changed during the run; run the same command again"
        )
    return target


class Copy:
    """A copy of a fitted model, made before it predicts, that predicts utterances one by one.

    No score may depend on the batch. A few utterances are drawn where the model that predicts the
    batch cannot know them: in a forked process, or afterwards for a saved copy.
    """

    def __init__(self, model: Model, task: Task, device: str):
        """Fork or save the model; always save a model that is to be kept."""
        self._model, self._task, self._device = model, task, device
        self._exchange = Path(task.exchange)
        self._fork: Fork | None = None
        keepable = isinstance(model, KeepableModel)
        assert keepable or not task.keep_model, "planning refuses it"
        # CUDA cannot be forked; OpenMP's threads and libraries of macOS may hang in a fork, so
        # saving comes first
        can_fork = sys.platform != "win32" and device == "cpu" and task.isolated
        is_safe = sys.platform == "linux" and task.threads == 1
        if can_fork and (is_safe or not keepable):
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
        """Return how far the scores and labels of the copy differ from those of the batch."""
        rows = None if self._fork is None else self._fork.array()
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
        """Predict in the forked copy, which reads only a few utterances of the test set."""
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
            raise PluginError(f"the saved copy of the model cannot predict: {outcome.error}")
        return np.array(outcome.result["rows"], np.float32)


def one_by_one(model: Model, chosen: Sequence[int], inputs: Inputs, n_labels: int) -> Array:
    """Predict utterances one by one: (utterances, 1 + labels), positions before scores."""
    rows = [
        model_io.predict(model, inputs[[at]], n_labels).activations[0] for at in range(len(inputs))
    ]
    return np.column_stack([np.array(chosen, np.float32), np.stack(rows)])


def predict_saved(message: Message, send: Send) -> Message:
    """Load a saved model, and return the `rows` of `one_by_one`."""
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
        compute: function that returns the array, at most a few kilobytes.
        patience: seconds until the copy is given up.
    """

    def __init__(self, compute: Callable[[], Array], patience: float):
        if sys.platform == "win32":
            raise NotImplementedError
        self._patience = patience
        reading, writing = os.pipe()
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of the thread that waits for the parent
            self._child = os.fork()
        if self._child == 0:
            _run_copy(compute, writing, patience, parent)
        os.close(writing)
        self._stream = os.fdopen(reading, "rb", buffering=0)

    def is_done(self) -> bool:
        """Return whether the copy has written its array or ended in time; else kill it."""
        if sys.platform == "win32":
            raise NotImplementedError
        if select.select([self._stream], [], [], self._patience)[0]:
            return True
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        self._stream.close()
        return False

    def array(self) -> npt.NDArray[np.float32] | None:
        """Return the flat array, or None if `compute` failed; call once, after `is_done`."""
        if sys.platform == "win32":
            raise NotImplementedError
        with self._stream as stream:
            data = b"".join(iter(lambda: stream.read(2**16), b""))
        _, status = os.waitpid(self._child, 0)
        return np.frombuffer(data, np.float32) if status == 0 else None


def _run_copy(compute: Callable[[], Array], writing: int, patience: float, parent: int) -> NoReturn:
    """Compute and write the array in the copy; end the copy in any case, soon after the parent."""
    if sys.platform == "win32":
        raise NotImplementedError
    try:
        signal.alarm(int(patience) + 1)
        with contextlib.suppress(OSError, AttributeError):  # Linux: end with the parent
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent has already ended
            os._exit(1)
        data = np.ascontiguousarray(compute(), np.float32).tobytes()
        with os.fdopen(writing, "wb") as out:
            out.write(data)
        os._exit(0)
    except BaseException:
        os._exit(1)


def peak_memory() -> float | None:
    """Return the most megabytes that this process has used; None if the system reports none."""
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kB on Linux
    most: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most * unit / 2**20, 1)


def _lines(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Return the distinct warnings: "ConvergenceWarning: lbfgs failed to converge"."""
    lines = (" ".join(f"{each.category.__name__}: {each.message}".split()) for each in caught)
    return [shown(line, 300) for line in dict.fromkeys(lines)][:MOST_WARNINGS]
