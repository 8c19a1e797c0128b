"""The page docs/performance.md, from docs/performance.json and tests/benchmarks/baselines.json."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.bench.result import Measurement, figure
from serbench.plugins import registry

DOCS = Path(__file__).resolve().parent
MEASURED = DOCS / "performance.json"
BASELINES = DOCS.parent / "tests" / "benchmarks" / "baselines.json"

Measured = Mapping[str, Any]

HOW = """- In the right columns several folds share the cores; the figures are for one fold.
- The limit is the speed at which the model's library multiplies two 2048 x 2048 matrices.
  Operations are counted by `torch.utils.flop_counter`, corrected for grouped convolutions.
- Training excludes what is done once (reading weights, frozen layers); prediction computes all
  layers.
- Every item ran in a fresh process; its fastest round is shown. Utterances are synthetic, weights
  are random."""

NOT_RUN = """CUDA, and the full `wav2vec2-xlsr`, which takes too long on a CPU: `serbench bench`
measures both. Lengths of CREMA-D and IEMOCAP include silence."""


def page() -> str:
    """Return the page without its title."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    first = measured["benches"][0]
    machine = first["machine"]
    versions = machine["versions"]
    shown = ", ".join(
        f"{name} {versions[name]}"
        for name in ("python", "numpy", "torch", "transformers")
        if name in versions
    )
    return "\n\n".join(
        [
            f"CPU, float32: {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_gb']:.0f} GB, {first['measured']}, load {first['load']:.1f}; "
            f"{shown} (`python docs/measure_performance.py`). `serbench bench` measures your "
            "machine, `serbench bench --model M --dataset D` estimates an evaluation.",
            *_items(measured["benches"]),
            *_lengths(measured["lengths"]),
            *_threads(measured["spinning"]),
            *_profiles(measured["profiles"]),
            *_ratios(),
            *_evaluations(measured["evaluations"]),
            "## Not measured",
            NOT_RUN,
        ]
    )


def _items(benches: list[Measured]) -> Iterator[str]:
    alone, at_once = ({item["item"]: item for item in bench["items"]} for bench in benches)
    seconds = benches[0]["seconds"]
    features = [
        f"{name} {figure(item['per_second'])}"
        for name, item in alone.items()
        if item["per_second"] and item["limit"] is None
    ]
    rows = [
        [name, *_cells(item), *_cells(at_once[name])[::2]]
        for name, item in alone.items()
        if item["limit"] is not None
    ]
    yield "## Throughput"
    yield (
        f"Utterances like those of {benches[0]['like']}, on average {seconds['recorded']:.2f} s, "
        f"{seconds['trimmed']:.2f} s without silence. Utterances/s with one thread: "
        f"{', '.join(features)}. Models, on all cores:"
    )
    folds = f"{benches[1]['at_once']} folds at a time"
    head = ["model", "utterances/s", "GFLOP/s", "of the limit", folds, "of the limit"]
    yield tables.table(head, rows, "markdown")
    default = registry.defaults("model", "bench")
    others = [name for name in default if not any(row[0].startswith(f"{name},") for row in rows)]
    yield HOW + "".join(
        f"\n- Without options, `serbench bench` also measures `{name}` (not shown here yet)."
        for name in others
    )


def _cells(item: Measured) -> list[str]:
    """Return utterances/s, GFLOP/s and the share of the limit."""
    return Measurement(**item).row()[1:4]


def _lengths(lengths: list[Measured]) -> Iterator[str]:
    rates = []
    for length in lengths:
        (training,) = (item for item in length["items"] if item["item"].endswith("training"))
        model = training["item"].removesuffix(", training")
        rate, seconds = training["per_second"], length["seconds"]["trimmed"]
        rates.append(
            f"{length['like']}, {seconds:.2f} s each: {figure(rate)} ({figure(rate * seconds)})"
        )
    yield (
        f"Training of `{model}`, utterances/s (seconds of audio per second): {'; '.join(rates)}."
    )


def _threads(spinning: Mapping[str, float]) -> Iterator[str]:
    times = sorted((int(threads), seconds) for threads, seconds in spinning.items())
    if len(times) > 1:
        (_, one), (most, all_cores) = times[0], times[-1]
        yield "## Threads: never more than cores"
        yield (
            f"{most} small trainings at a time took {one:.1f} s with one thread each and "
            f"{all_cores:.1f} s with {most}: {all_cores / one:.1f} times as long, since waiting "
            "threads spin. `serbench evaluate` avoids this; a program that starts several "
            "trainings itself should set `OMP_NUM_THREADS`."
        )


def _profiles(profiles: Mapping[str, Measured]) -> Iterator[str]:
    yield "## Where a training step's time goes"
    yield "By `torch.profiler`: one thread, six steps of 16 utterances, shares of at least 2 %."
    rows = []
    for model, profile in profiles.items():
        shares = sorted(profile["shares"].items(), key=lambda share: -share[1])
        shown = [f"{kind} {100 * share:.0f} %" for kind, share in shares if share >= 0.02]
        rows.append(f"- `{model}`: {'; '.join(shown)}")
    yield "\n".join(rows)


def _ratios() -> Iterator[str]:
    baselines: Measured = json.loads(BASELINES.read_text(encoding="utf-8"))
    alternatives: dict[str, list[str]] = {}
    for name, baseline in baselines.items():
        task, alternative = name.rsplit(": ", 1)
        alternatives.setdefault(task, []).append(f"{alternative} {baseline['ratio']:.3g}")
    places = sorted({f"{each['machine']}, {each['date']}" for each in baselines.values()})
    yield "## Compared with the usual alternatives"
    yield (
        "How many times as long as serbench each alternative takes in the same run of `make bench` "
        f"({'; '.join(places)}); *trainer* is that of transformers. `make bench` fails if a ratio "
        "falls below 0.7 of its value here, or, on another machine, below 0.7."
    )
    rows = [[task, "; ".join(ratios)] for task, ratios in alternatives.items()]
    yield tables.table(["task", "times as long"], rows, "markdown")


def _evaluations(evaluations: list[Measured]) -> Iterator[str]:
    rows = [
        [each["about"], tables.duration(each["estimated"]), tables.duration(each["took"])]
        for each in evaluations
    ]
    if rows:
        yield "## Estimates of `serbench bench`"
        yield tables.table(["evaluation", "estimated", "took"], rows, "markdown")
