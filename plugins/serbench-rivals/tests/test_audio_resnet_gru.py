import numpy as np
import pytest
import torch

from serbench.errors import BadParameter
from serbench_rivals.audio_resnet_gru import AudioResnetGru, Network

LABELS = ("angry", "happy", "sad")


@pytest.fixture(scope="module")
def waves(examples):
    """Tones in noise, whose pitch is the label."""

    def utterance(label, random):
        samples = random.integers(1500, 4000)
        tone = np.sin(2 * np.pi * 300 * 4**label * np.arange(samples) / 16000)
        return 0.1 * (tone + random.normal(0, 0.1, samples))

    return lambda count, seed: examples(count, seed, utterance)


@pytest.fixture(scope="module")
def fitted(waves, desk):
    def fit(seed=0, **params):
        small = {"epochs": 8, "width": 0.1, "max_seconds": 0.15, "lr": 5e-3, "batch": 8}
        model = AudioResnetGru(LABELS, seed, **{**small, **params})
        model.fit(waves(24, 1), waves(9, 2), desk())
        return model

    return fit


def test_it_learns_keeps_and_repeats(fitted, waves, tmp_path):
    tested = waves(12, 3)
    model = fitted()
    scores = model.predict(tested.inputs).activations
    assert (scores.argmax(axis=1) == tested.truth).mean() > 0.7
    assert np.array_equal(fitted().predict(tested.inputs).activations, scores)
    alone = [model.predict([each]).activations[0] for each in tested.inputs]
    np.testing.assert_allclose(alone, scores, atol=1e-6)
    model.save(tmp_path)
    loaded = AudioResnetGru.load(tmp_path)
    assert np.array_equal(loaded.predict(tested.inputs).activations, scores)
    assert loaded.describe()["fidelity"] == "not reproducible"
    assert loaded.describe()["frames"] == 2400


def test_a_second_has_fifty_frames_of_512_channels():
    with torch.device("meta"):
        network = Network(8, 1.0, 0.3)
        frames = network.encoder(torch.empty(1, 1, 16000))
    assert frames.shape == (1, 512, 50)


def test_tiny_and_silent_waves_have_scores(fitted):
    model = fitted(epochs=1)
    for wave in (np.zeros(1, np.float32), np.zeros(9000, np.float32)):
        assert np.isfinite(model.predict([wave]).activations).all()
    assert model.flops([np.zeros(4000, np.float32)], False) > 0


def test_bad_values_are_refused():
    with pytest.raises(BadParameter, match="epochs, batch and patience of audio-resnet-gru must"):
        AudioResnetGru(LABELS, 0, batch=0)
