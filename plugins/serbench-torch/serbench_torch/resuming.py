"""What a training leaves on the disk: its best weights, and where a killed one goes on."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from serbench.files import writing_error
from serbench_torch.adam import Optimizer

BEST = "best-{}.safetensors"
SPACING = 60.0  # seconds between two stored epochs: three times the weights take a while to write


@dataclass(frozen=True)
class Point:
    """Where a training stands after an epoch.

    Attributes:
        epoch: the last one that is over, counted from 1; 0 before the first.
        best_epoch: the first one with the lowest validation loss.
        validation_loss: that of the best epoch.
        curve: the values of every epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    validation_loss: float = math.inf
    curve: tuple[dict[str, float], ...] = ()

    def after(self, values: dict[str, float]) -> "Point":
        """The point that one more epoch leads to."""
        epoch, loss, curve = self.epoch + 1, values["validation_loss"], (*self.curve, values)
        if loss < self.validation_loss:
            return Point(epoch, epoch, loss, curve)
        return Point(epoch, self.best_epoch, self.validation_loss, curve)


class Best:
    """The weights of the best epoch, in a file each while training goes on."""

    def __init__(self, folder: Path, module: nn.Module):
        self._folder, self._module = folder, module

    def write(self, epoch: int, *, keep: int) -> None:
        """Write the weights as they are, and remove older ones.

        Args:
            epoch: whose weights these are.
            keep: the epoch whose weights a killed training would go back to.

        Raises:
            SerbenchError: there is no space.
        """
        _write(self._file(epoch), _learned(self._module))
        kept = {self._file(epoch), self._file(keep)}
        for file in self._folder.glob(BEST.format("*")):
            if file not in kept:
                file.unlink()

    def read(self, epoch: int) -> None:
        """Put an epoch's weights into the module, and remove all that are stored.

        One array after the other, so that they do not fill the memory twice.
        """
        state = self._module.state_dict()
        with torch.no_grad(), safe_open(self._file(epoch), framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - it is no mapping
                state[name].copy_(stored.get_tensor(name))
        for file in self._folder.glob(BEST.format("*")):
            file.unlink()

    def _file(self, epoch: int) -> Path:
        return self._folder / BEST.format(epoch)


class Stored:
    """The last stored epoch: weights, optimiser, schedule and curve, in one file.

    Args:
        folder: private to this training.
        module: what learns.
        optimizer: whose running means are stored too.
        scheduler: of the learning rate, where there is one.
    """

    def __init__(
        self,
        folder: Path,
        module: nn.Module,
        optimizer: Optimizer,
        scheduler: LRScheduler | None,
    ):
        self.best_epoch = 0
        self._folder, self._file = folder, folder / "epoch.safetensors"
        self._module, self._optimizer, self._scheduler = module, optimizer, scheduler
        self._written = time.monotonic()

    def write(self, point: Point, *, spacing: float | None = None) -> None:
        """Store an epoch, unless that was done a short while ago.

        Args:
            point: where the training stands.
            spacing: seconds that make a short while; None is `SPACING`.

        Raises:
            SerbenchError: there is no space.
        """
        if time.monotonic() - self._written < (SPACING if spacing is None else spacing):
            return
        states = self._optimizer.state_dict()["state"]
        arrays = {f"module.{name}": each for name, each in _learned(self._module).items()} | {
            f"optimizer.{position}.{name}": each
            for position, state in states.items()
            for name, each in state.items()
        }
        rate = _plain(self._scheduler.state_dict()) if self._scheduler is not None else {}
        words = {"torch": torch.__version__, "point": vars(point), "scheduler": rate}
        _write(self._file, arrays, {"serbench": json.dumps(words)})
        self.best_epoch, self._written = point.best_epoch, time.monotonic()

    def find(self) -> Point:
        """Put everything where the stored training stood; the start where there is none.

        What is not whole, or was stored by another torch or for another module, is not used.
        """
        try:
            with safe_open(self._file, framework="pt") as stored:
                words = json.loads((stored.metadata() or {})["serbench"])
                arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError):
            return Point()
        point = Point(**{**words["point"], "curve": tuple(words["point"]["curve"])})
        shapes = {f"module.{name}": each.shape for name, each in _learned(self._module).items()}
        found = {name: each.shape for name, each in arrays.items() if name in shapes}
        if words["torch"] != torch.__version__ or found != shapes:
            return Point()
        if point.best_epoch and not (self._folder / BEST.format(point.best_epoch)).exists():
            return Point()
        self._resume(arrays, words["scheduler"])
        self.best_epoch = point.best_epoch
        return point

    def forget(self) -> None:
        """Remove what is stored: the training is over."""
        self._file.unlink(missing_ok=True)

    def _resume(self, arrays: Mapping[str, Tensor], rate: dict[str, Any]) -> None:
        state = self._module.state_dict()
        with torch.no_grad():
            for name, array in _below("module.", arrays):
                state[name].copy_(array)
        states: dict[int, dict[str, Tensor]] = {}
        for name, array in _below("optimizer.", arrays):
            position, _, kind = name.partition(".")
            states.setdefault(int(position), {})[kind] = array
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": states})
        if self._scheduler is not None:
            self._scheduler.load_state_dict({**self._scheduler.state_dict(), **rate})
            groups = self._scheduler.optimizer.param_groups
            for group, lr in zip(groups, rate["_last_lr"], strict=True):
                group["lr"] = lr


def _learned(module: nn.Module) -> dict[str, Tensor]:
    """What training changes: the parameters that it learns, and all buffers."""
    fixed = {name for name, each in module.named_parameters() if not each.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in fixed}


def _write(file: Path, arrays: Mapping[str, Tensor], words: dict[str, str] | None = None) -> None:
    """Write a file that is whole or not there."""
    try:
        save_file({name: each.contiguous() for name, each in arrays.items()}, file, words)
    except SafetensorError as error:
        raise writing_error(file, error) from error


def _below(prefix: str, arrays: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return (
        (name.removeprefix(prefix), array)
        for name, array in arrays.items()
        if name.startswith(prefix)
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON can hold: a scheduler's functions are made anew."""
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    return {**numbers, "_last_lr": list(values["_last_lr"])}
