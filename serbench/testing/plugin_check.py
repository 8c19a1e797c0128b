"""Check one plugin by name, in a process that a hanging or crashing check can end.

The process tells each verdict as soon as there is one. When it ends early, the check that was
running has failed, and another process goes on with the checks that remain.
"""

import dataclasses
import faulthandler
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench import processes
from serbench.files import expanded
from serbench.processes import Message, Send
from serbench.testing.examination import Examination, Verdict, located
from serbench.testing.kinds import KINDS, find_kind
from serbench.testing.report import Report

LIMIT = 600.0  # seconds without a sign of life
FRAME = re.compile(r'File "(.+)", line (\d+) in (\S+)')


def check(
    name: str,
    kind: str | None = None,
    *,
    params: Mapping[str, object] | None = None,
    data: Path | None = None,
    limit: float = LIMIT,
) -> Report:
    """Run every check of a plugin's kind on it, in a process of their own.

    Args:
        name: of a model, a feature, a dataset or a package, as a user types it.
        kind: "model", "features", "dataset" or "package"; None looks it up, a package last.
        params: of the plugin.
        data: the folder of a dataset's corpus.
        limit: seconds after which a check is given up, counted from the last report of a model.

    Raises:
        UnknownName: no plugin has that name, or there is no such kind; the nearest are listed.
        BadParameter: several kinds have that name.
    """
    folder = str(expanded(data).resolve()) if data else None
    task = Task(find_kind(name, kind), name, params or {}, folder, processes.cores(), limit)
    checks = KINDS[task.kind].checks
    verdicts: dict[str, Verdict] = {}
    while any(check.name not in verdicts for check in checks):
        _run_process(task, verdicts)
    return Report(task.kind, name, checks, [verdicts[check.name] for check in checks])


@dataclass(frozen=True)
class Task:
    """The plugin that a process checks, and the conditions; see `check`."""

    kind: str
    name: str
    params: Mapping[str, object]
    data: str | None
    threads: int
    limit: float


def _run_process(task: Task, verdicts: dict[str, Verdict]) -> None:
    """Add the verdicts of one process; where it ended early, the check that was running failed."""

    def receive(_: int, words: Message) -> None:
        verdicts[words["name"]] = Verdict(**words)

    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        item = {
            "task": dataclasses.asdict(task),
            "known": [dataclasses.asdict(verdict) for verdict in verdicts.values()],
            "trace": str(trace),
        }
        (outcome,) = processes.fresh(run, [item], receive, at_once=1, threads=task.threads)
        if outcome.result is None:
            names = [check.name for check in KINDS[task.kind].checks]
            running = next((name for name in names if name not in verdicts), names[-1])
            frames = trace.read_text() if trace.exists() else ""
            reason = _hung(frames, task) if frames else _died(outcome.error)
            verdicts[running] = Verdict(running, "failed", reason)


def run(words: Message, send: Send) -> Message:
    """Run the checks that have no verdict yet; the function of the process.

    Args:
        words: the `task`, the `known` verdicts, and `trace`, a file to write where a check hangs.
        send: receives every verdict.
    """
    task = Task(**words["task"])

    def alive(_: Message) -> None:
        # ends the process even where a library holds the interpreter's lock
        faulthandler.dump_traceback_later(task.limit, exit=True, file=trace)

    with tempfile.TemporaryDirectory() as folder, open(words["trace"], "w") as trace:
        kind = KINDS[task.kind]
        data = None if task.data is None else Path(task.data)
        subject = kind.subject(
            task.name, task.params, Path(folder), data, threads=task.threads, send=alive
        )
        known = [Verdict(**verdict) for verdict in words["known"]]
        examination = Examination(subject, kind.checks, known=known)
        for name in examination.checks:
            alive({})
            send(dataclasses.asdict(examination.verdict(name)))
        faulthandler.cancel_dump_traceback_later()
    return {}


def _hung(trace: str, task: Task) -> str:
    frames = [(file, int(line), function) for file, line, function in FRAME.findall(trace)]
    place = located(frames[::-1], KINDS[task.kind].package(task.name))
    return (
        f"nothing was heard of it for {task.limit:g} s{place and f' at {place}'}, so it was "
        "stopped: let a model report every epoch, so that one sees it is at work"
    )


def _died(error: str) -> str:
    lines = error.strip().splitlines()
    detail = f" ({lines[-1].strip()})" if len(lines) > 1 else ""
    return f"{lines[0] if lines else 'its process died'}{detail}"
