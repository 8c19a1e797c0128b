"""Measure what each part of a fold costs besides the model, for docs/scaling.md.

Usage: python docs/measure_scaling.py

Times are those of one core: the processor time of this process, and for a fold also that of the two
processes that it starts.
"""

import os
import resource
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import serbench
from serbench import tables
from serbench.evaluation import inputs
from serbench.evaluation.engines import task
from serbench.evaluation.folds import fold
from serbench.evaluation.plan import Planner, Resources, make_job
from serbench.results import run as runs
from serbench.results.config import Request
from serbench.settings import settings

SEEDS = 100
HEAD = ("part", "milliseconds")


def spent() -> float:
    """Return the processor time of this process and of those that it has started and awaited."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def main() -> None:
    """Measure, and print a table."""
    warnings.simplefilter("ignore")
    rows: list[list[str]] = []

    def timed(part: str, count: int, work: Callable[[], object]) -> None:
        before = spent()
        work()
        rows.append([part, f"{1000 * (spent() - before) / count:.2f}"])

    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(SERBENCH_CACHE=f"{folder}/cache", SERBENCH_RESULTS=f"{folder}/results")
        os.environ["SERBENCH_DEVICE"] = "cpu"
        places = settings()
        serbench.evaluate("dummy", "toy", seed=SEEDS, folds=["1"])  # makes the corpus, and features
        count = 6 * SEEDS
        timed("start, check and write a fold", 6, lambda: serbench.evaluate("dummy", "toy", jobs=1))
        (one,) = [each for each in runs.folders(places.results) if "seed0" in each.name]
        size = next(one.glob("*.safetensors")).stat().st_size

        planner = Planner(places)
        requests = [Request("dummy", "toy", seed=seed) for seed in range(SEEDS)]
        plans = [planner.plan(requests[0])]
        timed("plan it", count, lambda: plans.extend(map(planner.plan, requests)))
        del plans[0]
        needed = {utterance.id for utterance in plans[0].corpus.utterances}
        group = inputs.prepare(plans[0], needed, places, serbench.Listener())

        def make_tasks() -> list[serbench.Task]:
            return [
                task.of_fold(make_job(plan, lent, at, group.pin(plan, at)), "1", plan.needs, {})
                for plan in plans
                for lent in [Resources(places.results / plan.config.name, places.cache, "cpu")]
                for at in range(len(plan.folds))
            ]

        def claim() -> None:
            for plan in plans:
                names = [f"fold-{at:02d}" for at in range(len(plan.folds))]
                with fold.claimed(Path(folder, "claims", plan.config.name), names):
                    pass

        timed("make its task", count, make_tasks)
        timed("claim and release it", count, claim)
        timed("read its file", count, lambda: [runs.read(one) for _ in range(SEEDS)])
        read = [runs.read(one) for _ in range(SEEDS)]
        timed("score it", count, lambda: [each.mean_std("uar") for each in read])
        print(tables.table(HEAD, rows, "markdown"))
        print(f"\nA fold file of {len(read[0].folds[0].test.ids)} test utterances: {size} bytes")


if __name__ == "__main__":
    main()
