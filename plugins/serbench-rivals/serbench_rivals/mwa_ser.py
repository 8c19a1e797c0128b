"""The model `mwa-ser`, *from the abstract*: several analysis windows of one utterance."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from serbench import Array, BadParameter, Examples, Predictions, Workspace, replacing
from serbench_alexnet.scoring import TOGETHER, Scores, measured
from serbench_rivals.fidelity import System
from serbench_rivals.starting_weights import kaiming
from serbench_torch import devices, training
from serbench_torch.adam import Adam
from serbench_torch.kept_model import TorchModel

ARRAYS = "model.safetensors"
UNITS = (512, 256, 128)
EXTREME = 10.0  # deviations: a value that hardly varies in training must not dominate

SYSTEM = System(
    model="mwa-ser",
    title="MWA-SER",
    source="Padi, Manocha and Sriram, arXiv 2010.09895; no public code",
    reported="F1: IEMOCAP 66",
    fidelity="from the abstract",
    weights="none: trained from random weights",
    choices=(
        "The windows have 25, 50, 100 and 200 ms, overlap by half and are Hann windows.",
        "Each window gives one sample: mean, deviation and the percentiles 10, 50 and 90 of 34 "
        "short-term descriptors, without deltas, standardised over the training utterances for "
        "each window.",
        "Samples of an utterance stay in its set, so no copy of a test utterance is learned.",
        "The score of an utterance is the mean of the softmax outputs of its samples.",
        "Dense layers of 512, 256 and 128 units with batch norm, ReLU and dropout 0.3.",
        "Adam at 1e-3, batches of 64 samples, at most 50 epochs, patience 10.",
    ),
)


@dataclass(frozen=True)
class Scorer:
    """Scores utterances that have several views."""

    network: nn.Module  # from standardised views, (n, values), to logits
    mean: Tensor  # (views, values), of the training utterances, on the CPU
    deviation: Tensor  # (views, values)
    device: str

    def prepared(self, inputs: Sequence[Array]) -> Tensor:
        """Standardise utterances: (utterances, views, values), on the device."""
        views = torch.from_numpy(np.stack(list(inputs)))
        scaled = ((views - self.mean) / self.deviation).clamp(-EXTREME, EXTREME)
        return scaled.to(self.device)

    def probabilities(self, views: Tensor) -> Scores:
        """Compute each utterance's mean softmax output over its views, (utterances, labels).

        Always `TOGETHER` utterances at once, so that scores depend on no other utterance.
        """
        self.network.eval()
        missing = -len(views) % TOGETHER
        filled = torch.cat([views, views[-1:].expand(missing, -1, -1)])
        with torch.inference_mode():
            logits = [self.network(part.flatten(0, 1)) for part in filled.split(TOGETHER)]
            shares = torch.cat(logits).double().softmax(dim=1)
        means = shares.reshape(len(filled), views.shape[1], -1).mean(dim=1)
        return means[: len(views)].cpu().numpy()


@dataclass
class MwaSer(TorchModel[Scorer]):
    """A dense network on several analysis windows, after Padi et al. (arXiv 2010.09895).

    From the abstract: one utterance analysed with several lengths of the window gives several
    training samples with its label. All sizes are ours; `describe` lists them.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the weights, the order of samples and the dropout.
        epochs: the most epochs.
        lr: Adam's learning rate.
        batch: samples per step.
        patience: epochs without a lower validation loss before training stops.
        dropout: dropout after each hidden layer.
        width: factor of the numbers of units.

    Raises:
        BadParameter: a value is out of range.
    """

    version: ClassVar[str] = "1"

    _: dataclasses.KW_ONLY
    epochs: int = 50
    lr: float = 1e-3
    batch: int = 64
    patience: int = 10
    dropout: float = 0.3
    width: float = 1.0

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience) < 1 or self.batch < 2:
            raise BadParameter(
                "epochs and patience of mwa-ser must be at least 1, and batch at least 2"
            )
        if min(self.lr, self.width) <= 0:
            raise BadParameter("lr and width of mwa-ser must be greater than 0")
        if not 0 <= self.dropout < 1:
            raise BadParameter(f"dropout={self.dropout} of mwa-ser must be in [0, 1)")

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Train on all views of `train`, and stop early on the utterances of `validation`."""
        with devices.arithmetic(workspace.threads):
            views = torch.from_numpy(np.stack(list(train.inputs)))
            deviation, mean = torch.std_mean(views.double(), dim=0, correction=0)
            deviation = torch.where(deviation > 0, deviation, 1.0)
            network = self._network(views.shape[2])
            kaiming(network, network[-1], self._generator())
            network.to(workspace.device)
            scorer = Scorer(network, mean.float(), deviation.float(), workspace.device)
            trained = training.train(
                self._task(scorer, train, validation),
                epochs=self.epochs,
                patience=self.patience,
                workspace=workspace,
                seed=self.seed,
            )
        self._scorer = scorer
        self._facts = {
            "parameters": sum(weights.numel() for weights in network.parameters()),
            "views": views.shape[1],
            **trained.facts(workspace),
            **SYSTEM.facts(),
        }

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Compute the mean softmax outputs of utterances, each (views, values)."""
        with devices.arithmetic(self._facts["threads"]):
            scores = self.scorer.probabilities(self.scorer.prepared(inputs))
        return Predictions(scores.astype(np.float32), link="identity")

    def save(self, folder: Path) -> None:
        """Write weights and standardisation as safetensors, and everything else as JSON."""
        scorer = self.scorer
        arrays = {**scorer.network.state_dict(), "mean": scorer.mean, "deviation": scorer.deviation}
        with replacing(folder / ARRAYS) as temporary:
            save_file({name: each.cpu().contiguous() for name, each in arrays.items()}, temporary)
        self._write(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote, on the CPU.

        Raises:
            SerbenchError: the folder holds no model, or one of another version.
        """
        model, _ = cls._read(folder)
        arrays = load_file(folder / ARRAYS)
        mean, deviation = arrays.pop("mean"), arrays.pop("deviation")
        network = model._network(mean.shape[1])
        network.load_state_dict(arrays)
        model._scorer = Scorer(network, mean, deviation, "cpu")
        return model

    def _task(
        self, scorer: Scorer, train: Examples, validation: Examples
    ) -> training.Task[tuple[Tensor, Tensor]]:
        views, held_out = scorer.prepared(train.inputs), scorer.prepared(validation.inputs)
        samples = views.flatten(0, 1)  # (utterances * views, values)
        truth = torch.from_numpy(train.truth).repeat_interleave(views.shape[1]).to(scorer.device)
        steps = -(-len(samples) // self.batch)

        def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
            order = np.random.default_rng((self.seed, epoch)).permutation(len(samples))
            # of nearly equal size, since batch norm needs more than one sample
            for part in np.array_split(order, steps):
                rows = torch.from_numpy(part).to(scorer.device)
                yield samples[rows], truth[rows]

        def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
            return nn.functional.cross_entropy(scorer.network(batch[0]), batch[1])

        def validate() -> Mapping[str, float]:
            return measured(scorer.probabilities(held_out), validation.truth)

        optimizer = Adam(scorer.network.parameters(), self.lr)
        return training.Task(scorer.network, optimizer, batches, loss, validate, steps=steps)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(training.epoch_seed(self.seed, 0))

    def _network(self, values: int) -> nn.Sequential:
        """Return a network whose weights have memory, but no values yet."""
        layers: list[nn.Module] = []
        inputs = values
        with torch.device("meta"):
            for outputs in (max(1, round(self.width * units)) for units in UNITS):
                layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs)]
                layers += [nn.ReLU(inplace=True), nn.Dropout(self.dropout)]
                inputs = outputs
            network = nn.Sequential(*layers, nn.Linear(inputs, len(self.labels)))
        return network.to_empty(device="cpu")
