"""Cache the outcomes of a leaderboard build, so that the next build only checks new submissions.

An outcome is valid while the names, sizes, times and inodes of the submission's files, and the code
that judged it, are unchanged. Rejections are not cached: a missing package or an unreadable disk
may have caused one. The cache file begins with the digest of its contents; a damaged file is
ignored. Deleting the file is always safe: the next build takes longer.
"""

import base64
import hashlib
import importlib.util
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.features import audio
from serbench.files import digest, replacing
from serbench.leaderboard.ranking.entry import Entry, Line, Record, Rejected
from serbench.leaderboard.ranking.fingerprint import Fingerprint, FoldFingerprint
from serbench.leaderboard.ranking.statistics import Statistics
from serbench.metrics.intervals import Interval
from serbench.plugins import registry
from serbench.settings import Settings

SCHEMA = 9
SETTLED = 2.0  # seconds; a file changed more recently may change again without a new time stamp
ARRAYS = ("confusions", "by_speaker")
AUDIO = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aiff", ".au"}

Outcome = Entry | Rejected


@dataclass(frozen=True)
class Part:
    """One corpus's part of every file of the leaderboard."""

    stamp: str  # a digest of the submissions that it shows
    asked: tuple[str, ...]  # the keys of the statistics that it needs
    texts: Mapping[str, str]  # by file name
    pages: Mapping[str, str]  # files of this corpus alone, by path


@dataclass
class Cache:
    """Outcomes of the submissions of one folder, and the parts and statistics made from them."""

    path: Path  # of the cache file
    version: str  # a digest of all code that an outcome depends on
    # by folder, each with the stamp of the folder's files
    outcomes: dict[str, tuple[str, Entry]] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)  # p-values and intervals
    parts: dict[str, Part] = field(default_factory=dict)  # by corpus
    # the outcomes that are new or still valid
    kept: dict[str, tuple[str, Entry]] = field(default_factory=dict)
    # the parts that are new or still valid
    kept_parts: dict[str, Part] = field(default_factory=dict)
    is_changed: bool = False  # whether an outcome or part is new

    def outcome(self, folder: Path, judge: Callable[[Path], Outcome]) -> Outcome:
        """Return the cached outcome of a submission if it is still valid, else call `judge`."""
        name = f"{folder.parent.name}/{folder.name}"
        stamp, changed = _stamp(folder)
        if name in self.outcomes and self.outcomes[name][0] == stamp:
            self.kept[name] = self.outcomes[name]
            return self.outcomes[name][1]
        outcome = judge(folder)
        if isinstance(outcome, Entry) and changed < time.time() - SETTLED:
            self.kept[name] = (stamp, outcome)
            self.is_changed = True
        return outcome

    def part(
        self,
        corpus: str,
        paths: Sequence[str],
        entries: Sequence[Entry],
        make: Callable[[str, Statistics], Part],
    ) -> Part:
        """Return a corpus's part of the leaderboard: the cached one if still valid, else a new one.

        Args:
            corpus: name of the corpus.
            paths: to the folder of all submissions, as the files show them.
            entries: all entries of the corpus.
            make: function that makes it from a stamp (digest of its inputs) and the statistics.
        """
        stamp = ""
        if all(entry.folder in self.kept for entry in entries):
            stamps = []
            for run in entries:  # with the fields that depend on the ledger or on other entries
                sender = [run.account, run.seen, run.order]
                context = [*sender, run.status, run.objections, run.reproductions, run.notes]
                stamps.append([run.folder, self.kept[run.folder][0], context])
            stamp = digest([paths, stamps])
        part = self.parts.get(corpus)
        if part is None or not stamp or part.stamp != stamp:
            statistics = self.statistics.fork()
            part = make(stamp, statistics)
            self.is_changed = True
        self.statistics.asked.update(part.asked)
        if stamp:
            self.kept_parts[corpus] = part
        return part

    def save(self) -> None:
        """Write what was requested since the cache was opened, and drop the rest.

        Errors are ignored: the next build then takes longer.
        """
        keys = self.statistics.pvalues.keys() | self.statistics.intervals.keys()
        has_stale = keys != self.statistics.asked or self.kept.keys() != self.outcomes.keys()
        if not has_stale and not self.is_changed:
            return
        data = _packed(self)
        try:
            with replacing(self.path) as temporary:
                temporary.write_bytes(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        except SerbenchError:
            return


def opened(submissions: Path, places: Settings) -> Cache:
    """Open the cache of a folder of submissions; if its file is missing or damaged, it is empty."""
    name = digest(str(submissions.absolute()))[:16]
    cache = Cache(places.cache / "leaderboard" / f"{name}.json", _version(places))
    try:
        data = cache.path.read_bytes()
    except OSError:
        return cache
    if hashlib.sha256(data[65:]).hexdigest().encode() + b"\n" == data[:65]:
        _unpack(cache, data[65:])
    return cache


def _stamp(folder: Path) -> tuple[str, float]:
    """Return a digest of the attributes of a submission's files, and the last change in seconds."""
    files: list[tuple[str, str, int, int, int, int, int]] = []
    changed = 0
    for below in ("", "/reproductions"):
        try:
            with os.scandir(f"{folder}{below}") as scanned:
                for file in scanned:
                    stat = file.stat(follow_symlinks=False)
                    times = (stat.st_mtime_ns, stat.st_ctime_ns)
                    files.append(
                        (below, file.name, stat.st_mode, stat.st_size, *times, stat.st_ino)
                    )
                    changed = max(changed, stat.st_ctime_ns)
        except OSError:
            continue
    text = repr(sorted(files)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32], changed / 1e9


def _version(places: Settings) -> str:
    """Return a digest of all code that is installed, and of the corpora on this disk.

    The classes of plugins define the parameters to check, if the packages that they need are there.
    """
    installed = registry.installed().entries
    entries = [entry for kind in installed.values() for entry in kind.values()]
    packages = {"serbench", *(re.split("[.:]", entry.target)[0] for entry in entries)}
    lacking = sorted({registry.lacking(entry) for entry in entries})
    corpora = [[name, _tables(places.data / name)] for name in installed["dataset"]]
    return digest([SCHEMA, [*map(_code, sorted(packages))], lacking, corpora, np.__version__])


def _tables(folder: Path) -> list[list[object]] | None:
    """Stamp the files in a corpus's folder except audio; None if the folder does not exist.

    Files may be up to two folders deep, where the tables of users' own corpora are.
    """
    if not folder.is_dir():
        return None
    paths = (path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern))
    tables = sorted(path for path in paths if path.suffix.lower() not in AUDIO)
    return [[str(path.relative_to(folder)), *audio.stamp(path)] for path in tables if path.exists()]


def _code(package: str) -> list[list[object]]:
    """Return the name, size and time of every file of a package, including data files."""
    spec = importlib.util.find_spec(package)
    origin = Path(spec.origin or "") if spec else Path()
    files = origin.parent.rglob("*") if origin.name == "__init__.py" else [origin]
    kept = sorted(file for file in files if file.is_file() and file.suffix != ".pyc")
    return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in kept]


def _packed(cache: Cache) -> bytes:
    statistics = cache.statistics
    state = {
        "version": cache.version,
        "outcomes": cache.kept,
        "parts": cache.kept_parts,
        "pvalues": _asked(statistics.pvalues, statistics),
        "intervals": _asked(statistics.intervals, statistics),
    }
    return json.dumps(state, default=_plain).encode()


def _asked(values: Mapping[str, Any], statistics: Statistics) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in statistics.asked}


def _plain(value: Any) -> Any:
    """Return the type, shape and bytes of an array, or the fields of a dataclass."""
    if not isinstance(value, np.ndarray):
        return vars(value)
    return [value.dtype.str, value.shape, base64.b64encode(value.tobytes()).decode()]


def _unpack(cache: Cache, data: bytes) -> None:
    """Fill a cache from the contents of its file, unless another version of the code wrote it."""
    state = json.loads(data)
    if state["version"] != cache.version:
        return
    for name, (stamp, fields) in state["outcomes"].items():
        cache.outcomes[name] = (stamp, _entry(fields))
    cache.parts |= {corpus: Part(**_tuples(part)) for corpus, part in state["parts"].items()}
    cache.statistics.pvalues |= state["pvalues"]
    cache.statistics.intervals |= {key: Interval(*ends) for key, ends in state["intervals"].items()}


def _entry(fields: dict[str, Any]) -> Entry:
    fields |= {name: _array(*fields[name]) for name in ARRAYS}
    fields["records"] = [Record(*record) for record in fields["records"]]
    fields["curves"] = [Line(*line) for line in fields["curves"]]
    traces = fields["fingerprint"]
    folds = tuple(FoldFingerprint(*fold) for fold in traces["folds"])
    fields["fingerprint"] = Fingerprint(traces["answers"], folds, _array(*traces["mistakes"]))
    return Entry(**_tuples(fields))


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn JSON lists into the tuples that a dataclass has."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }


def _array(dtype: str, shape: Sequence[int], data: str) -> Array:
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
