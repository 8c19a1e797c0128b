"""Store a training run in progress: its best weights, and the epoch to resume from."""

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
SPACING = 60.0  # seconds between stored epochs, since an epoch is three times the weights' size


@dataclass(frozen=True)
class Point:
    """The state of a training run after an epoch."""

    epoch: int = 0  # the last finished epoch, counted from 1; 0 before the first
    best_epoch: int = 0  # the first epoch with the lowest validation loss
    validation_loss: float = math.inf  # in the best epoch
    curve: tuple[dict[str, float], ...] = ()  # the reported values of each epoch

    def after(self, values: dict[str, float]) -> "Point":
        """Return the point after one more epoch."""
        epoch, loss, curve = self.epoch + 1, values["validation_loss"], (*self.curve, values)
        if loss < self.validation_loss:
            return Point(epoch, epoch, loss, curve)
        return Point(epoch, self.best_epoch, self.validation_loss, curve)


class Stored:
    """The files of a training run in progress.

    Each epoch's best weights are a file. Another file has the last stored epoch: the weights, the
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
        """Write the current weights; remove older files that no stored epoch needs.

        Raises:
            SerbenchError: there is no space.
        """
        _write(self._best(epoch), _learned(self._module))
        for file in self._folder.glob(BEST.format("*")):
            if file not in (self._best(epoch), self._best(self._best_epoch)):
                file.unlink()

    def write(self, point: Point) -> None:
        """Store an epoch, unless one was stored less than `SPACING` seconds ago.

        Raises:
            SerbenchError: there is no space.
        """
        if time.monotonic() - self._written < SPACING:
            return
        arrays = {f"module.{name}": array for name, array in _learned(self._module).items()}
        for position, state in self._optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{position}.{name}": array for name, array in state.items()}
        schedule = {}
        if self._scheduler is not None:  # without its functions, which cannot be stored
            state = self._scheduler.state_dict()
            schedule = {name: each for name, each in state.items() if isinstance(each, int | float)}
            schedule["_last_lr"] = list(state["_last_lr"])
        facts = {"torch": torch.__version__, "point": vars(point), "scheduler": schedule}
        _write(self._epoch, arrays, {"serbench": json.dumps(facts)})
        self._written, self._best_epoch = time.monotonic(), point.best_epoch

    def resume(self) -> Point:
        """Restore the stored epoch and return its point, or `Point()` if none is stored.

        A file that is incomplete, or from another torch or module, is ignored.
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
        """Load the best epoch's weights into the module, and remove all files.

        Arrays are loaded one by one, so that memory does not hold the weights twice.
        """
        state = self._module.state_dict()
        with torch.no_grad(), safe_open(self._best(best_epoch), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                state[name].copy_(file.get_tensor(name))
        for path in (*self._folder.glob(BEST.format("*")), self._epoch):
            path.unlink(missing_ok=True)

    def _best(self, epoch: int) -> Path:
        return self._folder / BEST.format(epoch)


def _learned(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors that training changes: trained parameters and all buffers."""
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
