"""Score the groups of a run's test utterances: by sex, and by every attribute of the corpus."""

from collections.abc import Iterator, Mapping
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
    attributes = [
        Attribute(name, tuple(groups.scores()), groups.gap(), unknown)
        for name, groups, unknown in _grouped(run, corpus, metric)
    ]
    none = (
        ""
        if attributes
        else "the corpus gives no sex and no other attribute with two groups or more"
    )
    return ByGroup(tuple(attributes), none)


def by_sex(run: Run, metric: str = "uar") -> tuple[GroupScore, ...]:
    """Return the score of each sex; () unless two are known, as for `by_group`."""
    corpus, _ = known(run)
    grouped = () if corpus is None else _grouped(run, corpus, metric)
    return next((tuple(groups.scores()) for name, groups, _ in grouped if name == "sex"), ())


def sexes(run: Run) -> Mapping[str, str]:
    """Return the sex of each speaker for whom the corpus states it."""
    corpus, _ = known(run)
    return {} if corpus is None else _sexes(corpus)


def _sexes(corpus: Corpus) -> Mapping[str, str]:
    return {utterance.speaker: utterance.sex for utterance in corpus.utterances if utterance.sex}


def _grouped(run: Run, corpus: Corpus, metric: str) -> Iterator[tuple[str, Groups, int]]:
    """Yield each attribute with its groups, and the number of utterances without one."""
    test = [fold.test for fold in run.folds]
    ids = [id_ for part in test for id_ in part.ids]
    truth = np.concatenate([part.truth for part in test])
    prediction = predicted(np.concatenate([part.activations for part in test]))
    speakers = np.array([speaker for part in test for speaker in part.speakers])
    sex_by_speaker = _sexes(corpus)
    values = [
        {
            "sex": sex_by_speaker.get(speaker, ""),
            **(_attributes(corpus.by_id[id_]) if id_ in corpus.by_id else {}),
        }
        for id_, speaker in zip(ids, speakers, strict=True)
    ]
    for name in dict.fromkeys(key for each in values for key in each):
        groups = np.array([each.get(name, "") for each in values])
        is_known = groups != ""
        if not 2 <= len(set(groups[is_known].tolist())) <= MOST:
            continue
        known_groups = Groups(
            truth[is_known],
            prediction[is_known],
            speakers[is_known].tolist(),
            groups[is_known].tolist(),
            len(run.facts.labels),
            METRICS[metric].compute,
        )
        yield name, known_groups, int((~is_known).sum())


def _attributes(utterance: Utterance) -> Mapping[str, str]:
    """Return the groups of an utterance by attribute; ages are in groups of ten years."""
    values = {**utterance.attributes}
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
