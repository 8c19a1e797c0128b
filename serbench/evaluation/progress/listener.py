"""Listeners, which are told how an evaluation proceeds."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.evaluation.plan import Plan


class Listener:
    """Follow the progress of an evaluation: override the methods that you need.

    This class prints nothing, and turns remarks into Python warnings. `run` is the name of a run,
    `fold` the name of a fold.
    """

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """Show that `wanted` folds of a run are requested, and that `todo` of them will run."""

    def extracting(self, done: int, total: int) -> None:
        """Show that `done` of `total` utterances are decoded and their features stored."""

    def estimated(self, line: str) -> None:
        """Show how much disk and memory large features take, before they are extracted."""

    def remarked(self, line: str) -> None:
        """Show a remark on the corpus: odd, but no error."""
        warnings.warn(line, stacklevel=3)  # at the caller of `evaluate`

    def staged(self, run: str, fold: str, stage: str) -> None:
        """Show what a fold does before its first epoch: "queued", "starting", "training"."""

    def training(self, run: str, fold: str, progress: Mapping[str, Any]) -> None:
        """Show a model's "epoch", "epochs", and points of its learning curve."""

    def stepped(self, run: str, fold: str, progress: Mapping[str, Any]) -> None:
        """Show that "epoch" of "epochs" are done, and the share "within_epoch" of the next."""

    def submitted(self, engine: str, folds: int) -> None:
        """Show that folds are in the queue of an engine."""

    def interrupted(self, engine: str, reason: str) -> None:
        """Show that the user stops waiting; the folds in a queue end, or continue for a reason."""

    def tested(self, run: str, fold: str, sets: Sequence[str], error: str) -> None:
        """Show that a finished fold's kept model is tested on extra test sets, or the error."""

    def finished(self, run: str, fold: str, error: str) -> None:
        """Show that a fold is done, or that it failed with an error."""
