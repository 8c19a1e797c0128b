"""Write a list of names for `test_published.py`: `python write_names.py LIST.tsv.gz CORPUS`.

The list is a table with the columns file and label, made from a copy of the corpus by others: the
first folder of each path is the corpus. What is written are paths below it and the list's labels.
"""

import csv
import gzip
import lzma
import sys
from pathlib import Path


def write(source: Path, corpus: str) -> None:
    with gzip.open(source, "rt", encoding="utf-8") as stream:
        rows = [
            (row["file"].partition("/")[2], row["label"])
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    text = "".join(f"{name}\t{label}\n" for name, label in sorted(rows))
    target = Path(__file__).parent / "names" / f"{corpus}.tsv.xz"
    target.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
