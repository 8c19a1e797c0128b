"""Download files over unreliable networks: resume broken downloads and verify checksums.

Loaders import this module for `RemoteFile`, so pooch, requests and rich are imported only where a
download begins.
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
CHUNK = 1 << 14  # bytes: at most so much is lost when a connection breaks off
TIMEOUT = (10, 60)  # seconds: to connect, and between two chunks
BUSY = (429, 500, 502, 503, 504)
ATTEMPTS = 5  # how often one file may break off


@dataclass(frozen=True)
class RemoteFile:
    """A published file."""

    url: str
    name: str  # its path below the folder it is fetched into: "AudioWAV/1001_DFA_ANG_XX.wav"
    size: int  # in bytes
    checksum: str  # "md5:..." or "sha256:..."


class StoppedError(Exception):
    """Another download has failed, or the user has interrupted."""


def fetch(
    files: Sequence[RemoteFile], folder: Path, *, at_once: int = 1, pause: float = 1.0
) -> None:
    """Download files into `folder`, except those that are there with the right checksum.

    Running it again resumes where it stopped. Progress is shown on a terminal only.

    Args:
        files: what to fetch.
        folder: made if need be.
        at_once: the number of files at the same time.
        pause: seconds before a broken download is resumed, doubled each time.

    Raises:
        CorpusError: no network, no such file, no room, or not the bytes that were published.
    """
    import pooch
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    size = sum(file.size for file in files)
    check_room(folder, size)
    pooch.get_logger().setLevel("ERROR")  # it would print a line for each of thousands of files
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
    """Make sure that so many bytes fit into a folder, which need not exist yet.

    Raises:
        CorpusError: they do not.
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

    # a connection of its own: a session must not be shared between threads
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
        # pooch makes folders too, but fails where another thread has just made one
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
            f"mend its permissions; {AGAIN}"
        ) from error
    except ValueError as error:  # pooch's error for another checksum
        raise CorpusError(
            f"{file.name} from {file.url} is not what was published, its checksum is not "
            f"{file.checksum}: it was removed; run the same command again, and if that does not "
            "help get it elsewhere"
        ) from error


@dataclass(frozen=True)
class ResumingDownloader:
    """Downloads one file for pooch, into a `.part` beside its place that outlives a failure.

    See `fetch`; `advance` is told how many bytes have come, negative if they must come again.
    """

    file: RemoteFile
    folder: Path
    session: "requests.Session"
    advance: Callable[[int], None]
    pause: float

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Leave the whole file at `output_file`."""
        Path(output_file).unlink()  # an empty file, which must not stay if this process is killed
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

        have = _size(part)
        # compressed bytes could neither be counted nor resumed
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self.session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if have and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()  # of another file: start again
                self.advance(-have)
                return
            if response.status_code >= 400:
                raise CorpusError(
                    f"cannot download {self.file.name}: {url} answers {response.status_code} "
                    f"{response.reason}; see whether the page that publishes it has moved"
                )
            if have and response.status_code != HTTPStatus.PARTIAL_CONTENT:
                self.advance(-have)  # the server sends everything again
                have = 0
            promised = response.headers.get("Content-Length")
            if promised and have + int(promised) != self.file.size:
                raise self._wrong_size(url, part, have + int(promised))
            # a connection that breaks off is no error here: the size shows how far it came
            with (
                part.open("ab" if have else "wb") as file,
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
            f"{self.file.name} at {url} is not what was published: it has {size} bytes instead of "
            f"{self.file.size}; nothing of it was kept; get it elsewhere if that does not change"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
