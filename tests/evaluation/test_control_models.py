"""Control models learn from what a corpus says, or from files as they are stored."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

import serbench
from serbench.errors import CorpusError, PluginError, SerbenchError
from serbench.features.store import Feature
from serbench.results.run import controls, read


def evaluate(model, **options):
    return serbench.evaluate(model, "tones", jobs=0, **options)


def test_a_feature_of_files_gets_them_as_they_are_stored(places):
    run = evaluate("control-stored")
    shards = Feature.of(run.config).folder(places.cache).glob("*.safetensors")
    arrays = [row.tolist() for shard in shards for row in load_file(shard).values()]
    assert len(arrays) == sum(len(fold.test.ids) for fold in run.folds)
    assert set(map(tuple, arrays)) == {(3200, 1, 16_000)}


def test_a_feature_of_sentences_sees_the_sentence_alone(places):
    run = evaluate("control-said")
    ids = [id_ for fold in run.folds for id_ in fold.test.ids]
    scores = np.concatenate([fold.test.activations for fold in run.folds])
    by_sentence = {}
    for fold in run.folds:
        for id_, row in zip(fold.test.ids, fold.test.activations, strict=True):
            key = (fold.facts.fold.name, int(id_.split("-")[2]) % 3)
            by_sentence.setdefault(key, set()).add(row.tobytes())
    assert len(scores) == len(ids)
    assert len(by_sentence) == 9
    assert all(len(rows) == 1 for rows in by_sentence.values())
    assert not Feature.of(run.config).folder(places.cache).exists()  # nothing to store


def test_a_corpus_without_sentences_is_refused_before_any_fold(places, monkeypatch):
    read = serbench.read_corpus("tones")
    source = read.utterances[0].path.parent
    shutil.copytree(source, places.data / "folder" / "mute")
    rows = ["path,label,speaker"]
    rows += [f"{u.path.name},{u.label},{u.speaker}" for u in read.utterances]
    (places.data / "folder" / "mute" / "mute.csv").write_text("\n".join(rows))
    spec = f"csv:{places.data / 'folder' / 'mute' / 'mute.csv'}"
    with pytest.raises(CorpusError, match="the feature said is made of sentences, and csv:mute"):
        serbench.evaluate("control-said", spec, jobs=0)


@pytest.mark.parametrize("model", ["control-stored", "control-said"])
def test_no_perturbation_changes_what_a_control_sees(places, model):
    with pytest.raises(SerbenchError, match="and only waves are perturbed: leave out --perturb"):
        evaluate(model, perturb="softer")


def test_a_model_of_sentences_cannot_predict_a_file(places):
    run = evaluate("control-said", keep_models=True)
    file = serbench.read_corpus("tones").utterances[0].path
    with pytest.raises(SerbenchError, match="learned from sentences, not from audio"):
        serbench.predict(run, file)
    predicted = serbench.predict(evaluate("control-stored", keep_models=True), file)
    assert len(predicted.probabilities) == 1


def test_a_feature_that_reads_something_unknown_is_refused_before_any_fold(places, monkeypatch):
    monkeypatch.setattr("serbench_tiny.Said.reads", "sentense")
    words = "Said has reads = 'sentense', but must be given one of wave, recording, sentence"
    with pytest.raises(PluginError, match=words):
        evaluate("control-said")
    assert not list(places.results.rglob("*.safetensors"))


def shown(run):
    """The names of the rows below chance."""
    names = [line.split("  ")[0] for line in run.table().splitlines()]
    return names[names.index("chance (stratified)") + 1 :]


def test_hostile_folders_beside_a_run_do_not_matter(places):
    run, control = evaluate("centroid"), evaluate("control-said")
    shutil.copytree(run.folder, places.results / "tones_control-none_kfold-n-3_seed0_00000000")
    damaged = places.results / "tones_control-broken_kfold-n-3_seed0_00000000"
    shutil.copytree(control.folder, damaged)
    (damaged / "fold-02.safetensors").write_bytes(b"nothing")
    (places.results / "tones_control-[").mkdir()
    (places.results / "tones_control-empty").write_text("a file")
    assert shown(run) == ["control-said"]
    renamed = run.folder.rename(places.results / "a**[b")
    assert shown(read(renamed)) == ["control-said"]


def test_the_lowest_seed_of_a_control_is_shown_beside_a_model_by_import_path(places):
    for seed in (10, 2):
        evaluate("control-said", seed=seed)
    run = evaluate("serbench_tiny:Centroid", features="crossings")
    assert [control.config.seed for control in controls(run)] == [2]


def test_controls_are_shown_beside_chance(places):
    assert "control-said" not in evaluate("centroid").table()
    evaluate("control-said")
    evaluate("control-stored", folds=["1"])  # unfinished
    assert shown(evaluate("centroid")) == ["control-said"]
    assert evaluate("control-said").table().count("control-said") == 1  # its own row
