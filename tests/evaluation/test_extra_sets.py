"""Extra test sets: other corpora that a fold's model is tested on, beside the run's own result."""

import re
import shlex
import shutil

import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import LeakageError, SerbenchError
from serbench.evaluation.engines.task import code_of
from serbench.metrics.intervals import Interval
from serbench.results import extra_set
from serbench.results.run import folders

pytestmark = pytest.mark.usefixtures("other")


def evaluate(model="keeper", jobs=0, **options):
    return serbench.evaluate(model, "tones", jobs=jobs, **options)


def activations(run):
    return [fold.test.activations.tobytes() for fold in run.folds]


def extra_activations(run):
    (test,) = extra_set.find(run)
    return [fold.test.activations.tobytes() for fold in test.folds]


def test_every_model_is_tested_on_all_utterances_with_shared_labels():
    run = evaluate(test_on="csv:other")
    (test,) = extra_set.find(run)
    assert test.set.words == ("low", "high")
    assert [len(fold.test.ids) for fold in test.folds] == [18, 18, 18]
    assert test.folds[0].facts.left_out == {"shrill": 9}
    assert test.score("uar") == 1.0
    assert test.same_labels("uar") == 1.0
    assert set(test.folds[0].test.speakers) == {"ann", "bob", "cy"}


def test_the_run_and_its_own_predictions_stay_the_same(tmp_path):
    plain = evaluate(results=tmp_path / "plain")
    tested = evaluate(test_on="csv:other")
    assert tested.name == plain.name
    assert activations(tested) == activations(plain)


def test_scores_do_not_depend_on_the_number_of_jobs(tmp_path):
    options = {"test_on": "csv:other", "folds": ["1", "3"]}
    here = evaluate(**options)
    there = evaluate(jobs=2, results=tmp_path / "there", **options)
    assert extra_activations(here) == extra_activations(there)


@pytest.mark.parametrize("engine", ["sequential", "queue", "remote"])
def test_every_engine_tests_on_the_same_extra_sets(engine, tmp_path):
    sets = {"test_on": "csv:other", "perturb": "softer", "folds": ["2"]}
    here = evaluate(**sets)
    there = serbench.evaluate("keeper", "tones", engine=engine, results=tmp_path / "there", **sets)
    for ours, theirs in zip(extra_set.find(here), extra_set.find(there), strict=True):
        assert ours.set == theirs.set
        for one, other in zip(ours.folds, theirs.folds, strict=True):
            assert one.test.activations.tobytes() == other.test.activations.tobytes()
    assert not [path for path in there.folder.iterdir() if path.name.startswith(".")]


def test_a_kept_model_is_tested_later_and_predicts_the_same(tmp_path):
    at_once = evaluate(test_on="csv:other")
    later = evaluate(keep_models=True, results=tmp_path / "later")
    before = activations(later)
    later = evaluate(test_on="csv:other", results=tmp_path / "later")
    assert activations(later) == before
    assert extra_activations(later) == extra_activations(at_once)
    (test,) = extra_set.find(later)
    assert all(fold.facts.kept for fold in test.folds)


def test_without_a_kept_model_the_folds_to_train_again_are_named():
    run = evaluate()
    words = (
        r"the models of folds 1, 2, 3 of .* were not kept, so these folds must be trained again to "
        r"be tested on csv:other: `serbench (runs rm \S+ --yes)`, then the same command with "
        r"--keep-models$"
    )
    decoded = []
    listener = serbench.Listener()
    listener.extracting = lambda done, total: decoded.append(total)
    with pytest.raises(SerbenchError, match=words) as caught:
        evaluate(test_on="csv:other", listener=listener)
    assert not decoded
    (run.folder / "fold-02.safetensors").unlink()
    with pytest.raises(SerbenchError, match="the models of folds 1, 3 of"):
        evaluate(test_on="csv:other")
    command = re.search(words, str(caught.value)).group(1)
    assert CliRunner().invoke(app, shlex.split(command)).exit_code == 0
    assert not run.folder.exists()
    assert len(extra_set.find(evaluate(test_on="csv:other"))) == 1


def test_only_folds_without_a_kept_model_are_to_be_removed():
    run = evaluate(keep_models=True)
    shutil.rmtree(run.folder / "models" / "fold-02")
    with pytest.raises(SerbenchError, match=r"rm \S+ --fold 2 --yes`, then the same command"):
        evaluate(test_on="csv:other")


def test_a_set_that_is_there_is_not_predicted_again():
    run = evaluate(test_on="csv:other")
    files = sorted((run.folder / "extra").rglob("*.safetensors"))
    times = [path.stat().st_mtime_ns for path in files]
    evaluate(test_on="csv:other")
    assert [path.stat().st_mtime_ns for path in files] == times


def test_labels_that_become_others_are_another_set():
    evaluate(test_on="csv:other", keep_models=True)
    run = evaluate(test_on="csv:other", label_map={"shrill": "high"})
    tests = {len(test.folds[0].test.ids): test for test in extra_set.find(run)}
    assert sorted(tests) == [18, 27]
    assert tests[27].set.set_labels == {"low": "low", "high": "high", "shrill": "high"}
    assert tests[27].set.model_labels == {"low": "low", "high": "high"}


def test_maps_of_one_corpus_are_columns_of_their_own(tmp_path):
    evaluate(test_on="csv:other", keep_models=True)
    run = evaluate(test_on="csv:other", label_map={"shrill": "high"})
    other_run = evaluate(test_on="csv:other", seed=1)
    scores = serbench.cross_corpus(run, other_run)
    assert sorted(scores.columns) == ["csv:other", "csv:other (shrill=high)"]
    rows = [line.split("  ") for line in scores.matrix("text").splitlines()[2:]]
    assert [sum("(" in cell for cell in row) for row in rows] == [2, 1]
    assert "tones to csv:other (shrill=high): shared labels" in str(scores)


def test_each_model_of_a_study_is_asked_whether_a_perturbation_concerns_it():
    study = evaluate(["keeper", "control-said"], perturb="softer")
    assert [run.config.model for run in study.complete] == ["keeper"]
    (problem,) = study.problems
    assert "control-said learns from the feature said, which does not come from the wave" in problem


def test_what_is_inside_a_run_is_no_run(places):
    run = evaluate(test_on="csv:other", keep_models=True)
    assert folders(places.results) == [run.folder]
    for inside in (run.folder, run.folder / "extra", run.folder / "models"):
        assert folders(inside) == []


def test_files_name_the_sources_of_corpora_and_perturbations(tmp_path, monkeypatch):
    (tmp_path / "my_echo.py").write_text(
        "class Echo:\n    version = '1'\n\n"
        "    def __call__(self, wave, random):\n        return wave\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    run = evaluate(test_on="csv:other", perturb="my_echo:Echo")
    corpus, echo = (set(test.folds[0].facts.sources) for test in extra_set.find(run))
    own = set(run.facts.sources)
    assert (corpus - own, echo - own) == ({"serbench_corpora"}, {"my_echo"})
    sets = [test.set for test in extra_set.find(run)]
    assert set(code_of(run.config, sets)) == own | corpus | echo


def test_a_joint_corpus_names_the_sources_of_its_parts():
    run = serbench.evaluate(
        "keeper", "joint:csv:other+tones", protocol="kfold:n=3", folds=["1"], jobs=0
    )
    assert {"serbench_corpora", "serbench_tiny"} <= set(run.facts.sources)


def test_recordings_on_which_the_model_learned_are_refused():
    words = (
        r"lack the extra test set tones:takes=1: .* has \d+ recordings that the model was trained"
    )
    with pytest.raises(SerbenchError, match=words):
        evaluate(test_on="tones:takes=1")


def test_speakers_of_one_name_space_are_compared(monkeypatch):
    from serbench_tiny import Tones

    monkeypatch.setattr(Tones, "speaker_space", "people", raising=False)
    with pytest.raises(
        LeakageError, match="tones:takes=1 and tones share 6 speakers, such as people/s1"
    ):
        evaluate(test_on="tones:takes=1")


def test_speakers_of_a_joint_corpus_are_compared(monkeypatch):
    from serbench_tiny import Tones

    monkeypatch.setattr(Tones, "speaker_space", "people", raising=False)
    with pytest.raises(LeakageError, match="share 6 speakers, such as people/s1"):
        serbench.evaluate(
            "keeper",
            "joint:csv:other+tones",
            protocol="kfold:n=3",
            test_on="tones:takes=1",
            jobs=0,
        )


def test_predictions_of_an_earlier_model_of_a_fold_do_not_count(monkeypatch):
    from serbench_tiny import Keeper

    run = evaluate(test_on="csv:other")
    result = run.folder / "fold-02.safetensors"
    result.unlink()
    again = evaluate()  # the same model again, so the same predictions
    assert extra_set.find(again)[0].missing == 0
    result.unlink()
    fit = Keeper.fit

    def fit_otherwise(self, train, validation, workspace):
        fit(self, train, validation, workspace)
        self.means += 0.01

    monkeypatch.setattr(Keeper, "fit", fit_otherwise)
    assert extra_set.find(evaluate(jobs=0))[0].missing == 1
    with pytest.raises(SerbenchError, match="the model of fold 2 of .* was not kept"):
        evaluate(test_on="csv:other")
    result.unlink()
    (test,) = extra_set.find(evaluate(test_on="csv:other"))
    assert test.missing == 0
    assert test.folds[1].facts.own == extra_set.own_digest(test.own[1].test)


def test_a_model_that_remembers_predictions_validates_as_without_extra_test_sets(
    monkeypatch, tmp_path
):
    from serbench_tiny import Keeper

    predict = Keeper.predict

    def shift(self, inputs):
        self.means = self.means + 0.01 * len(inputs)
        return predict(self, inputs)

    monkeypatch.setattr(Keeper, "predict", shift)
    plain = evaluate(protocol="nested", results=tmp_path / "plain")
    tested = evaluate(protocol="nested", test_on="csv:other")
    for fold, other in zip(plain.folds, tested.folds, strict=True):
        assert fold.facts.validation == other.facts.validation
        assert fold.validation.activations.tobytes() == other.validation.activations.tobytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"test_on": "tones"}, "the run itself is on tones: name another corpus"),
        (
            {"test_on": "csv:few"},
            r"tones \(low, middle, high\) and csv:few .* share fewer than two labels",
        ),
        ({"test_on": "tones:takes=4"}, "the run itself is on tones: name another corpus"),
        ({"test_on": ["csv:other", "csv:other,label=label"]}, "csv:other is given twice"),
        ({"label_map": {"low": "high"}}, "--map is for other corpora"),
        ({"test_on": "csv:none"}, "there is no file .*none: name the table"),
    ],
)
def test_what_cannot_be_tested_on_is_one_line_before_anything_runs(options, words, places):
    with pytest.raises(SerbenchError, match=words):
        evaluate(**options)
    assert not list(places.results.rglob("*.safetensors"))


def test_a_changed_corpus_is_not_mixed_with_its_earlier_predictions(other):
    evaluate(test_on="csv:other", keep_models=True)
    table = other / "other.csv"
    table.write_text(table.read_text().replace("ann-low-0.wav,low", "ann-low-0.wav,high"))
    with pytest.raises(
        SerbenchError, match="the corpus of csv:other changed since .* was computed: res"
    ):
        evaluate(test_on="csv:other")


def test_the_table_names_the_map_and_both_scores():
    text = str(serbench.cross_corpus(evaluate(test_on="csv:other")))
    assert "keeper   tones         csv:other    2         18            100.00" in text
    assert "tones to csv:other: labels low, high; never predicted: middle; utterances left out: "
    assert "9 shrill" in text
    with pytest.raises(SerbenchError, match="not tested on perturbed audio: run the same evaluate"):
        serbench.robustness(evaluate())


def test_an_unknown_metric_is_named():
    with pytest.raises(SerbenchError, match="there is no metric 'acuracy'; did you mean accuracy"):
        serbench.cross_corpus(evaluate(test_on="csv:other"), metric="acuracy")


def test_perturbed_audio_is_that_of_the_folds_own_test_set():
    run = evaluate(perturb=["softer:factor=0.25", "softer"])
    tests = extra_set.find(run)
    assert [test.set.perturbation for test in tests] == ["softer", "softer:factor=0.25"]
    for test in tests:
        for own, fold in zip(run.folds, test.folds, strict=True):
            assert sorted(fold.test.ids) == sorted(own.test.ids)
        assert test.drop("uar")[0] == 0.0  # zero crossings do not depend on the level
        assert test.changed == 0.0


def test_a_perturbation_that_changes_nothing_gives_the_runs_own_activations(monkeypatch):
    import serbench_tiny

    monkeypatch.setattr(serbench_tiny.Softer, "__call__", lambda self, wave, random: wave)
    run = evaluate(perturb="softer")
    (test,) = extra_set.find(run)
    for own, fold in zip(run.folds, test.folds, strict=True):
        own_rows = dict(zip(own.test.ids, own.test.activations.tolist(), strict=True))
        assert dict(zip(fold.test.ids, fold.test.activations.tolist(), strict=True)) == own_rows


def test_another_version_of_a_perturbation_is_another_set(monkeypatch):
    import serbench_tiny

    evaluate(perturb="softer", keep_models=True)
    monkeypatch.setattr(serbench_tiny.Softer, "version", "2")
    run = evaluate(perturb="softer")
    assert sorted(test.set.version for test in extra_set.find(run)) == ["1", "2"]


def test_a_drop_has_no_plus_and_a_gain_is_negative(monkeypatch):
    scores = serbench.robustness(evaluate(perturb="softer"))
    for drop, words in ((0.3093, "30.93"), (-0.0137, "-1.37"), (-1e-9, "0.00")):
        monkeypatch.setattr(extra_set.ExtraTest, "drop", lambda *_, by=drop: (by, Interval(by, by)))
        assert scores.table("csv").splitlines()[1].split(",")[5] == words


def test_the_table_of_perturbations_shows_what_was_lost():
    text = str(serbench.robustness(evaluate(perturb="softer")))
    head = (
        "model    corpus    perturbation    UAR     UAR as recorded    drop    95 % over speakers"
    )
    assert head in text
    assert "changed labels" in text
    with pytest.raises(SerbenchError, match="not tested on another corpus: run the same evaluate"):
        serbench.cross_corpus(evaluate())


def test_a_picture_of_one_strength_is_refused():
    from serbench.report.figures import extra_sets

    with pytest.raises(SerbenchError, match="a picture needs a perturbation at two strengths"):
        extra_sets.robustness(serbench.robustness(evaluate(perturb="softer")))


def test_a_perturbation_that_does_not_exist_is_named():
    with pytest.raises(SerbenchError, match="there is no perturbation 'soft'"):
        evaluate(perturb="soft")
