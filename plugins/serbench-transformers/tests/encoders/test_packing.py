"""However utterances are put together, scores and gradients are those of each alone.

Relative errors are max |a - b| / max |b| for scores; for gradients, all of a network in one vector,
the norm of a - b over the norm of b, and so for each parameter too. Left out are the biases of
keys: their gradient is 0, for they move all products of a query alike.
"""

import copy
import functools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from serbench_transformers.checkpoints import checkpoint, loading
from serbench_transformers.encoders import attention_kernels
from serbench_transformers.encoders.batching import MEGA, by_length, shuffled
from serbench_transformers.encoders.packing import Packed, Padded
from serbench_transformers.finetuning import learning
from serbench_transformers.finetuning.learning import Labelled, Scorer, Stems, criterion, task
from serbench_transformers.finetuning.network import Network
from serbench_transformers.finetuning.recipes import Recipe

LABELS = ("anger", "happy", "sad")
TRUTH = np.array([0, 1, 2, 0, 1])
PACKED = (
    "wav2vec2-layer-norm",
    "wav2vec2-group-norm",
    "hubert-layer-norm",
    "hubert-group-norm",
    "data2vec-audio",
    "whisper",
)
MASKED = (
    "wavlm-layer-norm",
    "unispeech-layer-norm",
    "unispeech-sat-layer-norm",
    "wav2vec2-bert",
)
# batches of utterances whose lengths are 4000, 9000, 1700, 16000 and 6500 samples
ALONE = ([0], [1], [2], [3], [4])
TOGETHER = ([0, 1, 2, 3, 4],)
SORTED = ([2, 0], [4, 1, 3])
LENGTHS, ENDS = (5, 9, 3), torch.tensor([0, 5, 14, 17], dtype=torch.int32)
NO_DROPOUT = {
    f"{name}dropout": 0.0
    for name in (
        "",
        "hidden_",
        "attention_",
        "activation_",
        "feat_proj_",
        "final_",
        "conformer_conv_",
    )
} | {"layerdrop": 0.0, "encoder_layerdrop": 0.0, "classifier_dropout": 0.0}


@pytest.fixture(scope="session")
def certain(tmp_path_factory, save_checkpoint):
    """From a kind to a classifier of it that has no dropout, so that training is repeatable."""
    made = {}

    def classifier(kind):
        if kind not in made:
            folder = save_checkpoint(tmp_path_factory.mktemp("certain") / kind, kind, **NO_DROPOUT)
            model = loading.classifier(checkpoint.resolve(str(folder)), LABELS)
            generator = torch.Generator().manual_seed(0)
            torch.nn.init.normal_(model.classifier.weight, generator=generator)
            made[kind] = model, folder
        return made[kind]

    return classifier


def _network(classifier, frozen=0, layout=Packed):
    model, folder = copy.deepcopy(classifier[0]), classifier[1]
    return Network(model, loading.encoder_of(model, folder), frozen, None, layout).train()


def _computed(network, waves, parts):
    """The scores of all utterances, in their order, and the gradients."""
    scores = torch.zeros(len(waves), len(LABELS))
    for part in parts:
        logits = network(network.stems([network.encoder.preprocess(waves[one]) for one in part]))
        truth = torch.from_numpy(TRUTH[part])
        torch.nn.functional.cross_entropy(logits, truth, reduction="sum").backward()
        scores[part] = logits.detach()
    return scores, _gradients(network)


def _gradients(network):
    return {
        name: each.grad
        for name, each in network.named_parameters()
        if each.grad is not None and not name.endswith(("k_proj.bias", "linear_k.bias"))
    }


def _same_scores(found, expected):
    assert expected.std(dim=0).min() > 0.003  # the utterances differ
    assert (found - expected).abs().max() / expected.abs().max() < 1e-5


def _same_gradients(found, expected):
    assert found.keys() == expected.keys()
    assert found
    differences = {name: (found[name] - each).norm() for name, each in expected.items()}
    norms = {name: each.norm() for name, each in expected.items()}
    assert _norm(differences) / _norm(norms) < 1e-5
    for name, norm in norms.items():  # where terms nearly cancel, rounding is what is left
        assert differences[name] < 1e-4 * norm, name


def _norm(norms):
    return torch.stack(list(norms.values())).norm()


@pytest.mark.parametrize("frozen", [-1, 1])
@pytest.mark.parametrize("kind", PACKED)
def test_packed_sorted_and_padded_are_one_by_one(certain, waves, kind, frozen):
    scores, gradients = _computed(_network(certain(kind), frozen), waves, ALONE)
    for layout, parts in ((Packed, TOGETHER), (Padded, TOGETHER), (Padded, SORTED)):
        found, found_gradients = _computed(_network(certain(kind), frozen, layout), waves, parts)
        _same_scores(found, scores)
        _same_gradients(found_gradients, gradients)


@pytest.mark.parametrize("kind", MASKED)
def test_where_transformers_masks_all_that_padding_does_it_is_one_by_one(certain, waves, kind):
    scores, gradients = _computed(_network(certain(kind)), waves, ALONE)
    for parts in (TOGETHER, SORTED):
        found, found_gradients = _computed(_network(certain(kind), layout=Padded), waves, parts)
        _same_scores(found, scores)
        _same_gradients(found_gradients, gradients)


def _by_transformers(network, waves):
    """What its own forward pass makes of a padded batch with an attention mask."""
    model = network.model
    model.config._attn_implementation = "sdpa"
    prepared = [network.encoder.preprocess(wave) for wave in waves]
    padded = torch.nn.utils.rnn.pad_sequence(prepared, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(w)) for w in waves], batch_first=True)
    logits = model(padded, attention_mask=mask.long()).logits
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(TRUTH), reduction="sum").backward()
    return logits.detach(), _gradients(network)


@pytest.mark.parametrize("layout", [Packed, Padded])
@pytest.mark.parametrize("kind", ["wav2vec2-layer-norm", "hubert-layer-norm"])
def test_packed_and_padded_are_what_transformers_makes_of_a_padded_batch(
    certain, waves, kind, layout
):
    scores, gradients = _by_transformers(_network(certain(kind), -1), waves)
    found, found_gradients = _computed(_network(certain(kind), -1, layout), waves, TOGETHER)
    _same_scores(found, scores)
    _same_gradients(found_gradients, gradients)


@pytest.mark.parametrize("kind", ["wav2vec2-group-norm", "hubert-group-norm", "data2vec-audio"])
def test_of_others_what_transformers_makes_of_a_padded_batch_is_something_else(
    certain, waves, kind
):
    alone, _ = _computed(_network(certain(kind), -1), waves, ALONE)
    padded, _ = _by_transformers(_network(certain(kind), -1), waves)
    assert (padded - alone).abs().max() / alone.abs().max() > 1e-3


def test_a_network_says_how_much_of_what_it_computed_was_padding(certain, waves):
    packed, padded = (
        _network(certain("wav2vec2-layer-norm"), layout=layout) for layout in (Packed, Padded)
    )
    frames = [
        len(each) for each in packed.stems([packed.encoder.preprocess(each) for each in waves])
    ]
    for network in (packed, padded):
        _computed(network, waves, SORTED)
    assert packed.facts()["padded_fraction"] == 0.0
    computed = 2 * frames[0] + 3 * frames[3]
    assert padded.facts()["padded_fraction"] == pytest.approx(1 - sum(frames) / computed)


def test_scoring_is_not_counted(certain, waves):
    network = _network(certain("whisper"), layout=Padded)
    network.eval()
    _computed(network, waves, TOGETHER)
    assert network.facts()["padded_fraction"] is None


# ---- which utterances share a step


def _lengths(count):
    return np.clip(np.random.default_rng(0).lognormal(1.31, 0.63, count), 0.6, 34)


def _padded_fraction(lengths, batches):
    computed = sum(lengths[batch].max() * len(batch) for batch in batches)
    return 1 - lengths.sum() / computed


@pytest.mark.parametrize("count", [2000, 33, 5])
def test_every_utterance_comes_once_in_as_many_steps(count):
    lengths = _lengths(count)
    made = by_length(lengths, 16, np.random.default_rng(1))
    assert sorted(np.concatenate(made)) == list(range(count))
    assert sorted(map(len, made)) == sorted(map(len, shuffled(count, 16, np.random.default_rng(1))))


def test_batches_of_like_lengths_pad_little_and_are_shuffled():
    lengths = _lengths(2000)
    made = by_length(lengths, 16, np.random.default_rng(1))
    assert _padded_fraction(lengths, made) < 0.1
    assert _padded_fraction(lengths, shuffled(2000, 16, np.random.default_rng(1))) > 0.5
    longest = np.array([lengths[batch].max() for batch in made])
    assert abs(np.corrcoef(longest, np.arange(len(made)))[0, 1]) < 0.2


def test_what_shares_a_batch_differs_from_epoch_to_epoch_and_follows_the_seed():
    lengths = _lengths(2000)
    one, same, other = (by_length(lengths, 16, np.random.default_rng(s)) for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    together = {frozenset(batch) for batch in one} & {frozenset(batch) for batch in other}
    assert len(together) < len(one) / 10


def test_only_fifty_batches_are_sorted_together():
    lengths = np.arange(2.0 * MEGA * 4)
    made = by_length(lengths, 4, np.random.default_rng(0))
    gaps = [np.diff(np.sort(batch)).max() for batch in made]
    assert max(gaps) > 1  # had all been sorted, a batch would hold neighbours


# ---- parts of a batch, checkpointing, memory

RECIPE = Recipe("cross-entropy", "linear", 1, batch=5)


def _task(network, waves):
    scorer = Scorer(network, RECIPE.loss, "cpu")
    train = Labelled(Stems(scorer, waves), TRUTH)
    return task(scorer, train, Labelled(Stems(scorer, []), TRUTH[:0]), RECIPE, 0)


def _step(network, waves, parts=1):
    """The gradients of one step in so many parts, and in how many it was taken."""
    from serbench_torch.training import Steps

    todo = _task(network, waves)
    steps = Steps(todo)
    steps.parts = parts
    steps.take(np.arange(5))
    return _gradients(network), steps.parts


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("wav2vec2-layer-norm", 2),
        ("wav2vec2-layer-norm", 5),
        ("wav2vec2-group-norm", 3),
        ("whisper", 3),
        ("wavlm", 3),
    ],
)
def test_a_batch_in_parts_has_the_gradients_of_the_whole(certain, waves, kind, parts):
    whole, _ = _step(_network(certain(kind)), waves)
    found, taken = _step(_network(certain(kind)), waves, parts)
    assert taken == parts
    _same_gradients(found, whole)


@pytest.mark.parametrize("layout", [Packed, Padded])
@pytest.mark.parametrize("kind", ["wav2vec2-layer-norm", "wav2vec2-group-norm", "whisper"])
def test_checkpointing_changes_no_gradient(certain, waves, kind, layout):
    plain, sparing = (_network(certain(kind), -1, layout) for _ in range(2))
    sparing.model.activation_checkpointing_enable({"use_reentrant": False})
    _same_gradients(_step(sparing, waves)[0], _step(plain, waves)[0])


@pytest.mark.parametrize(("frames", "parts"), [(1000, 1), (700, 2), (500, 4)])
def test_a_device_that_holds_so_many_frames_gives_the_same_gradients(certain, waves, frames, parts):
    whole, _ = _step(_network(certain("wav2vec2-layer-norm")), waves)
    small = _network(certain("wav2vec2-layer-norm"))
    small.register_forward_pre_hook(_memory_for(frames))
    found, taken = _step(small, waves)
    assert taken == parts
    _same_gradients(found, whole)


def _memory_for(frames):
    def refuse(_, arguments):
        if sum(map(len, arguments[0])) > frames:
            raise torch.OutOfMemoryError

    return refuse


# ---- what no epoch changes


class Reads(list):
    """Waves, and which were read, one after the other."""

    def __init__(self, waves):
        super().__init__(waves)
        self.read = []

    def __getitem__(self, position):
        self.read.append(position)
        return super().__getitem__(position)


def _stems(certain, waves, frozen=1, **words):
    network = _network(certain("whisper"), frozen)
    scorer = Scorer(network, "cross-entropy", "cpu")
    return Stems(scorer, Reads(waves), **words)


def test_stems_are_the_same_bit_for_bit_whatever_is_asked_for_first(certain, waves, monkeypatch):
    monkeypatch.setattr(learning, "LAID", 14000)  # [0, 1], [2], [3], [4]
    known = _stems(certain, waves).of(np.arange(5))
    for order in ([4, 0, 2], [3], [1, 4, 3, 2, 0]):
        found = _stems(certain, waves).of(np.array(order))
        assert all(torch.equal(each, known[one]) for each, one in zip(found, order, strict=True))


@pytest.mark.parametrize("frozen", [0, 1])
def test_stems_computed_together_are_those_computed_alone(certain, waves, frozen):
    stems = _stems(certain, waves, frozen, keep=0)
    alone = [stems.of(np.array([one]))[0] for one in range(5)]
    for one, together in zip(alone, stems.of(np.arange(5)), strict=True):
        torch.testing.assert_close(together, one, rtol=1e-5, atol=1e-5)


def test_what_there_is_no_room_for_is_computed_again(certain, waves, monkeypatch):
    monkeypatch.setattr(learning, "LAID", 1)
    whole = _stems(certain, waves).of(np.arange(5))
    sizes = [each.numel() * each.element_size() for each in whole]
    stems = _stems(certain, waves, keep=sum(sizes[:3]) + 1)
    for _ in range(2):
        found = stems.of(np.array([4, 1]))
        assert torch.equal(found[0], whole[4])
        assert torch.equal(found[1], whole[1])
    assert stems._inputs.read == [0, 1, 2, 3, 4] + 2 * [4]


# ---- what runs on a GPU


@pytest.mark.parametrize("layout", [Packed, Padded])
@pytest.mark.parametrize("kind", ["wav2vec2-layer-norm", "whisper"])
def test_nothing_in_a_step_waits_for_the_device(certain, waves, kind, layout):
    """On "meta", a device without numbers, whatever asked for one would fail."""
    network = _network(certain(kind), layout=layout)
    prepared = [network.encoder.preprocess(wave) for wave in waves]
    stems = [each.to("meta") for each in network.stems(prepared)]
    network.to("meta")
    for loss in ("bce", "cross-entropy"):
        logits = network(stems)
        criterion(logits, torch.from_numpy(TRUTH).to("meta"), loss, 0.1).backward()
    assert logits.shape == (5, 3)
    assert all(each.is_meta for each in _gradients(network).values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_kernel_for_all_utterances_takes_what_it_is_given(dtype):
    """Its shapes and types, with a gradient; its numbers need a GPU."""
    query, key, value = (
        torch.randn(17, 2, 8, device="meta", dtype=dtype, requires_grad=True) for _ in range(3)
    )
    attended = attention_kernels.variable(query, key, value, ENDS.to("meta"), LENGTHS, 0.0, 0.3)
    assert (attended.shape, attended.dtype) == (query.shape, dtype)
    attended.sum().backward()
    assert {each.grad.shape for each in (query, key, value)} == {query.shape}


@pytest.mark.parametrize("kind", ["wav2vec2-layer-norm", "whisper"])
def test_nested_tensors_attend_as_utterances_alone(certain, waves, kind, monkeypatch):
    """On the CPU they compute what CUDA's kernels do, so scores and gradients can be held to it."""
    alone, _ = _step(_network(certain(kind)), waves)
    monkeypatch.setattr(
        "serbench_transformers.encoders.packing.one_kernel", lambda *_: attention_kernels.jagged
    )
    together, _ = _step(_network(certain(kind)), waves)
    _same_gradients(together, alone)


def test_dropout_of_nested_tensors_is_of_attention_weights():
    """Whatever attends to one frame alone is dropped whole or grown; its mean is as without."""
    values = torch.ones(2000, 1, 8)
    lengths, ends = (1,) * 2000, torch.arange(2001, dtype=torch.int32)
    torch.manual_seed(0)
    dropped = attention_kernels.jagged(values, values, values, ends, lengths, 0.25, None)
    assert sorted(set(dropped[:, 0, 0].tolist())) == [0, pytest.approx(4 / 3)]
    assert dropped.mean() == pytest.approx(1, abs=0.05)


def test_which_kernel_attends_to_all_utterances():
    on_cuda = functools.partial(SimpleNamespace, is_cuda=True, shape=(1, 2, 17, 64))
    half, full = on_cuda(dtype=torch.bfloat16), on_cuda(dtype=torch.float32)
    narrow = on_cuda(dtype=torch.bfloat16, shape=(1, 2, 17, 12))
    assert attention_kernels.one_kernel(half, 0.0) is attention_kernels.variable
    assert attention_kernels.one_kernel(half, 0.1) is attention_kernels.jagged
    assert attention_kernels.one_kernel(full, 0.0) is attention_kernels.jagged
    assert attention_kernels.one_kernel(narrow, 0.0) is attention_kernels.jagged
    with torch.inference_mode():
        assert attention_kernels.one_kernel(half, 0.0) is attention_kernels.variable
        assert attention_kernels.one_kernel(full, 0.0) is None
    assert attention_kernels.one_kernel(torch.ones(1, 2, 17, 64), 0.0) is None


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@needs_cuda
@pytest.mark.parametrize("dropped", [False, True], ids=["variable", "jagged"])
def test_on_cuda_the_kernel_for_all_attends_as_that_for_each(dropped):
    kernel = attention_kernels.jagged if dropped else attention_kernels.variable
    inputs = [torch.randn(17, 2, 64, device="cuda", dtype=torch.bfloat16) for _ in range(3)]
    together = kernel(*inputs, ENDS.to("cuda"), LENGTHS, 0.0, None)
    for one in torch.arange(17).split(LENGTHS):
        query, key, value = (each[one].transpose(0, 1).float() for each in inputs)
        alone = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        torch.testing.assert_close(
            together[one].float(), alone.transpose(0, 1), rtol=0.02, atol=0.02
        )


@needs_cuda
@pytest.mark.parametrize("layout", [Packed, Padded])
@pytest.mark.parametrize("kind", ["wav2vec2-layer-norm", "whisper"])
def test_scores_and_gradients_of_cuda_are_those_of_the_cpu(certain, waves, kind, layout):
    computed = {}
    for device in ("cpu", "cuda"):
        network = _network(certain(kind), layout=layout).to(device)
        stems = network.stems([network.encoder.preprocess(wave).to(device) for wave in waves])
        logits = network(stems)
        criterion(logits, torch.from_numpy(TRUTH).to(device), "cross-entropy").backward()
        gradients = {name: each.cpu() for name, each in _gradients(network).items()}
        computed[device] = logits.detach().cpu(), gradients
    (scores, gradients), (expected, known) = computed["cuda"], computed["cpu"]
    assert (scores - expected).abs().max() < 1e-3 * expected.abs().max()  # cuDNN may use TF32
    differences = {name: (gradients[name] - each).norm() for name, each in known.items()}
    assert _norm(differences) < 1e-2 * _norm({name: each.norm() for name, each in known.items()})
