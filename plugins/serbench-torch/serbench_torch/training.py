"""The one training loop: early stopping on validation loss, the best epoch's weights kept."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from serbench.contracts import Workspace
from serbench.errors import BadParameter
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
    was lowest, the first of them where several tie. Each epoch's randomness (dropout) follows
    from `seed` and the epoch's number alone: the same seed, threads and device give the same
    weights bit for bit. torch's own random state is left as it was.

    Raises:
        BadParameter: the loss is not finite in any epoch.
    """
    best, weights, epoch = Trained(0, 0, math.inf), _copied(task.module), 0
    with threads(workspace.threads), private_randomness(workspace.device):
        for epoch in range(1, epochs + 1):
            seed_randomness(workspace.device, epoch_seed(seed, epoch))
            train_loss = _one_epoch(task, epoch)
            values = _validated(task)
            curve = {f"validation_{name}": value for name, value in values.items()}
            workspace.report(epoch, epochs, train_loss=train_loss, **curve)
            if values["loss"] < best.validation_loss:
                best = Trained(epoch, epoch, values["loss"])
                _copy(task.module, weights)
            elif epoch - best.best_epoch >= patience:
                break
    if not math.isfinite(best.validation_loss):
        raise BadParameter(
            f"the validation loss was not finite in any of {epoch} epochs: "
            "the training diverged; a smaller learning rate (--param lr=...) would help"
        )
    task.module.load_state_dict(weights)
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


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _copy(module: nn.Module, into: dict[str, Tensor]) -> None:
    for name, value in module.state_dict().items():
        into[name].copy_(value)
