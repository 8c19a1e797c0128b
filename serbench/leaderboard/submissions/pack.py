"""Packs a run into a submission: its fold files, and a card that says what they are."""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from serbench import datasets
from serbench.contracts import Dataset, PathDataset
from serbench.errors import SerbenchError
from serbench.evaluation import command
from serbench.files import replacing, replacing_folder
from serbench.leaderboard.submissions import safe_read
from serbench.leaderboard.submissions.card import (
    FILE,
    Card,
    Code,
    FoldCard,
    ModelCard,
    Submitter,
    as_tuples,
    read,
    stated,
    write,
)
from serbench.leaderboard.submissions.installation import CHANGES, origin
from serbench.leaderboard.submissions.submission import MOST_NOTE, NOTE, count
from serbench.leaderboard.submissions.submitted_fold import withheld
from serbench.results import fold_file
from serbench.results.fold_file import FoldResult
from serbench.results.fold_schema import Facts
from serbench.results.run import Run
from serbench.settings import settings


@dataclass(frozen=True)
class Statements:
    """What only the submitter can say; None where nothing is said."""

    name: str
    contact: str | None = None
    description: str | None = None  # of the model
    licence: str | None = None  # of the checkpoint, where the results do not know it
    training_data: str | None = None  # what the checkpoint learned from
    seen: str | None = None  # whether the test corpus was among that: "no", "yes", "unknown"
    address: str | None = None  # of the code
    commit: str | None = None
    install: str | None = None


@dataclass(frozen=True)
class PackedFold:
    """A fold file: its name, its bytes as they are sent, and the result with the truth."""

    name: str
    data: bytes
    fold: FoldResult


def submit(run: Run, out: Path, statements: Statements, note: Path | None = None) -> Path:
    """Pack a run into `out/<corpus>/<run>`; one that lies there already is given its card.

    What an earlier card there says stays, where nothing else is said now. Where the corpus's
    licence keeps its labels, the fold files go without them.

    Args:
        run: all folds of it.
        out: the parent of all submissions.
        statements: of the submitter.
        note: a text file that goes along as note.md.

    Returns:
        The submission's folder.

    Raises:
        SerbenchError: folds are missing, or another submission is there.
    """
    _require_whole(run)
    folder = out / run.corpus / run.name
    has_truth = _may_have_truth(run, folder)
    folds = _packed(run, has_truth)
    earlier = _earlier(folder, folds, statements.name) if folder.exists() else None
    text = _note(note) if note else None
    card = _card(run, folds, statements, earlier)
    if not has_truth:
        card = replace(card, truth="withheld")
    if folder.exists():
        _put(folder, card, text)
        return folder
    with replacing_folder(folder) as made:
        for fold in folds:
            (made / fold.name).write_bytes(fold.data)
        _put(made, card, text)
    return folder


def _require_whole(run: Run) -> None:
    if run.missing:
        total = run.facts.protocol.folds
        asked = command.request(run.config)
        completing = command.evaluate(asked, results=run.folder.parent)
        raise SerbenchError(
            f"{run.name} lacks {run.missing} of {total} folds; this runs them: {completing}"
        )


def _may_have_truth(run: Run, folder: Path) -> bool:
    """Return whether the labels may be sent; some corpora's licences keep them with their holders.

    Only its owner submits a run on a corpus of one's own, so no licence is in the way.
    """
    dataset: object = datasets.named(run.config.dataset, settings()).dataset
    if isinstance(dataset, PathDataset) or cast(Dataset, dataset).manifest() is not None:
        return True
    if folder.resolve() == run.folder.resolve():
        raise SerbenchError(
            f"the licence of {run.corpus} keeps its labels with its holders, so they are left out "
            f"of what is sent, but {folder} holds your own results: choose another --out"
        )
    return False


def _packed(run: Run, has_truth: bool) -> list[PackedFold]:
    """Return the fold files, in the protocol's order."""
    packed = []
    for path in run.folder.glob("*.safetensors"):
        data = path.read_bytes()
        fold = fold_file.read(path)
        name = f"{fold_file.stem(fold.facts.fold.index)}.safetensors"
        packed.append(PackedFold(name, data if has_truth else withheld(data), fold))
    return sorted(packed, key=lambda row: row.fold.facts.fold.index)


def _earlier(folder: Path, folds: Sequence[PackedFold], name: str) -> Card | None:
    """The card that is there already, once everything there is of the same submission."""
    there = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    if there != {fold.name: fold.data for fold in folds}:
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


def _card(
    run: Run, folds: Sequence[PackedFold], statements: Statements, earlier: Card | None
) -> Card:
    facts = [packed.fold.facts for packed in folds]
    counts = count([packed.fold.test for packed in folds], facts)
    contact = "" if earlier is None else earlier.submitter.contact
    return Card(
        run=run.name,
        dataset=run.config.dataset,
        submitter=Submitter(statements.name, _latest(statements.contact, contact)),
        model=_model(facts[0], statements, earlier.model if earlier else ModelCard("")),
        code=_code(facts[0], statements, Code() if earlier is None else earlier.code),
        serbench=facts[0].versions.get("serbench", ""),
        submitted=earlier.submitted if earlier else datetime.date.today().isoformat(),
        truth="included",
        folds=tuple(
            FoldCard(
                packed.name,
                hashlib.sha256(packed.data).hexdigest(),
                packed.fold.facts.fold.name,
                as_tuples(matrix),
            )
            for packed, matrix in zip(folds, counts.files, strict=True)
        ),
        speakers=dict(zip(counts.speakers, map(as_tuples, counts.by_speaker), strict=True)),
        scores=counts.scores(),
    )


def _model(facts: Facts, statements: Statements, earlier: ModelCard) -> ModelCard:
    return ModelCard(
        **{"licence": _latest(statements.licence, earlier.licence), **stated(facts)},
        description=_latest(statements.description, earlier.description),
        training_data=_latest(statements.training_data, earlier.training_data),
        seen_test_corpus=_latest(statements.seen, earlier.seen_test_corpus),
    )


def _code(facts: Facts, statements: Statements, earlier: Code) -> Code:
    """Return what is said now, was said before, or else is known of the installed code."""
    installed = origin(facts)
    if earlier.commit.endswith(CHANGES) and installed.commit:  # it may have been committed since
        earlier = replace(earlier, commit="", install="")
    return Code(
        _latest(statements.address, earlier.address),
        _latest(statements.commit, earlier.commit or installed.commit),
        _latest(statements.install, earlier.install or installed.install),
    )


def _latest(now: str | None, before: str) -> str:
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
