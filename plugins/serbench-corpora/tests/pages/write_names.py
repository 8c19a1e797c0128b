"""Write a list of names for `test_published.py`: `python write_names.py LIST.tsv.gz CORPUS`.

The list is a table with the columns file and label, made from a copy of the corpus by others: the
first folder of each path is the corpus. What is written are paths below it and the list's labels,
and speakers if the list has them.

The list of eNTERFACE'05 kept one file of each name. Files of the subjects 11 and 12 have the same
names, so that it lost subject 12 (1263 of 1293 files); they are written as well.
"""

import csv
import gzip
import lzma
import sys
from pathlib import Path


def write(source: Path, corpus: str) -> None:
    with gzip.open(source, "rt", encoding="utf-8") as stream:
        rows = [
            (row["file"].partition("/")[2], row["label"], *filter(None, [row.get("speaker")]))
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    if corpus == "enterface":
        lost = [row for row in rows if row[0].startswith("subject 11/")]
        rows += [(name.replace("subject 11/", "subject 12/"), *label) for name, *label in lost]
    text = "".join("\t".join(row) + "\n" for row in sorted(rows))
    target = Path(__file__).parent / "names" / f"{corpus}.tsv.xz"
    target.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
