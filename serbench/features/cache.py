"""What the cache holds, by corpus and feature, and its removal beside running evaluations.

Everything in the cache can be computed again. A process that uses a feature or a generated corpus
holds a lock beside its folder, so that `remove` leaves it alone.
"""

import contextlib
import datetime
import glob
import json
import os
import re
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serbench import escaping, tables
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.features import audio
from serbench.features.store import Feature
from serbench.files import (
    alone_with,
    holder,
    lock,
    lock_kind,
    probe,
    replacing,
    size_of,
    writing_error,
)
from serbench.parameters import short_spec
from serbench.plugins import registry

FORMATS = ("text", "markdown", "csv", "json")
HEAD = ("what", "corpus", "parameters", "version", "utterances", "size", "last used")
NOTE = "feature.json"  # says which feature a folder holds; its time is that of the last use
RECENT = 60.0  # seconds; what was used since then may be about to be locked
OLD = "old version"
GONE = re.compile(r"\..+\.gone-[0-9a-f]{8}")  # what is being removed
UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


@contextlib.contextmanager
def in_use(cache: Path, feature: Feature, place: Path) -> Iterator[None]:
    """Keep a feature and a generated corpus from being removed, and note that they are used.

    In a cache that cannot be written, nothing can be removed either, and nothing is noted.

    Args:
        cache: see `serbench.settings.Settings`.
        feature: its stored arrays are used.
        place: the folder of the corpus, or a file in it.
    """
    folder, corpora = feature.folder(cache.resolve()), cache.resolve() / "corpora"
    used = [folder]
    if place.is_relative_to(corpora) and place != corpora:
        used.append(corpora / place.relative_to(corpora).parts[0])
    with contextlib.ExitStack() as locks:
        for path in used:
            with contextlib.suppress(SerbenchError, OSError), alone_with(path):
                with probe(path.parent) as file:
                    kind = lock_kind(Path(file.name))
                name = f".{path.name}.{socket.gethostname()}-{os.getpid()}.lock"
                locks.enter_context(lock(kind(path.with_name(name)), path.with_name(name)))
        times = (*used[1:], audio.digests_file(cache, place))
        _note(feature, folder, times)
        try:
            yield
        finally:
            _note(feature, folder, times)


def _note(feature: Feature, folder: Path, times: Sequence[Path]) -> None:
    """Note in a folder which feature it holds, and that this and other files are used now."""
    with contextlib.suppress(SerbenchError, OSError):
        if folder.exists() and not (folder / NOTE).exists():
            with replacing(folder / NOTE) as temporary:
                temporary.write_text(json.dumps({"schema": 1, **asdict(feature)}))
    for path in (folder / NOTE, *times):
        with contextlib.suppress(OSError):
            os.utime(path)


@dataclass(frozen=True)
class Part:
    """Files of the cache that are listed and removed together.

    Attributes:
        kind: "features", "audio digests", "generated corpus", or the name of something else.
        paths: the files and folders.
        owner: the file or folder beside which processes lock them.
        used: when they were last used, in seconds since 1970.
        size: in bytes.
        corpus: the name of the corpus's folder, "" if unknown.
        utterances: of the corpus; 0 if unknown.
        feature: the feature; without a version if only its name is known.
        state: `OLD`, "not installed", or "".
    """

    kind: str
    paths: tuple[Path, ...]
    owner: Path
    used: float
    size: int
    corpus: str = ""
    utterances: int = 0
    feature: Feature | None = None
    state: str = ""

    @property
    def title(self) -> str:
        """Return the part's name for a line of text: "features mel of ravdess"."""
        name = f"{self.kind} {self.feature.name}" if self.feature else self.kind
        return f"{name} of {self.corpus}" if self.corpus else name

    def cells(self) -> dict[str, Any]:
        """Return the part as plain values, as JSON and CSV have them."""
        feature = self.feature
        params: dict[str, object] = {**feature.params} if feature else {}
        if feature and feature.reading.get("trim_db", 60.0) != 60.0:
            params["trim_db"] = feature.reading["trim_db"]
        if feature and "perturbation" in feature.reading:
            params["perturbation"] = short_spec(str(feature.reading["perturbation"]))
        words = [*([feature.version] if feature and feature.version else [])]
        words += [f"({self.state})"] if self.state and words else [self.state] * bool(self.state)
        return {
            "what": f"{self.kind} {feature.name}" if feature else self.kind,
            "corpus": self.corpus,
            "parameters": ", ".join(f"{name}={value}" for name, value in params.items()),
            "version": " ".join(words),
            "utterances": self.utterances or None,
            "size": self.size,
            "last used": datetime.datetime.fromtimestamp(self.used).isoformat(" ", "minutes"),
        }


def parts(cache: Path) -> list[Part]:
    """Return everything that the cache holds, sorted by kind and name."""
    cache = cache.resolve()
    digests, listed = _digests(cache)
    digests_of: dict[str, set[str]] = {}
    for part, keys in digests:
        digests_of.setdefault(part.corpus, set()).update(keys)
    last = {corpus: max(p.used for p, _ in digests if p.corpus == corpus) for corpus in listed}
    found = [part for part, _ in digests]
    for folder in _visible(cache / "corpora"):
        corpus = corpus_name(folder, cache)
        count = listed.get(corpus, 0)
        used = folder.stat().st_mtime
        found.append(
            Part("generated corpus", (folder,), folder, used, size_of(folder), corpus, count)
        )
    for folder in _visible(cache / "features"):
        found += _features(folder, digests_of, last)
    for path in _visible(cache):
        if path.name not in ("audio", "corpora", "features"):
            used = max((each.lstat().st_mtime for each in (path, *path.rglob("*"))), default=0.0)
            found.append(Part(path.name, (path,), path, used, size_of(path)))
    return sorted(found, key=lambda part: (*list(part.cells().values())[:4], part.paths))


def _visible(folder: Path) -> list[Path]:
    """Return what a folder holds, without hidden files and links, which are left alone."""
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if not path.name.startswith(".") and not path.is_symlink()
        )
    except (FileNotFoundError, NotADirectoryError):
        return []


def _digests(cache: Path) -> tuple[list[tuple[Part, Set[str]]], dict[str, int]]:
    """Return the files of audio digests with their digests, and the utterances of each corpus."""
    rows: list[tuple[Part, Set[str]]] = []
    listed: Counter[str] = Counter()
    for path in _visible(cache / "audio"):
        root, keys = audio.stored_digests(path)
        corpus = corpus_name(root, cache) if root else ""
        listed[corpus] += len(keys)
        used, size = path.stat().st_mtime, size_of(path)
        rows.append((Part("audio digests", (path,), path, used, size, corpus, len(keys)), keys))
    return rows, dict(listed)


def corpus_name(root: Path, cache: Path) -> str:
    """Return the name of a corpus's folder; without its version if the corpus is generated."""
    return root.name.rpartition("-")[0] if root.parent == cache / "corpora" else root.name


def _features(
    folder: Path, digests_of: Mapping[str, Set[str]], last: Mapping[str, float]
) -> Iterator[Part]:
    """Yield a part for each corpus that has features in a folder.

    A shard belongs to the corpus of most of its arrays, the smaller one if one holds the other.
    """
    shards: dict[str, list[Path]] = {}
    counts: Counter[str] = Counter()
    for path in folder.glob("*.safetensors"):
        keys = _keys(path)
        shared = {name: len(keys & digests) for name, digests in digests_of.items()}
        best = max(shared, key=lambda name: (shared[name], -len(digests_of[name])), default="")
        corpus = best if shared.get(best) else ""
        shards.setdefault(corpus, []).append(path)
        counts[corpus] += len(keys)
    used = (folder / NOTE if (folder / NOTE).exists() else folder).stat().st_mtime
    feature = _noted(folder)
    state = _state(feature) if feature.version else ""
    for corpus, paths in shards.items() or {"": [folder]}.items():
        yield Part(
            kind="features",
            paths=tuple(paths) if len(shards) > 1 else (folder,),
            owner=folder,
            used=min(used, last.get(corpus, used)),
            size=sum(map(size_of, paths)),
            corpus=corpus,
            utterances=counts[corpus],
            feature=feature,
            state=state,
        )


def _keys(shard: Path) -> set[str]:
    """Return the digests in a shard's header; none if it is damaged."""
    try:
        with shard.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return {key for key in header if key != "__metadata__"}
    except (OSError, ValueError, OverflowError, MemoryError, TypeError):
        return set()


def _noted(folder: Path) -> Feature:
    """Return the feature of a folder; only its name, with the folder's digest, if none is noted."""
    try:
        stored = json.loads((folder / NOTE).read_text())
        return Feature(**{name: stored[name] for name in ("name", "version", "params", "reading")})
    except (OSError, ValueError, TypeError, KeyError):
        return Feature(folder.name, "")


def _state(feature: Feature) -> str:
    """Return whether an installed plugin still makes these features."""
    try:
        entry = registry.find("feature", feature.name)
        version = registry.version(entry, registry.load(entry))
        reading = audio.Reading.of(feature.reading).identity()
    except SerbenchError:
        return "not installed"
    return "" if (version, reading) == (feature.version, dict(feature.reading)) else OLD


@dataclass(frozen=True)
class Filter:
    """Which parts of the cache are meant: those that fit everything that is given."""

    corpus: str | None = None
    feature: str | None = None
    older_than: str | None = None  # "30d", "12h", "2w"
    old: bool = False  # only features of versions that are no longer installed

    def chosen(self, cached: Sequence[Part]) -> list[Part]:
        """Return the parts that fit.

        Raises:
            SerbenchError: there is no such corpus or feature in the cache, or no such age.
        """
        corpus = None if self.corpus is None else re.sub("[:,]", "-", self.corpus).lower()
        corpora = sorted({part.corpus for part in cached if part.corpus})
        if corpus is not None and corpus not in map(str.lower, corpora):
            raise nearest("corpus", str(self.corpus), corpora, " in the cache")
        features = sorted({part.feature.name for part in cached if part.feature})
        if self.feature is not None and self.feature not in features:
            raise nearest("feature", self.feature, features, " in the cache")
        before = time.time() - (_seconds(self.older_than) if self.older_than else -1)
        return [
            part
            for part in cached
            if corpus in (None, part.corpus.lower())
            and (self.feature is None or (part.feature and part.feature.name == self.feature))
            and (not self.old or part.state == OLD)
            and part.used < before
        ]


def _seconds(age: str) -> float:
    found = re.fullmatch(r"(\d+)\s*([hdw])", age.strip())
    if not found:
        raise BadParameter(f"--older-than is {age!r}, but must be like 12h, 30d or 2w")
    return int(found[1]) * UNITS[found[2]]


def remove(part: Part) -> str:
    """Remove a part of the cache, unless it is used; return why it was left, or "".

    Raises:
        SerbenchError: a file cannot be removed.
    """
    try:
        with alone_with(part.owner):
            if user := _user(part.owner):
                return f"is used by {user}"
            noted = part.owner / NOTE if part.feature else part.owner
            with contextlib.suppress(FileNotFoundError):
                if time.time() - noted.stat().st_mtime < RECENT:
                    return f"was used less than {RECENT:.0f} s ago"
            for path in part.paths:
                _discard(path)
            if part.feature and part.owner.is_dir() and not any(part.owner.glob("*.safetensors")):
                _discard(part.owner)
    except OSError as error:
        raise writing_error(Path(error.filename or part.owner), error) from error
    return ""


def _user(owner: Path) -> str:
    """Return a process that uses a file or folder, or ""; remove locks of processes that ended."""
    for path in owner.parent.glob(f".{glob.escape(owner.name)}.*-*.lock"):
        with probe(owner.parent) as file:
            kind = lock_kind(Path(file.name))
        with lock(kind(path), path) as held:
            if not held:
                return str(holder(path) or "another process")
    return ""


def _discard(path: Path) -> None:
    """Remove a file or a folder; a folder is hidden first, so that nobody sees a part of it."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):  # another command also removes it
        path.rename(path.with_name(f".{path.name}.gone-{os.urandom(4).hex()}"))
    for left in path.parent.iterdir():  # also what killed commands left
        if GONE.fullmatch(left.name):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(left)


def table(cached: Sequence[Part], form: str) -> str:
    """Return a table of parts of the cache with their total, in one of `FORMATS`."""
    rows = [part.cells() for part in cached]
    total = sum(part.size for part in cached)
    if form == "json":
        return escaping.as_json({"parts": rows, "size": total})
    exact = form == "csv"
    cells = [
        [
            row["what"],
            row["corpus"] or "-",
            row["parameters"] if exact else escaping.shown(row["parameters"], 40) or "-",
            row["version"] or "-",
            str(row["utterances"] or "-"),
            str(row["size"]) if exact else megabytes(row["size"]),
            row["last used"],
        ]
        for row in rows
    ]
    if not exact:
        cells.append(["total", "", "", "", "", megabytes(total), ""])
    return tables.table(HEAD, cells, form)


def megabytes(size: int) -> str:
    """Return a size in megabytes.

    >>> megabytes(1_234_567)
    '1.2 MB'
    """
    return f"{size / 1e6:.1f} MB"
