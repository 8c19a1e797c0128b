"""The example that logs a run to MLflow, into a real store: `make test-trackers`."""

import importlib.util
import sys
from pathlib import Path

import pytest

import serbench

pytestmark = pytest.mark.trackers
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "track_mlflow.py"


@pytest.fixture
def store(places, tmp_path, monkeypatch):
    """MLflow's client of a new store."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    mlflow.set_experiment("of a test")  # else that of the test before, in another store
    return mlflow.MlflowClient()


@pytest.fixture
def example():
    spec = importlib.util.spec_from_file_location("track_mlflow", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["track_mlflow"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["track_mlflow"]


def test_a_finished_run_is_there_with_everything_that_was_logged(store, example):
    run = serbench.evaluate("following", "tones", jobs=0)
    name = example.log(run)
    logged = store.get_run(name).data
    assert logged.params["model"] == "following"
    assert logged.params["dataset"] == "tones"
    assert logged.tags["ranked"] == "True"
    assert logged.metrics["mean.f1"] == pytest.approx(run.mean_std("f1").mean)
    folds = store.get_metric_history(name, "fold.f1")
    assert [one.value for one in folds] == pytest.approx(list(run.scores("f1")))
    files = [one.path for one in store.list_artifacts(name, "results")]
    assert files == [f"results/fold-0{number}.safetensors" for number in (1, 2, 3)]


def test_an_evaluation_is_followed_while_it_goes_on(store, example):
    import mlflow

    with mlflow.start_run() as tracked:
        run = serbench.evaluate("sleeper", "tones", jobs=0, listener=example.Live())
    logged = store.get_run(tracked.info.run_id).data
    assert [logged.tags[f"fold.{number}"] for number in (1, 2, 3)] == ["done"] * 3
    for fold in run.folds:
        stored = fold.facts.curve
        name = next(one for one in stored[0] if one != "epoch")
        history = store.get_metric_history(
            tracked.info.run_id, f"curve.{fold.facts.fold.name}.{name}"
        )
        assert [one.step for one in history] == [point["epoch"] for point in stored]
        assert [one.value for one in history] == pytest.approx([point[name] for point in stored])


def test_the_command_of_the_page_logs_a_run(store, tmp_path):
    import subprocess

    run = serbench.evaluate("centroid", "tones", jobs=0)
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(run.folder), (tmp_path / "other").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "other").is_dir()
