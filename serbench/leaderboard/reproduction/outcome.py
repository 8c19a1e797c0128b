"""Makes folds of a submission again on this machine: do the predictions come out the same?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.errors import CorpusError, SerbenchError
from serbench.evaluation import pipeline, provenance
from serbench.evaluation.pipeline import Listener, extract
from serbench.evaluation.plan import Plan, make_plan
from serbench.files import digest, expanded
from serbench.leaderboard.reproduction.proposal import Proposal, where
from serbench.leaderboard.submissions import submitted_fold
from serbench.leaderboard.submissions.installation import other_code
from serbench.leaderboard.submissions.reproduction_record import (
    ENOUGH,
    SAME,
    Agreement,
    Grounds,
    Reproduction,
    agreement,
    differing,
)
from serbench.leaderboard.submissions.safe_read import shown
from serbench.leaderboard.submissions.submitted_fold import SubmittedFold
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import Interval
from serbench.results.config import Config
from serbench.settings import settings

HEADS: Mapping[Grounds, tuple[str, str]] = {
    "labels": ("REPRODUCED", "the same labels"),
    "scores": ("REPRODUCED IN ITS SCORES", "the same in its scores"),
    "undecided": ("UNDECIDED", "undecided"),
    "none": ("NOT REPRODUCED", "NOT the same"),
}
"""First words of a verdict, by its grounds; the second are for folds of another version."""


@dataclass(frozen=True)
class Outcome:
    """Folds that were made again, beside the submitted ones. Prints as a report.

    Attributes:
        proposal: what was run.
        files: the new folds, in the order of the proposal's.
        agreement: how far both agree.
    """

    proposal: Proposal
    files: tuple[SubmittedFold, ...]
    agreement: Agreement

    @property
    def is_reproduced(self) -> bool:
        """Whether it counts as reproduced; folds remade with another version do not."""
        return self.agreement.is_reproduced and not self.proposal.remade

    @property
    def verdict(self) -> str:
        """Whether it is reproduced and on which grounds, in a line."""
        agreed = self.agreement
        labels = (
            f"{agreed.same_label} of {agreed.utterances} utterances get the same label "
            f"({tables.percent(agreed.share)} %; {100 * SAME:g} % are needed)"
        )
        within = f"the submitted 95 % interval over {agreed.speakers} speakers"
        outside = " and ".join(
            METRICS[name].title for name, score in agreed.scores.items() if not score.is_inside
        )
        what = f"{self._head}: {self.proposal.card.run}, {_folds(self.proposal)}"
        if agreed.grounds == "labels":
            return f"{what}: {labels}"
        if agreed.grounds == "scores":
            return (
                f"{what}: F1 and UAR lie in {within}; only {labels}, "
                f"but {', '.join(agreed.differing)} differ here"
            )
        if agreed.grounds == "undecided":
            return (
                f"{what}: only {labels}, but {', '.join(agreed.differing)} differ here, "
                f"and {agreed.speakers} speakers are too few for scores to decide (it takes "
                f"{ENOUGH}): make more folds again, or all, or take away what differs"
            )
        if outside:
            return f"{what}: {labels}, and {outside} not in {within}"
        return f"{what}: {labels}, and nothing differs here that would explain it"

    @property
    def _head(self) -> str:
        """The verdict's first words."""
        reproduced, remade = HEADS[self.agreement.grounds]
        return (
            f"REMADE with {self.proposal.remade}, {remade}" if self.proposal.remade else reproduced
        )

    def record(self, by: str) -> Reproduction:
        """What is kept of it in the submission.

        Args:
            by: who made it again, as they call themselves.
        """
        facts = self.files[0].facts
        names = self.proposal.names
        pairs = zip(self.proposal.files, self.files, strict=True)
        return Reproduction(
            run=self.proposal.card.run,
            by=by,
            date=max(file.facts.finished for file in self.files)[:10],
            folds={
                name: (old.sha256, new.sha256)
                for name, (old, new) in zip(names, pairs, strict=True)
            },
            total=self.proposal.total,
            device=facts.device,
            threads=facts.threads,
            machine=", ".join(facts.machine.values()),
            versions=facts.versions,
            other_code=tuple(other_code(self.proposal.files[0].facts)),
            agreement=self.agreement,
            remade=self.proposal.remade,
        )

    def __str__(self) -> str:
        agreed, code = (
            self.agreement,
            other_code(self.proposal.files[0].facts),
        )
        rows = [
            [
                METRICS[name].title,
                tables.percent(score.submitted),
                tables.percent(score.here),
                tables.interval(Interval(score.low, score.high)),
            ]
            for name, score in agreed.scores.items()
        ]
        head = ["", "submitted", "here", f"95 % of the submitted, {agreed.speakers} speakers"]
        return "\n".join(
            [
                *(_made(file) for file in self.files),
                "",
                tables.table(head, rows),
                "",
                f"Activations differ by at most {agreed.largest_difference:.2g}.",
                f"Different here: {', '.join(agreed.differing) or 'nothing'}; "
                f"other source than submitted: {', '.join(code) or 'none'}.",
                self.verdict,
            ]
        )


def _folds(proposal: Proposal) -> str:
    if len(proposal.files) == proposal.total:
        return f"all {proposal.total} folds"
    return f"fold {', '.join(proposal.names)} of {proposal.total}"


def _made(file: SubmittedFold) -> str:
    facts = file.facts
    return (
        f"fold {facts.fold.name}: made here in {tables.duration(facts.duration)} on "
        f"{where(facts)}, finished {facts.finished}"
    )


def reproduce(
    proposal: Proposal,
    *,
    jobs: int | None = None,
    device: str | None = None,
    listener: Listener | None = None,
) -> Outcome:
    """Make the proposed folds again, and compare them with the submitted ones.

    Folds that were made here before, by the same code, are not made a third time.

    Args:
        proposal: of `propose`.
        jobs: see `serbench.evaluate`.
        device: see `serbench.evaluate`.
        listener: hears the progress.

    Raises:
        SerbenchError: what is here is not what was submitted, such as another configuration or
            other audio, or a fold fails.
    """
    made = make_plan(proposal.request, settings())
    _require_same(made.config, proposal.here)
    _require_pins(made, proposal, listener or Listener())
    folder = expanded(proposal.results) / made.config.name
    _require_own(folder, proposal)
    pipeline.evaluate(
        jobs=jobs,
        device=device,
        results=proposal.results,
        listener=listener,
        folds=proposal.names,
        **asdict(proposal.request),
    )
    files = tuple(submitted_fold.read(folder / file.name) for file in proposal.files)
    scored = [file.scored("test") for file in files]
    agreed = agreement(
        proposal.files,
        scored,
        _differing(proposal.files, files),
        whole=len(files) == proposal.total,
    )
    return Outcome(proposal, files, agreed)


def _require_same(here: Config, submitted: Config) -> None:
    """Refuse to run another configuration than the submitted one.

    Raises:
        SerbenchError: which words differ, and how.
    """
    ours, theirs = (json.loads(json.dumps(one.stored())) for one in (here, submitted))
    words = _differences(ours, theirs)
    if words:
        raise SerbenchError(
            f"what would run here is not what was submitted: {shown('; '.join(words), 1000)}. "
            "Give what differs with --param, or install the plugin that the submission was made "
            "with"
        )


def _differences(here: Mapping[str, Any], submitted: Mapping[str, Any], at: str = "") -> list[str]:
    found = []
    for name in sorted({*here, *submitted}):
        ours, theirs = here.get(name), submitted.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            found += _differences(ours, theirs, f"{at}{name}.")
        elif ours != theirs or (name in here) != (name in submitted):
            found.append(
                f"{at}{name} is {_word(here, name)} here and {_word(submitted, name)} there"
            )
    return found


def _word(words: Mapping[str, Any], name: str) -> str:
    return json.dumps(words[name], ensure_ascii=False) if name in words else "missing"


def _require_pins(made: Plan, proposal: Proposal, listener: Listener) -> None:
    """Refuse to train on other data than the submission was made of.

    Raises:
        CorpusError: the corpus, the protocol or the audio is another.
    """
    pins = proposal.files[0].facts.pins
    other = [pin for pin, value in made.pins.items() if getattr(pins, pin) != value]
    if not other and _positions(proposal, made) is None:
        other = ["protocol"]
    if not other:
        other = _other_audio(made, proposal, listener)
    if other:
        raise CorpusError(
            f"the {' and the '.join(other)} in {made.source.root} is not what the submission was "
            "made of: get the corpus again, or name its folder with --data; nothing was trained"
        )


def _positions(proposal: Proposal, made: Plan) -> list[int] | None:
    """Where the proposed folds are in the protocol as it is here; None where they are not."""
    names = dict(enumerate(fold.name for fold in made.folds))
    positions = [file.facts.fold.index for file in proposal.files]
    return positions if [names.get(at) for at in positions] == list(proposal.names) else None


def _other_audio(made: Plan, proposal: Proposal, listener: Listener) -> list[str]:
    """Say "audio" where a fold's samples are not the submitted ones; they may be decoded here."""
    positions = _positions(proposal, made) or []
    audio = extract(made, positions, settings(), listener)
    for file, position in zip(proposal.files, positions, strict=True):
        if digest([audio[one] for one in made.ids(position)]) != file.facts.pins.audio:
            return ["audio"]
    return []


def _require_own(folder: Path, proposal: Proposal) -> None:
    """Refuse folds that are there already and were made by other code than is installed now.

    Raises:
        SerbenchError: which to remove.
    """
    sources = provenance.sources(proposal.config)
    for file in proposal.files:
        path = folder / file.name
        if path.exists() and submitted_fold.read(path).facts.sources != sources:
            raise SerbenchError(
                f"{path} was made by other code than is installed now: remove it, and run the same "
                "command again"
            )


def _differing(submitted: Sequence[SubmittedFold], here: Sequence[SubmittedFold]) -> list[str]:
    """Which circumstances differ in any fold, each once."""
    pairs = zip(submitted, here, strict=True)
    return list(dict.fromkeys(one for old, new in pairs for one in differing(old.facts, new.facts)))
