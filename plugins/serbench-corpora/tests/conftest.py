"""Look-alikes of the corpora, cheap copies of them that a test may spoil, and a web server."""

import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from serbench_corpora import fake_corpora


@pytest.fixture(scope="session")
def ravdess_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ravdess")
    fake_corpora.write_ravdess(root)
    return root


@pytest.fixture(scope="session")
def crema_d_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("crema-d")
    fake_corpora.write_crema_d(root)
    return root


@pytest.fixture(scope="session")
def iemocap_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("iemocap")
    fake_corpora.write_iemocap(root)
    return root


@pytest.fixture
def ravdess_zip(ravdess_tree: Path, tmp_path: Path) -> Callable[[str], Path]:
    """From a pattern of actors to a zip of them: `ravdess_zip("Actor_01")`."""

    def write(pattern: str) -> Path:
        archive = tmp_path / "actors.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            for path in sorted(ravdess_tree.glob(f"{pattern}/*.wav")):
                opened.write(path, path.relative_to(ravdess_tree))
        return archive

    return write


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection fails at once."""
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def ravdess_copy(ravdess_tree: Path, tmp_path: Path) -> Path:
    """Hard links: rename, delete and replace, but do not write into a file."""
    return _linked(ravdess_tree, tmp_path / "ravdess")


@pytest.fixture
def crema_d_copy(crema_d_tree: Path, tmp_path: Path) -> Path:
    """Hard links: rename, delete and replace, but do not write into a file."""
    return _linked(crema_d_tree, tmp_path / "crema-d")


@pytest.fixture
def iemocap_copy(iemocap_tree: Path, tmp_path: Path) -> Path:
    """Session1 of hard links, the other sessions are links to their folders."""
    release = iemocap_tree / "IEMOCAP_full_release"
    copied = tmp_path / "iemocap"
    _linked(release / "Session1", copied / "Session1")
    for session in range(2, 6):
        (copied / f"Session{session}").symlink_to(release / f"Session{session}")
    return copied


def _linked(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target, copy_function=os.link))


class Server(ThreadingHTTPServer):
    """A web server on this machine that can be made to misbehave.

    Attributes:
        files: what it serves, by name.
        requests: the name and the Range of every request so far.
        breaks_off: how many of the next answers stop half-way.
        busy: how many of the next answers are 503.
        resumes: whether it heeds Range.
        delay: seconds before each answer.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.breaks_off = 0
        self.busy = 0
        self.resumes = True
        self.delay = 0.0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name, asked = self.path.lstrip("/"), self.headers["Range"]
        self.server.requests.append((name, asked))
        time.sleep(self.server.delay)
        if self.server.busy:
            self.server.busy -= 1
            self._answer(503, b"")
        elif name not in self.server.files:
            self._answer(404, b"")
        elif asked and self.server.resumes:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            rest = self.server.files[name][start:]
            self._answer(206 if rest else 416, rest)
        else:
            self._answer(200, self.server.files[name])

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks_off and body:
            self.server.breaks_off -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as started:
        thread = threading.Thread(target=started.serve_forever, args=(0.01,))
        thread.start()
        yield started
        started.shutdown()
        thread.join()
