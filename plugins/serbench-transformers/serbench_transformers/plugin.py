"""Offers transformer encoders, fine-tuned and frozen; importing it imports no torch."""

from collections.abc import Iterable

from serbench.hookspecs import ModelEntry, hookimpl
from serbench_transformers.presets import PRESETS

INSTALL = "serbench-transformers"
REQUIRES = ("torch", "transformers")
FINE_TUNED = "serbench_transformers.finetuned:Transformer"
# the paper's M2 is the paper's recipe; three epochs on IEMOCAP
PAPER = {"*": {"recipe": "paper"}, "iemocap": {"recipe": "paper-iemocap"}}


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Offer any checkpoint, and presets."""
    yield ModelEntry(
        "transformer",
        FINE_TUNED,
        "any speech encoder of transformers, fine-tuned: --param checkpoint=...",
        requires=REQUIRES,
        install=INSTALL,
    )
    for preset in PRESETS:
        m2 = preset.name == "wav2vec2-xlsr"
        defaults = dict(PAPER) if m2 else {"*": {}}
        yield ModelEntry(
            preset.name,
            FINE_TUNED,
            f"{preset.checkpoint}, fine-tuned{', the paper’s M2' if m2 else ''}",
            requires=REQUIRES,
            install=INSTALL,
            defaults={**defaults, "*": {**defaults["*"], "checkpoint": preset.checkpoint}},
        )
