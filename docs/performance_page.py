"""The page docs/performance.md, of docs/performance.json and tests/benchmarks/baselines.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.bench.result import HEAD, Measurement, figure

DOCS = Path(__file__).resolve().parent
MEASURED = DOCS / "performance.json"
BASELINES = DOCS.parent / "tests" / "benchmarks" / "baselines.json"

Words = Mapping[str, Any]

HOW = """`utterances/s` is of one process. The limit is the product of two matrices of 2048 x 2048
in the precision and with the threads that the model computes with. `matrix product` alone is
numpy's, `matrix product, as in ...` is that of the library that the model computes with. Operations
are counted by `torch.utils.flop_counter` (a multiply-add is two), with a rule of ours for the
gradient of a convolution's weights, which torch counts once a group of channels; norms and
activations are not counted, nor what an utterance is padded with in a batch. Training is the slope
over epochs of growing numbers of utterances, so that what is done once, such as reading weights, is
not in it; what no epoch changes (convolutions, frozen layers) is computed once too. Prediction
computes everything. Every item ran in a fresh process; of several rounds the fastest counts.
Utterances are synthetic, as long as a corpus's; weights are random, which changes no time."""

NOT_RUN = """CUDA: everything above is of a CPU; `serbench bench --device cuda` measures a GPU. The
full wav2vec2-xlsr was left out for the time that it takes on a CPU; `serbench bench --model
wav2vec2-xlsr` measures it. CREMA-D's and IEMOCAP's lengths are those of the files: how much of them
is silence is not known without their audio."""


def page() -> str:
    """The whole page, but for its first lines."""
    words = json.loads(MEASURED.read_text(encoding="utf-8"))
    first = words["benches"][0]
    machine = first["machine"]
    versions = machine["versions"]
    named = ("python", "numpy", "torch", "transformers")
    shown = ", ".join(f"{name} {versions[name]}" for name in named if name in versions)
    return "\n\n".join(
        [
            "Measured by `python docs/measure_performance.py` on "
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB, on "
            f"{first['measured']}, at a load of {first['load']:.1f} before it began; {shown}. "
            "`serbench bench` measures the same on yours, and `serbench bench --model M "
            "--dataset D` says what an evaluation will take.",
            *_items(words),
            *_lengths(words),
            *_threads(words),
            *_profiles(words),
            *_ratios(),
            *_evaluations(words),
            "## Not measured",
            NOT_RUN,
        ]
    )


def _items(words: Words) -> list[str]:
    whole, at_once = words["benches"]
    parts = [
        "## In a second",
        f"Utterances as long as those of {whole['like']}: {whole['seconds']['recorded']:.2f} s as "
        f"recorded, {whole['seconds']['trimmed']:.2f} s once silence is cut, on average.",
        _table(whole["items"]),
    ]
    if at_once["at_once"] > 1:
        parts += [
            f"The models again, {at_once['at_once']} folds at a time, the cores divided among "
            "them; numbers are of one of them:",
            _table(at_once["items"]),
        ]
    return [*parts, HOW]


def _table(items: list[Words]) -> str:
    return tables.table(HEAD, [Measurement(**one).row() for one in items], "markdown")


def _lengths(words: Words) -> list[str]:
    rows = []
    for one in words["lengths"]:
        seconds = one["seconds"]["trimmed"]
        (training,) = (item for item in one["items"] if item["item"].endswith("training"))
        rate = training["per_second"]
        rows.append([one["like"], f"{seconds:.2f}", figure(rate), figure(rate * seconds)])
    return [
        "## Longer and shorter utterances",
        "`whisper-base`, training, on lengths like those of three corpora (at another moment "
        "than the tables above):",
        tables.table(["like", "s, mean", "utterances/s", "s of audio a second"], rows, "markdown"),
    ]


def _threads(words: Words) -> list[str]:
    times = sorted((int(threads), took) for threads, took in words["spinning"].items())
    if len(times) < 2:
        return []
    (_, one), (most, all_cores) = times[0], times[-1]
    return [
        "## Threads: never more than cores",
        f"{most} small trainings at a time took {one:.1f} s in all with one thread each, and "
        f"{all_cores:.1f} s with {most} threads each: {all_cores / one:.1f} times as long, since "
        "threads that outnumber the cores wait for each other, spinning. `serbench evaluate` gives "
        "each fold its own `--threads`, 1 by default, runs by default only as many folds at a time "
        "as there are cores for them, and makes waiting threads sleep. A program that starts "
        "several trainings itself should set `OMP_NUM_THREADS`.",
    ]


def _profiles(words: Words) -> list[str]:
    found = words["profiles"]
    kinds = {kind: None for one in found.values() for kind in one["shares"]}
    rows = [
        [kind, *(_share(one["shares"].get(kind, 0.0)) for one in found.values())]
        for kind in kinds
        if any(one["shares"].get(kind, 0.0) >= 0.005 for one in found.values())
    ]
    return [
        "## Where a training step's time goes",
        "By `torch.profiler`, one thread, an epoch of six steps of 16 utterances: forward, "
        "backward, optimiser.",
        tables.table(["", *found], rows, "markdown"),
    ]


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.005 else ""


def _ratios() -> list[str]:
    found: Words = json.loads(BASELINES.read_text(encoding="utf-8"))
    rows = [
        [*name.rsplit(": ", 1), f"{one['ratio']:.3g}", one["date"], one["machine"]]
        for name, one in found.items()
    ]
    return [
        "## Beside what would be written instead",
        "How many times as long the other way takes, both measured in one run of `make bench`, "
        "which fails where a ratio falls below 0.7 of what stands here, and on any other machine "
        "below 0.7:",
        tables.table(["what", "the other way", "times", "on", "machine"], rows, "markdown"),
    ]


def _evaluations(words: Words) -> list[str]:
    rows = [
        [
            one["about"],
            tables.duration(one["estimated"]),
            tables.duration(one["took"]),
            f"{one['estimated'] / one['took']:.2f}",
        ]
        for one in words["evaluations"]
    ]
    if not rows:
        return []
    return [
        "## Estimates, and what it took",
        tables.table(["evaluation", "estimated", "took", "ratio"], rows, "markdown"),
    ]
