"""Downloads files of a repository at the hub: goes on where it broke off, and checks every byte.

The hub's own client begins a file again after a failure, waits as long as a busy hub tells it to,
and hangs for minutes where the storage that it prefers (Xet) is blocked. So a file comes here by
its plain address, into the place in the hub's cache where every tool looks for it.
"""

import contextlib
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from huggingface_hub import constants

from serbench.errors import SerbenchError

Made = TypeVar("Made")

TIMEOUT = 20  # seconds between two chunks
CONNECTING = 10  # seconds: where a storage is blocked nothing ever answers
CHUNK = 1 << 20  # bytes that are read at once
BUSY = (408, 429, 500, 502, 503, 504)
ATTEMPTS = 5  # without a byte more; two where nothing answers at all
PAUSE = 1.0  # seconds before the second attempt, doubled each time
LONGEST = 60.0  # seconds that a busy hub may ask to wait
AGAIN = "what came is kept: run the same command again to go on"


@dataclass(frozen=True)
class File:
    """A file of a repository, as the hub announces it.

    Attributes:
        name: "model.safetensors".
        size: in bytes.
        checksum: its sha256 where it is stored in LFS, or git's own of a small file (sha1).
    """

    name: str
    size: int
    checksum: str


class BrokenOffError(Exception):
    """A connection ended before the file did."""


def fetch(repository: str, commit: str, files: Iterable[File], home: Path) -> None:
    """Put files into a repository's folder in the hub's cache, those that are not there yet.

    Args:
        repository: its name at the hub.
        commit: that the files are of.
        files: which.
        home: the folder, "models--org--name".

    Raises:
        SerbenchError: what came is not what the hub announced.
        OSError: a file cannot be written.
        Exception: of the hub's client or of its connection; see `waits`.
    """
    for file in files:
        blob = home / "blobs" / file.checksum
        part = blob.with_name(f"{blob.name}.serbench.part")
        if not blob.exists():
            blob.parent.mkdir(parents=True, exist_ok=True)
            with _alone(blob):
                patiently(lambda: _receive(repository, commit, file, blob, part), of=part)  # noqa: B023
        _link(blob, home / "snapshots" / commit / file.name)


def remember(home: Path, revision: str, commit: str) -> None:
    """Note in the hub's cache which commit a branch or a tag is."""
    if revision != commit:
        path = home / "refs" / revision
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit)


def patiently(call: Callable[[], Made], of: Path | None = None) -> Made:
    """What a call makes, called again after a while where the hub is busy or a connection broke.

    A first call that reaches no hub is final: there may be no network.

    Args:
        call: what asks the hub.
        of: the file that grows; attempts are counted since it was last longer than ever.

    Raises:
        Exception: what the last attempt raised.
    """
    attempt, furthest = 0, _size(of)
    while True:
        try:
            return call()
        except Exception as error:
            attempt, furthest = 0 if _size(of) > furthest else attempt, max(furthest, _size(of))
            wait = waits(error, attempt)
            attempts = (1 if of is None else 2) if is_unreachable(error) else ATTEMPTS
            if wait is None or wait > LONGEST or attempt + 1 >= attempts:
                raise
            print(f"{reason(error)}: trying again in {wait:.0f} s", file=sys.stderr)
            time.sleep(wait)
            attempt += 1


def waits(error: Exception, attempt: int = 0) -> float | None:
    """How many seconds to wait before another attempt; None where none can help.

    A busy hub may say how long, as seconds or as a date; the pause doubles otherwise.
    """
    from huggingface_hub.errors import HfHubHTTPError

    pause = PAUSE * 2.0**attempt
    if isinstance(error, HfHubHTTPError):
        if error.response.status_code not in BUSY:
            return None
        return max(pause, _asked(error.response.headers))
    return pause if isinstance(error, BrokenOffError) or _of_connection(error) else None


def is_unreachable(error: Exception) -> bool:
    """Whether no connection was made at all."""
    return any(one in type(error).__name__ for one in ("Connect", "Proxy"))


def _of_connection(error: Exception) -> bool:
    """Whether it is of the client's transport, of whichever name that has in its version."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _asked(headers: Any) -> float:
    """The seconds that an answer says to wait, or 0."""
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(headers)
    stated = headers.get("Retry-After", "")
    if stated.isdecimal():
        return float(stated)
    with contextlib.suppress(ValueError, TypeError):
        return (parsedate_to_datetime(stated) - datetime.now(UTC)).total_seconds()
    return float(limit.reset_in_seconds) if limit and not limit.remaining else 0.0


def reason(error: Exception) -> str:
    """An error of the hub's client or its connection in a few words, with the host where known."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        answer = error.response
        return f"{answer.url.host} answers {answer.status_code} {answer.reason_phrase}".strip()
    words = f"{type(error).__name__} {error}".strip().partition("\n")[0]
    with contextlib.suppress(AttributeError, RuntimeError):  # not every error knows its request
        return f"{words} ({error.request.url.host})"  # type: ignore[attr-defined]
    return words


def _receive(repository: str, commit: str, file: File, blob: Path, part: Path) -> None:
    """Receive the rest of a file into `part`, and move it to `blob` where it is what it should be.

    Raises:
        SerbenchError: it is another one; nothing of it is kept.
        BrokenOffError: there is more to come.
    """
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    if blob.exists():  # somebody else was faster
        return
    have = _size(part) if _size(part) <= file.size else 0
    url = hf_hub_url(repository, file.name, revision=commit, endpoint=constants.ENDPOINT)
    # compressed bytes could neither be counted nor resumed
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    if have < file.size or not file.size:
        with get_session().stream(
            "GET",
            url,
            headers=headers,
            timeout=(CONNECTING, TIMEOUT, TIMEOUT, TIMEOUT),
            follow_redirects=True,
        ) as answer:
            if have and answer.status_code == 416:  # range not satisfiable: it is of another file
                part.unlink()
                raise BrokenOffError(f"{file.name} cannot be gone on with")
            hf_raise_for_status(answer)
            have = have if answer.status_code == 206 else 0  # or it sends everything again
            with part.open("ab" if have else "wb") as opened:
                _write(answer, opened, file, have)
    if _size(part) < file.size:
        raise BrokenOffError(f"{file.name} ended after {_size(part)} of {file.size} bytes")
    if (came := checksum(part, file)) != file.checksum:
        size = _size(part)
        part.unlink()
        raise SerbenchError(
            f"{file.name} of {repository} is not what the hub announces: {size} bytes with the "
            f"checksum {came} came, instead of {file.size} with {file.checksum}; nothing of it "
            f"was kept: run the same command again, and if that does not help see what stands "
            f"between this machine and {constants.ENDPOINT} (a proxy, a mirror)"
        )
    part.replace(blob)


def _write(answer: Any, opened: BinaryIO, file: File, have: int) -> None:
    from huggingface_hub.utils import tqdm

    with tqdm(
        total=file.size,
        initial=have,
        unit="B",
        unit_scale=True,
        desc=file.name,
        disable=True if file.size < CHUNK else None,  # None: where there is no terminal
    ) as bar:
        for chunk in answer.iter_bytes():
            opened.write(chunk)
            bar.update(len(chunk))
            if opened.tell() > file.size:
                return  # of another file


def checksum(path: Path, file: File) -> str:
    """The checksum of the bytes at `path`, of the kind that the hub announces for the file."""
    sha256 = len(file.checksum) == 64
    start = b"" if sha256 else b"blob %d\0" % path.stat().st_size
    known = hashlib.new("sha256" if sha256 else "sha1", start)
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            known.update(chunk)
    return known.hexdigest()


@contextlib.contextmanager
def _alone(blob: Path) -> Any:
    """Hold the lock that the hub's own client takes for this file."""
    from huggingface_hub.utils import WeakFileLock

    home = blob.parent.parent
    lock = home.parent / ".locks" / home.name / f"{blob.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        yield


def _link(blob: Path, place: Path) -> None:
    """Let a snapshot's file lead to its bytes, as the hub's client does."""
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)  # it led to bytes that are gone
    try:
        place.symlink_to(os.path.relpath(blob, place.parent))
    except OSError:  # a file system without links
        shutil.copyfile(blob, place)


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path else 0
    except FileNotFoundError:
        return 0
