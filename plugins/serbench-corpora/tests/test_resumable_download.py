import hashlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from serbench.errors import CorpusError
from serbench_corpora.resumable_download import CHUNK, RemoteFile, fetch

CONTENT = os.urandom(300_000)

Server = Any  # of conftest.py


def remote(server: Server, name: str = "a.wav", content: bytes = CONTENT) -> RemoteFile:
    """A file as it was published, which the server has."""
    server.files[name] = content
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return RemoteFile(server.url(name), name, len(content), checksum)


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(server: Server, tmp_path: Path) -> None:
    fetch([remote(server, "AudioWAV/a.wav")], tmp_path / "new", pause=0)

    assert (tmp_path / "new/AudioWAV/a.wav").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").rglob("*")] == ["AudioWAV", "a.wav"]


def test_md5_will_do(server: Server, tmp_path: Path) -> None:
    server.files["a.zip"] = CONTENT
    checksum = f"md5:{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"

    fetch([RemoteFile(server.url("a.zip"), "a.zip", len(CONTENT), checksum)], tmp_path, pause=0)

    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    file = remote(server)
    fetch([file], tmp_path, pause=0)
    fetch([file], tmp_path, pause=0)

    assert len(server.requests) == 1


def test_many_files_arrive_at_once_in_a_new_folder(server: Server, tmp_path: Path) -> None:
    contents = {f"wav/{i}.wav": os.urandom(1000 + i) for i in range(20)}
    files = [remote(server, name, content) for name, content in contents.items()]

    fetch(files, tmp_path / "new", at_once=8, pause=0)

    arrived = {f"wav/{path.name}": path.read_bytes() for path in (tmp_path / "new/wav").iterdir()}
    assert arrived == contents


def test_nothing_is_printed_where_there_is_no_terminal(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch([remote(server)], tmp_path, pause=0)

    assert capfd.readouterr() == ("", "")


# ---- resuming ----


def test_a_connection_that_breaks_off_is_resumed(server: Server, tmp_path: Path) -> None:
    server.breaks_off = 2
    fetch([remote(server)], tmp_path, pause=0)

    assert (tmp_path / "a.wav").read_bytes() == CONTENT
    starts = [int(asked[len("bytes=") : -1]) for _, asked in server.requests if asked]
    # half of the rest each time, in whole chunks
    assert starts == [9 * CHUNK, 13 * CHUNK]


def test_a_run_that_was_killed_is_resumed_by_the_next(server: Server, tmp_path: Path) -> None:
    file = remote(server)
    (tmp_path / "a.wav.part").write_bytes(CONTENT[:1000])
    fetch([file], tmp_path, pause=0)

    assert (tmp_path / "a.wav").read_bytes() == CONTENT
    assert server.requests == [("a.wav", "bytes=1000-")]


def test_a_run_that_was_killed_leaves_nothing_else_behind(server: Server, tmp_path: Path) -> None:
    server.delay = 5
    file = remote(server)
    program = (
        "from pathlib import Path\n"
        "from serbench_corpora.resumable_download import RemoteFile, fetch\n"
        f"fetch([{file!r}], Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as run:
        while not server.requests:
            assert run.poll() is None
            time.sleep(0.01)
        run.kill()

    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_at_the_very_end_needs_no_network(
    server: Server, tmp_path: Path
) -> None:
    file = remote(server)
    (tmp_path / "a.wav.part").write_bytes(CONTENT)
    fetch([file], tmp_path, pause=0)

    assert (tmp_path / "a.wav").read_bytes() == CONTENT
    assert server.requests == []


def test_a_server_that_cannot_resume_sends_everything_again(server: Server, tmp_path: Path) -> None:
    server.resumes = False
    file = remote(server)
    (tmp_path / "a.wav.part").write_bytes(CONTENT[:1000])
    fetch([file], tmp_path, pause=0)

    assert (tmp_path / "a.wav").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_started_anew(server: Server, tmp_path: Path) -> None:
    file = remote(server)
    (tmp_path / "a.wav.part").write_bytes(CONTENT + b"?")
    fetch([file], tmp_path, pause=0)

    assert (tmp_path / "a.wav").read_bytes() == CONTENT


def test_a_connection_that_keeps_breaking_off_keeps_what_came(
    server: Server, tmp_path: Path
) -> None:
    server.breaks_off = 5
    file = remote(server)
    with pytest.raises(
        CorpusError,
        match=r"broke off 5 times, now at 278528 of 300000 bytes; the received part is kept",
    ):
        fetch([file], tmp_path, pause=0)
    assert (tmp_path / "a.wav.part").read_bytes() == CONTENT[: 17 * CHUNK]

    fetch([file], tmp_path, pause=0)
    assert (tmp_path / "a.wav").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.busy = 2
    fetch([remote(server)], tmp_path, pause=0)

    assert (tmp_path / "a.wav").read_bytes() == CONTENT


# ---- what is refused ----


def test_other_bytes_of_the_same_size_are_refused_and_removed(
    server: Server, tmp_path: Path
) -> None:
    file = remote(server)
    server.files["a.wav"] = bytes(len(CONTENT))

    with pytest.raises(CorpusError, match=r"a\.wav .* not the published file.*checksum.*removed"):
        fetch([file], tmp_path, pause=0)
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_another_file_is_found_out_and_the_next_run_is_right(
    server: Server, tmp_path: Path
) -> None:
    file = remote(server)
    (tmp_path / "a.wav.part").write_bytes(bytes(1000))

    with pytest.raises(CorpusError, match="not the published file"):
        fetch([file], tmp_path, pause=0)
    fetch([file], tmp_path, pause=0)
    assert (tmp_path / "a.wav").read_bytes() == CONTENT


def test_another_size_is_refused_before_it_is_fetched(server: Server, tmp_path: Path) -> None:
    file = remote(server)
    server.files["a.wav"] = b"<html>please log in</html>"

    with pytest.raises(CorpusError, match=r"it has 26 bytes instead of 300000; nothing was"):
        fetch([file], tmp_path, pause=0)
    assert list(tmp_path.iterdir()) == []


def test_a_shorter_file_does_not_trap_the_part_of_a_longer_one(
    server: Server, tmp_path: Path
) -> None:
    file = remote(server)
    server.files["a.wav"] = CONTENT[:1000]
    (tmp_path / "a.wav.part").write_bytes(CONTENT[:2000])

    with pytest.raises(CorpusError, match="it has 1000 bytes instead of 300000"):
        fetch([file], tmp_path, pause=0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_is_said_to_be(server: Server, tmp_path: Path) -> None:
    file = remote(server)
    server.files.clear()

    with pytest.raises(
        CorpusError, match=r"cannot download a\.wav: http://.* answers 404 Not Found"
    ):
        fetch([file], tmp_path, pause=0)


def test_a_server_that_stays_busy_is_said_to_be(server: Server, tmp_path: Path) -> None:
    server.busy = 99

    with pytest.raises(CorpusError, match="answers 503"):
        fetch([remote(server)], tmp_path, pause=0)


def test_no_network_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        file = RemoteFile(f"http://127.0.0.1:{unused.getsockname()[1]}/a", "a", 1, "md5:0")

        with pytest.raises(
            CorpusError, match=r"cannot reach http.*check the network.*run the same"
        ):
            fetch([file], tmp_path, pause=0)


def test_too_little_room_is_seen_before_anything_is_fetched(server: Server, tmp_path: Path) -> None:
    file = RemoteFile(server.url("a"), "a", 10**18, "md5:0")

    with pytest.raises(CorpusError, match=r"not enough room in .*1000000000000 MB are needed"):
        fetch([file], tmp_path / "new", pause=0)
    assert server.requests == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to try it on")
def test_a_disk_that_fills_up_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.wav.part").symlink_to("/dev/full")

    with pytest.raises(CorpusError, match=r"cannot write a\.wav in .*No space left.*make room"):
        fetch([remote(server)], tmp_path, pause=0)


def test_one_failure_ends_the_other_downloads(server: Server, tmp_path: Path) -> None:
    files = [remote(server, f"{i}.wav", bytes(10)) for i in range(100)]
    del server.files["0.wav"]
    server.delay = 0.02

    with pytest.raises(CorpusError, match=r"0\.wav.*404"):
        fetch(files, tmp_path, at_once=2, pause=0)
    assert len(server.requests) < 20
