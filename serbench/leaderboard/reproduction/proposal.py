"""Propose how to make folds of a submission again, before any of its code runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.errors import SerbenchError, nearest
from serbench.evaluation import command, provenance
from serbench.leaderboard.submissions.card import Card
from serbench.leaderboard.submissions.installation import other_code
from serbench.leaderboard.submissions.safe_read import shown
from serbench.leaderboard.submissions.submission import load
from serbench.leaderboard.submissions.submitted_fold import SubmittedFold
from serbench.leaderboard.verification.protocol import COMPUTE
from serbench.leaderboard.verification.verdict import verify
from serbench.parameters import is_import_path, settable
from serbench.plugins import import_path, registry
from serbench.results.config import Config, Request
from serbench.results.fold_schema import Facts

ALL = "all"
FOLDER = Path("reproduced")


@dataclass(frozen=True)
class Installed:
    """An installed class and its version; datasets have the version ""."""

    target: Any
    version: str

    @property
    def notes(self) -> Mapping[str, str]:
        """The author's note on each version: the changes since the version before."""
        notes: Mapping[str, str] = getattr(self.target, "notes", {})
        return notes

    def change(self, submitted: str) -> str:
        """Describe the changes since the submitted version."""
        versions, old = list(self.notes), submitted.partition(" ")[0]
        since = versions[versions.index(old) + 1 :] if old in versions else versions
        notes = "".join(f"; since version {version} {self.notes[version]}" for version in since)
        return f"version {self.version} instead of {shown(submitted)}{notes}"


@dataclass(frozen=True)
class Proposal:
    """Folds of a submission, and how they would be made again. Prints as a summary."""

    card: Card
    total: int  # how many folds the submission has
    files: tuple[SubmittedFold, ...]  # the folds that would be made again
    here: Config  # the configuration that would run, in terms of the installed versions
    changes: tuple[str, ...]  # texts: how `here` differs from the submitted configuration
    given: Mapping[str, object]  # parameters that replace submitted ones: a checkpoint's path
    data: Path | None  # the corpus's own folder, if it is not under SERBENCH_DATA
    results: Path  # the parent folder of the new run
    flags: tuple[str, ...]  # of the submission's verdict

    @property
    def config(self) -> Config:
        """The submitted configuration."""
        return self.files[0].facts.config

    @property
    def names(self) -> tuple[str, ...]:
        """The folds' names."""
        return tuple(file.facts.fold.name for file in self.files)

    @property
    def extent(self) -> str:
        """The folds that would be made again, as text: "all 6 folds", "fold 1 of 6"."""
        if len(self.files) == self.total:
            return f"all {self.total} folds"
        return f"fold {', '.join(self.names)} of {self.total}"

    @property
    def remade(self) -> str:
        """The versions that differ from the submitted ones: "features version 2"; "" if none."""
        pairs = (
            ("features", self.here.feature_version, self.config.feature_version),
            ("model", self.here.model_version, self.config.model_version),
        )
        return " and ".join(f"{kind} version {here}" for kind, here, then in pairs if here != then)

    @property
    def request(self) -> Request:
        """The request for the new run, with every parameter spelled out."""
        asked = command.request(self.here)
        return replace(asked, params={**asked.params, **self.given}, data=self.data)

    @property
    def command(self) -> str:
        """The request as a command, on one line."""
        folds = self.names if len(self.files) < self.total else ()
        return command.evaluate(self.request, folds=folds, results=self.results)

    def __str__(self) -> str:
        card = self.card
        rows = [
            ["submission", f"{card.run}, by {card.submitter.name}, {card.submitted}"],
            ["model", f"{self.config.model}, version {self.config.model_version}"],
            ["plugin", _plugin(self.config)],
            ["code", ", commit ".join(filter(None, [card.code.address, card.code.commit]))],
            ["sources", _sources(self.files[0].facts)],
            *(
                [f"fold {name}", _took(file.facts)]
                for name, file in zip(self.names, self.files, strict=True)
            ),
            *(["flag", flag] for flag in self.flags),
            *(["today", change] for change in self.changes),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [f"{shown(name):<{width}}  {shown(text, 4000) or '-'}" for name, text in rows]
        lines.append(f"{'command':<{width}}  {self.command}")  # never shortened
        return "\n".join([*lines, "", self.warning])

    @property
    def warning(self) -> str:
        """The warning which code would run."""
        module = self.config.model.partition(":")[0] if is_import_path(self.config.model) else ""
        also = f", and the module {shown(module)}," if module else ""
        return (
            f"The plugins that are installed here{also} will run on this machine, with your "
            "permissions: run only code that you trust, or run it where it can do no harm."
        )


def propose(
    folder: Path,
    folds: Sequence[str] = (),
    *,
    given: Mapping[str, object] | None = None,
    data: Path | None = None,
    results: Path = FOLDER,
) -> Proposal:
    """Verify and read a submission, and propose how to make some of its folds again.

    None of the submission's code is run, installed or downloaded.

    Args:
        folder: folder of the submission.
        folds: names of the folds; if empty, only the first fold; "all" means all folds.
        given: parameters that replace submitted ones.
        data: the corpus's own folder, if it is not under SERBENCH_DATA.
        results: the parent folder of the new run.

    Raises:
        SerbenchError: the submission is rejected, or its model is not installed here in the
            submitted version.
        UnknownName: it has no such fold.
    """
    verdict = verify(folder)
    if verdict.status == "rejected":
        reasons = shown("; ".join(verdict.reasons), 1000)
        raise SerbenchError(f"{folder} is rejected, so it is not run: {reasons}")
    submission = load(folder)
    if imported := submission.facts.imported:
        where = shown(imported.source or "a table")
        raise SerbenchError(
            f"{folder} cannot be run: its predictions were imported from {where}, and neither the "
            "model's code nor its weights are part of it"
        )
    files = tuple(_chosen(submission.files, folds))
    here, changes = _today(_installed(submission.facts.config, submission.card), files)
    return Proposal(
        card=submission.card,
        total=len(submission.files),
        files=files,
        here=here,
        changes=changes,
        given=given or {},
        data=data,
        results=results,
        flags=verdict.flags,
    )


def _chosen(files: Sequence[SubmittedFold], folds: Sequence[str]) -> list[SubmittedFold]:
    """Return the files of the folds of these names, in the protocol's order."""
    names = [file.facts.fold.name for file in files]
    if ALL in folds and ALL not in names:
        return list(files)
    for name in folds:
        if name not in names:
            raise nearest("fold", name, names, ", or all")
    wanted = set(folds or names[:1])
    return [file for name, file in zip(names, files, strict=True) if name in wanted]


def _installed(config: Config, card: Card) -> dict[str, Installed]:
    """Look up the submitted version of the model, and its features and dataset.

    A model by import path is left out: importing it runs its code, and the user has not agreed yet.

    Raises:
        SerbenchError: one is not installed, or the model has another version; the message gives
            the card's install command.
    """
    install = shown(card.code.install)
    remedy = (
        f"the card has a command to install it, and it is other people's code: {install}"
        if install
        else "the card has no command to install it"
    )
    wanted = {"feature": config.feature, "dataset": config.corpus}
    if not is_import_path(config.model):
        wanted = {"model": config.model, **wanted}
    installed = {}
    for kind, name in wanted.items():
        try:
            entry = registry.find(kind, name)
            target: Any = registry.load(entry)
            version = "" if kind == "dataset" else registry.version(entry, target)
        except SerbenchError as error:
            raise SerbenchError(
                f"{shown(str(error), 1000)}; the submission needs the plugin with it: {remedy}"
            ) from error
        installed[kind] = Installed(target, version)
    model = installed.get("model")
    if model and model.version != config.model_version and not model.notes:
        raise SerbenchError(
            f"model {config.model} is version {model.version!r} here, and the submission "
            f"was made with {shown(config.model_version)!r}: {remedy}"
        )
    return installed


def _today(
    installed: Mapping[str, Installed], files: Sequence[SubmittedFold]
) -> tuple[Config, tuple[str, ...]]:
    """Return the configuration to run today, and texts on how it differs from the submitted one.

    Features and model get the installed version. In older folds a parameter chose the precision;
    the precision that these folds recorded replaces that parameter.
    """
    config, changes = files[0].facts.config, []
    feature, model = installed["feature"], installed.get("model")
    if feature.version != config.feature_version:
        changes.append(f"features {feature.change(config.feature_version)}")
        config = replace(config, feature_version=feature.version)
    if model and model.version != config.model_version:
        changes.append(f"model {model.change(config.model_version)}")
        config = replace(config, model_version=model.version)
    if model and COMPUTE in config.params and COMPUTE not in settable(model.target):
        precision, params = _recorded(files), dict(config.params)
        was = f"{COMPUTE}={shown(str(params.pop(COMPUTE)))}"
        changes.append(f"precision {precision}, as recorded, instead of {was}")
        config = replace(config, params=params, precision=precision)
    return config, tuple(changes)


def _recorded(files: Sequence[SubmittedFold]) -> str:
    """Return the precision that folds recorded.

    Raises:
        SerbenchError: the folds differ in it.
    """
    precisions = {shown(file.facts.model.get("precision") or "float32") for file in files}
    if len(precisions) > 1:
        raise SerbenchError(
            f"the folds were computed in {' and '.join(sorted(precisions))}, which would be two "
            "runs today: make them again one by one, with --fold"
        )
    return precisions.pop()


def _plugin(config: Config) -> str:
    """Return the installed distribution that offers the model: "serbench-sklearn 0.1.0"."""
    if is_import_path(config.model):
        return f"none: {import_path.provider(config.model)}"
    owner = registry.installed().owners["model", config.model]
    for point in metadata.entry_points(group="serbench", name=owner):
        if point.dist is not None:
            return f"{point.dist.name} {point.dist.version}, installed here as {owner}"
    return owner


def _sources(facts: Facts) -> str:
    """Describe whether the source of each package is the recorded one: "serbench same, ..."."""
    recorded, here = facts.sources, provenance.sources(facts.config)
    other = other_code(facts)
    states = {
        package: "not recorded" if package not in recorded else "different" for package in other
    }
    states |= {package: "same" for package in here if package not in other}
    states |= {package: "not here" for package in recorded if package not in here}
    return ", ".join(f"{package} {state}" for package, state in sorted(states.items()))


def _took(facts: Facts) -> str:
    """Describe how long a submitted fold took, and on which machine."""
    machine, versions = facts.machine, facts.versions
    on = [where(facts), *machine.values()]
    libraries = [f"{name} {versions[name]}" for name in ("torch", "numpy") if name in versions]
    return f"took {tables.duration(facts.duration)} on {', '.join([*on, *libraries])}"


def where(facts: Facts) -> str:
    """Describe the device that computed a fold: "cpu, 2 threads"."""
    return f"{facts.device}, {facts.threads} thread{'s' * (facts.threads != 1)}"
