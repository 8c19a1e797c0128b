"""Check one plugin by name, in a process of its own, since a check may hang or crash.

The process reports each verdict at once. If it ends early, the check that was running has failed,
and another process runs the remaining checks.
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

LIMIT = 600.0  # seconds without a report
FRAME = re.compile(r'File "(.+)", line (\d+) in (\S+)')


def check(
    name: str,
    kind: str | None = None,
    *,
    params: Mapping[str, object] | None = None,
    data: Path | None = None,
    limit: float = LIMIT,
) -> Report:
    """Run every check for a plugin's kind on the plugin, in a process of its own.

    Args:
        name: the name of a plugin of any kind or of a package, as a user types it.
        kind: "model", "features", "dataset", "perturbation", "engine" or "package"; None finds it
            by the name, a package last.
        params: parameters of the plugin, or options of the engine.
        data: the folder of a dataset's corpus.
        limit: seconds after which a check is stopped, counted from the last report of a model.

    Raises:
        UnknownName: there is no such plugin or kind; the message lists the nearest names.
        BadParameter: plugins of several kinds have this name.
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
    """The plugin that a process checks, and the arguments of `check`."""

    kind: str
    name: str
    params: Mapping[str, object]
    data: str | None
    threads: int
    limit: float


def _run_process(task: Task, verdicts: dict[str, Verdict]) -> None:
    """Add the verdicts of one process; if it ends early, the check that was running has failed."""

    def add_verdict(_: int, message: Message) -> None:
        verdicts[message["name"]] = Verdict(**message)

    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        item = {
            "task": dataclasses.asdict(task),
            "earlier": [dataclasses.asdict(verdict) for verdict in verdicts.values()],
            "trace": str(trace),
        }
        (outcome,) = processes.fresh(run, [item], add_verdict, at_once=1, threads=task.threads)
        if outcome.result is None:
            names = [check.name for check in KINDS[task.kind].checks]
            running = next((name for name in names if name not in verdicts), names[-1])
            frames = trace.read_text() if trace.exists() else ""
            reason = _hung(frames, task) if frames else _died(outcome.error)
            verdicts[running] = Verdict(running, "failed", reason)


def run(item: Message, send: Send) -> Message:
    """Run the checks that have no verdict yet; the process calls this function.

    Args:
        item: the `task`, the `earlier` verdicts, and `trace`, the path of a file for the stack
            trace of a check that hangs.
        send: called with every verdict.
    """
    task = Task(**item["task"])

    def restart_limit(_: Message) -> None:
        # ends the process even if a library holds the interpreter's lock
        faulthandler.dump_traceback_later(task.limit, exit=True, file=trace)

    with tempfile.TemporaryDirectory() as folder, open(item["trace"], "w") as trace:
        kind = KINDS[task.kind]
        data = None if task.data is None else Path(task.data)
        subject = kind.subject(
            task.name, task.params, Path(folder), data, threads=task.threads, send=restart_limit
        )
        earlier = [Verdict(**verdict) for verdict in item["earlier"]]
        examination = Examination(subject, kind.checks, earlier=earlier)
        for name in examination.checks:
            restart_limit({})
            send(dataclasses.asdict(examination.verdict(name)))
        faulthandler.cancel_dump_traceback_later()
    return {}


def _hung(trace: str, task: Task) -> str:
    frames = [(file, int(line), function) for file, line, function in FRAME.findall(trace)]
    place = located(frames[::-1], KINDS[task.kind].package(task.name))
    return (
        f"there was no report for {task.limit:g} s{place and f' at {place}'}, so the check was "
        "stopped: let a model report every epoch to show that it is running"
    )


def _died(error: str) -> str:
    lines = error.strip().splitlines()
    detail = f" ({lines[-1].strip()})" if len(lines) > 1 else ""
    return f"{lines[0] if lines else 'its process died'}{detail}"
