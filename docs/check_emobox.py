"""Count the test speakers who also train in EmoBox's folds of 23 corpora: writes docs/emobox.csv.

Usage: python docs/check_emobox.py CLONE    (of emo-box/EmoBox; needs no audio, takes a minute;
`make docs` then writes the page). The other corpora's names of files do not say who speaks.
"""

import csv
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from serbench import Fold, datasets
from serbench.contracts import NamingDataset
from serbench.corpus import PARTS
from serbench.protocols import leakage, lookup
from serbench.protocols.split_check import Overlap, SplitCheck
from serbench.settings import settings

OUT = Path(__file__).resolve().parent / "emobox.csv"
HEAD = ("corpus", "dataset", "folds", "speakers", "shared", "utterances", "of shared speakers")
DATASETS = {  # EmoBox's folder: serbench's dataset
    "aesdd": "aesdd",
    "asvpesd": "asvp-esd",
    "cafe": "cafe",
    "cremad": "crema-d",
    "emodb": "emo-db",
    "emovdb": "emov-db",
    "emovo": "emovo",
    "enterface": "enterface",
    "esd": "esd",
    "iemocap": "iemocap",
    "jlcorpus": "jl-corpus",
    "oreau": "oreau",
    "ravdess": "ravdess",
    "savee": "savee",
    "shemo": "shemo",
    "subesco": "subesco",
    "tess": "tess",
    "urdu": "urdu",
}
PATTERNS = {  # as EmoBox/preprocess/scripts read the names of files
    "ased": r"(?P<label>[a-zA-Z])\d(-\d+){3}-(?P<speaker>\d+)",
    "casia": r"(?P<speaker>[a-z]+)/(?P<label>[a-z]+)/\d+",
    "mead": r"(?P<speaker>[MW]\d+)/audio/(?P<label>[a-z]+)/level_\d/\d+",
    "polish": r"(?P<speaker>[a-z]\d)\.(?P<label>[a-z])_[^/]+",
    "turevdb": r"(?P<label>[A-Z][a-z]+)/(?P<speaker>\d+)_[^/]+",
}


def files(lines: Path) -> list[str]:
    """Return the audio files that a list of EmoBox names."""
    rows = map(json.loads, lines.read_text(encoding="utf-8").splitlines())
    return [row.get("wav") or row["audio"] for row in rows]


def folds(folder: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Yield the name of each fold, and the audio files of its sets."""
    for fold in sorted(folder.glob("fold_*")):
        sets = {
            part: files(path)
            for part, name in (("train", "train"), ("validation", "valid"), ("test", "test"))
            if (path := fold / f"{folder.name}_{name}_{fold.name}.jsonl").exists()
        }
        if "train" not in sets:  # too large for some copies of the repository
            listed = (folder / "data.seg.audmap").read_text(encoding="utf-8").splitlines()
            sets["train"] = sorted({line.split(" ", 4)[4] for line in listed} - {*sets["test"]})
        yield fold.name.removeprefix("fold_"), sets


def checked(folder: Path) -> SplitCheck:
    """Check EmoBox's folds of one corpus."""
    name = DATASETS.get(folder.name, "")
    parts = dict(folds(folder))
    names = sorted({file for sets in parts.values() for part in sets.values() for file in part})
    source = datasets.find(name or page(PATTERNS[folder.name], names), settings())
    if isinstance(source.dataset, NamingDataset):
        corpus = datasets.of_names(source, names)
        made = [
            Fold(fold, *(tuple(filter(corpus.by_id.get, sets.get(part, ()))) for part in PARTS))
            for fold, sets in parts.items()
        ]
    else:
        corpus = datasets.outline(source)
        made = lookup.make_folds(lookup.find_protocol("emobox", source.dataset), corpus)
    return SplitCheck(name, corpus, leakage.check(corpus, made, {}))


def page(pattern: str, names: list[str]) -> str:
    """Write a page of TOML with this pattern, and return its dataset."""
    labels = {match["label"] for name in names if (match := re.search(pattern, name))}
    path = Path(tempfile.mkdtemp()) / "corpus.toml"
    text = f"pattern = {json.dumps(pattern)}\nlabels = {json.dumps(sorted(labels))}\n"
    path.write_text(text, encoding="utf-8")
    return f"toml:{path}"


def main(clone: Path) -> None:
    """Check all corpora, and write a row for each."""
    rows = []
    for folder in sorted((clone / "data").iterdir()):
        if folder.name in (*DATASETS, *PATTERNS):
            check = checked(folder)
            overlap = check.overlaps(("train", "test"), "speaker")
            rows.append([folder.name, check.name, len(check.checked), *counts(overlap)])
            print(*rows[-1])
    with OUT.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEAD, *rows])


def counts(overlap: Overlap) -> tuple[int, ...]:
    """Return the numbers of a row."""
    return overlap.total, overlap.shared, overlap.of_utterances, overlap.utterances


if __name__ == "__main__":
    main(Path(sys.argv[1]))
