"""Build networks from checkpoints: read weights from safetensors, and never run their code."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from serbench import SerbenchError, nearest
from serbench_torch.devices import private_randomness, seed_randomness
from serbench_transformers.checkpoints.checkpoint import Checkpoint, require_weights, resolve
from serbench_transformers.checkpoints.folders import has_preprocessor
from serbench_transformers.encoders.architectures import PACKED, OneByOne
from serbench_transformers.encoders.attention_kernels import ATTENTION, attention
from serbench_transformers.encoders.encoder import Encoder
from serbench_transformers.encoders.preprocessor import RATE, Preprocessor

HEAD = ("projector.", "classifier.")

Weights = Literal["pretrained", "random"]
Head = Literal["linear", "projector"]


def load(checkpoint: Checkpoint, *, weights: Weights = "pretrained", seed: int = 0) -> Encoder:
    """Load the encoder of a checkpoint, in evaluation mode, on the CPU, in float32.

    `weights="random"` draws weights from `seed` instead of reading the checkpoint's.

    Raises:
        SerbenchError: the checkpoint is not of a supported encoder, or lacks weights.
    """
    model = classifier(checkpoint, (), weights=weights, seed=seed)
    return encoder_of(model.eval(), checkpoint.folder)


def classifier(
    checkpoint: Checkpoint,
    labels: Sequence[str],
    *,
    head: Head = "projector",
    weights: Weights | Literal["shape"] = "pretrained",
    seed: int = 0,
) -> Any:
    """Build transformers' sequence classifier with the checkpoint's encoder and a new head.

    `head="linear"` is one linear layer: the projector is the identity.

    Raises:
        SerbenchError: the checkpoint is not of a supported encoder, or lacks weights.
    """
    from transformers import AutoModelForAudioClassification

    with quiet_transformers(), private_randomness("cpu"):
        seed_randomness("cpu", seed)
        config = _config(checkpoint)
        if labels:
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: position for position, label in enumerate(labels)}
        if head == "linear":
            config.classifier_proj_size = config.hidden_size
        config.apply_spec_augment = False  # which draws from numpy's global state
        config.use_weighted_layer_sum = False  # the head is on the last layer
        with _errors_in_one_line(checkpoint.name):
            if weights == "pretrained":
                model = _pretrained(checkpoint, config)
            else:
                with torch.device("meta" if weights == "shape" else "cpu"):
                    model = AutoModelForAudioClassification.from_config(config, dtype=torch.float32)
        if weights != "shape":
            for layer in (model.projector, model.classifier):
                torch.nn.init.normal_(layer.weight, std=0.02)
                torch.nn.init.zeros_(layer.bias)
            if head == "linear":
                torch.nn.init.eye_(model.projector.weight)
    return model


def exact(params: Mapping[str, object]) -> dict[str, object]:
    """Return parameters with exact `checkpoint` and `revision`; see `checkpoint.resolve`.

    Raises:
        SerbenchError: there is no such checkpoint, it lacks pretrained weights that are needed,
            or its encoder cannot be used.
    """
    name = str(params["checkpoint"])
    revision = None if params["revision"] is None else str(params["revision"])
    checkpoint = resolve(name, revision, weights=False)
    require_fit(checkpoint)  # before its weights are downloaded
    if params["weights"] == "pretrained":
        checkpoint = resolve(name, revision, weights=True)
        require_weights(checkpoint)
    return {**params, "checkpoint": checkpoint.name, "revision": checkpoint.revision}


def require_fit(checkpoint: Checkpoint) -> None:
    """Refuse an encoder that cannot be built, or that does not fit its preprocessor.

    The test runs a second of silence on shapes alone, which takes almost no time and memory.
    """
    model = classifier(checkpoint, (), weights="shape")
    if not has_preprocessor(checkpoint.folder):
        raise SerbenchError(
            f"{checkpoint.name} ({checkpoint.revision}) has no preprocessor_config.json: put that "
            "of the checkpoint that it was made from beside its config.json, in a folder to be "
            "given with --param checkpoint=FOLDER"
        )
    encoder = encoder_of(model.eval(), checkpoint.folder)
    try:
        prepared = encoder.preprocess(np.zeros(RATE, np.float32)).to("meta")
        with torch.inference_mode(), torch.device("meta"):
            encoder.layer_means([prepared])
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise SerbenchError(
            f"the preprocessor of {checkpoint.name} does not fit its encoder "
            f"({model.config.model_type}; {' '.join(str(error).split())}): put the "
            "preprocessor_config.json of the checkpoint that it was made from beside its "
            "config.json, in a folder to be given with --param checkpoint=FOLDER"
        ) from error


def encoder_of(model: Any, folder: Path) -> Encoder:
    """Return the encoder of a sequence classifier of transformers, packed where possible."""
    kind = model.config.model_type
    base = model.encoder if kind == "whisper" else model.base_model
    if kind in PACKED:
        from transformers import AttentionInterface

        AttentionInterface.register(ATTENTION, attention)
        model.config._attn_implementation = ATTENTION
    return PACKED.get(kind, OneByOne)(base, Preprocessor(folder))


def saved(folder: Path) -> Any:
    """Load the sequence classifier that `Network.save` wrote, in evaluation mode."""
    from transformers import AutoModelForAudioClassification

    with quiet_transformers(), private_randomness("cpu"):
        model, report = AutoModelForAudioClassification.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    if report["missing_keys"]:
        raise SerbenchError(
            f"{folder} lacks {len(report['missing_keys'])} of the model's weights: it is "
            "incomplete, or was written for another version of transformers"
        )
    return model.eval()


def _config(checkpoint: Checkpoint) -> Any:
    """Read the checkpoint's configuration; refuse encoders without a sequence classifier."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS,
    )

    kinds = sorted(set(CLASSIFIERS) - {"audio-spectrogram-transformer"})  # it has no frames to pool
    with _errors_in_one_line(checkpoint.name):
        config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True)
    if config.model_type not in kinds:
        raise nearest("type of encoder", config.model_type, kinds)
    return config


def _pretrained(checkpoint: Checkpoint, config: Any) -> Any:
    """Read the weights; refuse an encoder with missing weights."""
    from transformers import AutoModelForAudioClassification

    require_weights(checkpoint)
    model, report = AutoModelForAudioClassification.from_pretrained(
        checkpoint.folder,
        config=config,
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # for a head with other labels; others are refused below
        output_loading_info=True,
    )
    mismatched = {name for name, *_ in report["mismatched_keys"]}
    lacking = sorted(
        name
        for name in {*report["missing_keys"], *mismatched}
        if not name.startswith(HEAD) and not name.endswith("masked_spec_embed")
    )
    if lacking:
        raise SerbenchError(
            f"{checkpoint.name} lacks {len(lacking)} weights of its encoder, {lacking[0]} the "
            "first: it is incomplete, or not of the type in its config.json"
        )
    return model


@contextlib.contextmanager
def _errors_in_one_line(name: str) -> Iterator[None]:
    """Turn transformers' errors about a checkpoint into one line."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (OSError, ValueError, StrictDataclassError) as error:
        raise SerbenchError(
            f"transformers cannot build an encoder from {name}: {' '.join(str(error).split())}"
        ) from error


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers, whose messages about weights are replaced by one-line errors."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
