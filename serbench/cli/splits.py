"""Apply a protocol to a corpus, to show, export or check the split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench import datasets, tables
from serbench.corpus import Corpus, Fold, Protocol, protocol_digest
from serbench.errors import BadParameter
from serbench.features import audio
from serbench.protocols import leakage, lookup, speakers, split_file
from serbench.protocols.families import FAMILIES
from serbench.settings import settings


@dataclass(frozen=True)
class Split:
    """A protocol applied to a corpus."""

    source: datasets.Source
    corpus: Corpus
    protocol: Protocol
    folds: Sequence[Fold]


def split(
    dataset: str, protocol: str | None, labels: str | None = None, data: Path | None = None
) -> Split:
    """Apply a protocol to a corpus; a manifest will do, unless `data` names a folder."""
    source = datasets.find(dataset, settings(), data)
    corpus = datasets.manifest(source, labels) if data is None else datasets.read(source, labels)
    found = lookup.find_protocol(protocol, source.dataset)
    return Split(source, corpus, found, lookup.make_folds(found, corpus))


def show(dataset: str, protocol: str | None, labels: str | None, data: Path | None) -> str:
    """A dataset's protocols, or the sets of every fold of one of them."""
    if protocol is None:
        source = datasets.find(dataset, settings(), data)
        own = [[one.name, one.summary, one.leaks or "-"] for one in source.dataset.protocols]
        families = [[name, _summary(name), "-"] for name in FAMILIES]
        return tables.table(["protocol", "what it is", "leaks"], own + families)
    made = split(dataset, protocol, labels, data)
    rows = lookup.fold_rows(made.corpus, made.folds)
    head = list(rows[0])
    lines = [
        f"protocol {made.protocol.name} of {dataset}, labels {made.corpus.label_set}: "
        f"{made.protocol.summary}",
        f"digest {protocol_digest(made.folds)}",
        *([f"LEAKS: {made.protocol.leaks}"] if made.protocol.leaks else []),
        *(f"WARNING: {one}" for one in speakers.doubts(made.corpus)),
        "",
        tables.table(head, [[str(row[key]) for key in head] for row in rows]),
        *[f"\n{line}" for line in lookup.fold_remarks(made.corpus, made.folds)],
    ]
    return "\n".join(lines)


def _summary(family: str) -> str:
    doc = FAMILIES[family].__doc__ or ""
    return doc.strip().splitlines()[0] + " (any corpus)"


def export(
    dataset: str, protocol: str | None, out: Path, labels: str | None, data: Path | None
) -> str:
    """Write the folds as CSV or JSON; the line that says so.

    Raises:
        BadParameter: the file's ending is neither.
    """
    if out.suffix not in (".csv", ".json"):
        raise BadParameter(f"--out is {out}, but must end in .csv or .json")
    made = split(dataset, protocol, labels, data)
    if out.suffix == ".csv":
        split_file.write_csv(out, made.folds)
    else:
        split_file.write_json(out, made.protocol, made.corpus, made.folds)
    return f"{len(made.folds)} folds of {made.protocol.name} written to {out}"


def check(
    dataset: str, protocol: str | None, labels: str | None, data: Path | None
) -> tuple[str, bool]:
    """Look for shared speakers and audio; the audio is decoded where it is at hand."""
    made = split(dataset, protocol, labels, data)
    digests, note = _audio(made, labels)
    checked = leakage.check(made.corpus, made.folds, digests)
    rows = leakage.rows(checked)
    head = list(rows[0])
    clean = all(certificate.clean for _, certificate in checked)
    verdict = "no speaker is shared" if clean else "LEAKY"
    text = tables.table(head, [[str(row[key]) for key in head] for row in rows])
    warned = "".join(f"\nWARNING: {one}" for one in speakers.doubts(made.corpus))
    return f"{text}\n\n{made.protocol.name}: {verdict}; {note}{warned}", clean


def _audio(applied: Split, labels: str | None) -> tuple[dict[str, str], str]:
    """Return the digest of every utterance whose file is on this disk, and what was compared."""
    root = applied.source.root
    if not root.exists():
        return {}, f"audio not checked, since there is no corpus in {root}"
    corpus = datasets.read(applied.source, labels)
    paths = {utterance.id: utterance.path for utterance in corpus.utterances if utterance.path}
    stored = audio.Digests(settings().cache, root)
    stored.add([audio.decoded(path)[0] for path in paths.values() if not stored.digest(path)])
    digests = {id_: key for id_, path in paths.items() if (key := stored.digest(path))}
    note = f"audio of {len(digests)} utterances compared"
    remarks = audio.remarks({id_: stored.oddity(path) for id_, path in paths.items()})
    return digests, "\n".join([note, *remarks])
