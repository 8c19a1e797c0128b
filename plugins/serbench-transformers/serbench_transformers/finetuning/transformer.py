"""The model `transformer` and its presets: fine-tune a pretrained encoder for a fold."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch

from serbench import Array, BadParameter, Examples, Predictions, Workspace
from serbench_torch import devices, training
from serbench_torch.kept_model import TorchModel
from serbench_transformers.checkpoints import loading, presets
from serbench_transformers.checkpoints.checkpoint import find
from serbench_transformers.checkpoints.loading import Head, Weights
from serbench_transformers.encoders import architectures
from serbench_transformers.encoders.batching import LAYOUTS, Batching
from serbench_transformers.encoders.masking import Mask
from serbench_transformers.finetuning import flops as arithmetic
from serbench_transformers.finetuning import model_card
from serbench_transformers.finetuning.learning import Labelled, Scorer, Stems, task
from serbench_transformers.finetuning.network import Network
from serbench_transformers.finetuning.recipes import (
    RECIPES,
    Loss,
    Name,
    Recipe,
    Schedule,
    step_facts,
)


@dataclass
class Transformer(TorchModel[Scorer]):
    """A pretrained speech encoder with a linear head, fine-tuned.

    The output is averaged over an utterance's own frames, and padding changes no output: scores do
    not depend on other utterances.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the head, the order of the utterances, dropout and masks.
        checkpoint: a name on the hub, "facebook/wav2vec2-base", or a local folder.
        revision: the revision of a name on the hub; its commit is used and recorded.
        weights: "random" does not read the checkpoint's weights: such runs are never ranked, and
            show the floor that pretraining must beat.
        head: "linear" is one layer, as in the paper; "projector" is the head of transformers' own
            sequence classifiers, with a projection to `classifier_proj_size` before that layer.
        recipe: "paper", "paper-iemocap" (three epochs) or "tuned"; see `recipes.RECIPES` and
            `docs/transformers.md`. Each of the next nine parameters replaces the recipe's value.
        loss: "bce" or "cross-entropy".
        schedule: the schedule of the learning rate, "paper" or "linear".
        epochs: the most epochs; the one with the lowest validation loss is kept.
        lr: the highest learning rate.
        batch: utterances per step.
        label_smoothing: the label smoothing of either loss.
        weight_decay: the weight decay of AdamW; 0 is Adam.
        mask_time: the share of frames that training hides from the layers.
        frozen: the share of layers, from the lowest, that are not trained; their output is
            computed once, not in every epoch. Encoders that transformers computes one utterance
            after the other (WavLM) train all layers.
        patience: epochs without a lower validation loss before training stops.
        freeze_convolutions: do not train the modules below the layers' input projection.
        batching: "packed" joins the utterances of a step end to end, without padding; "padded" is
            the reference, the same random batches padded to the longest utterance; "sorted" pads
            batches of similar lengths. With "packed", some encoders compute one utterance after the
            other; `docs/transformers.md` lists which of these can be padded.
        checkpointing: compute activations again in the backward pass instead of keeping them, with
            less memory but a third more time.

    Raises:
        BadParameter: a value is out of its range.
    """

    version: ClassVar[str] = "1"
    precisions: ClassVar[Sequence[str]] = devices.PRECISIONS
    added: ClassVar[Mapping[str, object]] = {"batching": "packed"}
    file: ClassVar[str] = "serbench.json"

    _: dataclasses.KW_ONLY
    checkpoint: str = ""
    revision: str | None = None
    weights: Weights = "pretrained"
    head: Head = "linear"
    recipe: Name = "tuned"
    loss: Loss | None = None
    schedule: Schedule | None = None
    epochs: int | None = None
    lr: float | None = None
    batch: int | None = None
    label_smoothing: float | None = None
    weight_decay: float | None = None
    mask_time: float | None = None
    frozen: float | None = None
    patience: int = 5
    freeze_convolutions: bool = True
    batching: Batching = "packed"
    checkpointing: bool = False

    def __post_init__(self) -> None:
        recipe = self._recipe()
        if min(recipe.epochs, recipe.batch, self.patience) < 1:
            raise BadParameter("epochs, batch and patience must be at least 1")
        if recipe.lr <= 0:
            raise BadParameter(f"lr={recipe.lr} must be greater than 0")
        if recipe.weight_decay < 0:
            raise BadParameter(f"weight_decay={recipe.weight_decay} must be 0 or more")
        for name in ("label_smoothing", "mask_time", "frozen"):
            if not 0 <= getattr(recipe, name) < 1:
                raise BadParameter(f"{name}={getattr(recipe, name)} must be in [0, 1)")
        if recipe.frozen and not self.freeze_convolutions:
            raise BadParameter(
                f"frozen={recipe.frozen} must be 0 if the convolutions, which are below all "
                "layers, are trained (freeze_convolutions=false)"
            )

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """Return the parameters with the checkpoint's exact revision and the recipe's values.

        Raises:
            SerbenchError: the checkpoint is missing and cannot be fetched.
            BadParameter: padding would change the outputs of the encoder.
        """
        recipe = dataclasses.asdict(RECIPES[params["recipe"]])  # type: ignore[index]
        given = {name: params[name] for name in recipe if params[name] is not None}
        exact = {**loading.exact(params), **recipe, **given}
        if exact["batching"] != "packed":
            checkpoint = find(str(exact["checkpoint"]), str(exact["revision"]))
            architectures.require_padding(checkpoint.name, checkpoint.config())
        return exact

    @classmethod
    def rehearsed(cls, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """Return parameters for a preset's architecture with random weights."""
        return presets.without_weights(given, folder)

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn from `train`; keep the epoch that is best on `validation`."""
        recipe = self._recipe()
        checkpoint = find(self.checkpoint, str(self.revision))
        with devices.arithmetic(workspace.threads):
            model = loading.classifier(
                checkpoint,
                self.labels,
                head=self.head,
                weights=self.weights,
                seed=training.epoch_seed(self.seed, 0),
            )
            scorer = self._scorer_of(model, checkpoint.folder, workspace.device)
            if self.checkpointing:
                model.activation_checkpointing_enable({"use_reentrant": False})
            learned = Labelled(Stems(scorer, train.inputs, workspace.precision), train.truth)
            held_out = Labelled(Stems(scorer, validation.inputs), validation.truth)
            trained = training.train(
                task(scorer, learned, held_out, recipe, self.seed),
                epochs=recipe.epochs,
                patience=self.patience,
                workspace=workspace,
                seed=self.seed,
            )
        self._scorer = scorer
        self._facts = {
            **checkpoint.facts(self.weights),
            "batching": scorer.computes,
            **scorer.network.facts(),
            **trained.facts(workspace, **step_facts(recipe, len(train.truth), trained.epochs)),
        }

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Compute the outputs of the linear layer for waves, each (samples,) at 16 kHz."""
        with devices.arithmetic(self._facts["threads"]):
            scores = self.scorer.scores(Stems(self.scorer, inputs, keep=0))
        return Predictions(scores.cpu().numpy().astype(np.float32), self.scorer.link)

    def flops(self, inputs: Sequence[Array], training: bool) -> float:
        """Count the floating-point operations of learning once from each wave, or of scoring it."""
        return arithmetic.flops(self.scorer.network, inputs, training=training)

    def save(self, folder: Path) -> None:
        """Write a checkpoint of transformers, with parameters and facts beside it."""
        self.scorer.network.save(folder)
        self._write(folder)

    def export(self, folder: Path) -> None:
        """Write a checkpoint that transformers loads, with a README that says how."""
        self.scorer.network.save(folder)
        model_card.write(folder, self.describe(), self.scorer)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote, on the CPU.

        Raises:
            SerbenchError: the folder has no model, or one of another version.
        """
        model, _ = cls._read(folder)
        model._scorer = model._scorer_of(loading.saved(folder), folder, "cpu")
        return model

    def _recipe(self) -> Recipe:
        """Return the recipe, with the user's parameters instead of its values."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(Recipe)}
        given = {name: value for name, value in fields.items() if value is not None}
        return dataclasses.replace(RECIPES[self.recipe], **given)

    def _scorer_of(self, model: torch.nn.Module, folder: Path, device: str) -> Scorer:
        recipe = self._recipe()
        if self.head == "linear":
            model.projector.requires_grad_(False)  # type: ignore[union-attr]
        encoder = loading.encoder_of(model.to(device), folder)
        layers = int(recipe.frozen * encoder.n_layers) if encoder.packs else 0
        frozen = layers if self.freeze_convolutions else -1
        mask = Mask(recipe.mask_time) if recipe.mask_time else None
        network = Network(model, encoder, frozen, mask, LAYOUTS[self.batching])
        return Scorer(network, recipe.loss, device, self.batching)
