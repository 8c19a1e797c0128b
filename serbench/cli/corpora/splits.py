"""Apply a protocol to a corpus, and show, export or check the split."""

from collections.abc import Mapping, Sequence
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
    """Apply a protocol to a corpus, read from its manifest unless `data` names a folder."""
    source = datasets.find(dataset, settings(), data)
    corpus = datasets.manifest(source, labels) if data is None else datasets.read(source, labels)
    chosen = lookup.find_protocol(protocol, source.dataset)
    return Split(source, corpus, chosen, lookup.make_folds(chosen, corpus))


def show(dataset: str, protocol: str | None, labels: str | None, data: Path | None) -> str:
    """List a dataset's protocols, or describe the sets of every fold of one protocol."""
    if protocol is None:
        own = datasets.find(dataset, settings(), data).dataset.protocols
        rows = [[protocol.name, protocol.summary, protocol.leaks or "-"] for protocol in own]
        for name, family in FAMILIES.items():
            summary = (family.__doc__ or "").strip().partition("\n")[0]
            rows.append([name, f"{summary} (any corpus)", "-"])
        return tables.table(["protocol", "what it is", "leaks"], rows)
    applied = split(dataset, protocol, labels, data)
    lines = [
        f"protocol {applied.protocol.name} of {dataset}, labels {applied.corpus.label_set}: "
        f"{applied.protocol.summary}",
        f"digest {protocol_digest(applied.folds)}",
        *([f"LEAKS: {applied.protocol.leaks}"] if applied.protocol.leaks else []),
        *_warnings(applied),
        "",
        _table(lookup.fold_rows(applied.corpus, applied.folds)),
        *[f"\n{line}" for line in lookup.fold_remarks(applied.corpus, applied.folds)],
    ]
    return "\n".join(lines)


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    return tables.table(list(rows[0]), [list(map(str, row.values())) for row in rows])


def _warnings(applied: Split) -> list[str]:
    return [f"WARNING: {doubt}" for doubt in speakers.doubts(applied.corpus)]


def export(
    dataset: str, protocol: str | None, out: Path, labels: str | None, data: Path | None
) -> str:
    """Write the folds as CSV or JSON, and return a line that confirms it.

    Raises:
        BadParameter: the file's ending is neither.
    """
    if out.suffix not in (".csv", ".json"):
        raise BadParameter(f"--out is {out}, but must end in .csv or .json")
    applied = split(dataset, protocol, labels, data)
    if out.suffix == ".csv":
        split_file.write_csv(out, applied.folds)
    else:
        split_file.write_json(out, applied.protocol, applied.corpus, applied.folds)
    return f"{tables.count(len(applied.folds), 'fold')} of {applied.protocol.name} written to {out}"


def check(
    dataset: str, protocol: str | None, labels: str | None, data: Path | None
) -> tuple[str, bool]:
    """Return as text what the sets share, and whether the protocol is clean.

    Audio is compared if it is on this disk.
    """
    applied = split(dataset, protocol, labels, data)
    digests, note = _audio(applied, labels)
    checked = leakage.check(applied.corpus, applied.folds, digests)
    clean = all(certificate.clean for _, certificate in checked)
    verdict = "no speaker is shared" if clean else "LEAKY"
    table = _table(leakage.rows(checked))
    lines = [table, "", f"{applied.protocol.name}: {verdict}; {note}", *_warnings(applied)]
    return "\n".join(lines), clean


def _audio(applied: Split, labels: str | None) -> tuple[dict[str, str], str]:
    """Return the audio digest of every utterance on this disk, and a note on the comparison."""
    root = applied.source.root
    if not root.exists():
        return {}, f"audio not checked, since there is no corpus in {root}"
    corpus = datasets.read(applied.source, labels)
    paths = {utterance.id: utterance.path for utterance in corpus.utterances if utterance.path}
    stored = audio.Digests(settings().cache, root)
    stored.add([audio.decoded(path)[0] for path in paths.values() if not stored.digest(path)])
    digests = {id_: key for id_, path in paths.items() if (key := stored.digest(path))}
    note = f"audio of {tables.count(len(digests), 'utterance')} compared"
    remarks = audio.remarks({id_: stored.oddity(path) for id_, path in paths.items()})
    return digests, "\n".join([note, *remarks])
