"""Show the progress of an evaluation: bars on a terminal, else a line per fold."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import TaskID as Bar

from serbench.escaping import shown
from serbench.evaluation.pipeline import Listener
from serbench.evaluation.plan import Plan


class Bars(Listener):
    """Bars on standard error: decoding, folds, and the epochs of each running fold."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._extracting: Bar | None = None
        self._all: Bar | None = None
        self._folds: dict[str, Bar] = {}
        self._total = 0
        self.folder: Path | None = None
        self.finished_folds = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """Show how many folds were requested and how many of them are already finished."""
        self.folder, self._total = folder, wanted
        self.finished_folds = self._total - todo
        self._all = self._progress.add_task("folds", total=self._total, note="")
        self._progress.update(self._all, completed=self.finished_folds)

    def extracting(self, done: int, total: int) -> None:
        """Show how many utterances are decoded."""
        if self._extracting is None:
            self._say(f"decoding {total} utterances")
            self._extracting = self._progress.add_task("utterances", total=total, note="")
        self._progress.update(self._extracting, completed=done)

    def remarked(self, line: str) -> None:
        """Print a remark on the corpus, above the bars if there are any."""
        self._progress.console.print(
            f"warning: {shown(line)}", markup=False, highlight=False, soft_wrap=True
        )

    def training(self, run: str, fold: str, progress: Mapping[str, Any]) -> None:
        """Show a fold's epochs and the latest point of its learning curve."""
        if "epoch" not in progress:
            return
        if fold not in self._folds:
            self._folds[fold] = self._progress.add_task(f"fold {fold}", total=None, note="")
        note = "  ".join(
            f"{name.replace('_', ' ')} {value:.3g}"
            for name, value in progress.items()
            if name not in ("epoch", "epochs")
        )
        self._progress.update(
            self._folds[fold], completed=progress["epoch"], total=progress["epochs"], note=note
        )

    def finished(self, run: str, fold: str, error: str) -> None:
        """Count a finished or failed fold, and remove its bar."""
        if fold in self._folds:
            self._progress.remove_task(self._folds.pop(fold))
        if not error:
            self.finished_folds += 1
        ended = "failed" if error else "finished"
        self._say(f"fold {fold}: {ended}; {self.finished_folds} of {self._total} folds are there")
        if self._all is not None:
            self._progress.update(self._all, completed=self.finished_folds)

    def _say(self, line: str) -> None:
        if self._progress.disable:
            print(shown(line), file=sys.stderr, flush=True)

    def stopped(self) -> str:
        """Return how many folds were finished when the user stopped, and how to continue."""
        if self.folder is None:
            return "stopped before anything was run"
        return (
            f"stopped: {self.finished_folds} of {self._total} folds are finished and kept in "
            f"{self.folder}; run the same command again to continue"
        )
