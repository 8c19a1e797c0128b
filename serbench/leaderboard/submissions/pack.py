"""Pack a run into a submission: its fold files, and a card that describes them."""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from serbench import datasets, tables
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
    """Statements that only the submitter can make; None for statements not made."""

    name: str
    contact: str | None = None
    description: str | None = None  # of the model
    licence: str | None = None  # of the checkpoint, if the results do not have it
    training_data: str | None = None  # of the checkpoint
    seen: str | None = None  # whether that includes the test corpus: "no", "yes", "unknown"
    address: str | None = None  # of the code
    commit: str | None = None
    install: str | None = None


@dataclass(frozen=True)
class PackedFold:
    """A fold file: its name, the bytes to send, and the result with the truth."""

    name: str
    data: bytes
    fold: FoldResult


def submit(run: Run, out: Path, statements: Statements, note: Path | None = None) -> Path:
    """Pack a run into `out/<corpus>/<run>`, or update the card of the submission there.

    Statements of an earlier card remain unless new ones replace them. If the corpus's licence
    forbids sharing its labels, the fold files are packed without them.

    Args:
        run: a complete run.
        out: the parent of all submissions.
        statements: the submitter's statements.
        note: a text file to include as note.md.

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
    with replacing_folder(folder) as temporary:
        for fold in folds:
            (temporary / fold.name).write_bytes(fold.data)
        _put(temporary, card, text)
    return folder


def _require_whole(run: Run) -> None:
    if run.missing:
        total = tables.count(run.facts.protocol.folds, "fold")
        asked = command.request(run.config)
        completing = command.evaluate(asked, results=run.folder.parent)
        raise SerbenchError(
            f"{run.name} lacks {run.missing} of {total}; this runs them: {completing}"
        )


def _may_have_truth(run: Run, folder: Path) -> bool:
    """Return whether the labels may be sent; the licences of some corpora forbid it.

    Runs on a user's own corpus may be sent with labels: only its owner can submit them.
    """
    dataset: object = datasets.named(run.config.dataset, settings()).dataset
    if isinstance(dataset, PathDataset) or not datasets.is_licensed(cast(Dataset, dataset)):
        return True
    if folder.resolve() == run.folder.resolve():
        raise SerbenchError(
            f"the licence of {run.corpus} forbids sharing its labels, so they are left out of the "
            f"submission, but {folder} contains your own results: choose another --out"
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
    """Return the card in a folder, or None; the folder must be of the same submission."""
    there = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    if there != {fold.name: fold.data for fold in folds}:
        raise SerbenchError(
            f"{folder} contains another submission of a run with this name, with different fold "
            "files: choose another --out, or remove the folder"
        )
    if not (folder / FILE).exists():
        return None
    earlier = read(folder / FILE)
    if earlier.submitter.name != name:
        raise SerbenchError(
            f"{folder} is a submission by {earlier.submitter.name}, not by {name}: choose another "
            "--out, or remove the folder"
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
    """Return new statements on the code, else earlier ones, else what the installed code shows."""
    installed = origin(facts)
    if earlier.commit.endswith(CHANGES) and installed.commit:  # the changes may be committed now
        earlier = replace(earlier, commit="", install="")
    return Code(
        _latest(statements.address, earlier.address),
        _latest(statements.commit, earlier.commit or installed.commit),
        _latest(statements.install, earlier.install or installed.install),
    )


def _latest(now: str | None, before: str) -> str:
    return before if now is None else now


def about(folder: Path, status: str) -> list[str]:
    """Return lines for the submitter of a new submission: its size, its code, the next step."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    lines = [
        f"{tables.count(len(files), 'file')}, {size / 1000:.0f} kB",
        *_code_lines(read(folder / FILE).code),
    ]
    if status == "rejected":
        return [*lines, "It would not be accepted: fix these faults, and submit again."]
    place = f"leaderboard/submissions/{folder.parent.name}/{folder.name}"
    return [*lines, f"Next: open a pull request that adds the folder as {place}"]


def _code_lines(code: Code) -> list[str]:
    """Return lines on the code's fields on the card, and on missing ones."""
    lines = [f"commit {code.commit}"] if code.commit else []
    lines += [f"installed by: {code.install}"] if code.install else []
    lacking = [f"--{name}" for name in ("commit", "install") if not getattr(code, name)]
    if lacking:
        lines.append(f"The card does not say which code made this: add {' and '.join(lacking)}")
    if code.commit.endswith(CHANGES):
        lines.append("The source differs from that commit: commit your changes, and submit again")
    return lines
