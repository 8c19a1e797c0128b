"""A run as the leaderboard stores it: plain texts and counts, the source of every cell."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench import tables
from serbench.escaping import shown
from serbench.files import digest
from serbench.leaderboard.ledger import LENGTH
from serbench.leaderboard.ranking import fingerprint as fingerprints
from serbench.leaderboard.ranking.fingerprint import Fingerprint
from serbench.leaderboard.submissions.card import Card
from serbench.leaderboard.submissions.reproduction_record import (
    FOLDER,
    Reproduction,
    reproductions,
)
from serbench.leaderboard.submissions.submission import Submission
from serbench.plugins import registry, shipped
from serbench.protocols.lookalike_names import skeleton
from serbench.results import eligibility, learning_curve
from serbench.results.config import IMPORTED
from serbench.results.display_names import normalised, versions, with_checkpoint
from serbench.results.fold_schema import Facts
from serbench.results.run import Run, computed

Confusions = npt.NDArray[np.int64]

NOT_SUBMITTED = "not submitted"
SUBMITTERS_OWN = "not recomputed"
RECOMPUTED = "recomputed"
REPRODUCED = "reproduced"
NOT_RUN = "recomputed, not run here"
STATUSES = (REPRODUCED, RECOMPUTED, NOT_RUN, SUBMITTERS_OWN, NOT_SUBMITTED)
"""How thoroughly a run was checked, best first."""

UNKNOWN = "unknown"
LONGEST_TITLE = 150  # characters
MOST_POINTS = 12_000  # of a run's learning curves
LARGEST = 1e9  # number in a learning curve

SAYS_SUBMITTER = "says the submitter"
"""The end of the text of a reproduction that no other account sent."""


class Line(NamedTuple):
    """A line of a learning curve."""

    fold: str  # name of the fold
    series: str  # one of `learning_curve.SERIES`
    is_epochs: bool  # whether its points are epochs, not settings that were tried
    best: int | None  # the number of the epoch that was kept, if known
    points: list[list[float]]  # [number of the epoch or setting, value]


class Record(NamedTuple):
    """A record in a submission: somebody made its folds again."""

    file: str  # file name
    digest: str  # of the file's bytes
    text: str  # "Ada, 2026-05-01, cpu, 6 of 6 folds, 100.0 % same labels"
    agrees: bool  # whether the folds were reproduced
    by_submitter: bool  # whether it is signed with the submitter's name


@dataclass(frozen=True)
class Entry:
    """The data of a run that tables need."""

    run: str  # name of the run
    dataset: str  # as typed, with its parameters
    protocol: str  # as typed
    labels: str  # as typed
    corpus_pin: str  # a digest of the corpus
    protocol_pin: str  # a digest of the protocol
    audio: Mapping[str, str]  # from each fold that counts to the digest of its audio
    configuration: str  # a digest of the run's configuration without its seed
    seed: int
    model: str  # name of the model
    title: str  # the model's name for people, never chosen by the run
    checkpoint: str  # pretrained weights that the model started from, or ""
    revision: str  # of the checkpoint, or ""
    params: Mapping[str, object]  # of the model and its features
    versions: Mapping[str, str]  # what else identifies the configuration, in words
    parameters: int | None  # number of weights in the largest fold; heads may differ by fold
    folds: int  # number of folds that the run has
    total: int  # number of folds that its protocol has
    leaks: str  # what the parts of a fold share, or ""
    sees: str  # what else of the test set the models see, or ""; see `eligibility.sees`
    objections: tuple[str, ...]  # every reason why it has no rank, see `results.eligibility`
    seconds: float  # of fitting and predicting, over all folds
    finished: str  # when the last fold was, UTC
    device: str  # that computed it
    computed: str  # its precision, threads and processor, for readers
    serbench: str  # version of serbench that computed it
    speakers: tuple[str, ...]  # the test speakers, sorted
    classes: tuple[str, ...]  # the labels
    provenance: Mapping[str, str]  # versions, settings and machine, for readers
    confusions: Confusions  # of the folds that count, (folds, labels, labels)
    by_speaker: Confusions  # (speakers, labels, labels)
    curves: tuple[Line, ...] = ()  # learning curves of the folds that count
    folder: str = ""  # below the folder of all submissions; "" for a run that was not submitted
    submitter: str = ""  # the sender's name on the card
    submitted: str = ""  # the day on the card
    statements: Mapping[str, str] = field(default_factory=dict)  # of the card, for readers
    note: str = ""  # the sender's own remarks, lines of text
    account: str = ""  # the sender's account in the ledger
    seen: str = ""  # when the board first saw it, from the ledger
    order: int = 0  # position in the ledger, from 1; 0 if it is not in a ledger
    status: str = NOT_SUBMITTED  # one of `STATUSES`
    records: tuple[Record, ...] = ()  # of folds that were made again
    reproductions: tuple[str, ...] = ()  # the same records, as texts for readers
    notes: tuple[str, ...] = ()  # remarks from comparing it with other runs
    modality: str = "speech"  # what the model sees or hears
    fingerprint: Fingerprint = fingerprints.NONE  # of its predictions
    flags: tuple[str, ...] = ()  # remarks of its verdict

    @property
    def corpus(self) -> str:
        """The corpus's name, without parameters."""
        return self.dataset.partition(":")[0]

    @property
    def setting(self) -> tuple[str, str, str, str, str]:
        """The values that runs must share to be ranked together."""
        return self.dataset, self.protocol, self.labels, self.corpus_pin, self.protocol_pin

    @property
    def ranked(self) -> bool:
        """Whether there are no objections."""
        return not self.objections

    @property
    def is_imported(self) -> bool:
        """Whether others made and published its predictions."""
        return self.model.startswith(IMPORTED)

    @property
    def known_seed(self) -> int | None:
        """The seed, None if nobody says what it was."""
        return None if self.provenance.get("Seed") == UNKNOWN else self.seed

    @property
    def faults(self) -> tuple[str, ...]:
        """The objections except the protocol's leak, which all its runs have."""
        leak = eligibility.LEAKS.format(self.leaks)
        return tuple(reason for reason in self.objections if reason != leak)

    @property
    def sender(self) -> tuple[str, bool]:
        """The account or name of the sender, and whether the ledger confirms it."""
        return self.account or self.submitter, bool(self.account)

    @property
    def who(self) -> str:
        """The sender as tables show it."""
        if not self.folder:
            return "own run"
        return self.account or f"{self.submitter} (not confirmed)"

    @property
    def day(self) -> str:
        """The day of the submission."""
        return (self.seen or self.submitted)[:10]

    def with_objection(self, reason: str) -> "Entry":
        """Return the entry with one more reason why it has no rank."""
        return replace(self, objections=(*self.objections, reason))

    @property
    def age(self) -> tuple[int, str, int, str]:
        """The key that sorts entries from oldest to newest."""
        return self.order, self.finished, self.seed, self.run

    @property
    def short(self) -> str:
        """The last part of the run's name, a digest."""
        return self.run.rpartition("_")[2]


def of_run(run: Run) -> Entry:
    """Make the entry of the user's own run, which has no card."""
    facts = [fold.facts for fold in run.folds]
    speakers = {speaker for fold in run.folds for speaker in fold.test.speakers}
    counts = (tuple(sorted(speakers)), run.confusions, run.speaker_confusions)
    return _entry(run.name, facts, run.missing, registry.title, *counts)


def of_submission(submission: Submission, status: str, flags: Sequence[str]) -> Entry:
    """Make the entry of a submission with the status and the flags of its verdict."""
    card, folder = submission.card, submission.folder
    counts = submission.stored_counts() if submission.has_truth else submission.claimed_counts()
    facts = [submission.all_facts[position] for position in counts.winners]
    missing = facts[0].protocol.folds - len(card.folds)
    counted = (counts.speakers, counts.folds, counts.by_speaker)
    entry = _entry(folder.name, facts, missing, shipped.title, *counted)
    seen = (eligibility.SEEN,) if card.model.seen_test_corpus == "yes" else ()
    return replace(
        entry,
        objections=(*entry.objections, *seen),
        folder=f"{folder.parent.name}/{folder.name}",
        submitter=card.submitter.name,
        submitted=card.submitted,
        statements=_statements(card),
        note=submission.note,
        status=status,
        records=tuple(_record(submission, record) for record in reproductions(folder)),
        flags=tuple(flags),
        fingerprint=fingerprints.of(submission),
    )


def _entry(
    name: str,
    folds: Sequence[Facts],
    missing: int,
    title: Callable[[str, Mapping[str, object]], str],
    speakers: tuple[str, ...],
    confusions: Confusions,
    by_speaker: Confusions,
) -> Entry:
    first = folds[0]
    config, model = first.config, first.model
    params = {**config.feature_params, **config.params}
    checkpoint = model.get("checkpoint") or ""
    named = title(config.model, params) or with_checkpoint(config.model, checkpoint)
    if imported := first.imported:
        named = imported.system
    if any(fold.model.get("pretrained") is False for fold in folds):
        named += ", random weights"
    sizes = [fold.model.get("parameters") for fold in folds]
    return Entry(
        run=name,
        dataset=config.dataset,
        protocol=config.protocol,
        labels=config.labels,
        corpus_pin=first.pins.corpus,
        protocol_pin=first.pins.protocol,
        audio={fold.fold.name: fold.pins.audio for fold in folds},
        configuration=digest({**config.stored(), "seed": None})[:16],
        seed=config.seed,
        model=config.model,
        title=shown(named, LONGEST_TITLE),
        checkpoint=checkpoint,
        revision=model.get("revision") or "",
        params=params,
        versions=versions(config),
        parameters=max((size for size in sizes if size is not None), default=None),
        folds=first.protocol.folds - missing,
        total=first.protocol.folds,
        leaks=eligibility.leak(folds),
        sees=eligibility.sees(config),
        objections=eligibility.objections(folds, missing),
        seconds=math.nan if imported else sum(fold.duration for fold in folds),
        finished=max(fold.finished for fold in folds),
        device=first.device,
        computed=computed(first),
        serbench=first.versions.get("serbench", ""),
        speakers=speakers,
        classes=first.labels,
        provenance=_provenance(first),
        confusions=confusions,
        by_speaker=by_speaker,
        curves=_curves(folds),
        modality=imported.modality if imported else "speech",
    )


def _curves(folds: Sequence[Facts]) -> tuple[Line, ...]:
    """Return the learning curves of folds, with at most `MOST_POINTS` points, evenly chosen."""
    curves = list(filter(None, map(learning_curve.of_fold, folds)))
    most = MOST_POINTS // max(sum(len(curve.values) for curve in curves), 1)
    lines = []
    for curve in curves:
        for series, values in curve.values.items():
            points = np.stack([curve.steps, values], axis=1)  # (reports, 2)
            points = points[np.abs(points).max(axis=1) < LARGEST]  # neither nan nor infinite
            chosen = np.linspace(0, len(points) - 1, min(len(points), most)).round().astype(int)
            rounded = [[float(f"{number:.6g}") for number in point] for point in points[chosen]]
            lines.append(Line(curve.fold, series, curve.epochs, curve.best, rounded))
    return tuple(lines)


def _provenance(facts: Facts) -> dict[str, str]:
    config = facts.config
    pins = {"Corpus digest": facts.pins.corpus, "Protocol digest": facts.pins.protocol}
    if imported := facts.imported:
        left_out = f"{tables.count(imported.dropped, 'utterance')} that the corpus lacks"
        texts = {
            "Predictions published by": imported.publisher,
            "Published at": imported.source,
            "Commit of the table": imported.commit,
            "Licence of the table": imported.licence,
            "Digest of the table (sha256)": imported.table,
            "Published for each utterance": imported.scores,
            "Modality": imported.modality,
            "Seed": imported.seed or UNKNOWN,
            "Left out": left_out if imported.dropped else "",
        }
        return {**{name: text for name, text in texts.items() if text}, **pins}
    return {
        "Model": f"{config.model}, version {config.model_version}",
        "Features": f"{config.feature}, version {config.feature_version}",
        "Audio": _listed(config.reading),
        **({"Training copies": config.copies} if config.copies else {}),
        **({"Normalisation": normalised(config.normalise)} if eligibility.sees(config) else {}),
        "Seed": str(config.seed),
        "Training": f"{config.precision}, {tables.count(facts.threads, 'thread')}, {facts.device}",
        "Machine": ", ".join(facts.machine.values()),
        "Software": _listed(facts.versions),
        "Source digests": _listed(facts.sources),
        **pins,
    }


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _statements(card: Card) -> dict[str, str]:
    statements = {
        "Description": card.model.description,
        "Training data of the checkpoint": card.model.training_data,
        "Checkpoint has seen the test corpus": card.model.seen_test_corpus,
        "Licence of the checkpoint": card.model.licence,
        "Code": card.code.address,
        "Commit": card.code.commit,
        "Install": card.code.install,
    }
    return {name: text for name, text in statements.items() if text}


def _record(submission: Submission, record: Reproduction) -> Record:
    folds = f"{len(record.folds)} of {record.total} folds"
    agreement = f"{100 * record.agreement.share:.1f} % same labels"
    text = f"{record.by}, {record.date}, {record.device}, {folds}, {agreement}"
    text += f", remade with {record.remade}" if record.remade else ""
    text += "" if record.agreement.is_reproduced else ", NOT reproduced"
    return Record(
        record.file,
        hashlib.sha256((submission.folder / FOLDER / record.file).read_bytes()).hexdigest()[
            :LENGTH
        ],
        text,
        record.is_reproduced,
        skeleton(record.by) == skeleton(submission.card.submitter.name),
    )


@dataclass(frozen=True)
class Rejected:
    """A rejected submission, and why."""

    folder: str
    reasons: tuple[str, ...]
