"""Make submissions of predictions that others published, one for each seed.

The corpus says what is true, who speaks and which folds the protocol has; the table only gives the
predictions. Nothing that nobody here knows is filled in: see `serbench.results.fold_schema`.
"""

import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from serbench import datasets, tables
from serbench.contracts import Link
from serbench.corpus import PARTS
from serbench.errors import BadParameter, CorpusError, SerbenchError
from serbench.escaping import shown
from serbench.leaderboard.imports import folds
from serbench.leaderboard.imports import table as published
from serbench.leaderboard.imports.table import LONGEST, Answers, Columns, Naming, Table, some
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.leaderboard.verification import reference as references
from serbench.leaderboard.verification.reference import Reference
from serbench.metrics.intervals import mean_std
from serbench.protocols import leakage, lookup
from serbench.results import fold_file, run
from serbench.results.config import IMPORTED, Config
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.fold_schema import Imported
from serbench.results.run import Run
from serbench.settings import settings

UNKNOWN = "unknown"
SHOWN = ("accuracy", "uar", "f1")


@dataclass(frozen=True)
class Setting:
    """What the table was tested on, in serbench's names."""

    dataset: str
    protocol: str | None = None
    labels: str | None = None


@dataclass(frozen=True)
class Reading:
    """How the table is read; see `serbench.leaderboard.imports.table`."""

    columns: Columns = field(default_factory=Columns)
    where: Mapping[str, str] = field(default_factory=dict)
    naming: Naming = field(default_factory=dict)
    renamed: Naming = field(default_factory=dict)
    link: Link | None = None
    drop_unknown: bool = False

    def stored(self) -> dict[str, str]:
        """Return what the predictions depend on, as parameters of the run."""
        texts = {
            "where": _listed(self.where),
            "map": _listed(self.naming),
            "rename": _listed(self.renamed),
            "label": self.columns.label,
        }
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True)
class Origin:
    """What is said about the table and the system; "" where unknown."""

    system: str
    publisher: str = ""
    source: str = ""
    commit: str = ""
    licence: str = ""
    modality: str = "speech"
    leaks: str = ""
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A submission that was made, and what is in it."""

    folder: Path
    run: Run
    speakers: int  # of the corpus
    dropped: tuple[str, ...]  # utterances of the table that the corpus lacks, sorted

    def lines(self) -> list[str]:
        """Return its coverage and its scores, for a terminal."""
        tested, matrix = int(self.run.confusions.sum()), self.run.speaker_confusions
        number = tables.count(len(self.run.folds), "fold")
        scores = ", ".join(
            f"{metric} {tables.spread(self.run.mean_std(metric))} "
            f"(pooled {tables.percent(self.run.pooled(metric))})"
            for metric in SHOWN
        )
        lines = [
            f"{tables.count(tested, 'test utterance')} of {len(matrix)} of {self.speakers} "
            f"speakers, in {number}",
            f"in %: {scores}",
        ]
        if self.dropped:
            left_out = tables.count(len(self.dropped), "utterance")
            lines.append(f"left out: {left_out} that the corpus lacks ({some(self.dropped)})")
        return lines


def make(
    path: Path,
    setting: Setting,
    reading: Reading,
    origin: Origin,
    *,
    out: Path,
    submitter: str,
    note: Path | None = None,
) -> list[Outcome]:
    """Make a submission of each seed of a published table.

    Args:
        path: the table.
        setting: what it was tested on.
        reading: how it is read.
        origin: where it is from, and what is known about it.
        out: the folder of all submissions.
        submitter: the importer's name.
        note: a text file to include as note.md.

    Raises:
        SerbenchError: the table is damaged, or does not fit the corpus, the label set or the
            protocol.
    """
    source = datasets.find(setting.dataset, settings())
    labels = datasets.label_set_name(source, setting.labels)
    protocol = lookup.find_protocol(setting.protocol, source.dataset).name
    reference = references.find(source.spec, labels, protocol, settings())
    if any(fold.group for fold in reference.folds):
        raise SerbenchError(
            f"the folds of {protocol} compete by their validation sets, which no published table "
            "has: choose the protocol with one model for each test set"
        )
    table = published.read(path, reading.columns, reading.where)
    corpus = reference.corpus
    ids = published.utterances(table, corpus.by_id, reading.renamed)
    dropped = _dropped(table, ids, reading.drop_unknown, corpus.name)
    positions = [at for at, name in enumerate(ids) if name is not None]
    truth = [corpus.by_id[name].label for name in ids if name is not None]
    own = set(source.dataset.label_sets[labels.partition(":")[0]])
    published.require_used(table, reading.naming)
    published.require_truth(table, truth, reading.naming, positions)
    answers = published.answers(table, corpus.labels, own, reading.naming, reading.link)
    facts = {
        "pins": {"corpus": corpus.digest, "protocol": reference.digest},
        "protocol": {"name": protocol, "leaks": reference.leaks, "folds": len(reference.folds)},
        "labels": list(corpus.labels),
        "link": answers.link,
        "versions": {"serbench": metadata.version("serbench")},
    }
    outcomes = []
    for word, seed in _seeds(table).items():
        rows = [
            at
            for at in positions
            if not table.columns.seed or table.rows[at].cells[table.columns.seed] == word
        ]
        imported = Imported(
            **asdict(origin),
            table=table.digest,
            scores=answers.kind,  # type: ignore[arg-type]
            seed=word,
            dropped=len(dropped),
            dropped_examples=dropped[: published.FEW],
        )
        config = _config(source.spec, labels, protocol, origin, reading, table.digest, seed)
        stored = {**facts, "config": config.stored(), "imported": asdict(imported)}
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / config.name
            folder.mkdir()
            for at, members in enumerate(
                folds.members(table, ids, rows, protocol, reference.folds)
            ):
                fold = fold_file.stem(at)
                result = _fold(at, members, answers, reference, stored)
                fold_file.write(folder / f"{fold}.safetensors", result)
            made = run.read(folder)
            statements = Statements(submitter, address=origin.source, commit=origin.commit)
            place = submit(made, out, statements, note)
        outcomes.append(Outcome(place, made, len(corpus.speakers), dropped))
    return outcomes


def spread(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line with the spread of pooled scores over seeds, if there are several."""
    if len(outcomes) < 2:
        return []
    pooled = {name: np.array([each.run.pooled(name) for each in outcomes]) for name in SHOWN}
    scores = ", ".join(f"{name} {tables.spread(mean_std(row))}" for name, row in pooled.items())
    return [f"{len(outcomes)} seeds, mean ± standard deviation of pooled scores, in %: {scores}"]


def _config(
    dataset: str,
    labels: str,
    protocol: str,
    origin: Origin,
    reading: Reading,
    table: str,
    seed: int,
) -> Config:
    """Return the identity of an imported run, which includes the table and how it was read."""
    plain = unicodedata.normalize("NFKD", origin.system).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:LONGEST].strip("-")
    if not words:
        raise BadParameter("--system needs a letter or a digit")
    return Config(
        dataset=dataset,
        labels=labels,
        protocol=protocol,
        model=f"{IMPORTED}{words}",
        model_version=origin.commit or UNKNOWN,
        params={"table": table[:16], **reading.stored()},
        feature=UNKNOWN,
        feature_version=UNKNOWN,
        feature_params={},
        reading={},
        seed=seed,
    )


def _dropped(
    table: Table, ids: Sequence[str | None], is_allowed: bool, corpus: str
) -> tuple[str, ...]:
    """Return the names of utterances that the corpus lacks; refuse them unless that is allowed."""
    names = table.column(table.columns.utterance)
    pairs = zip(names, ids, strict=True)
    unknown = tuple(sorted({name for name, known in pairs if known is None}))
    total = len(set(names))
    if len(unknown) == total:
        raise CorpusError(
            f"none of the {total} utterances of {table.path.name} is in {corpus} "
            f"({some(unknown)}): is it the right corpus and the right column (--utterance), or "
            "do names begin otherwise (--rename OLD=NEW)?"
        )
    if unknown and not is_allowed:
        raise CorpusError(
            f"{len(unknown)} of {total} utterances of {table.path.name} are not in {corpus}: "
            f"{some(unknown)}; --drop-unknown imports only the others, and records how many were "
            "left out"
        )
    return unknown


def _seeds(table: Table) -> dict[str, int]:
    """Return the seed of each word in the column of seeds; without one, an unknown seed is 0."""
    if not table.columns.seed:
        return {"": 0}
    words = list(dict.fromkeys(table.column(table.columns.seed)))
    for word in words:
        if not re.fullmatch(r"\d{1,18}", word, re.ASCII):
            raise SerbenchError(
                f"{table.path.name}: the seed {shown(word, LONGEST)!r} is not a whole number: "
                "choose other rows with --where, or another column with --seed"
            )
    numbers = {word: int(word) for word in words}
    if len(set(numbers.values())) < len(words):
        raise SerbenchError(f"{table.path.name} writes one seed in two ways: {some(words)}")
    return numbers


def _fold(
    at: int,
    members: Mapping[str, int],
    answers: Answers,
    reference: Reference,
    facts: Mapping[str, Any],
) -> FoldResult:
    """Return a fold's result: the facts that all folds share, its own, and its test set."""
    fold, corpus = reference.folds[at], reference.corpus
    stored = {
        **facts,
        "fold": {
            "index": at,
            "name": fold.name,
            "group": fold.group,
            "utterances": {part: len(getattr(fold, part)) for part in PARTS},
        },
        "certificate": leakage.to_json(leakage.certify(corpus, fold, {})),
    }
    test = Scored(
        ids=fold.test,
        speakers=tuple(corpus.by_id[name].speaker for name in fold.test),
        truth=np.array([reference.positions[name] for name in fold.test], np.int64),
        activations=answers.activations[[members[name] for name in fold.test]],
    )
    return FoldResult(stored, test)


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
