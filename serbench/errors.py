"""The errors that a user can fix, each with a one-line message that says how."""

import difflib
from collections.abc import Sequence


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


def cause(text: str) -> str:
    r"""Return the line of an error that says most: a traceback's last, otherwise the first.

    >>> cause("the job was cancelled\nlast lines of its log"), cause("Traceback ...\nKeyError: 1")
    ('the job was cancelled', 'KeyError: 1')
    """
    lines = text.strip().splitlines() or [""]
    return lines[-1] if "Traceback" in text else lines[0]


MOST_LISTED = 8
"""The maximum number of names that an error lists."""


def nearest(kind: str, name: str, names: Sequence[str], hint: str = "") -> UnknownName:
    """Return the error for a name that is not in `names`, with the most similar names.

    Of many names, only the `MOST_LISTED` most similar ones are listed, in the order of `names`.
    """
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(close)}?" if close else ""
    listed, more = list(names), ""
    if len(names) > MOST_LISTED:
        chosen = difflib.get_close_matches(name, names, n=MOST_LISTED, cutoff=0.0)
        listed = [each for each in names if each in chosen]
        more = f" and {len(names) - len(listed)} more"
    listing = f" (known: {', '.join(listed)}{more})" if names else ""
    return UnknownName(f"there is no {kind} {name!r}{guess}{listing}{hint}")
