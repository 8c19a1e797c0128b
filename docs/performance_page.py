"""The page docs/performance.md, of docs/performance.json and tests/benchmarks/baselines.json."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.bench.result import HEAD, Measurement, figure

DOCS = Path(__file__).resolve().parent
MEASURED = DOCS / "performance.json"
BASELINES = DOCS.parent / "tests" / "benchmarks" / "baselines.json"

Measured = Mapping[str, Any]

HOW = """- *folds at a time*: they share the cores; numbers are of one fold.
- *of the limit*: the limit is the product of two 2048 x 2048 matrices by the model's library, with
  its threads and precision.
- *GFLOP/s*: by `torch.utils.flop_counter` (a multiply-add is two), corrected for gradients of
  grouped convolutions; without norms, activations and padding.
- Training excludes what is done once (reading weights, frozen layers); prediction computes all
  layers.
- Every item ran in a fresh process; the fastest of several rounds counts. Utterances are synthetic,
  weights are random."""

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
    seconds = benches[0]["seconds"]
    yield "## Throughput"
    yield (
        f"Utterances like those of {benches[0]['like']}, on average {seconds['recorded']:.2f} s, "
        f"{seconds['trimmed']:.2f} s without silence:"
    )
    rows = [
        [*Measurement(**item).row()[:5], str(bench["at_once"])]
        for bench in benches
        for item in bench["items"]
        if not item["item"].startswith("matrix product,")
    ]
    yield tables.table([*HEAD[:5], "folds at a time"], rows, "markdown")
    yield HOW


def _lengths(lengths: list[Measured]) -> Iterator[str]:
    rows = []
    for length in lengths:
        seconds = length["seconds"]["trimmed"]
        (training,) = (item for item in length["items"] if item["item"].endswith("training"))
        rate = training["per_second"]
        rows.append([length["like"], f"{seconds:.2f}", figure(rate), figure(rate * seconds)])
    yield "Training of `whisper-base` on the lengths of three corpora, measured separately:"
    yield tables.table(["like", "s, mean", "utterances/s", "s of audio a second"], rows, "markdown")


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
    shares = [profile["shares"] for profile in profiles.values()]
    rows = [
        [kind, *(_share(share.get(kind, 0.0)) for share in shares)]
        for kind in dict.fromkeys(kind for share in shares for kind in share)
        if any(share.get(kind, 0.0) >= 0.005 for share in shares)
    ]
    yield "## Where a training step's time goes"
    yield "By `torch.profiler`: one thread, six steps of 16 utterances."
    yield tables.table(["", *profiles], rows, "markdown")


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.005 else ""


def _ratios() -> Iterator[str]:
    baselines: Measured = json.loads(BASELINES.read_text(encoding="utf-8"))
    alternatives: dict[str, list[str]] = {}
    for name, baseline in baselines.items():
        task, alternative = name.rsplit(": ", 1)
        alternatives.setdefault(task, []).append(f"{alternative} {baseline['ratio']:.3g}")
    places = sorted({f"{each['machine']}, {each['date']}" for each in baselines.values()})
    yield "## Compared with the usual alternatives"
    yield (
        "How many times as long each alternative takes (*trainer*: that of transformers), in the "
        "same run of `make bench`, which fails if a ratio falls below 0.7 of this table, or on "
        f"another machine below 0.7 ({'; '.join(places)})."
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
