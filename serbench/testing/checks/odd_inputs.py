"""The checks of short, long, silent and constant inputs, which models and features share."""

from collections.abc import Callable
from typing import Any

from serbench.contracts import Wave
from serbench.testing import signals
from serbench.testing.examination import Check, blaming

# the check's name, the input, what is demanded, why, and the cause and remedy of an error
ODD_INPUTS = (
    (
        "short_input",
        signals.short,
        "It takes an utterance of 0.1 s.",
        "Trimming leaves such utterances.",
        "for 0.1 s: pad what is shorter",
    ),
    (
        "long_input",
        signals.long,
        "It takes an utterance of 30 s.",
        "IEMOCAP has some of 34 s.",
        "for 30 s: work in parts where memory is short, and average them",
    ),
    (
        "silent_input",
        signals.silent,
        "It takes digital silence.",
        "CREMA-D has a silent recording, and no test utterance may be left out.",
        "for silence: add a small number before a log or a division",
    ),
    (
        "constant_input",
        signals.constant,
        "It takes a constant signal.",
        "Such recordings have no variance to divide by.",
        "for a constant signal: add a small number before dividing by a deviation",
    ),
)


def odd_input_checks(
    require: Callable[[Any, Wave], None], need: Callable[[Any], str | None]
) -> list[Check]:
    """Return a check for each odd input.

    Args:
        require: refuses what a subject makes of a wave.
        need: the check that must be ok before.
    """
    checks = []
    for name, wave, demand, why, remedy in ODD_INPUTS:

        def run(subject: Any, wave: Callable[[], Wave] = wave, remedy: str = remedy) -> None:
            with blaming(remedy):
                require(subject, wave())

        run.__name__, run.__doc__ = name, f"{demand}\n\n{why}"
        checks.append(Check(run, (need,)))
    return checks
