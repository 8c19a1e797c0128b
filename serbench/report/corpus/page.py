"""Write the page that describes a corpus: distributions, spectrograms and audio of examples."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from serbench.errors import BadParameter
from serbench.files import expanded, replacing_folder
from serbench.inspection.description import BY, NOTES, CorpusDescription, Group
from serbench.metrics.classification import Floats
from serbench.report.corpus import examples as page_examples
from serbench.report.corpus.examples import Speaker
from serbench.report.figures import style
from serbench.report.figures.colours import styles
from serbench.report.manifest import MANIFEST, PAGE, SCHEMA, refuse_others
from serbench.report.page.data import box
from serbench.report.page.html import document

SCRIPTS = ("build.js", "charts.js", "corpus.js")
BINS = 40  # of a histogram
ROWS = 4  # speakers with examples


@dataclass(frozen=True)
class Distribution:
    """The distribution of a measurement.

    Attributes:
        name: what is measured, with its unit.
        edges: of the bins of the histogram.
        counts: utterances in each bin.
        labels: a box plot per label: whiskers, quartiles and median; None without values.
        speakers: the same per speaker.
    """

    name: str
    edges: Floats
    counts: list[int]
    labels: list[Floats | None]
    speakers: list[Floats | None]


@dataclass(frozen=True)
class CorpusPage:
    """All data of the page."""

    serbench: str  # version
    title: str
    about: list[tuple[str, str]]  # names and texts
    labels: list[str]
    colours: list[str]
    tables: list[dict[str, object]]  # by label, speaker, ...; each with "head" and "rows"
    speakers: list[str]
    counts: list[list[int]]  # (speakers, labels)
    distributions: list[Distribution]
    examples: list[Speaker]
    notes: list[str]
    licence: str


def write_corpus_page(
    description: CorpusDescription, out: str | Path, examples: int = ROWS
) -> Path:
    """Write a page that describes a corpus, and return its path.

    The page has audio of examples in a folder beside it: whoever gets this folder gets that audio.

    Args:
        description: from `serbench.describe_corpus`.
        out: the folder to write; an earlier description there is replaced.
        examples: speakers of whom the page has an utterance of each label; 0: no examples.

    Raises:
        BadParameter: `examples` is negative.
        MissingRequirement: matplotlib is not installed.
        SerbenchError: `out` contains other files.
    """
    if examples < 0:
        raise BadParameter(f"examples is {examples}, but must be 0 or more")
    style.require_matplotlib()
    folder = expanded(out).resolve()
    refuse_others(folder)
    with replacing_folder(folder) as new:
        chosen = page_examples.choose(description, examples)
        data = page_data(description, page_examples.write(chosen, new))
        (new / PAGE).write_text(document("corpus.html", SCRIPTS, data), encoding="utf-8")
        files = sorted(path.relative_to(new).as_posix() for path in new.rglob("*.flac"))
        manifest = {
            "schema": SCHEMA,
            "serbench": version("serbench"),
            "corpus": description.spec,
            "page": PAGE,
            "made": [{"kind": "audio", "files": files}],
        }
        (new / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        refuse_others(folder)  # again, since writing takes a while
        if folder.exists():
            folder.rename(new.parent / "before")  # which goes when this block ends
    return folder / PAGE


def page_data(description: CorpusDescription, examples: Sequence[Speaker] = ()) -> CorpusPage:
    """Return all data of the page."""
    about, speakers = description.about, description.groups("speaker")
    return CorpusPage(
        serbench=version("serbench"),
        title=description.title,
        about=[
            (name, text)
            for name, text in (("Corpus", about.title), ("Home", about.home), ("Cite", about.cite))
            if text
        ],
        labels=list(description.labels),
        colours=[colour for colour, _ in styles(description.labels)],
        tables=[_table(description, by) for by in BY if _is_told(description.groups(by))],
        speakers=[group.name for group in speakers],
        counts=[list(group.labels.values()) for group in speakers],
        distributions=[
            _distribution(description, "length (s)", [m.seconds for m in description.measurements]),
            _distribution(
                description, "loudness (dB)", [m.level for m in description.measurements]
            ),
        ],
        examples=list(examples),
        notes=list(NOTES),
        licence=about.licence,
    )


def _is_told(groups: Sequence[Group]) -> bool:
    """Return whether the corpus says to which group utterances belong."""
    return any(group.name for group in groups)


def _table(description: CorpusDescription, by: str) -> dict[str, object]:
    head, *rows = description.rows(by)
    return {"head": head, "rows": rows}


def _distribution(
    description: CorpusDescription, name: str, values: Sequence[float]
) -> Distribution:
    numbers = np.array(values)
    finite = numbers[np.isfinite(numbers)]
    counts, edges = np.histogram(finite, BINS)
    boxes = []
    for aspect, names in (
        ("label", description.labels),
        ("speaker", [group.name for group in description.groups("speaker")]),
    ):
        of = np.array([getattr(m.utterance, aspect) for m in description.measurements])
        kept = np.where(np.isfinite(numbers), numbers, np.nan)
        boxes.append([box(kept[of == each]).five for each in names])
    return Distribution(name, edges, counts.tolist(), *boxes)
