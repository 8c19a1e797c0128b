"""Register transformer encoders, fine-tuned and frozen, without importing torch."""

from collections.abc import Iterable

from serbench import Entry, ModelEntry, hookimpl
from serbench_transformers.checkpoints.presets import PRESETS

INSTALL = "serbench-transformers"
REQUIRES = ("torch", "transformers")
FINE_TUNED = "serbench_transformers.finetuning.transformer:Transformer"
MEMORY = {"tiny": 2.0, "base": 2.5, "plus": 2.5}  # gigabytes of a fold, by the end of the name
LARGE = 8.0
# only at exact versions: other weights may have the same name
TITLES = {
    **{f"{each.checkpoint}@{each.revision}": each.title for each in PRESETS if each.revision},
    **{each.encoder: each.title for each in PRESETS if each.encoder},
}
TITLE = "{checkpoint}, fine-tuned"
# the paper's M2 has the paper's recipe, with three epochs on IEMOCAP
PAPER = {"*": {"recipe": "paper"}, "iemocap": {"recipe": "paper-iemocap"}}


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Register the features with the layers of any frozen encoder."""
    yield Entry(
        "transformer-layers",
        "serbench_transformers.probing.layers:Layers",
        "the mean over time of every layer of a frozen encoder: --param checkpoint=...",
        requires=REQUIRES,
        install=INSTALL,
    )
    yield Entry(
        "transformer-frames",
        "serbench_transformers.probing.frames:Frames",
        "every frame of every layer of a frozen encoder: --param checkpoint=...",
        requires=REQUIRES,
        install=INSTALL,
    )


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Register models for any checkpoint, and presets."""
    yield ModelEntry(
        "transformer",
        FINE_TUNED,
        "any speech encoder of transformers, fine-tuned: --param checkpoint=...",
        requires=REQUIRES,
        install=INSTALL,
        title=TITLE,
        value_titles=TITLES,
        gpus=1,
        memory=LARGE,
    )
    yield ModelEntry(
        "transformer-probe",
        "serbench_transformers.probing.probe:Probe",
        "any speech encoder of transformers, frozen, with a light head: --param checkpoint=...",
        requires=(*REQUIRES, "scipy"),
        install=INSTALL,
        features="transformer-layers",
        feature_params=("checkpoint", "revision", "weights"),
        title="{checkpoint}, frozen",
        value_titles=TITLES,
    )
    for preset in PRESETS:
        m2 = preset.name == "wav2vec2-xlsr"
        defaults = dict(PAPER) if m2 else {"*": {}}
        yield ModelEntry(
            preset.name,
            FINE_TUNED,
            f"{preset.checkpoint}, fine-tuned{', the paper’s M2' if m2 else ''} "
            f"({preset.megabytes} MB to download)",
            requires=REQUIRES,
            install=INSTALL,
            title=TITLE,
            value_titles=TITLES,
            default_for=("bench",) if preset.name == "whisper-tiny-en" else (),
            gpus=1,
            memory=MEMORY.get(preset.name.removesuffix("-en").rpartition("-")[2], LARGE),
            defaults={**defaults, "*": {**defaults["*"], "checkpoint": preset.checkpoint}},
        )
