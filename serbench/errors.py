"""The errors that a user can fix, each with a one-line message that says how."""

import contextlib
import contextvars
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


class SerbenchError(Exception):
    """An error whose message says what is wrong, what would be right, and what to do.

    All other exceptions are faults of the code and keep their tracebacks.
    """


class UnknownName(SerbenchError):
    """A dataset, feature, model, protocol or label set that is not installed."""


class BadParameter(SerbenchError):
    """A parameter that does not exist, or a value of the wrong type."""


class MissingRequirement(SerbenchError):
    """A package that an installed plugin needs and that is missing."""


class CorpusError(SerbenchError):
    """A corpus that is missing, incomplete, broken or not what it claims to be."""


class LeakageError(SerbenchError):
    """A fold whose training, validation and test sets share speakers or audio."""


class PluginError(SerbenchError):
    """A plugin that breaks its contract."""


class FoldError(SerbenchError):
    """Folds of a run that failed; the run's other folds are kept."""


@dataclass(frozen=True)
class Problem:
    """What is wrong or odd in a corpus, as its dataset tells `serbench corpus check`.

    Attributes:
        kind: "missing", "unpublished", "duplicate", "counts", "misnamed", "stray", or "refused".
        names: the utterances, files or counts that it is about.
        message: the error with which the dataset refuses the corpus; "" if it accepts this.
    """

    kind: str
    names: tuple[str, ...]
    message: str = ""


_problems: contextvars.ContextVar[list[Problem] | None] = contextvars.ContextVar("problems")


@contextlib.contextmanager
def collected_problems() -> Iterator[list[Problem]]:
    """Return a list to which `refuse` and `mention` add what they are told, instead of raising."""
    problems: list[Problem] = []
    token = _problems.set(problems)
    try:
        yield problems
    finally:
        _problems.reset(token)


def refuse(error: CorpusError, kind: str = "refused", names: Sequence[str] = ()) -> None:
    """Raise the error, unless the corpus is only being checked: then record it, and return.

    A dataset calls this instead of raising where it can read on, so that a check finds all
    problems, and not only the first.

    Args:
        error: why the corpus cannot be used.
        kind: see `Problem`.
        names: the utterances, files or counts that it is about.
    """
    problems = _problems.get(None)
    if problems is None:
        raise error
    problems.append(Problem(kind, tuple(names), str(error)))


def mention(kind: str, names: Sequence[str]) -> None:
    """Record names for a check of the corpus; see `Problem`. Otherwise, do nothing."""
    problems = _problems.get(None)
    if problems is not None and names:
        problems.append(Problem(kind, tuple(names)))


@contextlib.contextmanager
def refusing(*names: str) -> Iterator[None]:
    """Return a context whose CorpusError goes through `refuse`: a check skips the rest of it."""
    try:
        yield
    except CorpusError as error:
        refuse(error, names=names)


def cause(text: str) -> str:
    r"""Return the line of an error that says most: a traceback's exception, otherwise the first.

    >>> cause("the job was cancelled\nlast lines of its log"), cause("Traceback ...\nKeyError: 1")
    ('the job was cancelled', 'KeyError: 1')
    """
    lines = text.strip().splitlines() or [""]
    if "Traceback" not in text:
        return lines[0]
    frames = [at for at, line in enumerate(lines) if line.lstrip().startswith(("Trace", "File "))]
    after = [line for line in lines[frames[-1] + 1 :] if line.strip() and not line[0].isspace()]
    return after[0] if after else lines[-1]  # notes follow the exception


MOST_LISTED = 8
"""The maximum number of names that an error lists."""


def nearest(
    kind: str, name: str, names: Sequence[str], hint: str = "", *, where: str = ""
) -> UnknownName:
    """Return the error for a name that is not in `names`, with the most similar names.

    Of many names, only the `MOST_LISTED` most similar ones are listed, in the order of `names`.

    Args:
        kind: what the name names: "label".
        name: the unknown name.
        names: the known ones.
        hint: the end of the message.
        where: the place of the unknown name: "in [labels]".
    """
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(close)}?" if close else ""
    listed, more = list(names), ""
    if len(names) > MOST_LISTED:
        chosen = difflib.get_close_matches(name, names, n=MOST_LISTED, cutoff=0.0)
        listed = [each for each in names if each in chosen]
        more = f" and {len(names) - len(listed)} more"
    listing = f" (known: {', '.join(listed)}{more})" if names else ""
    return UnknownName(f"there is no {kind} {name!r}{where and f' {where}'}{guess}{listing}{hint}")
