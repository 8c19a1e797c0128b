"""The model `pepino`, *faithful*: all layers of a frozen encoder, weighed frame by frame."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from serbench import Array, BadParameter, Examples, Predictions, Workspace, replacing
from serbench.metrics import classification
from serbench_rivals.fidelity import System
from serbench_torch import devices, flop_counting, training
from serbench_torch.adam import Adam
from serbench_torch.kept_model import TorchModel
from serbench_transformers.checkpoints.checkpoint import find
from serbench_transformers.checkpoints.loading import Weights

ARRAYS = "model.safetensors"
EPS = 1e-7  # of Adam in Keras

SYSTEM = System(
    model="pepino",
    title="Pepino et al.",
    source="Pepino, Riera and Ferrer, Interspeech 2021, arXiv 2104.03502; public code",
    reported="recall: IEMOCAP 67.2, RAVDESS 84.3",
    fidelity="faithful",
    weights="facebook/wav2vec2-base, not fine-tuned; any other encoder by `checkpoint`",
    choices=(
        "Corpus, labels and folds are those of the run: theirs has songs too on RAVDESS, calm as "
        "neutral, and two test actors.",
        "Features are used as they are, unless the run standardises them: theirs are standardised "
        "per speaker, with which the reported numbers were reached, or over a set.",
        "Statistics of standardised features are over the frames that are kept: theirs are over "
        "all frames.",
        "Silence at both ends is trimmed at 60 dB unless --trim-db says otherwise: theirs is kept.",
        "The encoder sees whole utterances of IEMOCAP: theirs are cut at 15 s.",
        "Activations are stored in half precision.",
        "On corpora that they did not use, 400 frames are kept, as on IEMOCAP.",
        "Nothing is padded, since the mean over an utterance's frames is that of padded frames "
        "under a mask.",
        "The validation loss is the mean over all validation utterances: theirs counts those again "
        "that fill its last batch.",
        "Adam is that of PyTorch, which adds epsilon after correcting the bias.",
        "In Whisper's encoders, which have no projection, the first layer is the output of the "
        "convolutions.",
    ),
)


class Mixed(torch.autograd.Function):
    """The weighted sum of the layers of utterances, read in half precision.

    Layers are converted one utterance at a time, forward and again backward, since they are far
    larger than everything else.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, *utterances: Tensor) -> Tensor:
        """Return the joined frames, (all frames, width), of utterances, (layers, frames, width)."""
        ctx.utterances = utterances
        return torch.cat(
            [(weights @ each.float().flatten(1)).view(each.shape[1:]) for each in utterances]
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the weights; the encoder is not trained."""
        parts = gradients[0].split([each.shape[1] for each in ctx.utterances])
        summed = torch.stack(
            [
                each.float().flatten(1) @ part.flatten()
                for each, part in zip(ctx.utterances, parts, strict=True)
            ]
        ).sum(dim=0)
        return (summed, *(None for _ in ctx.utterances))


class Network(nn.Module):
    """From the layers of utterances, each (layers, frames, width), to logits, (utterances, labels).

    The frames of all utterances pass through the network end to end. Every layer before the mean
    acts on each frame alone, so the result is that of padded utterances and a mask.

    Args:
        layers: how many layers are weighed.
        width: of the layers.
        hidden: the width of both hidden layers.
        labels: how many classes.
        dropout: dropout before each hidden layer.
    """

    def __init__(self, layers: int, width: int, hidden: int, labels: int, dropout: float):
        super().__init__()
        self.mix = nn.Parameter(torch.empty(layers))
        self.hidden = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.scores = nn.Linear(hidden, labels)

    @property
    def weights(self) -> Tensor:
        """The weights of the layers, which sum to 1: without a softmax, of absolute values."""
        sizes = self.mix.abs()
        return sizes / sizes.sum()

    def forward(self, utterances: Sequence[Tensor]) -> Tensor:
        """Compute the logits."""
        frames: Tensor = Mixed.apply(self.weights, *utterances)  # type: ignore[no-untyped-call]
        parts = self.hidden(frames).split([each.shape[1] for each in utterances])
        logits: Tensor = self.scores(torch.stack([part.mean(dim=0) for part in parts]))
        return logits

    def initialise(self, generator: torch.Generator) -> None:
        """Give all layers one weight, and initialise others as Keras (Glorot and Bengio 2010)."""
        nn.init.ones_(self.mix)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)


@dataclass(frozen=True)
class Scorer:
    """Scores utterances with a network."""

    network: Network
    device: str  # "cpu" or "cuda"

    def moved(self, array: Array) -> Tensor:
        """Return the layers of an utterance, (layers, frames, width), on the device."""
        return devices.moved(torch.from_numpy(array), self.device)

    def logits(self, inputs: Sequence[Array]) -> npt.NDArray[np.float64]:
        """Score utterances one by one, so that none depends on others: (utterances, labels)."""
        self.network.eval()
        with torch.inference_mode():
            rows = [self.network([self.moved(array)])[0] for array in inputs]
            return torch.stack(rows).double().cpu().numpy()


@dataclass
class Pepino(TorchModel[Scorer]):
    """All layers of a frozen encoder, weighed frame by frame, and a small network.

    After Pepino, Riera and Ferrer, "Emotion recognition from speech using wav2vec 2.0 embeddings"
    (Interspeech 2021), and their code: the layers are averaged with trained weights; two hidden
    layers act on each frame; the mean over time is scored. `describe` lists what is ours.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the weights, the order of utterances and the dropout.
        checkpoint: see the feature `transformer-frames`.
        revision: see the feature.
        weights: see the feature.
        frames: see the feature; the paper keeps 250 on RAVDESS and 400 on IEMOCAP.
        pool: see the feature; 1 is the paper's.
        epochs: the most epochs.
        lr: Adam's learning rate.
        batch: utterances per step. An epoch's last batch is filled from its first utterances.
        patience: epochs without a lower validation loss before training stops.
        clip: the largest absolute value of a gradient; larger ones are cut.
        hidden: the width of both hidden layers.
        dropout: dropout before each hidden layer.

    Raises:
        BadParameter: a value is out of range.
    """

    version: ClassVar[str] = "1"

    _: dataclasses.KW_ONLY
    checkpoint: str = ""
    revision: str | None = None
    weights: Weights = "pretrained"
    frames: int = 0
    pool: int = 1
    epochs: int = 100
    lr: float = 1e-4
    batch: int = 32
    patience: int = 4
    clip: float = 1.0
    hidden: int = 128
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.patience, self.hidden) < 1:
            raise BadParameter("epochs, batch, patience and hidden of pepino must be at least 1")
        if min(self.lr, self.clip) <= 0:
            raise BadParameter("lr and clip of pepino must be greater than 0")
        if not 0 <= self.dropout < 1:
            raise BadParameter(f"dropout={self.dropout} of pepino must be in [0, 1)")

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Train on `train`, and stop early on `validation`."""
        checkpoint = find(self.checkpoint, str(self.revision))
        layers, _, width = train.inputs[0].shape
        network = self._network(layers, width)
        network.initialise(torch.Generator().manual_seed(training.epoch_seed(self.seed, 0)))
        scorer = Scorer(network.to(workspace.device), workspace.device)
        with devices.arithmetic(workspace.threads):
            trained = training.train(
                self._task(scorer, train, validation),
                epochs=self.epochs,
                patience=self.patience,
                workspace=workspace,
                seed=self.seed,
            )
        self._scorer = scorer
        self._facts = {
            **checkpoint.facts(self.weights),
            "stored": "float16",
            "parameters": sum(each.numel() for each in network.parameters()),
            "layer_weights": network.weights.tolist(),
            **trained.facts(workspace),
            **SYSTEM.facts(),
        }

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Compute the logits of utterances, each (layers, frames, width)."""
        with devices.arithmetic(self._facts["threads"]):
            logits = self.scorer.logits(inputs)
        return Predictions(logits.astype(np.float32), link="softmax")

    def flops(self, inputs: Sequence[Array], training: bool) -> float:
        """Count the operations of training once on each utterance, or of scoring it."""
        arrays = [torch.empty(each.shape, dtype=torch.half, device="meta") for each in inputs]
        network = self._blank(arrays[0].shape[0], arrays[0].shape[2])
        return flop_counting.flops(lambda: network(arrays), training)

    def save(self, folder: Path) -> None:
        """Write weights as safetensors, and everything else as JSON."""
        weights = self.scorer.network.state_dict()
        with replacing(folder / ARRAYS) as temporary:
            save_file({name: each.cpu().contiguous() for name, each in weights.items()}, temporary)
        self._write(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote, on the CPU.

        Raises:
            SerbenchError: the folder holds no model, or one of another version.
        """
        model, _ = cls._read(folder)
        weights = load_file(folder / ARRAYS)
        network = model._network(len(weights["mix"]), weights["hidden.1.weight"].shape[1])
        network.load_state_dict(weights)
        model._scorer = Scorer(network, "cpu")
        return model

    def _network(self, layers: int, width: int) -> Network:
        """Return a network whose weights have memory, but no values yet."""
        return self._blank(layers, width).to_empty(device="cpu")

    def _blank(self, layers: int, width: int) -> Network:
        """Return a network on the device "meta", whose weights have shapes but no memory."""
        with torch.device("meta"):
            return Network(layers, width, self.hidden, len(self.labels), self.dropout)

    def _task(
        self, scorer: Scorer, train: Examples, validation: Examples
    ) -> training.Task[npt.NDArray[np.int64]]:
        """Return the task of the training loop; utterances are read when they are needed."""
        network, count = scorer.network, len(train.truth)
        truth = torch.from_numpy(train.truth).to(scorer.device)

        def batches(epoch: int) -> list[npt.NDArray[np.int64]]:
            order = np.random.default_rng((self.seed, epoch)).permutation(count)
            places = np.arange((count // self.batch + 1) * self.batch) % count
            return list(order[places].reshape(-1, self.batch))

        def loss(batch: npt.NDArray[np.int64]) -> Tensor:
            logits = network([scorer.moved(train.inputs[int(at)]) for at in batch])
            return nn.functional.cross_entropy(logits, truth[torch.from_numpy(batch)])

        def validate() -> dict[str, float]:
            logits = scorer.logits(validation.inputs)
            labels = classification.predicted(logits)
            counts = classification.confusion(validation.truth, labels, logits.shape[1])
            loss = nn.functional.cross_entropy(
                torch.from_numpy(logits), torch.from_numpy(validation.truth)
            )
            return {"loss": float(loss), "uar": float(classification.uar(counts))}

        optimizer = Adam(network.parameters(), self.lr, eps=EPS, clip_value=self.clip)
        return training.Task(network, optimizer, batches, loss, validate)
