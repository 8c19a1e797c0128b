"""The network that is fine-tuned: an encoder with a head, from stems to a score per label."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from serbench_transformers.checkpoints.loading import quiet_transformers
from serbench_transformers.encoders.encoder import Encoder
from serbench_transformers.encoders.masking import Mask
from serbench_transformers.encoders.packing import Layout, Packed


class Network(nn.Module):
    """Scores utterances: encoder, mean over frames without padding, head.

    Args:
        model: a sequence classifier of transformers; its weights are this module's.
        encoder: computes the model's encoder.
        frozen: where the stem ends; see `Encoder`.
        mask: hides frames in training.
        layout: how the utterances of a batch are placed in a tensor; does not change scores.
    """

    def __init__(
        self,
        model: Any,
        encoder: Encoder,
        frozen: int,
        mask: Mask | None = None,
        layout: type[Layout] = Packed,
    ):
        super().__init__()
        self.model, self.encoder, self.frozen, self._mask = model, encoder, frozen, mask
        self._layout, self._stem = layout, encoder.freeze(frozen)
        self._computed = self._padding = 0  # frames in training: with padding; only padding

    def train(self, mode: bool = True) -> "Network":
        """Set the mode of all but the stem, which stays in evaluation mode."""
        super().train(mode)
        for module in self._stem:
            module.eval()
        return self

    def stems(self, prepared: Sequence[Tensor]) -> list[Tensor]:
        """Compute the stem of each utterance; see `Encoder`."""
        return self.encoder.stems(prepared, self.frozen)

    def forward(self, stems: Sequence[Tensor]) -> Tensor:
        """Compute logits, (utterances, labels), in float32."""
        frames = self.encoder.batch(stems, self.frozen, self._layout)
        if self.training:
            self._computed += frames.layout.size
            self._padding += frames.layout.size - sum(frames.layout.lengths)
        pooled = self.encoder.pool(frames, self.frozen, self._mask if self.training else None)
        if self.model.projector.weight.requires_grad:  # else it is the identity
            pooled = self.model.projector(pooled)
        logits: Tensor = self.model.classifier(pooled)
        return logits.float()

    def save(self, folder: Path) -> None:
        """Write the files that transformers loads: weights, configuration and preprocessor."""
        config = self.model.config
        ours = config._attn_implementation
        config._attn_implementation = "sdpa"  # elsewhere, transformers does not have ours
        try:
            with quiet_transformers():
                self.model.save_pretrained(folder)
        finally:
            config._attn_implementation = ours
        self.encoder.preprocess.save(folder)

    def facts(self) -> dict[str, object]:
        """Return the facts that a result states."""
        trained = (weights for weights in self.parameters() if weights.requires_grad)
        return {
            "parameters": sum(weights.numel() for weights in self.parameters()),
            "trained_parameters": sum(weights.numel() for weights in trained),
            "frozen_layers": max(0, self.frozen),
            "masked": self._mask.share if self._mask and self.encoder.packs else 0.0,
            "padded_fraction": self._padding / self._computed if self._computed else None,
        }
