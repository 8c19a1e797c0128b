"""Fit a model and predict, in a process that gets nothing of the test set but its inputs.

The process that checks the fold (`serbench.worker`) writes inputs, without names, into a file that
is unlinked once it is open here, and joins ids and truth to the predictions. So neither the frames
of this process nor anything that can be reached from an input holds a test label.
"""

import itertools
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
import threadpoolctl

from serbench import answers, devices, engines, handover, plugins
from serbench.contracts import Array, Examples, Model, Moves, Predictions, Saves
from serbench.engines import Tell, Words
from serbench.errors import PluginError, shown
from serbench.files import replacing, writing_error
from serbench.handover import Inputs

ALONE = 8  # utterances that are predicted one by one
PATIENCE = 300.0  # seconds that a forked process has to answer
MOST_WARNINGS = 20  # different warnings that a fold keeps
MODEL, ANSWERS = "model", "answers.safetensors"
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
        return devices.found(self.wanted)

    @property
    def used(self) -> str:
        """The device, or "cpu" if no model has asked for one."""
        return str(self.__dict__.get("device", "cpu"))

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Tell progress and one point of the learning curve."""
        point = {"epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        self.curve.append(point)
        self.tell({"epochs": int(epochs), **point})


def run(words: Words, tell: Tell) -> Words:
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
        handover.opened(exchange) as sets,
        threadpoolctl.threadpool_limits(lent.threads),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("default")
        labels, order = tuple(words["labels"]), list[int](words["order"])
        model: Model = target(labels=labels, seed=words["seed"], **words["params"])
        started = time.perf_counter()
        model.fit(_examples(words, sets, "train"), _examples(words, sets, "validation"), lent)
        fitted = time.perf_counter()
        asked = Asked(model, sets["test"], len(labels), words, lent)
        asked.keep_copy()
        alone = asked.alone()
        asking = time.perf_counter()
        test = answers.ask(model, sets["test"], len(labels))
        predicted = time.perf_counter()
        validation = answers.ask(model, sets["validation"][order], len(labels))
        described = answers.described(model)
    scores = {"test": test.activations, "validation": validation.activations}
    with replacing(exchange / ANSWERS) as temporary:
        temporary.write_bytes(safetensors.numpy.save(scores))
    return {
        "link": test.link,
        "alone": compared(alone, test, asked.chosen) if isinstance(alone, np.ndarray) else alone,
        "model": described,
        "curve": lent.curve,
        "seconds": {"fit": fitted - started, "predict": predicted - asking},
        "device": lent.used,
        "peak_memory_mb": peak_memory(),
        **({"warnings": said} if (said := _said(caught)) else {}),
        **({"folds_before": before} if before else {}),
    }


def _target(words: Words) -> Any:
    """Load the model's class, in the version for which the job was planned.

    Raises:
        PluginError: its code was edited since, so that folds of two models would be mixed.
    """
    entry = plugins.find("model", words["model"])
    target = plugins.load(entry)
    version = plugins.version(entry, target)
    if version != words["version"]:
        raise PluginError(
            f"{entry.name} was version {words['version']!r} when the run was planned, and "
            f"is {version!r} now: its code changed while the run was going on; run the same "
            "command again"
        )
    return target


def _examples(words: Words, sets: Mapping[str, Inputs], part: str) -> Examples:
    truth = np.array(words["truth"][part], np.int64)
    return Examples(sets[part], truth, tuple(words["speakers"][part]))


@dataclass(frozen=True)
class Asked:
    """A fitted model that has predicted nothing yet, and the utterances that it will predict.

    Attributes:
        model: the fitted model.
        inputs: of the test set.
        n_labels: columns of the model's scores.
        words: see `run`.
        lent: the model's workspace.
    """

    model: Model
    inputs: Inputs
    n_labels: int
    words: Words
    lent: FoldWorkspace

    @property
    def chosen(self) -> list[int]:
        """Positions of the utterances that are predicted one by one."""
        places = np.linspace(0, len(self.inputs) - 1, ALONE)
        return sorted({int(place) for place in places})

    @property
    def forks(self) -> bool:
        """Whether a fork is asked: CUDA cannot be forked, and OpenMP's threads may not answer.

        With several threads a fork is tried where there is no other way.
        """
        if not hasattr(os, "fork") or self.lent.used != "cpu":
            return False
        return self.lent.threads == 1 or not isinstance(self.model, Saves)

    def keep_copy(self) -> None:
        """Save the model if it is to be kept, or if only a saved copy can predict one by one."""
        assert isinstance(self.model, Saves) or not self.words["keep"], "seen to at planning"
        wanted = self.words["keep"] or (self.words["alone"] and not self.forks)
        if wanted and isinstance(self.model, Saves):
            self._save()

    def alone(self) -> "Array | dict[str, object]":
        """Predict a few utterances one by one: (utterances, labels).

        No score may depend on the batch. The model that predicts here has predicted nothing before:
        it is in a forked copy of this process, or a saved copy in a fresh process.

        Returns:
            The scores, or the facts of a fold where no copy can be made.
        """
        if not self.words["alone"]:  # a debugger's: never ranked
            return self.scores(self.model)
        reason = "the model cannot be saved, and its process cannot be forked"
        if self.forks:
            made = forked(lambda: self.scores(self.model), PATIENCE)
            if made is not None:
                return made.reshape(len(self.chosen), self.n_labels)
            reason = "a forked copy of the model did not answer"
        if isinstance(self.model, Saves):
            return self._of_copy()
        return {"utterances": 0, "largest_difference": 0.0, "other_labels": 0, "unchecked": reason}

    def scores(self, model: Model) -> Array:
        """Predict the chosen utterances one by one: (utterances, labels)."""
        each = [answers.ask(model, self.inputs[[one]], self.n_labels) for one in self.chosen]
        return np.concatenate([made.activations for made in each])

    def _save(self) -> None:
        """Save the model in the exchange.

        Raises:
            SerbenchError: there is no space.
        """
        place = Path(self.words["exchange"]) / MODEL
        assert isinstance(self.model, Saves)
        try:
            place.mkdir()
            self.model.save(place)
        except (OSError, safetensors.SafetensorError) as error:
            raise writing_error(place, error) from error

    def _of_copy(self) -> Array:
        exchange = Path(self.words["exchange"])
        if not (exchange / MODEL).is_dir():  # a fork was tried before
            self._save()
        place = exchange / "copy"
        place.mkdir(exist_ok=True)
        handover.write(place, {"test": (self.inputs[one] for one in self.chosen)})
        item = {
            **{name: self.words[name] for name in ("model", "version", "labels", "threads")},
            "device": self.lent.used,
            "folder": str(exchange / MODEL),
            "exchange": str(place),
        }
        (outcome,) = engines.processes(
            ask_copy, [item], lambda *_: None, at_once=1, threads=self.lent.threads, nested=True
        )
        if outcome.result is None:
            raise PluginError(f"the model was saved, and its copy cannot predict: {outcome.error}")
        return np.array(outcome.result["scores"], np.float32)


def ask_copy(words: Words, tell: Tell) -> Words:
    """Load a saved model, and predict utterances one by one: `scores`."""
    target = _target(words)
    with (
        handover.opened(Path(words["exchange"])) as sets,
        threadpoolctl.threadpool_limits(words["threads"]),
    ):
        model = target.load(Path(words["folder"]))
        if words["device"] != "cpu" and isinstance(model, Moves):
            model.to(words["device"])
        each = [
            answers.ask(model, sets["test"][[at]], len(words["labels"]))
            for at in range(len(sets["test"]))
        ]
    return {"scores": [made.activations[0].tolist() for made in each]}


def forked(compute: Callable[[], Array], patience: float) -> npt.NDArray[np.float32] | None:
    """Call a function in a forked copy of this process; return its array, flat, or None."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of the thread that waits for the parent
        child = os.fork()
    if child == 0:
        try:
            data = np.ascontiguousarray(compute(), np.float32).tobytes()
            with os.fdopen(writing, "wb") as out:
                out.write(data)
            os._exit(0)
        except BaseException:
            os._exit(1)
    os.close(writing)
    data, ended, end = b"", False, time.monotonic() + patience
    with os.fdopen(reading, "rb", buffering=0) as stream:
        while not ended and (left := end - time.monotonic()) > 0:
            if select.select([stream], [], [], left)[0]:
                part = stream.read(2**16)
                data, ended = data + part, not part
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return np.frombuffer(data, np.float32) if status == 0 else None


def compared(alone: Array, among: Predictions, chosen: Sequence[int]) -> dict[str, float | int]:
    """Compare scores of utterances predicted one by one with those among others."""
    others = among.activations[list(chosen)]
    return {
        "utterances": len(chosen),
        "largest_difference": float(np.abs(alone - others).max()),
        "other_labels": int((alone.argmax(axis=-1) != others.argmax(axis=-1)).sum()),
    }


def peak_memory() -> float:
    """Return the most megabytes that this process has used."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kB on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def _said(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Return the different warnings: "ConvergenceWarning: lbfgs failed to converge"."""
    lines = (" ".join(f"{each.category.__name__}: {each.message}".split()) for each in caught)
    return [shown(line, 300) for line in dict.fromkeys(lines)][:MOST_WARNINGS]
