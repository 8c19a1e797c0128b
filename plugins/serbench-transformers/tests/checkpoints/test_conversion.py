"""Checkpoints as they lie at the hub: old names, pickles, shards; and what no fold can use."""

import io
import json
import pickle

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save

from serbench.errors import SerbenchError
from serbench_transformers.checkpoints import checkpoint as checkpoints
from serbench_transformers.checkpoints import conversion, loading
from serbench_transformers.encoders.preprocessor import RATE, Preprocessor
from serbench_transformers.finetuning.network import Network

FAMILIES = (
    "wav2vec2-layer-norm",
    "wav2vec2-group-norm",
    "hubert-layer-norm",
    "hubert-group-norm",
    "data2vec-audio",
    "whisper",
    "wavlm",
    "wavlm-layer-norm",
    "wav2vec2-conformer",
    "wav2vec2-bert",
    "unispeech-sat",
    "unispeech-layer-norm",
    "sew",
    "sew-d",
)
LAYOUTS = ("safetensors", "old names", "pickle", "pickle of old torch", "shards", "pickled shards")


def layout(folder, kind):
    """The files of a checkpoint folder, in another layout."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    if kind == "safetensors":
        return files
    tensors = load_file(folder / "model.safetensors")
    del files["model.safetensors"]
    old = {name: _old(name) for name in tensors}
    tensors = {old[name]: tensor for name, tensor in tensors.items()}
    if kind == "old names":
        return files | {"model.safetensors": save(tensors)}
    if kind.startswith("pickle "):
        return files | {"pytorch_model.bin": pickled(tensors, zipped=False)}
    if kind == "pickle":
        return files | {"pytorch_model.bin": pickled(tensors)}
    single, write = (
        ("model.safetensors", save) if kind == "shards" else ("pytorch_model.bin", pickled)
    )
    stem, _, ending = single.partition(".")
    names = list(tensors)
    shards = {
        f"{stem}-00001-of-00002.{ending}": names[: len(names) // 2],
        f"{stem}-00002-of-00002.{ending}": names[len(names) // 2 :],
    }
    places = {name: shard for shard, held in shards.items() for name in held}
    files[f"{single}.index.json"] = json.dumps({"metadata": {}, "weight_map": places}).encode()
    return files | {
        shard: write({name: tensors[name] for name in held}) for shard, held in shards.items()
    }


def _old(name):
    """The name of a tensor before torch's parametrizations."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v"
    )


def pickled(tensors, zipped=True):
    file = io.BytesIO()
    torch.save(tensors, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "layouts"),
    # names differ between families; how they are pickled and sharded does not
    [(FAMILIES[0], LAYOUTS), *((kind, LAYOUTS[:2]) for kind in FAMILIES[1:])],
)
def test_every_family_computes_what_transformers_does(folders, hub, kind, layouts, waves):
    from transformers import AutoModelForAudioClassification

    with loading.quiet_transformers():
        plain = AutoModelForAudioClassification.from_pretrained(folders(kind)).eval()
    if kind == "whisper":  # which insists on 30 s
        waves = [np.pad(waves[0], (0, 30 * RATE - len(waves[0])))]
    wave = Preprocessor(folders(kind))(waves[0])[None]
    base = plain.encoder if kind == "whisper" else plain.base_model
    with torch.inference_mode():
        made = base(wave, output_hidden_states=True)
    before = made.hidden_states[: plain.config.num_hidden_layers]
    expected = torch.stack([one[0].mean(dim=0) for one in (*before, made.last_hidden_state)])
    for place, name in enumerate(layouts):
        hub.files = layout(folders(kind), name)
        hub.commit = f"{place}" * 40
        params = {"checkpoint": "org/model", "revision": hub.commit, "weights": "pretrained"}
        exact = loading.exact(params)
        assert exact == params
        found = checkpoints.find("org/model", hub.commit)
        assert found.fine_tuned_before == ""
        model = loading.classifier(found, ("sad", "happy"), head="projector")
        plain.projector, plain.classifier = model.projector, model.classifier
        network = Network(model, loading.encoder_of(model, found.folder), 0).eval()
        with torch.inference_mode():
            layers = network.encoder.layer_means([wave[0]])[0]
            scores, theirs = network(network.stems([wave[0]])), plain(wave).logits
        torch.testing.assert_close(layers, expected, rtol=0, atol=1e-5, msg=name)
        torch.testing.assert_close(scores, theirs, rtol=0, atol=1e-5, msg=name)


class Malicious:
    """Runs a command where a pickle of it is loaded without care."""

    def __reduce__(self):
        return (exec, ("open('ran', 'w').close()",))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_refused_in_a_line_and_nothing_of_it_runs(
    folders, hub, tmp_path, monkeypatch, zipped
):
    monkeypatch.chdir(tmp_path)
    hub.files = layout(folders("wav2vec2-layer-norm"), "pickle")
    hub.files["pytorch_model.bin"] = pickled({"encoder.weight": Malicious()}, zipped)
    line = failure(checkpoints.resolve, "org/model")
    assert "pytorch_model.bin is a pickle that asks for " in line
    assert "exec to be called, not only named tensors: it could run any code, and nothing" in line
    assert not (tmp_path / "ran").exists()
    assert not list((tmp_path / "hf" / "serbench").glob("converted*/*"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickled([torch.ones(2)]), "is a pickle that holds list, not only named tensors"),
        (pickled({"state_dict": {}}), "is a pickle that holds state_dict, not only named tensors"),
        (pickled({"one": torch.ones(9)})[:-30], "is cut off, or is not a file of weights"),
        (
            pickled({"one": torch.ones(9)}, zipped=False)[:-3],
            "is cut off, or is not a file of weights",
        ),
        (pickle.dumps({"one": 1}), "is cut off, or is not a file of weights"),
        (b"", "is cut off, or is not a file of weights"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (pickled({"one": torch.eye(3).to_sparse()}), "is a pickle that holds one, not only"),
    ],
)
def test_a_pickle_that_holds_no_weights_is_refused(folders, tmp_path, content, words):
    folder = copied(folders("wav2vec2-layer-norm"), tmp_path, pickle=content)
    line = failure(checkpoints.resolve, str(folder))
    assert f"{folder / 'pytorch_model.bin'} {words}" in line


def test_a_pickle_in_a_folder_is_converted_once_and_found_by_workers(
    folders, tmp_path, monkeypatch, capsys
):
    content = layout(folders("hubert-layer-norm"), "pickle")["pytorch_model.bin"]
    folder = copied(folders("hubert-layer-norm"), tmp_path, pickle=content)
    found = checkpoints.resolve(str(folder))
    assert (found.name, found.has_weights) == ("mine", True)
    assert found.folder.is_relative_to(tmp_path / "hf" / "serbench")
    assert "to safetensors, once" in capsys.readouterr().err
    monkeypatch.setattr(conversion, "convert", None)
    assert checkpoints.find("mine", found.revision) == checkpoints.resolve(str(folder)) == found
    (folder / "pytorch_model.bin").write_bytes(pickled({"one": torch.ones(3)}))
    assert "restore the files" in failure(checkpoints.find, "mine", found.revision)


def test_a_converted_checkpoint_needs_its_pickle_no_more(folders, hub, monkeypatch):
    import shutil

    hub.files = layout(folders("hubert-layer-norm"), "pickle")
    found = checkpoints.resolve("org/model")
    shutil.rmtree(checkpoints.hub.cache())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert checkpoints.find("org/model", hub.commit) == found
    assert checkpoints.resolve("org/model", hub.commit) == found


def test_tensors_that_share_memory_are_converted(folders, tmp_path):
    tensors = load_file(folders("whisper") / "model.safetensors")
    tensors["decoder.embed_tokens.weight"] = tensors["proj_out.weight"] = torch.ones(4, 3)
    tensors["transposed"] = torch.arange(6.0).reshape(2, 3).T
    folder = copied(folders("whisper"), tmp_path, pickle=pickled(tensors))
    stored = load_file(checkpoints.resolve(str(folder)).folder / "model.safetensors")
    assert all(torch.equal(stored[name], tensor) for name, tensor in tensors.items())


def test_a_place_for_conversions_that_cannot_be_written_is_said(folders, tmp_path, monkeypatch):
    content = layout(folders("hubert-layer-norm"), "pickle")["pytorch_model.bin"]
    folder = copied(folders("hubert-layer-norm"), tmp_path, pickle=content)
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "file"))
    line = failure(checkpoints.resolve, str(folder))
    assert "cannot write" in line
    assert "choose another place with HF_HOME" in line


# what no fold can use


def test_weights_are_not_downloaded_for_what_cannot_be_used(folders, hub):
    hub.files = layout(folders("whisper"), "safetensors")
    hub.files["preprocessor_config.json"] = b'{"feature_extractor_type": "WhisperFeatureExtractor"}'
    hub.files["config.json"] = changed(hub.files["config.json"], num_mel_bins=128)
    line = refusal("org/model")
    assert "the preprocessor of org/model does not fit its encoder (whisper; " in line
    assert "preprocessor_config.json of the checkpoint that it was made from" in line
    assert not any("model.safetensors" in one for one in hub.asked)


@pytest.mark.parametrize(
    ("encoder", "preprocessor"),
    [
        ("whisper", "wav2vec2-layer-norm"),
        ("wav2vec2-layer-norm", "whisper"),
        ("wav2vec2-bert", "wav2vec2-layer-norm"),
        ("sew", "wav2vec2-bert"),
        ("wavlm", "whisper"),
    ],
)
def test_the_preprocessor_of_another_family_is_refused(folders, tmp_path, encoder, preprocessor):
    folder = copied(folders(encoder), tmp_path)
    other = (folders(preprocessor) / "preprocessor_config.json").read_bytes()
    (folder / "preprocessor_config.json").write_bytes(other)
    assert "the preprocessor of mine does not fit its encoder" in refusal(str(folder))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"model_type": "bert"}, "type of encoder 'bert'"),
        ({"model_type": "encodec"}, "type of encoder 'encodec'"),
        ({"model_type": "none"}, "transformers cannot build an encoder from mine"),
        ({"num_attention_heads": 3}, "transformers cannot build an encoder from mine"),
        ({"add_adapter": True}, "transformers cannot build an encoder from mine"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "json, bitsandbytes), and"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "mine is quantised (quant"),
        ({"compression_config": {"format": "dense"}}, "mine is quantised (compression_config in"),
        ({"auto_map": {"AutoModel": "code.Model"}}, "mine needs code of its own"),
    ],
)
@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_a_configuration_that_cannot_be_used_is_refused(folders, tmp_path, words, line, weights):
    folder = copied(folders("wav2vec2-layer-norm"), tmp_path)
    path = folder / "config.json"
    path.write_bytes(changed(path.read_bytes(), **words))
    assert line in refusal(str(folder), weights)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"feature_extractor_type": "NoneFeatureExtractor"}, "transformers can read"),
        ({"sampling_rate": 24_000}, "takes audio of 24000 Hz; serbench reads 16000 Hz"),
        (None, "mine (sha256:"),
    ],
)
def test_a_preprocessor_that_cannot_be_used_is_refused(folders, tmp_path, words, line):
    folder = copied(folders("wav2vec2-layer-norm"), tmp_path)
    path = folder / "preprocessor_config.json"
    if words is None:
        path.unlink()
    else:
        path.write_bytes(changed(path.read_bytes(), **words))
    assert line in refusal(str(folder))


@pytest.mark.parametrize("kind", ["data2vec-audio", "wav2vec2-layer-norm", "wavlm", "sew"])
@pytest.mark.parametrize(
    "words",
    [
        {"do_stable_layer_norm": True},
        {"do_stable_layer_norm": False},
        {"gradient_checkpointing": True},
        {"mask_feature_prob": 0.5},
        {"dtype": "float16"},
    ],
)
def test_words_of_a_configuration_do_what_they_do_in_transformers(
    folders, save_checkpoint, tmp_path, waves, kind, words
):
    from transformers import AutoModel

    folder = save_checkpoint(tmp_path / "mine", kind)
    path = folder / "config.json"
    path.write_bytes(changed(path.read_bytes(), **words))
    with loading.quiet_transformers():
        plain = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    wave = Preprocessor(folder)(waves[1])
    with torch.inference_mode():
        expected = plain(wave[None]).last_hidden_state[0].mean(dim=0)
        layers = loading.load(checkpoints.resolve(str(folder))).layer_means([wave])[0]
    torch.testing.assert_close(layers[-1], expected, rtol=0, atol=1e-5)


# what has seen labels


@pytest.mark.parametrize(
    ("head", "words", "before"),
    [
        (False, {}, ""),
        (False, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, ""),
        (False, {"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}}, "LABEL_0, LABEL_1"),
        (False, {"id2label": {"0": "angry", "1": "sad"}}, "angry, sad"),
        (True, {}, "unnamed classes (classifier.bias in its weights)"),
        (True, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, "LABEL_0, LABEL_1"),
        (False, {"id2label": {str(one): f"c{one}" for one in range(30)}}, "c19 and 10 others"),
    ],
)
@pytest.mark.parametrize("kind", ["wav2vec2-layer-norm", "whisper"])
def test_a_checkpoint_that_has_seen_labels_says_so(
    save_checkpoint, tmp_path, kind, head, words, before
):
    folder = save_checkpoint(tmp_path / "mine", kind, head=head)
    path = folder / "config.json"
    path.write_bytes(changed(path.read_bytes(), **words))
    found = checkpoints.resolve(str(folder)).fine_tuned_before
    assert (before in found) if before else found == ""


def test_only_classifiers_have_tensors_that_no_pretraining_leaves():
    import transformers
    from transformers.models.auto import modeling_auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    plain = ("MODEL", "MODEL_FOR_PRETRAINING", "MODEL_FOR_CTC", "MODEL_FOR_SPEECH_SEQ_2_SEQ")
    heads = ("AUDIO_CLASSIFICATION", "AUDIO_FRAME_CLASSIFICATION", "AUDIO_XVECTOR")
    tables = {f"{one}_MAPPING_NAMES": False for one in plain}
    tables |= {f"MODEL_FOR_{one}_MAPPING_NAMES": True for one in heads}
    kinds = set(modeling_auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES)
    seen = 0
    for table, classifies in tables.items():
        names = getattr(modeling_auto, table)
        for kind in sorted(kinds & set(names) - {"audio-spectrogram-transformer"}):
            config = CONFIG_MAPPING[kind](vocab_size=60_000, num_hidden_layers=1)
            with torch.device("meta"):
                model = getattr(transformers, names[kind])(config)
            beyond = [one for one in model.state_dict() if not checkpoints.PLAIN.match(one)]
            assert bool(beyond) == classifies, (names[kind], beyond)
            seen += 1
    assert seen > 30


def copied(source, tmp_path, pickle=None):
    """The files of a folder in another, with pickled weights where there are such."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    if pickle is not None:
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(pickle)
    return folder


def changed(text, **words):
    return json.dumps(json.loads(text) | words).encode()


def refusal(checkpoint, weights="random"):
    """The line by which a checkpoint is refused when a run is planned."""
    params = {"checkpoint": checkpoint, "revision": None, "weights": weights}
    return failure(loading.exact, params)


def failure(call, *arguments):
    with pytest.raises(SerbenchError) as raised:
        call(*arguments)
    line = str(raised.value)
    assert "\n" not in line
    return line
