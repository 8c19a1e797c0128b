"""What a check is, what it can find, and how several are run so that none stops the others."""

import contextlib
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from serbench.errors import BadParameter, PluginError, SerbenchError, nearest

Checked = TypeVar("Checked")
Frame = tuple[str, int, str]
State = Literal["ok", "failed", "expected", "not run"]
CORE = Path(__file__).resolve().parent.parent


class Violation(PluginError):
    """What a plugin does that it must not: what is wrong, what would be right, what to do."""


class NotRun(SerbenchError):
    """Why a check cannot be made here; it has neither passed nor failed."""


@dataclass(frozen=True)
class Check:
    """A named demand on a plugin.

    Attributes:
        run: what checks it: takes what is checked, returns a remark or None, raises `Violation` or
            `NotRun`. Its name is the check's; its docstring says what is demanded, and why.
        needs: checks without which this one says nothing.
    """

    run: Callable[[Any], str | None]
    needs: tuple[Callable[[Any], str | None], ...] = ()

    @property
    def name(self) -> str:
        """What it is called in reports, in tests and in lists of expected failures."""
        return self.run.__name__

    @property
    def demands(self) -> str:
        """What a plugin must do, a sentence."""
        return self._words()[0]

    @property
    def why(self) -> str:
        """What would go wrong otherwise."""
        return self._words()[1]

    def _words(self) -> tuple[str, str]:
        text = inspect.getdoc(self.run) or ""
        first, _, rest = text.partition("\n\n")
        return " ".join(first.split()), " ".join(rest.split())


@dataclass(frozen=True)
class Verdict:
    """What came of one check.

    Attributes:
        name: of the check.
        state: "ok"; "failed"; "expected", it failed as was written; "not run", nothing is known.
        reason: why, or a remark; may be empty where all is well.
    """

    name: str
    state: State
    reason: str = ""


class Examination:
    """The checks of one plugin, each run when it is first asked for, and once.

    Args:
        subject: what is checked.
        checks: of its kind.
        package: the first word of where the plugin's code is, "serbench_alexnet".
        expected: for checks that fail the written reason.
        known: verdicts of an earlier examination of the same plugin.

    Raises:
        BadParameter: a reason is empty.
        UnknownName: there is no such check.
    """

    def __init__(
        self,
        subject: object,
        checks: Sequence[Check],
        *,
        package: str = "",
        expected: Mapping[str, str] | None = None,
        known: Iterable[Verdict] = (),
    ):
        self.checks = {check.name: check for check in checks}
        self._subject, self._package = subject, package
        self._expected = require_reasons(expected or {}, list(self.checks))
        self._known = {verdict.name: verdict for verdict in known}

    def verdict(self, name: str) -> Verdict:
        """What a check finds, where it was expected to fail with the reason for that."""
        found, reason = self._found(name), self._expected.get(name)
        if reason is None or found.state == "not run":
            return found
        if found.state == "failed":
            return Verdict(name, "expected", reason)
        remedy = "take it off the expected failures"
        return Verdict(name, "failed", f"it holds, but was expected to fail ({reason}): {remedy}")

    def _found(self, name: str) -> Verdict:
        if name not in self._known:
            self._known[name] = self._run(self.checks[name])
        return self._known[name]

    def _run(self, check: Check) -> Verdict:
        lacking = [one.__name__ for one in check.needs if self._found(one.__name__).state != "ok"]
        if lacking:
            return Verdict(check.name, "not run", f"it says nothing until {lacking[0]} is ok")
        try:
            return Verdict(check.name, "ok", check.run(self._subject) or "")
        except NotRun as reason:
            return Verdict(check.name, "not run", str(reason))
        except Exception as error:
            return Verdict(check.name, "failed", told(error, self._package))
        except SystemExit as error:
            line = f"it ended the process (SystemExit: {error.code}){where(error, self._package)}"
            return Verdict(check.name, "failed", f"{line}: raise an error instead")


def require_reasons(expected: Mapping[str, str], names: Sequence[str]) -> Mapping[str, str]:
    """Expected failures, each of a check that there is and with a reason.

    Raises:
        BadParameter: a reason is empty.
        UnknownName: there is no such check.
    """
    for name, reason in expected.items():
        if name not in names:
            raise nearest("check", name, names)
        if not reason.strip():
            raise BadParameter(
                f"{name} is expected to fail without a reason: write in a sentence why it may"
            )
    return expected


@contextlib.contextmanager
def blaming(what: str) -> Iterator[None]:
    """Say with any error what brought it about, and what to do: "for silence: add ..."."""
    try:
        yield
    except Exception as error:
        error.add_note(what)
        raise


def told(error: Exception, package: str = "") -> str:
    """An error in a line: a message meant for a user as it is, else what was raised and where."""
    notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, SerbenchError):
        return f"{error}{notes}"
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"it raised {said}{where(error, package)}{notes}"


def where(error: BaseException, package: str = "") -> str:
    """The place in the plugin's code that an error comes from: " (my_ser.py, line 12, in fit)"."""
    frames = traceback.extract_tb(error.__traceback__)
    place = placed([(one.filename, one.lineno or 0, one.name) for one in frames], package)
    return place and f" ({place})"


def placed(frames: Sequence[Frame], package: str = "") -> str:
    """The last frame of a plugin's code, or else of anybody's but the core's, or nothing.

    Args:
        frames: file, line and function of each, the innermost last.
        package: the first word of where the plugin's code is.
    """
    own = [frame for frame in frames if package and _belongs(Path(frame[0]), package)]
    others = [frame for frame in frames if CORE not in Path(frame[0]).resolve().parents]
    if not (chosen := own or others):
        return ""
    file, line, function = chosen[-1]
    path = Path(file)
    shown = path.name if path.stem == package or not own else _below(path, package)
    return f"{shown}, line {line}, in {function}"


def _belongs(path: Path, package: str) -> bool:
    return path.stem == package or package in path.parts


def _below(path: Path, package: str) -> str:
    """The path from the package's folder on, that of the repository above it left out."""
    start = len(path.parts) - 1 - path.parts[::-1].index(package)
    return "/".join(path.parts[start:])
