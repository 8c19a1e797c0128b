"""Runs the checks of a plugin in a process of their own: one that hangs or dies stops no other."""

import dataclasses
import faulthandler
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from serbench import parallel
from serbench.parallel import Tell, Words
from serbench.testing.findings import Examination, Verdict, placed
from serbench.testing.kinds import KINDS, Asked

LIMIT = 600.0  # seconds without a sign of life
FRAME = re.compile(r'File "(.+)", line (\d+) in (\S+)')


def examine(words: Words, tell: Tell) -> Words:
    """Run the checks that have no verdict yet; the function of a process.

    Args:
        words: of what is asked, `known` verdicts, and `trace`, a file for where it hangs.
        tell: hears `began`, the name of a check, and `verdict`, what came of it.
    """
    kind, limit = KINDS[words["kind"]], words["limit"]

    def alive(_: Words) -> None:
        # ends the process even where a library holds the interpreter's lock
        faulthandler.dump_traceback_later(limit, exit=True, file=trace)

    with tempfile.TemporaryDirectory() as folder, open(words["trace"], "w") as trace:
        asked = Asked(
            words["name"],
            words["params"],
            Path(folder),
            words["data"] and Path(words["data"]),
            threads=words["threads"],
            tell=alive,
        )
        known = [Verdict(**row) for row in words["known"]]
        package = kind.package(words["name"])
        examination = Examination(kind.subject(asked), kind.checks, package=package, known=known)
        for name in examination.checks:
            tell({"began": name})
            alive({})
            tell({"verdict": dataclasses.asdict(examination.verdict(name))})
        faulthandler.cancel_dump_traceback_later()
    return {}


def verdicts(words: Words) -> list[Verdict]:
    """What comes of all checks, in their order.

    Args:
        words: `kind`, `name`, `params`, `data`, `threads`, and `limit`, the seconds after which a
            check of which nothing is heard is given up.
    """
    checks = [check.name for check in KINDS[words["kind"]].checks]
    known: dict[str, Verdict] = {}
    while lacking := [name for name in checks if name not in known]:
        known |= {verdict.name: verdict for verdict in _one_process(words, known, lacking[0])}
    return [known[name] for name in checks]


def _one_process(words: Words, known: Mapping[str, Verdict], first: str) -> Iterator[Verdict]:
    """The verdicts of one process; where it died, the last one says how."""
    heard: list[Verdict] = []
    began = [first]

    def hear(_: int, told: Words) -> None:
        if "began" in told:
            began.append(told["began"])
        else:
            heard.append(Verdict(**told["verdict"]))

    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        rows = [dataclasses.asdict(each) for each in known.values()]
        item = {**words, "known": rows, "trace": str(trace)}
        (outcome,) = parallel.processes(examine, [item], hear, at_once=1, threads=words["threads"])
        yield from heard
        if outcome.result is None:
            hung = trace.read_text() if trace.exists() else ""
            reason = _hung(hung, words) if hung else _died(outcome.error)
            yield Verdict(began[-1], "failed", reason)


def _hung(trace: str, words: Words) -> str:
    """What is said of a process that was stopped."""
    frames = [(file, int(line), name) for file, line, name in FRAME.findall(trace)]
    place = placed(frames[::-1], KINDS[words["kind"]].package(words["name"]))
    return (
        f"nothing was heard of it for {words['limit']:g} s{place and f' at {place}'}, so it was "
        "stopped: let a model report every epoch, so that one sees it is at work"
    )


def _died(error: str) -> str:
    """What is said of a process that ended before its checks did."""
    lines = error.strip().splitlines()
    detail = f" ({lines[-1].strip()})" if len(lines) > 1 else ""
    return f"{lines[0] if lines else 'its process died'}{detail}"
