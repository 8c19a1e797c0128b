"""What the last build of a leaderboard knew, so that the next one only looks at what is new.

A submission is known as long as its files' names, sizes, times and places on the disk are the same,
and the code that judged it. Whatever is wrong with the cache, it is not believed: the file begins
with the digest of the rest. Nothing is lost with it but time.
"""

import hashlib
import importlib.util
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from serbench import plugins
from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.files import digest, replacing
from serbench.leaderboard.board import Rejected
from serbench.leaderboard.entries import Entry
from serbench.leaderboard.numbers import Numbers
from serbench.settings import Settings
from serbench.stats import Interval

SCHEMA = 1
SETTLED = 2.0  # seconds; a file changed more recently may change again within one tick of its time
ARRAYS = ("confusions", "by_speaker")

Outcome = Entry | Rejected


@dataclass
class Store:
    """Outcomes of the submissions of one folder, and the numbers made of them.

    Attributes:
        path: of the cache's file.
        version: of all code that has a part in an outcome.
        outcomes: by folder, each with the stamp of the files that it came of.
        numbers: p-values and intervals.
        kept: those of the outcomes that are still true, or new.
        fresh: there is something new.
    """

    path: Path
    version: str
    outcomes: dict[str, tuple[str, Outcome]] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)
    kept: dict[str, tuple[str, Outcome]] = field(default_factory=dict)
    fresh: bool = False

    def outcome(self, folder: Path, judge: Callable[[Path], Outcome]) -> Outcome:
        """What is known of a submission, or what `judge` finds."""
        name = f"{folder.parent.name}/{folder.name}"
        stamp, changed = stamped(folder)
        if name in self.outcomes and self.outcomes[name][0] == stamp:
            self.kept[name] = self.outcomes[name]
            return self.outcomes[name][1]
        found = judge(folder)
        if changed < time.time() - SETTLED:
            self.kept[name] = (stamp, found)
            self.fresh = True
        return found

    def save(self) -> None:
        """Write what was asked for since it was opened; what was not is forgotten.

        A cache that cannot be written is none: the next build takes its time.
        """
        if not self.fresh and self.kept.keys() == self.outcomes.keys() and not self._new_numbers():
            return
        data = _packed(self.version, self.kept, self.numbers)
        try:
            with replacing(self.path) as temporary:
                temporary.write_bytes(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        except SerbenchError:
            return

    def _new_numbers(self) -> bool:
        known = self.numbers.pvalues.keys() | self.numbers.intervals.keys()
        return self.numbers.computed > 0 or known != self.numbers.asked


def opened(submissions: Path, places: Settings) -> Store:
    """The cache of a folder of submissions; empty where there is none that can be believed."""
    name = digest(str(submissions.absolute()))[:16]
    store = Store(places.cache / "leaderboard" / f"{name}.board", _version(places))
    try:
        data = store.path.read_bytes()
        if hashlib.sha256(data[65:]).hexdigest().encode() + b"\n" == data[:65]:
            _unpack(store, data[65:])
    except OSError:
        pass  # there is none
    return store


def stamped(folder: Path) -> tuple[str, float]:
    """A digest of which files a submission has, and when the last of them was changed."""
    found: list[tuple[str, list[int]]] = []
    for place in (folder, folder / "reproductions"):
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    one = entry.stat(follow_symlinks=False)
                    facts = [one.st_mode, one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino]
                    found.append((f"{place.name}/{entry.name}", facts))
        except OSError:
            continue
    found.sort()
    words = json.dumps(found).encode("utf-8", "surrogatepass")
    return hashlib.sha256(words).hexdigest()[:32], max(
        (one[3] for _, one in found), default=0
    ) / 1e9


def _version(places: Settings) -> str:
    """A digest of the code of serbench and of all plugins, and of which corpora are here."""
    known = plugins.installed().entries  # models and features say which parameters there are
    offered = [one for kind in known.values() for one in kind.values()]
    packages = {"serbench", *(one.target.partition(":")[0].partition(".")[0] for one in offered)}
    entries = known["dataset"].values()
    here = [one.name for one in entries if (places.data / one.name).is_dir()]
    return digest([SCHEMA, [*map(_code, sorted(packages))], sorted(here), np.__version__])


def _code(package: str) -> list[list[object]]:
    """Every file of a package, data too, by name, size and time."""
    spec = importlib.util.find_spec(package)
    origin = Path(spec.origin or "") if spec else Path()
    files = origin.parent.rglob("*") if origin.name == "__init__.py" else [origin]
    kept = sorted(file for file in files if file.is_file() and file.suffix != ".pyc")
    return [[str(one), one.stat().st_size, one.stat().st_mtime_ns] for one in kept]


def _packed(version: str, outcomes: Mapping[str, tuple[str, Outcome]], numbers: Numbers) -> bytes:
    arrays: dict[str, Array] = {}
    rows: list[dict[str, Any]] = []
    speakers: dict[tuple[str, ...], int] = {}
    for name, (stamp, found) in outcomes.items():
        row: dict[str, Any] = {"name": name, "stamp": stamp}
        if isinstance(found, Entry):
            words = {one.name: getattr(found, one.name) for one in fields(found)}
            for array in ARRAYS:
                arrays[f"{len(rows)}.{array}"] = words.pop(array).astype(np.int32)
            words["speakers"] = speakers.setdefault(found.speakers, len(speakers))
            row["entry"] = {**words, "params": dict(found.params), "audio": dict(found.audio)}
        else:
            row["rejected"] = asdict(found)
        rows.append(row)
    known = {
        "version": version,
        "rows": rows,
        "speakers": list(speakers),
        "pvalues": {key: one for key, one in numbers.pvalues.items() if key in numbers.asked},
        "intervals": {key: one for key, one in numbers.intervals.items() if key in numbers.asked},
    }
    arrays["known"] = np.frombuffer(json.dumps(known).encode("utf-8", "surrogatepass"), np.uint8)
    return safetensors.numpy.save(arrays)


def _unpack(store: Store, data: bytes) -> None:
    """Fill a store with what was packed by the same code; anything else leaves it empty."""
    arrays = safetensors.numpy.load(data)
    known = json.loads(arrays["known"].tobytes())
    if known["version"] != store.version:
        return
    speakers = [tuple(names) for names in known["speakers"]]
    for at, row in enumerate(known["rows"]):
        if "rejected" in row:
            found: Outcome = Rejected(row["rejected"]["folder"], tuple(row["rejected"]["reasons"]))
        else:
            words = row["entry"]
            words |= {array: arrays[f"{at}.{array}"] for array in ARRAYS}
            words["speakers"] = speakers[words["speakers"]]
            words |= {key: tuple(words[key]) for key in ("reproductions", "flags")}
            found = Entry(**words)
        store.outcomes[row["name"]] = (row["stamp"], found)
    store.numbers.pvalues |= known["pvalues"]
    store.numbers.intervals |= {key: Interval(*one) for key, one in known["intervals"].items()}
