"""A kept model for other software: the best fold's, into a new folder, or a line that says why."""

import os
import signal

import pytest

import serbench
from serbench.errors import SerbenchError, UnknownName
from serbench.inference import export
from serbench.results import fold_file

pytestmark = pytest.mark.usefixtures("places")


def evaluate(model="exporter", **options):
    return serbench.evaluate(model, "tones", jobs=0, keep_models=True, **options)


@pytest.fixture
def run():
    """A run whose second fold is the best on its validation set."""
    made = evaluate()
    for path, f1 in zip(sorted(made.folder.glob("*.safetensors")), (0.5, 0.75, 0.25), strict=True):
        one = fold_file.read(path)
        fold_file.write(
            path, fold_file.FoldResult({**one.stored, "validation": {"f1": f1}}, one.test)
        )
    return made


def means(run, number):
    return (run.folder / "models" / f"fold-0{number}" / "means.npy").read_bytes()


def test_the_fold_that_is_best_on_validation_is_exported(run, tmp_path):
    made = export(run.name, tmp_path / "new" / "out")
    assert made.kept.folder.name == "fold-02"
    assert (tmp_path / "new" / "out" / "means.txt").read_text().startswith("low [")
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["out"]
    said = str(made)
    for part in (
        f"exporter of fold {made.kept.name} of {run.name} is in {tmp_path / 'new' / 'out'}",
        "validation macro F1: 75.00, the best of 3 kept folds",
        "labels: low, middle, high",
        "files: means.txt (",
    ):
        assert part in said


def test_a_fold_that_is_named_is_exported(run, tmp_path):
    name = run.folds[2].facts.fold.name
    made = export(run.folder, tmp_path / "out", fold=name)
    assert made.kept.folder.name == "fold-03"
    assert "the best of" not in str(made)


def test_what_is_exported_is_what_was_kept(run, tmp_path):
    export(run.folder, tmp_path / "two", fold="2")
    export(run.folder, tmp_path / "three", fold="3")
    assert means(run, 2) != means(run, 3)
    texts = [(tmp_path / name / "means.txt").read_text() for name in ("two", "three")]
    assert texts[0] != texts[1]


def test_an_empty_folder_is_filled_and_another_left_alone(run, tmp_path):
    (tmp_path / "empty").mkdir()
    export(run.name, tmp_path / "empty")
    assert os.listdir(tmp_path / "empty") == ["means.txt"]
    before = (tmp_path / "empty" / "means.txt").read_bytes()
    words = "empty is not an empty folder: name a new folder with --out"
    with pytest.raises(SerbenchError, match=words):
        export(run.name, tmp_path / "empty", fold="3")
    assert (tmp_path / "empty" / "means.txt").read_bytes() == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SerbenchError, match="file is not an empty folder"):
        export(run.name, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_what_cannot_be_exported_is_said(tmp_path):
    keeper = evaluate("keeper")
    plain = serbench.evaluate("exporter", "tones", jobs=0, seed=1)
    kept = evaluate("exporter", seed=2)
    for name, fold, error, words in (
        (keeper.name, None, SerbenchError, "keeper cannot be exported, since it has no export"),
        (plain.name, None, SerbenchError, "has no kept models: evaluate again with --keep-models"),
        (kept.name, "33", UnknownName, "there is no kept fold '33'; did you mean 3"),
    ):
        with pytest.raises(error, match=words) as caught:
            export(name, tmp_path / "out", fold=fold)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()


def test_an_export_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    import serbench_tiny

    def fails(self, folder):
        (folder / "half").write_text("")
        raise ZeroDivisionError

    monkeypatch.setattr(serbench_tiny.Exporter, "export", fails)
    with pytest.raises(ZeroDivisionError):
        export(run.name, tmp_path / "below" / "out")
    assert list((tmp_path / "below").iterdir()) == []


def test_an_export_that_is_killed_leaves_no_folder_of_that_name(run, tmp_path, monkeypatch):
    import serbench_tiny

    def dies(self, folder):
        (folder / "half").write_text("")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(serbench_tiny.Exporter, "export", dies)
    child = os.fork()
    if child == 0:
        export(run.name, tmp_path / "out")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert not (tmp_path / "out").exists()
