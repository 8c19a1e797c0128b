"""Folds on a real Ray cluster of two nodes; the second sees no folder of the driver."""

import contextlib
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serbench import Listener, evaluate
from serbench.datasets import find
from serbench.errors import FoldError
from serbench.results.run import folders, read
from serbench.settings import settings
from serbench.testing import EngineContract

sys.path.insert(0, str(Path(__file__).parent))
from ray_cluster import Cluster, Head, processes

pytestmark = pytest.mark.engines
TINY = Path(__file__).parents[1] / "tiny"
SERBENCH = [sys.executable, "-m", "serbench"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """The parent of all folders of the driver."""
    return tmp_path_factory.mktemp("driver")


@pytest.fixture(scope="module")
def environment():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # of clusters that only this machine reaches
        patch.delenv("RAY_ADDRESS", raising=False)
        yield


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, environment, driver):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), driver)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def options(cluster):
    return {"address": cluster.address, "cpus": 1}


class TestContract(EngineContract):
    plugin = "ray"
    params_fixture = "options"


@pytest.fixture
def places(driver, environment, monkeypatch, request):
    folder = driver / request.node.name
    for name in ("data", "cache", "results"):
        monkeypatch.setenv(f"SERBENCH_{name.upper()}", str(folder / name))
    monkeypatch.setenv("SERBENCH_DEVICE", "cpu")
    return settings()


@pytest.fixture
def ravdess():
    """The corpus of the person who runs the tests; requested before `places`."""
    folder = find("ravdess", settings()).root
    if not folder.is_dir():
        pytest.skip("RAVDESS: corpus not here")
    return folder


class Heard(Listener):
    """Remembers the stages of folds, and calls a function at each point of a learning curve."""

    def __init__(self, at_point=lambda fold, progress: None):
        self.stages, self._at_point = [], at_point

    def staged(self, run, fold, stage):
        self.stages.append(stage)

    def training(self, run, fold, progress):
        self._at_point(fold, progress)


def _predictions(results):
    (folder,) = folders(results)
    run = read(folder)
    assert run.missing == 0
    return [(fold.test.ids, fold.test.activations.tobytes()) for fold in run.folds]


def _tones(cluster, **options):
    given = {"protocol": "loso", "engine": "ray", **options}
    return evaluate(
        given.pop("model", "centroid"),
        given.pop("dataset", "tones"),
        engine_options={"address": cluster.address, **given.pop("engine_options", {})},
        **given,
    )


def _written(results):
    return sorted(path.relative_to(results).name for path in results.rglob("*") if path.is_file())


def test_two_nodes_predict_what_one_machine_predicts_and_return_nothing_but_results(
    cluster, places, tmp_path
):
    local = evaluate("keeper", "tones", protocol="loso", results=tmp_path, keep_models=True)
    shutil.rmtree(places.cache)
    heard = Heard()
    run = _tones(cluster, model="keeper", keep_models=True, listener=heard)
    assert _predictions(places.results) == _predictions(tmp_path)
    assert _written(places.results) == _written(tmp_path)
    assert run.folder.name == local.folder.name
    for node in (cluster.head, cluster.second):  # each has extracted its own features, once
        assert len(list(node.cache.glob("features/crossings-*/*.safetensors"))) == 1
        assert not list(node.cache.glob("folds/*"))
    assert heard.stages.count("features 72/72") == 2
    assert list(cluster.second.cache.glob("corpora/tones-1/*.wav"))  # generated there
    assert not list(places.cache.glob("features/*/*.safetensors"))


def test_a_missing_or_different_corpus_on_a_node_fails_only_the_folds_of_that_node(
    cluster, places, tmp_path
):
    evaluate("centroid", "tones", results=tmp_path)  # makes the tones
    (tones,) = places.cache.glob("corpora/*")
    shutil.copytree(tones, places.data / "hushed")
    there = cluster.second.data / "hushed"
    slow = {"dataset": "hushed", "params": {"nap": 0.5}}
    with pytest.raises(FoldError, match=rf"no tones in {there}") as missing:
        _tones(cluster, **slow)
    assert "Traceback" not in str(missing.value)
    done = len(list(places.results.glob("*/*.safetensors")))
    assert 1 <= done < 6, "both nodes had folds"
    shutil.copytree(tones, there)
    (there / "s1-low-0.wav").rename(there / "s9-low-0.wav")
    with pytest.raises(FoldError, match="the corpus on .* is not the one that the run was planned"):
        _tones(cluster, **slow)
    (there / "s9-low-0.wav").rename(there / "s1-low-0.wav")
    _tones(cluster, **slow)


def test_a_lost_worker_is_replaced_and_the_fold_continues_with_the_stored_epoch(cluster, places):
    killed = []

    def kill(fold, progress):
        if progress["epoch"] == 5 and not killed:
            for worker in cluster.second.children(f"ray::fold {fold}"):
                killed.append(fold)
                os.kill(worker, signal.SIGKILL)

    heard = Heard(kill)
    run = _tones(cluster, model="stepper", listener=heard)
    (stage,) = [stage for stage in heard.stages if "attempt" in stage]
    assert stage.startswith("attempt 2 of 3: its worker was lost on ")
    began = {fold.facts.fold.name: fold.facts.model["first_epoch"] for fold in run.folds}
    assert began.pop(killed[0]) >= 5
    assert set(began.values()) == {1}


def test_a_worker_that_is_lost_in_every_attempt_fails_its_fold_alone(cluster, places):
    def kill(fold, progress):
        if fold == "s1":
            for node in (cluster.head, cluster.second):
                for worker in node.children("fold s1"):
                    os.kill(worker, signal.SIGKILL)

    with pytest.raises(FoldError, match="fold s1: its worker was lost on .*, in attempt 2 of 2"):
        _tones(
            cluster,
            model="stepper",
            params={"epochs": 200, "nap": 0.01},
            listener=Heard(kill),
            engine_options={"retries": 1},
        )
    assert len(list(places.results.glob("*/*.safetensors"))) == 5


def test_a_fold_that_fails_by_itself_is_not_tried_again(cluster, places):
    heard = Heard()
    with pytest.raises(FoldError, match="fold s1: .*was killed by SIGKILL"):
        _tones(cluster, model="faulty", params={"fault": "kill"}, listener=heard)
    assert not [stage for stage in heard.stages if "attempt" in stage]
    assert len(list(places.results.glob("*/*.safetensors"))) == 5


def test_a_task_that_no_node_can_run_fails_at_once_with_a_reason(cluster, places):
    with pytest.raises(FoldError, match="no node of the cluster has 64 CPUs, 0 GPUs and 1 GB of"):
        _tones(cluster, engine_options={"cpus": 64})


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_is_stopped_leaves_no_fold_running(cluster, places, end):
    command = ["evaluate", "--model", "stepper", "--dataset", "tones", "--param", "epochs=1000"]
    engine = ["--engine", "ray", "--engine-option", f"address={cluster.address}"]
    driver = subprocess.Popen(
        [*SERBENCH, *command, *engine], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    with driver:
        try:
            _until(lambda: len(cluster.folds()) == 2)
            driver.send_signal(end)
            output, _ = driver.communicate(timeout=20)
        finally:
            driver.kill()
    assert driver.returncode != 0
    assert "Traceback" not in output
    _until(lambda: not cluster.folds())
    assert not processes(f"SERBENCH_RESULTS={places.results}\0")


def _until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_an_address_ray_runs_on_this_machine_and_leaves_nothing(places, tmp_path):
    before = set(Path("/tmp").glob("serbench-ray-*"))
    evaluate("centroid", "tones", engine="ray")
    evaluate("centroid", "tones", results=tmp_path)
    assert _predictions(places.results) == _predictions(tmp_path)
    _until(lambda: not processes(f"SERBENCH_RESULTS={places.results}\0", "ray"))
    assert set(Path("/tmp").glob("serbench-ray-*")) == before


def test_a_cluster_that_does_not_answer_is_one_line(places):
    command = ["evaluate", "--model", "centroid", "--dataset", "tones", "--engine", "ray"]
    option = ["--engine-option", "address=127.0.0.1:1"]
    done = subprocess.run([*SERBENCH, *command, *option], capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("serbench:")]
    assert line == (
        "serbench: cannot use Ray at 127.0.0.1:1: nothing answers there ([Errno 111] Connection "
        "refused): start a cluster with `ray start --head`, or leave out the address to use this "
        "machine"
    )


def test_the_commands_of_the_page_run(cluster, places):
    page = (Path(__file__).parents[2] / "docs" / "ray.md").read_text()
    lines = re.findall(r"^serbench (evaluate .*--engine ray.*)$", page, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        # the tests' model and corpus, which take no time
        line = line.replace("functionals-svm", "centroid").replace("toy", "tones")
        options = shlex.split(line.replace("HEAD:6379", cluster.address))
        subprocess.run([*SERBENCH, *options], check=True, capture_output=True)
        (folder,) = folders(places.results)
        assert read(folder).missing == 0
        shutil.rmtree(folder)


KILLS = {"driver": 8, "worker": 8, "fold": 6, "raylet": 5, "head": 2, "frozen head": 1}
CERTAIN = ("worker", "raylet")  # the engine itself starts their folds again


@pytest.mark.faults
def test_kills_at_random_moments_lose_only_what_was_not_finished(cluster, places, tmp_path):
    moments, folds = random.Random(0), 4
    command = ["evaluate", "--model", "stepper", "--dataset", "tones", "--protocol", "kfold:n=4"]
    command += ["--param", "nap=0.05", "--engine", "ray", "--engine-option", "timeout=15"]
    command += ["--engine-option", f"address={cluster.address}"]
    evaluate("stepper", "tones", protocol="kfold:n=4", params={"nap": 0.05}, results=tmp_path)
    expected = _predictions(tmp_path)

    def start():
        return subprocess.Popen(
            [*SERBENCH, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def victims(kind, driver):
        if kind == "driver":
            return [driver.pid]
        if kind == "worker":
            return cluster.head.children("ray::fold") + cluster.second.children("ray::fold")
        if kind == "fold":
            return cluster.folds()
        if kind == "raylet":
            return cluster.second.raylet()
        if kind == "head":
            return cluster.head.raylet() + cluster.head.children("gcs_server")
        return cluster.head.children("/gcs_server ")

    started = time.monotonic()
    assert start().wait(timeout=100) == 0
    whole = time.monotonic() - started
    kinds = [kind for kind, times in KILLS.items() for _ in range(times)]
    moments.shuffle(kinds)
    kept = []
    while kinds:
        kind = kinds[-1]
        shutil.rmtree(places.results)
        if moments.random() < 0.3:  # the nodes extract features again
            for node in (cluster.head, cluster.second):
                shutil.rmtree(node.cache, ignore_errors=True)
        moment = moments.uniform(0.3, 1) * whole
        driver = start()
        time.sleep(moment)
        while not (killed := victims(kind, driver)) and driver.poll() is None:
            time.sleep(0.01)
        if driver.poll() is not None:  # it was faster this time
            whole *= 0.9
            continue
        kinds.pop()
        if kind in ("worker", "fold"):
            killed = moments.sample(killed, min(1, len(killed)))
        killing = time.monotonic()
        for process in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP if kind == "frozen head" else signal.SIGKILL)
        output, _ = driver.communicate(timeout=100)
        seconds = time.monotonic() - killing
        assert "Traceback" not in output, output
        assert driver.returncode == 0 or kind not in CERTAIN, output
        before = {path: path.stat().st_mtime_ns for path in places.results.glob("*/*.safetensors")}
        if kind not in ("head", "frozen head"):
            _until(lambda: not cluster.folds())
        if kind == "raylet":
            cluster.second.kill()
            cluster.second.start()
        if "head" in kind:
            cluster.restart()
        again = start()
        output_again, _ = again.communicate(timeout=100)
        assert again.returncode == 0, output_again
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert _predictions(places.results) == expected
        assert not cluster.folds()
        kept.append(len(before))
        last = next((line for line in output.splitlines() if "lost" in line), "")
        print(
            f"{len(kept):2} {kind} after {moment:.1f} s: exit {driver.returncode} "
            f"{seconds:.1f} s later, {len(before)} of {folds} folds kept; run again: equal {last}",
            flush=True,
        )
    assert len(set(kept)) > 2, "the moments were not spread over the run"


@pytest.mark.faults
def test_a_node_without_the_same_code_computes_nothing(places, tmp_path):
    old, other = tmp_path / "old", tmp_path / "other"
    (old / "serbench_ray").mkdir(parents=True)
    (old / "serbench_ray" / "__init__.py").touch()  # of a version without workers
    shutil.copytree(TINY, other)
    with (other / "serbench_tiny.py").open("a") as file:
        file.write("# changed")
    for path, reason in (
        (old, "No module named 'serbench_ray.worker', on .*: install serbench, its plugins and"),
        (other, "with other source code, but the run was planned with serbench_tiny"),
    ):
        paths = os.pathsep.join([str(path), os.environ["PYTHONPATH"]])
        head = Head(tmp_path / f"node-{path.name}", {"PYTHONPATH": paths})
        try:
            options = {"address": head.address}
            with pytest.raises(FoldError, match=f"folds 1, 2, 3: .*{reason}") as failed:
                evaluate("centroid", "tones", engine="ray", engine_options=options)
            assert len(str(failed.value).splitlines()) == 2
        finally:
            head.kill()


class Killing(Listener):
    """Calls a function once, when so many folds are finished."""

    def __init__(self, folds, function):
        self._left, self._function = folds, function

    def finished(self, run, fold, error):
        print(time.strftime("%H:%M:%S"), fold, error or "finished", flush=True)
        self._left -= 1
        if not self._left:
            self._function()


@pytest.mark.slow
def test_the_overhead_of_short_folds(cluster, places):
    seconds = {}
    for engine, options in (("local", {"jobs": 2}), ("ray", {"address": cluster.address})):
        began = time.monotonic()
        words = {"protocol": "loso", "seed": [0, 1], "params": {"nap": 0.2}, "listener": Heard()}
        given = {"engine": engine, "engine_options": options}
        evaluate("centroid", "tones", **words, **given, results=places.results / engine)
        seconds[engine] = time.monotonic() - began
    print(f"twelve folds of 0.2 s: {seconds['local']:.1f} s here, {seconds['ray']:.1f} s on Ray")


@pytest.mark.slow
def test_alexnet_on_ravdess_is_equal_to_the_local_run_after_a_node_was_killed(
    ravdess, cluster, places, tmp_path
):
    epochs = int(os.environ.get("SERBENCH_M1_EPOCHS", "2"))  # the paper's 16 take hours
    given = {"protocol": "paper", "data": ravdess, "params": {"epochs": epochs}}

    def kill():
        for process in cluster.second.raylet():
            os.kill(process, signal.SIGKILL)

    engine = {"engine": "ray", "engine_options": {"address": cluster.address}}
    evaluate("alexnet-mel", "ravdess", listener=Killing(3, kill), **engine, **given)
    local = Path(os.environ.get("SERBENCH_M1_LOCAL", tmp_path))  # an earlier local run, if any
    evaluate("alexnet-mel", "ravdess", results=local, **given)
    assert _predictions(places.results) == _predictions(local)
