"""What the leaderboard keeps of one run: plain texts and counts, from which every cell is made."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.files import digest
from serbench.leaderboard.ledger import LENGTH
from serbench.leaderboard.ranking import fingerprint as fingerprints
from serbench.leaderboard.ranking.fingerprint import Fingerprint
from serbench.leaderboard.submissions import submission as submissions
from serbench.leaderboard.submissions.reproduction_record import (
    FOLDER,
    Reproduction,
    reproductions,
)
from serbench.leaderboard.submissions.submission import Sent
from serbench.lookalike_names import skeleton
from serbench.results import eligibility
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.run import Run, computed

Counts = npt.NDArray[np.int64]

NOT_SUBMITTED = "not submitted"
SUBMITTERS_OWN = "not recomputed"
RECOMPUTED = "recomputed"
REPRODUCED = "reproduced"
STATUSES = (REPRODUCED, RECOMPUTED, SUBMITTERS_OWN, NOT_SUBMITTED)
"""How far a run is checked, the best first."""

SAYS_SUBMITTER = "says the submitter"
"""The end of a reproduction that no other account sent."""


class Record(NamedTuple):
    """A record of folds that were made again, as it lies in a submission.

    Attributes:
        file: its name.
        digest: of its bytes.
        text: "Ada, 2026-05-01, cpu, 6 of 6 folds, 100.0 % same labels".
        agrees: whether the folds came out as submitted.
        by_submitter: whether it bears the submitter's own name.
    """

    file: str
    digest: str
    text: str
    agrees: bool
    by_submitter: bool


@dataclass(frozen=True)
class Entry:
    """A run as a table sees it.

    Attributes:
        run: its name.
        dataset: with its parameters, as typed.
        protocol: as typed.
        labels: as typed.
        corpus_pin: the digest of the corpus, with `protocol_pin` what makes runs comparable.
        protocol_pin: the digest of the protocol.
        audio: by each fold that counts, the digest of the audio it was made of.
        configuration: a digest of everything that makes the run but its seed.
        seed: of the run.
        model: its name.
        checkpoint: what it started from, or "".
        revision: of the checkpoint, or "".
        params: of the model and its features.
        parameters: how many its largest model has, or None; heads may be chosen fold by fold.
        folds: the number of folds in the run.
        total: the number of folds in the protocol.
        leaks: what its sets share, or "".
        objections: every reason why it has no rank; see `serbench.results.eligibility`.
        seconds: of fitting and predicting, over all folds.
        finished: when the last fold was, UTC.
        device: where it was computed.
        computed: its precision, threads and processor, for readers.
        serbench: the version that computed it.
        speakers: the test speakers, sorted.
        confusions: of the folds that count, (folds, labels, labels).
        by_speaker: (speakers, labels, labels).
        folder: below the folder of all submissions; "" for a run that was not submitted.
        submitter: who sent it, as the card says, or "".
        submitted: the day, as the card says, or "".
        account: who sent it, as the ledger says, or "".
        seen: when it was first seen, as the ledger says, or "".
        order: its place among everything ever sent; 0 if no ledger says.
        status: one of `STATUSES`.
        records: of folds that were made again.
        reproductions: the same records, for readers.
        notes: for readers of the table.
        fingerprint: of its predictions.
        flags: for readers of its numbers.
    """

    run: str
    dataset: str
    protocol: str
    labels: str
    corpus_pin: str
    protocol_pin: str
    audio: Mapping[str, str]
    configuration: str
    seed: int
    model: str
    checkpoint: str
    revision: str
    params: Mapping[str, object]
    parameters: int | None
    folds: int
    total: int
    leaks: str
    objections: tuple[str, ...]
    seconds: float
    finished: str
    device: str
    computed: str
    serbench: str
    speakers: tuple[str, ...]
    confusions: Counts
    by_speaker: Counts
    folder: str = ""
    submitter: str = ""
    submitted: str = ""
    account: str = ""
    seen: str = ""
    order: int = 0
    status: str = NOT_SUBMITTED
    records: tuple[Record, ...] = ()
    reproductions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fingerprint: Fingerprint = fingerprints.NONE
    flags: tuple[str, ...] = ()

    @property
    def corpus(self) -> str:
        """The corpus's name, without parameters."""
        return self.dataset.partition(":")[0]

    @property
    def setting(self) -> tuple[str, str, str, str, str]:
        """What runs must share to be ranked together."""
        return self.dataset, self.protocol, self.labels, self.corpus_pin, self.protocol_pin

    @property
    def ranked(self) -> bool:
        """Whether it has no objections."""
        return not self.objections

    @property
    def faults(self) -> tuple[str, ...]:
        """The objections but for the leak, which the protocol declares for all its runs."""
        leak = eligibility.LEAKS.format(self.leaks)
        return tuple(reason for reason in self.objections if reason != leak)

    @property
    def sender(self) -> tuple[str, bool]:
        """The account or name of its sender, and whether the ledger confirms it."""
        return self.account or self.submitter, bool(self.account)

    @property
    def who(self) -> str:
        """The sender as a table names it."""
        if not self.folder:
            return "own run"
        return self.account or f"{self.submitter} (not confirmed)"

    @property
    def day(self) -> str:
        """The day on which it was sent."""
        return (self.seen or self.submitted)[:10]

    def with_objection(self, reason: str) -> "Entry":
        """Return the entry with one more reason why it has no rank."""
        return replace(self, objections=(*self.objections, reason))

    @property
    def age(self) -> tuple[int, str, int, str]:
        """The key that sorts entries by who was first."""
        return self.order, self.finished, self.seed, self.run

    @property
    def short(self) -> str:
        """The last part of its name, a digest."""
        return self.run.rpartition("_")[2]


def of_run(run: Run) -> Entry:
    """Make the entry of the user's own run, which has no card."""
    speakers = {speaker for fold in run.folds for speaker in fold.test.speakers}
    return _entry(run, tuple(sorted(speakers)), run.confusions, run.speaker_confusions)


def of_submission(sent: Sent, status: str, flags: Sequence[str]) -> Entry:
    """Make the entry of a verified submission.

    Args:
        sent: the submission.
        status: the outcome of verifying it.
        flags: of verifying it.
    """
    submission, card = submissions.of(sent), sent.card
    folds = tuple(FoldResult(facts, _UNREAD) for facts in submission.folds)
    run = Run(sent.folder, folds, folds[0].facts["protocol"]["folds"] - len(card.folds))
    entry = _entry(run, submission.speakers, submission.confusions, submission.speaker_confusions)
    seen = (eligibility.SEEN,) if card.model.seen_test_corpus == "yes" else ()
    return replace(
        entry,
        objections=(*entry.objections, *seen),
        folder=f"{sent.folder.parent.name}/{sent.folder.name}",
        submitter=card.submitter.name,
        submitted=card.submitted,
        status=status,
        records=tuple(_record(sent, record) for record in reproductions(sent.folder)),
        flags=tuple(flags),
        fingerprint=fingerprints.of(sent),
    )


_UNREAD = Scored((), (), np.empty(0, np.int64), np.empty((0, 0), np.float32))
"""A test set that is not read, because its counts are known already."""


def _entry(run: Run, speakers: tuple[str, ...], confusions: Counts, by_speaker: Counts) -> Entry:
    config, facts = run.config, run.facts
    model, pins, total = facts.get("model", {}), facts["pins"], facts["protocol"]["folds"]
    models = [fold.facts.get("model", {}) for fold in run.folds]
    sizes = [one["parameters"] for one in models if type(one.get("parameters")) is int]
    audio = {str(one.facts["fold"]["name"]): one.facts["pins"].get("audio") for one in run.folds}
    return Entry(
        run=run.name,
        dataset=str(config["dataset"]),
        protocol=str(config["protocol"]),
        labels=str(config["labels"]),
        corpus_pin=str(pins["corpus"]),
        protocol_pin=str(pins["protocol"]),
        audio={fold: str(pin) for fold, pin in audio.items() if pin},
        configuration=digest({**config, "seed": None})[:16],
        seed=int(config["seed"]),
        model=str(config["model"]),
        checkpoint=str(model.get("checkpoint") or ""),
        revision=str(model.get("revision") or ""),
        params={**config["feature_params"], **config["params"]},
        parameters=max(sizes, default=None),
        folds=total - run.missing,
        total=total,
        leaks=run.leaks,
        objections=run.objections,
        seconds=run.seconds(),
        finished=max(str(fold.facts.get("finished", "")) for fold in run.folds),
        device=str(facts["device"]),
        computed=computed(facts),
        serbench=str(facts["versions"].get("serbench", "")),
        speakers=speakers,
        confusions=confusions,
        by_speaker=by_speaker,
    )


def _record(sent: Sent, record: Reproduction) -> Record:
    folds = f"{len(record.folds)} of {record.total} folds"
    agreement = f"{100 * record.agreement.share:.1f} % same labels"
    text = f"{record.by}, {record.date}, {record.device}, {folds}, {agreement}"
    text += f", remade with {record.remade}" if record.remade else ""
    text += "" if record.agreement.reproduced else ", NOT reproduced"
    return Record(
        record.file,
        hashlib.sha256((sent.folder / FOLDER / record.file).read_bytes()).hexdigest()[:LENGTH],
        text,
        record.reproduced,
        skeleton(record.by) == skeleton(sent.card.submitter.name),
    )


@dataclass(frozen=True)
class Rejected:
    """A folder that is not listed, and why."""

    folder: str
    reasons: tuple[str, ...]
