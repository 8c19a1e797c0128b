"""Check a submission for consistency: card, facts, predictions and records must agree.

No corpus is needed. Each check yields a reason for every fault that it finds.
"""

import datetime
import math
from collections.abc import Iterator, Mapping

import numpy as np

from serbench import tables
from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.leaderboard.submissions import card
from serbench.leaderboard.submissions.card import Confusion, Score
from serbench.leaderboard.submissions.reproduction_record import Reproduction, reproductions
from serbench.leaderboard.submissions.submission import Counts, Submission, confusion, count
from serbench.leaderboard.submissions.submitted_fold import SubmittedFold
from serbench.metrics import calibration
from serbench.metrics.classification import METRICS
from serbench.protocols import leakage
from serbench.results import fold_file
from serbench.results.fold_schema import Facts

Reasons = Iterator[str]

FIRST_METRICS = ("accuracy", "uar", "precision", "recall", "f1", "weighted_f1")  # in every run
EXACT = 1e-9  # metrics are a few float64 operations on counts
DRAWN = 0.02  # random draws, and so intervals, may differ a little between versions of numpy


def identity(submission: Submission) -> Reasons:
    """Check that the folder, the card and the configuration are of one run."""
    config, folder = submission.facts.config, submission.folder.absolute()
    if folder.name != config.name:
        yield (
            f"the folder must be called {config.name}, as its configuration says, not {folder.name}"
        )
    if submission.card.run != config.name:
        yield (
            f"the card is of the run {submission.card.run}, but the configuration is that of "
            f"{config.name}"
        )
    if submission.card.dataset != config.dataset:
        yield (
            f"the card's dataset is {submission.card.dataset}, that of the folds {config.dataset}"
        )
    if folder.parent.name != config.corpus:
        yield f"it belongs in the folder {config.corpus}, not in {folder.parent.name}"
    for file in submission.files:
        if (name := file.facts.protocol.name) != config.protocol:
            yield f"{file.name} names two protocols: {name} and {config.protocol}"


def claims(submission: Submission) -> Reasons:
    """Check that the card and all fold files agree on the model."""
    first = submission.facts
    for key, value in card.stated(first).items():
        claimed = getattr(submission.card.model, key)
        if claimed != value or type(claimed) is not type(value):
            yield f"the card says that the model's {key} is {claimed!r}, the fold files {value!r}"
    for file in submission.files[1:]:
        for key in ("checkpoint", "revision", "licence", "pretrained", "fine_tuned_before"):
            if file.facts.model.get(key) != first.model.get(key):
                yield f"{file.name} and the first fold disagree on the model's {key}"
        if file.facts.imported != first.imported:
            yield f"{file.name} and the first fold disagree on where the predictions are from"
    yield from _configured(first)
    version = first.versions.get("serbench", "")
    if submission.card.serbench != version:
        yield f"the card says serbench {submission.card.serbench!r}, the fold files {version!r}"
    dates = {"the card": submission.card.submitted}
    dates |= {file.name: file.facts.finished for file in submission.files if file.facts.finished}
    for place, date in dates.items():
        try:
            datetime.datetime.fromisoformat(date)
        except ValueError:
            yield f"{place} has an invalid date {date!r}"


def _configured(facts: Facts) -> Reasons:
    """Check that the recorded checkpoint is the one that the parameters name."""
    params = {**facts.config.feature_params, **facts.config.params}
    for key in ("checkpoint", "revision"):
        if key in params and facts.model.get(key) != params[key]:
            yield (
                f"the fold files say that the model's {key} is {facts.model.get(key)!r}, its "
                f"parameters {params[key]!r}"
            )
    weights = str(params.get("weights")).strip().casefold()  # however it is spelt
    if weights == "random" and facts.model.get("pretrained") is not False:
        yield "the fold files say that the model is pretrained, its parameters weights='random'"


def number_of_folds(submission: Submission) -> Reasons:
    """Check that there are as many folds as the files say that the protocol has."""
    total = submission.facts.protocol.folds
    if len(submission.files) != total:
        yield f"it has {tables.count(len(submission.files), 'fold')}, but its protocol has {total}"


def tested_once(submission: Submission) -> Reasons:
    """Check that kfold and loso test every speaker only once; this needs no corpus."""
    protocol = submission.facts.config.protocol.partition(":")[0]
    if protocol not in ("kfold", "loso"):
        return
    first: dict[str, str] = {}
    for file in submission.files:
        speakers = fold_file.lines(file.arrays["test.speakers"])
        if protocol == "loso" and len(speakers) != 1:
            yield f"{file.name} tests {len(speakers)} speakers, but loso tests one in each fold"
        for speaker in speakers:
            other = first.setdefault(speaker, file.name)
            if other != file.name:
                yield (
                    f"{other} and {file.name} both test the speaker {speaker}, but {protocol} "
                    "tests every speaker once"
                )


def certificates(submission: Submission) -> Reasons:
    """Check every leakage certificate, as far as possible without the corpus."""
    for file in submission.files:
        yield from certificate(file, bool(file.facts.protocol.leaks))


def certificate(
    file: SubmittedFold, may_leak: bool, shared: leakage.Overlaps | None = None
) -> Reasons:
    """Check that a fold's leakage certificate is true.

    Args:
        file: the fold file.
        may_leak: whether the protocol is leaky.
        shared: the speakers that the fold's sets share; None if the corpus is not available.
    """
    try:
        certified = leakage.from_json(file.facts.certificate)
    except SerbenchError as error:
        yield f"{file.name}: {error}"
        return
    if certified.clean != file.facts.certificate["clean"]:
        yield f"{file.name}: the leakage certificate's verdict is not what its counts say"
    if shared is not None and certified.speakers != shared:
        pair, real = max(shared.items(), key=lambda item: item[1].count)
        sets = pair.replace("|", " and ")
        speakers = tables.count(real.count, "speaker")
        yield f"{file.name}: its certificate is wrong: {sets} share {speakers}"
    if not may_leak and not certified.clean:
        yield f"{file.name}: its certificate is not clean, so the fold leaks"


def probabilities(submission: Submission) -> Reasons:
    """Check that activations and link function give probabilities."""
    for file in submission.files:
        try:
            calibration.probabilities(file.arrays["test.activations"], file.facts.link)
        except SerbenchError as error:
            yield f"{file.name}: {error}"


def records(submission: Submission) -> Reasons:
    """Check that records of reproductions agree with the submitted folds."""
    for record in reproductions(submission.folder):
        for fault in _record_faults(record, submission):
            yield f"the reproduction {record.file} {fault}"


def _record_faults(record: Reproduction, submission: Submission) -> Reasons:
    agreement, remade = record.agreement, {pair[1] for pair in record.folds.values()}
    if len(remade) != len(record.folds):
        yield "names one file for two folds"
    pairs = zip(submission.card.folds, submission.files, strict=True)
    chosen = [(fold, file) for fold, file in pairs if fold.name in record.folds]
    matrix = np.sum([fold.confusion for fold, _ in chosen], axis=0)
    if agreement.utterances != matrix.sum():
        utterances = tables.count(agreement.utterances, "utterance")
        yield f"has {utterances}: its folds have {matrix.sum()}"
    speakers = {speaker for _, file in chosen for speaker in file.speakers()}
    if agreement.speakers != len(speakers):
        counted = tables.count(agreement.speakers, "speaker")
        yield f"has {counted}: its folds have {len(speakers)}"
    for name, score in agreement.scores.items():
        real = float(METRICS[name].compute(matrix))
        if not is_same(score.submitted, real):
            yield f"says that {name} was {score.submitted:.12g}: it comes to {real:.12g}"
        if agreement.same_label == agreement.utterances and not is_same(score.here, real):
            yield f"has the same labels, but another {name}"


def counts(submission: Submission, counted: Counts, has_truth: bool = True) -> Reasons:
    """Check the card's counts against the predictions.

    Without the truth, only sums of columns are compared: how often each label was predicted.
    """

    def differ(ours: Array, theirs: Confusion) -> bool:
        claimed = np.array(theirs)
        if not has_truth:
            ours, claimed = ours.sum(axis=0), claimed.sum(axis=0)
        return bool((ours != claimed).any())

    for fold, matrix in zip(submission.card.folds, counted.files, strict=True):
        if differ(matrix, fold.confusion):
            yield f"the card's counts of fold {fold.name} are not those of its predictions"
    speakers = submission.card.speakers
    if set(counted.speakers) != speakers.keys():
        yield "the card's speakers are not the test speakers"
        return
    for name, matrix in zip(counted.speakers, counted.by_speaker, strict=True):
        if differ(matrix, speakers[name]):
            yield f"the card's counts of speaker {name} are not those of the predictions"


def counts_without_truth(submission: Submission) -> Reasons:
    """Check the card's counts, as far as possible without the truth.

    The sums of columns must be those of the predictions, and the same over speakers as over folds.
    """
    tests = [
        file.scored("test", np.zeros(len(file.arrays["test.activations"]), np.int64))
        for file in submission.files
    ]
    yield from counts(submission, count(tests, submission.all_facts), has_truth=False)
    claimed = submission.claimed_counts()
    if (claimed.folds.sum(axis=0) != claimed.by_speaker.sum(axis=0)).any():
        yield "the card's counts of folds and of speakers have different sums"


def scores(submission: Submission, counted: Counts) -> Reasons:
    """Check the card's scores against the counts."""
    claimed = submission.card.scores
    existing = _existing_metrics(submission) | claimed.keys()
    real = {name: score for name, score in counted.scores().items() if name in existing}
    if real.keys() != claimed.keys():
        yield f"the card must have the scores {', '.join(real)}"
        return
    for name, score in real.items():
        for part, ours, theirs, most in _pairs(score, claimed[name]):
            if not is_same(ours, theirs, most):
                yield f"the card's {name} ({part}) is {theirs:.12g}, but it comes to {ours:.12g}"


def _existing_metrics(submission: Submission) -> set[str]:
    """Return the metrics that existed when the run was made.

    These are the first ones, and those of its validation scores.
    """
    return {*FIRST_METRICS, *(name for file in submission.files for name in file.facts.validation)}


def _pairs(real: Score, claimed: Score) -> Iterator[tuple[str, float, float, float]]:
    """Yield the name of each part of a score, both values, and the tolerance."""
    if len(real.folds) != len(claimed.folds):
        yield "number of folds", len(real.folds), len(claimed.folds), 0
        return
    for index, (ours, theirs) in enumerate(zip(real.folds, claimed.folds, strict=True)):
        yield f"fold {index + 1}", ours, theirs, EXACT
    for part in ("mean", "std", "pooled", "low", "high"):
        most = DRAWN if part in ("low", "high") else EXACT
        yield part, getattr(real, part), getattr(claimed, part), most


def is_same(first: float, second: float, most: float = EXACT) -> bool:
    """Return whether both are the same number, or both are NaN."""
    return abs(first - second) <= most or (math.isnan(first) and math.isnan(second))


def validation(submission: Submission, truths: Mapping[str, Array]) -> Reasons:
    """Check the scores of validation sets, by which folds compete, against the predictions.

    Args:
        submission: the submission.
        truths: the truth of each file's validation set, by file name.
    """
    existing = _existing_metrics(submission)
    for file in [file for file in submission.files if file.name in truths]:
        scored = file.scored("validation", truths[file.name])
        matrix = confusion(scored, len(file.facts.labels))
        for name in [metric for metric in METRICS if metric in existing]:
            claimed = file.facts.validation.get(name)
            real = float(METRICS[name].compute(matrix))
            if claimed is None or not is_same(real, claimed):
                yield f"{file.name} says {name} {claimed} of its validation set: it comes to {real}"
