"""Checks one plugin by name, each check where it can do no harm to the others."""

import dataclasses
import faulthandler
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from serbench import parallel
from serbench.errors import BadParameter, UnknownName, nearest
from serbench.files import expanded
from serbench.parallel import Tell, Words
from serbench.plugins import registry
from serbench.testing.examination import Examination, Verdict, placed
from serbench.testing.kinds import KINDS, Asked
from serbench.testing.report import Report
from serbench.testing.subjects.package import entry_points, names_of

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


SPELT = {"feature": "features", "models": "model", "datasets": "dataset", "packages": "package"}


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
        UnknownName: nobody offers it; the nearest names are listed.
        BadParameter: there is no such kind, or several kinds have that name.
    """
    chosen = _kind(name) if kind is None else _known(SPELT.get(kind, kind))
    _require(name, chosen)
    words = {
        "kind": chosen,
        "name": name,
        "params": dict(params or {}),
        "data": str(expanded(data).resolve()) if data else None,
        "threads": parallel.cores(),
        "limit": limit,
    }
    return Report(chosen, name, KINDS[chosen].checks, verdicts(words))


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise nearest("kind of plugin", kind, list(KINDS))
    return kind


def _require(name: str, kind: str) -> None:
    """Raise where nobody offers that name."""
    KINDS[kind].package(name)


def _kind(name: str) -> str:
    """Which kind of plugin has that name; its package only where nothing else has.

    Raises:
        UnknownName: none.
        BadParameter: several.
    """
    found = [kind for kind in KINDS if _offered(name, kind)]
    things = [kind for kind in found if kind != "package"]
    if len(things) > 1:
        raise BadParameter(f"{name} is a {' and a '.join(things)}: say which with --kind")
    if not found:
        raise _unknown(name)
    return (things or found)[0]


def _offered(name: str, kind: str) -> bool:
    if kind == "model" and name.partition(":")[0] in registry.installed().entries["dataset"]:
        return False  # toy:seed=3 is no import path
    try:
        _require(name, kind)
    except UnknownName:
        return False
    return True


def _unknown(name: str) -> UnknownName:
    installed = registry.installed()
    names = {one for entries in installed.entries.values() for one in entries}
    names |= {one for point in entry_points() for one in names_of(point)}
    broken = [one.plugin for one in installed.broken]
    hint = f"; broken: `serbench plugin check {broken[0]}` says why" if broken else ""
    return nearest("dataset, feature, model or package", name, sorted(names), hint)
