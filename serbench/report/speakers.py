"""Score each test speaker and each sex from a run's stored predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from serbench import datasets, tables
from serbench.errors import CorpusError, SerbenchError
from serbench.metrics import intervals
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import Interval
from serbench.results.run import Run
from serbench.settings import settings


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
    """Score the test utterances of each sex, if the corpus's manifest states it.

    The manifest comes with the dataset's plugin; the corpus itself is not read.
    """
    sex_by_speaker, note = _known_sexes(run)
    if note:
        return BySex((), note)
    sexes = np.array([sex_by_speaker.get(speaker, "") for speaker in speaker_names(run)])
    if len(set(sexes.tolist()) - {""}) < 2:
        return BySex((), "the speakers' sexes are not known, or all the same")
    compute, groups = METRICS[metric].compute, []
    for sex in sorted(set(sexes.tolist()) - {""}):
        matrices = run.speaker_confusions[sexes == sex]
        groups.append(
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
    return BySex(tuple(groups), note)


def sexes(run: Run) -> Mapping[str, str]:
    """Return the sex of each speaker for whom the corpus's manifest states it."""
    return {speaker: sex for speaker, sex in _known_sexes(run)[0].items() if sex}


def _known_sexes(run: Run) -> tuple[Mapping[str, str], str]:
    """Return the sex of each speaker ("" if unknown), and a note on why all are unknown, or ""."""
    spec = run.config.dataset
    try:
        corpus = datasets.named(spec, settings()).dataset.manifest()
    except CorpusError:  # its message contains local paths, and pages are published
        return {}, f"the speakers' sexes are not known: {spec} is not at hand"
    except SerbenchError as error:
        return {}, f"the speakers' sexes are not known: {error}"
    if corpus is None:
        return {}, f"the speakers' sexes are not known: dataset {spec} comes without a manifest"
    return {utterance.speaker: utterance.sex for utterance in corpus.utterances}, ""
