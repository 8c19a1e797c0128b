"""Several runs in one evaluation, here and in a queue."""

import dataclasses
import json
import time
from pathlib import Path

import pytest

import serbench
from serbench.errors import BadParameter, FoldError, SerbenchError, UnknownName
from serbench.evaluation.engines.submission import make_engine, submissions
from serbench.evaluation.extra_sets import Wanted
from serbench.evaluation.folds.locks import claimed
from serbench.evaluation.means import Means
from serbench.evaluation.pipeline import compute, evaluate
from serbench.evaluation.progress import fold_status
from serbench.evaluation.progress.listener import Listener
from serbench.evaluation.work import Work
from serbench.results import run
from serbench.results.config import Request

pytestmark = pytest.mark.usefixtures("places")

SMALL = "tones:takes=1"
HERE = {"jobs": 0}  # starting processes takes most of the time


class Heard(Listener):
    """Remembers."""

    def __init__(self):
        self.lines, self.decoded = [], []

    def planned(self, plan, folder, wanted, todo):
        self.lines.append((folder.name.split("_")[1], wanted, todo))

    def extracting(self, done, total):
        self.decoded.append((done, total))

    def finished(self, run, fold, error):
        self.lines.append((run.split("_")[1], fold, error))


def predictions(folder):
    return [(fold.test.ids, fold.test.activations.tobytes()) for fold in run.read(folder).folds]


def queued(*requests, **means):
    """The runs of requests in the queue of the tiny plugin."""
    return compute(requests, Means("queue", **means))


def test_two_models_on_two_corpora_are_four_runs_as_if_alone(tmp_path):
    requests = [
        Request(model, corpus) for model in ("centroid", "preset") for corpus in (SMALL, "tones")
    ]
    works = compute(requests, Means(options=HERE))
    assert [work.missing() for work in works] == [[]] * 4
    assert len({work.folder for work in works}) == 4
    for request, work in zip(requests, works, strict=True):
        alone = serbench.evaluate(
            request.model, request.dataset, jobs=0, results=tmp_path / "alone"
        )
        assert predictions(work.folder) == predictions(alone.folder)


def test_models_share_the_features_of_a_corpus():
    heard = Heard()
    requests = [
        Request(model, SMALL, seed=seed) for model in ("centroid", "faulty") for seed in (0, 1)
    ]
    compute([each for each in requests if each.model == "centroid"], Means(options=HERE), heard)
    assert heard.decoded[-1] == (18, 18)
    heard.decoded.clear()
    compute(requests, Means(options=HERE), heard)
    assert heard.decoded == []


def test_a_request_that_cannot_be_planned_stops_no_other():
    requests = [
        Request("centroid", SMALL),
        Request("centriod", SMALL),
        Request("centroid", SMALL, params={"parts": 0}),
        Request("centroid", "tonnes"),
        Request("preset", SMALL),
    ]
    first, *refused, last = compute(requests, Means(options=HERE))
    assert [first.missing(), last.missing()] == [[], []]
    assert [type(error) for error in refused] == [UnknownName, BadParameter, UnknownName]
    assert str(refused[0]).startswith("there is no model 'centriod'; did you mean centroid")


def test_equal_requests_share_a_run():
    heard = Heard()
    exact = Request("centroid", SMALL, protocol="kfold:n=3", params={"scale": 100})
    works = compute([Request("centroid", SMALL), exact], Means(options=HERE), heard)
    assert works[0] is works[1]
    assert heard.lines[0] == ("centroid", 3, 3)
    assert sorted(heard.lines[1:]) == [("centroid", fold, "") for fold in "123"]


def test_a_fold_that_fails_is_recorded_until_it_succeeds(monkeypatch):
    means = Means(options={"jobs": 2}, keep_models=True)
    monkeypatch.setenv("TINY_DIES", "1")
    refused, keeper = compute([Request("centroid", SMALL), Request("keeper", SMALL)], means)
    assert "centroid cannot be kept" in str(refused)
    assert keeper.missing() == [*keeper.failures] == [0]
    result = keeper.resources.result(0)
    assert "SIGKILL" in keeper.failures[0]
    assert fold_status.failure(result) == keeper.failures[0]
    assert fold_status.read(result) is None
    monkeypatch.delenv("TINY_DIES")
    (keeper,) = compute([Request("keeper", SMALL)], Means(options=HERE, keep_models=True))
    assert keeper.failures == {}
    assert keeper.missing() == []
    assert not list(keeper.folder.glob(".fold*"))


def test_a_queue_gives_what_this_machine_gives(tmp_path):
    requests = [Request("centroid", SMALL), Request("preset", SMALL)]
    here = compute(requests, Means(options=HERE, results=tmp_path / "here", folds=["1"]))
    there = queued(*requests, folds=["1"])
    for one, other in zip(here, there, strict=True):
        assert predictions(one.folder) == predictions(other.folder)


def test_features_that_fail_explain_the_folds_that_need_them_and_no_others():
    unfit, faulty = queued(Request("unfit", SMALL), Request("faulty", SMALL), folds=["1"])
    assert "not finite" in unfit.failures[0]
    assert "ValueError: the model is faulty" in faulty.failures[0]


def test_a_queue_goes_on_without_the_command_and_another_one_reads_it(places):
    (work,) = queued(Request("faulty", SMALL), detach=True, folds=["1", "2"])
    (submission,) = submissions(places.results)
    assert (submission.engine, submission.detached) == ("queue", True)
    assert [task.fold for task in submission.tasks] == ["", "1", "2"]
    assert work.missing() == [0, 1]
    heard = Heard()
    (some,) = compute([Request("faulty", SMALL)], Means(options=HERE, folds=["2"]), heard)
    assert heard.lines[0] == ("faulty", 1, 1)
    assert some.failures == {}
    assert len(heard.lines) == 3  # it hears of all folds in the queue
    (result,) = set(map(work.resources.result, work.missing()))
    assert "ValueError: the model is faulty" in fold_status.failure(result)
    assert not (places.results / ".submitted").exists()


def test_folds_that_a_queue_lost_have_failed(places):
    queued(Request("centroid", SMALL), detach=True, folds=["1", "2"], options={"idle": True})
    (submission,) = submissions(places.results)
    (submission.folder / "tasks.json").write_text("[]")
    with pytest.raises(FoldError, match="folds 1, 2: the engine lost it without an outcome: run"):
        evaluate(Request("centroid", SMALL), Means("queue"))
    assert submissions(places.results) == []


def test_a_queue_that_cannot_be_followed_stops_no_other_run(places):
    gone = queued(Request("centroid", SMALL), detach=True, folds=["1"], options={"idle": True})[0]
    (submission,) = submissions(places.results)
    record = submission.folder / "submission.json"
    record.write_text(record.read_text().replace('"engine": "queue"', '"engine": "qeue"'))
    requests = [Request("centroid", SMALL), Request("preset", SMALL)]
    refused, other = compute(requests, Means(options=HERE))
    assert str(refused).startswith("there is no engine 'qeue'; did you mean queue")
    assert gone.missing() == [0]
    assert len(list(gone.folder.glob("*.safetensors"))) == 2
    assert other.missing() == []
    with submission.followed():
        record.write_text(record.read_text().replace('"engine": "qeue"', '"engine": "queue"'))
        refused, _ = compute(requests, Means(options=HERE))
    assert str(refused).startswith(f"another command waits for the tasks in {submission.folder}: ")


def test_folds_in_a_queue_keep_a_model_only_if_they_were_queued_so(places):
    keeper, idle = Request("keeper", SMALL), {"idle": True}
    (unkept,) = queued(keeper, detach=True, folds=["1"], options=idle)
    kept = Means("queue", idle, keep_models=True, detach=True)
    refused, _ = compute([keeper, Request("sleeper", SMALL)], kept)
    assert str(refused) == (
        f"fold 1 of {unkept.folder.name}, in a queue, will keep no "
        "model: cancel the command that queued them, or leave out --keep-models"
    )
    (submission, *_) = submissions(places.results)
    submission.cancel()
    compute([keeper], dataclasses.replace(kept, folds=["1"]))
    (work,) = compute([keeper], kept)
    assert isinstance(work, Work)


def test_folds_in_a_queue_are_awaited_only_if_they_have_the_extra_test_sets(other):
    keeper, sets = Request("keeper", SMALL), Wanted(["csv:other"], ["softer"])
    queued(keeper, detach=True, folds=["1"], extras=sets)
    (work,) = compute([keeper], Means("queue", folds=["1"], extras=Wanted(["csv:other"])))
    assert (work.finished(), work.errors_of_extras()) == ([0], [])
    queued(keeper, detach=True, folds=["2"], options={"idle": True})
    (refused,) = compute([keeper], Means("queue", folds=["2"], extras=sets))
    assert str(refused).startswith(f"fold 2 of {work.folder.name} is in a queue without these")


def test_a_queue_that_refuses_leaves_no_record(places):
    with pytest.raises(BadParameter, match="the queue takes at most 1 tasks, not 4"):
        queued(Request("centroid", SMALL), options={"most": 1})
    assert submissions(places.results) == []
    assert not list(places.results.glob(".submitted/*"))


def test_only_a_queue_can_be_left_alone():
    with pytest.raises(
        BadParameter, match="folds of the engine local end with this command: leave"
    ):
        compute([], Means(detach=True))


def test_options_of_an_engine_are_checked():
    with pytest.raises(UnknownName, match="there is no engine 'quue'; did you mean queue"):
        make_engine("quue", {})
    with pytest.raises(BadParameter, match="no parameter of the engine queue 'mots'; did you mean"):
        make_engine("queue", {"mots": 1})
    with pytest.raises(BadParameter, match="parameter most of the engine queue is 'x', but must"):
        make_engine("queue", {"most": "x"})


def test_a_record_that_cannot_be_read_is_named(places):
    folder = places.results / ".submitted" / "queue-1"
    folder.mkdir(parents=True)
    (folder / "submission.json").write_text('{"schema": 1, "tas')
    with pytest.raises(SerbenchError, match=f"cannot be read .*queue, then remove {folder}$"):
        compute([Request("centroid", SMALL)], Means("queue"))


def test_a_queue_is_found_where_the_results_have_another_path(places):
    (work,) = queued(Request("centroid", SMALL), detach=True, options={"idle": True})
    moved = places.results.rename(places.results.with_name("moved"))
    (submission,) = submissions(moved)
    assert [Path(each.result) for each in submission.tasks[1:]] == [
        moved / work.folder.name / f"fold-0{number}.safetensors" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(("folds", "is_left"), [(["1"], True), (None, False)])
def test_ctrl_c_cancels_no_folds_that_were_not_requested(places, folds, is_left):
    queued(Request("centroid", SMALL), detach=True, options={"idle": True})
    (submission,) = submissions(places.results)
    record = submission.folder / "submission.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"detached": False}))
    (submission.folder / "1.messages").write_text('{"stage": "training"}\n')

    class Interrupting(Listener):
        def staged(self, run, fold, stage):
            raise KeyboardInterrupt

        def interrupted(self, engine, reason):
            assert reason == ("some of them were not requested here" if is_left else "")

    with pytest.raises(KeyboardInterrupt):
        compute([Request("centroid", SMALL)], Means(folds=folds), Interrupting())
    assert bool(submissions(places.results)) == is_left


def test_progress_is_stored_beside_the_result(tmp_path):
    result = tmp_path / "fold-01.safetensors"
    assert (fold_status.read(result), fold_status.failure(result)) == (None, "")
    fold_status.failed(result, "no memory")
    assert fold_status.failure(result) == "no memory"
    reporter = fold_status.Reporter(result)
    assert fold_status.failure(result) == ""  # it has started again
    assert fold_status.read(result).share == 0
    time.sleep(fold_status.PAUSE)
    reporter.add({"stage": "training"})
    assert fold_status.read(result).stage == "training"
    time.sleep(fold_status.PAUSE)
    reporter.add({"epoch": 1, "epochs": 5, "train_loss": 0.5})
    now = fold_status.read(result)
    assert (now.epoch, now.epochs, now.stage, now.values) == (1, 5, "", {"train_loss": 0.5})
    assert (now.share, now.within_epoch) == (0.2, 0.0)
    assert now.started < now.began < now.updated
    time.sleep(fold_status.PAUSE)
    reporter.add({"epoch": 1, "epochs": 5, "within_epoch": 0.5})
    now = fold_status.read(result)
    assert (now.epoch, now.share, now.values) == (1, 0.3, {"train_loss": 0.5})
    fold_status.progress_file(result).write_text(json.dumps({"epoch": 1}))
    assert fold_status.read(result) is None
    fold_status.clear(result)
    assert list(tmp_path.iterdir()) == []


def test_folds_that_another_command_computes_stop_no_other():
    (work,) = compute([Request("centroid", SMALL)], Means(options=HERE))
    (work.folder / "fold-02.safetensors").unlink()
    with claimed(work.folder, ["fold-02"]):
        requests = [Request("centroid", SMALL), Request("preset", SMALL)]
        held, free = compute(requests, Means(options=HERE))
    assert held.missing() == [1]
    assert free.missing() == []
    (result,) = {held.resources.result(at) for at in held.missing()}
    assert fold_status.failure(result) == ""
