"""Kept models: whole or absent, of the run that is there, and no part of its identity."""

import os
import shutil

import pytest

import serbench
from serbench.errors import FoldError, SerbenchError
from serbench.evaluation import kept_models
from serbench.results.run import folders

pytestmark = pytest.mark.usefixtures("places")

WHOLE = ["means.npy", "words.json"]


def evaluate(model="keeper", jobs=0, keep_models=True, **options):
    return serbench.evaluate(model, "tones", jobs=jobs, keep_models=keep_models, **options)


def models(folder):
    """The files of every kept model, what a killed process leaves behind included."""
    below = folder / "models"
    return {one.name: sorted(os.listdir(one)) for one in below.iterdir()} if below.is_dir() else {}


def test_every_fold_keeps_its_model():
    run = evaluate()
    assert models(run.folder) == {f"fold-0{number}": WHOLE for number in (1, 2, 3)}


def test_keeping_changes_neither_the_run_nor_its_predictions(tmp_path):
    kept = evaluate()
    plain = evaluate(keep_models=False, results=tmp_path / "plain")
    assert plain.name == kept.name
    assert models(plain.folder) == {}
    for one, other in zip(kept.folds, plain.folds, strict=True):
        assert one.test.activations.tobytes() == other.test.activations.tobytes()
        assert set(one.stored) == set(other.stored)
        for same in ("config", "pins", "model", "validation", "curve", "fold"):
            assert one.stored[same] == other.stored[same], same


def test_the_same_command_again_keeps_what_is_there():
    before = {path: path.stat().st_mtime_ns for path in evaluate().folder.rglob("*.npy")}
    after = {path: path.stat().st_mtime_ns for path in evaluate().folder.rglob("*.npy")}
    assert after == before


def test_a_model_that_cannot_be_kept_is_refused_before_anything_runs(places):
    words = r"centroid cannot be kept, since it has no save and load .*leave out --keep-models"
    with pytest.raises(SerbenchError, match=words) as caught:
        evaluate("centroid")
    assert "\n" not in str(caught.value)
    assert not places.results.exists()
    assert not places.cache.exists()


def test_finished_folds_without_a_model_are_said_up_front():
    run = evaluate(keep_models=False)
    (run.folder / "fold-02.safetensors").unlink()
    before = {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    names = [fold.facts.fold.name for fold in run.folds]
    words = (
        rf"2 of 3 folds \({names[0]}, {names[2]}\) are finished, but no model was kept: "
        r"`serbench runs rm \S+ --yes`, then the same command with --keep-models; or use another "
        "--results folder"
    )
    with pytest.raises(SerbenchError, match=words) as caught:
        evaluate()
    assert "\n" not in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in run.folder.iterdir()} == before


def test_doing_what_the_line_says_mends_it():
    run = evaluate(keep_models=False)
    for path in run.folder.glob("*.safetensors"):
        path.unlink()
    assert len(models(evaluate().folder)) == 3


def test_a_fold_that_runs_again_replaces_its_model():
    run = evaluate()
    place = kept_models.folder(run.folder, 1)
    (place / "of-old").write_text("")
    (run.folder / "fold-02.safetensors").unlink()
    evaluate()
    assert models(run.folder)["fold-02"] == WHOLE


def test_a_fold_that_runs_again_without_keeping_leaves_no_model_of_another_result():
    run = evaluate()
    (run.folder / "fold-02.safetensors").unlink()
    evaluate(keep_models=False)
    assert sorted(models(run.folder)) == ["fold-01", "fold-03"]


def test_a_process_that_dies_while_it_saves_leaves_no_model_and_no_result(places, monkeypatch):
    monkeypatch.setenv("TINY_DIES", "1")
    with pytest.raises(FoldError, match="SIGKILL"):
        evaluate(jobs=2, folds=["1", "2"])  # s1 is in the test set of fold 1
    (folder,) = folders(places.results)
    finished = {path.stem for path in folder.glob("*.safetensors")}
    assert finished == {"fold-02"}
    left = {name for name in models(folder) if not name.startswith(".")}
    assert left == finished
    monkeypatch.delenv("TINY_DIES")
    evaluate()
    assert models(folder) == {f"fold-0{number}": WHOLE for number in (1, 2, 3)}


def test_a_model_that_cannot_be_written_is_one_line_and_leaves_no_result():
    run = evaluate()
    shutil.rmtree(run.folder / "models")
    (run.folder / "models").write_text("a file")
    for path in run.folder.glob("*.safetensors"):
        path.unlink()
    with pytest.raises(FoldError, match="fold .*: cannot write .*models/fold-01"):
        evaluate()
    assert not list(run.folder.glob("*.safetensors"))


def test_kept_folds_are_found_by_name():
    run = evaluate()
    names = [one.name for one in kept_models.find(run.folder, run.folds)]
    assert names == [fold.facts.fold.name for fold in run.folds]
    (one,) = kept_models.find(run.folder, run.folds, names[1])
    assert one.folder == run.folder / "models" / "fold-02"
    with pytest.raises(SerbenchError, match=f"no kept fold 'x'.*known: {names[0]}, {names[1]}"):
        kept_models.find(run.folder, run.folds, "x")


def test_a_model_of_another_version_is_refused(monkeypatch):
    import serbench_tiny

    run = evaluate()
    monkeypatch.setattr(serbench_tiny.Keeper, "version", "2")
    (first, *_) = kept_models.find(run.folder, run.folds)
    words = "made with version 1 of the model keeper, but version 2 is installed: install the"
    with pytest.raises(SerbenchError, match=words):
        kept_models.load(first)
