"""Evaluations on a real Slurm of two nodes."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from serbench import FoldError, Listener, SerbenchError, evaluate
from serbench.evaluation.engines.submission import FOLDER, submissions
from serbench.results.run import folders, read
from serbench.testing import EngineContract

pytestmark = pytest.mark.engines
TONES = {"dataset": "tones", "protocol": "loso"}  # six folds


KILLS = 45


class Heard(Listener):
    """The stages and the epochs of folds, in order."""

    def __init__(self):
        self.lines = []

    def remarked(self, line):
        pass

    def staged(self, run, fold, stage):
        self.lines.append((fold, stage))

    def training(self, run, fold, progress):
        self.lines.append((fold, progress["epoch"]))


def on_slurm(model, listener=None, options=None, **words):
    """Evaluate on the cluster."""
    given = {**TONES, "listener": listener or Heard(), "engine": "slurm", **words}
    return evaluate(model, engine_options=options or {}, **given)


def start(model, *options):
    """Start the command that evaluates on the cluster."""
    command = [sys.executable, "-m", "serbench", "evaluate", "--model", model, "--dataset", "tones"]
    command += ["--protocol", "loso", "--engine", "slurm", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def predictions(run):
    """Return what is stored of every fold."""
    assert run.missing == 0
    return [(fold.test.ids, fold.test.activations.tobytes()) for fold in run.folds]


def stored(places):
    """Return the only run."""
    return read(*folders(places.results))


def written(places):
    """Return when each fold's file was written."""
    return {path: path.stat().st_mtime_ns for path in places.results.glob("*/*.safetensors")}


@pytest.fixture
def expected(places, tmp_path):
    """Return the predictions of an undisturbed local run of the model centroid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(tmp_path / "own"))
        run = evaluate("centroid", **TONES, results=tmp_path / "local", listener=Heard(), jobs=2)
    return predictions(run)


def test_folds_are_the_same_as_locally_and_nothing_is_left_behind(slurm, places, expected):
    heard = Heard()
    # long enough that one of the looks at the queue, up to 2 s apart, sees a fold run
    options = {"partition": "main", "sbatch": "--nice=10"}
    run = on_slurm("centroid", heard, options, params={"nap": 2.0})
    assert predictions(run) == expected
    assert not (places.results / FOLDER).exists()
    names = {job["Name"] for job in slurm.jobs()}
    assert {run.folder.name, "crossings of 72 utterances"} <= names  # two arrays and a job
    own = [line for fold, line in heard.lines if fold == "s1"]
    assert own.index("queued (Dependency)") < own.index("on n1" if "on n1" in own else "on n2")
    assert own[-1] == 5


def test_a_killed_job_is_a_failed_fold_with_its_reason_and_log(slurm, places):
    command = start("centroid", "--param", "nap=2", "--fold", "s1", "--fold", "s2")
    log = slurm.until(lambda: list((places.results / FOLDER).glob("*.logs/*_1.log")))[0]
    pids = slurm.until(lambda: slurm.pids(f"serbench_slurm.job {str(log.parent)[:-5]} 2"))
    slurm.until(lambda: "s2" in log.read_text())
    os.kill(pids[0], signal.SIGKILL)
    output, _ = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "fold s2: its job" in output
    assert "was killed by SIGKILL; out of memory? Ask for more with --engine-option" in output
    assert f"its log {log} ends:\nfold s2 of tones_centroid" in output
    assert "1 of 6 folds failed, 1 is kept" in output
    assert log.exists()
    assert len(on_slurm("centroid", params={"nap": 2.0}, folds=["s1", "s2"]).folds) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"partition": "gpu"},
            "invalid partition specified: gpu; Batch job submission failed: Invalid partition name "
            "specified; `sinfo -s` lists the partitions; choose one with --engine-option partition",
        ),
        ({"time": "soon"}, "Invalid --time specification; --engine-option time=MINUTES sets"),
        ({"memory": 5000.0}, "Requested node configuration is not available; no node has so many"),
        ({"gpus": 1}, "Invalid generic resource \\(gres\\) specification; --engine-option gres="),
    ],
)
def test_refused_options_are_one_line_with_slurms_words(slurm, places, options, words):
    with pytest.raises(SerbenchError, match=f"Slurm refused the tasks: sbatch .*{words}"):
        on_slurm("centroid", options=options)
    assert slurm.idle()
    assert not submissions(places.results)


def test_a_time_that_the_partition_forbids_fails_instead_of_waiting_for_ever(slurm, places):
    with pytest.raises(
        FoldError, match="can never start \\(PartitionTimeLimit\\); --engine-option"
    ):
        on_slurm("centroid", options={"time": 600})
    slurm.until(slurm.idle)


def test_folds_fail_with_the_reason_of_their_extraction(slurm, places):
    with pytest.raises(FoldError, match="folds s1, s2, s3, s4, s5, s6: .*not finite"):
        on_slurm("unfit")
    slurm.until(slurm.idle)


def test_a_killed_command_leaves_its_jobs_which_the_same_command_follows(slurm, places, expected):
    command = start("centroid", "--param", "nap=0.5")
    slurm.until(lambda: [job for job in slurm.running() if job["Name"].startswith("tones")])
    command.kill()
    command.wait()
    slurm.until(lambda: list(places.results.glob("tones*/*.safetensors")))  # jobs go on
    assert submissions(places.results)
    jobs = len(slurm.jobs())
    on_slurm("centroid", params={"nap": 0.5})
    assert len(slurm.jobs()) == jobs, "folds were queued twice"
    assert predictions(stored(places)) == expected
    assert not submissions(places.results)


def test_sigterm_cancels_the_jobs(slurm, places):
    command = start("centroid", "--param", "nap=60")
    slurm.until(lambda: [job for job in slurm.running() if job["Name"].startswith("tones")])
    command.send_signal(signal.SIGTERM)
    output, _ = command.communicate(timeout=30)
    assert "stopped" in output
    slurm.until(slurm.idle)
    assert not submissions(places.results)


def test_a_detached_command_returns_and_another_one_collects(slurm, places, expected):
    command = start("centroid", "--param", "nap=0.5", "--detach")
    output, _ = command.communicate(timeout=60)
    words = "6 folds in the queue of the engine slurm: run the same command without --detach"
    assert words in output, output
    command = start("centroid", "--param", "nap=0.5")
    slurm.until(lambda: [job for job in slurm.running() if job["Name"].startswith("tones")])
    command.terminate()  # cancels nothing, since the folds are detached
    command.wait()
    assert submissions(places.results)
    on_slurm("centroid", params={"nap": 0.5})
    assert predictions(stored(places)) == expected
    assert not submissions(places.results)


@pytest.mark.faults
def test_a_lost_node_costs_no_fold(slurm, places, expected):
    command = start("stepper", "--param", "nap=0.5", "--param", "epochs=5")
    (job, *_) = slurm.until(lambda: [j for j in slurm.running() if j["Name"].startswith("tones")])
    slurm.lose(job["NodeList"])

    def is_over():
        slurm.start_dead(at_once=False)  # once Slurm has put its fold back
        slurm.hurry()
        return command.poll() is not None

    slurm.until(is_over, 180)
    assert command.returncode == 0, command.stdout.read()
    assert predictions(stored(places)) == expected


def test_a_fold_near_its_time_limit_goes_on_after_its_last_epoch(slurm, places):
    command = start("stepper", "--param", "nap=1.0", "--param", "epochs=5", "--fold", "s1")
    (job,) = slurm.until(lambda: [job for job in slurm.running() if "stepper" in job["Name"]])

    def messages():
        files = (places.results / FOLDER).glob("*/messages/1.jsonl")
        return "".join(path.read_text() for path in files)

    slurm.until(lambda: '"epoch": 2' in messages())
    slurm.call("scancel", "--signal=USR1", "--batch", slurm.id(job))  # what --signal sends in time

    def is_back():
        # Slurm holds a job for two minutes so that the end of the attempt before is not taken for
        # its own
        if not slurm.pids("serbench_slurm.job") and not slurm.jobs("COMPLETING"):
            slurm.hurry()
        return [job for job in slurm.running() if job["RestartCnt"] == "1"]

    slurm.until(is_back)
    output, _ = command.communicate(timeout=60)
    assert command.returncode == 0, output
    (fold,) = stored(places).folds
    assert fold.facts.model["first_epoch"] > 2


def test_a_fold_that_gets_no_further_before_its_time_limit_fails(slurm, places):
    command = start("centroid", "--param", "nap=300", "--fold", "s1")
    slurm.until(lambda: slurm.pids(f"serbench_slurm.job {places.results}"))
    slurm.until(lambda: list(places.results.glob("tones*/.work*")))
    (job,) = slurm.until(lambda: [job for job in slurm.running() if "tones" in job["Name"]])
    slurm.call("scancel", "--signal=USR1", "--batch", slurm.id(job))
    output, _ = command.communicate(timeout=60)
    assert "fold s1: reached its time limit; ask for more with --engine-option time=MIN" in output


def test_a_restarting_controller_is_waited_for(slurm, places, expected):
    class Restarting(Heard):
        killed = started = False

        def staged(self, run, fold, stage):
            if stage.startswith("on ") and not self.killed:
                self.killed = True
                slurm.kill("slurmctld", signal.SIGTERM)  # it stores its queue
            if stage.startswith("unknown: squeue failed") and not self.started:
                self.started = True
                slurm.start("slurmctld")

    listener = Restarting()
    assert predictions(on_slurm("centroid", listener, params={"nap": 1.0})) == expected
    assert listener.started


def test_a_job_that_somebody_holds_is_shown_and_waited_for(slurm, places):
    class Releasing(Heard):
        def staged(self, run, fold, stage):
            super().staged(run, fold, stage)
            job = next((j for j in slurm.jobs("PENDING") if j["Name"].startswith("tones")), None)
            if "held" in stage:
                slurm.call("scontrol", "release", slurm.id(job))
            elif job and "held" not in str(self.lines) and job["Reason"] == "Dependency":
                slurm.call("scontrol", "hold", slurm.id(job))

    listener = Releasing()
    on_slurm("centroid", listener, folds=["s1"])
    assert any(str(stage).startswith("held in the queue (JobHeld") for _, stage in listener.lines)


def test_a_cancelled_job_says_so(slurm, places):
    class Cancelling(Heard):
        def staged(self, run, fold, stage):
            if fold == "s1" and stage.startswith("on "):
                (job,) = [j for j in slurm.running() if j["Name"].startswith("tones")][:1]
                slurm.call("scancel", slurm.id(job))

    with pytest.raises(FoldError, match="was cancelled, by scancel or by an administrator; run"):
        on_slurm("centroid", Cancelling(), params={"nap": 30.0}, folds=["s1"])


def test_jobs_of_other_users_do_not_matter(slurm, places, expected):
    user = ["--uid=65534", "--gid=65534"] if os.getuid() == 0 else []
    script = "#!/bin/bash\nsleep 3\n"
    common = ["sbatch", "--array=0-3", "--output=/dev/null", "--chdir=/", *user]
    slurm.call(*common, text=script)
    try:
        assert predictions(on_slurm("centroid")) == expected
    finally:
        slurm.call("scancel", "--quiet", *([] if not user else ["--user=65534"]))


@pytest.mark.faults
def test_kills_at_random_moments_lose_no_finished_fold(slurm, places, expected):
    """Kill commands, jobs, folds, Slurm's processes and nodes; print a line for each."""
    moments, kills, began = random.Random(16), [], time.monotonic()
    options = ("--param", "nap=0.3", "--param", "epochs=5")

    def kill(target):
        """Return what was killed, "" if there was none."""
        if target == "command":
            if command.poll() is not None:
                return ""
            command.kill()
            command.wait()
            return f"command {command.pid}"
        if target == "node":
            node = moments.choice(["n1", "n2"])
            slurm.lose(node)
            return f"node {node}"
        words = {
            "job": "serbench_slurm.job",
            "fold": "serbench.processes serbench.evaluation.folds.fold",
            "model": "serbench.processes serbench.evaluation.folds.model_isolation",
            "extraction": "serbench.processes serbench.features",
            "stepd": "slurmstepd",
        }
        pids = slurm.pids(words.get(target, target))
        if not pids:
            return ""
        pid = moments.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if target == "stepd":  # slurmd notices when it registers again
            for daemon in ("slurmd.n1", "slurmd.n2"):
                slurm.kill(daemon)
                slurm.start(daemon)
        return f"{target} {pid}"

    while len(kills) < KILLS:
        shutil.rmtree(places.results, ignore_errors=True)
        if moments.random() < 0.3:  # the features are new too
            shutil.rmtree(places.cache, ignore_errors=True)
        command = start("stepper", *options)
        targets = [*3 * ["command", "job", "fold", "model"], "stepd", "stepd", "node"]
        moments.shuffle(targets)  # a node is lost once in a round: Slurm needs a minute to notice
        for target in targets:
            time.sleep(moments.uniform(0.2, 3))
            if what := kill(target):
                kills.append(target)
                there = len(list(places.results.glob("*/*.safetensors")))
                print(
                    f"{time.monotonic() - began:6.1f} s, kill {len(kills)}: {what}, {there} folds"
                )
            if command.poll() is not None:
                command = start("stepper", *options)
            slurm.hurry()
        before = written(places)
        for _ in range(8):

            def is_over():
                slurm.hurry()
                slurm.start_dead(at_once=False)
                return command.poll() is not None  # noqa: B023 - called in this round only

            slurm.until(is_over, 240)
            if command.returncode == 0:
                break
            command = start("stepper", *options)
        assert command.returncode == 0, command.stdout.read()
        after = written(places)
        assert {path: after.get(path) for path in before} == before
        assert predictions(stored(places)) == expected
        assert not submissions(places.results)
        slurm.repair()
    print(f"{len(kills)} kills in {time.monotonic() - began:.0f} s: {Counter(kills)}")


@pytest.mark.slow
def test_the_overhead_of_short_folds(slurm, places):
    seconds = {}
    for engine, options in (("local", {"jobs": 2}), ("slurm", {})):
        began = time.monotonic()
        words = {**TONES, "seed": [0, 1], "params": {"nap": 0.2}, "listener": Heard()}
        given = {"engine": engine, "engine_options": options}
        evaluate("centroid", **words, **given, results=places.results / engine)
        seconds[engine] = time.monotonic() - began
    print(
        f"twelve folds of 0.2 s: {seconds['local']:.1f} s here, {seconds['slurm']:.1f} s on Slurm"
    )


@pytest.mark.usefixtures("slurm")
class TestContract(EngineContract):
    plugin = "slurm"
    params = {"cpus": 1}  # a node has no more
