"""Score each test speaker and each sex from a run's stored predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from serbench import tables
from serbench.metrics import intervals
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import Interval
from serbench.report import groups
from serbench.results.run import Run


@dataclass(frozen=True)
class SpeakerScore:
    """The score of one test speaker's utterances."""

    speaker: str
    score: float
    utterances: int


@dataclass(frozen=True)
class GroupScore:
    """The score of one sex's test utterances, with its interval over these speakers."""

    sex: str
    score: float
    interval: Interval
    speakers: int
    utterances: int


@dataclass(frozen=True)
class BySex:
    """Scores of each sex, or a note on why there are none."""

    groups: tuple[GroupScore, ...]
    note: str


def speaker_names(run: Run) -> list[str]:
    """Return the test speakers, sorted: the rows of `run.speaker_confusions`."""
    return sorted({speaker for fold in run.folds for speaker in fold.test.speakers})


def speaker_scores(run: Run, metric: str = "uar") -> list[SpeakerScore]:
    """Return the score of each test speaker's utterances, speakers sorted."""
    matrices = run.speaker_confusions
    scores = METRICS[metric].compute(matrices)
    return [
        SpeakerScore(name, float(score), int(matrix.sum()))
        for name, score, matrix in zip(speaker_names(run), scores, matrices, strict=True)
    ]


def by_sex(run: Run, metric: str = "uar") -> BySex:
    """Score the test utterances of each sex, if the corpus states it; see `groups.known`."""
    sex_by_speaker, note = _known_sexes(run)
    if note:
        return BySex((), note)
    sexes = np.array([sex_by_speaker.get(speaker, "") for speaker in speaker_names(run)])
    if len(set(sexes.tolist()) - {""}) < 2:
        return BySex((), "the speakers' sexes are not known, or all the same")
    compute, scores = METRICS[metric].compute, []
    for sex in sorted(set(sexes.tolist()) - {""}):
        matrices = run.speaker_confusions[sexes == sex]
        scores.append(
            GroupScore(
                sex=sex,
                score=float(compute(matrices.sum(axis=0))),
                interval=intervals.speaker_interval(matrices, compute),
                speakers=len(matrices),
                utterances=int(matrices.sum()),
            )
        )
    unknown = int((sexes == "").sum())
    note = f"the sex of {tables.count(unknown, 'speaker')} is not known" if unknown else ""
    return BySex(tuple(scores), note)


def sexes(run: Run) -> Mapping[str, str]:
    """Return the sex of each speaker for whom the corpus's manifest states it."""
    return {speaker: sex for speaker, sex in _known_sexes(run)[0].items() if sex}


def _known_sexes(run: Run) -> tuple[Mapping[str, str], str]:
    """Return the sex of each speaker ("" if unknown), and a note on why all are unknown, or ""."""
    corpus, note = groups.known(run)
    if corpus is None:
        return {}, f"the speakers' sexes are not known: {note}"
    return {utterance.speaker: utterance.sex for utterance in corpus.utterances}, ""
