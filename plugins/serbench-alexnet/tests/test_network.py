import pytest
import torch
from torch import nn

from serbench_alexnet.learning import split
from serbench_alexnet.network import SMALLEST, AlexNet, initialise


def _made(seed=0, kind="kaiming", **params):
    network = AlexNet(4, **{"width": 0.05, **params})
    initialise(network, kind, torch.Generator().manual_seed(seed))
    return network.eval()


def test_it_has_alexnets_size_at_eight_labels():
    with torch.device("meta"):
        network = AlexNet(8)
    counted = sum(each.numel() for each in network.parameters())
    # torchvision's AlexNet has 61,100,840; with 992 classes and two input channels less:
    assert counted == 61_100_840 - 992 * (4096 + 1) - 64 * 2 * 11 * 11


def test_width_scales_channels_and_hidden_units():
    with torch.device("meta"):
        network = AlexNet(8, width=0.5)
    shapes = [
        tuple(each.weight.shape[:2]) for each in network.convolutions if hasattr(each, "weight")
    ]
    assert shapes == [(32, 1), (96, 32), (192, 96), (128, 192), (128, 128)]
    assert network.classifier[-1].in_features == 2048


@pytest.mark.parametrize("shape", [(SMALLEST, SMALLEST), (64, SMALLEST), (64, 1001), (80, 460)])
def test_any_size_from_the_smallest_gives_logits(shape):
    assert _made()(torch.zeros(2, 1, *shape)).shape == (2, 4)


@pytest.mark.parametrize("shape", [(SMALLEST - 1, 100), (64, SMALLEST - 1)])
def test_the_smallest_is_the_smallest(shape):
    with pytest.raises(RuntimeError, match="too small"):
        _made()(torch.zeros(1, 1, *shape))


def test_relu_after_pooling_is_relu_before_it():
    torch.manual_seed(0)
    a = torch.randn(2, 3, 15, 17, requires_grad=True)
    b = a.detach().clone().requires_grad_()
    pool, relu = nn.MaxPool2d(3, stride=2), nn.ReLU()
    after, before = relu(pool(a)), pool(relu(b))
    weights = torch.randn_like(after)
    (after * weights).sum().backward()
    (before * weights).sum().backward()
    assert torch.equal(after, before)
    assert torch.equal(a.grad, b.grad)


@pytest.mark.parametrize("kind", ["kaiming", "torch"])
def test_initialisation_draws_from_its_generator_alone(kind):
    state = torch.get_rng_state()
    one, same, other = ([*_made(seed, kind).parameters()] for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])
    network = AlexNet(4, width=0.05)
    state = torch.get_rng_state()
    initialise(network, kind, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_kaiming_keeps_the_size_of_activations():
    network = _made(width=0.5)
    size = network.convolutions(torch.randn(8, 1, 64, 200)).square().mean()
    assert 0.2 < size < 20


def test_a_batch_of_windows_can_be_split():
    windows, truth = torch.arange(7.0)[:, None, None, None], torch.arange(7)
    parts = split((windows, truth), 3)
    assert torch.equal(torch.cat([part[0] for part, _ in parts]), windows)
    assert torch.equal(torch.cat([part[1] for part, _ in parts]), truth)
    assert [share for _, share in parts] == pytest.approx([3 / 7, 3 / 7, 1 / 7])
    assert len(split((windows, truth), 16)) == 7
