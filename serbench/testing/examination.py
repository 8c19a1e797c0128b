"""Run every check of a plugin, even after one has failed, and collect the verdicts."""

import contextlib
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from serbench.contracts import Entry
from serbench.errors import BadParameter, PluginError, SerbenchError, nearest
from serbench.plugins import registry
from serbench.processes import Send

Frame = tuple[str, int, str]
"""File, line and function."""

State = Literal["ok", "failed", "expected", "not run"]
CORE = Path(__file__).resolve().parent.parent


class Violation(PluginError):
    """A plugin breaks its contract: what is wrong, what would be right, what to do."""


class NotRun(SerbenchError):
    """A check cannot run here, so it neither passes nor fails; the message says why."""


@dataclass(frozen=True)
class Check:
    """A named demand on a plugin."""

    # takes the subject, returns a remark or None, raises `Violation` or `NotRun`; its name names
    # the check, the first paragraph of its docstring states the demand, the second the reason
    run: Callable[[Any], str | None]
    # checks that must be ok before this one is run
    needs: tuple[Callable[[Any], str | None], ...] = ()

    @property
    def name(self) -> str:
        """The name of the check in reports, tests and lists of expected failures."""
        return self.run.__name__

    @property
    def demands(self) -> str:
        """The sentence that says what a plugin must do."""
        return " ".join((inspect.getdoc(self.run) or "").partition("\n\n")[0].split())

    @property
    def why(self) -> str:
        """The reason for the demand."""
        return " ".join((inspect.getdoc(self.run) or "").partition("\n\n")[2].split())


@dataclass(frozen=True)
class Verdict:
    """The result of one check."""

    name: str  # of the check
    state: State  # "expected" is a failure with a written reason; "not run" is no result
    reason: str = ""  # for this state, or a remark; may be empty if the check is ok


@dataclass
class Subject:
    """A plugin under examination, with everything that its checks use."""

    kind: ClassVar[str]
    """The kind of the plugin, as in the registry."""
    given: ClassVar[Sequence[str]] = ()
    """Names of the parameters that the harness sets, not the user."""

    name: str  # as a user types it
    params: Mapping[str, object]  # of the plugin, as a user would give them
    folder: Path  # to write into
    # the folder of a dataset's corpus; None is the one in the settings
    data: Path | None = None
    # the protocols of a dataset that must test every utterance exactly once
    complete: Sequence[str] = ()
    threads: int = 1  # that a model may use
    send: Send = field(default=lambda message: None)  # called with each report of a model

    @cached_property
    def entry(self) -> Entry:
        """The entry that the plugin registers."""
        return registry.find(self.kind, self.name)

    @cached_property
    def target(self) -> Any:
        """The class, or other callable, that returns the plugin's object."""
        return registry.load(self.entry)

    @property
    def package(self) -> str:
        """The top-level package of the plugin's code: "serbench_alexnet"."""
        return self.entry.target.partition(":")[0].partition(".")[0]


class Examination:
    """The checks of one plugin; each is run once, when its verdict is first needed.

    Args:
        subject: the plugin, as the `Subject` that its checks take.
        checks: the checks for plugins of this kind.
        expected: reasons of expected failures, by the name of the check.
        earlier: verdicts of an earlier examination of the same plugin.

    Raises:
        BadParameter: a reason is empty.
        UnknownName: `expected` names an unknown check.
    """

    def __init__(
        self,
        subject: Subject,
        checks: Sequence[Check],
        *,
        expected: Mapping[str, str] | None = None,
        earlier: Iterable[Verdict] = (),
    ):
        self.checks = {check.name: check for check in checks}
        self._subject, self._package = subject, subject.package
        self._expected = expected or {}
        require_reasons(self._expected, list(self.checks))
        self._verdicts = {verdict.name: verdict for verdict in earlier}

    def verdict(self, name: str) -> Verdict:
        """Return the result of a check; an expected failure has its written reason."""
        verdict, reason = self._verdict(name), self._expected.get(name)
        if reason is None or verdict.state == "not run":
            return verdict
        if verdict.state == "failed":
            return Verdict(name, "expected", reason)
        remedy = "remove it from the expected failures"
        return Verdict(name, "failed", f"it passed, but was expected to fail ({reason}): {remedy}")

    def _verdict(self, name: str) -> Verdict:
        if name not in self._verdicts:
            self._verdicts[name] = self._run(self.checks[name])
        return self._verdicts[name]

    def _run(self, check: Check) -> Verdict:
        for need in check.needs:
            if self._verdict(need.__name__).state != "ok":
                return Verdict(check.name, "not run", f"{need.__name__} must be ok first")
        try:
            return Verdict(check.name, "ok", check.run(self._subject) or "")
        except NotRun as reason:
            return Verdict(check.name, "not run", str(reason))
        except (Exception, SystemExit) as error:
            return Verdict(check.name, "failed", described(error, self._package))


def require_reasons(expected: Mapping[str, str], names: Sequence[str]) -> None:
    """Refuse an expected failure without a reason or of an unknown check."""
    for name, reason in expected.items():
        if name not in names:
            raise nearest("check", name, names)
        if not reason.strip():
            raise BadParameter(
                f"{name} is expected to fail without a reason: write in a sentence why it may"
            )


@contextlib.contextmanager
def blaming(cause: str) -> Iterator[None]:
    """Add a cause and its remedy to every error of the block: "for silence: add ..."."""
    try:
        yield
    except Exception as error:
        error.add_note(cause)
        raise


def described(error: BaseException, package: str) -> str:
    """Describe an error in a line: a `SerbenchError` by its message, others by type and place."""
    notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, SerbenchError):
        return f"{error}{notes}"
    frames = traceback.extract_tb(error.__traceback__)
    line = located([(frame.filename, frame.lineno or 0, frame.name) for frame in frames], package)
    place = line and f" ({line})"
    if isinstance(error, SystemExit):
        exit_ = f"SystemExit: {error.code}"
        return f"it ended the process ({exit_}){place}: raise an error instead{notes}"
    raised = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"it raised {raised}{place}{notes}"


def located(frames: Sequence[Frame], package: str) -> str:
    """Describe the last frame in a plugin's code, else the last outside the core, else ""."""
    own = [frame for frame in frames if package in (Path(frame[0]).stem, *Path(frame[0]).parts)]
    others = [frame for frame in frames if CORE not in Path(frame[0]).resolve().parents]
    if not (chosen := own or others):
        return ""
    file, line, function = chosen[-1]
    path = Path(file)
    name = path.name
    if own and path.stem != package:  # without the folders above the package
        name = "/".join(path.parts[len(path.parts) - 1 - path.parts[::-1].index(package) :])
    return f"{name}, line {line}, in {function}"
