"""Who hears how an evaluation goes on: a progress bar, a notebook, nobody."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from serbench.evaluation.plan import Plan


class Listener(Protocol):
    """Hears how an evaluation goes on."""

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """`wanted` folds of the plan are asked for, and `todo` of them still to be run."""

    def extracting(self, done: int, total: int) -> None:
        """`done` of `total` utterances have been decoded and their features stored."""

    def remarked(self, line: str) -> None:
        """Something about the corpus is odd but stops nothing: `line` says what."""

    def training(self, fold: str, words: Mapping[str, Any]) -> None:
        """A model reports: "epoch", "epochs", and points of its learning curve."""

    def finished(self, fold: str, error: str) -> None:
        """A fold is done, or failed with an error."""


class Quiet:
    """A listener that prints nothing; remarks become Python warnings."""

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """Say nothing."""

    def extracting(self, done: int, total: int) -> None:
        """Say nothing."""

    def remarked(self, line: str) -> None:
        """Warn of what is odd about the corpus."""
        warnings.warn(line, stacklevel=3)  # at whoever called `evaluate`

    def training(self, fold: str, words: Mapping[str, Any]) -> None:
        """Say nothing."""

    def finished(self, fold: str, error: str) -> None:
        """Say nothing."""
