"""The network is that of Pepino et al., worked out by hand; training is theirs."""

import numpy as np
import pytest
import torch

from serbench.errors import BadParameter, SerbenchError
from serbench.evaluation.plan import resolve
from serbench.plugins import registry
from serbench.results.config import Request
from serbench_rivals import pepino
from serbench_rivals.pepino import Network, Pepino
from serbench_torch import resuming
from serbench_transformers.probing.frames import Frames

LABELS = ("angry", "happy", "sad")


@pytest.fixture(scope="module")
def layers(examples):
    """A function from a count and a seed to frames of three layers; the second tells the label."""

    def utterance(label, random):
        frames = random.normal(0, 1, (3, random.integers(4, 12), 6))
        frames[1, :, label] += 4
        return frames

    def made(count, seed):
        single = examples(count, seed, utterance)
        halves = [each.astype(np.float16) for each in single.inputs]
        return type(single)(halves, single.truth, single.speakers)

    return made


@pytest.fixture(scope="module")
def model(encoder):
    """A function that returns a model of a tiny checkpoint, with other parameters if given."""
    given = {"checkpoint": str(encoder), "revision": None, "weights": "pretrained"}
    exact = Frames.resolved(given)
    return lambda **params: Pepino(LABELS, 0, **exact, **params)


def _network(**sizes):
    network = Network(
        **{"layers": 2, "width": 3, "hidden": 2, "labels": 2, "dropout": 0.2, **sizes}
    )
    network.initialise(torch.Generator().manual_seed(0))
    return network.eval()


def _by_hand(network, padded, mask):
    """The logits of padded utterances, (n, layers, frames, width), and their mask, (n, frames)."""
    arrays = {name: each.detach().double().numpy() for name, each in network.named_parameters()}
    mix = np.abs(arrays["mix"]) / np.abs(arrays["mix"]).sum()
    frames = np.tensordot(padded, mix, axes=(1, 0))  # (n, frames, width)
    for at in (1, 4):
        weight, bias = arrays[f"hidden.{at}.weight"], arrays[f"hidden.{at}.bias"]
        frames = np.maximum(frames @ weight.T + bias, 0)
    means = (frames * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return means @ arrays["scores.weight"].T + arrays["scores.bias"]


def test_a_tiny_case_is_that_worked_out_by_hand():
    network = _network()
    with torch.no_grad():
        network.mix.copy_(torch.tensor([3.0, -1.0]))  # weights 3/4 and 1/4
        for at, weight in ((1, [[1, 0, 0], [0, 1, -1]]), (4, [[1, 1], [1, -1]])):
            network.hidden[at].weight.copy_(torch.tensor(weight))
        network.hidden[1].bias.copy_(torch.tensor([0.0, 1.0]))
        network.scores.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        network.scores.bias.copy_(torch.tensor([0.5, 0.0]))
    utterance = torch.tensor([[[4.0, 0, 0], [0, 8, 0]], [[0.0, 0, 4], [8, 0, 0]]], dtype=torch.half)
    # frames (3, 0, 1) and (2, 6, 0); then (3, 0) and (2, 7); then (3, 3) and (9, 0); mean (6, 1.5)
    assert network([utterance]).tolist() == [[12.5, 1.5]]


def test_it_is_a_padded_network_with_a_masked_mean():
    random = np.random.default_rng(0)
    network = _network(layers=4, width=5, hidden=7, labels=3)
    with torch.no_grad():
        network.mix.copy_(torch.tensor([1.0, -2.0, 0.5, 0.0]))
        for name, each in network.named_parameters():
            if name.endswith("bias"):  # so that padding would count without the mask
                each.copy_(torch.from_numpy(random.normal(0, 1, each.shape)))
    utterances = [random.normal(size=(4, count, 5)).astype(np.float16) for count in (3, 9, 1)]
    padded, mask = np.zeros((3, 4, 9, 5)), np.zeros((3, 9))
    for at, each in enumerate(utterances):
        padded[at, :, : each.shape[1]] = each
        mask[at, : each.shape[1]] = 1
    logits = network([torch.from_numpy(each) for each in utterances])
    np.testing.assert_allclose(logits.detach(), _by_hand(network, padded, mask), rtol=1e-5)


def test_the_layers_count_equally_at_first_and_their_weights_sum_to_one():
    network = _network(layers=13)
    assert network.weights.tolist() == pytest.approx([1 / 13] * 13)
    with torch.no_grad():
        network.mix[3] = -5
    assert network.weights[3].item() == pytest.approx(5 / 17)


def test_it_has_as_many_parameters_as_theirs():
    network = _network(layers=13, width=768, hidden=128, labels=7)
    assert sum(each.numel() for each in network.parameters()) == 115_860


def test_gradients_are_those_of_plain_operations():
    random = np.random.default_rng(0)
    utterances = [torch.from_numpy(random.normal(size=(3, n, 4))).half() for n in (2, 5)]

    def plain(mix):
        weights = mix.abs() / mix.abs().sum()
        return torch.cat([torch.einsum("l,lfw->fw", weights, each.float()) for each in utterances])

    mix = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    upstream = torch.from_numpy(random.normal(size=(7, 4))).float()
    ours = pepino.Mixed.apply(mix.abs() / mix.abs().sum(), *utterances)
    torch.testing.assert_close(ours, plain(mix))
    gradients = [torch.autograd.grad((made * upstream).sum(), mix) for made in (ours, plain(mix))]
    torch.testing.assert_close(*gradients)


def test_a_model_learns_which_layer_tells_the_label(model, layers, desk):
    fitted, place = model(lr=0.01, epochs=30), desk()
    fitted.fit(layers(96, 0), layers(24, 1), place)
    assert place.points[-1]["validation_uar"] == 1.0
    weights = fitted.describe()["layer_weights"]
    assert np.argmax(weights) == 1
    test = layers(24, 2)
    predictions = fitted.predict(test.inputs)
    assert predictions.link == "softmax"
    assert (predictions.activations.argmax(axis=1) == test.truth).mean() > 0.9


def test_scores_are_the_same_bit_for_bit_alone_and_together(model, layers, desk):
    fitted = model(epochs=1)
    fitted.fit(layers(24, 0), layers(12, 1), desk())
    inputs = layers(9, 2).inputs
    alone = [fitted.predict([each]).activations[0] for each in inputs]
    np.testing.assert_array_equal(fitted.predict(inputs).activations, alone)


def test_the_last_batch_is_filled_from_the_start_of_the_epoch(model, layers):
    def batches(count, epoch=1):
        learned = layers(count, 0)
        scorer = pepino.Scorer(_network(layers=3, width=6, labels=3), "cpu")
        return model()._task(scorer, learned, learned).batches(epoch)

    sizes = [list(map(len, batches(count))) for count in (40, 64)]
    assert sizes == [[32, 32], [32, 32, 32]]
    order = np.concatenate(batches(40))
    assert sorted(order[:40]) == list(range(40))
    np.testing.assert_array_equal(order[40:], order[:24])
    assert not np.array_equal(batches(40)[0], batches(40, epoch=2)[0])


def test_utterances_are_read_when_they_are_needed(model, layers, desk):
    class Watched(list):
        read = 0

        def __getitem__(self, at):
            assert isinstance(at, int)
            Watched.read += 1
            return super().__getitem__(at)

    learned, held_out = layers(33, 0), layers(6, 1)
    watched = type(learned)(Watched(learned.inputs), learned.truth, learned.speakers)
    model(epochs=2).fit(watched, held_out, desk())
    assert Watched.read == 1 + 2 * 64  # the first for its shape; two epochs of two batches


def test_gradients_are_cut_at_one(model, layers, desk, monkeypatch):
    made = []

    class Watching(pepino.Adam):
        def __init__(self, parameters, lr, **words):
            made.append((lr, words))
            super().__init__(parameters, lr, **words)

    monkeypatch.setattr(pepino, "Adam", Watching)
    model(epochs=1).fit(layers(12, 0), layers(6, 1), desk())
    assert made == [(1e-4, {"eps": 1e-7, "clip_value": 1.0})]


class Killed(BaseException):
    """Stands for `kill -9`."""


def test_a_killed_training_ends_with_the_same_scores_and_curve(model, layers, desk, monkeypatch):
    monkeypatch.setattr(resuming, "SPACING", 0.0)
    learned, held_out, test = layers(40, 0), layers(12, 1), layers(12, 2)
    whole, killed = desk(), desk()
    expected = model(epochs=6, lr=1e-3)
    expected.fit(learned, held_out, whole)

    report = killed.report

    def dying(epoch, epochs, **values):
        report(epoch, epochs, **values)
        if epoch == 4:
            raise Killed

    killed.report = dying
    with pytest.raises(Killed):
        model(epochs=6, lr=1e-3).fit(learned, held_out, killed)
    killed.report, killed.points[:] = report, []
    resumed = model(epochs=6, lr=1e-3)
    resumed.fit(learned, held_out, killed)
    assert killed.points == whole.points
    np.testing.assert_array_equal(
        resumed.predict(test.inputs).activations, expected.predict(test.inputs).activations
    )
    assert not list(killed.folder.iterdir())


def test_what_it_says_of_itself(model, layers, desk):
    fitted = model(epochs=1)
    fitted.fit(layers(12, 0), layers(6, 1), desk())
    facts = fitted.describe()
    assert (facts["fidelity"], facts["stored"], facts["pretrained"]) == (
        "faithful",
        "float16",
        True,
    )
    assert facts["our_choices"] == list(pepino.SYSTEM.choices)


def test_a_wrong_checkpoint_is_one_line(tmp_path):
    request = Request("pepino", "toy", params={"checkpoint": str(tmp_path / "nowhere")})
    with pytest.raises(SerbenchError, match="checkpoint .*nowhere does not exist") as error:
        resolve(registry.find("model", "pepino"), request)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"epochs": 0}, "epochs, batch, patience and hidden of pepino must be at least 1"),
        ({"clip": 0.0}, "lr and clip of pepino must be greater than 0"),
        ({"dropout": 1.0}, r"dropout=1.0 of pepino must be in \[0, 1\)"),
    ],
)
def test_impossible_values_are_refused(params, words):
    with pytest.raises(BadParameter, match=words):
        Pepino(LABELS, 0, **params)


def test_their_frames_are_the_defaults():
    entry = registry.find("model", "pepino")
    assert entry.defaults_on("ravdess")["frames"] == 250
    assert entry.defaults_on("iemocap")["frames"] == 400
