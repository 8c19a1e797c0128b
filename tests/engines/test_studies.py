"""A study of the shape of the paper's Table II on every engine, killed again and again."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serbench.results.run import folders, read

pytest.importorskip("serbench_alexnet")
fake_corpora = pytest.importorskip("serbench_corpora.fake_corpora")
sys.path.insert(0, str(Path(__file__).parent))

pytestmark = pytest.mark.faults
SERBENCH = [sys.executable, "-m", "serbench"]
STUDY = """
name = "table-2-light"
[matrix]
dataset = ["ravdess", "crema-d", "iemocap"]
model = [
    {{ name = "alexnet-mel", params = {{ width = 0.02, epochs = 1 }} }},
    {{ name = "alexnet-mel", params = {{ width = 0.05, epochs = 1 }} }},
]
protocol = "paper"
[engine]
{engine}
"""
FOLDS = 2 * (6 + 9 + 10)
VICTIMS = ("driver", "worker", "driver", "worker", "node")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The real RAVDESS, if this machine has it, and look-alikes of the other corpora."""
    folder = tmp_path_factory.mktemp("data")
    real = Path(os.environ.get("SERBENCH_DATA", "data"), "ravdess").resolve()
    if real.is_dir():
        (folder / "ravdess").symlink_to(real)
    else:
        fake_corpora.write_ravdess(folder / "ravdess")
    fake_corpora.write_crema_d(folder / "crema-d")
    fake_corpora.write_iemocap(folder / "iemocap")
    return folder


def _predictions(results):
    runs = [read(folder) for folder in folders(results)]
    assert sum(len(run.folds) + run.missing for run in runs) == FOLDS
    return {
        (run.name, fold.facts.fold.name): (fold.test.ids, fold.test.activations.tobytes())
        for run in runs
        for fold in run.folds
    }


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """The predictions of the study, from one local run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    driver = _start(folder, data, 'name = "local"')
    assert driver.wait(timeout=1800) == 0
    return _predictions(folder / "results")


def _start(folder, data, engine):
    (folder / "study.toml").write_text(STUDY.format(engine=engine))
    environment = {
        **os.environ,
        "SERBENCH_DATA": str(data),
        "SERBENCH_CACHE": str(folder / "cache"),
        "SERBENCH_RESULTS": str(folder / "results"),
        "SERBENCH_DEVICE": "cpu",
    }
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            [*SERBENCH, "study", "run", folder / "study.toml"],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


def _written(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("results/*/*.safetensors")}


def _workers(folder):
    """Return the processes of folds and of models that work for the study in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (path / "cmdline").read_bytes()
            ours = str(folder / "results").encode() in (path / "environ").read_bytes()
            if b"serbench.processes" in words and ours:
                found.append(int(path.name))
    return found


def _survives(folder, data, engine, undisturbed, kill_node):
    """Kill the study's driver, its workers and a node; finish it, and compare the predictions."""
    moments = random.Random(engine)
    kills = []
    for victim in VICTIMS:
        driver = _start(folder, data, engine)
        goal = len(_written(folder)) + moments.randint(3, 9)
        while len(_written(folder)) < goal and driver.poll() is None:
            time.sleep(0.2)
        time.sleep(moments.uniform(0, 3))
        before = _written(folder)
        if victim == "driver":
            driver.kill()
        elif victim == "node":
            kill_node(driver)
        elif workers := _workers(folder):
            os.kill(moments.choice(workers), signal.SIGKILL)
        kills.append(victim)
        print(f"{engine!r}: {victim} killed with {len(before)} of {FOLDS} folds there", flush=True)
        if victim != "driver" and driver.poll() is None:
            time.sleep(5)
            driver.kill()
        driver.wait(timeout=60)
        after = _written(folder)
        assert {path: after[path] for path in before} == before
    last = _start(folder, data, engine)
    if last.wait(timeout=1800):  # folds of the last worker have failed, and are computed again
        last = _start(folder, data, engine)
    assert last.wait(timeout=1800) == 0, (folder / "log").read_text()[-3000:]
    after = _written(folder)
    assert {path: after[path] for path in before} == before
    made = _predictions(folder / "results")
    assert len(made) == FOLDS
    assert made == undisturbed
    left = [path.name for path in folder.glob("results/*/.*")]
    assert not [name for name in left if ".work-" in name], left


def test_on_this_machine(tmp_path, data, undisturbed):
    def kill_all(driver):
        os.killpg(driver.pid, signal.SIGKILL)

    _survives(tmp_path, data, 'name = "local"', undisturbed, kill_all)


def test_on_slurm(tmp_path, data, undisturbed, slurm):
    def lose_node(driver):
        slurm.kill("slurmd.n2")
        for process in slurm.pids("slurmstepd-wlm"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(5)
        slurm.start("slurmd.n2")
        slurm.hurry()

    engine = 'name = "slurm"\npartition = "main"\nmemory = 0'  # the nodes have 2 GB
    _survives(tmp_path, data, engine, undisturbed, lose_node)


def test_on_ray(tmp_path, data, undisturbed, monkeypatch):
    pytest.importorskip("ray")
    from ray_cluster import Cluster

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("SERBENCH_DATA", str(data))
    driver_folder = tmp_path / "driver"
    driver_folder.mkdir()
    cluster = Cluster(tmp_path, driver_folder)  # whose second node does not see that folder
    try:
        engine = f'name = "ray"\naddress = "{cluster.address}"'

        def lose_node(driver):
            cluster.second.kill()
            time.sleep(10)
            cluster.second.start()

        _survives(driver_folder, data, engine, undisturbed, lose_node)
    finally:
        cluster.stop()
