"""Evaluate models with and without shared speakers, and compute what the difference is worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from serbench import datasets
from serbench.comparison import leakage_price
from serbench.comparison.leakage_price import LeakagePrice
from serbench.errors import FoldError, SerbenchError, nearest
from serbench.evaluation import pipeline
from serbench.evaluation.means import Means, with_jobs
from serbench.evaluation.progress.bars import follower
from serbench.evaluation.progress.listener import Listener
from serbench.evaluation.work import require_computed
from serbench.metrics.classification import METRICS
from serbench.protocols import lookup
from serbench.protocols.speaker_dependent import Sentences, speaker_dependent
from serbench.results import run
from serbench.settings import settings
from serbench.study import evaluate
from serbench.study.matrix import Matrix


def leakage(  # noqa: PLR0913 - the options of `serbench leakage`
    model: str | Sequence[str],
    dataset: str,
    *,
    protocol: str | None = None,
    parts: int = 2,
    sentences: Sentences = "apart",
    metric: str = "uar",
    labels: str | None = None,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    trim_db: float | None = 60.0,
    data: str | Path | None = None,
    features: str | None = None,
    precision: str = "float32",
    threads: int | None = None,
    normalise: str = "none",
    jobs: int | None = None,
    device: str | None = None,
    results: str | Path | None = None,
    listener: Listener | None = None,
) -> LeakagePrice:
    """Measure how much better models score on speakers that they learned from.

    Each model is evaluated under a speaker-disjoint protocol, and under the protocol
    `speaker-dependent` made from it (`serbench.protocols.speaker_dependent`): the same test
    utterances, the same validation sets, and as many training utterances, some of which are of the
    test speakers. Both are ordinary runs; finished folds are not run again.

    Args:
        model: a model, or a list of models.
        dataset: a dataset with its parameters.
        protocol: the speaker-disjoint protocol; None is the dataset's default.
        parts: how many parts test sets are divided into; one is tested while the others train.
        sentences: "apart" keeps a speaker's utterances of one sentence in one part; "mixed" does
            not.
        metric: the name of the metric.
        labels: as of `serbench.evaluate`, like all that follow.
        seed: the seed of everything random in training.
        params: parameters of the models and their features.
        trim_db: where silence begins, in dB.
        data: the corpus's own folder.
        features: the features of a model by import path.
        precision: the format of training.
        threads: threads per fold.
        normalise: how features are standardised.
        jobs: how many folds run at the same time.
        device: "auto", "cpu" or "cuda".
        results: the parent folder of all runs.
        listener: shows the progress.

    Returns:
        The scores of each model and their difference, which prints as a table.

    Raises:
        SerbenchError: an error that the user can fix; finished folds are kept.
    """
    runs = evaluate.matrix(
        model,
        dataset,
        protocols(dataset, protocol, parts, sentences, data),
        seed,
        labels=labels,
        params=params or {},
        trim_db=trim_db,
        data=data,
        features=features,
        precision=precision,
        threads=threads,
        normalise=normalise,
    )
    means = Means("local", with_jobs("local", None, jobs), device, results)
    with follower(listener) as shown:
        return compute(runs, means, shown, metric)


def protocols(
    dataset: str,
    protocol: str | None,
    parts: int,
    sentences: Sentences,
    data: str | Path | None = None,
) -> list[str]:
    """Return the names of a speaker-disjoint protocol, and of one whose test speakers also train.

    Raises:
        SerbenchError: a name is unknown, or the protocol shares speakers itself.
    """
    found = datasets.find(dataset, settings(), None if data is None else Path(data)).dataset
    base = lookup.find_protocol(protocol, found)
    return [
        base.name,
        speaker_dependent(parts=parts, sentences=sentences, find=lambda _: base).name,
    ]


def compute(
    runs: Matrix, means: Means, listener: Listener | None = None, metric: str = "uar"
) -> LeakagePrice:
    """Compute the missing folds of the two runs of each model, and return what they show.

    Args:
        runs: each model under both of `protocols`.
        means: how and where to compute.
        listener: shows the progress.
        metric: the name of the metric.

    Raises:
        SerbenchError: as `leakage`.
    """
    if metric not in METRICS:
        raise nearest("metric", metric, list(METRICS))
    arms = []
    for work in pipeline.compute(runs.requests, means, listener, need_all=True):
        if isinstance(work, SerbenchError):  # a queue that cannot be followed
            raise work
        try:
            require_computed(work)
        except FoldError as error:
            raise FoldError(f"{work.folder.name}: {error}") from error
        arms.append(run.read(work.folder))
    return leakage_price.of_runs(arms, metric)
