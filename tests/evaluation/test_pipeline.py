"""One evaluation, end to end, on the tiny plugin's tones."""

import itertools
import shutil
from dataclasses import asdict

import numpy as np
import pytest
import soundfile

import serbench
from serbench.errors import (
    BadParameter,
    CorpusError,
    FoldError,
    LeakageError,
    MissingRequirement,
    PluginError,
    SerbenchError,
    UnknownName,
)
from serbench.results import fold_file

pytestmark = pytest.mark.usefixtures("places")


def evaluate(model="centroid", jobs=0, **options):
    """In this process where it makes no difference: starting others takes most of the time."""
    return serbench.evaluate(model, "tones", jobs=jobs, **options)


def predictions(run):
    return [(fold.test.ids, fold.test.activations.tobytes()) for fold in run.folds]


def written(run):
    return {path.name: path.stat().st_mtime_ns for path in run.folder.glob("*.safetensors")}


def test_every_utterance_is_tested_once_by_three_folds():
    run = evaluate()
    assert len(run.folds) == 3
    assert run.missing == 0
    tested = [one for fold in run.folds for one in fold.test.ids]
    assert len(tested) == len(set(tested)) == 72
    assert run.mean_std("uar").mean > 0.9


def test_defaults_for_all_corpora_yield_to_those_of_one_and_both_to_the_user():
    run = evaluate("preset")
    assert run.config.params["scale"] == 50.0
    assert run.config.feature_params == {"parts": 4}
    assert evaluate("preset", params={"parts": 5}).config.feature_params == {"parts": 5}


def test_a_preset_is_the_model_with_its_parameters_and_predicts_the_same():
    params = {"parts": 4, "scale": 50.0}
    assert predictions(evaluate("preset")) == predictions(evaluate(params=params))


def test_parameters_that_only_name_something_are_exact_in_a_run():
    run = evaluate("following", params={"parts": "many"})
    assert run.config.feature_params == {"parts": 5}
    assert run.config.params == {"parts": 5, "scale": 50.0, "lost": ""}


def test_a_run_is_the_same_whether_a_parameter_was_named_or_exact():
    named, exact = ({"parts": "many"}, {"parts": 5, "scale": 50.0})
    first = written(evaluate("following", params=named))
    assert written(evaluate("following", params=exact)) == first


def test_a_plugin_that_resolves_to_other_parameters_breaks_its_contract():
    words = r"following: resolved\(\) must return the parameters it got, parts, scale, lost, but"
    with pytest.raises(PluginError, match=words + " returned scale, lost"):
        evaluate("following", params={"lost": "parts"})


def test_the_same_command_again_runs_nothing(places):
    first = written(evaluate())
    assert written(evaluate()) == first


def test_only_a_missing_fold_is_run_and_predicts_the_same():
    run = evaluate()
    before, expected = written(run), predictions(run)
    (run.folder / "fold-02.safetensors").unlink()
    after = written(again := evaluate())
    assert predictions(again) == expected
    assert [name for name in before if before[name] != after[name]] == ["fold-02.safetensors"]


def test_only_the_folds_that_are_named_are_run_and_predict_the_same():
    run = evaluate(folds=["2"])
    assert [fold.facts.fold.name for fold in run.folds] == ["2"]
    assert "NOT RANKED: incomplete: 2 of 3 folds are missing." in str(run)
    assert not run.ranked
    first = written(run)
    whole = evaluate(folds=["3", "1", "3"])
    assert whole.missing == 0
    assert written(whole) == written(whole) | first
    assert predictions(run) == predictions(whole)[1:2]


def test_a_named_fold_that_is_finished_is_not_run_again():
    first = written(evaluate())
    assert written(evaluate(folds=["2"])) == first


def test_a_fold_that_the_protocol_has_not_is_refused_before_anything_runs(places):
    with pytest.raises(UnknownName, match=r"no fold of kfold:n=3 '22'; did you mean 2\?"):
        evaluate(folds=["1", "22"])
    assert not places.results.exists()


def test_folds_that_fail_are_counted_among_those_that_were_run():
    with pytest.raises(FoldError, match="1 of 3 folds failed, 0 are kept"):
        evaluate("faulty", params={"fault": "raise"}, folds=["1"])


def test_however_many_at_a_time_predictions_are_the_same(tmp_path):
    two, here = (
        evaluate(results=tmp_path / str(jobs), jobs=jobs, folds=["1", "3"]) for jobs in (2, 0)
    )
    assert predictions(two) == predictions(here)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"params": {"scale": 50.0}},
        {"params": {"parts": 3}},
        {"trim_db": 30.0},
        {"labels": "two"},
        {"protocol": "loso"},
        {"model": "faulty", "params": {"fault": "none"}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_run_with_any_other_setting_reuses_no_result(other):
    assert evaluate(**other).folder != evaluate().folder


@pytest.mark.parametrize("other", [{"params": {"parts": 3}}, {"trim_db": 30.0}])
def test_another_feature_setting_reuses_no_feature(places, other):
    evaluate()
    before = set((places.cache / "features").iterdir())
    evaluate(**other)
    assert len(set((places.cache / "features").iterdir()) - before) == 1


def test_another_seed_or_model_parameter_reuses_the_features(places):
    evaluate()
    before = set((places.cache / "features").rglob("*"))
    evaluate(seed=1, params={"scale": 1.0})
    assert set((places.cache / "features").rglob("*")) == before


@pytest.fixture
def own_copy(places, tmp_path):
    """A copy of the tones that a test may change."""
    evaluate()
    shutil.rmtree(places.results)
    shutil.copytree(places.cache / "corpora" / "tones-1", tmp_path / "copy")
    return tmp_path / "copy"


def _change(path):
    samples, rate = soundfile.read(path, dtype="int16")
    samples[100] += 1
    soundfile.write(path, samples, rate, subtype="PCM_16")


def test_audio_that_changed_under_a_half_finished_run_is_refused(own_copy):
    run = evaluate(data=own_copy)
    (run.folder / "fold-01.safetensors").unlink()
    _change(own_copy / "s1-low-0.wav")
    with pytest.raises(CorpusError, match="the audio changed since .*another --results folder"):
        evaluate(data=own_copy)


def test_a_corpus_that_changed_under_a_half_finished_run_is_refused(own_copy):
    run = evaluate(data=own_copy)
    (run.folder / "fold-01.safetensors").unlink()
    (own_copy / "s1-low-0.wav").rename(own_copy / "s1-middle-9.wav")
    with pytest.raises(CorpusError, match="the corpus and the protocol and the audio changed"):
        evaluate(data=own_copy)


def test_a_changed_file_gets_new_features(own_copy, tmp_path):
    first = evaluate(data=own_copy)
    time_axis = np.arange(3200) / 16_000
    soundfile.write(own_copy / "s1-low-0.wav", np.sin(6283 * time_axis), 16_000, subtype="PCM_16")
    second = evaluate(data=own_copy, results=tmp_path / "second")
    assert predictions(first) != predictions(second)


def test_hiding_the_test_audio_leaves_training_unchanged(own_copy, tmp_path):
    first = evaluate(data=own_copy)
    test = first.folds[0].test
    for one in test.ids:
        soundfile.write(
            own_copy / f"{one}.wav",
            np.random.default_rng(hash(one) % 2**32).normal(0, 0.1, 3200),
            16_000,
            subtype="PCM_16",
        )
    second = evaluate(data=own_copy, results=tmp_path / "second")
    assert first.facts.model["seen"] == second.facts.model["seen"]
    assert first.facts.validation == second.facts.validation
    assert predictions(first)[0] != predictions(second)[0]


def test_audio_shared_between_sets_is_refused(own_copy):
    shutil.copy(own_copy / "s1-low-0.wav", own_copy / "s2-low-0.wav")
    with pytest.raises(LeakageError, match="share 1 recording") as caught:
        evaluate(data=own_copy)
    assert str(caught.value).count("leak, such as fold 1") == 1  # once, whatever folds leak too


def test_a_split_that_shares_speakers_runs_only_when_it_says_so(tmp_path):
    path = tmp_path / "split.csv"
    parts = dict(enumerate(("train", "validation", "test", "train")))
    rows = [
        f"1,{parts[take]},s{speaker}-{label}-{take}"
        for speaker in range(1, 7)
        for label in ("low", "middle", "high")
        for take in range(4)
    ]
    path.write_text("fold,split,utterance\n" + "\n".join(rows))
    with pytest.raises(LeakageError, match="train and validation share 6 speakers"):
        evaluate(protocol=str(path))
    run = evaluate(protocol=f"file:path={path},leaks=true")
    assert run.leaks
    assert "NOT RANKED: leaks: " in str(run)


def test_a_random_split_is_leaky_by_name():
    run = evaluate(protocol="random:n=3")
    assert run.leaks
    assert run.folds[0].facts.certificate["audio_checked"]


@pytest.mark.parametrize(
    ("fault", "words", "at_once"),
    [
        ("raise", "ValueError: the model is faulty", 0),
        ("raise", "ValueError: the model is faulty", 2),
        ("nan", "must be finite", 0),
        ("shape", r"must be finite and of shape \(\d+, 3\)", 0),
        ("huge", "must be finite", 0),
        ("bare", "predicts a ndarray, not serbench.contracts.Predictions", 0),
        ("negative", "with the link 'identity' activations must be probabilities", 0),
        ("exit", "SystemExit", 0),
        ("exit", "SystemExit", 2),
    ],
)
def test_a_fold_that_fails_costs_that_fold_only(places, fault, words, at_once):
    with pytest.raises(FoldError, match=words) as caught:
        evaluate("faulty", params={"fault": fault}, jobs=at_once)
    assert "1 of 3 folds failed, 2 are kept" in str(caught.value)
    assert len(list(places.results.glob("*/*.safetensors"))) == 2


def test_a_killed_fold_costs_that_fold_only(places):
    with pytest.raises(FoldError, match="SIGKILL; out of memory"):
        evaluate("faulty", params={"fault": "kill"}, jobs=2)
    assert len(list(places.results.glob("*/*.safetensors"))) == 2


def test_scores_that_depend_on_the_batch_are_seen():
    assert "Predicting utterances one by one changes no score." in str(evaluate())
    run = evaluate("faulty", params={"fault": "neighbours"})
    assert run.alone > 0.1
    assert not run.ranked
    assert "NOT RANKED: labels depend on the batch" in str(run)


def test_features_are_extracted_from_each_utterance_alone(places):
    run = evaluate("social")  # whose features depend on the others of a batch
    few = places.cache / "features"
    first = {path: path.read_bytes() for path in few.rglob("*.safetensors")}
    assert len(first) == 1
    shutil.rmtree(places.cache)
    shutil.rmtree(run.folder)
    only = evaluate("social", folds=["1"])  # extracts the same utterances, again
    assert predictions(only) == predictions(run)[:1]
    assert {path: path.read_bytes() for path in few.rglob("*.safetensors")} == first


def test_an_extractor_may_use_the_same_memory_again():
    path = "serbench_tiny:Centroid"
    expected = predictions(evaluate(path, features="crossings"))
    assert predictions(evaluate(path, features="reusing")) == expected


def test_what_a_model_keeps_between_folds_is_gone():
    run = evaluate("faulty", params={"fault": "none"}, jobs=1, folds=["1", "2"])
    assert [fold.facts.model["folds_seen"] for fold in run.folds] == [1, 1]


def test_folds_that_shared_a_process_are_never_ranked(monkeypatch):
    monkeypatch.setattr("serbench.evaluation.folds.model_isolation._folds", itertools.count())
    run = evaluate("faulty", params={"fault": "none"}, jobs=0)
    assert [fold.facts.folds_before for fold in run.folds] == [0, 1, 2]
    assert not run.ranked
    assert "NOT RANKED: folds were trained in one process, one after the other" in str(run)


def test_a_link_to_the_corpus_serves_too(own_copy, tmp_path):
    (tmp_path / "link").symlink_to(own_copy)
    run = evaluate(data=tmp_path / "link")
    assert predictions(run) == predictions(evaluate(data=own_copy, results=tmp_path / "other"))


def test_a_file_that_is_touched_but_not_changed_changes_nothing(own_copy):
    run = evaluate(data=own_copy)
    (run.folder / "fold-01.safetensors").unlink()
    (own_copy / "s1-low-0.wav").touch()
    assert evaluate(data=own_copy).missing == 0


def test_a_wav_that_is_cut_off_is_refused(own_copy):
    path = own_copy / "s1-low-0.wav"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FoldError, match="s1-low-0.wav is cut off: it has 3000 of 6444 bytes"):
        evaluate(data=own_copy)


def test_a_fold_copied_from_another_run_is_refused():
    other = evaluate(seed=1)
    run = evaluate()
    shutil.copy(other.folder / "fold-01.safetensors", run.folder)
    with pytest.raises(SerbenchError, match="belongs to another run or fold.*remove it"):
        evaluate()


def test_results_that_cannot_be_written_are_said_before_anything_runs(places):
    places.results.write_text("a file")
    with pytest.raises(SerbenchError, match="cannot write .*results"):
        evaluate()


def test_a_file_that_cannot_be_read_stops_before_any_training(own_copy, places):
    (own_copy / "s3-low-0.wav").write_bytes(b"RIFF")
    with pytest.raises(FoldError, match="s3-low-0.wav.*get this file again, nothing was trained"):
        evaluate(data=own_copy)
    assert not list(places.results.iterdir())


def test_a_feature_that_is_not_finite_is_the_plugins_fault():
    with pytest.raises(FoldError, match="feature infinite made an array"):
        evaluate("unfit")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"model": "centriod"}, UnknownName, "did you mean centroid"),
        ({"params": {"scael": 1}}, BadParameter, "did you mean scale"),
        (
            {"params": {"scale": "big"}},
            BadParameter,
            "scale of centroid is 'big', but must be float",
        ),
        ({"params": {"parts": 0}}, BadParameter, "parts is 0, but must be 1 or more"),
        ({"labels": "three"}, UnknownName, "no label set of tones 'three'.*known: tones, two"),
        ({"protocol": "papr"}, UnknownName, "no protocol 'papr'"),
        ({"seed": -1}, BadParameter, "whole number from 0"),
        ({"device": "tpu"}, BadParameter, "auto, cpu or cuda"),
        ({"jobs": -1}, BadParameter, "0 or more"),
        ({"trim_db": 0.0}, BadParameter, "trim_db is 0.0, but must be greater than 0"),
        ({"trim_db": float("inf")}, BadParameter, "trim_db is inf, but must be .* finite, or none"),
        ({"model": "needy"}, MissingRequirement, "needs the package 'no_such_module': pip install"),
        ({"data": "/no/such/folder"}, CorpusError, "no tones in /no/such/folder"),
    ],
)
def test_every_foreseeable_mistake_is_one_clear_line(options, error, words):
    with pytest.raises(error, match=words) as caught:
        evaluate(**options)
    assert "\n" not in str(caught.value)


def test_a_run_prints_as_a_table_and_converts_to_a_frame():
    run = evaluate()
    text = str(run)
    for part in ("centroid on tones", "6 test speakers", "chance (majority)", "95 % over speakers"):
        assert part in text
    frame = run.to_frame()
    assert list(frame.index) == [fold.facts.fold.name for fold in run.folds]
    assert frame["uar"].mean() == pytest.approx(run.mean_std("uar").mean)


def test_a_result_tells_what_it_is_made_of():
    facts = evaluate().folds[0].facts
    for key in ("device", "threads", "versions", "sources", "seconds", "curve", "peak_memory_mb"):
        assert getattr(facts, key), key
    assert all(pin for name, pin in asdict(facts.pins).items() if name != "page")
    assert facts.certificate["clean"]
    assert facts.alone.utterances == 8
    assert [point["epoch"] for point in facts.curve] == [1, 2, 3, 4, 5]


def test_nothing_but_results_is_left_in_the_runs_folder():
    run = evaluate()
    left = sorted(path.name for path in run.folder.iterdir())
    assert left == ["fold-01.safetensors", "fold-02.safetensors", "fold-03.safetensors"]


def test_a_result_of_something_else_is_refused():
    run = evaluate()
    (run.folder / "fold-01.safetensors").write_bytes(b"no result")
    with pytest.raises(SerbenchError, match="is not a result of serbench.*remove it"):
        evaluate()


def test_results_survive_the_round_trip():
    run = evaluate()
    path = run.folder / "fold-01.safetensors"
    fold_file.write(path, run.folds[0])
    assert fold_file.read(path).test.ids == run.folds[0].test.ids
    assert fold_file.read(path).facts == run.folds[0].facts


def test_a_relative_results_folder_hides_no_progress_and_no_failure(tmp_path, monkeypatch):
    class Heard(serbench.Listener):
        def __init__(self):
            self.ended = []

        def finished(self, run, fold, error):
            self.ended.append((fold, bool(error)))

    monkeypatch.chdir(tmp_path)
    heard = Heard()
    evaluate(results="mine", folds=["1", "2"], listener=heard)
    assert sorted(heard.ended) == [("1", False), ("2", False)]
    with pytest.raises(FoldError, match="1 of 3 folds failed"):
        evaluate("faulty", results="mine", folds=["1"], listener=heard)
    assert heard.ended[2:] == [("1", True)]
