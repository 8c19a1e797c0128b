"""The one training loop: early stopping on validation loss, the best epoch's weights kept."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from serbench import BadParameter, SerbenchError, Workspace
from serbench_torch import flop_counting
from serbench_torch.adam import Optimizer
from serbench_torch.devices import arithmetic, private_randomness, seed_randomness
from serbench_torch.resuming import Stored

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
        split: from a batch and a number to so many parts of it, or as many as there can be, each
            with its share of the batch. Without it a batch that memory cannot hold is an error.
    """

    module: nn.Module
    optimizer: Optimizer
    batches: Callable[[int], Iterable[Batch]]
    loss: Callable[[Batch], Tensor]
    validate: Callable[[], Mapping[str, float]]
    scheduler: LRScheduler | None = None
    split: Callable[[Batch, int], Sequence[tuple[Batch, float]]] | None = None


@dataclass(frozen=True)
class Trained:
    """How a training went."""

    best_epoch: int  # the one whose weights the module has now
    epochs: int  # how many were run
    validation_loss: float  # that of the best epoch
    parts: int = 1  # into how many parts batches were split, for want of memory

    def facts(self, workspace: Workspace, **more: object) -> dict[str, object]:
        """Return what a model's `describe` says of the training and of where it ran."""
        return {
            "batch_parts": self.parts,
            "best_epoch": self.best_epoch,
            "epochs": self.epochs,
            **more,
            "precision": workspace.precision,
            **flop_counting.gain(workspace.device, workspace.precision),
            "device": workspace.device,
            "threads": workspace.threads,
        }


def train(
    task: Task[Batch], *, epochs: int, patience: int, workspace: Workspace, seed: int
) -> Trained:
    """Train until the epochs are over or the validation loss has not fallen for `patience` epochs.

    The module is left in evaluation mode with the weights of the epoch whose validation loss
    was lowest, the first of them where several tie; until then they are in the workspace's folder,
    since a large model would fill the memory twice. A training that was killed goes on after the
    last epoch that is stored there, one a minute at most.

    Each epoch's randomness (dropout) follows from `seed` and the epoch's number alone: on the CPU
    the same seed and threads give the same weights bit for bit, killed or not. torch's own random
    state is left as it was. A batch that memory cannot hold is computed in parts, with the same
    gradients.

    Raises:
        BadParameter: the loss is not finite in any epoch.
        SerbenchError: there is no space for the weights, or no memory for one utterance.
    """
    stored = Stored(workspace.folder, task.module, task.optimizer, task.scheduler)
    steps = Steps(task)
    with arithmetic(workspace.threads), private_randomness(workspace.device):
        point = stored.resume()
        for epoch, values in enumerate(point.curve, start=1):
            workspace.report(epoch, epochs, **values)
        while point.epoch < epochs and point.epoch - point.best_epoch < patience:
            seed_randomness(workspace.device, epoch_seed(seed, point.epoch + 1))
            task.module.train()
            losses = [steps.take(batch) for batch in task.batches(point.epoch + 1)]
            task.module.eval()
            with torch.inference_mode():
                values = {f"validation_{name}": value for name, value in task.validate().items()}
            # losses are read once an epoch: reading waits for the device
            point = point.after({"train_loss": float(torch.stack(losses).mean()), **values})
            workspace.report(point.epoch, epochs, **point.curve[-1])
            if point.best_epoch == point.epoch:
                stored.write_best(point.epoch)
            stored.write(point)
    if not math.isfinite(point.validation_loss):
        raise BadParameter(
            f"the validation loss was not finite in any of {point.epoch} epochs: "
            "the training diverged; a smaller learning rate (--param lr=...) would help"
        )
    stored.finish(point.best_epoch)
    return Trained(point.best_epoch, point.epoch, point.validation_loss, steps.parts)


def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of one epoch's randomness, which does not depend on those before it."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])


class Steps(Generic[Batch]):
    """Takes steps, each batch in as many parts as memory makes necessary.

    Attributes:
        parts: how many; doubled when one does not fit.
    """

    def __init__(self, task: Task[Batch]):
        self.parts = 1
        self._task = task

    def take(self, batch: Batch) -> Tensor:
        """Learn from one batch, and return its mean loss, on the device.

        Raises:
            SerbenchError: memory does not hold the smallest part.
        """
        while (loss := self._gradients(batch)) is None:
            # only here: the error, while it was handled, kept what had been computed
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        self._task.optimizer.step()
        if self._task.scheduler is not None:
            self._task.scheduler.step()
        return loss

    def _gradients(self, batch: Batch) -> Tensor | None:
        """Compute the gradients of the mean loss; return the loss, or None for want of memory."""
        task, parts = self._task, [(batch, 1.0)]
        if self.parts > 1 and task.split is not None:
            parts = list(task.split(batch, self.parts))
        task.optimizer.zero_grad(set_to_none=True)
        losses = []
        try:
            for part, share in parts:
                loss = task.loss(part) * share
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
        except torch.OutOfMemoryError as error:
            if task.split is None or len(parts) < self.parts:
                raise SerbenchError(
                    "the memory of the device does not hold one utterance's training step: use a "
                    "smaller model, --param checkpointing=true where the model has it, or "
                    "--device cpu"
                ) from error
            self.parts *= 2
            return None
        return torch.stack(losses).sum()
