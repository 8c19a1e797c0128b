"""The tables of `docs/corpora.md`: every corpus, its default protocol, and who has which label."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from serbench import parameters, tables
from serbench.contracts import DatasetEntry
from serbench.errors import LeakageError
from serbench.plugins import registry
from serbench.protocols import vocabulary
from serbench.protocols.lookup import find_protocol

HEAD = ("dataset", "language", "speakers", "utterances", "labels", "licence", "default protocol")


def page(made: str) -> str:
    """Return the page; `made` is the line that says how it is made."""
    entries = [
        entry
        for entry in registry.installed().entries["dataset"].values()
        if isinstance(entry, DatasetEntry) and entry.utterances
    ]
    datasets = {entry.name: registry.load(entry)() for entry in entries}
    rows = [
        [
            f"`{entry.name}`",
            entry.language or "-",
            *map(str, (entry.speakers or "-", entry.utterances, entry.labels)),
            entry.licence or "-",
            _protocol(datasets[entry.name]),
        ]
        for entry in entries
    ]
    home = [
        f"- `{name}`: {dataset.about.title}. {dataset.about.home}; {dataset.about.obtain}. "
        f"{dataset.about.cite}."
        for name, dataset in datasets.items()
    ]
    parts = [
        "# Corpora",
        made,
        "No corpus is part of serbench: each is read from your disk, and `serbench datasets NAME` "
        "says how to get it. Speakers, utterances and labels are those of the published corpus; a "
        "copy with other counts is refused. [Your own corpus](your-corpus.md) needs no code, and "
        "[a page of TOML](corpus-pages.md) adds a corpus like these.",
        tables.table(HEAD, rows, "markdown"),
        "A protocol is speaker-disjoint unless the table says *declared*, which means that sets "
        "share speakers and that no run is ranked, or *refused*.",
        "\n".join(home),
        "## Parts of corpora",
        "A parameter chooses a part of a corpus, or other labels: "
        "`--dataset iemocap:subset=scripted`. The result is a corpus of its own in all tables. The "
        "first value is the default.",
        tables.table(["dataset", "parameter", "values"], _parts(entries), "markdown"),
        "## Labels",
        "Corpora are compared on words of one vocabulary ([other corpora](cross-corpus.md)). In "
        "brackets are a corpus's own label, if it is another one, and its code in names of files.",
        tables.table(["word", "corpora"], _vocabulary(datasets), "markdown"),
    ]
    return "\n\n".join(parts) + "\n"


def _parts(entries: Iterable[DatasetEntry]) -> list[list[str]]:
    """Return a row for each parameter of a dataset that has named values."""
    return [
        [f"`{entry.name}`", f"`{name}`", ", ".join(f"`{value}`" for value in get_args(annotation))]
        for entry in entries
        for name, (annotation, _) in parameters.settable(registry.load(entry)).items()
        if get_origin(annotation) is Literal
    ]


def _protocol(dataset: Any) -> str:
    try:
        protocol = find_protocol(None, dataset)
    except LeakageError:
        return f"refused: {dataset.page.protocol.reason}"
    return f"`{protocol.name}`" + (f", declared: {protocol.leaks}" if protocol.leaks else "")


def _vocabulary(datasets: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each word, with the corpora that have it and their own labels and codes."""
    corpora: dict[str, list[str]] = {}
    for name, dataset in datasets.items():
        codes = dataset.page.labels if hasattr(dataset, "page") else {}
        for label in next(iter(dataset.label_sets.values())):
            word = vocabulary.word(label)
            own = [label, *(code for code, of_code in codes.items() if of_code == label)]
            others = [each for each in dict.fromkeys(own) if each != word]
            brackets = f" ({', '.join(others)})" if others else ""
            corpora.setdefault(word, []).append(f"`{name}`{brackets}")
    return [[label, ", ".join(names)] for label, names in sorted(corpora.items())]
