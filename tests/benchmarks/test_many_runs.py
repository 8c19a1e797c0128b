"""A study of many tiny runs with an engine that computes nothing: planned, run, read and scored.

SERBENCH_BENCH_RUNS says how many runs of six folds; 1667 are ten thousand folds, which must take
less than a minute of this process's time, and less than a gigabyte. Waiting for the disk is not
counted: each fold makes and removes a lock file, which takes 1 to 3 ms where others use the disk.
"""

import os
import resource
import shutil
import time

import pytest

import serbench
from serbench.evaluation.means import Means
from serbench.evaluation.pipeline import compute
from serbench.results.config import Request
from serbench.results.run import read

RUNS = int(os.environ.get("SERBENCH_BENCH_RUNS", "100"))
MOST = 60.0 / 10_000  # seconds per fold
WHAT = {"model": "centroid", "dataset": "tones", "protocol": "nested"}


@pytest.fixture
def instant(places, tmp_path):
    """How runs are computed at once: by copying the results of a run that was computed."""
    run = serbench.evaluate(**WHAT, jobs=0, results=tmp_path / "computed")
    return Means("instant", {"run": str(run.folder)})


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.filterwarnings("ignore")
def test_many_runs(benchmark, places, instant):
    requests = [Request(**WHAT, seed=seed) for seed in range(1, RUNS + 1)]

    def study():
        return [read(work.folder).mean_std("uar") for work in compute(requests, instant)]

    def forget():
        shutil.rmtree(places.results, ignore_errors=True)

    assert len(benchmark.pedantic(study, setup=forget, rounds=2)) == RUNS
    if benchmark.stats is not None:  # it may be disabled
        assert benchmark.stats.stats.min < MOST * 6 * RUNS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2**20  # KiB
