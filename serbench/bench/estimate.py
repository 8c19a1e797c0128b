"""Estimate how long an evaluation takes from the measured times of its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serbench import tables
from serbench.corpus import PARTS, Fold
from serbench.evaluation.inputs import FEW
from serbench.evaluation.speed import FrontEnd, Speed, busy


@dataclass(frozen=True)
class Estimate:
    """How long an evaluation will take: seconds of its parts, in order. Prints as a table."""

    about: str
    parts: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """The total of the parts."""
        return sum(self.parts.values())

    def __str__(self) -> str:
        rows = [[name, tables.duration(seconds)] for name, seconds in self.parts.items()]
        rows.append(["in all", tables.duration(self.seconds)])
        return f"estimate: {self.about}\n{tables.table(['part', 'time'], rows)}"


def estimate(
    name: str, folds: Sequence[Fold], epochs: int, at_once: int, front: FrontEnd, speed: Speed
) -> Estimate:
    """Estimate the time of an evaluation, decoding of the corpus included.

    Early stopping may make it shorter.

    Args:
        name: the model, the corpus and the protocol, in words.
        folds: the protocol's folds.
        epochs: the most epochs of training; 1 for a model without epochs.
        at_once: the number of folds at a time.
        front: measured times of the front end.
        speed: measured times of the model, with `at_once` processes at a time.
    """
    epochs = epochs if speed.has_epochs else 1
    rows = [speed.parts(fold, epochs) for fold in folds]
    work = [sum(row.values()) for row in rows]
    clock = busy(work, at_once) / sum(work) if sum(work) else 0.0
    count = len({id_ for fold in folds for part in PARTS for id_ in getattr(fold, part)})
    processes = front.cores if count > FEW else 1
    parts = {
        "planning": speed.load,
        "starting the front end": front.start if processes > 1 else 0.0,
        f"decoding {tables.count(count, 'utterance')}": count * front.decode / processes,
        "their features": count * front.extract / processes,
        **{part: clock * sum(row[part] for row in rows) for part in rows[0]},
    }
    most = f"at most {epochs} epochs" if epochs > 1 else "one epoch"
    mean = sum(len(fold.train) for fold in folds) / len(folds)
    utterances = tables.count(round(mean), "utterance")
    about = (
        f"{name}: {tables.count(len(folds), 'fold')}, {most} of {utterances}, {at_once} at a time"
    )
    return Estimate(about, {part: seconds for part, seconds in parts.items() if seconds})
