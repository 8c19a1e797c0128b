"""The feature: every layer's mean over time, of weights read once and never trained."""

import json
import random
import threading

import numpy as np
import pytest
import torch

from serbench.contracts import ResolvesParams
from serbench.errors import BadParameter, SerbenchError
from serbench_transformers.checkpoints import checkpoint, loading
from serbench_transformers.probing.layers import Layers

KINDS = ("wav2vec2-group-norm", "whisper", "wavlm")


def _extractor(folder, **params):
    given = {"checkpoint": str(folder), "revision": None, "weights": "pretrained", **params}
    return Layers(**Layers.resolved(given))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_every_layer_of_the_encoder_makes(folders, waves, kind):
    made = _extractor(folders(kind))(waves)
    encoder = loading.load(checkpoint.resolve(str(folders(kind))))
    with torch.inference_mode():
        expected = encoder.layer_means([encoder.preprocess(wave) for wave in waves]).numpy()
    assert [array.dtype for array in made] == [np.float32] * 5
    assert np.stack(made).shape == (5, 3, 16)
    np.testing.assert_allclose(np.stack(made), expected, rtol=1e-5, atol=1e-5)


def test_what_is_stored_is_found_by_the_version_of_transformers(monkeypatch):
    from importlib import metadata

    assert Layers.version == f"3 (transformers {metadata.version('transformers')})"
    before = Layers.version
    monkeypatch.setattr(metadata, "version", lambda name: "5.99.0")
    assert Layers.version == "3 (transformers 5.99.0)" != before


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_is_the_same_bit_for_bit_in_any_batch(folders, waves, kind):
    extractor = _extractor(folders(kind))
    for together, wave in zip(extractor(waves), waves, strict=True):
        np.testing.assert_array_equal(extractor([wave])[0], together)


def test_several_threads_read_the_weights_once_and_get_the_same(folders, waves):
    extractor, made = _extractor(folders("whisper")), {}
    start, encoders = threading.Barrier(4), set()

    def work(thread):
        start.wait()
        made[thread] = extractor(waves)
        encoders.add(id(extractor._encoder))

    threads = [threading.Thread(target=work, args=(one,)) for one in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(encoders) == 1
    for thread in range(1, 4):
        np.testing.assert_array_equal(np.stack(made[thread]), np.stack(made[0]))


def test_random_weights_are_others_and_always_the_same(save_checkpoint, waves, tmp_path):
    from safetensors.torch import load_file, save_file

    file = save_checkpoint(tmp_path / "halved", "whisper") / "model.safetensors"
    save_file({name: one / 2 for name, one in load_file(file).items()}, file, {"format": "pt"})
    pretrained, one, same = (
        np.stack(_extractor(file.parent, weights=weights)(waves[:2]))
        for weights in ("pretrained", "random", "random")
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, pretrained, atol=0.01)


def test_random_weights_need_a_configuration_only(folders, waves, tmp_path):
    folder = tmp_path / "shape"
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (folder / name).write_text((folders("whisper") / name).read_text())
    assert _extractor(folder, weights="random")(waves[:1])[0].shape == (3, 16)
    with pytest.raises(SerbenchError, match="shape .*weights"):
        _extractor(folder)


def test_the_state_of_random_numbers_stays(folders, waves):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    _extractor(folders("wav2vec2-group-norm"), weights="random")(waves[:1])
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_a_folder_becomes_its_digest_and_stays_it(folders):
    assert isinstance(Layers, ResolvesParams)
    given = {"checkpoint": str(folders("whisper")), "revision": None, "weights": "pretrained"}
    exact = Layers.resolved(given)
    assert exact["checkpoint"] == "whisper"
    assert exact["revision"].startswith("sha256:")
    assert Layers.resolved(exact) == exact


def test_no_checkpoint_is_refused():
    with pytest.raises(BadParameter, match="give one of them with --param checkpoint"):
        _extractor("")


def test_a_checkpoint_that_changed_since_is_refused(save_checkpoint, waves, tmp_path):
    folder = save_checkpoint(tmp_path / "changing", "whisper")
    extractor = _extractor(folder)
    words = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(words | {"dropout": 0.25}))
    with pytest.raises(SerbenchError, match="changing"):
        extractor(waves)
