"""Check what a corpus on this disk really holds, however broken it is."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from serbench import datasets
from serbench.corpus import Corpus, Utterance
from serbench.datasets import Source, Survey
from serbench.inspection import copies, measurement
from serbench.inspection.kinds import KINDS
from serbench.inspection.measurement import Hear, Measured
from serbench.inspection.result import CorpusCheck, Count, Finding
from serbench.protocols import speakers
from serbench.settings import settings

ASPECTS = ("label", "speaker", "sex", "session")
SOUND = (  # endings of audio and video; datasets mention those that belong to no utterance
    *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".sph"),
    *(".m4a", ".aac", ".wma", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".amr", ".flv"),
)
DOCUMENTS = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".toml", ".yaml", ".yml", ".parquet"),
    *(".md", ".pdf", ".html", ".xlsx"),
)
"""Endings of files that belong beside the audio."""


def check_corpus(
    dataset: str,
    *,
    data: str | Path | None = None,
    jobs: int | None = None,
    quick: bool = False,
    hear: Hear = lambda done, total: None,
) -> CorpusCheck:
    """Check the files of a corpus: what is missing, broken, odd, or there twice.

    Problems for which `serbench.read_corpus` refuses a corpus are listed, and the rest is checked
    all the same.

    Args:
        dataset: a dataset's name with its parameters; `serbench datasets` lists them.
        data: the corpus's own folder, if it is not under SERBENCH_DATA.
        jobs: how many processes decode at a time; 0 decodes in this process; None is one per core.
            The result does not depend on it.
        quick: do not look for copies that were re-encoded, resampled, trimmed or made louder; the
            time for this search grows with the square of the number of utterances.
        hear: called with the number of files that are decoded, and of all files.

    Raises:
        SerbenchError: the name is unknown, a parameter is wrong, or there is no audio.
    """
    source = datasets.find(dataset, settings(), None if data is None else Path(data))
    survey = datasets.survey(source)
    present = {u.path: u for u in survey.utterances if u.path is not None}
    files = measurement.measure(list(present), jobs, hear)
    counts = _counted(present.values(), survey.published)
    findings = [
        *_problems(source, survey),
        *_wrong_counts(counts, survey.utterances),
        *_names(source, survey),
        *_strays(source.root, present),
        *_copies(survey, files, present, search=not quick),
    ]
    for path, file in files.items():
        id_ = present[path].id
        odd = _oddities(file, survey.checksums.get(id_), path.suffix.lower())
        findings += [Finding(kind, id_, detail) for kind, detail in odd]
    rates = _rates(source, files)
    findings += [Finding("rate", present[path].id, detail) for path, detail in rates]
    order = list(KINDS)
    findings.sort(key=lambda f: (order.index(f.kind), f.name, f.other))
    return CorpusCheck(
        spec=source.spec,
        root=source.root,
        utterances=len(present),
        seconds=sum(file.seconds for file in files.values()),
        counts=counts,
        findings=tuple(dict.fromkeys(findings)),
        refusals=tuple(dict.fromkeys(p.message for p in survey.problems if p.message)),
        remarks=(*survey.remarks, _scope(survey, quick=quick)),
    )


def _scope(survey: Survey, *, quick: bool) -> str:
    """Say what was compared and what could not be."""
    scope = {
        "counts with the published ones": survey.published is not None,
        "checksums with the published ones": bool(survey.checksums),
        "recordings with each other, by sound": not quick,
    }
    told = [f"compared: {', '.join(name for name, done in scope.items() if done) or 'nothing'}"]
    if left := [name for name, done in scope.items() if not done]:
        told.append(f"not compared: {', '.join(left)}")
    return "; ".join(told)


def _problems(source: Source, survey: Survey) -> Iterator[Finding]:
    """Yield what the dataset refuses or mentions."""
    for problem in survey.problems:
        kind = problem.kind if problem.kind in KINDS else "refused"
        for name in problem.names or (source.spec,):
            yield Finding(kind, name, problem.message if kind == "refused" else "")


# ---- names and counts ----


def _counted(
    present: Collection[Utterance], published: Corpus | None
) -> dict[str, dict[str, Count]]:
    """Return the numbers of utterances by each aspect, beside the published ones."""
    counts: dict[str, dict[str, Count]] = {}
    for aspect in ASPECTS:
        found = Counter(getattr(utterance, aspect) for utterance in present)
        known = Counter(getattr(u, aspect) for u in (published.utterances if published else ()))
        counts[aspect] = {
            name: Count(found[name], known[name] if published else None)
            for name in sorted(found | known)
            if name
        }
    return counts


def _wrong_counts(
    counts: Mapping[str, Mapping[str, Count]], utterances: Collection[Utterance]
) -> Iterator[Finding]:
    """Yield the counts that are wrong even with the utterances whose files are missing."""
    missing = [utterance for utterance in utterances if utterance.path is None]
    for aspect, values in counts.items():
        lacking = Counter(getattr(utterance, aspect) for utterance in missing)
        for name, count in values.items():
            if count.published not in (None, count.found + lacking[name]):
                detail = f"{count.found} of {count.published}"
                yield Finding("counts", f"{aspect} {name}", detail)


def _names(source: Source, survey: Survey) -> Iterator[Finding]:
    """Yield doubts about the names of speakers and labels."""
    labels = tuple(sorted({utterance.label for utterance in survey.utterances}))
    if "" in labels:  # the dataset could not read the corpus
        return
    corpus = Corpus(source.spec, labels, survey.utterances, "raw")
    for line in speakers.doubts(corpus):
        yield Finding("names", source.spec, line)


def _strays(root: Path, present: Collection[Path]) -> Iterator[Finding]:
    """Yield files beside the audio that are neither audio nor documents.

    Audio that belongs to no utterance is what datasets mention themselves.
    """
    for folder in sorted({path.parent for path in present}):
        with contextlib.suppress(OSError):  # its files are unreadable too, and are listed as such
            for path in sorted(folder.iterdir()):
                ending = path.suffix.lower()
                is_expected = ending in (*SOUND, *DOCUMENTS) or path.name.startswith(".")
                if not is_expected and path.is_file():
                    yield Finding("stray", _below(root, path))


def _below(root: Path, path: Path) -> str:
    folder = root.parent if root.is_file() else root
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


# ---- audio ----


def _oddities(file: Measured, published: str | None, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the detail of what is wrong or odd in a single file."""
    if file.fault:
        yield file.fault, file.message
    if file.file_digest and suffix == ".wav" and published and file.fault != "pointer":
        algorithm, _, checksum = published.partition(":")
        if (algorithm, checksum) != ("sha256", file.file_digest):
            yield "altered", ""
    if file.oddity:
        yield file.oddity, f"{file.seconds:.3f} s" if file.oddity == "short" else ""
    if file.clipped:
        yield "clipped", f"{file.clipped} samples"
    if file.channels > 1:
        yield "channels", f"{file.channels} channels"


def _rates(source: Source, files: Mapping[Path, Measured]) -> Iterator[tuple[Path, str]]:
    """Yield the files whose rate is not the published one, or else not that of most files."""
    rates = Counter(file.rate for file in files.values() if file.rate)
    if not rates:
        return
    lengths = getattr(source.dataset, "lengths", None)  # see `contracts.BenchHooks`
    usual = lengths().rate if lengths else rates.most_common(1)[0][0]
    whose = "published" if lengths else "most have"
    for path, file in files.items():
        if file.rate not in (0, usual):
            yield path, f"{file.rate} Hz, {whose} {usual} Hz"


def _copies(
    survey: Survey,
    files: Mapping[Path, Measured],
    present: Mapping[Path, Utterance],
    *,
    search: bool,
) -> Iterator[Finding]:
    """Yield the pairs of utterances with one recording, by what contradicts in them."""
    readable = {
        path: file for path, file in files.items() if not file.fault and file.oddity != "silent"
    }
    for copy in copies.find(readable, search=search):
        pair = [present[copy.first], present[copy.other]]
        kind, detail = "copies", copy.how
        for aspect, contradiction in (("speaker", "speakers"), ("label", "contradictory")):
            values = [getattr(utterance, aspect) for utterance in pair]
            if not all(values):
                kind = "unassigned copies" if kind == "copies" else kind
            elif values[0] != values[1]:
                kind, detail = contradiction, f"{aspect}s {' and '.join(values)}, {copy.how}"
        as_published = all(
            survey.checksums.get(utterance.id) == f"sha256:{files[path].file_digest}"
            for utterance, path in zip(pair, (copy.first, copy.other), strict=True)
        )
        yield Finding("published copies" if as_published else kind, pair[0].id, detail, pair[1].id)
