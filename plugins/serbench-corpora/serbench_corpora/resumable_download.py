"""Download files over unreliable networks: resume broken downloads and verify checksums.

Loaders import this module for `RemoteFile`, so pooch, requests and rich are imported only when a
download starts.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from serbench import CorpusError

if TYPE_CHECKING:
    import requests

AGAIN = "the received part is kept: run the same command again to resume"
CHUNK = 1 << 14  # bytes: the most that is lost when a connection breaks off
TIMEOUT = (10, 60)  # seconds: to connect, and between two chunks
BUSY = (429, 500, 502, 503, 504)
ATTEMPTS = 5  # to download one file


@dataclass(frozen=True)
class RemoteFile:
    """A published file."""

    url: str
    name: str  # path below the folder of the download: "AudioWAV/1001_DFA_ANG_XX.wav"
    size: int  # in bytes
    checksum: str  # "md5:..." or "sha256:..."


class StoppedError(Exception):
    """Another download has failed, or the user has interrupted."""


def fetch(
    files: Sequence[RemoteFile], folder: Path, *, at_once: int = 1, pause: float = 1.0
) -> None:
    """Download files into `folder`, except those that exist there with the right checksum.

    A second call resumes where the first one stopped. Progress is shown only on a terminal.

    Args:
        files: the files to fetch.
        folder: created if necessary.
        at_once: how many files to download at the same time.
        pause: seconds before a broken download is resumed, doubled each time.

    Raises:
        CorpusError: no network, no such file, no room, or other bytes than were published.
    """
    import pooch
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    size = sum(file.size for file in files)
    check_room(folder, size)
    pooch.get_logger().setLevel("ERROR")  # pooch would print a line per file
    stop = threading.Event()
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    progress = Progress(*columns, console=console, disable=not console.is_terminal)
    with progress, ThreadPoolExecutor(at_once) as pool:
        task = progress.add_task(folder.name, total=size)

        def advance(size: int) -> None:
            if stop.is_set():
                raise StoppedError
            progress.advance(task, size)

        shares = [files[start::at_once] for start in range(at_once)]
        jobs = [pool.submit(_fetch_share, share, folder, advance, pause) for share in shares]
        try:
            for job in as_completed(jobs):
                job.result()
        finally:
            stop.set()


def check_room(folder: Path, needed: int) -> None:
    """Refuse a folder, which need not exist yet, if its disk has fewer than `needed` bytes free.

    Raises:
        CorpusError: there is too little room.
    """
    place = folder.absolute()
    existing = next(parent for parent in (place, *place.parents) if parent.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise CorpusError(
            f"not enough room in {folder}: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} "
            "MB are free; free some, or choose another disk with SERBENCH_DATA"
        )


def _fetch_share(
    files: Sequence[RemoteFile], folder: Path, advance: Callable[[int], None], pause: float
) -> None:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    # one session per thread, since sessions must not be shared between threads
    with requests.Session() as session:
        retry = Retry(
            total=3,
            connect=1,
            backoff_factor=pause / 2,
            status_forcelist=BUSY,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        for file in files:
            _retrieve(ResumingDownloader(file, folder, session, advance, pause))


def _retrieve(downloader: "ResumingDownloader") -> None:
    import pooch
    import requests

    file, folder = downloader.file, downloader.folder
    try:
        # pooch creates folders too, but fails if another thread has just created one
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(file.url, file.checksum, file.name, folder, downloader=downloader)
    except requests.RequestException as error:
        raise CorpusError(
            f"cannot reach {file.url} ({type(error).__name__}): check the network, or the proxy in "
            f"HTTPS_PROXY; {AGAIN}"
        ) from error
    except OSError as error:
        raise CorpusError(
            f"cannot write {file.name} in {folder}: {error.strerror or error}; make room there, or "
            f"correct the folder's permissions; {AGAIN}"
        ) from error
    except ValueError as error:  # pooch's error for a wrong checksum
        raise CorpusError(
            f"{file.name} from {file.url} is not the published file, its checksum is not "
            f"{file.checksum}: it was removed; run the same command again, and if that does not "
            "help, get the file elsewhere"
        ) from error


@dataclass(frozen=True)
class ResumingDownloader:
    """Downloads one file for pooch, into a `.part` file that is kept if the download fails.

    `advance` is called with the bytes received, negative if they must be sent again; see `fetch`.
    """

    file: RemoteFile
    folder: Path
    session: "requests.Session"
    advance: Callable[[int], None]
    pause: float

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Write the whole file to `output_file`."""
        Path(output_file).unlink()  # pooch's empty file would remain if this process were killed
        part = self.folder / f"{self.file.name}.part"
        if _size(part) > self.file.size:
            part.unlink()
        self.advance(_size(part))
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            if _size(part) < self.file.size:
                self._resume(url, part)
            if _size(part) == self.file.size:
                part.replace(output_file)
                return
        raise CorpusError(
            f"the download of {self.file.name} from {url} broke off {ATTEMPTS} times, now "
            f"at {_size(part)} of {self.file.size} bytes; {AGAIN}"
        )

    def _resume(self, url: str, part: Path) -> None:
        import requests

        received = _size(part)
        # compressed bytes could neither be counted nor resumed
        headers = {"Accept-Encoding": "identity"} | (
            {"Range": f"bytes={received}-"} if received else {}
        )
        with self.session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if received and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()  # of another file: start again
                self.advance(-received)
                return
            if response.status_code >= 400:
                raise CorpusError(
                    f"cannot download {self.file.name}: {url} answers {response.status_code} "
                    f"{response.reason}; check whether the publisher has moved the file"
                )
            if received and response.status_code != HTTPStatus.PARTIAL_CONTENT:
                self.advance(-received)  # the server sends everything again
                received = 0
            promised = response.headers.get("Content-Length")
            if promised and received + int(promised) != self.file.size:
                raise self._wrong_size(url, part, received + int(promised))
            # a connection that breaks off is not an error here: the caller checks the size
            with (
                part.open("ab" if received else "wb") as file,
                contextlib.suppress(requests.RequestException),
            ):
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    self.advance(len(chunk))
            if _size(part) > self.file.size:
                raise self._wrong_size(url, part, _size(part))

    def _wrong_size(self, url: str, part: Path, size: int) -> CorpusError:
        part.unlink(missing_ok=True)
        return CorpusError(
            f"{self.file.name} at {url} is not the published file: it has {size} bytes instead of "
            f"{self.file.size}; nothing was kept; try again later, or get the file elsewhere"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
