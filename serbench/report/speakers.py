"""Score each test speaker from a run's stored predictions."""

from dataclasses import dataclass

from serbench.metrics.classification import METRICS
from serbench.results.run import Run


@dataclass(frozen=True)
class SpeakerScore:
    """The score of one test speaker's utterances."""

    speaker: str
    score: float
    utterances: int


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
