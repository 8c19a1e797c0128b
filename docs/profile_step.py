"""Profile an epoch of a model's training, by kind of operation; prints JSON.

Usage: OMP_NUM_THREADS=1 python docs/profile_step.py alexnet-mel [cuda]

On the CPU what is no operation of torch is Python, and writing; on CUDA the device waits for it.
"""

import json
import re
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from torch.profiler import profile

from serbench import Examples, datasets
from serbench.bench import measure, workload
from serbench.bench.session import default_dataset
from serbench.plugins import registry
from serbench.results.config import Request
from serbench.settings import settings

STEPS = 6
KINDS = (  # the first that fits an operation's name
    ("convolutions", r"conv"),
    ("attention", r"scaled_dot_product|softmax|bmm"),
    ("optimiser", r"adam"),
    ("matrix products", r"mm$|mm_$"),
    ("norms, activations, pooling, dropout", r"norm|gelu|relu|threshold|pool|dropout|bernoulli"),
    ("reading and moving", r"copy|cat|index|clone|zero|fill|empty|stack|split|slice|select"),
)


class Profiled:
    """A workspace that profiles the second epoch of a training."""

    threads = 1
    precision = "float32"

    def __init__(self, folder: Path, device: str):
        self.folder, self.device = folder, device
        self.seconds = 0.0
        self.profile: Any = profile(record_shapes=True)

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Begin after the first epoch, end after the second."""
        if epoch == 1:
            self.profile.start()
            self.seconds = -time.perf_counter()
        elif epoch == 2:
            self.seconds += time.perf_counter()
            self.profile.stop()


def profiled(name: str, device: str = "cpu") -> dict[str, object]:
    """The seconds of an epoch of a few steps, and the share of each kind of operation."""
    source = datasets.find(default_dataset(), settings())
    request = Request(name, source.spec, params={"epochs": 2})
    model = workload.model(request, source, settings())
    batch = int(str(model.params["batch"] or measure.ROUND))
    inputs = measure.inputs(model.feature, workload.lengths_of(source), batch) * STEPS
    truth = np.arange(len(inputs)) % len(model.labels)
    train = Examples(inputs, truth, ("speaker",) * len(inputs))
    validation = Examples(inputs[:1], truth[:1], ("other",))
    made = registry.load(registry.find("model", name))(labels=model.labels, seed=0, **model.params)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Profiled(Path(folder), device)
        made.fit(train, validation, workspace)
    shares = _shares(workspace.profile, workspace.seconds, device)
    return {"utterances": len(inputs), "seconds": workspace.seconds, "shares": shares}


def _shares(made: Any, seconds: float, device: str) -> dict[str, float]:
    """By kind of operation its share of the seconds, and the rest."""
    spent: dict[str, float] = defaultdict(float)
    for row in made.key_averages(group_by_input_shape=True):
        took = row.self_cpu_time_total if device == "cpu" else row.self_device_time_total
        spent[_kind(row)] += took / 1e6
    found = {kind: time / seconds for kind, time in spent.items()}
    rest = "Python, and writing the best weights" if device == "cpu" else "the device waits"
    found[rest] = max(0.0, 1 - sum(found.values()))
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _kind(row: Any) -> str:
    name = row.key.removeprefix("aten::")
    kind = next((kind for kind, pattern in KINDS if re.search(pattern, name)), "other operations")
    if kind != "matrix products":
        return kind
    sizes = [size for shape in row.input_shapes for size in shape]
    widths = sorted({size for size in sizes if size in WIDTHS})
    return WIDTHS[widths[-1]] if widths else "other matrix products"


# the widest side of a weight tells a layer of whisper-base, and one of AlexNet
WIDTHS = {
    512: "attention: queries, keys, values, outputs",
    2048: "feed-forward layers",
    4096: "fully connected layers",
    9216: "fully connected layers",
}

if __name__ == "__main__":
    print(json.dumps(profiled(*sys.argv[1:])))
