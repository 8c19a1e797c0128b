"""What the leaderboard knows of one run: plain words and counts, from which every cell is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.files import digest
from serbench.leaderboard.ranking.copies import NOTHING, Traces
from serbench.leaderboard.submissions.reproduction_record import Reproduction
from serbench.leaderboard.submissions.submission import Submission
from serbench.results import eligibility
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.run import Run, computed

Counts = npt.NDArray[np.int64]

NOT_SUBMITTED = "not submitted"
SUBMITTERS_OWN = "not recomputed"
REPRODUCED = "reproduced"
STATUSES = (REPRODUCED, "recomputed", SUBMITTERS_OWN, NOT_SUBMITTED)
"""How far a run is checked, the best first."""

SAYS_SUBMITTER = "says the submitter"
"""The words after a record that no other account sent."""


class Record(NamedTuple):
    """A record of folds that were made again, as it lies in a submission.

    Attributes:
        file: its name.
        digest: of its bytes.
        words: "Ada, 2026-05-01, cpu, 6 of 6 folds, 100.0 % same labels".
        agrees: the folds came out as submitted.
        by_submitter: the record bears the submitter's own name.
    """

    file: str
    digest: str
    words: str
    agrees: bool
    by_submitter: bool


@dataclass(frozen=True)
class Entry:
    """A run as a table sees it.

    Attributes:
        run: its name.
        folder: below the folder of all submissions; "" for a run that was not submitted.
        dataset: with its parameters; `protocol` and `labels` are as typed, too.
        protocol: see there.
        labels: see there.
        corpus_pin: the digest of the corpus, with `protocol_pin` what makes runs comparable.
        protocol_pin: the digest of the protocol.
        audio: of each fold that counts, by its name, the digest of the audio it was made of.
        configuration: a digest of everything that makes the run but its seed.
        seed: of the run.
        model: its name.
        checkpoint: what it started from, or "".
        revision: of the checkpoint, or "".
        params: of the model and its features.
        parameters: how many the model has; None where it does not say.
        folds: how many of the protocol's folds are there; `total` is how many it has.
        total: see there.
        leaks: why its sets are not apart, or "".
        objections: every reason why it has no rank; see `serbench.results.eligibility`.
        seconds: of fitting and predicting, over all folds.
        finished: when the last fold was, UTC.
        device: where it was computed.
        computed: in what precision, with how many threads and on what processor, in words.
        serbench: the version that computed it.
        submitter: who sent it, as the card says, or "".
        submitted: the day, as the card says, or "".
        account: who sent it, as the ledger says, or "".
        seen: when it was first seen, as the ledger says, or "".
        order: its place among everything ever sent; 0 if no ledger says.
        status: one of `STATUSES`.
        records: of folds that were made again.
        reproductions: the same records, each in words.
        notes: what a reader of the table should know.
        traces: what its predictions can be recognised by.
        flags: what a reader of its numbers should know.
        speakers: the test speakers, sorted.
        confusions: of the folds that count, (folds, labels, labels).
        by_speaker: (speakers, labels, labels).
    """

    run: str
    folder: str
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
    submitter: str
    submitted: str
    account: str
    seen: str
    order: int
    status: str
    records: tuple[Record, ...]
    reproductions: tuple[str, ...]
    notes: tuple[str, ...]
    traces: Traces
    flags: tuple[str, ...]
    speakers: tuple[str, ...]
    confusions: Counts
    by_speaker: Counts

    @property
    def corpus(self) -> str:
        """The corpus's name, without parameters."""
        return self.dataset.partition(":")[0]

    @property
    def setting(self) -> tuple[str, str, str, str, str]:
        """What must be alike for runs to be ranked together."""
        return self.dataset, self.protocol, self.labels, self.corpus_pin, self.protocol_pin

    @property
    def ranked(self) -> bool:
        """Whether nothing keeps it from being compared."""
        return not self.objections

    @property
    def faults(self) -> tuple[str, ...]:
        """The objections but for the leak, which the protocol declares for all its runs."""
        leak = eligibility.LEAKS.format(self.leaks)
        return tuple(reason for reason in self.objections if reason != leak)

    @property
    def sender(self) -> tuple[str, bool]:
        """Who sent it, and whether the ledger confirms that."""
        return self.account or self.submitter, bool(self.account)

    @property
    def who(self) -> str:
        """The sender as a table names it."""
        if not self.folder:
            return "own run"
        return self.account or f"{self.submitter} (not confirmed)"

    @property
    def day(self) -> str:
        """When it was sent."""
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
    """Of a run of one's own, which has no card."""
    speakers = {one for fold in run.folds for one in fold.test.speakers}
    return _entry(
        run,
        speakers=tuple(sorted(speakers)),
        confusions=run.confusions,
        by_speaker=run.speaker_confusions,
    )


def of_submission(
    submission: Submission,
    status: str,
    flags: Sequence[str],
    records: Sequence[Record],
    traces: Traces,
) -> Entry:
    """Of a submission that was verified.

    Args:
        submission: as it was read.
        status: what verifying came to.
        flags: what verifying pointed out.
        records: of those who made it again.
        traces: what its predictions can be recognised by.
    """
    card = submission.card
    folds = tuple(FoldResult(facts, _UNREAD) for facts in submission.folds)
    total = submission.folds[0]["protocol"]["folds"]
    run = Run(submission.folder, folds, total - len(card.folds))
    seen = (eligibility.SEEN,) if card.model.seen_test_corpus == "yes" else ()
    return _entry(
        run,
        objections=(*run.objections, *seen),
        folder=f"{submission.folder.parent.name}/{submission.folder.name}",
        submitter=card.submitter.name,
        submitted=card.submitted,
        status=status,
        records=tuple(records),
        flags=tuple(flags),
        traces=traces,
        speakers=submission.speakers,
        confusions=submission.confusions,
        by_speaker=submission.speaker_confusions,
    )


_UNREAD = Scored((), (), np.empty(0, np.int64), np.empty((0, 0), np.float32))
"""A test set that is not read: its counts are known already."""


def _entry(run: Run, **known: Any) -> Entry:
    """From what the facts say of a run, and what else is known."""
    config, facts = run.config, run.facts
    model = facts.get("model", {})
    made: dict[str, Any] = {
        "run": run.name,
        "folder": "",
        **{name: str(config[name]) for name in ("dataset", "protocol", "labels", "model")},
        "corpus_pin": str(facts["pins"]["corpus"]),
        "protocol_pin": str(facts["pins"]["protocol"]),
        "audio": _audio(run),
        "configuration": digest({**config, "seed": None})[:16],
        "seed": int(config["seed"]),
        "checkpoint": str(model.get("checkpoint") or ""),
        "revision": str(model.get("revision") or ""),
        "params": {**config["feature_params"], **config["params"]},
        "parameters": _parameters(run),
        "folds": facts["protocol"]["folds"] - run.missing,
        "total": facts["protocol"]["folds"],
        "leaks": run.leaks,
        "objections": run.objections,
        "seconds": run.seconds(),
        "finished": max(str(fold.facts.get("finished", "")) for fold in run.folds),
        "device": str(facts["device"]),
        "computed": computed(facts),
        "serbench": str(_mapping(facts["versions"]).get("serbench", "")),
        "submitter": "",
        "submitted": "",
        "account": "",
        "seen": "",
        "order": 0,
        "status": NOT_SUBMITTED,
        "records": (),
        "reproductions": (),
        "notes": (),
        "traces": NOTHING,
        "flags": (),
    }
    return Entry(**{**made, **known})


def _parameters(run: Run) -> int | None:
    """How many the largest of its models has: heads may be chosen fold by fold."""
    found = [_mapping(fold.facts.get("model")).get("parameters") for fold in run.folds]
    counts = [one for one in found if type(one) is int]
    return max(counts, default=None)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _audio(run: Run) -> Mapping[str, str]:
    pins = {str(one.facts["fold"]["name"]): one.facts["pins"].get("audio") for one in run.folds}
    return {name: str(pin) for name, pin in pins.items() if pin}


def recorded(record: Reproduction) -> str:
    """Who made it again, when, and how much of it: "Ada, 2026-05-01, cpu, 6 of 6 folds"."""
    folds = f"{len(record.folds)} of {record.total} folds"
    agreement = record.agreement
    alike = f"{100 * agreement.share:.1f} % same labels"
    found = f", remade with {record.remade}" if record.remade else ""
    found += "" if agreement.reproduced else ", NOT reproduced"
    return f"{record.by}, {record.date}, {record.device}, {folds}, {alike}{found}"


@dataclass(frozen=True)
class Rejected:
    """A folder that is not listed, and why."""

    folder: str
    reasons: tuple[str, ...]
