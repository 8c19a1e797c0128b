"""The model `transformer-probe`: a light head on the layers of a frozen encoder."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Self

from threadpoolctl import threadpool_limits

from serbench import Array, BadParameter, Examples, Predictions, Workspace
from serbench_torch.kept_model import KeptModel
from serbench_transformers.checkpoints.checkpoint import find
from serbench_transformers.checkpoints.loading import Weights
from serbench_transformers.probing import logistic, weighted_sum
from serbench_transformers.probing.heads import Head, Problem
from serbench_transformers.probing.layers import COMPUTED
from serbench_transformers.probing.weighted_sum import Course

ARRAYS = "probe.safetensors"


@dataclass
class Probe(KeptModel):
    """A light head on the feature `transformer-layers`; the encoder is never trained.

    Every layer is standardised on the training utterances. The validation speakers choose the
    layer, the strength or the epoch, and the temperature that calibrates probabilities.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the head "weighted"; "logistic" has no randomness.
        checkpoint: see the feature `transformer-layers`.
        revision: see the feature.
        weights: see the feature.
        head: "logistic" is logistic regression on one layer, with labels weighted to count equally;
            "weighted" is a linear layer on a trained weighted sum of all layers, as in SUPERB.
        layer: for "logistic": 0 is the input of the first layer, -1 the last layer's output; None
            chooses the layer by UAR on the validation speakers.
        c: for "logistic": scikit-learn's C; None chooses it with the layer.
        hidden: for "weighted": the number of units of a layer before the scores; 0 is no layer.
        lr: for "weighted": the learning rate.
        batch: for "weighted": utterances per step.
        epochs: for "weighted": the most epochs; that with the lowest validation loss is kept.
        patience: for "weighted": epochs without a lower validation loss before training stops.

    Raises:
        BadParameter: a value is out of its range, or belongs to the other head.
    """

    version: ClassVar[str] = "2"
    notes: ClassVar[Mapping[str, str]] = {"2": "heads are trained in double precision"}
    file: ClassVar[str] = "probe.json"

    _: dataclasses.KW_ONLY
    checkpoint: str = ""
    revision: str | None = None
    weights: Weights = "pretrained"
    head: Literal["logistic", "weighted"] = "logistic"
    layer: int | None = None
    c: float | None = None
    hidden: int = 0
    lr: float = 1e-3
    batch: int = 32
    epochs: int = 100
    patience: int = 10
    _head: Head | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.c is not None and not self.c > 0:
            raise BadParameter(f"c={self.c} must be greater than 0")
        if self.hidden < 0:
            raise BadParameter(f"hidden={self.hidden} must be 0 or more")
        if self.lr <= 0:
            raise BadParameter(f"lr={self.lr} must be greater than 0")
        if min(self.batch, self.epochs, self.patience) < 1:
            raise BadParameter("batch, epochs and patience must be at least 1")
        foreign = {"layer": self.layer, "c": self.c}
        if self.head == "logistic":
            foreign = {"hidden": self.hidden or None}
        for name, value in foreign.items():
            if value is not None:
                other = "weighted" if self.head == "logistic" else "logistic"
                raise BadParameter(
                    f"the head {self.head} does not use {name}={value}: leave it out, or choose "
                    f"--param head={other}"
                )

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn from `train`; choose on `validation`.

        Raises:
            SerbenchError: no validation utterance has a label of training, or there is only one.
            BadParameter: there is no such layer.
        """
        checkpoint = find(self.checkpoint, str(self.revision))
        problem = Problem.of(train, validation)
        with threadpool_limits(workspace.threads):
            head, facts = self._learn(problem, workspace)
            self._head = head.calibrated(problem)
        self._facts = {
            **checkpoint.facts(self.weights),
            **COMPUTED,
            "device": weighted_sum.DEVICE,
            "threads": workspace.threads,
            "head": self.head,
            "trained_parameters": self._head.parameters,
            "temperature": self._head.temperature,
            **facts,
        }

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Compute scores divided by the temperature; the softmax turns them into probabilities."""
        assert self._head is not None, "fit or load comes before predict"
        return Predictions(self._head.activations(inputs, len(self.labels)), "softmax")

    def save(self, folder: Path) -> None:
        """Write arrays, then parameters and facts, whose file marks the folder as complete."""
        assert self._head is not None, "fit comes before save"
        self._head.write(folder / ARRAYS)
        self._write(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote.

        Raises:
            SerbenchError: the folder has no probe, or one of another version.
        """
        model, _ = cls._read(folder)
        model._head = Head.read(folder / ARRAYS)
        return model

    def _learn(self, problem: Problem, workspace: Workspace) -> tuple[Head, dict[str, object]]:
        if self.head == "logistic":
            return logistic.learn(problem, self._position(problem.layers), self.c, workspace)
        course = Course(self.hidden, self.lr, self.batch, self.epochs, self.patience)
        return weighted_sum.learn(problem, course, self.seed, workspace)

    def _position(self, layers: int) -> int | None:
        """Return the position of the requested layer, counted from 0; None if it is chosen."""
        if self.layer is None:
            return None
        if not -layers <= self.layer < layers:
            raise BadParameter(
                f"layer={self.layer} does not exist: {self.checkpoint} has the layers 0 (the input "
                f"of the first) to {layers - 1}, or, counted from the last, -1 to {-layers}"
            )
        return self.layer % layers
