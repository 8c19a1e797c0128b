"""The files of a training: its best weights, and the epoch from which a killed one goes on."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """Where a training stands after an epoch."""

    epoch: int = 0  # the last one that is over, counted from 1; 0 before the first
    best_epoch: int = 0  # the first one with the lowest validation loss
    validation_loss: float = math.inf  # that of the best epoch
    curve: tuple[dict[str, float], ...] = ()  # the values of every epoch

    def after(self, values: dict[str, float]) -> "Point":
        """Return the point that one more epoch leads to."""
        epoch, loss, curve = self.epoch + 1, values["validation_loss"], (*self.curve, values)
        if loss < self.validation_loss:
            return Point(epoch, epoch, loss, curve)
        return Point(epoch, self.best_epoch, self.validation_loss, curve)


class Stored:
    """The files of a training, while it goes on.

    The best weights have a file each. Another file has the last stored epoch: weights, the
    optimiser's running means, the schedule and the curve.
    """

    def __init__(
        self,
        folder: Path,
        module: nn.Module,
        optimizer: Optimizer,
        scheduler: LRScheduler | None,
    ):
        self._folder, self._epoch = folder, folder / "epoch.safetensors"
        self._module, self._optimizer, self._scheduler = module, optimizer, scheduler
        self._written, self._best_epoch = time.monotonic(), 0

    def write_best(self, epoch: int) -> None:
        """Write the weights as they are; remove older ones that no stored epoch needs.

        Raises:
            SerbenchError: there is no space.
        """
        _write(self._best(epoch), _learned(self._module))
        for file in self._folder.glob(BEST.format("*")):
            if file not in (self._best(epoch), self._best(self._best_epoch)):
                file.unlink()

    def write(self, point: Point) -> None:
        """Store an epoch, unless that was done a short while ago.

        Raises:
            SerbenchError: there is no space.
        """
        if time.monotonic() - self._written < SPACING:
            return
        arrays = {f"module.{name}": array for name, array in _learned(self._module).items()}
        for position, state in self._optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{position}.{name}": array for name, array in state.items()}
        schedule = {}
        if self._scheduler is not None:  # its functions are made anew
            state = self._scheduler.state_dict()
            schedule = {name: each for name, each in state.items() if isinstance(each, int | float)}
            schedule["_last_lr"] = list(state["_last_lr"])
        facts = {"torch": torch.__version__, "point": vars(point), "scheduler": schedule}
        _write(self._epoch, arrays, {"serbench": json.dumps(facts)})
        self._written, self._best_epoch = time.monotonic(), point.best_epoch

    def resume(self) -> Point:
        """Put everything where the stored training stood; return the start where there is none.

        A file that is not whole, or of another torch or module, is not used.
        """
        try:
            with safe_open(self._epoch, framework="pt") as file:
                facts = json.loads((file.metadata() or {})["serbench"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError):
            return Point()
        point = Point(**{**facts["point"], "curve": tuple(facts["point"]["curve"])})
        weights = _below("module.", arrays)
        expected = {name: array.shape for name, array in _learned(self._module).items()}
        shapes = {name: array.shape for name, array in weights.items() if name in expected}
        if facts["torch"] != torch.__version__ or shapes != expected:
            return Point()
        if point.best_epoch and not self._best(point.best_epoch).exists():
            return Point()
        state = self._module.state_dict()
        with torch.no_grad():
            for name, array in weights.items():
                state[name].copy_(array)
        states: dict[int, dict[str, Tensor]] = {}
        for name, array in _below("optimizer.", arrays).items():
            position, _, kind = name.partition(".")
            states.setdefault(int(position), {})[kind] = array
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": states})
        if self._scheduler is not None:
            schedule = facts["scheduler"]
            self._scheduler.load_state_dict({**self._scheduler.state_dict(), **schedule})
            groups = self._scheduler.optimizer.param_groups
            for group, lr in zip(groups, schedule["_last_lr"], strict=True):
                group["lr"] = lr
        self._best_epoch = point.best_epoch
        return point

    def finish(self, best_epoch: int) -> None:
        """Put the best epoch's weights into the module, and remove all files.

        One array after the other, so that they do not fill the memory twice.
        """
        state = self._module.state_dict()
        with torch.no_grad(), safe_open(self._best(best_epoch), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                state[name].copy_(file.get_tensor(name))
        for path in (*self._folder.glob(BEST.format("*")), self._epoch):
            path.unlink(missing_ok=True)

    def _best(self, epoch: int) -> Path:
        return self._folder / BEST.format(epoch)


def _learned(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors that training changes: learned parameters, and all buffers."""
    fixed = {name for name, each in module.named_parameters() if not each.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in fixed}


def _write(file: Path, arrays: Mapping[str, Tensor], facts: dict[str, str] | None = None) -> None:
    try:
        save_file({name: each.contiguous() for name, each in arrays.items()}, file, facts)
    except SafetensorError as error:
        raise writing_error(file, error) from error


def _below(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
