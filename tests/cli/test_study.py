"""`serbench study`, and evaluations of many runs, as a user types them."""

import csv
import io
import json
import re

import pytest

pytestmark = pytest.mark.usefixtures("places")

STUDY = """
[matrix]
model = ["centroid", { name = "faulty", params = { fault = "FAULT" } }]
dataset = "tones"
[engine]
name = "ENGINE"
"""


@pytest.fixture
def serbench(run_command, monkeypatch, tmp_path):
    """A function that runs a command in this process, and returns its code and what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = run_command(*arguments)
        return done.returncode, done.stdout, done.stderr

    return run


def write(tmp_path, fault="raise", engine="local"):
    text = STUDY.replace("FAULT", fault).replace("ENGINE", engine)
    (tmp_path / "study.toml").write_text(text)


def test_several_models_and_seeds_are_one_table(serbench):
    models = ("--model", "centroid", "--model", "preset")
    code, out, _ = serbench(
        *("evaluate", *models, "--dataset", "tones", "--seed", "0-1", "--seed", "3", "--jobs", "0")
    )
    assert code == 0
    assert out.startswith("2 models, 1 corpus, 6 runs\n")
    assert "centroid (3 seeds)" in out
    code, out, _ = serbench(
        *("evaluate", *models, "--dataset", "tones", "--seed", "3", "--format", "json")
    )
    assert [row["config"]["model"] for row in json.loads(out)] == ["centroid", "preset"]
    code, out, _ = serbench("evaluate", *models, "--dataset", "tones", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["model"] for row in rows[:2]] == ["centroid", "preset"]


def test_folds_that_fail_are_reasons_and_exit_code_1(serbench):
    given = ("--model", "centroid", "--model", "faulty", "--dataset", "tones", "--jobs", "0")
    code, out, err = serbench("evaluate", *given)
    assert code == 1
    assert "[1] faulty on tones: fold 1 failed: ValueError: the model is faulty." in out
    assert err.splitlines()[-1] == (
        "serbench: 1 of 2 runs is not complete, for the reasons above; fix the causes and run the "
        "same command again: only the missing folds run"
    )
    code, out, err = serbench("evaluate", *given, "--format", "csv")
    assert code == 1
    assert "\nfaulty on tones: fold 1 failed: ValueError: the model is faulty\n" in err
    code, out, err = serbench("evaluate", *given, "--format", "json")
    assert (code, len(json.loads(out[out.index("[") :]))) == (1, 2)  # after what the model prints
    assert "\nfaulty on tones: fold 1 failed: ValueError: the model is faulty\n" in f"\n{err}"
    hushed = ("--model", "centroid", "--model", "preset", "--dataset", "hushed")
    code, out, _ = serbench("evaluate", *hushed, "--format", "json")
    assert (code, json.loads(out)) == (1, [])
    code, out, _ = serbench("evaluate", *given, "--fold", "2")  # which does not fail
    assert code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seed", "x"], "the seed is 'x', but must be a number or a range such as 0-4"),
        (["--dataset", "toy", "--data", "x"], "set SERBENCH_DATA to it, or write a study.toml"),
        (["--model", "faulty", "--param", "nap=1"], "there is no parameter of faulty 'nap'"),
        (["--model", "faulty", "--param", "scale=1"], "write a study.toml, in which each model"),
    ],
)
def test_mistakes_in_lists_are_one_line(serbench, options, words):
    code, out, err = serbench("evaluate", "--model", "centroid", "--dataset", "tones", *options)
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_study_is_planned_run_shown_and_reported(serbench, tmp_path):
    write(tmp_path)
    code, out, _ = serbench("study", "plan", "study.toml", "--no-measure")
    assert code == 0
    assert "2 runs with 6 folds: 0 are there, 6 are missing" in out
    code, out, err = serbench("study", "run", "study.toml", "--jobs", "0")
    assert code == 1
    assert "centroid on tones, seed 0, fold 3: finished; 3 of 6 folds are there" in err
    assert "study: 2 models, 1 corpus, 2 runs\n" in out
    assert "serbench: 1 of 2 runs is not complete" in err
    code, out, _ = serbench("study", "plan", "study.toml", "--no-measure")
    assert "2 runs with 6 folds: 5 are there, 1 is missing" in out
    code, out, _ = serbench("study", "status", "study.toml")
    assert code == 0
    assert out.endswith("`serbench study run study.toml` computes the other folds\n")
    code, out, _ = serbench("study", "status", "study.toml", "--format", "json")
    assert len(json.loads(out)["runs"]) == 2
    code, out, _ = serbench("study", "table", "study.toml", "--metric", "f1", "--format", "latex")
    assert code == 0
    assert r"\multicolumn{1}{c}{tones}" in out
    report = ("study", "report", "study.toml", "--out", "report", "--picture", "none")
    code, out, err = serbench(*report)
    assert code == 0
    assert err.startswith("left out: faulty on tones: fold 1 failed: ValueError")
    assert (tmp_path / "report" / "index.html").is_file()


def test_options_replace_the_engine_of_the_file(serbench, tmp_path):
    write(tmp_path, fault="none", engine="sequential")
    code, _, err = serbench("study", "run", "study.toml", "--jobs", "2")
    assert code == 1
    assert "jobs is 2, but only the engine local has it" in err
    options = ("--engine", "local", "--engine-option", "jobs=0")
    assert serbench("study", "run", "study.toml", *options)[0] == 0


def test_a_detached_study_is_shown_collected_and_cancelled(serbench, tmp_path, places):
    write(tmp_path, engine="queue")
    text = (tmp_path / "study.toml").read_text().replace('"centroid", ', "")  # which takes time
    (tmp_path / "study.toml").write_text(text)
    code, out, _ = serbench("study", "run", "study.toml", "--detach")
    assert code == 0
    assert out == (
        "3 folds in the queue of the engine queue: `serbench study status study.toml` shows "
        "them; `serbench study collect study.toml` waits for them, and prints the table\n"
    )
    code, out, _ = serbench("study", "status", "study.toml")
    assert code == 0
    assert re.search(r"\nall +- +(-|1) +[23]", out)
    code, out, err = serbench("study", "collect", "study.toml")
    assert code == 1
    assert "fold 3: finished; 2 of 3 folds are there" in err
    assert "[1] faulty on tones: fold 1 failed: ValueError: the model is faulty." in out
    assert not (places.results / ".submitted").exists()
    code, out, _ = serbench("study", "cancel", "study.toml")
    assert out == "no fold of this study is in a queue\n"
    serbench("study", "run", "study.toml", "--detach")
    code, out, _ = serbench("study", "cancel", "study.toml")
    assert re.fullmatch(r"cancelled 1 fold of queue-[\w-]+\n", out)
    assert not (places.results / ".submitted").exists()


def test_an_engine_that_ends_with_the_command_cannot_be_detached(serbench, tmp_path):
    write(tmp_path)
    code, _, err = serbench("study", "run", "study.toml", "--detach")
    assert code == 1
    assert "the folds of the engine local end with this command: leave out --detach" in err


def test_nothing_to_report_is_said(serbench, tmp_path):
    write(tmp_path)
    code, _, err = serbench("study", "report", "study.toml", "--out", "report")
    assert code == 1
    assert "no run of study.toml is complete: `serbench study run study.toml` runs them" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--engine", "nosuch"), "there is no engine 'nosuch'"),
        (("--engine-option", "cpus=4"), "there is no parameter of the engine local 'cpus'"),
    ],
)
def test_a_plan_refuses_an_unknown_engine_and_its_unknown_options(
    serbench, tmp_path, options, words
):
    write(tmp_path)
    code, out, err = serbench("study", "plan", "study.toml", "--no-measure", *options)
    assert (code, out) == (1, "")
    assert words in err


def test_a_plan_estimates_the_missing_folds_and_runs_none(serbench, places, tmp_path):
    write(tmp_path, fault="none")
    code, out, err = serbench("study", "plan", "study.toml", "--no-measure")
    assert (code, err) == (0, "")
    assert "time on the engine local" in out
    assert "unknown: not measured" in out
    code, out, err = serbench("study", "plan", "study.toml", "--jobs", "1", "--format", "json")
    assert "measuring centroid" in err.splitlines()
    printed = json.loads(out)
    assert [run["missing"] for run in printed["runs"]] == ["3", "3"]
    estimate = printed["estimate"]
    assert [row["known_from"] for row in estimate["rows"]] == ["measured", "measured"]
    assert estimate["seconds"] > 0
    assert estimate["at_once"] == 1
    assert not places.results.exists()
