"""Recipes of fine-tuning: the paper's, and one for small corpora."""

import math
from dataclasses import dataclass
from typing import Literal

Name = Literal["paper", "paper-iemocap", "tuned"]
Loss = Literal["bce", "cross-entropy"]
Schedule = Literal["paper", "linear"]

WARM_UP = 1000  # steps; paper, section IV-B
DECAY = 0.9995  # per step: the paper says exponential, without a rate
WARM_UP_SHARE = 0.1  # of all steps, of the linear schedule


@dataclass(frozen=True)
class Recipe:
    """The settings that differ between recipes; `Transformer` has a parameter for each."""

    loss: Loss
    schedule: Schedule
    epochs: int
    lr: float = 1e-4
    batch: int = 16
    label_smoothing: float = 0.0
    weight_decay: float = 0.0
    mask_time: float = 0.0
    frozen: float = 0.0


RECIPES: dict[Name, Recipe] = {
    # section IV-B: binary cross-entropy, Adam, 1000 steps of warm-up to 1e-4, exponential decay,
    # batches of 16, two epochs, three on IEMOCAP. Its warm-up never ends: RAVDESS has 120 steps,
    # CREMA-D about 730, IEMOCAP about 830
    "paper": Recipe("bce", "paper", 2),
    "paper-iemocap": Recipe("bce", "paper", 3),
    # for small corpora and small machines: the lower half of the layers is computed once
    "tuned": Recipe(
        "cross-entropy",
        "linear",
        5,
        label_smoothing=0.1,
        weight_decay=0.01,
        mask_time=0.05,
        frozen=0.5,
    ),
}


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return a step's learning rate as a share of the highest; `step` counts from 0 to `steps`.

    "paper" rises for 1000 steps, even if there are fewer, and then falls by 0.05 % per step;
    "linear" rises for a tenth of the steps and then falls to 0 after the last.

    >>> [factor("paper", step, 120) for step in (0, 119)], factor("paper", 1000, 5000)
    ([0.001, 0.12], 1.0)
    >>> [round(factor("linear", step, 100), 2) for step in (0, 9, 10, 55, 99)]
    [0.1, 1.0, 1.0, 0.5, 0.01]
    """
    if schedule == "paper":
        return (step + 1) / WARM_UP if step < WARM_UP else DECAY ** (step - WARM_UP)
    rising = warm_up(schedule, steps)
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


def warm_up(schedule: Schedule, steps: int) -> int:
    """Return the number of steps in which the learning rate rises."""
    return WARM_UP if schedule == "paper" else max(1, math.ceil(WARM_UP_SHARE * steps))


def steps_an_epoch(utterances: int, batch: int) -> int:
    """Return the number of batches in an epoch."""
    return -(-utterances // batch)


def step_facts(recipe: Recipe, utterances: int, epochs: int) -> dict[str, object]:
    """Return facts about the steps of a training with this number of utterances and epochs."""
    an_epoch = steps_an_epoch(utterances, recipe.batch)
    planned = recipe.epochs * an_epoch
    factors = [factor(recipe.schedule, step, planned) for step in range(epochs * an_epoch)]
    return {
        "steps": len(factors),
        "warm_up_steps": warm_up(recipe.schedule, planned),
        "highest_lr": recipe.lr * max(factors),
    }
