"""Whose utterances a model recognises: scores of each speaker, and of women and men."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench import datasets
from serbench.errors import CorpusError, SerbenchError
from serbench.metrics import intervals
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import Interval
from serbench.results.run import Run
from serbench.settings import settings


@dataclass(frozen=True)
class SpeakerScore:
    """A metric over one test speaker's utterances."""

    speaker: str
    score: float
    utterances: int


@dataclass(frozen=True)
class GroupScore:
    """A metric over the test utterances of one sex, with its interval over these speakers."""

    group: str
    score: float
    interval: Interval
    speakers: int
    utterances: int


@dataclass(frozen=True)
class BySex:
    """Scores of each sex, or a note that says why there are none."""

    groups: tuple[GroupScore, ...]
    note: str


def speaker_names(run: Run) -> tuple[str, ...]:
    """The test speakers, sorted: the rows of `run.speaker_confusions`."""
    return tuple(sorted({one for fold in run.folds for one in fold.test.speakers}))


def speaker_scores(run: Run, metric: str = "uar") -> list[SpeakerScore]:
    """A metric over each test speaker's own utterances, speakers in sorted order."""
    matrices = run.speaker_confusions
    scores = METRICS[metric].compute(matrices)
    return [
        SpeakerScore(name, float(score), int(matrix.sum()))
        for name, score, matrix in zip(speaker_names(run), scores, matrices, strict=True)
    ]


def by_sex(run: Run, metric: str = "uar") -> BySex:
    """A metric over the test utterances of each sex, as far as the corpus's manifest says it.

    The manifest comes with the dataset's plugin; nothing of the corpus itself is read.
    """
    known, note = _known_sexes(run)
    if note:
        return BySex((), note)
    names = speaker_names(run)
    sexes = np.array([known.get(name, "") for name in names])
    groups = sorted(set(sexes.tolist()) - {""})
    if len(groups) < 2:
        return BySex((), "the speakers' sexes are not known, or all the same")
    found = tuple(_group(run, one, sexes == one, metric) for one in groups)
    unknown = int((sexes == "").sum())
    return BySex(found, f"the sex of {unknown} speakers is not known" if unknown else "")


def _group(run: Run, name: str, chosen: npt.NDArray[np.bool_], metric: str) -> GroupScore:
    matrices, compute = run.speaker_confusions[chosen], METRICS[metric].compute
    return GroupScore(
        group=name,
        score=float(compute(matrices.sum(axis=0))),
        interval=intervals.speaker_interval(matrices, compute),
        speakers=len(matrices),
        utterances=int(matrices.sum()),
    )


def sexes(run: Run) -> Mapping[str, str]:
    """Each speaker's sex, as far as the corpus's manifest says it: by the speaker's name."""
    return {name: sex for name, sex in _known_sexes(run)[0].items() if sex}


def _known_sexes(run: Run) -> tuple[Mapping[str, str], str]:
    """Each speaker's sex, "" where unknown; or why nobody's is known."""
    spec = str(run.config["dataset"])
    try:
        corpus = datasets.named(spec, settings()).dataset.manifest()
    except CorpusError:  # its words tell where this machine keeps what, and a page is published
        return {}, f"the speakers' sexes are not known: {spec} is not at hand"
    except SerbenchError as error:
        return {}, f"the speakers' sexes are not known: {error}"
    if corpus is None:
        return {}, f"the speakers' sexes are not known: dataset {spec} comes without a manifest"
    return {one.speaker: one.sex for one in corpus.utterances}, ""
