"""Apply a protocol to a corpus, and show, export or check the split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from serbench import datasets, tables
from serbench.cli import listings
from serbench.contracts import NamingDataset, PathDataset
from serbench.corpus import Corpus, Fold, Protocol, protocol_digest
from serbench.errors import BadParameter, CorpusError
from serbench.escaping import as_json
from serbench.features import audio
from serbench.protocols import leakage, lookup, speakers, split_file
from serbench.protocols.families import FAMILIES
from serbench.protocols.split_check import SplitCheck
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
    corpus = _corpus(source, labels, data)
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
    folds = lookup.fold_rows(applied.corpus, applied.folds)
    lines = [
        f"protocol {applied.protocol.name} of {applied.source.spec}, labels "
        f"{applied.corpus.label_set}: {applied.protocol.summary}",
        f"digest {protocol_digest(applied.folds)}",
        *([f"LEAKS: {applied.protocol.leaks}"] if applied.protocol.leaks else []),
        *_warnings(applied),
        "",
        tables.table(list(folds[0]), [list(map(str, row.values())) for row in folds]),
        *[f"\n{line}" for line in lookup.fold_remarks(applied.corpus, applied.folds)],
    ]
    return "\n".join(lines)


def remarks(dataset: str, data: Path | None) -> list[str]:
    """Return what a corpus of the user's own leaves out or lacks, or why it cannot be read."""
    source = datasets.find(dataset, settings(), data)
    if not isinstance(source.dataset, PathDataset) or not listings.has_corpus(source.root):
        return []
    try:
        return list(datasets.read(source).remarks)
    except CorpusError as error:
        return [str(error)]


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
    dataset: str, protocol: str | None, labels: str | None, data: Path | None, form: str = "text"
) -> tuple[str, bool]:
    """Return in a format what the sets share and lack, and whether the split is clean.

    Audio is compared if it is on this disk. Without the corpus, a split file can be checked if
    names of files say who speaks, and a protocol if the dataset describes its utterances.
    """
    source = datasets.find(dataset, settings(), data)
    chosen = lookup.find_protocol(protocol, source.dataset)
    path = split_file.path_of(chosen)
    is_here = source.generated or listings.has_corpus(source.root)
    notes = [] if is_here else [f"recordings are not compared: there is no corpus in {source.root}"]
    faults: Sequence[str] = ()
    if path is None:
        if not is_here and (invented := datasets.stand_in(source, labels)):
            undialogued = (replace(each, dialogue="") for each in invented.utterances)
            corpus = replace(invented, utterances=tuple(undialogued))
            notes.append(
                "names of utterances are invented, as many of each speaker and label as there are"
            )
        else:
            corpus = _corpus(source, labels, data)
        folds: Sequence[Fold] = lookup.make_folds(chosen, corpus)
    else:
        if not is_here and isinstance(source.dataset, NamingDataset):
            corpus = datasets.of_names(source, split_file.utterances(path), labels)
        else:
            corpus = _corpus(source, labels, data)
        examined = split_file.examine(path, corpus)
        folds, faults = examined.folds, examined.faults
        if undivided := sum(not fold.validation for fold in folds):
            notes.append(
                f"{tables.count(undivided, 'fold')} without a validation set: a run divides the "
                "training set"
            )
    applied = Split(source, corpus, chosen, folds)
    digests, oddities = _audio(applied, labels) if is_here else ({}, ())
    checked = SplitCheck(
        chosen.name, corpus, leakage.check(corpus, folds, digests), len(digests), faults
    )
    if form == "json":
        return as_json(checked.to_json()), checked.is_clean
    if form in ("csv", "latex"):
        return checked.table(form), checked.is_clean
    lines = [*checked.balance(), *notes, *oddities, *_warnings(applied)]
    title = f"{chosen.name} on {source.spec}: {checked.verdict()}"
    return tables.page(title, checked.table(form), lines, form), checked.is_clean


def _corpus(source: datasets.Source, labels: str | None, data: Path | None) -> Corpus:
    """Read a corpus from its manifest, unless `data` names a folder."""
    return datasets.manifest(source, labels) if data is None else datasets.read(source, labels)


def _audio(applied: Split, labels: str | None) -> tuple[dict[str, str], Sequence[str]]:
    """Return the audio digest of every utterance on this disk, and remarks on odd audio."""
    corpus = datasets.read(applied.source, labels)
    paths = {utterance.id: utterance.path for utterance in corpus.utterances if utterance.path}
    stored = audio.Digests(settings().cache, applied.source.root)
    stored.add([audio.decoded(path)[0] for path in paths.values() if not stored.digest(path)])
    digests = {id_: key for id_, path in paths.items() if (key := stored.digest(path))}
    return digests, audio.remarks({id_: stored.oddity(path) for id_, path in paths.items()})
