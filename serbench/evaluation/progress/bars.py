"""Follow evaluations: bars for running folds in a terminal or a notebook, lines in a log."""

import contextlib
import html
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.progress import Task as Row
from rich.progress import TaskID as Bar
from rich.text import Text

from serbench import tables
from serbench.errors import cause
from serbench.escaping import shown
from serbench.evaluation.plan import Plan
from serbench.evaluation.progress.forecast import Forecast
from serbench.evaluation.progress.listener import Listener

SHOWN = 12  # running folds that have a line of their own
PAUSE = 30.0  # seconds between two lines about one fold in a log
PERIOD = 0.1  # seconds between two updates of the total over all folds
FAILURES = 5  # failed folds that a notebook names

Key = tuple[str, str]
"""The names of a run and of one of its folds."""


def progress_line(line: str) -> None:
    """Print a line about work in progress to standard error."""
    print(shown(line), file=sys.stderr, flush=True)


class _Note(ProgressColumn):
    """The note of a row, with the time since `since`, which counts on between reports."""

    def render(self, task: Row) -> Text:
        """Return the note: "first epoch, 0:42"."""
        note, since = task.fields["note"], task.fields.get("since")
        if since is not None:
            minutes, seconds = divmod(int(time.monotonic() - since), 60)
            note = f"{note}, {minutes}:{seconds:02}"
        return Text(note, style="dim")


def introduction(results: Path | None) -> str:
    """Return lines on versions and folders, for --verbose."""
    from serbench.evaluation.provenance import versions
    from serbench.settings import results_folder, settings

    places = settings()
    named = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"versions: {named}\nfolders: corpora {places.data}, cache {places.cache}, results "
        f"{results_folder(results).absolute()}; device {places.device}"
    )


class Bars(Listener):
    """Progress on standard error: bars on a terminal, else lines.

    Args:
        quiet: show nothing.
        verbose: show every stage and every epoch of every fold, in lines.
    """

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet, self._verbose = quiet, verbose and not quiet
        console = Console(stderr=True)
        # with FORCE_COLOR, rich takes a pipe for a terminal
        has_bars = console.file.isatty() and not console.is_dumb_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            _Note(),
            console=console,
            disable=not has_bars,
        )
        self._epochs: dict[str, int] = {}  # of runs whose models have the parameter `epochs`
        self._since: dict[Key, float] = {}  # when a fold's training began, until it reports
        self._notes_of: dict[Key, list[str]] = {}  # the latest point of a fold's learning curve
        self._stages: dict[Key, str] = {}
        self._extracting: Bar | None = None
        self._decoded = 0  # utterances, when `extracting` was last called
        self._all: Bar | None = None
        self._bars: dict[Key, Bar] = {}
        self._said: dict[Key, float] = {}  # when the log last had a line on a fold
        self._names: dict[str, str] = {}  # of runs: "alexnet-mel on ravdess, seed 0"
        self._taken: set[str] = set()  # names of runs
        self._folders: list[Path] = []
        self._forecast = Forecast()
        self._left: float | None = None  # seconds left, as last shown
        self._shown = 0.0  # when the total was last shown
        self._total = 0
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
        self._show_total(at_once=True)
        self._progress.stop()

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """Add the folds of a run to the total."""
        config = plan.config
        name = f"{config.model} on {config.dataset}, seed {config.seed}"
        if name in self._taken:  # a run of the same model with other parameters
            name += f" ({folder.name.rpartition('_')[2]})"
        self._taken.add(name)
        self._names[folder.name] = name
        epochs = config.params.get("epochs")
        if isinstance(epochs, int):
            self._epochs[folder.name] = epochs
        if self._verbose:
            self._print(
                f"{name}: {todo} of {tables.count(wanted, 'fold')} to compute, protocol "
                f"{config.protocol}, corpus {plan.source.root}, run {folder}"
            )
        self._folders.append(folder)
        self._total += wanted
        self.finished_folds += wanted - todo
        # folds of one model on one corpus take about the same time, whatever their seed
        self._forecast.add(folder.name, (config.model, config.dataset), todo)
        if self._all is None:
            self._all = self._progress.add_task("folds", total=None, count="", note="")
        self._show_total()

    def extracting(self, done: int, total: int) -> None:
        """Show how many utterances are decoded."""
        if done <= self._decoded or self._decoded == 0:  # another corpus, or other features
            self._say(f"decoding {tables.count(total, 'utterance')}")
        self._decoded = done
        if self._extracting is None:
            self._extracting = self._progress.add_task("utterances", count="", note="")
        count = f"{done}/{total}"
        self._progress.update(self._extracting, completed=done, total=total, count=count)

    def estimated(self, line: str) -> None:
        """Print how much disk and memory large features take."""
        self._print(line)

    def remarked(self, line: str) -> None:
        """Print a remark on the corpus, above the bars if there are any."""
        if not self._quiet:
            self._progress.console.print("warning:", style="yellow", end=" ", highlight=False)
            self._print(line)

    def staged(self, run: str, fold: str, stage: str) -> None:
        """Show what a fold does before its first epoch."""
        key = (run, fold)
        if self._verbose and self._stages.get(key) != stage:
            self._print(f"{self._name(run, fold)}: {stage}")
        self._stages[key] = stage
        if stage == "queued":
            return
        self._forecast.running(key, 0.0)
        epochs = self._epochs.get(run, 0)
        if stage == "training":
            self._since.setdefault(key, time.monotonic())
            stage = "first epoch" if epochs else stage
        self._show_fold(key, 0, epochs if key in self._since else 0, [stage])

    def training(self, run: str, fold: str, progress: Mapping[str, Any]) -> None:
        """Show a fold's epoch and the latest point of its learning curve."""
        epoch, epochs = progress["epoch"], progress["epochs"]
        self._forecast.running((run, fold), epoch / epochs if epochs else 0.0)
        self._notes_of[run, fold] = notes = [
            f"{name.replace('_', ' ')} {value:.3g}"
            for name, value in progress.items()
            if name not in ("epoch", "epochs")
        ]
        self._since.pop((run, fold), None)
        self._show_fold((run, fold), epoch, epochs, notes)

    def stepped(self, run: str, fold: str, progress: Mapping[str, Any]) -> None:
        """Show how far a fold is within an epoch."""
        key, within = (run, fold), progress["within_epoch"]
        epoch, epochs = progress["epoch"], progress["epochs"]
        self._forecast.running(key, (epoch + within) / epochs if epochs else 0.0)
        self._since.pop(key, None)
        self._show_fold(key, epoch, epochs, self._notes_of.get(key, []), within)

    def _show_fold(
        self, key: Key, epoch: int, epochs: int, notes: Sequence[str], within: float | None = None
    ) -> None:
        run, fold = key
        left = self._forecast.fold_left(key)
        notes = [*notes, f"{tables.duration(left)} left"] if left else notes
        percent = "" if within is None else f"{100 * within:.0f} %"
        if key not in self._bars and len(self._bars) < SHOWN:
            name = self._name(run, fold)
            self._bars[key] = self._progress.add_task(name, total=None, count="", note="")
        if key in self._bars:
            self._progress.update(
                self._bars[key],
                completed=epoch + (within or 0.0),
                total=epochs or None,
                count=f"{epoch}/{epochs}" if epochs else "",
                note="  ".join([f"epoch {epoch + 1}: {percent}", *notes] if percent else notes),
                since=self._since.get(key),
            )
        now = time.monotonic()
        is_due = now - self._said.setdefault(key, now) > PAUSE
        if percent or epoch:
            at = f"{epoch + 1} of {epochs}, {percent}" if percent else f"{epoch} of {epochs}"
            line = f"{self._name(run, fold)}: epoch {', '.join([at, *notes])}"
            if is_due or (self._verbose and not percent):
                self._said[key] = now
                self._print(line) if self._verbose else self._say(line)
        self._show_total()

    def submitted(self, engine: str, folds: int) -> None:
        """Say how many folds are in the queue of an engine."""
        self._print(f"{tables.count(folds, 'fold')} in the queue of the engine {engine}")

    def interrupted(self, engine: str, reason: str) -> None:
        """Say what becomes of the folds that are in a queue."""
        fate = f"continue, since {reason}" if reason else "are cancelled"
        self._print(f"the folds in the queue of the engine {engine} {fate}")

    def finished(self, run: str, fold: str, error: str) -> None:
        """Count a finished or failed fold, and remove its line."""
        self._end(run, fold, is_done=not error)
        ended = f"failed: {cause(error)}" if error else "finished"
        is_over = self.finished_folds == self._total
        after = f", {tables.duration(self._left)} left" if self._left and not is_over else ""
        self._say(f"{self._name(run, fold)}: {ended}; {self._done()} there{after}")

    def tested(self, run: str, fold: str, sets: Sequence[str], error: str) -> None:
        """Count a finished fold as tested; the command says once, at its end, which sets failed."""
        self._end(run, fold, is_done=True)
        if not error:
            self._say(f"{self._name(run, fold)}: tested on {', '.join(sets)}")

    def _end(self, run: str, fold: str, *, is_done: bool) -> None:
        key = (run, fold)
        if key in self._bars:
            self._progress.remove_task(self._bars.pop(key))
        self._forecast.ended(key, is_done=is_done)
        self.finished_folds += is_done
        self._show_total()

    def _done(self) -> str:
        """Return "2 of 6 folds are"."""
        finished = self.finished_folds
        return f"{finished} of {tables.count(self._total, 'fold')} {tables.are(finished)}"

    def _name(self, run: str, fold: str) -> str:
        """Return the name of a fold, with its run if there are several."""
        return (
            f"{self._names.get(run, run)}, fold {fold}" if len(self._names) > 1 else f"fold {fold}"
        )

    def _show_total(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._all is None or (now < self._shown + PERIOD and not at_once):
            return
        self._shown, self._left = now, self._forecast.left()
        self._progress.update(
            self._all,
            completed=self.finished_folds + self._forecast.partly,
            total=self._total or None,
            count=f"{self.finished_folds}/{self._total}",
            note=f"{tables.duration(self._left)} left" if self._left else "",
        )

    def _print(self, line: str) -> None:
        """Print a line, above the bars if there are any."""
        if self._quiet:
            return
        self._progress.console.print(shown(line), markup=False, highlight=False, soft_wrap=True)

    def _say(self, line: str) -> None:
        if self._progress.disable and not self._quiet:
            progress_line(line)

    def stopped(self) -> str:
        """Return how many folds were finished when the user stopped, and how to continue."""
        if not self._folders:
            return "stopped before anything was run"
        place = self._folders[0] if len(self._folders) == 1 else self._folders[0].parent
        return (
            f"stopped: {self._done()} finished and kept in {place}; run the same command again to "
            "continue"
        )


class NotebookBars(Bars):
    """Progress in a notebook: one display below the cell, reduced to a line at the end.

    It needs only IPython, and shows nothing if all folds were finished before.
    """

    remarked = Listener.remarked  # a warning of Python

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()
        self._display: Any = None  # IPython's handle, once there is something to show
        self._drawn = 0.0  # when the display was last updated
        self._notes: list[str] = []
        self._todo = 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Replace the bars by a line, also after an error or an interrupt."""
        if self._display is None:
            return
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            line = self.stopped()
        else:
            folds = f"{self.finished_folds} of {tables.count(self._total, 'fold')}"
            line = f"finished: {folds}, after {tables.duration(time.monotonic() - self._start)}"
        self._update([html.escape(shown(line))], line)

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """Add the folds of a run to the total."""
        self._todo += todo
        super().planned(plan, folder, wanted, todo)

    def extracting(self, done: int, total: int) -> None:
        """Show how many utterances are decoded."""
        super().extracting(done, total)
        self._draw()

    def finished(self, run: str, fold: str, error: str) -> None:
        """Count a finished or failed fold, and remove its bar; note why a fold failed."""
        if error and len(self._notes) < FAILURES:
            self._notes.append(f"{self._name(run, fold)} failed: {cause(error)}")
        super().finished(run, fold, error)

    def _show_total(self, *, at_once: bool = False) -> None:
        super()._show_total(at_once=at_once)
        self._draw()

    def _print(self, line: str) -> None:
        self._notes.append(line)
        self._draw()

    def _say(self, line: str) -> None:
        """Print no lines: the bars say the same."""

    def _draw(self) -> None:
        now = time.monotonic()
        if not self._todo or now < self._drawn + PERIOD:
            return
        self._drawn = now
        bars, lines = [], []
        for bar in self._progress.tasks:
            words = [bar.description, bar.fields["count"], bar.fields["note"]]
            lines.append("  ".join(filter(None, words)))
            # without a value, the bar moves to and fro
            share = f' value="{bar.percentage / 100:.3f}"' if bar.total else ""
            bar_html = f'<progress{share} style="width: 12em; vertical-align: middle"></progress>'
            bars.append(f"{bar_html} {html.escape(shown(lines[-1]))}")
        bars += [html.escape(shown(note)) for note in self._notes]
        self._update(bars, "\n".join([*lines, *self._notes]))

    def _update(self, parts: list[str], text: str) -> None:
        """Show lines of HTML, or a text where there is no HTML."""
        from IPython import display

        show: Any = display.display  # it has no types
        style = "white-space: pre-wrap; font-variant-numeric: tabular-nums"
        page = f'<div style="{style}">{"<br>".join(parts)}</div>'
        bundle = {"text/html": page, "text/plain": shown(text, lines=True)}
        if self._display is None:
            self._display = show(bundle, raw=True, display_id=True)
        else:
            self._display.update(bundle, raw=True)


@contextlib.contextmanager
def follower(listener: Listener | None) -> Iterator[Listener | None]:
    """Yield the listener of a call from Python; if it is None, bars in a notebook, else None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if listener is not None or getattr(shell, "kernel", None) is None:
        yield listener
        return
    with NotebookBars() as bars:
        yield bars
