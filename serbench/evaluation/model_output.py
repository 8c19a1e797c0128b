"""What a model answers, checked: one row of scores an utterance, or a line that says what is not.

Measuring a model and using a kept one ask in the same way.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from serbench.contracts import Array, DescribedModel, Model, Predictions
from serbench.errors import PluginError
from serbench.metrics import calibration
from serbench.results import schema


def ask(model: Model, inputs: Sequence[Array], n_labels: int) -> Predictions:
    """Predict utterances, in float32.

    Raises:
        PluginError: the model breaks its contract.
    """
    predictions = model.predict(inputs)
    if not isinstance(predictions, Predictions):
        raise PluginError(
            f"the model predicts a {type(predictions).__name__}, not serbench.contracts.Predictions"
        )
    shape = (len(inputs), n_labels)
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused below
        # a copy: the model may use the same memory for its next answer
        activations = np.array(predictions.activations, np.float32)
    if activations.shape != shape or not np.isfinite(activations).all():
        raise PluginError(
            f"the model's scores have the shape {activations.shape} and must be finite and of "
            f"shape {shape}: one row an utterance, one column a label"
        )
    calibration.probabilities(activations, predictions.link)  # it refuses what cannot be
    return Predictions(activations, predictions.link)


def described(model: Model) -> dict[str, object]:
    """What a fitted model says of itself.

    Raises:
        PluginError: a word that others rely on is not what it must be.
    """
    if not isinstance(model, DescribedModel):
        return {}
    words = model.describe()
    if wrong := schema.misdescribed(words):
        raise PluginError(f"what the model's describe() returns cannot be kept: {wrong}")
    plain: dict[str, object] = json.loads(json.dumps(words, default=_plain))
    return plain


def _plain(value: Any) -> Any:
    """Return a numpy number as a plain Python number, which JSON can hold."""
    if isinstance(value, np.generic):
        return value.item()
    raise PluginError(
        f"what the model's describe() returns cannot be kept: {value!r} is neither text nor number"
    )
