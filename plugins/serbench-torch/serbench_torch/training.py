"""The one training loop: early stopping on validation loss, the best epoch's weights kept."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from serbench.contracts import Workspace
from serbench.errors import BadParameter
from serbench.files import writing_error
from serbench_torch.adam import Optimizer
from serbench_torch.devices import private_randomness, seed_randomness, threads

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Task(Generic[Batch]):
    """What is learned, and how one step of it is taken.

    The loop never looks into a batch: padded, packed or already on the device, it goes from
    `batches` to `loss` as it is.

    Attributes:
        module: what learns.
        optimizer: of the module's parameters: `serbench_torch.adam.Adam`, or one of
            `torch.optim`, whose Adam is several times as fast with `fused=True`.
        batches: from the epoch, counted from 1, to its batches; whatever is random in them
            comes from a seed of the caller's and the epoch.
        loss: from a batch to the mean loss over it, a scalar with its graph; must not wait
            for the device.
        validate: scores the validation set with the module as it is: the loss under "loss",
            beside it whatever else is worth a curve ("uar").
        scheduler: stepped once a batch, where there is one.
    """

    module: nn.Module
    optimizer: Optimizer
    batches: Callable[[int], Iterable[Batch]]
    loss: Callable[[Batch], Tensor]
    validate: Callable[[], Mapping[str, float]]
    scheduler: LRScheduler | None = None


@dataclass(frozen=True)
class Trained:
    """How a training went.

    Attributes:
        best_epoch: the one whose weights the module has now.
        epochs: how many were run.
        validation_loss: that of the best epoch.
    """

    best_epoch: int
    epochs: int
    validation_loss: float


def train(
    task: Task[Batch], *, epochs: int, patience: int, workspace: Workspace, seed: int
) -> Trained:
    """Train until the epochs are over or the validation loss has not fallen for `patience` epochs.

    The module is left in evaluation mode with the weights of the epoch whose validation loss
    was lowest, the first of them where several tie; until then they are in the workspace's folder,
    since a large model would fill the memory twice. Each epoch's randomness (dropout) follows
    from `seed` and the epoch's number alone: on the CPU the same seed and threads give the same
    weights bit for bit. torch's own random state is left as it was.

    Raises:
        BadParameter: the loss is not finite in any epoch.
        SerbenchError: there is no space for the weights.
    """
    best, weights, epoch = Trained(0, 0, math.inf), workspace.folder / "best.safetensors", 0
    with threads(workspace.threads), private_randomness(workspace.device):
        for epoch in range(1, epochs + 1):
            seed_randomness(workspace.device, epoch_seed(seed, epoch))
            train_loss = _one_epoch(task, epoch)
            values = _validated(task)
            curve = {f"validation_{name}": value for name, value in values.items()}
            workspace.report(epoch, epochs, train_loss=train_loss, **curve)
            if values["loss"] < best.validation_loss:
                best = Trained(epoch, epoch, values["loss"])
                _write(task.module, weights)
            elif epoch - best.best_epoch >= patience:
                break
    if not math.isfinite(best.validation_loss):
        raise BadParameter(
            f"the validation loss was not finite in any of {epoch} epochs: "
            "the training diverged; a smaller learning rate (--param lr=...) would help"
        )
    with torch.no_grad():
        _read(task.module, weights)
    return Trained(best.best_epoch, epoch, best.validation_loss)


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of one epoch's randomness, so that an epoch does not depend on those before it."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])


def _one_epoch(task: Task[Batch], epoch: int) -> float:
    """The mean of the epoch's training losses; read once, for reading waits for the device."""
    task.module.train()
    losses = [_step(task, batch) for batch in task.batches(epoch)]
    return float(torch.stack(losses).mean())


def _step(task: Task[Batch], batch: Batch) -> Tensor:
    task.optimizer.zero_grad(set_to_none=True)
    loss = task.loss(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    task.optimizer.step()
    if task.scheduler is not None:
        task.scheduler.step()
    return loss.detach()


def _validated(task: Task[Batch]) -> Mapping[str, float]:
    task.module.eval()
    with torch.inference_mode():
        return task.validate()


def _learned(module: nn.Module) -> dict[str, Tensor]:
    """What training changes: the parameters that it learns, and all buffers."""
    fixed = {name for name, each in module.named_parameters() if not each.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in fixed}


def _write(module: nn.Module, file: Path) -> None:
    try:
        save_file({name: each.contiguous() for name, each in _learned(module).items()}, file)
    except SafetensorError as error:
        raise writing_error(file, error) from error


def _read(module: nn.Module, file: Path) -> None:
    """Put stored weights into the module, one after the other: they fill no memory twice."""
    state = module.state_dict()
    with safe_open(file, framework="pt") as stored:
        for name in stored.keys():  # noqa: SIM118 - it is no mapping
            state[name].copy_(stored.get_tensor(name))
    file.unlink()
