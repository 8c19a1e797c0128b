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

    Takes have the same speaker, sentence, label and attributes, and differ in `repetition`.
    """
    corpus, note = known(run)
    if corpus is None:
        return None, f"takes are not known: {note}"
    test = [fold.test for fold in run.folds]
    ids = [id_ for part in test for id_ in part.ids]
    found = retest(
        np.concatenate([part.truth for part in test]),
        predicted(np.concatenate([part.activations for part in test])),
        [speaker for part in test for speaker in part.speakers],
        [_sentence(corpus.by_id[id_]) if id_ in corpus.by_id else None for id_ in ids],
    )
    return found, "" if found else "the corpus does not repeat sentences, or does not say so"


def _sentence(utterance: Utterance) -> Hashable:
    """Return what the takes of an utterance share, or None if it has none."""
    if not (utterance.sentence and utterance.repetition):
        return None
    shared = (utterance.corpus, utterance.speaker, utterance.sentence, utterance.label)
    return (*shared, *sorted(utterance.attributes.items()))
