"""What a training step of M1 and a mel spectrogram cost, beside what they cost as they come."""

import numpy as np
import pytest
import torch
from torch import nn

from serbench_alexnet.mel import Mel
from serbench_alexnet.network import AlexNet
from serbench_torch.adam import Adam
from serbench_torch.devices import arithmetic


def _plain() -> nn.Module:
    """AlexNet as it is usually written."""

    def pooled() -> tuple[nn.Module, nn.Module]:
        return nn.ReLU(), nn.MaxPool2d(3, stride=2)

    return nn.Sequential(
        *(nn.Conv2d(1, 64, 11, stride=4, padding=2), *pooled()),
        *(nn.Conv2d(64, 192, 5, padding=2), *pooled()),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), *pooled()),
        *(nn.AdaptiveAvgPool2d(6), nn.Flatten()),
        *(nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()),
        nn.Linear(4096, 8),
    )


def _ours() -> nn.Module:
    return AlexNet(8).to(memory_format=torch.channels_last)


STEPS = {
    "as it comes": (_plain, lambda weights: torch.optim.Adam(weights, 1e-4)),
    "fused": (_plain, lambda weights: torch.optim.Adam(weights, 1e-4, fused=True)),
    "ours": (_ours, lambda weights: Adam(weights, 1e-4)),
}


@pytest.mark.benchmark(group="M1: a step of 16 utterances of 3.7 s")
@pytest.mark.parametrize("count", [1, 2], ids=lambda count: f"threads={count}")
@pytest.mark.parametrize("way", STEPS)
def test_step(benchmark, ratios, way, count):
    make, optimise = STEPS[way]
    network = make()
    optimizer = optimise(network.parameters())
    windows, truth = torch.randn(16, 1, 64, 460), torch.randint(8, (16,))

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(windows), truth)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    with arithmetic(count):
        assert np.isfinite(benchmark.pedantic(step, rounds=5, warmup_rounds=1))
    ratios.took(f"M1 training step, threads={count}", way, benchmark)


def _librosa(wave):
    import librosa

    mel = librosa.feature.melspectrogram(
        y=wave, sr=16000, n_fft=256, hop_length=128, n_mels=64, power=1.0, pad_mode="constant"
    )
    return librosa.amplitude_to_db(mel, amin=1e-5, top_db=None)


@pytest.mark.benchmark(group="mel spectrogram of 3.7 s")
@pytest.mark.parametrize("way", ["librosa", "ours"])
def test_mel(benchmark, ratios, way):
    wave = (0.1 * np.random.default_rng(0).standard_normal(59_200)).astype(np.float32)
    mel = Mel()
    made = benchmark(_librosa if way == "librosa" else lambda wave: mel([wave])[0], wave)
    np.testing.assert_allclose(made, _librosa(wave), atol=1e-3)
    ratios.took("mel spectrogram", way, benchmark)
