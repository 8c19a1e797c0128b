"""What a submission says of itself must agree with itself; no corpus is needed to see that.

Each check yields a reason for everything that does not hold.
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from serbench.errors import SerbenchError
from serbench.leaderboard.submissions import card
from serbench.leaderboard.submissions.reproduction_record import Reproduction, reproductions
from serbench.leaderboard.submissions.submission import Sent
from serbench.metrics import calibration
from serbench.metrics.classification import METRICS
from serbench.protocols import leakage
from serbench.results import fold_file
from serbench.results.config import Config

Reasons = Iterator[str]

EXACT = 1e-9  # metrics are a few float64 operations on counts


def identity(sent: Sent) -> Reasons:
    """The folder, the card and the configuration are of one run."""
    config, folder = sent.files[0].facts["config"], sent.folder.absolute()
    name = Config(**config).name
    if folder.name != name:
        yield f"the folder must be called {name}, as its configuration says, not {folder.name}"
    if sent.card.run != name:
        yield f"the card is of the run {sent.card.run}, but the configuration is that of {name}"
    if sent.card.dataset != config["dataset"]:
        yield f"the card's dataset is {sent.card.dataset}, that of the folds {config['dataset']}"
    corpus = str(config["dataset"]).partition(":")[0]
    if folder.parent.name != corpus:
        yield f"it belongs into the folder {corpus}, not into {folder.parent.name}"
    for file in sent.files:
        if file.facts["protocol"]["name"] != config["protocol"]:
            yield f"{file.name} names two protocols: {file.facts['protocol']['name']} and its own"


def claims(sent: Sent) -> Reasons:
    """What the card says of the model is what the fold files say, and they say it alike."""
    first = sent.files[0].facts
    for key, value in card.stated(first).items():
        claimed = getattr(sent.card.model, key)
        if claimed != value or type(claimed) is not type(value):
            yield f"the card says that the model's {key} is {claimed!r}, the fold files {value!r}"
    for file in sent.files[1:]:
        for key in ("checkpoint", "revision", "licence", "pretrained", "fine_tuned_before"):
            if file.facts.get("model", {}).get(key) != first.get("model", {}).get(key):
                yield f"{file.name} says something else of the model's {key} than the first fold"
    yield from _configured(first)
    version = str(first["versions"].get("serbench", ""))
    if sent.card.serbench != version:
        yield f"the card says serbench {sent.card.serbench!r}, the fold files {version!r}"
    yield from _dates(sent)


def _configured(facts: Mapping[str, Any]) -> Reasons:
    """What the model says that it started from is what its parameters say."""
    config, model = facts["config"], facts.get("model", {})
    params = {**config["feature_params"], **config["params"]}
    for key in ("checkpoint", "revision"):
        if key in params and model.get(key) != params[key]:
            yield (
                f"the fold files say that the model's {key} is {model.get(key)!r}, its parameters "
                f"{params[key]!r}"
            )
    weights = str(params.get("weights")).strip().casefold()  # however it is spelt
    if weights == "random" and model.get("pretrained") is not False:
        yield "the fold files say that the model is pretrained, its parameters weights='random'"


def _dates(sent: Sent) -> Reasons:
    said = [("the card", sent.card.submitted)]
    said += [(f.name, f.facts["finished"]) for f in sent.files if "finished" in f.facts]
    for who, text in said:
        try:
            datetime.datetime.fromisoformat(text)
        except ValueError:
            yield f"{who} has the date {text!r}, which is none"


def number(sent: Sent) -> Reasons:
    """There are as many folds as the protocol is said to have."""
    total = sent.files[0].facts["protocol"]["folds"]
    if len(sent.files) != total:
        yield f"it has {len(sent.files)} folds, but its protocol {total}"


def tested_once(sent: Sent) -> Reasons:
    """Protocols that give every speaker to one test set have done so, whatever the corpus is."""
    protocol = str(sent.files[0].facts["config"]["protocol"]).partition(":")[0]
    if protocol not in ("kfold", "loso"):
        return
    first: dict[str, str] = {}
    for file in sent.files:
        speakers = fold_file.lines(file.arrays["test.speakers"])
        if protocol == "loso" and len(speakers) != 1:
            yield f"{file.name} tests {len(speakers)} speakers, but loso tests one in each fold"
        for speaker in speakers:
            known = first.setdefault(speaker, file.name)
            if known != file.name:
                yield (
                    f"{known} and {file.name} both test the speaker {speaker}, but {protocol} "
                    "tests every speaker once"
                )


def certified(sent: Sent) -> Reasons:
    """Every certificate agrees with itself, as far as that goes without the corpus."""
    for file in sent.files:
        try:
            clean = leakage.from_json(file.facts["certificate"]).clean
        except SerbenchError as error:
            yield f"{file.name}: {error}"
            continue
        if clean != file.facts["certificate"]["clean"]:
            yield f"{file.name}: the leakage certificate's verdict is not what its counts say"
        if not clean and not file.facts["protocol"]["leaks"]:
            yield f"{file.name}: its certificate is not clean, so the fold leaks"


def answers(sent: Sent) -> Reasons:
    """What should be probabilities is."""
    for file in sent.files:
        try:
            calibration.probabilities(file.arrays["test.activations"], file.facts["link"])
        except SerbenchError as error:
            yield f"{file.name}: {error}"


def reproduced(sent: Sent) -> Reasons:
    """What records of reproductions say of the submitted folds is what these are."""
    for record in reproductions(sent.folder):
        for fault in _recorded(record, sent):
            yield f"the reproduction {record.file} {fault}"


def _recorded(record: Reproduction, sent: Sent) -> Reasons:
    found, again = record.agreement, len({pair[1] for pair in record.folds.values()})
    if again != len(record.folds):
        yield "names one file for two folds"
    pairs = zip(sent.card.folds, sent.files, strict=True)
    chosen = [(fold, file) for fold, file in pairs if fold.name in record.folds]
    matrix = np.sum([fold.confusion for fold, _ in chosen], axis=0)
    if found.utterances != matrix.sum():
        yield f"has {found.utterances} utterances: its folds have {matrix.sum()}"
    speakers: set[str] = set()
    for _, file in chosen:
        names = fold_file.lines(file.arrays["test.speakers"])
        speakers |= {names[at] for at in np.unique(file.arrays["test.speaker"])}
    if found.speakers != len(speakers):
        yield f"has {found.speakers} speakers: its folds have {len(speakers)}"
    for name, score in found.scores.items():
        real = float(METRICS[name].compute(matrix))
        if not abs(score.submitted - real) <= EXACT:
            yield f"says that {name} was {score.submitted:.12g}: it comes to {real:.12g}"
        if found.same_label == found.utterances and not abs(score.here - real) <= EXACT:
            yield f"has the same labels and another {name}"
