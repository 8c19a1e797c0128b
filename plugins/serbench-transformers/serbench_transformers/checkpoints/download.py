"""Download files of a repository at the hub: resume broken downloads, and verify every file.

The hub's own client restarts a file after a failure, waits as long as a busy hub asks it to, and
hangs for minutes if the storage that it prefers (Xet) is blocked. So this module downloads files
from their plain addresses into the hub's cache, where every tool looks for them.
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

from serbench import SerbenchError

Result = TypeVar("Result")

TIMEOUT = 20  # seconds between two chunks
CONNECTING = 10  # seconds: blocked storage never answers
CHUNK = 1 << 20  # bytes that are read at once
BUSY = (408, 429, 500, 502, 503, 504)
ATTEMPTS = 5  # without progress; fewer if no connection is made
PAUSE = 1.0  # seconds before the second attempt, doubled each time
LONGEST = 60.0  # seconds; if a busy hub asks for a longer pause, give up
AGAIN = "the received part is kept: run the same command again to resume"


@dataclass(frozen=True)
class File:
    """A file of a repository, with the size and checksum that the hub announces."""

    name: str  # "model.safetensors"
    size: int  # in bytes
    checksum: str  # sha256 of a file in LFS, or git's sha1 of a small file


class BrokenOffError(Exception):
    """A connection ended before the end of the file."""


def fetch(repository: str, commit: str, files: Iterable[File], home: Path) -> None:
    """Download the files of a repository that are missing in `home`, its folder in the hub's cache.

    Raises:
        SerbenchError: a file is not the announced one.
        OSError: a file cannot be written.
        Exception: an error of the hub's client or of the connection; see `waits`.
    """
    from huggingface_hub.utils import WeakFileLock

    for file in files:
        blob = home / "blobs" / file.checksum
        part = blob.with_name(f"{blob.name}.serbench.part")
        if not blob.exists():
            blob.parent.mkdir(parents=True, exist_ok=True)
            lock = home.parent / ".locks" / home.name / f"{blob.name}.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(lock):  # the lock that the hub's own client uses for this file
                patiently(lambda: _receive(repository, commit, file, blob, part), part)  # noqa: B023
        _link(blob, home / "snapshots" / commit / file.name)


def remember(home: Path, revision: str, commit: str) -> None:
    """Record the commit of a branch or tag in the hub's cache."""
    if revision != commit:
        path = home / "refs" / revision
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit)


def patiently(call: Callable[[], Result], part: Path | None = None) -> Result:
    """Make a call, and repeat it after a pause if the hub is busy or the connection broke.

    Attempts are counted since the file `part` last grew. A call without `part` that makes no
    connection is not repeated: there may be no network.
    """
    attempt, furthest = 0, _size(part)
    while True:
        try:
            return call()
        except Exception as error:
            if _size(part) > furthest:
                attempt, furthest = 0, _size(part)
            wait = waits(error, attempt)
            attempts = (1 if part is None else 2) if is_unreachable(error) else ATTEMPTS
            if wait is None or wait > LONGEST or attempt + 1 >= attempts:
                raise
            print(f"{reason(error)}: trying again in {wait:.0f} s", file=sys.stderr)
            time.sleep(wait)
            attempt += 1


def waits(error: Exception, attempt: int = 0) -> float | None:
    """Return the seconds to wait before another attempt, or None if no attempt can help.

    The pause doubles each time; a busy hub may ask for a longer one, in seconds or as a date.
    """
    from huggingface_hub.errors import HfHubHTTPError

    pause = PAUSE * 2.0**attempt
    if isinstance(error, HfHubHTTPError):
        if error.response.status_code not in BUSY:
            return None
        return max(pause, _asked(error.response.headers))
    # by name, since the client's transport differs between versions
    broken = any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
    return pause if broken or isinstance(error, BrokenOffError) else None


def is_unreachable(error: Exception) -> bool:
    """Return whether no connection was made at all."""
    return any(word in type(error).__name__ for word in ("Connect", "Proxy"))


def _asked(headers: Any) -> float:
    """Return the seconds that an answer's headers ask to wait, or 0."""
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(headers)
    stated = headers.get("Retry-After", "")
    if stated.isdecimal():
        return float(stated)
    with contextlib.suppress(ValueError, TypeError):
        return (parsedate_to_datetime(stated) - datetime.now(UTC)).total_seconds()
    return float(limit.reset_in_seconds) if limit and not limit.remaining else 0.0


def reason(error: Exception) -> str:
    """Describe an error of the hub's client or its connection, with the host if known."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        answer = error.response
        return f"{answer.url.host} answers {answer.status_code} {answer.reason_phrase}".strip()
    line = f"{type(error).__name__} {error}".strip().partition("\n")[0]
    with contextlib.suppress(AttributeError, RuntimeError):  # not every error has its request
        return f"{line} ({error.request.url.host})"  # type: ignore[attr-defined]
    return line


def _receive(repository: str, commit: str, file: File, blob: Path, part: Path) -> None:
    """Receive the rest of a file into `part`, verify the file, and move it to `blob`.

    A file that is not the announced one is deleted.
    """
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    if blob.exists():  # another process was faster
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
            if have and answer.status_code == 416:  # range not satisfiable: not a part of this file
                part.unlink()
                raise BrokenOffError(f"{file.name} cannot be resumed")
            hf_raise_for_status(answer)
            have = have if answer.status_code == 206 else 0  # else the server sends the whole file
            with part.open("ab" if have else "wb") as opened:
                _write(answer, opened, file, have)
    if _size(part) < file.size:
        raise BrokenOffError(f"{file.name} ended after {_size(part)} of {file.size} bytes")
    if (received := checksum(part, file)) != file.checksum:
        size = _size(part)
        part.unlink()
        raise SerbenchError(
            f"{file.name} of {repository} is not the announced file: {size} bytes with the "
            f"checksum {received} came, instead of {file.size} with {file.checksum}; nothing was "
            f"kept: run the same command again, and if that does not help, check the "
            f"connection between this machine and {constants.ENDPOINT} (a proxy, a mirror)"
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
        disable=True if file.size < CHUNK else None,  # None disables it without a terminal
    ) as bar:
        for chunk in answer.iter_bytes():
            opened.write(chunk)
            bar.update(len(chunk))
            if opened.tell() > file.size:
                return  # too long, so it is another file


def checksum(path: Path, file: File) -> str:
    """Return the checksum of the bytes at `path`: a sha256 or git's sha1, as the hub announces."""
    sha256 = len(file.checksum) == 64
    start = b"" if sha256 else b"blob %d\0" % path.stat().st_size
    digest = hashlib.new("sha256" if sha256 else "sha1", start)
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _link(blob: Path, place: Path) -> None:
    """Link a snapshot's file to its content, as the hub's client does."""
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)  # a broken link
    try:
        place.symlink_to(os.path.relpath(blob, place.parent))
    except OSError:  # a file system without links
        shutil.copyfile(blob, place)


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path else 0
    except FileNotFoundError:
        return 0
