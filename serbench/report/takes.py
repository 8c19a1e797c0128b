"""Find the takes of the same sentence among a run's test utterances."""

from collections.abc import Hashable

import numpy as np

from serbench.corpus import Utterance
from serbench.metrics.classification import predicted
from serbench.metrics.retest import Retest, retest
from serbench.report.groups import known
from serbench.results.run import Run


def between(run: Run) -> tuple[Retest | None, str]:
    """Return how far a run's predictions agree between takes, or None and the reason.

    Takes have the same speaker, sentence, label and attributes, and differ in `repetition`. Both
    are in one test set: models of two folds, which may both have learned them, are not one model.
    """
    corpus, note = known(run)
    if corpus is None:
        return None, f"takes are not known: {note}"
    test = [fold.test for fold in run.folds]
    groups = [
        (fold, said) if id_ in corpus.by_id and (said := _sentence(corpus.by_id[id_])) else None
        for fold, part in enumerate(test)
        for id_ in part.ids
    ]
    found = retest(
        np.concatenate([part.truth for part in test]),
        predicted(np.concatenate([part.activations for part in test])),
        [speaker for part in test for speaker in part.speakers],
        groups,
    )
    return (
        found,
        "" if found else "no test set has two takes of a sentence, as far as the corpus says",
    )


def _sentence(utterance: Utterance) -> Hashable:
    """Return what the takes of an utterance share, or None if it has none."""
    if not (utterance.sentence and utterance.repetition):
        return None
    shared = (utterance.corpus, utterance.speaker, utterance.sentence, utterance.label)
    return (*shared, *sorted(utterance.attributes.items()))
