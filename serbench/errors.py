"""The errors that a user can mend: each is one clear line, and the message is all they need."""

import difflib
from collections.abc import Sequence


class SerbenchError(Exception):
    """What is wrong, what would be right, and what to do about it, in one message.

    Everything else that is raised is a fault of the code and keeps its traceback.
    """


class UnknownName(SerbenchError):
    """A dataset, feature, model, protocol or label set that is not installed."""


class BadParameter(SerbenchError):
    """A parameter that does not exist, or a value of the wrong type."""


class MissingRequirement(SerbenchError):
    """A plugin is installed, but a package that it needs is not."""


class CorpusError(SerbenchError):
    """A corpus that is missing, incomplete, broken or not what it claims to be."""


class LeakageError(SerbenchError):
    """A fold whose training, validation and test sets share speakers or audio."""


class PluginError(SerbenchError):
    """A plugin that breaks its contract."""


class FoldError(SerbenchError):
    """Folds of a run that failed, while the others are kept."""


def nearest(kind: str, name: str, names: Sequence[str], hint: str = "") -> UnknownName:
    """Return the error for a name that is not among `names`, with the most similar ones."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(close)}?" if close else ""
    listing = f" (known: {', '.join(names)})" if names else ""
    return UnknownName(f"there is no {kind} {name!r}{guess}{listing}{hint}")
