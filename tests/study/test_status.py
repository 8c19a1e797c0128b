"""Where folds stand, as the files beside the results say."""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

import serbench
from serbench.evaluation.folds.locks import claimed
from serbench.evaluation.progress import fold_status
from serbench.evaluation.progress.bars import Bars
from serbench.evaluation.progress.fold_status import Progress
from serbench.study.matrix import Item, expand
from serbench.study.plan import plan
from serbench.study.status import status

pytestmark = pytest.mark.usefixtures("places")


@pytest.fixture
def study(places):
    """A study of a run whose first fold is there, and the results of its folds."""
    run = serbench.evaluate("centroid", "tones", jobs=0, folds=["1"])
    made = plan("mine", expand([Item("centroid")], [Item("tones")], {}), places.results)
    return made, [run.folder.resolve() / f"fold-0{number}.safetensors" for number in (1, 2, 3)]


def states(made):
    return [fold.state for fold in status(made).runs[0].folds]


def report(result, **facts):
    """Write progress as a fold's process does."""
    now = time.time()
    known = Progress(now, platform.node(), os.getpid(), now)
    fold_status.progress_file(result).write_text(json.dumps(asdict(known) | facts))


def test_folds_are_finished_or_missing_at_first(study):
    made, _ = study
    assert states(made) == ["finished", "missing", "missing"]
    assert str(status(made)).endswith("mine: 1 of 3 folds is finished")


def test_a_claimed_fold_runs_once_its_process_reports_and_is_queued_before(study):
    made, results = study
    report(results[1], started=time.time() - 100)  # of a command that was killed
    with claimed(results[0].parent, ["fold-02", "fold-03"]):
        assert states(made) == ["finished", "queued", "queued"]
        epoch = {"epoch": 3, "epochs": 16, "values": {"train_loss": 0.71828, "validation_uar": 0.5}}
        now = time.time()
        report(results[1], started=now, updated=now + 30, **epoch)
        found = status(made)
        assert states(made) == ["finished", "running", "queued"]
        text = str(found)
        assert "fold 2: epoch 3 of 16, train loss 0.718, validation uar 0.5, 2 min" in text
        assert f" left, process {os.getpid()} on {platform.node()}\n" in text
        assert f"fold 3: process {os.getpid()} on host " in text
        # 10 s an epoch: 160 s for the running fold, then hardly any time for the other
        assert found.left == pytest.approx(160, abs=10)
        assert found.is_active
    assert states(made) == ["finished", "stopped", "missing"]
    assert "fold 2: after epoch 3 of 16, train loss 0.718" in str(status(made))
    assert not status(made).is_active


def test_a_fold_shows_how_far_it_is_within_an_epoch(study):
    made, results = study
    with claimed(results[0].parent, ["fold-02"]):
        now = time.time()
        times = {"started": now, "began": now + 50, "updated": now + 70}
        report(results[1], epochs=4, within_epoch=0.2, **times)
        found = status(made)
        assert "fold 2: epoch 1 of 4, 20 %, 7 min" in str(found)
        # a twentieth took 20 s; training lasts 400 s, and began after 50 s
        assert found.left == pytest.approx(450, abs=10)
        report(results[1], epoch=1, epochs=4, within_epoch=0.5, values={"train_loss": 0.7})
        assert "fold 2: epoch 2 of 4, 50 %, train loss 0.7" in str(status(made))
    assert "fold 2: after epoch 1 of 4, train loss 0.7" in str(status(made))


def test_a_model_need_not_know_the_number_of_its_epochs(study):
    made, results = study
    with claimed(results[0].parent, ["fold-02"]):
        report(results[1], epoch=3, epochs=0)
        text = str(status(made))
    assert "centroid on tones, fold 2: epoch 3, " in text
    bars = Bars()
    bars.training("run", "2", {"epoch": 3, "epochs": 0})


def test_a_fold_that_failed_has_its_reason_until_it_starts_again(study):
    made, results = study
    fold_status.failed(results[2], "Traceback\n  ...\nValueError: it broke")
    assert states(made) == ["finished", "missing", "failed"]
    assert "failed:\n  centroid on tones, fold 3: ValueError: it broke" in str(status(made))
    assert "Traceback" in status(made).as_json()
    os.utime(fold_status.failure_file(results[2]), (0, 0))
    with claimed(results[0].parent, ["fold-03"]):
        assert states(made)[2] == "queued"
        fold_status.failed(results[2], "again")
        assert states(made)[2] == "failed"
        report(results[2], stage="training")
        assert states(made)[2] == "running"


def test_a_fold_of_a_process_that_is_gone_is_stopped_and_one_of_another_host_runs(study):
    made, results = study
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock = results[1].with_name(".fold-02.lock")
    lock.write_text(f"{ended.pid}\n{platform.node()}\n")
    report(results[1], epoch=1, epochs=2)
    assert states(made)[1] == "stopped"
    lock.write_text("1\nsome-other-host\n")
    report(results[1], host="some-other-host", pid=1, epoch=1, epochs=2)
    assert states(made)[1] == "running"
    assert "process 1 on some-other-host" in str(status(made))


def test_status_takes_no_lock_and_writes_nothing(study, places):
    made, _ = study
    before = {path: path.stat().st_mtime_ns for path in places.results.rglob("*")}
    status(made)
    assert {path: path.stat().st_mtime_ns for path in places.results.rglob("*")} == before


def test_finished_folds_of_a_corpus_that_is_not_here_are_shown(places):
    from serbench.evaluation.plan import Planner
    from serbench.settings import settings

    run = serbench.evaluate("centroid", "tones", jobs=0, folds=["2"])
    request = expand([Item("centroid")], [Item("hushed")], {}).requests[0]
    folder = places.results / Planner(settings()).identify(request).name
    run.folder.rename(folder)
    made = plan("mine", expand([Item("centroid")], [Item("hushed")], {}), places.results)
    assert states(made) == ["missing", "finished", "missing"]
    assert "cannot be planned here: centroid on hushed: no tones in" in str(status(made))


def test_a_status_is_data_too(study):
    made, results = study
    report(results[1], epoch=1, epochs=2)
    found = json.loads(status(made).as_json())
    folds = found["runs"][0]["folds"]
    assert [fold["state"] for fold in folds] == ["finished", "stopped", "missing"]
    assert folds[1]["progress"]["epochs"] == 2
    assert found["runs"][0]["run"] == results[0].parent.name
