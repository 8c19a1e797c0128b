import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from serbench.errors import BadParameter, SerbenchError
from serbench_rivals.cnn14 import SYSTEM, Cnn14, Network

LABELS = ("angry", "happy", "sad")
TINY = {"width": 0.03, "epochs": 3, "max_seconds": 0.3, "lr": 3e-3, "batch": 8, "mixup": 0.0}


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.setattr("serbench_rivals.weight_file.home", lambda: tmp_path / "home")


@pytest.fixture(scope="module")
def fitted(mels, desk):
    """A function that returns a model fitted with parameters."""

    def fit(seed=0, **params):
        model = Cnn14(LABELS, seed, **{**TINY, **params})
        model.fit(mels(24, 1), mels(9, 2), desk())
        return model

    return fit


def published(monkeypatch, tmp_path, suffix=".pth"):
    """A look-alike of PANNs' file, narrow as no published one is, and its digest."""
    monkeypatch.setattr("serbench_rivals.cnn14.CHANNELS", (2, 2, 3, 3, 4, 4))
    network = Network(5, 64, 1.0, 0.2)
    torch.nn.init.uniform_(network.bn0.running_mean, -70, -30)
    torch.nn.init.uniform_(network.bn0.running_var, 50, 200)
    state = {name: each for name, each in network.state_dict().items() if "output" not in name}
    path = tmp_path / f"Cnn14{suffix}"
    if suffix == ".pth":
        state |= {"fc_audioset.weight": torch.zeros(527, 4)}
        torch.save({"iteration": 3, "model": state}, path)
    else:
        save_file(state, path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest(), network.eval()


def pretrained(path, sha256, **params):
    given = {
        **TINY,
        "width": 1.0,
        "weights": "pretrained",
        "weights_file": str(path),
        "sha256": sha256,
    }
    return dict(Cnn14.resolved({**given, **params}))


def test_it_has_the_size_of_cnn14():
    with torch.device("meta"):
        network = Network(8, 64, 1.0, 0.2)
    assert sum(each.numel() for each in network.parameters()) == 79_690_184


def test_it_is_the_same_for_one_seed_and_kept_whole(fitted, mels, tmp_path):
    tested = mels(6, 3)
    model, again, other = fitted(mixup=1.0), fitted(mixup=1.0), fitted(1, mixup=1.0)
    scores = [each.predict(tested.inputs).activations for each in (model, again, other)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])
    model.save(tmp_path)
    loaded = Cnn14.load(tmp_path)
    assert np.array_equal(loaded.predict(tested.inputs).activations, scores[0])
    assert loaded.describe()["fidelity"] == SYSTEM.fidelity == "faithful"
    assert loaded.describe()["pretrained"] is False


def test_augmentation_mixes_truth_and_hides_stripes():
    augment = Cnn14(LABELS, 0, mixup=1.0).augment
    windows, truth = torch.ones(4, 1, 64, 100), torch.tensor([0, 1, 2, 0])
    mixed, shares = augment(windows, truth, np.random.default_rng(0))
    assert (mixed == 0).any()
    assert shares.shape == (4, 3)
    assert shares.sum(dim=1).tolist() == pytest.approx([1.0] * 4)
    assert ((shares > 0) & (shares < 1)).any()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_pretrained_weights_score_as_in_their_own_network(monkeypatch, tmp_path, mels, suffix):
    path, sha256, network = published(monkeypatch, tmp_path, suffix)
    params = pretrained(path, sha256)
    assert params["weights_file"] == path.name
    model = Cnn14(LABELS, 0, **params)
    made = model._network()
    model.initialise(made, torch.Generator().manual_seed(0))
    scale = model.scale(made, None, 0)
    windows = torch.from_numpy(mels(1, 1).inputs[0])[None, None, :, :40]
    windows = torch.nn.functional.pad(windows, (0, 40 - windows.shape[-1]))
    made.eval()
    made.output.weight.data.copy_(network.output.weight[:3])
    made.output.bias.data.copy_(network.output.bias[:3])
    scaled = (windows - scale.mean[:, None]) / scale.deviation[:, None]
    torch.testing.assert_close(made(scaled), network(windows)[:, :3], rtol=1e-4, atol=1e-5)


def test_the_head_alone_is_trained(monkeypatch, tmp_path, mels, desk):
    path, sha256, network = published(monkeypatch, tmp_path)
    model = Cnn14(LABELS, 0, **pretrained(path, sha256, tune="head", epochs=2))
    model.fit(mels(12, 1), mels(6, 2), desk())
    fitted = model.scorer.network
    assert torch.equal(fitted.fc1.weight, network.fc1.weight)
    assert torch.equal(fitted.conv_block1.bn1.running_mean, network.conv_block1.bn1.running_mean)
    facts = model.describe()
    assert facts["trained_parameters"] == 4 * 3 + 3
    assert (facts["checkpoint"], facts["pretrained"]) == (path.name, True)
    # the name and the digest are enough from now on
    assert Cnn14.resolved({"weights": "pretrained", "weights_file": path.name, "sha256": sha256})


def test_files_that_are_not_the_weights_are_refused(monkeypatch, tmp_path, mels, desk):
    path, sha256, _ = published(monkeypatch, tmp_path)
    with pytest.raises(BadParameter, match=r"has the digest .*, not sha256=0000"):
        pretrained(path, "0" * 64)
    with pytest.raises(BadParameter, match="sha256='abc' is not the digest of a file, 64 digits"):
        pretrained(path, "abc")
    with pytest.raises(
        BadParameter, match="needs the file of the weights: --param weights_file=PATH"
    ):
        pretrained("", sha256)
    with pytest.raises(SerbenchError, match="there is no file of weights nowhere.pth"):
        pretrained("nowhere.pth", "1" * 64)
    with pytest.raises(BadParameter, match="add --param width=1"):
        Cnn14(LABELS, 0, weights="pretrained")
    with pytest.raises(BadParameter, match="belong to weights=pretrained"):
        Cnn14(LABELS, 0, weights_file="a.pth")

    def fit(content, name="other.pth"):
        other = tmp_path / name
        if isinstance(content, bytes):
            other.write_bytes(content)
        else:
            torch.save(content, other)
        params = pretrained(other, hashlib.sha256(other.read_bytes()).hexdigest())
        Cnn14(LABELS, 0, **params).fit(mels(6, 1), mels(3, 2), desk())

    with pytest.raises(SerbenchError, match=r"other\.pth is not a file of weights"):
        fit(b"not a checkpoint")
    with pytest.raises(SerbenchError, match=r"other\.safetensors is not a file of weights"):
        fit(b"not a checkpoint", "other.safetensors")
    with pytest.raises(SerbenchError, match=r"other\.pth is not a file of weights"):
        fit({"model": Cnn14})  # a class is code
    with pytest.raises(SerbenchError, match="holds no tensors by name"):
        fit([torch.zeros(1)])
    with pytest.raises(SerbenchError, match=r"the file of weights has no bn0\.weight"):
        fit({"conv.weight": torch.zeros(1)})
    weights = torch.load(path, weights_only=True)["model"]
    with pytest.raises(SerbenchError, match=r"bn0\.weight in the file .* is \(32,\), but must be"):
        fit({**weights, "bn0.weight": torch.zeros(32)})
    (tmp_path / "other.pth").unlink()
    gone = Cnn14(LABELS, 0, **pretrained(path, sha256))
    path.unlink()
    with pytest.raises(SerbenchError, match="is not on this machine, or no longer where it was"):
        gone.fit(mels(6, 1), mels(3, 2), desk())
