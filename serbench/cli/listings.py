"""List the installed plugins of each kind, such as datasets and models, and describe one."""

import inspect
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from serbench import parameters
from serbench.contracts import DatasetEntry, ModelEntry, PathDataset
from serbench.datasets import JointDataset, Source, find, read
from serbench.errors import CorpusError, nearest
from serbench.escaping import shown
from serbench.plugins import registry, shipped
from serbench.protocols.families import FAMILIES
from serbench.protocols.lookup import default_protocol
from serbench.settings import settings

AUDIO = (
    ".wav",
    ".flac",
    ".ogg",
    ".mp3",
    ".aiff",
    ".aif",
)  # endings of files that only a corpus has


def listing(kind: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the entries of a kind, a key of `registry.KINDS`, with texts, and remarks on plugins.

    Unusable names are included, with the reason. Remarks name plugins that are broken or slow, and
    those of serbench that are not installed. Listing imports none of the entries' targets.
    """
    installed = registry.installed()
    lines = {}
    for name, entry in installed.entries[kind].items():
        reason = registry.lacking(entry)
        lines[name] = f"{entry.summary}  [{installed.owners[kind, name]}]"
        lines[name] += f"  NOT USABLE: {reason}" if reason else ""
        if kind == "dataset" and has_corpus(place := settings().data / name):
            lines[name] += f"  IN {place}"
    for (kind_of_clash, name), owners in installed.clashes.items():
        if kind_of_clash == kind:
            lines[name] = f"NOT USABLE: {registry.clash(owners)}"
    remarks = [f"broken plugin {broken.plugin}: {broken.reason}" for broken in installed.broken]
    remarks += [
        f"slow plugin {plugin}: listing its entries took {seconds:.1f} s; a module with hooks "
        "should import nothing heavy"
        for plugin, seconds in installed.slow.items()
    ]
    if not lines:
        remarks.append(f"no {registry.KINDS[kind]} are installed; {shipped.LIGHT}")
    for package, names in shipped.absent().items():
        if more := [name for name in names.get(kind, ()) if name not in lines]:
            some = ", ".join(more if len(more) < 6 else [*more[:4], f"and {len(more) - 4} more"])
            remarks.append(f"not installed: {some}: pip install {package}")
    rows = [(shown(name), shown(line)) for name, line in sorted(lines.items())]
    return rows, list(map(shown, remarks))


def corpora() -> tuple[str, set[str]]:
    """Return a table of the corpora whose entries say how large they are, and their names."""
    from serbench import tables

    entries = [
        entry
        for entry in registry.installed().entries["dataset"].values()
        if isinstance(entry, DatasetEntry) and entry.utterances and not registry.lacking(entry)
    ]
    rows = [
        [
            entry.name,
            entry.language or "-",
            *(f"{n}" if n else "-" for n in (entry.speakers, entry.utterances, entry.labels)),
            entry.licence or "-",
            "made at first use"
            if entry.generated
            else "yes"
            if has_corpus(settings().data / entry.name)
            else "no",
        ]
        for entry in entries
    ]
    head = ["dataset", "language", "speakers", "utterances", "labels", "licence", "here"]
    return (tables.table(head, rows) if rows else ""), {entry.name for entry in entries}


def has_corpus(place: Path) -> bool:
    """Return whether there is a file, or a folder with audio."""
    files = (file for _, _, files in os.walk(place) for file in files)
    return place.is_file() or any(file.lower().endswith(AUDIO) for file in files)


def describe(kind: str, name: str) -> str:
    """Describe an entry of a kind: what it is, its parameters with their defaults, its needs.

    Raises:
        SerbenchError: there is no such entry, or its target cannot be imported.
    """
    entry = registry.find(kind, name.partition(":")[0] if kind == "dataset" else name)
    target = registry.load(entry)
    owner = registry.installed().owners.get((kind, entry.name), "")
    lines = [f"{entry.name}: {entry.summary}" + (f"  [{owner}]" if owner else ""), ""]
    lines += [*prose(target), ""]
    lines += [*_corpus(name, target), ""] if kind == "dataset" else []
    given: Mapping[str, object] = {}
    if isinstance(entry, ModelEntry):
        lines += [_needs(entry), ""]
        given = entry.defaults_on("*")
    lines.append(parameter_table(target, given))
    if isinstance(entry, ModelEntry):
        for corpus, values in entry.defaults.items():
            if corpus != "*" and values:
                typed = ", ".join(parameters.typed(*pair) for pair in values.items())
                lines += ["", f"Defaults on {corpus}: {typed}"]
    return shown("\n".join(lines).rstrip(), lines=True)


def _needs(entry: ModelEntry) -> str:
    """Return a line on the features of a model and on what a fold of it needs."""
    from serbench import tables

    needs = [tables.count(entry.threads, "thread"), f"{entry.memory:g} GB of memory"]
    needs += [f"{entry.gpus:g} GPU, where there is one"] if entry.gpus else []
    copies = ", ".join(entry.augment)
    more = f"\nTrains on copies of all utterances: {copies}; --augment changes this." * bool(copies)
    return f"Features: {entry.features}. A fold needs {', '.join(needs)}.{more}"


def _corpus(spec: str, target: Any) -> Iterator[str]:
    """Yield lines on a corpus: its origin, where it is, its label sets and protocols."""
    root = None
    dataset: Any = target if target is JointDataset else target()
    if ":" in spec or not (target is JointDataset or isinstance(dataset, PathDataset)):
        source = find(spec, settings())
        dataset, root = source.dataset, source.root
    about = dataset.about
    if root is None:
        yield f"{about.obtain[:1].upper()}{about.obtain[1:]}."
        return
    yield "; ".join(filter(None, (about.title, about.size, about.licence)))
    origin = (about.home and f"Home: {about.home}", about.cite and f"cite {about.cite}")
    if any(origin):
        yield "; ".join(filter(None, origin))
    is_here = has_corpus(root)
    obtain = f": {about.obtain}" if about.obtain else ""
    yield f"Here: {root}" if is_here else f"Not in {root}{obtain}"
    if is_here and isinstance(dataset, PathDataset):
        yield _counts(source)
    for name, labels in dataset.label_sets.items():
        yield f"Labels {name}: {', '.join(dict.fromkeys(labels.values()))}"
    own = [protocol.name for protocol in dataset.protocols]
    yield f"Protocols: {', '.join([*own, *FAMILIES])}; default: {default_protocol(dataset)}"


def _counts(source: Source) -> str:
    """Return the numbers of files, speakers and labels of a corpus, or why it cannot be read."""
    from serbench import tables

    try:
        corpus = read(source)
    except CorpusError as error:
        return f"Cannot be read: {error}"
    counted = Counter(utterance.label for utterance in corpus.utterances)
    files = tables.count(len(corpus.utterances), "file")
    people = tables.count(len(corpus.speakers), "speaker")
    return f"{files} of {people}: {', '.join(f'{n} {label}' for label, n in counted.items())}"


def protocols() -> list[tuple[str, str]]:
    """Return the protocols for any corpus, with their summaries."""
    return [(name, prose(family)[0]) for name, family in sorted(FAMILIES.items())]


def describe_protocol(name: str) -> str:
    """Describe a protocol for any corpus, with its parameters.

    Raises:
        UnknownName: there is no such protocol.
    """
    if name not in FAMILIES:
        hint = "; `serbench protocol show --dataset NAME` lists those of a dataset"
        raise nearest("protocol", name, list(FAMILIES), hint, where="for any corpus")
    return "\n".join([*prose(FAMILIES[name]), "", parameter_table(FAMILIES[name])]).rstrip()


def prose(target: Callable[..., Any]) -> list[str]:
    """Return the paragraphs of a docstring before its sections, each as one line."""
    text = re.split(r"\n\n\w+:\n", inspect.getdoc(target) or "")[0]
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph] or ["-"]


def _meanings(target: Callable[..., Any]) -> dict[str, str]:
    """Return what parameters mean, from the sections "Args" and "Attributes" of a docstring."""
    meanings: dict[str, str] = {}
    for made in (target, getattr(target, "__init__", None)):
        text = inspect.getdoc(made) or ""
        for section in re.findall(r"^(?:Args|Attributes):\n((?:(?: +.*)?\n?)*)", text, re.M):
            for item in re.split(r"\n(?= {4}\w+:)", f"\n{section}"):
                name, _, meaning = item.strip().partition(":")
                meanings.setdefault(name, " ".join(meaning.split()))
    return meanings


def parameter_table(
    target: Callable[..., Any], given: Mapping[str, object] | None = None, form: str = "text"
) -> str:
    """Return a table of the parameters that users may set; `given` replaces defaults."""
    from serbench import tables

    meanings = _meanings(target)
    rows = [
        [
            name,
            re.sub("one of |'", "", parameters.kinds(annotation)).replace("NoneType", "null"),
            parameters.typed(name, (given or {}).get(name, default)).partition("=")[2],
            meanings.get(name, ""),
        ]
        for name, (annotation, default) in parameters.settable(target).items()
    ]
    if not rows:
        return "It has no parameters."
    columns = 4 if any(row[3] for row in rows) else 3
    head = ["parameter", "type", "default", "meaning"]
    return tables.table(head[:columns], [row[:columns] for row in rows], form)
