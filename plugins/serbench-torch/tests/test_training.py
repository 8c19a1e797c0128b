import random
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from serbench.errors import BadParameter, SerbenchError
from serbench_torch.adam import Adam
from serbench_torch.training import Task, epoch_seed, train


@dataclass
class Desk:
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    points: list = field(default_factory=list)

    def report(self, epoch, epochs, **values):
        self.points.append((epoch, epochs, values))


def _line(losses=None, dropout=0.0, scheduler=None):
    """A task that learns y = 2 x; `losses` are what validation says, epoch by epoch."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 4, generator=generator)
    y = 2 * x.sum(1, keepdim=True)
    module = nn.Sequential(nn.Dropout(dropout), nn.Linear(4, 1))
    for each in module.parameters():
        nn.init.zeros_(each)
    said = iter(losses) if losses else None

    def validate():
        assert not module.training
        loss = next(said) if said else float((module(x) - y).square().mean())
        return {"loss": loss, "uar": 0.5}

    return Task(
        module,
        Adam(module.parameters(), 0.05),
        batches=lambda epoch: [slice(start, start + 8) for start in range(0, 32, 8)],
        loss=lambda rows: (module(x[rows]) - y[rows]).square().mean(),
        validate=validate,
        scheduler=scheduler,
    )


def _train(task, desk=None, epochs=10, patience=3, seed=0):
    return train(task, epochs=epochs, patience=patience, workspace=desk or Desk(), seed=seed)


def _weights(task):
    return torch.cat([each.detach().flatten() for each in task.module.parameters()])


def test_it_learns():
    task = _line()
    outcome = _train(task, epochs=60)
    assert outcome.validation_loss < 0.05
    assert torch.allclose(_weights(task)[:4], torch.full((4,), 2.0), atol=0.2)


def test_the_learning_curve_is_reported():
    desk = Desk()
    _train(_line(losses=[3.0, 2.0]), desk, epochs=2)
    assert [point[:2] for point in desk.points] == [(1, 2), (2, 2)]
    assert desk.points[1][2].keys() == {"train_loss", "validation_loss", "validation_uar"}
    assert desk.points[1][2]["validation_loss"] == 2.0
    assert desk.points[1][2]["train_loss"] < desk.points[0][2]["train_loss"]


def test_training_stops_when_patience_is_over():
    desk = Desk()
    outcome = _train(_line(losses=[3.0, 1.0, 2.0, 2.0, 0.0]), desk, epochs=5, patience=2)
    assert (outcome.best_epoch, outcome.epochs, len(desk.points)) == (2, 4, 4)


def test_the_best_epochs_weights_are_restored():
    stopped = _line(losses=[3.0, 1.0, 2.0, 2.0])
    _train(stopped, epochs=4, patience=2)
    two_epochs = _line(losses=[3.0, 1.0])
    _train(two_epochs, epochs=2)
    assert torch.equal(_weights(stopped), _weights(two_epochs))
    assert not stopped.module.training


def test_an_equal_loss_is_no_progress():
    assert _train(_line(losses=[1.0, 1.0, 1.0]), epochs=3).best_epoch == 1


def test_a_loss_that_is_not_finite_never_counts_as_best():
    nan = float("nan")
    outcome = _train(_line(losses=[nan, 2.0, nan, nan]), epochs=4, patience=2)
    assert (outcome.best_epoch, outcome.epochs) == (2, 4)


def test_a_training_that_only_diverges_is_an_error():
    nan = float("nan")
    with pytest.raises(
        BadParameter, match="diverged; a smaller learning rate .--param lr="
    ) as error:
        _train(_line(losses=[nan] * 9), patience=2)
    assert "in any of 2 epochs" in str(error.value)


def test_one_seed_gives_one_result_bit_for_bit_and_another_another():
    weights = []
    for seed in (7, 7, 8):
        torch.rand(3)  # whatever was drawn before does not matter
        task = _line(dropout=0.5)
        _train(task, seed=seed)
        weights.append(_weights(task))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_global_random_states_are_untouched():
    task = _line(dropout=0.5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    _train(task)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_it_uses_the_threads_it_is_lent():
    seen, before = [], torch.get_num_threads()
    task = _line()
    validate = task.validate
    object.__setattr__(task, "validate", lambda: seen.append(torch.get_num_threads()) or validate())
    _train(task, Desk(threads=2), epochs=1)
    assert seen == [2]
    assert torch.get_num_threads() == before


def test_a_scheduler_steps_once_a_batch():
    weight = nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    task = Task(
        nn.ParameterList([weight]),
        optimizer,
        batches=lambda epoch: [1.0, 1.0, 1.0],
        loss=lambda scale: scale * weight.sum(),
        validate=lambda: {"loss": 0.0},
        scheduler=scheduler,
    )
    _train(task, epochs=1)
    assert torch.allclose(weight, torch.full((4,), -(1 + 0.5 + 0.25)))


@dataclass
class StepDesk(Desk):
    """A workspace that also hears of steps."""

    steps: list = field(default_factory=list)

    def report_step(self, *step):
        self.steps.append(step)


def test_every_step_is_reported_and_changes_nothing():
    heard, silent, counted = StepDesk(), Desk(), StepDesk()
    tasks = [_line(dropout=0.5) for _ in range(3)]
    _train(tasks[0], heard, epochs=2)
    _train(tasks[1], silent, epochs=2)
    assert heard.steps == [(epoch, 2, step, 4) for epoch in (1, 2) for step in range(5)]
    assert heard.points == silent.points
    assert torch.equal(_weights(tasks[0]), _weights(tasks[1]))
    iterators = replace(tasks[2], batches=lambda epoch: (each for each in tasks[2].batches(epoch)))
    _train(iterators, counted, epochs=1)
    assert counted.steps == []  # nobody knows how many batches follow
    _train(replace(iterators, steps=4), counted, epochs=1)
    assert counted.steps == [(1, 1, step, 4) for step in range(5)]


def test_an_epochs_seed_depends_on_seed_and_epoch_alone():
    seeds = {epoch_seed(seed, epoch) for seed in range(5) for epoch in range(20)}
    assert len(seeds) == 100
    assert epoch_seed(3, 4) == epoch_seed(3, 4)


def test_the_best_weights_are_on_the_disk_only_while_it_trains(tmp_path):
    desk, seen = Desk(folder=tmp_path), []
    desk.report = lambda *_, **values: seen.append(list(tmp_path.iterdir()))
    _train(_line(losses=[3.0, 2.0, 2.5]), desk, epochs=3)
    assert [len(files) for files in seen] == [0, 1, 1]
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_learned_are_not_copied(tmp_path):
    task = _line(losses=[1.0])
    task.module[1].bias.requires_grad_(False)
    task.module[1].bias.fill_(7.0)
    _train(Task(**{**vars(task), "optimizer": Adam([task.module[1].weight], 0.05)}), epochs=1)
    assert task.module[1].bias == 7.0


def test_a_disk_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(SerbenchError, match="cannot write .*best-1.safetensors: .*No such file"):
        _train(_line(losses=[1.0]), Desk(folder=tmp_path / "gone"), epochs=1)
