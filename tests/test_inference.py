"""Kept models on new audio: what they say, and every line where they cannot."""

import csv
import json
import sys
import types

import numpy as np
import pytest
import soundfile

import serbench
from serbench.cli.corpora import splits
from serbench.errors import BadParameter, SerbenchError, UnknownName
from serbench.features import audio
from serbench.metrics.calibration import probabilities
from serbench.results import fold_file
from serbench.results.run import find

pytestmark = pytest.mark.usefixtures("places")


def evaluate(model="keeper", dataset="tones", **options):
    return serbench.evaluate(model, dataset, jobs=0, keep_models=True, **options)


@pytest.fixture
def corpus(places):
    """Where the tones are."""
    return places.cache / "corpora" / "tones-1"


def stored(fold):
    return probabilities(fold.test.activations, fold.facts.link)


def test_a_kept_model_predicts_its_test_utterances_as_the_result_says(corpus):
    run = evaluate(trim_db=20.0, params={"parts": 3})
    for fold in run.folds:
        files = [corpus / f"{one}.wav" for one in fold.test.ids]
        made = serbench.predict(run.folder, files, fold=fold.facts.fold.name)
        np.testing.assert_allclose(made.probabilities, stored(fold), rtol=1e-5, atol=1e-7)
        assert made.labels == fold.facts.labels


def test_by_default_it_is_the_mean_over_the_kept_folds(corpus):
    run = evaluate()
    files = [corpus / "s1-low-0.wav", corpus / "s2-high-1.wav"]
    names = [fold.facts.fold.name for fold in run.folds]
    each = [serbench.predict(run, files, fold=name).probabilities for name in names]
    made = serbench.predict(run.folder, files)
    np.testing.assert_allclose(made.probabilities, np.mean(each, axis=0), rtol=1e-12)
    assert made.predictions == ("low", "high")
    assert made.folds == tuple(names)
    assert made.about.endswith("the mean probabilities of the models of all 3 folds")
    assert serbench.predict(run.folder, files, fold=names[1]).about.endswith(
        f"the model of fold {names[1]}"
    )


def test_folds_without_a_model_are_counted(corpus):
    run = evaluate()
    (run.folder / "fold-02.safetensors").unlink()
    made = serbench.predict(run.folder, [corpus / "s1-low-0.wav"])
    assert made.about.endswith("the mean probabilities of the models of 2 of 3 folds")


def test_of_folds_that_compete_the_winners_model_is_asked(corpus):
    run = evaluate()
    grouped = []
    for path, f1 in zip(sorted(run.folder.glob("*.safetensors")), (0.5, 0.9, 0.7), strict=True):
        one = fold_file.read(path)
        fold = {**one.stored["fold"], "group": "all"}
        facts = {**one.stored, "fold": fold, "validation": {"f1": f1}}
        fold_file.write(path, fold_file.FoldResult(facts, one.test, one.test))
        grouped.append(fold["name"])
    made = serbench.predict(run.folder, [corpus / "s1-low-0.wav"])
    assert made.folds == (grouped[1],)


def test_other_rates_channels_and_formats_are_read_as_the_corpus_was(corpus, tmp_path):
    run = evaluate()
    samples, _ = soundfile.read(corpus / "s1-high-0.wav")
    soundfile.write(tmp_path / "stereo.flac", np.stack([samples, samples], axis=1), 16_000)
    soundfile.write(tmp_path / "fast.wav", np.repeat(samples, 3), 48_000)
    files = [tmp_path / "stereo.flac", tmp_path / "fast.wav"]
    assert serbench.predict(run.folder, files).predictions == ("high", "high")


def test_it_comes_as_text_csv_and_json(corpus):
    run = evaluate()
    files = [str(corpus / "s1-low-0.wav"), str(corpus / "s2-high-1.wav")]
    made = serbench.predict(run.name, files)
    head, *rows = csv.reader(made.table("csv").splitlines())
    assert head == ["file", "label", "low", "middle", "high"]
    assert [row[:2] for row in rows] == [[files[0], "low"], [files[1], "high"]]
    assert [[float(cell) for cell in row[2:]] for row in rows] == made.probabilities.tolist()
    words = json.loads(made.table("json"))
    assert words["files"][1]["label"] == "high"
    assert list(words["files"][0]["probabilities"].values()) == made.probabilities[0].tolist()
    assert words["folds"] == list(made.folds)
    assert f"{made.probabilities[0, 0]:.3f}" in str(made)
    assert made.about in str(made)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("notes.wav", "cannot read .*notes.wav: .*; name audio files only; nothing was predicted"),
        ("gone.wav", "gone.wav does not exist; nothing was predicted"),
        (".", "is a folder: name the files in it; nothing was predicted"),
        ("short.wav", "short.wav is cut off: .*; name audio files only; nothing was predicted"),
        ("empty.wav", "empty.wav holds no samples; name audio files only"),
        ("long.wav", "long.wav lasts 1 min 1 s, but an utterance must not last longer than 60 s"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_before_anything_slow(
    corpus, tmp_path, monkeypatch, name, words
):
    import serbench_tiny

    run = evaluate()
    (tmp_path / "notes.wav").write_text("no audio")
    (tmp_path / "short.wav").write_bytes((corpus / "s1-low-0.wav").read_bytes()[:3000])
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "long.wav", np.full(61_000, 0.5), 1000)
    monkeypatch.setattr(serbench_tiny.Crossings, "__call__", None)  # asking it would raise
    monkeypatch.setattr(serbench_tiny.Keeper, "load", None)
    with pytest.raises(SerbenchError, match=words) as caught:
        serbench.predict(run.folder, [corpus / "s1-low-0.wav", tmp_path / name])
    assert "\n" not in str(caught.value)


def test_every_other_mistake_is_one_clear_line(corpus):
    file = corpus / "s1-low-0.wav"
    run = evaluate()
    plain = serbench.evaluate("keeper", "tones", jobs=0, seed=1)
    for options, error, words in (
        ({"run": plain.name}, SerbenchError, "has no kept models: evaluate again with --keep-mod"),
        ({"run": "tones_keper"}, UnknownName, "there is no run 'tones_keper'"),
        ({"fold": "33"}, UnknownName, "there is no kept fold '33'; did you mean 3"),
        ({"files": []}, SerbenchError, "no file to predict: name one audio file or more"),
        ({"device": "tpu"}, BadParameter, "auto, cpu or cuda"),
    ):
        with pytest.raises(error, match=words) as caught:
            serbench.predict(**{"run": run.folder, "files": [file], **options})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["Keeper", "Crossings"])
def test_what_is_of_another_version_is_refused(corpus, monkeypatch, kind):
    import serbench_tiny

    run = evaluate()
    monkeypatch.setattr(getattr(serbench_tiny, kind), "version", "2")
    words = f"made with version 1 of the (model|feature) {kind.lower()}, but version 2 is installed"
    with pytest.raises(SerbenchError, match=words):
        serbench.predict(run.folder, [corpus / "s1-low-0.wav"])


def test_audio_that_was_read_otherwise_is_refused(corpus, monkeypatch):
    run = evaluate()
    monkeypatch.setattr(audio, "RATE", 8_000)
    with pytest.raises(SerbenchError, match="read audio differently from this serbench"):
        serbench.predict(run.folder, [corpus / "s1-low-0.wav"])


def test_a_model_is_moved_where_it_can_be_and_else_stays(corpus, monkeypatch):
    import serbench_tiny

    moved = serbench_tiny.Exporter.moved
    keeper, exporter = evaluate(), evaluate("exporter")
    file = corpus / "s1-low-0.wav"
    moved.clear()
    serbench.predict(exporter.folder, [file], device="cpu")
    assert moved == ["cpu"] * 3
    there_is = types.SimpleNamespace(is_available=lambda: True)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=there_is))
    serbench.predict(exporter.folder, [file], device="auto")
    assert moved[3:] == ["cuda"] * 3
    assert serbench.predict(keeper.folder, [file], device="auto").predictions == ("low",)
    with pytest.raises(SerbenchError, match="keeper stays on the CPU.*choose --device cpu or auto"):
        serbench.predict(keeper.folder, [file], device="cuda")


def test_a_model_that_never_was_pretrained_is_not_ranked(places):
    evaluate("exporter", params={"scale": 90.0})
    random = evaluate("exporter", params={"pretrained": False})
    assert not random.ranked
    assert "NOT RANKED: random weights, not pretrained." in str(random)
    from serbench.leaderboard.build import show

    board = show(places.results)
    rows = [line for line in board.splitlines() if "| exporter" in line]
    assert [row.split("|")[1].strip() for row in rows] == ["1", "-"]
    short = random.name.rpartition("_")[2]
    assert short in rows[1]
    assert f"{short}): random weights, not pretrained." in board
    assert "random weights" in find(random.name, places.results).objections[0]


SMALL = {
    "alexnet-mel": {"epochs": 1, "width": 0.05, "max_seconds": 1.0},
    "functionals-svm": {"c": 1.0},
}


@pytest.mark.slow
@pytest.mark.parametrize("model", SMALL)
def test_models_that_are_installed_predict_as_their_results_say(model, tmp_path, places):
    pytest.importorskip("serbench_alexnet" if model == "alexnet-mel" else "serbench_sklearn")
    pytest.importorskip("serbench_corpora")
    out = tmp_path / "split.csv"
    splits.export("toy", "kfold:n=6", out, None, None)
    head, *rows = out.read_text().splitlines()
    few = [row for row in rows if row.startswith("1,") and row.endswith("-01")]
    out.write_text("\n".join([head, *few]))
    run = evaluate(model, "toy", protocol=str(out), params=SMALL[model])
    (fold,) = run.folds
    (root,) = (places.cache / "corpora").iterdir()
    found = {path.stem: path for path in root.rglob("*.wav")}
    made = serbench.predict(run.folder, [found[one] for one in fold.test.ids])
    np.testing.assert_allclose(made.probabilities, stored(fold), rtol=1e-4, atol=1e-6)
    assert made.probabilities.std(axis=0).min() > 0


def test_utterances_that_models_of_other_folds_learned_are_named(corpus, tmp_path):
    run = evaluate()
    utterance = run.folds[1].test.ids[0]
    file = corpus / f"{utterance}.wav"
    (note,) = serbench.predict(run, file).notes
    assert note == (
        f"NOT NEW to these models: 1 file named like utterances of tones, such as {utterance}, "
        "from which models of other folds learned; only the model of its test fold did not: "
        "--fold 2"
    )
    assert serbench.predict(run, str(file), fold="2").notes == ()
    new = tmp_path / "new.wav"
    new.write_bytes(file.read_bytes())
    made = serbench.predict(run, new)
    assert made.notes == ()
    assert made.files == (str(new),)


def test_a_model_that_is_no_text_is_refused_with_what_to_write():
    from sklearn.svm import SVC

    with pytest.raises(BadParameter, match=r"the model is SVC\(\), but must be text: a name, or"):
        serbench.evaluate(SVC(), "tones")
    with pytest.raises(UnknownName, match="__main__:Mine: folds run in other processes: put the"):
        serbench.evaluate("__main__:Mine", "tones", features="crossings")
    with pytest.raises(UnknownName, match="a corpus of your own is written csv:my.csv or folder"):
        serbench.evaluate("centroid", "my.csv")
