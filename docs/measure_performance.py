"""Measure what docs/performance.md says, on a calm machine, and write docs/performance.json.

Usage: python docs/measure_performance.py [seconds an item, 20 unless told]

Takes about a quarter of an hour on two cores. `python docs/generate.py` then writes the page.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serbench import datasets, evaluate, processes
from serbench.bench.result import Bench
from serbench.bench.session import BenchRequest, bench
from serbench.settings import settings

PAGE = Path(__file__).resolve().with_name("performance.json")
CORPORA = ("ravdess", "crema-d", "iemocap")
ENCODER = "whisper-tiny-en"
PROFILED = ("alexnet-mel", ENCODER)
# with a patience that never stops a training, "at most" is what an evaluation takes
EVALUATED: Mapping[str, dict[str, object]] = {
    "functionals-linear": {},
    "alexnet-mel": {"patience": 99},
}


def main(seconds: float) -> None:
    """Measure everything, and write it."""
    at_once = BenchRequest(each=seconds, jobs=processes.cores(), only=("models",))
    words = {
        "schema": 1,
        "benches": [_words(bench(BenchRequest(each=seconds))), _words(bench(at_once))],
        "lengths": [_words(bench(_of_encoder(name, seconds))) for name in CORPORA],
        "spinning": {str(threads): _small_trainings(threads) for threads in (1, processes.cores())},
        "profiles": {name: _profiled(name) for name in PROFILED},
        "evaluations": [_evaluated(name, seconds) for name in EVALUATED],
    }
    PAGE.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")


def _of_encoder(corpus: str, seconds: float) -> BenchRequest:
    """The small transformer encoder on utterances as long as a corpus's, without an estimate."""
    return BenchRequest(model=ENCODER, dataset=corpus, each=seconds, only=("models",))


def _words(made: Bench) -> Any:
    print(made, end="\n\n", file=sys.stderr)
    return json.loads(made.to_json())


# ---- jobs times threads ----

SMALL = """
import sys, torch
torch.manual_seed(0)
layer = torch.nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)
network = torch.nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
optimizer = torch.optim.SGD(network.parameters(), 1e-3)
inputs = torch.randn(16, 50, 64)
for _ in range(100):
    optimizer.zero_grad()
    network(inputs).square().mean().backward()
    optimizer.step()
"""


def _small_trainings(threads: int) -> float:
    """Seconds that as many small trainings as there are cores take, each with so many threads."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    started = time.perf_counter()
    running = [
        subprocess.Popen([sys.executable, "-c", SMALL], env=env) for _ in range(processes.cores())
    ]
    for each in running:
        if each.wait():
            raise RuntimeError("a small training failed")
    return time.perf_counter() - started


# ---- where a step's time goes ----


def _profiled(name: str) -> Any:
    """A profile, by a process with one thread."""
    command = [sys.executable, str(PAGE.with_name("profile_step.py")), name]
    done = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


# ---- estimates beside the truth ----


def _evaluated(name: str, seconds: float) -> dict[str, object]:
    """What an evaluation on the built-in corpus takes, and what it was estimated to take."""
    jobs = processes.cores()
    request = BenchRequest(name, "toy", params=EVALUATED[name], jobs=jobs, each=seconds)
    estimate = bench(request).estimate
    assert estimate is not None
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SERBENCH_CACHE"] = folder
        try:
            datasets.read(datasets.find("toy", settings()))  # it is made only once
            started = time.perf_counter()
            evaluate(name, "toy", jobs=jobs, params=EVALUATED[name], results=f"{folder}/results")
            took = time.perf_counter() - started
        finally:
            del os.environ["SERBENCH_CACHE"]
    return {**dataclasses.asdict(estimate), "estimated": estimate.seconds, "took": took}


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
