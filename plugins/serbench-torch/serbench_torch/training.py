"""The training loop: it stops early on the validation loss, and keeps the best epoch's weights."""

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    """A module to train, with its data and loss.

    The loop passes batches from `batches` to `loss` unchanged: they may be padded, packed or
    already on the device.

    Attributes:
        module: the module to train.
        optimizer: optimiser of its parameters: `serbench_torch.adam.Adam`, or one from
            `torch.optim`, whose Adam is several times faster with `fused=True`.
        batches: function from an epoch, counted from 1, to its batches; their randomness must
            depend only on the caller's seed and the epoch.
        loss: function from a batch to its mean loss, a scalar with its graph; must not wait
            for the device.
        validate: function that scores the validation set with the current module: the loss
            under "loss", and any other value worth a curve ("uar").
        scheduler: stepped after every batch, if there is one.
        steps: batches per epoch, to show progress within an epoch; needed only if `batches`
            returns an iterator.
        split: function from a batch and a number to that many parts (or fewer, if it has fewer
            utterances), each with its share. Without it, a batch too large for memory is an error.
    """

    module: nn.Module
    optimizer: Optimizer
    batches: Callable[[int], Iterable[Batch]]
    loss: Callable[[Batch], Tensor]
    validate: Callable[[], Mapping[str, float]]
    scheduler: LRScheduler | None = None
    split: Callable[[Batch, int], Sequence[tuple[Batch, float]]] | None = None
    steps: int = 0


@dataclass(frozen=True)
class Trained:
    """The outcome of a training run."""

    best_epoch: int  # the epoch whose weights the module has
    epochs: int  # how many epochs ran
    validation_loss: float  # in the best epoch
    parts: int = 1  # into how many parts batches were split to fit into memory

    def facts(self, workspace: Workspace, **more: object) -> dict[str, object]:
        """Return facts for a model's `describe`: about the training run, and where it ran."""
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

    The module ends in evaluation mode with the weights of the first epoch that had the lowest
    validation loss. During training these are in the workspace's folder, since memory may not hold
    a large model twice. A killed training run resumes after the last epoch stored there; epochs are
    stored once a minute at most.

    Each epoch's randomness (dropout) depends only on `seed` and the epoch's number: on the CPU, the
    same seed and threads give the same weights bit for bit, killed or not. torch's own random state
    is restored. A batch too large for memory is computed in parts, with the same gradients.

    Raises:
        BadParameter: the loss is not finite in any epoch.
        SerbenchError: the disk has no space for the weights, or memory cannot hold one utterance.
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
            batches = _reported(task, point.epoch + 1, epochs, workspace)
            losses = [steps.take(batch) for batch in batches]
            task.module.eval()
            with torch.inference_mode():
                values = {f"validation_{name}": value for name, value in task.validate().items()}
            # losses are read once per epoch, since reading waits for the device
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


def _reported(task: Task[Batch], epoch: int, epochs: int, workspace: Workspace) -> Iterator[Batch]:
    """Yield the batches of an epoch; report before the first and after each, if possible."""
    batches = task.batches(epoch)
    steps = task.steps or operator.length_hint(batches)
    report = getattr(workspace, "report_step", None)  # stand-ins in tests of models may lack it
    if not steps or report is None:
        yield from batches
        return
    report(epoch, epochs, 0, steps)
    for step, batch in enumerate(batches, start=1):
        yield batch
        report(epoch, epochs, min(step, steps), steps)


def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of an epoch's randomness, which does not depend on earlier epochs."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])


class Steps(Generic[Batch]):
    """Takes training steps, and splits batches into parts that fit into memory.

    Attributes:
        parts: how many parts; doubled when one does not fit.
    """

    def __init__(self, task: Task[Batch]):
        self.parts = 1
        self._task = task

    def take(self, batch: Batch) -> Tensor:
        """Train on one batch, and return its mean loss, on the device.

        Raises:
            SerbenchError: memory cannot hold the smallest part.
        """
        while (loss := self._gradients(batch)) is None:
            # only here, since the handled error kept the computed tensors alive
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        self._task.optimizer.step()
        if self._task.scheduler is not None:
            self._task.scheduler.step()
        return loss

    def _gradients(self, batch: Batch) -> Tensor | None:
        """Compute the gradients of the mean loss; return the loss, or None if memory ran out."""
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
                    "the device's memory cannot hold one utterance's training step: use a smaller "
                    "model, --param checkpointing=true if the model has it, or --device cpu"
                ) from error
            self.parts *= 2
            return None
        return torch.stack(losses).sum()
