"""A training that was killed goes on where it was, and ends with the same weights."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from serbench.errors import SerbenchError
from serbench_torch import resuming
from serbench_torch.adam import Adam
from serbench_torch.training import Task, train


class Killed(Exception):
    """As by the system, in the middle of an epoch."""


@dataclass
class Desk:
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    points: list = field(default_factory=list)

    def report(self, epoch, epochs, **values):
        self.points.append((epoch, values["train_loss"]))


def _adam(module):
    return Adam(module.parameters(), 0.05), None


def _scheduled(module):
    optimizer = torch.optim.AdamW(module.parameters(), 0.05, fused=True)
    return optimizer, LambdaLR(optimizer, lambda step: 1 / (1 + step))


def _task(made=_adam, *, dies_in=None, width=4, fits=8, losses=None):
    """Learns a sum; `dies_in` an epoch, and memory holds `fits` rows."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, width, generator=generator)
    y = x.sum(1, keepdim=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = nn.Sequential(nn.Linear(width, 8), nn.Dropout(0.2), nn.Linear(8, 1))
    optimizer, scheduler = made(module)
    said = iter(losses or ())

    def batches(epoch):
        for start in range(0, 32, 8):
            if dies_in == epoch and start == 16:
                raise Killed
            yield list(range(start, start + 8))

    def loss(rows):
        if len(rows) > fits:
            raise torch.OutOfMemoryError
        return (module(x[rows]) - y[rows]).square().mean()

    def validate():
        return {"loss": next(said) if losses else float((module(x) - y).square().mean())}

    def split(rows, parts):
        size = -(-len(rows) // parts)
        pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
        return [(piece, len(piece) / len(rows)) for piece in pieces]

    return Task(module, optimizer, batches, loss, validate, scheduler, split)


def _train(task, desk, epochs=6, patience=6):
    return train(task, epochs=epochs, patience=patience, workspace=desk, seed=0)


def _weights(task):
    return torch.cat([each.detach().flatten() for each in task.module.parameters()])


@pytest.fixture
def always(monkeypatch):
    """Store every epoch, however quick."""
    monkeypatch.setattr(resuming, "SPACING", 0.0)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("made", [_adam, _scheduled])
@pytest.mark.parametrize("dies_in", [1, 2, 4, 6])
def test_a_killed_training_ends_with_the_same_weights_and_curve(made, dies_in):
    whole, whole_desk = _task(made), Desk()
    expected = _train(whole, whole_desk)
    desk = Desk()
    with pytest.raises(Killed):
        _train(_task(made, dies_in=dies_in), desk)
    desk.points.clear()
    again = _task(made)
    assert _train(again, desk) == expected
    assert torch.equal(_weights(again), _weights(whole))
    assert desk.points == whole_desk.points
    assert not list(desk.folder.iterdir())


@pytest.mark.usefixtures("always")
def test_only_what_is_missing_is_trained():
    desk, epochs = Desk(), []
    with pytest.raises(Killed):
        _train(_task(dies_in=4), desk)
    task = _task()
    again = Task(
        **{**vars(task), "batches": lambda epoch: epochs.append(epoch) or task.batches(epoch)}
    )
    _train(again, desk)
    assert epochs == [4, 5, 6]


@pytest.mark.usefixtures("always")
def test_the_best_weights_of_before_are_not_lost():
    desk, losses = Desk(), [3.0, 1.0, 2.0, 2.5, 2.6, 2.7]
    with pytest.raises(Killed):
        _train(_task(dies_in=5, losses=losses), desk)
    again = _task(losses=losses[4:])
    assert _train(again, desk).best_epoch == 2
    whole = _task(losses=losses[:2])
    _train(whole, Desk(), epochs=2)
    assert torch.equal(_weights(again), _weights(whole))


def test_an_epoch_that_was_quick_is_not_stored():
    desk = Desk()
    with pytest.raises(Killed):
        _train(_task(dies_in=4), desk)
    assert not (desk.folder / "epoch.safetensors").exists()


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("harm", ["other module", "torn", "best is gone", "other torch"])
def test_what_cannot_be_used_is_not(harm, monkeypatch):
    desk = Desk()
    with pytest.raises(Killed):
        _train(_task(dies_in=3), desk)
    file = desk.folder / "epoch.safetensors"
    if harm == "torn":
        file.write_bytes(file.read_bytes()[:100])
    elif harm == "best is gone":
        for best in desk.folder.glob("best-*"):
            best.unlink()
    elif harm == "other torch":
        monkeypatch.setattr(torch, "__version__", "2.5.1")
    width = 5 if harm == "other module" else 4
    fresh, again = _task(width=width), _task(width=width)
    _train(fresh, Desk())
    _train(again, desk)
    assert torch.equal(_weights(again), _weights(fresh))


@pytest.mark.parametrize("fits", [5, 4, 1])
def test_a_batch_that_memory_cannot_hold_has_the_same_gradients_in_parts(fits):
    whole, split = _task(), _task(fits=fits)
    for task in (whole, split):
        task.module[1].p = 0.0  # dropout is drawn anew for every part
    expected, found = (_train(task, Desk()) for task in (whole, split))
    torch.testing.assert_close(_weights(split), _weights(whole), rtol=1e-5, atol=1e-6)
    assert (expected.parts, found.parts) == (1, 2 if fits > 3 else 8)


def test_one_utterance_that_memory_cannot_hold_is_said():
    with pytest.raises(SerbenchError, match="cannot hold one utterance's training step: use a"):
        _train(_task(fits=0), Desk())
