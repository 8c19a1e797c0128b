"""An encoder computes what transformers does, and no utterance sees another, or padding."""

import numpy as np
import pytest
import torch

from serbench.errors import SerbenchError
from serbench_transformers.checkpoints import loading
from serbench_transformers.checkpoints.checkpoint import resolve
from serbench_transformers.encoders.masking import Mask
from serbench_transformers.encoders.packing import Frames
from serbench_transformers.finetuning.network import Network

LABELS = ("anger", "happy", "sad")
PACKED = (
    "wav2vec2-layer-norm",
    "wav2vec2-group-norm",
    "hubert-layer-norm",
    "hubert-group-norm",
    "data2vec-audio",
    "whisper",
)
KINDS = (*PACKED, "wavlm", "wav2vec2-conformer", "wav2vec2-bert", "unispeech-sat", "sew")


def _network(folder, frozen=0, head="projector", mask=None):
    checkpoint = resolve(str(folder))
    model = loading.classifier(checkpoint, LABELS, head=head)
    torch.nn.init.normal_(model.classifier.weight, generator=torch.Generator().manual_seed(0))
    encoder = loading.encoder_of(model, checkpoint.folder)
    return Network(model, encoder, frozen, mask).eval()


def _logits(network, waves):
    with torch.inference_mode():
        return network(network.stems([network.encoder.preprocess(wave) for wave in waves]))


def _as_transformers_does(network, wave):
    """The sequence classifier's own forward pass, one utterance, without padding."""
    model, prepared = network.model, network.encoder.preprocess(wave)[None]
    model.config._attn_implementation = "eager"
    if model.config.model_type == "whisper":  # it insists on 30 s, so tell it that this is 30 s
        frames = prepared.shape[-1] // 2
        positions = model.encoder.embed_positions.weight[:frames]
        model.encoder.embed_positions = torch.nn.Embedding.from_pretrained(positions)
        prepared = prepared[..., : 2 * frames]
        model.config.max_source_positions = frames
    with torch.inference_mode():
        return model(prepared).logits[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", ["linear", "projector"])
def test_scores_are_those_of_transformers(folders, waves, kind, head):
    ours = _logits(_network(folders(kind), head=head), waves)
    network = _network(folders(kind), head=head)
    for wave, scores in zip(waves[:1] if kind == "whisper" else waves, ours, strict=False):
        torch.testing.assert_close(
            _as_transformers_does(network, wave), scores, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_same_alone_in_any_batch_and_at_any_place(folders, waves, kind):
    network = _network(folders(kind))
    together = _logits(network, waves)
    alone = torch.cat([_logits(network, [wave]) for wave in waves])
    turned = _logits(network, waves[::-1]).flip(0)
    assert together.std(dim=0).min() > 0.003  # the utterances differ
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(together, turned, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_every_layer_is_that_of_transformers(folders, waves, kind):
    encoder = _network(folders(kind)).encoder
    prepared = [encoder.preprocess(wave) for wave in waves]
    with torch.inference_mode():
        layers = encoder.layer_means(prepared)
        alone = torch.cat([encoder.layer_means([each]) for each in prepared])
    assert layers.shape == (5, encoder.n_layers + 1, encoder.hidden_size)
    torch.testing.assert_close(layers, alone, rtol=1e-4, atol=1e-5)
    if kind == "whisper":
        return  # transformers takes 30 s only; the scores' test has the comparison
    encoder.model.config._attn_implementation = "eager"
    with torch.inference_mode():
        made = encoder.model(prepared[1][None], output_hidden_states=True)
    expected = [each[0].mean(dim=0) for each in made.hidden_states[:2]]
    torch.testing.assert_close(layers[1, :2], torch.stack(expected), rtol=1e-4, atol=1e-5)
    last = made.last_hidden_state[0].mean(dim=0)
    torch.testing.assert_close(layers[1, -1], last, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_frozen_gets_no_gradient_and_changes_no_score(folders, waves, kind):
    free, convolutions, layer = (_network(folders(kind), frozen) for frozen in (-1, 0, 1))
    expected = _logits(free, waves)
    for network in (convolutions, layer):
        torch.testing.assert_close(_logits(network, waves), expected, rtol=1e-4, atol=1e-6)
    counts = [
        sum(each.numel() for each in network.parameters() if each.requires_grad)
        for network in (free, convolutions, layer)
    ]
    assert counts[0] > counts[1] > counts[2] > 0


@pytest.mark.parametrize("kind", ["wav2vec2-group-norm", "whisper"])
def test_what_is_frozen_has_no_dropout(folders, waves, kind, save_checkpoint, tmp_path):
    folder = save_checkpoint(tmp_path / kind, kind, **_dropout(kind))
    network = _network(folder, frozen=1).train()
    assert any(module.training for module in network.modules())
    (first,), (second,) = (network.stems([network.encoder.preprocess(waves[0])]) for _ in range(2))
    assert torch.equal(first, second)


def _dropout(kind):
    return {"dropout": 0.5} if kind == "whisper" else {"hidden_dropout": 0.5}


def test_half_precision_weights_are_computed_in_float32(save_checkpoint, tmp_path, waves):
    folder = save_checkpoint(tmp_path / "half", "whisper", dtype="float16")
    encoder = loading.load(resolve(str(folder)), weights="random")
    assert encoder.layer_means([encoder.preprocess(waves[0])]).dtype == torch.float32


def test_what_transformers_cannot_make_is_one_line(save_checkpoint, tmp_path):
    import json

    folder = save_checkpoint(tmp_path / "odd", "wav2vec2-layer-norm")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_attention_heads": 3}))
    with pytest.raises(
        SerbenchError, match="transformers cannot build an encoder from odd: [^\n]*$"
    ):
        loading.load(resolve(str(folder)))


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (kind, seconds)
        for kind in ("wav2vec2-layer-norm", "whisper", "wavlm")
        for seconds in (0.01, 0.1, 31.0)
        if (kind, seconds) != ("wavlm", 31.0)  # it takes half a minute
    ],
)
def test_any_length_has_scores(folders, kind, seconds):
    wave = np.random.default_rng(0).normal(0, 0.1, int(seconds * 16000)).astype(np.float32)
    assert torch.isfinite(_logits(_network(folders(kind)), [wave])).all()


def test_silence_has_scores(folders):
    for kind in ("wav2vec2-layer-norm", "whisper"):
        assert torch.isfinite(_logits(_network(folders(kind)), [np.zeros(8000, np.float32)])).all()


def test_a_mask_hides_about_its_share_and_only_in_training(folders, waves):
    torch.manual_seed(0)
    packed = Frames.of([torch.ones(100, 4), torch.ones(60, 4)])
    hidden = torch.stack([(Mask(0.2)(packed).values == 0).float().mean() for _ in range(200)])
    assert 0.12 < hidden.mean() < 0.2  # spans overlap
    masked = _network(folders("wav2vec2-layer-norm"), mask=Mask(0.5))
    plain = _network(folders("wav2vec2-layer-norm"))
    assert torch.equal(_logits(masked, waves), _logits(plain, waves))
    assert not torch.allclose(_logits(masked.train(), waves), _logits(plain, waves), atol=1e-4)


def test_a_mask_is_an_embedding_where_the_encoder_has_one():
    packed = Frames.of([torch.zeros(40, 3)])
    made = Mask(0.99)(packed, torch.tensor([1.0, 2.0, 3.0])).values[0]
    assert {tuple(row.tolist()) for row in made} <= {(0.0, 0.0, 0.0), (1.0, 2.0, 3.0)}
    assert made.any()


def test_random_weights_follow_their_seed_and_leave_torch_as_it_was(folders):
    checkpoint = resolve(str(folders("whisper")))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (loading.load(checkpoint, weights="random", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    weights = [each.blocks[0].fc1.weight for each in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], loading.load(checkpoint).blocks[0].fc1.weight)


def test_pretrained_weights_are_read(folders):
    from safetensors.torch import load_file

    folder = folders("wav2vec2-layer-norm")
    encoder = loading.load(resolve(str(folder)))
    stored = load_file(folder / "model.safetensors")
    name = "feature_projection.projection.weight"
    assert torch.equal(encoder.model.state_dict()[name], stored[f"wav2vec2.{name}"])


def test_a_checkpoint_that_lacks_weights_of_the_encoder_is_refused(tmp_path, save_checkpoint):
    from safetensors.torch import load_file, save_file

    folder = save_checkpoint(tmp_path / "torn", "whisper")
    stored = load_file(folder / "model.safetensors")
    del stored["encoder.layers.1.fc1.weight"]
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        SerbenchError, match="torn lacks 1 weights of its encoder, encoder.layers.1"
    ):
        loading.load(resolve(str(folder)))


def test_a_head_for_other_labels_is_left_behind(tmp_path, save_checkpoint):
    folder = save_checkpoint(tmp_path / "five", "hubert-layer-norm", head=True, num_labels=5)
    assert _network(folder).model.classifier.weight.shape == (3, 12)


def test_an_encoder_that_nobody_knows_is_refused(tmp_path):
    import json

    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(SerbenchError, match="type of encoder 'bert'.*hubert.*whisper"):
        loading.load(resolve(str(folder), weights=False), weights="random")


def test_audio_of_another_rate_is_refused(tmp_path, save_checkpoint):
    import json

    folder = save_checkpoint(tmp_path / "wide", "wav2vec2-layer-norm")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sampling_rate": 24000}))
    with pytest.raises(
        SerbenchError, match="wide takes audio of 24000 Hz; serbench reads 16000 Hz"
    ):
        loading.load(resolve(str(folder)))


def test_a_checkpoint_without_preprocessor_is_refused(tmp_path, save_checkpoint):
    folder = save_checkpoint(tmp_path / "bare", "wav2vec2-layer-norm")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(SerbenchError, match="bare has no preprocessor_config.json"):
        loading.load(resolve(str(folder)))
