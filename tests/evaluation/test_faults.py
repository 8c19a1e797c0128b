"""Kill an evaluation at random moments: only what was not finished is lost."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from serbench.results.run import folders, read

EVALUATE = [sys.executable, "-m", "serbench", "evaluate", "--model", "centroid"]
TIMES = 20


def _start(places, jobs):
    command = [*EVALUATE, "--dataset", "tones", "--param", "nap=0.3", "--protocol", "loso"]
    return subprocess.Popen(
        [*command, "--jobs", str(jobs)], stdout=subprocess.DEVNULL, start_new_session=True
    )


def _predictions(places):
    (folder,) = folders(places.results)
    run = read(folder)
    assert run.missing == 0
    return [(fold.test.ids, fold.test.activations.tobytes()) for fold in run.folds]


def _written(places):
    return {path: path.stat().st_mtime_ns for path in places.results.glob("*/*.safetensors")}


@pytest.mark.faults
@pytest.mark.parametrize("jobs", [1, 2])
def test_kill_9_at_random_moments_loses_only_unfinished_folds(places, jobs):
    moments = random.Random(jobs)
    started = time.monotonic()
    assert _start(places, jobs).wait(timeout=60) == 0
    whole = time.monotonic() - started
    expected = _predictions(places)
    left = []
    for _ in range(TIMES):
        shutil.rmtree(places.results)
        if moments.random() < 0.5:  # half the time the features and the corpus are new too
            shutil.rmtree(places.cache)
        child = _start(places, jobs)
        time.sleep(moments.uniform(0, whole))
        os.kill(child.pid, signal.SIGKILL)  # the parent alone: its processes must end by themselves
        child.wait()
        time.sleep(0.5)
        before = _written(places)
        left.append(len(before))
        assert _start(places, jobs).wait(timeout=60) == 0
        after = _written(places)
        assert {path: after[path] for path in before} == before
        assert _predictions(places) == expected
    assert len(set(left)) > 2, "the moments were not spread over the run"
