import numpy as np
import pytest
import torch

from serbench import BadParameter
from serbench_torch.spec_augment import SpecAugment
from serbench_torch.training import epoch_seed


def _random(epoch=1, seed=0):
    return np.random.default_rng(epoch_seed(seed, epoch))


def _runs(line):
    """The lengths of runs of hidden places on an axis."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
    return edges[1::2] - edges[::2]


def test_stripes_cross_the_whole_spectrogram_and_differ_between_utterances():
    hidden = SpecAugment(bands=8, frames=20)(torch.ones(50, 64, 200), _random()).numpy() == 0
    bands, frames = hidden.all(axis=2), hidden.all(axis=1)
    assert (hidden == (bands[:, :, None] | frames[:, None, :])).all()
    assert len({each.tobytes() for each in bands}) > 25
    assert len({each.tobytes() for each in frames}) > 25
    assert max(len(_runs(each)) for each in bands) == 2
    assert max(bands.sum(axis=1)) <= 16
    assert max(frames.sum(axis=1)) <= 40


def test_widths_and_places_are_uniform():
    augment = SpecAugment(bands=3, frames=0, stripes=1)
    hidden = augment(torch.ones(20_000, 4, 1), _random()).numpy()[:, :, 0] == 0
    shares = np.bincount(hidden.sum(axis=1), minlength=5) / len(hidden)
    assert shares == pytest.approx([1 / 4, 1 / 4, 1 / 4, 1 / 4, 0], abs=0.015)
    of_one = hidden[hidden.sum(axis=1) == 1]
    assert of_one.mean(axis=0) == pytest.approx([1 / 4] * 4, abs=0.03)


def test_no_stripe_is_wider_than_the_spectrogram():
    spectrograms = torch.ones(9, 1, 3, 2)
    assert SpecAugment()(spectrograms, _random()).shape == (9, 1, 3, 2)
    assert (spectrograms == 1).all()  # the given ones stay as they are


def test_hidden_places_hold_the_value_and_widths_of_zero_hide_nothing():
    spectrograms = torch.randn(4, 1, 64, 100, generator=torch.Generator().manual_seed(0))
    out = SpecAugment(value=-100.0)(spectrograms, _random())
    changed = out != spectrograms
    assert changed.any()
    assert (out[changed] == -100).all()
    assert torch.equal(SpecAugment(bands=0, frames=0)(spectrograms, _random()), spectrograms)


def test_the_stripes_depend_only_on_seed_and_epoch():
    spectrograms = torch.ones(4, 64, 100)
    first = SpecAugment()(spectrograms, _random())
    torch.rand(3)  # whatever was drawn before does not matter
    assert torch.equal(SpecAugment()(spectrograms, _random()), first)
    assert not torch.equal(SpecAugment()(spectrograms, _random(epoch=2)), first)
    assert not torch.equal(SpecAugment()(spectrograms, _random(seed=1)), first)


def test_negative_widths_are_refused():
    with pytest.raises(BadParameter, match="bands, frames and stripes of SpecAugment must be at"):
        SpecAugment(frames=-1)
