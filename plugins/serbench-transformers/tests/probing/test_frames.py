"""The feature: all frames of every layer, in half precision, with their size told beforehand."""

import numpy as np
import pytest
import torch

from serbench.contracts import LargeFeature
from serbench.errors import BadParameter, SerbenchError
from serbench_transformers.checkpoints import checkpoint, loading
from serbench_transformers.probing.frames import Frames

KINDS = ("wav2vec2-group-norm", "whisper", "wavlm")


def _extractor(folder, **params):
    given = {"checkpoint": str(folder), "revision": None, "weights": "pretrained", **params}
    return Frames(**Frames.resolved(given))


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_the_frames_of_every_layer(folders, waves, kind):
    made = _extractor(folders(kind))(waves)
    encoder = loading.load(checkpoint.resolve(str(folders(kind))))
    with torch.inference_mode():
        means = encoder.layer_means([encoder.preprocess(wave) for wave in waves]).numpy()
    for array, expected in zip(made, means, strict=True):
        assert (array.dtype, array.shape[0], array.shape[2]) == (np.float16, 3, 16)
        mean = array.astype(np.float64).mean(axis=Frames.time_axis)
        np.testing.assert_allclose(mean[1:], expected[1:], atol=3e-3)  # of half precision


@pytest.mark.parametrize("kind", ["wav2vec2-group-norm", "wav2vec2-layer-norm"])
def test_the_first_layer_is_the_projected_local_encoder_without_positions(folders, waves, kind):
    encoder = loading.load(checkpoint.resolve(str(folders(kind))))
    encoder.model.config._attn_implementation = "eager"
    prepared = encoder.preprocess(waves[0])
    with torch.inference_mode():
        made = encoder.model(prepared[None], output_hidden_states=True)
        convolved = encoder.model.feature_extractor(prepared[None]).transpose(1, 2)
        projected, _ = encoder.model.feature_projection(convolved)
    (array,) = _extractor(folders(kind))(waves[:1])
    np.testing.assert_allclose(array[0], projected[0], atol=5e-3)
    np.testing.assert_allclose(array[1], made.hidden_states[1][0], atol=5e-3)
    np.testing.assert_allclose(array[2], made.last_hidden_state[0], atol=5e-3)


def test_whispers_first_layer_is_the_output_of_its_convolutions(folders, waves):
    encoder = loading.load(checkpoint.resolve(str(folders("whisper"))))
    with torch.inference_mode():
        expected = encoder.convolve(encoder.preprocess(waves[0]))
    np.testing.assert_allclose(_extractor(folders("whisper"))(waves[:1])[0][0], expected, atol=5e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_is_the_same_bit_for_bit_in_any_batch(folders, waves, kind):
    extractor = _extractor(folders(kind))
    for together, wave in zip(extractor(waves), waves, strict=True):
        np.testing.assert_array_equal(extractor([wave])[0], together)


def test_frames_are_cut_at_the_end_and_pooled_from_the_start(folders, waves):
    whole, cut, pooled, both = (
        _extractor(folders("whisper"), **given)(waves[3:4])[0]
        for given in ({}, {"frames": 17}, {"pool": 4}, {"frames": 17, "pool": 4})
    )
    assert whole.shape[1] == 50
    np.testing.assert_array_equal(cut, whole[:, :17])
    assert (pooled.shape[1], both.shape[1]) == (13, 5)
    np.testing.assert_allclose(pooled[:, 0], whole[:, :4].astype(float).mean(axis=1), atol=5e-3)
    np.testing.assert_allclose(pooled[:, 12], whole[:, 48:].astype(float).mean(axis=1), atol=5e-3)
    np.testing.assert_allclose(both[:, 4], whole[:, 16], atol=5e-3)
    short = _extractor(folders("whisper"), frames=400)(waves[3:4])[0]
    np.testing.assert_array_equal(short, whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("params", [{}, {"frames": 30}, {"pool": 5}, {"frames": 30, "pool": 4}])
def test_their_size_is_told_from_the_length(folders, waves, kind, params):
    extractor = _extractor(folders(kind), **params)
    assert isinstance(extractor, LargeFeature)
    wave = np.tile(waves[3], 2)  # two seconds
    (array,) = extractor([wave])
    slack = 2 * array.nbytes / array.shape[1]  # a frame of every layer at either end
    assert abs(extractor.stored_bytes(2.0) - array.nbytes) <= slack


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"frames": -1}, "frames=-1 must be 0, for all frames, or more"),
        ({"pool": 0}, "pool=0 must be 1 or more"),
    ],
)
def test_impossible_numbers_are_refused(params, words):
    with pytest.raises(BadParameter, match=words):
        Frames("any", "sha256:0", **params)


def test_layers_with_other_numbers_of_frames_are_refused_when_planning(folders):
    with pytest.raises(BadParameter, match=r"\(sew\) have .* frames for the same utterance"):
        _extractor(folders("sew"))


def test_activations_that_half_precision_cannot_hold_are_refused(save_checkpoint, waves, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save_checkpoint(tmp_path / "huge", "whisper")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer_norm.bias"] += 1e6
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        SerbenchError, match="a layer of huge reaches 1e.06, and half precision ends"
    ):
        _extractor(folder)(waves[:1])


def test_a_missing_checkpoint_is_one_line(tmp_path):
    with pytest.raises(SerbenchError, match="checkpoint .*nowhere does not exist") as error:
        _extractor(tmp_path / "nowhere")
    assert "\n" not in str(error.value)
