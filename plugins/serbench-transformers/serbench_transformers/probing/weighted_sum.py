"""The head `weighted`: a weighted sum of all layers, then linear, as in SUPERB and EmoBox."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from serbench import Workspace
from serbench_torch import devices, training
from serbench_torch.adam import Adam
from serbench_transformers.probing.heads import Head, Labels, Problem

DEVICE = "cpu"  # steps are too small for a GPU to be faster


@dataclass(frozen=True)
class Course:
    """The parameters of training the head; see `Probe`."""

    hidden: int
    lr: float
    batch: int
    epochs: int
    patience: int


class Weighted(nn.Module):
    """Softmax-weighted layers, and one linear layer or two (Yang et al., SUPERB, 2021)."""

    def __init__(self, layers: int, width: int, hidden: int, labels: int):
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(layers))
        sizes = [width, hidden, labels] if hidden else [width, labels]
        self.dense = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(sizes)
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        """Compute logits, (utterances, labels), from embeddings, (utterances, layers, width)."""
        hidden = torch.matmul(self.mix.softmax(dim=0), embeddings)
        for linear in self.dense[:-1]:
            hidden = linear(hidden).relu()
        logits: Tensor = self.dense[-1](hidden)
        return logits

    def head(self, problem: Problem) -> Head:
        """Return the head that scores with these weights."""
        with torch.no_grad():
            mix = self.mix.softmax(dim=0).double().numpy()
            parts = [weights.double().numpy() for weights in self.dense.parameters()]
        return Head(
            problem.standard,
            np.arange(problem.layers),
            mix,
            tuple(zip(parts[::2], parts[1::2], strict=True)),
            problem.seen,
        )


def learn(
    problem: Problem, course: Course, seed: int, workspace: Workspace
) -> tuple[Head, dict[str, object]]:
    """Train until the validation loss no longer falls.

    Returns:
        The head, and facts about it; "layer_weights" has the weights of the layers, from 0 on.
    """
    with devices.private_randomness(DEVICE), devices.arithmetic(workspace.threads):
        devices.seed_randomness(DEVICE, training.epoch_seed(seed, 0))
        width = problem.train.shape[2]
        module = Weighted(problem.layers, width, course.hidden, len(problem.seen)).double()
        trained = training.train(
            _task(module, problem, course, seed),
            epochs=course.epochs,
            patience=course.patience,
            workspace=workspace,
            seed=seed,
        )
    head = module.head(problem)
    return head, {
        "layer_weights": head.mix.tolist(),
        "validation_uar": problem.uar(head.scores(problem.held_out)),
        "best_epoch": trained.best_epoch,
        "epochs": trained.epochs,
    }


def _task(module: Weighted, problem: Problem, course: Course, seed: int) -> training.Task[Labels]:
    """Return the task of the training loop: cross-entropy on shuffled batches, Adam."""
    # in double precision, since training in single precision would differ between processors
    inputs, truth = torch.from_numpy(problem.train).double(), torch.from_numpy(problem.truth)
    held_out = torch.from_numpy(problem.held_out).double()
    held_out_truth = torch.from_numpy(problem.held_out_truth)

    def batches(epoch: int) -> Iterator[Labels]:
        order = np.random.default_rng((seed, epoch)).permutation(len(truth))
        return (order[start : start + course.batch] for start in range(0, len(order), course.batch))

    def loss(batch: Labels) -> Tensor:
        rows = torch.from_numpy(batch)
        return nn.functional.cross_entropy(module(inputs[rows]), truth[rows])

    def validate() -> Mapping[str, float]:
        logits = module(held_out)
        return {
            "loss": float(nn.functional.cross_entropy(logits, held_out_truth)),
            "uar": problem.uar(logits.numpy()),
        }

    return training.Task(module, Adam(module.parameters(), course.lr), batches, loss, validate)
