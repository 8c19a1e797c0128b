"""What a model must do: be made, give scores, and score each utterance on its own."""

from collections.abc import Sequence

import numpy as np

from serbench.contracts import Wave
from serbench.evaluation import model_output
from serbench.plugins import registry
from serbench.plugins.sklearn_adapter import Estimator
from serbench.testing import signals
from serbench.testing.checks.parameters import require_parameters
from serbench.testing.examination import Check, NotRun, Violation, blaming
from serbench.testing.subjects.model import Learner

SHORT, LONG = 0.1, 30  # seconds


def is_made(learner: Learner) -> str:
    """It is imported, takes labels, seed and its parameters, and has a version.

    Planning makes every model once, so that a value it refuses is refused before anything runs.
    """
    _, feature = learner.made_of
    model = learner.new()
    for method in ("fit", "predict"):
        if not callable(getattr(model, method, None)):
            raise Violation(f"it has no {method}: see serbench.contracts.Model")
    return f"version {registry.version(learner.entry, learner.target)}, learns from {feature.name}"


def parameters_are_annotated(learner: Learner) -> str:
    """Every parameter of the constructor has a default and an annotation that the default fits.

    --param checks values against them; what has neither, no user can set, and no run records.
    """
    if issubclass(learner.target, Estimator):
        raise NotRun("its parameters are those of an estimator, which has rules of its own")
    return require_parameters(learner.name, learner.target, ("labels", "seed"))


def fits(learner: Learner) -> str:
    """It learns from twelve utterances and predicts others without an error.

    All further checks ask the model that this leaves.
    """
    model_output.described(learner.small.model)
    reports = learner.small.reports
    return f"reported {reports} times" if reports else "it never reports: nobody sees how far it is"


def scores(learner: Learner) -> None:
    """One row of finite scores an utterance, one column a label, and a link that fits them.

    Anything else stops an evaluation after the training, which is the dear part.
    """
    for waves in (learner.tested.waves, learner.tested.waves[:1]):
        learner.scores(learner.small.model, waves)


def repeats_itself(learner: Learner) -> None:
    """Asked twice about the same utterances, it gives the same scores.

    Dropout that is still on, or a state that grows, would make a result that nobody gets again.
    """
    model, waves = learner.small.model, learner.tested.waves
    first, again = learner.scores(model, waves), learner.scores(model, waves)
    remedy = "switch dropout off in predict, and keep nothing from one call to the next"
    learner.same(first, again, "asked twice, its scores differ", remedy)


def neighbours(learner: Learner) -> None:
    """An utterance's scores do not depend on the other utterances it is predicted with.

    Else a result depends on what else is in the test set, and on how it is cut into batches.
    """
    for waves in (learner.even, learner.even[::-1]):
        remedy = "normalise each utterance on its own, or by what was learned in fit"
        _same_alone(learner, waves, "an utterance's scores alone and among others differ", remedy)


def place(learner: Learner) -> None:
    """An utterance's scores do not depend on its place among the others.

    The harness may give utterances in any order; rows must come back in the order of the inputs.
    """
    model, waves = learner.small.model, learner.even
    forth = learner.scores(model, waves)
    back = learner.scores(model, waves[::-1])[::-1]
    turned = np.roll(learner.scores(model, [*waves[1:], waves[0]]), 1, axis=0)
    remedy = "undo any sorting before predict returns, and keep no state between utterances"
    for other in (back, turned):
        learner.same(forth, other, "in another order, an utterance's scores differ", remedy)


def padding(learner: Learner) -> None:
    """A short utterance's scores do not change beside a long one, nor the other way round.

    Padding that is averaged, normalised or attended to gives every utterance the length of its
    neighbour.
    """
    short, long = signals.utterance(0, 0.3, 6000), signals.utterance(1, 3.0, 6001)
    remedy = "keep padding out of means, norms and attention (mask it), or predict one by one"
    for waves in ([short, long], [long, short]):
        kind = "short" if waves[0] is short else "long"
        other = "long" if kind == "short" else "short"
        what = f"a {kind} utterance's scores alone and beside a {other} one differ"
        _same_alone(learner, waves, what, remedy)


def _same_alone(learner: Learner, waves: Sequence[Wave], what: str, remedy: str) -> None:
    """Refuse scores of the first wave, in the first place, that the others change."""
    model = learner.small.model
    alone, among = learner.scores(model, waves[:1]), learner.scores(model, waves)
    learner.same(alone[0], among[0], what, remedy)


def short_input(learner: Learner) -> None:
    """It scores an utterance of 0.1 s.

    Trimming leaves such utterances, and one of them must not cost a fold.
    """
    _survives(learner, signals.utterance(0, SHORT, 6002), "0.1 s", "pad what is shorter than that")


def long_input(learner: Learner) -> None:
    """It scores an utterance of 30 s.

    IEMOCAP has some of 34 s.
    """
    remedy = "cut what is longer than that into parts, and take the mean of their scores"
    _survives(learner, signals.long(0, LONG, 6003), "30 s", remedy)


def silent_input(learner: Learner) -> None:
    """It scores digital silence.

    CREMA-D has a silent recording, and no test utterance may be left out.
    """
    _survives(learner, signals.silent(), "silence", "add a small number before a log or a division")


def constant_input(learner: Learner) -> None:
    """It scores a signal that is one value all the time.

    Such recordings have no variance to divide by.
    """
    remedy = "add a small number before dividing by a deviation"
    _survives(learner, signals.constant(), "a constant signal", remedy)


def _survives(learner: Learner, wave: Wave, what: str, remedy: str) -> None:
    """Refuse an error, or scores that are none, of an input alone and beside another."""
    for waves in ([wave], [wave, learner.even[0]]):
        with blaming(f"for {what}: {remedy}"):
            learner.scores(learner.small.model, waves)


CHECKS = (
    Check(is_made),
    Check(parameters_are_annotated, (is_made,)),
    Check(fits, (is_made,)),
    Check(scores, (fits,)),
    Check(repeats_itself, (scores,)),
    Check(neighbours, (repeats_itself,)),
    Check(place, (repeats_itself,)),
    Check(padding, (neighbours,)),
    Check(short_input, (scores,)),
    Check(long_input, (scores,)),
    Check(silent_input, (scores,)),
    Check(constant_input, (scores,)),
)
