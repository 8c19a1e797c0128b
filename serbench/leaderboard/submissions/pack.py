"""Packs a run into a submission: its fold files, and a card that says what they are."""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from serbench import datasets
from serbench.contracts import Dataset, PathDataset
from serbench.errors import SerbenchError
from serbench.evaluation import command
from serbench.files import replacing, replacing_folder
from serbench.leaderboard.submissions import fold_file as foldfiles
from serbench.leaderboard.submissions import safe_read, submission
from serbench.leaderboard.submissions.card import (
    FILE,
    Card,
    Code,
    FoldCard,
    ModelCard,
    Submitter,
    counts,
    read,
    stated,
    write,
)
from serbench.leaderboard.submissions.installation import CHANGES, origin
from serbench.leaderboard.submissions.submission import MOST_NOTE, NOTE
from serbench.results import fold_file
from serbench.results.config import Config
from serbench.results.fold_file import FoldResult
from serbench.results.run import Run
from serbench.settings import settings


@dataclass(frozen=True)
class Words:
    """What only the submitter can say; None where nothing is said.

    Attributes:
        name: who submits.
        contact: an address, or "".
        description: of the model, a sentence or two.
        licence: of the model's checkpoint, where the results do not know it.
        training_data: what the checkpoint learned from.
        seen: whether the test corpus was among that: "no", "yes", "unknown".
        address: of the code.
        commit: of the code.
        install: the command that installs it.
    """

    name: str
    contact: str | None = None
    description: str | None = None
    licence: str | None = None
    training_data: str | None = None
    seen: str | None = None
    address: str | None = None
    commit: str | None = None
    install: str | None = None


@dataclass(frozen=True)
class Sending:
    """A fold file: its name, its bytes as they are sent, and the result as it was found."""

    name: str
    data: bytes
    fold: FoldResult


def submit(run: Run, out: Path, words: Words, note: Path | None = None) -> Path:
    """Pack a run into `out/<corpus>/<run>`; one that lies there already is given its card.

    What an earlier card there says stays, where nothing else is said now. Where the corpus's
    licence keeps its labels, the fold files go without them.

    Args:
        run: all folds of it.
        out: the parent of all submissions.
        words: of the submitter.
        note: a text file that goes along as note.md.

    Returns:
        The submission's folder.

    Raises:
        SerbenchError: folds are missing, or another submission is there.
    """
    _require_whole(run)
    folder = out / run.corpus / run.name
    withheld = _withheld(run, folder)
    folds = _sendings(run, withheld)
    earlier = _earlier(folder, folds, words.name) if folder.exists() else None
    text = _note(note) if note else None
    card = _card(run, folds, words, earlier)
    if withheld:
        card = replace(card, truth="withheld")
    if folder.exists():
        _put(folder, card, text)
        return folder
    with replacing_folder(folder) as made:
        for one in folds:
            (made / one.name).write_bytes(one.data)
        _put(made, card, text)
    return folder


def _require_whole(run: Run) -> None:
    if run.missing:
        total = run.facts["protocol"]["folds"]
        asked = command.request(Config(**run.config))
        completing = command.evaluate(asked, results=run.folder.parent)
        raise SerbenchError(
            f"{run.name} lacks {run.missing} of {total} folds; this runs them: {completing}"
        )


def _withheld(run: Run, folder: Path) -> bool:
    """Whether the corpus's licence keeps its labels with its holders.

    Nobody but its owner submits a run on a corpus of one's own, which no licence keeps from them.
    """
    dataset: object = datasets.named(str(run.config["dataset"]), settings()).dataset
    if isinstance(dataset, PathDataset) or cast(Dataset, dataset).manifest() is not None:
        return False
    if folder.resolve() == run.folder.resolve():
        raise SerbenchError(
            f"the licence of {run.corpus} keeps its labels with its holders, so they are left out "
            f"of what is sent, but {folder} holds your own results: choose another --out"
        )
    return True


def _sendings(run: Run, withheld: bool) -> list[Sending]:
    """The fold files, in the protocol's order."""
    found = []
    for path in run.folder.glob("*.safetensors"):
        data = path.read_bytes()
        fold = fold_file.read(path)
        name = f"{fold_file.stem(fold.facts['fold']['index'])}.safetensors"
        found.append(Sending(name, foldfiles.withheld(data) if withheld else data, fold))
    return sorted(found, key=lambda one: int(one.fold.facts["fold"]["index"]))


def _earlier(folder: Path, folds: Sequence[Sending], name: str) -> Card | None:
    """The card that is there already, once everything there is of the same submission."""
    there = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    if there != {one.name: one.data for one in folds}:
        raise SerbenchError(
            f"{folder} holds another submission of a run with this name, whose fold files "
            "differ: choose another --out, or remove it"
        )
    if not (folder / FILE).exists():
        return None
    earlier = read(folder / FILE)
    if earlier.submitter.name != name:
        raise SerbenchError(
            f"{folder} is a submission of {earlier.submitter.name}, not of {name}: choose another "
            "--out, or remove it"
        )
    return earlier


def _note(path: Path) -> str:
    try:
        return safe_read.contents(path, MOST_NOTE).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SerbenchError(f"{path} is not text in UTF-8 ({error.reason})") from error


def _put(folder: Path, card: Card, note: str | None) -> None:
    if note is not None:
        with replacing(folder / NOTE) as temporary:
            temporary.write_text(note, "utf-8")
    write(folder / FILE, card)


def _card(run: Run, folds: Sequence[Sending], words: Words, earlier: Card | None) -> Card:
    facts = [one.fold.facts for one in folds]
    counted = submission.count([one.fold.test for one in folds], facts)
    contact = "" if earlier is None else earlier.submitter.contact
    return Card(
        run=run.name,
        dataset=str(run.config["dataset"]),
        submitter=Submitter(words.name, _said(words.contact, contact)),
        model=_model(facts[0], words, earlier.model if earlier else ModelCard("")),
        code=_code(facts[0], words, Code() if earlier is None else earlier.code),
        serbench=str(facts[0]["versions"].get("serbench", "")),
        submitted=earlier.submitted if earlier else datetime.date.today().isoformat(),
        truth="included",
        folds=tuple(
            FoldCard(
                one.name,
                hashlib.sha256(one.data).hexdigest(),
                one.fold.facts["fold"]["name"],
                counts(matrix),
            )
            for one, matrix in zip(folds, counted.files, strict=True)
        ),
        speakers={
            name: counts(matrix)
            for name, matrix in zip(counted.speakers, counted.by_speaker, strict=True)
        },
        scores=submission.scores(counted.folds, counted.by_speaker),
    )


def _model(facts: Mapping[str, Any], words: Words, before: ModelCard) -> ModelCard:
    known = stated(facts)
    own = {"licence": _said(words.licence, before.licence)}
    return ModelCard(
        **{**own, **known},
        description=_said(words.description, before.description),
        training_data=_said(words.training_data, before.training_data),
        seen_test_corpus=_said(words.seen, before.seen_test_corpus),
    )


def _code(facts: Mapping[str, Any], words: Words, before: Code) -> Code:
    """Return what is said now, was said before, or else is known of the installed code."""
    found = origin(facts, Config(**facts["config"]))
    if before.commit.endswith(CHANGES) and found.commit:  # it may have been committed since
        before = replace(before, commit="", install="")
    return Code(
        _said(words.address, before.address),
        _said(words.commit, before.commit or found.commit),
        _said(words.install, before.install or found.install),
    )


def _said(now: str | None, before: str) -> str:
    return before if now is None else now


def about(folder: Path, status: str) -> list[str]:
    """What a submitter should know of a submission that was just packed: its size, what is next."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    told = [
        f"{len(files)} files, {size / 1000:.0f} kB",
        *_told(read(folder / FILE).code),
    ]
    if status == "rejected":
        return [*told, "It would not be accepted: mend what is wrong, and submit again."]
    place = f"leaderboard/submissions/{folder.parent.name}/{folder.name}"
    return [*told, f"Next: open a pull request that adds the folder as {place}"]


def _told(code: Code) -> list[str]:
    """Return lines on what the card says of the code, and on what is missing."""
    told = [f"commit {code.commit}"] if code.commit else []
    told += [f"installed by: {code.install}"] if code.install else []
    lacking = [f"--{name}" for name in ("commit", "install") if not getattr(code, name)]
    if lacking:
        told.append(f"The card does not say which code made this: add {' and '.join(lacking)}")
    if code.commit.endswith(CHANGES):
        told.append("The source differs from that commit: commit your changes, and submit again")
    return told
