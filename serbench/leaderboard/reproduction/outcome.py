"""Make folds of a submission again on this machine, and compare the predictions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.errors import CorpusError, SerbenchError
from serbench.evaluation import inputs, pipeline, provenance
from serbench.evaluation.means import Means
from serbench.evaluation.plan import Plan, make_plan
from serbench.evaluation.progress.listener import Listener
from serbench.files import expanded
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
"""First words of a verdict by its grounds: for the submitted versions, and for other versions."""


@dataclass(frozen=True)
class Outcome:
    """New folds compared with the submitted ones. Prints as a report."""

    proposal: Proposal  # the folds that were run
    files: tuple[SubmittedFold, ...]  # the new fold files, in the order of the proposal
    agreement: Agreement

    @property
    def is_reproduced(self) -> bool:
        """Whether the run counts as reproduced; folds made with other versions do not count."""
        return self.agreement.is_reproduced and not self.proposal.remade

    @property
    def verdict(self) -> str:
        """Whether the run is reproduced and on which grounds, as one line."""
        agreed, version = self.agreement, self.proposal.remade
        utterances = "utterance gets" if agreed.utterances == 1 else "utterances get"
        labels = (
            f"{agreed.same_label} of {agreed.utterances} {utterances} the same label "
            f"({tables.percent(agreed.share)} %; {100 * SAME:g} % are needed)"
        )
        interval = f"the submitted 95 % interval over {tables.count(agreed.speakers, 'speaker')}"
        outside = [
            METRICS[name].title for name, score in agreed.scores.items() if not score.is_inside
        ]
        only = f"only {labels}, but {', '.join(agreed.differing)} differ here"
        reproduced, remade = HEADS[agreed.grounds]
        if agreed.grounds == "labels":
            reason = labels
        elif agreed.grounds == "scores":
            reason = f"F1 and UAR lie in {interval}; {only}"
        elif agreed.grounds == "undecided":
            reason = (
                f"{only}, and {tables.count(agreed.speakers, 'speaker')} "
                f"{tables.are(agreed.speakers)} too few for scores to decide "
                f"({ENOUGH} are needed): make more folds again, or all, or remove the difference"
            )
        elif outside:
            reason = f"{labels}, and {' and '.join(outside)} not in {interval}"
        else:
            reason = f"{labels}, and no difference of this machine would explain that"
        head = f"REMADE with {version}, {remade}" if version else reproduced
        return f"{head}: {self.proposal.card.run}, {self.proposal.extent}: {reason}"

    @property
    def other_code(self) -> list[str]:
        """The packages whose source differs from the source that the submission recorded."""
        return other_code(self.proposal.files[0].facts)

    def record(self, by: str) -> Reproduction:
        """Return the record of this reproduction, to be kept in the submission.

        Args:
            by: name of the person who made the folds again.
        """
        proposal, facts = self.proposal, self.files[0].facts
        rows = zip(proposal.names, proposal.files, self.files, strict=True)
        return Reproduction(
            run=proposal.card.run,
            by=by,
            date=max(file.facts.finished for file in self.files)[:10],
            folds={name: (old.sha256, new.sha256) for name, old, new in rows},
            total=proposal.total,
            device=facts.device,
            threads=facts.threads,
            machine=", ".join(facts.machine.values()),
            versions=facts.versions,
            other_code=tuple(self.other_code),
            agreement=self.agreement,
            remade=proposal.remade,
        )

    def __str__(self) -> str:
        agreed = self.agreement
        folds = [
            f"fold {facts.fold.name}: made here in {tables.duration(facts.duration)} on "
            f"{where(facts)}, finished {facts.finished}"
            for facts in (file.facts for file in self.files)
        ]
        rows = [
            [
                METRICS[name].title,
                tables.percent(score.submitted),
                tables.percent(score.here),
                tables.interval(Interval(score.low, score.high)),
            ]
            for name, score in agreed.scores.items()
        ]
        head = [
            "",
            "submitted",
            "here",
            f"95 % of the submitted, {tables.count(agreed.speakers, 'speaker')}",
        ]
        return "\n".join(
            [
                *folds,
                "",
                tables.table(head, rows),
                "",
                f"Activations differ by at most {agreed.largest_difference:.2g}.",
                f"Different here: {', '.join(agreed.differing) or 'nothing'}; "
                f"packages with other source code: {', '.join(self.other_code) or 'none'}.",
                self.verdict,
            ]
        )


def reproduce(
    proposal: Proposal,
    *,
    jobs: int | None = None,
    device: str | None = None,
    listener: Listener | None = None,
) -> Outcome:
    """Make the proposed folds again, and compare them with the submitted ones.

    Folds that the same code already made here are not made once more.

    Args:
        proposal: a proposal of `propose`.
        jobs: see `serbench.evaluate`.
        device: see `serbench.evaluate`.
        listener: listener for the progress.

    Raises:
        SerbenchError: the configuration or the data here differs from the submission's, or a fold
            fails.
    """
    plan = make_plan(proposal.request, settings())
    _require_same(plan.config, proposal.here)
    _require_pins(plan, proposal, listener or Listener())
    folder = expanded(proposal.results) / plan.config.name
    _require_own(folder, proposal)
    means = Means(
        options={} if jobs is None else {"jobs": jobs},
        device=device,
        results=proposal.results,
        folds=proposal.names,
    )
    pipeline.evaluate(proposal.request, means, listener)
    files = tuple(submitted_fold.read(folder / file.name) for file in proposal.files)
    pairs = zip(proposal.files, files, strict=True)
    different = [name for old, new in pairs for name in differing(old.facts, new.facts)]
    agreed = agreement(
        proposal.files,
        [file.scored("test") for file in files],
        list(dict.fromkeys(different)),
        whole=len(files) == proposal.total,
    )
    return Outcome(proposal, files, agreed)


def _require_same(here: Config, submitted: Config) -> None:
    """Refuse to run a configuration that differs from the submitted one.

    Raises:
        SerbenchError: a key differs; the message lists all that differ, and how.
    """
    ours, theirs = (json.loads(json.dumps(config.stored())) for config in (here, submitted))
    if differences := list(_differences(ours, theirs)):
        raise SerbenchError(
            "the run here would differ from the submitted one: "
            f"{shown('; '.join(differences), 1000)}. Give the submitted values with --param, or "
            "install the plugin that the submission was made with"
        )


def _differences(
    here: Mapping[str, Any], submitted: Mapping[str, Any], path: str = ""
) -> Iterator[str]:
    for name in sorted({*here, *submitted}):
        ours, theirs = here.get(name), submitted.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            yield from _differences(ours, theirs, f"{path}{name}.")
        elif ours != theirs or (name in here) != (name in submitted):
            texts = (
                json.dumps(config[name], ensure_ascii=False) if name in config else "missing"
                for config in (here, submitted)
            )
            yield f"{path}{name} is {' here and '.join(texts)} there"


def _require_pins(plan: Plan, proposal: Proposal, listener: Listener) -> None:
    """Refuse to train on data that differs from the submission's; this may decode audio.

    Raises:
        CorpusError: the corpus, the protocol or the audio differs.
    """
    pins = proposal.files[0].facts.pins
    different = [pin for pin, value in plan.pins.items() if getattr(pins, pin) != value]
    positions = [file.facts.fold.index for file in proposal.files]
    names = dict(enumerate(fold.name for fold in plan.folds))
    if not different and [names.get(position) for position in positions] != list(proposal.names):
        different = ["protocol"]
    if not different:
        needed = {id_ for position in positions for id_ in plan.ids(position)}
        prepared = inputs.prepare(plan, needed, settings(), listener)
        digests = [prepared.pin(plan, position) for position in positions]
        different = ["audio"] * (digests != [file.facts.pins.audio for file in proposal.files])
    if different:
        raise CorpusError(
            f"{plan.source.root} does not have the submission's {' and '.join(different)}: get "
            "the corpus again, or name its folder with --data; nothing was trained"
        )


def _require_own(folder: Path, proposal: Proposal) -> None:
    """Refuse existing folds that were not made by the code that is installed now.

    Raises:
        SerbenchError: there is such a fold; the message names the file to remove.
    """
    sources = provenance.sources(proposal.config)
    for file in proposal.files:
        path = folder / file.name
        if path.exists() and submitted_fold.read(path).facts.sources != sources:
            raise SerbenchError(
                f"{path} was not made by the code that is installed now: remove the file, and run "
                "the same command again"
            )
