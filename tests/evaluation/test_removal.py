"""What `serbench runs rm` removes, what it leaves alone, and what it says."""

import json
import os
import pty
import shutil
import subprocess
import sys
import time

import pytest

import serbench
from serbench.errors import SerbenchError, UnknownName
from serbench.evaluation import kept_models, removal
from serbench.evaluation.engines.submission import FOLDER, Queued
from serbench.evaluation.folds.locks import claimed
from serbench.evaluation.progress import fold_status
from serbench.files import replacing
from serbench.results.run import folders, read


@pytest.fixture
def run(places):
    return serbench.evaluate("keeper", "tones", jobs=0, keep_models=True)


@pytest.fixture
def says(run_command):
    """A function that runs `serbench runs`, and returns its code and what it prints."""

    def run(*arguments, stdin=None):
        done = run_command("runs", *arguments, stdin=stdin)
        return done.returncode, done.stdout, done.stderr

    return run


def remove(name, places, fold=None):
    removal.remove(removal.plan(name, places.results, fold), places.results)


def test_a_run_is_removed_after_it_was_shown(run, places, says):
    other = serbench.evaluate("centroid", "tones", jobs=0)
    status, out, error = says("rm", "tones_keeper", "--yes")
    assert (status, error) == (0, "")
    first, last = out.splitlines()
    assert first.startswith(f"{run.folder}: 3 folds, 3 kept models, 0.")
    assert last == f"removed {run.folder}"
    assert list(places.results.iterdir()) == [other.folder]


def test_predictions_for_extra_test_sets_are_removed_with_their_fold(run, places):
    serbench.evaluate("keeper", "tones", jobs=0, perturb="softer")
    files = places.results.glob("*/extra/*/*.safetensors")
    assert sorted(path.stem for path in files) == ["fold-01", "fold-02", "fold-03"]
    remove(run.name, places, fold="2")
    files = places.results.glob("*/extra/*/*.safetensors")
    assert sorted(path.stem for path in files) == ["fold-01", "fold-03"]
    remove(run.name, places, fold="1")
    remove(run.name, places, fold="3")
    assert list(run.folder.glob("extra")) == []
    serbench.evaluate("keeper", "tones", jobs=0, perturb="softer")
    remove(run.name, places)
    assert list(places.results.iterdir()) == []


def test_without_a_terminal_nothing_is_removed_unasked(run, says):
    status, out, error = says("rm", "tones_keeper")
    assert status == 1
    assert out.startswith(f"{run.folder}: 3 folds")
    assert error == (
        "serbench: nothing was removed: there is no terminal to ask on, so add --yes\n"
    )
    assert read(run.folder).missing == 0


@pytest.mark.parametrize(("answer", "is_left"), [(b"n\n", True), (b"y\n", False)])
def test_a_terminal_is_asked(run, says, answer, is_left):
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    with os.fdopen(theirs) as terminal:
        status, out, _ = says("rm", "tones_keeper", stdin=terminal)
    os.close(ours)
    assert status == 0
    assert "Remove this? [y/N]: " in out
    assert run.folder.exists() == is_left


def test_runs_without_a_command_lists_with_its_options(run, says, tmp_path):
    assert run.name in says()[1]
    assert says("--format", "csv", "--results", str(tmp_path / "none"))[1].count("\n") == 1
    assert says("--format", "csv")[1].count(run.name) == 1


def test_the_results_folder_may_be_named_before_the_command(run, says, places, tmp_path):
    moved = tmp_path / "elsewhere"
    places.results.rename(moved)
    assert says("--results", str(moved), "rm", "tones_keeper", "--yes")[0] == 0
    assert list(moved.iterdir()) == []


def test_one_fold_is_removed_with_its_model_and_computed_again(run, places):
    remove("tones_keeper", places, "2")
    assert not kept_models.folder(run.folder, 1).exists()
    assert sorted(path.name for path in run.folder.iterdir()) == [
        *("fold-01.safetensors", "fold-03.safetensors", "models")
    ]
    assert serbench.evaluate("keeper", "tones", jobs=0, keep_models=True).missing == 0


def test_folds_one_by_one_leave_no_folder(run, places):
    for fold in ("1", "fold-02", "3"):
        remove("tones_keeper", places, fold)
    assert not run.folder.exists()


def test_an_unknown_fold_is_refused_with_those_that_there_are(run, places):
    with pytest.raises(UnknownName, match=r"there is no fold '7' \(known: 1, 2, 3\) in /"):
        removal.plan("tones_keeper", places.results, "7")


def test_a_run_that_cannot_be_read_is_removed_whole_or_by_fold(run, places):
    (run.folder / "fold-02.safetensors").write_bytes(b"damaged")
    remove("tones_keeper", places, "fold-02")
    (run.folder / "fold-01.safetensors").write_bytes(b"damaged")
    remove("tones_keeper", places)
    assert not run.folder.exists()


def test_a_run_with_only_failed_folds_is_removed(places):
    folder = places.results / "tones_failed_kfold_seed0_00000000"
    folder.mkdir(parents=True)
    fold_status.failed(folder / "fold-01.safetensors", "the model is faulty")
    assert str(removal.plan("tones_failed", places.results)).startswith(
        f"{folder}: 0 folds, 0.0 MB"
    )
    remove("tones_failed", places)
    assert not folder.exists()


def test_a_run_that_a_command_computes_is_refused_with_its_holder(run, places):
    with claimed(run.folder, ["fold-02"]):
        with pytest.raises(SerbenchError, match="nothing was removed") as refusal:
            remove("tones_keeper", places)
        remove("tones_keeper", places, "1")  # this fold is free
    assert str(refusal.value).startswith(
        f"fold-02 of {run.folder} is being computed by process {os.getpid()} on host "
    )
    assert read(run.folder).missing == 1


def test_a_running_evaluation_keeps_its_run(places, says):
    evaluate = ["evaluate", "--model", "centroid", "--dataset", "tones", "--fold", "1"]
    command = [sys.executable, "-m", "serbench", *evaluate, "--jobs", "0", "--param", "nap=3"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list(places.results.glob("*/.fold-*.progress.json")):
        assert child.poll() is None
        time.sleep(0.02)
    status, _, error = says("rm", "tones", "--yes")
    assert status == 1
    assert f"is being computed by process {child.pid} on host" in error
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said


def test_a_run_in_a_queue_is_refused(run, places):
    result = str(run.folder.resolve() / "fold-02.safetensors")
    queued = Queued("fold 2 of tones", run.name, "2", result)
    folder = places.results / FOLDER / "slurm-1"
    record = {"schema": 1, "engine": "slurm", "options": {}, "detached": True}
    with replacing(folder / "submission.json") as path:
        path.write_text(json.dumps({**record, "tasks": [vars(queued)]}))
    with pytest.raises(SerbenchError) as refusal:
        remove("tones_keeper", places)
    assert str(refusal.value) == (
        f"fold 2 of tones is in the queue of slurm ({folder}): wait for it with the command that "
        "evaluates it, or cancel it in the queue; nothing was removed"
    )
    remove("tones_keeper", places, "1")
    assert read(run.folder).missing == 1


def test_folders_that_are_no_runs_stay(run, places, tmp_path):
    with pytest.raises(
        SerbenchError, match=f"{places.results} is not the folder of a run: nothing"
    ):
        removal.plan(str(places.results), places.results)
    (run.folder / "thesis.txt").write_text("years of work")
    with pytest.raises(SerbenchError, match=r"also holds files that no .* \(thesis.txt\): move"):
        removal.plan("tones_keeper", places.results)
    with pytest.raises(SerbenchError, match="a run's name is empty"):
        removal.plan("", places.results)


def test_links_are_not_followed(run, places, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data.wav").write_bytes(b"data")
    shutil.rmtree(run.folder / "models")
    (run.folder / "models").symlink_to(precious)
    link = tmp_path / "link"
    link.symlink_to(run.folder)
    with pytest.raises(SerbenchError, match=f"{link} is a link: name the folder that it leads to"):
        removal.plan(str(link), places.results)
    remove(str(run.folder), places)
    assert not run.folder.exists()
    assert (precious / "data.wav").exists()


def test_what_a_killed_removal_left_is_no_run_and_goes_with_the_next(run, places):
    left = places.results / f".{run.name}.gone-0123abcd"
    shutil.copytree(run.folder, left)
    assert folders(places.results) == [run.folder]
    remove("tones_keeper", places)
    assert list(places.results.iterdir()) == []
