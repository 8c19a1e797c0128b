"""Studies end to end, on the tiny plugin's tones: their runs, tables and frames."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import serbench
from serbench.errors import BadParameter, SerbenchError, UnknownName
from serbench.results import fold_file
from serbench.results.run import Run
from serbench.study import plan, result
from serbench.study.matrix import Item, expand
from serbench.study.result import Study
from serbench.study.study_run import StudyRun

pytestmark = pytest.mark.usefixtures("places")

FORMS = ("text", "markdown", "latex", "html", "csv")


def evaluate(model=("centroid", "preset"), dataset=("tones", "tones:takes=2"), **options):
    """In this process: starting others takes most of the time."""
    return serbench.evaluate(model, dataset, **{"seed": "0-1", "jobs": 0, **options})


def predictions(runs):
    return {
        run.name: [(fold.test.ids, fold.test.activations.tobytes()) for fold in run.folds]
        for run in runs
    }


def row(study, name, **options):
    """The cells of a row of the table."""
    (line,) = [one for one in study.table(**options).splitlines() if one.startswith(name)]
    return re.split(r" {2,}", line)


def test_single_values_are_a_run_and_lists_a_study():
    assert isinstance(serbench.evaluate("centroid", "tones", jobs=0), Run)
    for lists in ({"model": ["centroid"]}, {"dataset": ("tones",)}, {"protocol": ["loso"]}):
        given = {"model": "centroid", "dataset": "tones", "seed": 0, **lists}
        assert isinstance(evaluate(**given, folds=["1"]), Study)
    for seed in ([0], "0", "0-1", range(1)):
        study = evaluate("centroid", "tones", seed=seed, folds=["1"])
        assert isinstance(study, Study)
        assert [each.seed for each in study.results] == ([0, 1] if seed == "0-1" else [0])


def test_every_combination_is_the_run_that_a_single_call_makes():
    study = evaluate()
    assert [(run.config.model, run.config.dataset, run.config.seed) for run in study.runs] == [
        (model, dataset, seed)
        for model in ("centroid", "preset")
        for dataset in ("tones", "tones:takes=2")
        for seed in (0, 1)
    ]
    assert study.complete == study.runs
    assert not study.problems
    single = serbench.evaluate("preset", "tones:takes=2", seed=1, jobs=0)
    assert single.folder == study.runs[-1].folder
    assert predictions([single]).items() <= predictions(study.runs).items()


def test_a_study_that_grows_computes_only_what_is_new(places):
    evaluate("centroid")
    first = {path: path.stat().st_mtime_ns for path in places.results.glob("*/*.safetensors")}
    evaluate()
    after = {path: path.stat().st_mtime_ns for path in places.results.glob("*/*.safetensors")}
    assert len(after) == 2 * len(first)
    assert first.items() <= after.items()


def test_the_engine_and_its_options_are_no_part_of_a_run(tmp_path):
    given = {"model": ["centroid"], "dataset": "tones", "seed": 0, "folds": ["1"]}
    expected = evaluate(**given)
    other = {"jobs": None, "engine": "sequential", "results": tmp_path / "other"}
    study = evaluate(**given, **other)
    assert predictions(study.runs) == predictions(expected.runs)
    written = [path.stat().st_mtime_ns for path in (tmp_path / "other").glob("*/*.safetensors")]
    other |= {"engine": "local", "engine_options": {"jobs": 2}}
    assert [run.name for run in evaluate(**given, **other).runs] == [expected.runs[0].name]
    assert written == [
        path.stat().st_mtime_ns for path in (tmp_path / "other").glob("*/*.safetensors")
    ]


def test_scores_are_means_over_seeds_in_each_fold_then_over_folds():
    study = evaluate("centroid", "tones:takes=2", params={"parts": 1})
    by_seed = []  # accuracy, UAR: (seeds, folds, 2)
    for run in study.runs:
        folds = []
        for path in sorted(run.folder.glob("*.safetensors")):
            test = fold_file.read(path).test
            right = test.activations.argmax(axis=1) == test.truth
            recalls = [right[test.truth == label].mean() for label in np.unique(test.truth)]
            folds.append([right.mean(), np.mean(recalls)])
        by_seed.append(folds)
    scores = np.mean(by_seed, axis=0)
    mean, std = 100 * scores.mean(axis=0), 100 * scores.std(axis=0, ddof=1)
    expected = [f"{m:.2f} ± {s:.2f}" for m, s in zip(mean, std, strict=True)]
    assert row(study, "centroid", metrics=["accuracy", "uar"]) == ["centroid (2 seeds)", *expected]
    (first, *_) = csv.DictReader(io.StringIO(study.table("csv")))
    assert float(first["accuracy mean"]) == pytest.approx(mean[0] / 100, abs=1e-12)
    assert float(first["uar std"]) == pytest.approx(std[1] / 100, abs=1e-12)
    assert (first["seeds"], first["folds"], first["dataset"]) == ("2", "3", "tones:takes=2")


def test_one_seed_is_not_counted_and_chance_is_beside():
    study = evaluate(seed=7, dataset=["tones"])
    assert row(study, "centroid")[0] == "centroid"
    assert row(study, "chance (majority)")[1] == "33.33 ± 0.00"


def test_rows_and_columns_say_what_tells_them_apart():
    matrix = expand(
        [Item("a", {"params": [{"lr": 1}, {"lr": 2}]}), Item("b", {"trim_db": [None]}), Item("b")],
        [Item("toy"), Item("ravdess", {"protocol": ["loso", None]})],
        {},
    )
    assert matrix.row_names == ["a, lr=1", "a, lr=2", "b, trim_db=none", "b"]
    assert matrix.column_names == ["toy", "RAVDESS, loso", "RAVDESS, default protocol"]


def test_a_failed_fold_is_a_reason_below_the_table_and_never_the_best():
    study = evaluate(["centroid", "faulty"], ["tones", "hushed"], seed=0)
    # the faulty model has two perfect folds of three
    assert row(study, "faulty")[1:] == ["100.00 ± 0.00 [2]"] * 3 + ["missing [1]"] * 3
    text = str(study)
    assert "[2] faulty on tones: fold 1 failed: ValueError: the model is faulty.\n" in text
    assert "[1] centroid on hushed, faulty on hushed: no tones in " in text
    assert "*" not in study.table()  # nothing to compare with
    assert len(study.problems) == 3
    assert study.problems[1].startswith("faulty on tones: fold 1 failed: ValueError")
    assert study.count("failed") == 1


def test_the_best_of_each_column_stands_out_in_every_form(invented):
    study = of_runs(invented, good={"right": 0.9}, bad={"right": 0.2})
    assert [cell.endswith("*") for cell in row(study, "good")[1:]] == [True] * 3
    assert not any(cell.endswith("*") for cell in row(study, "bad")[1:])
    assert study.table("markdown").count("**") == 2 * 3
    assert study.table("latex").count(r"\textbf{") == 3
    assert study.table("html").count("font-weight: bold") == 3
    assert "*: the best score of its column among models that may be ranked." in str(study)


def test_a_run_that_may_not_be_ranked_is_never_the_best(invented):
    leaky = {"protocol": {"name": "kfold:n=6", "leaks": "speakers", "folds": 2}}
    study = of_runs(invented, leaky={"right": 1.0, **leaky}, bad={"right": 0.2}, good={})
    assert row(study, "leaky")[1].endswith("[1]")
    assert row(study, "good")[1].endswith("*")
    assert "[1] leaky on toy: NOT RANKED: leaks: speakers." in str(study)


def test_a_control_is_never_the_best(invented):
    control = {"right": 1.0, "config": {"model": "control-sentence"}}
    study = of_runs(invented, control=control, bad={"right": 0.2}, good={})
    assert not row(study, "control")[1].endswith("*")
    assert row(study, "good")[1].endswith("*")


def test_runs_on_other_data_are_not_compared(invented):
    pins = {"corpus": "d" * 64, "protocol": "p" * 64, "audio": "a" * 64}
    study = of_runs(invented, good={"right": 0.9}, bad={"pins": pins})
    assert "*" not in study.table()
    assert "toy: these runs differ in corpus, so they cannot be compared." in str(study)


def test_other_machines_are_named(invented):
    machine = {"system": "Linux", "processor": "x86_64", "model": "Fast CPU"}
    text = str(of_runs(invented, a={}, b={"machine": machine}))
    assert "Computed in float32, 1 thread, cpu, x86_64: a on toy." in text
    assert "Computed in float32, 1 thread, cpu, Fast CPU: b on toy." in text


def test_only_folds_that_all_seeds_have_are_counted(invented):
    runs = [invented(f"r{seed}", seed=seed, folds=3, speakers=6) for seed in (0, 1)]
    lacking = Run(runs[1].folder, runs[1].folds[:2], 1)
    matrix = expand([Item("invented")], [Item("toy")], {"seed": [0, 1]})
    results = [
        StudyRun(0, 0, seed, f"seed {seed}", run, ()) for seed, run in enumerate([runs[0], lacking])
    ]
    study = Study("", matrix, tuple(results))
    scores = np.mean([runs[0].scores("uar")[:2], lacking.scores("uar")], axis=0)
    assert row(study, "invented", metrics=["uar"])[1].startswith(f"{100 * scores.mean():.2f} ±")
    assert "the seeds have different folds, and only those that all have are counted" in str(study)


def test_the_papers_rows_are_beside_those_of_its_corpora(invented):
    ravdess = {"config": {"dataset": "ravdess", "labels": "ravdess", "protocol": "paper"}}
    study = of_runs(invented, "ravdess", a=ravdess)
    assert row(study, "paper, M1", metrics=["uar", "f1"])[1:] == ["37.16 ± 2.79", "34.83 ± 2.80"]
    assert "The paper's rows carry caveats" in str(study)
    assert "not for these" not in str(study)
    other = {"config": {"dataset": "ravdess", "labels": "ravdess", "protocol": "loso"}}
    study = of_runs(invented, "ravdess", a=other)
    assert "RAVDESS: the paper's rows are for protocol paper and labels ravdess, not" in str(study)


def of_runs(invented, dataset="toy", **models):
    """A study of invented runs, by the names of their models."""
    matrix = expand([Item(name) for name in models], [Item(dataset)], {})
    return Study(
        "",
        matrix,
        tuple(
            StudyRun(at, 0, 0, matrix.title(matrix.combinations[at]), invented(name, **facts), ())
            for at, (name, facts) in enumerate(models.items())
        ),
    )


HOSTILE = '<img src=x onerror="alert(1)">|[a](http://b)*c*\x1b[31m'


def test_names_are_never_markup(invented):
    matrix = expand([Item(HOSTILE)], [Item("toy")], {})
    results = (StudyRun(0, 0, 0, HOSTILE, invented("x"), (), HOSTILE),)
    study = Study(HOSTILE, matrix, results)
    for form in FORMS:
        assert "\x1b" not in study.page(form)
    assert "<img" not in study._repr_html_()
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in study._repr_html_()
    assert "<img" not in study._repr_markdown_()
    assert "[a](" not in study._repr_markdown_()
    body = study.table("markdown").splitlines()
    assert len({line.replace(r"\|", "").count("|") for line in body}) == 1
    assert r"\textless{}img" in study.page("latex")
    text = study.table("text").splitlines()
    assert max(map(len, text)) < 200


def test_a_page_has_the_colours_of_what_is_around_it(invented):
    assert "color" not in of_runs(invented, a={}, b={})._repr_html_()


def test_a_latex_table_has_groups_and_its_notes(invented):
    text = of_runs(invented, a={}).page("latex")
    assert r"& \multicolumn{3}{c}{toy} \\" in text
    assert r"\cmidrule(lr){2-4}" in text
    assert text.count(r"\midrule") == 2  # below the head, above chance
    assert r"\par{\footnotesize \% mean $\pm$ sample standard deviation over folds.}" in text


def test_the_records_of_a_frame_are_folds():
    study = evaluate(["centroid", "faulty"], ["tones", "hushed"], seed=0)
    records = study.records()
    found = [(each["model"], each["dataset"], each["fold"], each["state"]) for each in records]
    assert found == [
        *[("centroid", "tones", name, "finished") for name in "123"],
        ("centroid", "hushed", None, "missing"),
        ("faulty", "tones", "2", "finished"),
        ("faulty", "tones", "3", "finished"),
        ("faulty", "tones", "1", "failed"),
        ("faulty", "hushed", None, "missing"),
    ]
    assert records[0]["uar"] == 1.0
    assert records[-1]["uar"] is None
    assert {tuple(each) for each in records} == {tuple(records[0])}


def test_a_data_frame_has_a_row_per_fold():
    pytest.importorskip("pandas", reason="an optional extra")
    frame = evaluate("centroid", "tones").to_frame()
    assert frame.groupby("seed")["uar"].mean().tolist() == [1.0, 1.0]


def test_a_metric_that_does_not_exist_is_refused(invented):
    with pytest.raises(UnknownName, match="there is no metric 'ua'; did you mean uar"):
        of_runs(invented, a={}).table(metrics=["ua"])
    with pytest.raises(UnknownName, match="there is no format 'htm'; did you mean html"):
        of_runs(invented, a={}).table("htm")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": []}, "there is no model: name at least one"),
        ({"seed": []}, "there is no seed: name at least one"),
        ({"seed": "a"}, "the seed is 'a', but must be a number or a range such as 0-4"),
        ({"data": "x"}, "data is one folder, but there are 2 datasets: put their folders into one"),
        (
            {"model": ["centroid", "faulty"], "params": {"scale": 2.0}},
            "no parameter of faulty 'scale' .*; parameters must fit all models: write a study.toml",
        ),
    ],
)
def test_mistakes_are_refused_before_anything_runs(places, options, words):
    with pytest.raises(BadParameter, match=words):
        evaluate(**options)
    assert not places.results.exists()


def test_an_error_that_concerns_the_data_of_one_corpus_stops_no_other(places):
    evaluate("centroid", "tones", seed=0)
    evaluate("centroid", "tones", seed=1, folds=["1"])
    first, second = sorted(places.results.iterdir())
    os.replace(first / "fold-01.safetensors", second / "fold-01.safetensors")
    study = evaluate("centroid")
    assert len(study.complete) == 3
    (line,) = study.problems
    assert "belongs to another run or fold" in line


def test_a_study_that_is_killed_goes_on_where_it_stopped(places, tmp_path):
    expected = predictions(evaluate("centroid", params={"nap": 0.1}, results=tmp_path / "b").runs)
    (tmp_path / "study.toml").write_text(
        """
        [matrix]
        model = { name = "centroid", params = { nap = 0.1 } }
        dataset = ["tones", "tones:takes=2"]
        seed = "0-1"
        """
    )
    command = [sys.executable, "-m", "serbench", "study", "run", "study.toml", "--jobs", "0"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    done = []
    while len(done) <= 4:
        assert child.poll() is None
        time.sleep(0.01)
        done = list(places.results.glob("*/*.safetensors"))
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = {path: path.stat().st_mtime_ns for path in places.results.glob("*/*.safetensors")}
    assert 4 < len(done) < 12
    study = evaluate("centroid", params={"nap": 0.1})
    assert predictions(study.runs) == expected
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_another_commands_folds_are_left_to_it_and_said(places):
    from serbench.evaluation.folds.locks import claimed

    run = serbench.evaluate("centroid", "tones", jobs=0, folds=["1"])
    with claimed(run.folder, ["fold-02", "fold-03"]):
        study = evaluate(["centroid", "preset"], "tones", seed=0)
        assert [each.is_complete for each in study.results] == [False, True]
        assert "[1] centroid on tones: folds 2, 3 queued." in str(study)
        with pytest.raises(SerbenchError, match="folds 2, 3 of tones_centroid.* computed by proc"):
            evaluate("centroid", "tones", seed=[0])


def test_a_name_given_twice_is_one_run(places):
    study = serbench.evaluate(["centroid", "centroid"], ["tones"], protocol="loso", jobs=0)
    assert len(study.results) == 1


def test_what_a_dataset_sets_is_a_column_and_is_never_averaged():
    settings = [{"trim_db": [60.0, None]}, {"params": [{"parts": 1}, {"parts": 2}]}]
    for axes, more in zip(
        settings, (["", ", trim_db=none"], [", parts=1", ", parts=2"]), strict=True
    ):
        matrix = expand([Item("preset")], [Item("tones", axes)], {"seed": [0, 1]})
        assert matrix.row_names == ["preset"]
        assert matrix.column_names == [f"tones{each}" for each in more]
        assert [matrix.model_name(0, at) for at in (0, 1)] == [f"preset{each}" for each in more]
        assert [each.column for each in matrix.combinations] in ([0, 0, 1, 1], [0, 1, 0, 1])
    items = [Item("tones", {"trim_db": [60.0]}), Item("tones", {"trim_db": [30.0]})]
    assert expand([Item("a")], items, {}).column_names == ["tones", "tones, trim_db=30.0"]


def test_two_configurations_are_never_averaged_as_seeds(invented):
    matrix = expand([Item("invented")], [Item("toy")], {"seed": [0, 1]})
    runs = [invented("a"), invented("b", seed=1, config={"threads": 2})]
    results = [StudyRun(0, 0, seed, "", run, ()) for seed, run in enumerate(runs)]
    with pytest.raises(AssertionError):
        Study("", matrix, tuple(results)).table()


def test_audio_that_changed_between_runs_is_said_and_never_averaged(invented):
    pins = {"corpus": "c" * 64, "protocol": "p" * 64, "audio": "b" * 64}
    study = of_runs(invented, good={"right": 0.9}, bad={"pins": pins})
    assert "*" not in study.table()
    assert "toy: these runs differ in audio, so they cannot be compared." in str(study)
    matrix = expand([Item("invented")], [Item("toy")], {"seed": [0, 1]})
    runs = [invented("a"), invented("b", seed=1, pins=pins)]
    results = [StudyRun(0, 0, seed, "", run, ()) for seed, run in enumerate(runs)]
    study = Study("", matrix, tuple(results))
    assert row(study, "invented")[1:] == ["- [1]"] * 3
    assert "the seeds differ in audio, so they have no mean" in str(study)


def test_an_incomplete_run_is_never_shown_as_complete(invented):
    whole = invented("a", folds=3, speakers=6)
    study = of_runs(invented, a={})
    lacking = StudyRun(0, 0, 0, "a", Run(whole.folder, whole.folds[:2], 1), ())
    text = str(Study("", study.matrix, (lacking,)))
    assert "NOT RANKED: incomplete: 1 of 3 folds is missing" in text


def test_a_protocol_that_changed_after_a_run_is_a_reason(places):
    run = serbench.evaluate("centroid", "tones", jobs=0)
    made = plan.plan("", expand([Item("centroid")], [Item("tones")], {}), places.results)
    assert not result.read(made).problems
    (one,) = made.runs
    other = replace(one.plan, pins={**one.plan.pins, "protocol": "0" * 64})
    study = result.read(replace(made, runs=(replace(one, plan=other),)))
    assert (len(study.runs), study.complete) == (1, ())
    text = str(study)
    assert "the protocol changed after these folds were computed: `serbench runs rm " in text
    assert run.name in text


def test_a_problem_of_a_complete_run_is_a_reason_after_a_command_that_computes(places):
    serbench.evaluate("centroid", "tones", jobs=0)
    made = plan.plan("", expand([Item("centroid")], [Item("tones")], {}), places.results)
    made = replace(made, runs=(replace(made.runs[0], plan=None, problem="no corpus"),))
    assert not result.read(made).problems
    assert result.read(made, is_computed=True).problems == ("centroid on tones: no corpus",)


def test_folds_of_other_code_are_said(invented):
    run, other = invented("a"), invented("a", sources={"serbench": "0" * 64})
    study = of_runs(invented, a={})
    mixed = StudyRun(0, 0, 0, "a", Run(run.folder, (run.folds[0], other.folds[1])), ())
    assert "a on toy: the folds differ in sources." in str(Study("", study.matrix, (mixed,)))


def test_a_mean_over_fewer_seeds_than_its_row_has_is_said(invented):
    matrix = expand([Item("a")], [Item("toy"), Item("other")], {"seed": [0, 1]})
    places = [(0, 0), (0, 1), (1, 0)]  # column, seed
    results = [
        StudyRun(0, column, seed, "", invented(f"{column}{seed}", seed=seed), ())
        for column, seed in places
    ]
    text = str(Study("", matrix, tuple(results)))
    assert "a on other: the mean over 1 of 2 seeds." in text
    assert "a on toy: the mean" not in text


def test_one_run_in_two_rows_is_not_the_best_of_two(invented):
    study = of_runs(invented, a={"right": 0.9}, b={})
    run = study.results[0].run
    assert "*" in study.table()
    twice = tuple(replace(each, run=run) for each in study.results)
    assert "*" not in Study("", study.matrix, twice).table()


def test_the_papers_rows_keep_its_protocol_and_their_caveat_without_a_fold():
    item = Item("ravdess", {"protocol": ["kfold:n=4", "loso"]})
    matrix = expand([Item("a")], [item], {})
    study = Study("", matrix, tuple(StudyRun(0, at, 0, "", None, ()) for at in (0, 1)))
    assert "the paper's rows are for protocol paper and labels ravdess, not" in str(study)
    rows = [each for each in study.table("csv").splitlines() if "paper, M1" in each]
    assert len(rows) == 1
    assert rows[0].startswith('"paper, M1",,ravdess,paper,ravdess,')
