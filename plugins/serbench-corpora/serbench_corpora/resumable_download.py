"""Download files over unreliable networks: resume broken downloads and verify checksums.

Loaders import this module for `RemoteFile`, so pooch, requests and rich are imported only where a
download begins.
"""

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from serbench.errors import CorpusError

if TYPE_CHECKING:
    import requests
    from rich.progress import Progress

AGAIN = "what came is kept: run the same command again to go on"
CHUNK = 1 << 14  # bytes: at most so much is lost when a connection breaks off
TIMEOUT = (10, 60)  # seconds: to connect, and between two chunks
BUSY = (429, 500, 502, 503, 504)
ATTEMPTS = 5  # how often one file may break off


@dataclass(frozen=True)
class RemoteFile:
    """A file that somebody publishes.

    Attributes:
        url: where it is.
        name: where it goes, below the folder it is fetched into: "AudioWAV/1001_DFA_ANG_XX.wav".
        size: in bytes.
        checksum: "md5:..." or "sha256:...".
    """

    url: str
    name: str
    size: int
    checksum: str


class StoppedError(Exception):
    """Another download has failed, or the user has had enough."""


@dataclass(frozen=True)
class Resuming:
    """Downloads one file for pooch, into a `.part` beside its place that outlives a failure.

    Attributes:
        file: what to fetch.
        folder: where its name counts from.
        session: the connection.
        advance: told how many bytes have come; negative where they must come again.
        pause: seconds before what broke off is resumed, doubled each time.
    """

    file: RemoteFile
    folder: Path
    session: "requests.Session"
    advance: Callable[[int], None]
    pause: float

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Leave the whole file at `output_file`."""
        Path(output_file).unlink()  # or it would stay, empty, where this process is killed
        part = self.folder / f"{self.file.name}.part"
        if _size(part) > self.file.size:
            part.unlink()
        self.advance(_size(part))
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            if _size(part) < self.file.size:
                self._go_on(url, part)
            if _size(part) == self.file.size:
                part.replace(output_file)
                return
        raise CorpusError(
            f"the download of {self.file.name} from {url} broke off {ATTEMPTS} times, now "
            f"at {_size(part)} of {self.file.size} bytes; {AGAIN}"
        )

    def _go_on(self, url: str, part: Path) -> None:
        have = _size(part)
        # compressed bytes could neither be counted nor resumed
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self.session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if have and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()  # of another file: from the start
                self.advance(-have)
                return
            if response.status_code >= 400:
                raise CorpusError(
                    f"cannot download {self.file.name}: {url} answers {response.status_code} "
                    f"{response.reason}; see whether the page that publishes it has moved"
                )
            if have and response.status_code != HTTPStatus.PARTIAL_CONTENT:
                self.advance(-have)  # it sends everything again
                have = 0
            promised = response.headers.get("Content-Length")
            if promised and have + int(promised) != self.file.size:
                raise self._another_size(url, part, have + int(promised))
            with part.open("ab" if have else "wb") as file:
                self._receive(response, file)
            if _size(part) > self.file.size:
                raise self._another_size(url, part, _size(part))

    def _another_size(self, url: str, part: Path, size: int) -> CorpusError:
        part.unlink(missing_ok=True)
        return CorpusError(
            f"{self.file.name} at {url} is not what was published: it has {size} bytes instead of "
            f"{self.file.size}; nothing of it was kept; get it elsewhere if that does not change"
        )

    def _receive(self, response: "requests.Response", file: BinaryIO) -> None:
        import requests

        try:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                self.advance(len(chunk))
        except requests.RequestException:
            return  # broken off: whoever called sees how far it came


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def fetch(
    files: Sequence[RemoteFile], folder: Path, *, at_once: int = 1, pause: float = 1.0
) -> None:
    """Download files into `folder`, those with the right checksum that are there excepted.

    Running it again goes on where it stopped. Progress is shown on a terminal only.

    Args:
        files: what to fetch.
        folder: made if need be.
        at_once: how many at the same time.
        pause: seconds before what broke off is resumed, doubled each time.

    Raises:
        CorpusError: no network, no such file, no room, or not the bytes that were published.
    """
    import pooch

    check_room(folder, sum(file.size for file in files))
    pooch.get_logger().setLevel("ERROR")  # it would print a line for each of thousands of files
    stop = threading.Event()
    with _progress() as bar, ThreadPoolExecutor(at_once) as pool:
        task = bar.add_task(folder.name, total=sum(file.size for file in files))

        def advance(size: int) -> None:
            if stop.is_set():
                raise StoppedError
            bar.advance(task, size)

        shares = [files[start::at_once] for start in range(at_once)]
        jobs = [pool.submit(_fetch_share, share, folder, advance, pause) for share in shares]
        try:
            for job in as_completed(jobs):
                job.result()
        finally:
            stop.set()


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def check_room(folder: Path, needed: int) -> None:
    """Make sure that so many bytes fit into a folder, which need not exist yet.

    Raises:
        CorpusError: they do not.
    """
    there = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir()
    )
    free = shutil.disk_usage(there).free
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
        patience = Retry(
            total=3,
            connect=1,
            backoff_factor=pause / 2,
            status_forcelist=BUSY,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=patience))
        for file in files:
            _fetch_one(Resuming(file, folder, session, advance, pause))


def _fetch_one(download: Resuming) -> None:
    import pooch
    import requests

    file, folder = download.file, download.folder
    try:
        # pooch makes folders too, but stumbles where another thread has just made one
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(file.url, file.checksum, file.name, folder, downloader=download)
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
    except ValueError as error:  # how pooch says that the checksum is another
        raise CorpusError(
            f"{file.name} from {file.url} is not what was published, its checksum is not "
            f"{file.checksum}: it was removed; run the same command again, and if that does not "
            "help get it elsewhere"
        ) from error
