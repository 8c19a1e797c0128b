"""Check models and features on short, long, silent and constant inputs."""

from collections.abc import Callable
from typing import Any

from serbench.contracts import Wave
from serbench.testing import signals
from serbench.testing.examination import Check, blaming

# the check's name, a function that returns the input, the demand, the reason for it, and the cause
# and remedy to add to an error
ODD_INPUTS = (
    (
        "short_input",
        signals.short,
        "An utterance of 0.1 s is accepted.",
        "Trimming silence leaves such utterances.",
        "for 0.1 s: pad short utterances",
    ),
    (
        "long_input",
        signals.long,
        "An utterance of 30 s is accepted.",
        "IEMOCAP has utterances of 34 s.",
        "for 30 s: if memory is short, work in parts and average them",
    ),
    (
        "silent_input",
        signals.silent,
        "Digital silence is accepted.",
        "CREMA-D has a silent recording, and test utterances are never left out.",
        "for silence: add a small number before a log or a division",
    ),
    (
        "constant_input",
        signals.constant,
        "A constant signal is accepted.",
        "Such recordings have a variance of 0, by which normalisation divides.",
        "for a constant signal: add a small number before dividing by a standard deviation",
    ),
)


def odd_input_checks(
    require: Callable[[Any, Wave], None], need: Callable[[Any], str | None]
) -> list[Check]:
    """Return a check for each odd input.

    Args:
        require: function of a subject and a wave that raises if the subject's output is invalid.
        need: the check that must be ok first.
    """
    checks = []
    for name, wave, demand, why, remedy in ODD_INPUTS:

        def run(subject: Any, wave: Callable[[], Wave] = wave, remedy: str = remedy) -> None:
            with blaming(remedy):
                require(subject, wave())

        run.__name__, run.__doc__ = name, f"{demand}\n\n{why}"
        checks.append(Check(run, (need,)))
    return checks
