import numpy as np
import pytest
import torch

from serbench_alexnet.spectrograms import Scale, Spectrograms


def _joined(*lengths, bands=3, padding=-100.0):
    counted = iter(range(10_000))
    inputs = [
        np.array([[next(counted) for _ in range(length)] for _ in range(bands)], np.float32)
        for length in lengths
    ]
    return inputs, Spectrograms.joined(inputs, padding)


def _array(*values):
    return np.array(values, dtype=np.int64)


def test_a_window_holds_the_utterance_and_then_the_padding():
    inputs, joined = _joined(4, 6, 5)
    windows = joined.windows(_array(2, 0), _array(0, 0), 7)
    assert windows.shape == (2, 1, 3, 7)
    for window, index, length in zip(windows, (2, 0), (5, 4), strict=True):
        assert np.array_equal(window[0, :, :length], inputs[index])
        assert (window[0, :, length:] == -100).all()


def test_a_window_begins_at_its_offset_and_never_sees_the_next_utterance():
    inputs, joined = _joined(4, 6)
    window = joined.windows(_array(0), _array(2), 5)[0, 0]
    assert np.array_equal(window[:, :2], inputs[0][:, 2:])
    assert (window[:, 2:] == -100).all()


@pytest.mark.parametrize(
    ("length", "width", "expected"),
    [(5, 10, [0]), (10, 10, [0]), (11, 10, [0, 1]), (25, 10, [0, 8, 15]), (30, 10, [0, 10, 20])],
)
def test_the_fewest_windows_cover_an_utterance(length, width, expected):
    _, joined = _joined(length)
    owners, offsets = joined.covering(width)
    assert offsets.tolist() == expected
    assert owners.tolist() == [0] * len(expected)


def test_random_windows_lie_inside_and_reach_both_ends():
    _, joined = _joined(4, 12)
    random = np.random.default_rng(0)
    drawn = [joined.random_offsets(_array(0, 1), 10, random) for _ in range(50)]
    assert {first for first, _ in drawn} == {0}
    assert {second for _, second in drawn} == {0, 1, 2}


def _two_bands(*lengths):
    random = np.random.default_rng(0)
    inputs = [
        random.normal([[-20], [-60]], [[5], [10]], (2, length)).astype(np.float32)
        for length in lengths
    ]
    return Spectrograms.joined(inputs, -100.0)


def _seen(joined, width):
    """All windows of `width` frames: (utterances, bands, width)."""
    everyone = np.arange(len(joined.lengths))
    return joined.windows(everyone, np.zeros_like(everyone), width)[:, 0]


def test_each_band_is_normalised_as_the_network_sees_it():
    joined = _two_bands(30, 50, 40)
    scale = Scale.learned(joined, 50, "bands")
    windows = _seen(joined.scaled(scale, "cpu"), 50)
    torch.testing.assert_close(windows.mean(dim=(0, 2)), torch.zeros(2), atol=1e-4, rtol=0)
    deviation = windows.std(dim=(0, 2), correction=0)
    torch.testing.assert_close(deviation, torch.ones(2), atol=1e-4, rtol=0)


def test_all_bands_can_share_one_scale():
    joined = _two_bands(30, 50, 40)
    scale = Scale.learned(joined, 50, "all")
    assert scale.mean[0] == scale.mean[1]
    windows = _seen(joined.scaled(scale, "cpu"), 50)
    assert float(windows.mean()) == pytest.approx(0, abs=1e-4)
    assert float(windows.std(correction=0)) == pytest.approx(1, abs=1e-4)


def test_decibels_can_be_left_as_they_are():
    joined = _two_bands(30)
    before = joined.frames.clone()
    assert torch.equal(joined.scaled(Scale.learned(joined, 50, "none"), "cpu").frames, before)


def test_a_band_that_never_changes_becomes_zero():
    _, joined = _joined(4)
    joined.frames[:, 1] = -100.0
    scaled = joined.scaled(Scale.learned(joined, 6, "bands"), "cpu")
    assert torch.isfinite(scaled.frames).all()
    assert (scaled.frames[:, 1] == 0).all()


def test_padding_is_normalised_like_silence():
    silence = np.full((3, 4), -100.0, np.float32)
    joined = Spectrograms.joined([silence, np.zeros((3, 4), np.float32)], -100.0)
    scaled = joined.scaled(Scale.learned(joined, 9, "bands"), "cpu")
    window = scaled.windows(_array(0), _array(0), 9)
    assert torch.equal(window, window[..., :1].expand_as(window))
