"""What the last build of a leaderboard knew, so that the next one only looks at what is new.

A submission is known as long as its files' names, sizes, times and places on the disk are the same,
and the code that judged it. Whatever is wrong with the cache, it is not believed: the file begins
with the digest of the rest. Nothing is lost with it but time.
"""

import hashlib
import importlib.util
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.features import audio
from serbench.files import digest, replacing
from serbench.leaderboard.ranking.copies import Fold, Traces
from serbench.leaderboard.ranking.entry import Entry, Record, Rejected
from serbench.leaderboard.ranking.statistics import Statistics
from serbench.metrics.intervals import Interval
from serbench.plugins import registry
from serbench.settings import Settings

SCHEMA = 5
SETTLED = 2.0  # seconds; a file changed more recently may change again within one tick of its time
ARRAYS = ("confusions", "by_speaker")

Outcome = Entry | Rejected


@dataclass(frozen=True)
class Part:
    """What one corpus contributes to the leaderboard.

    Attributes:
        stamp: of what it was made of.
        tables: how many there are.
        asked: the keys of the statistics that it needs.
        texts: by the name of each file.
    """

    stamp: str
    tables: int
    asked: tuple[str, ...]
    texts: Mapping[str, str]


@dataclass
class Store:
    """Outcomes of the submissions of one folder, and the statistics made of them.

    Attributes:
        path: of the cache's file.
        version: of all code that has a part in an outcome.
        outcomes: by folder, each with the stamp of the files that it came of.
        statistics: p-values and intervals.
        parts: what each corpus contributed.
        kept: those of the outcomes that are still true, or new.
        kept_parts: likewise.
        fresh: there is something new.
    """

    path: Path
    version: str
    outcomes: dict[str, tuple[str, Outcome]] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)
    parts: dict[str, Part] = field(default_factory=dict)
    kept: dict[str, tuple[str, Outcome]] = field(default_factory=dict)
    kept_parts: dict[str, Part] = field(default_factory=dict)
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

    def part(
        self,
        corpus: str,
        seen: str,
        entries: Sequence[Entry],
        make: Callable[[str, Statistics], Part],
    ) -> Part:
        """What a corpus contributes: as it is known, or as `make` makes it.

        Args:
            corpus: its name.
            seen: the folder of all submissions, as seen from the leaderboard.
            entries: of its runs.
            make: of a stamp, and of the statistics that are known.
        """
        known = [(entry, self.kept.get(entry.folder)) for entry in entries]
        stamps = [[one.folder, found[0], _placed(one)] for one, found in known if found]
        stamp = digest([seen, stamps]) if len(stamps) == len(entries) else ""
        part = self.parts.get(corpus)
        if part is None or not stamp or part.stamp != stamp:
            statistics = self.statistics.apart()
            part = make(stamp, statistics)
            self.statistics.computed += statistics.computed
            self.fresh = True
        self.statistics.asked.update(part.asked)
        if stamp:
            self.kept_parts[corpus] = part
        return part

    def save(self) -> None:
        """Write what was asked for since it was opened; what was not is forgotten.

        A cache that cannot be written is none: the next build takes its time.
        """
        if not self.fresh and self.kept.keys() == self.outcomes.keys() and not self._new_numbers():
            return
        data = _packed(self)
        try:
            with replacing(self.path) as temporary:
                temporary.write_bytes(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        except SerbenchError:
            return

    def _new_numbers(self) -> bool:
        known = self.statistics.pvalues.keys() | self.statistics.intervals.keys()
        return self.statistics.computed > 0 or known != self.statistics.asked


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


def _placed(entry: Entry) -> list[object]:
    """Return what an entry takes from the ledger and from other entries, not from its own files."""
    words = [entry.account, entry.seen, entry.order, entry.status, entry.objections]
    return [*words, entry.reproductions, entry.notes]


AUDIO = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aiff", ".au"}


def stamped(folder: Path) -> tuple[str, float]:
    """A digest of which files a submission has, and when the last of them was changed."""
    found: list[tuple[str, str, int, int, int, int, int]] = []
    changed = 0
    top = str(folder)
    for place in (top, f"{top}/reproductions"):
        try:
            with os.scandir(place) as entries:
                for each in entries:
                    one = each.stat(follow_symlinks=False)
                    times = one.st_mtime_ns, one.st_ctime_ns
                    facts = (one.st_mode, one.st_size, *times, one.st_ino)
                    found.append((place[len(top) :], each.name, *facts))
                    changed = max(changed, one.st_ctime_ns)
        except OSError:
            continue
    found.sort()
    words = repr(found).encode("utf-8", "surrogatepass")
    return hashlib.sha256(words).hexdigest()[:32], changed / 1e9


def _version(places: Settings) -> str:
    """A digest of the code of serbench and of all plugins, and of which corpora are here."""
    known = registry.installed().entries  # models and features say which parameters there are
    offered = [one for kind in known.values() for one in kind.values()]
    packages = {"serbench", *(one.target.partition(":")[0].partition(".")[0] for one in offered)}
    entries = known["dataset"].values()
    here = [[one.name, _kept(places.data / one.name)] for one in entries]
    return digest([SCHEMA, [*map(_code, sorted(packages))], here, np.__version__])


def _kept(folder: Path) -> list[list[object]] | None:
    """What lies in a corpus's folder, but for audio; None where there is no folder.

    Below it only two folders deep: there lie the tables of corpora that go by their names.
    """
    if not folder.is_dir():
        return None
    found = (one for at in ("*", "*/*", "*/*/*") for one in folder.glob(at))
    kept = sorted(one for one in found if one.suffix.lower() not in AUDIO)
    return [[str(one.relative_to(folder)), *audio.stamp(one)] for one in kept if one.exists()]


def _code(package: str) -> list[list[object]]:
    """Every file of a package, data too, by name, size and time."""
    spec = importlib.util.find_spec(package)
    origin = Path(spec.origin or "") if spec else Path()
    files = origin.parent.rglob("*") if origin.name == "__init__.py" else [origin]
    kept = sorted(file for file in files if file.is_file() and file.suffix != ".pyc")
    return [[str(one), one.stat().st_size, one.stat().st_mtime_ns] for one in kept]


def _packed(store: Store) -> bytes:
    cells: list[Array] = []
    mistakes: list[Array] = []
    rows: list[dict[str, Any]] = []
    speakers: dict[tuple[str, ...], int] = {}
    for name, (stamp, found) in store.kept.items():
        row: dict[str, Any] = {"name": name, "stamp": stamp}
        if isinstance(found, Entry):
            words = dict(vars(found))
            counted = [words.pop(array) for array in ARRAYS]
            cells += [one.ravel() for one in counted]
            row["shapes"] = [one.shape for one in counted]
            words["speakers"] = speakers.setdefault(found.speakers, len(speakers))
            traces: Traces = words.pop("traces")
            mistakes.append(traces.mistakes)
            row["traces"] = [traces.answers, traces.folds, len(traces.mistakes)]
            row["entry"] = {**words, "params": dict(found.params), "audio": dict(found.audio)}
        else:
            row["rejected"] = asdict(found)
        rows.append(row)
    statistics, parts = store.statistics, store.kept_parts.items()
    texts = {
        f"{corpus} {name}": _bytes(text)
        for corpus, part in parts
        for name, text in part.texts.items()
    }
    known = {
        "version": store.version,
        "rows": rows,
        "speakers": list(speakers),
        "parts": {corpus: {**vars(part), "texts": [*part.texts]} for corpus, part in parts},
        "pvalues": {key: one for key, one in statistics.pvalues.items() if key in statistics.asked},
        "intervals": {
            key: one for key, one in statistics.intervals.items() if key in statistics.asked
        },
    }
    counts = np.concatenate([np.empty(0, np.int32), *cells], dtype=np.int32, casting="same_kind")
    wrong = np.concatenate([np.empty(0, np.uint8), *mistakes])
    arrays = {"known": _bytes(json.dumps(known)), "counts": counts, "mistakes": wrong}
    return safetensors.numpy.save({**arrays, **texts})


def _bytes(text: str) -> Array:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def _unpack(store: Store, data: bytes) -> None:
    """Fill a store with what was packed by the same code; anything else leaves it empty."""
    arrays = safetensors.numpy.load(data)
    known = json.loads(arrays["known"].tobytes())
    if known["version"] != store.version:
        return
    speakers = [tuple(names) for names in known["speakers"]]
    counts, mistakes = arrays["counts"], arrays["mistakes"]
    at = begin = 0
    for row in known["rows"]:
        if "rejected" in row:
            found: Outcome = Rejected(row["rejected"]["folder"], tuple(row["rejected"]["reasons"]))
        else:
            words = row["entry"]
            for array, shape in zip(ARRAYS, row["shapes"], strict=True):
                size = math.prod(shape)
                words[array] = counts[at : at + size].reshape(shape)
                at += size
            words["speakers"] = speakers[words["speakers"]]
            words |= {
                key: tuple(words[key]) for key in ("objections", "reproductions", "flags", "notes")
            }
            words["records"] = tuple(Record(*one) for one in words["records"])
            answers, folds, length = row["traces"]
            traces = mistakes[begin : begin + length]
            words["traces"] = Traces(answers, tuple(Fold(*one) for one in folds), traces)
            begin += length
            found = Entry(**words)
        store.outcomes[row["name"]] = (row["stamp"], found)
    for corpus, words in known["parts"].items():
        texts = {
            name: arrays[f"{corpus} {name}"].tobytes().decode("utf-8", "surrogatepass")
            for name in words["texts"]
        }
        store.parts[corpus] = Part(words["stamp"], words["tables"], tuple(words["asked"]), texts)
    store.statistics.pvalues |= known["pvalues"]
    store.statistics.intervals |= {key: Interval(*one) for key, one in known["intervals"].items()}
