"""Score the groups of a run's test utterances: by sex, and by every attribute of the corpus."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from serbench import datasets
from serbench.corpus import Corpus, Utterance
from serbench.errors import CorpusError, SerbenchError
from serbench.metrics.classification import METRICS, predicted
from serbench.metrics.fairness import Gap, Groups, GroupScore
from serbench.results.run import Run
from serbench.settings import settings

MOST = 8  # groups of an attribute; others are names rather than groups
AGES = (0, 20, 30, 40, 50, 60, 70, 200)  # bounds of the groups of ages, in years


@dataclass(frozen=True)
class Attribute:
    """The scores of the groups of one attribute.

    Attributes:
        name: "sex", or the corpus's name of the attribute.
        groups: the groups, sorted by name.
        gap: between the groups with the highest and the lowest score.
        unknown: test utterances whose group is not known.
    """

    name: str
    groups: tuple[GroupScore, ...]
    gap: Gap
    unknown: int


@dataclass(frozen=True)
class ByGroup:
    """The attributes of a run's test utterances, or a note on why there are none."""

    attributes: tuple[Attribute, ...]
    note: str


def by_group(run: Run, metric: str = "uar") -> ByGroup:
    """Score the groups of every attribute that has from two to `MOST` groups.

    Attributes come from the corpus's manifest, or from the corpus if it is on this machine.
    """
    corpus, note = known(run)
    if corpus is None:
        return ByGroup((), f"the speakers' groups are not known: {note}")
    test = [fold.test for fold in run.folds]
    ids = [id_ for part in test for id_ in part.ids]
    truth = np.concatenate([part.truth for part in test])
    prediction = predicted(np.concatenate([part.activations for part in test]))
    speakers = np.array([speaker for part in test for speaker in part.speakers])
    values = {id_: _values(corpus.by_id[id_]) for id_ in ids if id_ in corpus.by_id}
    attributes = []
    for name in dict.fromkeys(key for each in values.values() for key in each):
        groups = np.array([values.get(id_, {}).get(name, "") for id_ in ids])
        is_known = groups != ""
        if not 2 <= len(set(groups[is_known].tolist())) <= MOST:
            continue
        scored = Groups(
            truth[is_known],
            prediction[is_known],
            speakers[is_known].tolist(),
            groups[is_known].tolist(),
            len(run.facts.labels),
            METRICS[metric].compute,
        )
        unknown = int((~is_known).sum())
        attributes.append(Attribute(name, tuple(scored.scores()), scored.gap(), unknown))
    none = (
        ""
        if attributes
        else "the corpus gives no sex and no other attribute with two groups or more"
    )
    return ByGroup(tuple(attributes), none)


def _values(utterance: Utterance) -> Mapping[str, str]:
    """Return the groups of an utterance by attribute; ages are in groups of ten years."""
    values = {"sex": utterance.sex, **utterance.attributes}
    if (age := values.get("age", "")).isdecimal():
        low, high = next(pair for pair in pairwise(AGES) if int(age) < pair[1])
        values["age"] = f"under {high}" if not low else f"{low}-{high - 1}"
        if high == AGES[-1]:
            values["age"] = f"{low} and over"
    return {name: value for name, value in values.items() if value}


def known(run: Run) -> tuple[Corpus | None, str]:
    """Return a run's corpus with its own labels, or None and the reason why it is not known."""
    spec = run.config.dataset
    try:
        source = datasets.named(spec, settings())
        return source.dataset.manifest() or source.dataset.read(source.root), ""
    except CorpusError:  # its message contains local paths, and pages are published
        return None, f"{spec} is not in the folder SERBENCH_DATA of this machine"
    except SerbenchError as error:
        return None, str(error)
