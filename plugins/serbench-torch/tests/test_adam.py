import subprocess
import sys

import torch
from torch import nn

from serbench_torch.adam import Adam


def _steps(make, count=5):
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.randn(7, 5, generator=generator)), nn.Parameter(torch.zeros(3))]
    optimizer = make(weights)
    for _ in range(count):
        optimizer.zero_grad()
        for each in weights:
            each.grad = torch.randn(each.shape, generator=generator)
        optimizer.step()
    return weights


def test_the_numbers_are_those_of_torch():
    ours = _steps(lambda weights: Adam(weights, 1e-2, betas=(0.8, 0.95), eps=1e-6))
    theirs = _steps(
        lambda weights: torch.optim.Adam(weights, 1e-2, betas=(0.8, 0.95), eps=1e-6, fused=True)
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_large_gradients_are_cut_value_by_value():
    def cut(weights):
        optimizer = torch.optim.Adam(weights, 1e-2, fused=True)
        optimizer.register_step_pre_hook(lambda *_: nn.utils.clip_grad_value_(weights, 0.3))
        return optimizer

    ours = _steps(lambda weights: Adam(weights, 1e-2, clip_value=0.3))
    assert all(torch.equal(a, b) for a, b in zip(ours, _steps(cut), strict=True))
    uncut = _steps(lambda weights: Adam(weights, 1e-2))
    assert not any(torch.equal(a, b) for a, b in zip(ours, uncut, strict=True))


def test_zero_grad_forgets_or_clears():
    weight = nn.Parameter(torch.ones(2))
    optimizer = Adam([weight], 1e-3)
    weight.grad = torch.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert torch.equal(weight.grad, torch.zeros(2))
    optimizer.zero_grad()
    assert weight.grad is None


def test_a_training_does_not_import_what_compiles(tmp_path):
    code = """
import pathlib, sys, types, torch
from serbench_torch.adam import Adam
from serbench_torch.training import Task, train
layer = torch.nn.Linear(2, 1)
task = Task(layer, Adam(layer.parameters(), 0.1), lambda epoch: [torch.ones(1, 2)],
            lambda batch: layer(batch).square().mean(), lambda: {"loss": 1.0})
workspace = types.SimpleNamespace(
    device="cpu", threads=1, folder=pathlib.Path(sys.argv[1]), report=lambda *a, **k: None
)
train(task, epochs=1, patience=1, workspace=workspace, seed=0)
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 0
