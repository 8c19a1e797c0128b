"""Define the steps of fine-tuning: stems of utterances, scores, the recipe's loss, and Adam."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from serbench import Array, Link
from serbench.metrics import classification
from serbench_torch.devices import autocast, moved
from serbench_torch.training import Task
from serbench_transformers.encoders.batching import Batch, Batching, by_length, cut, shuffled
from serbench_transformers.finetuning.network import Network
from serbench_transformers.finetuning.recipes import Loss, Recipe, factor, steps_an_epoch

KEPT = 2**30  # bytes of stems that are kept, not computed again in every epoch
LAID = 64 * 16000  # samples whose stems are computed together
SCORED = 16  # utterances scored together


class Stems:
    """The stems: outputs of the frozen first layers for utterances, the same in every epoch.

    The first stems, up to `keep` bytes, are kept. These are computed in the order of utterances, so
    always in the same batches: other batches would round differently, and a resumed training must
    get the same values. `precision` is for the stems and for training on them.
    """

    def __init__(
        self,
        scorer: "Scorer",
        inputs: Sequence[Array],
        precision: str = "float32",
        keep: int = KEPT,
    ):
        self.precision = precision
        self._scorer, self._inputs, self._keep = scorer, inputs, keep

    def __len__(self) -> int:
        return len(self._inputs)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The number of samples of each utterance; reads all utterances."""
        return np.array([len(wave) for wave in self._inputs], np.int64)

    def of(self, positions: Batch) -> list[Tensor]:
        """Return the stems at these positions, each (frames, width)."""
        missing = [place for place in positions.tolist() if place >= len(self._kept)]
        computed = dict(zip(missing, self._computed(missing), strict=True))
        return [computed[p] if p in computed else self._kept[p] for p in positions.tolist()]

    @cached_property
    def _kept(self) -> list[Tensor]:
        kept, left = list[Tensor](), self._keep
        for stem in self._computed(range(len(self)) if left else ()):
            left -= stem.numel() * stem.element_size()
            if left < 0:
                break
            kept.append(stem)
        return kept

    def _computed(self, positions: Iterable[int]) -> Iterator[Tensor]:
        waves, samples = list[Array](), 0
        for position in positions:
            wave = self._inputs[position]
            if waves and samples + len(wave) > LAID:
                yield from self._scorer.stems(waves, self.precision)
                waves, samples = [], 0
            waves.append(wave)
            samples += len(wave)
        if waves:
            yield from self._scorer.stems(waves, self.precision)


@dataclass(frozen=True)
class Scorer:
    """A network on its device, and how it scores utterances."""

    network: Network
    loss: Loss  # of the training; decides how scores become probabilities
    device: str  # "cpu" or "cuda"
    batching: Batching = "packed"

    @property
    def computes(self) -> str:
        """The batching that results state: "packed", "sorted", "padded" or "one by one"."""
        if self.batching == "packed" and not self.network.encoder.packs:
            return "one by one"
        return self.batching

    @property
    def link(self) -> Link:
        """The function from logits to probabilities."""
        return "sigmoid" if self.loss == "bce" else "softmax"

    def logits(self, stems: Sequence[Tensor], precision: str = "float32") -> Tensor:
        """Compute the logits of a batch, (utterances, labels)."""
        with autocast(self.device, precision):
            logits: Tensor = self.network(stems)
        return logits

    def stems(self, waves: Sequence[Array], precision: str = "float32") -> list[Tensor]:
        """Compute the stem of each wave, (frames, width)."""
        prepared = [moved(self.network.encoder.preprocess(wave), self.device) for wave in waves]
        with autocast(self.device, precision):
            return self.network.stems(prepared)

    def scores(self, stems: Stems) -> Tensor:
        """Compute the logits of all utterances, (utterances, labels), in evaluation mode."""
        self.network.eval()
        order = np.arange(len(stems))
        if self.batching == "sorted":
            order = np.argsort(stems.lengths, kind="stable")
        back = moved(torch.from_numpy(np.argsort(order)), self.device)
        with torch.inference_mode():
            logits = [self.logits(stems.of(part)) for part in cut(order, SCORED)]
            return torch.cat(logits)[back]


@dataclass(frozen=True)
class Labelled:
    """Stems and the truth of their utterances, (utterances,), positions in the labels."""

    stems: Stems
    truth: npt.NDArray[np.int64]


def task(
    scorer: Scorer, train: Labelled, validation: Labelled, recipe: Recipe, seed: int
) -> Task[Batch]:
    """Return the task for the training loop of `serbench_torch`."""
    held_out = torch.from_numpy(validation.truth).to(scorer.device)

    def epoch_of(epoch: int) -> list[Batch]:
        random = np.random.default_rng((seed, epoch))
        if scorer.batching == "sorted":
            return by_length(train.stems.lengths, recipe.batch, random)
        return shuffled(len(train.stems), recipe.batch, random)

    def loss(batch: Batch) -> Tensor:
        logits = scorer.logits(train.stems.of(batch), train.stems.precision)
        truth = moved(torch.from_numpy(train.truth[batch]), scorer.device)
        return criterion(logits, truth, recipe.loss, recipe.label_smoothing)

    def validate() -> Mapping[str, float]:
        logits = scorer.scores(validation.stems)
        decisions = classification.predicted(logits.cpu().numpy())
        counts = classification.confusion(validation.truth, decisions, logits.shape[1])
        return {
            "loss": float(criterion(logits, held_out, recipe.loss)),
            "uar": float(classification.uar(counts)),
        }

    optimizer = _adam(scorer.network, recipe)
    steps = recipe.epochs * steps_an_epoch(len(train.truth), recipe.batch)
    scheduler = LambdaLR(optimizer, lambda step: factor(recipe.schedule, step, steps))
    return Task(scorer.network, optimizer, epoch_of, loss, validate, scheduler, split)


def split(batch: Batch, parts: int) -> list[tuple[Batch, float]]:
    """Split a batch into at most `parts` parts, each with its share of the utterances."""
    pieces = cut(batch, -(-len(batch) // parts))
    return [(piece, len(piece) / len(batch)) for piece in pieces]


def criterion(logits: Tensor, truth: Tensor, loss: Loss, smoothing: float = 0.0) -> Tensor:
    """Compute the mean loss of logits, (utterances, labels), against truth, (utterances,)."""
    if loss == "bce":
        labels = logits.shape[1]
        wanted = nn.functional.one_hot(truth, labels).to(logits.dtype)
        wanted = wanted * (1 - smoothing) + smoothing / labels
        return nn.functional.binary_cross_entropy_with_logits(logits, wanted)
    return nn.functional.cross_entropy(logits, truth, label_smoothing=smoothing)


def _adam(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW, with weight decay for matrices but not for norms and biases."""
    trained = [weights for weights in network.parameters() if weights.requires_grad]
    matrices = [weights for weights in trained if weights.ndim > 1]
    vectors = [weights for weights in trained if weights.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, fused=True)
