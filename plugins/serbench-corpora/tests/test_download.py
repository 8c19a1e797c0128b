import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from serbench.errors import CorpusError
from serbench.files import file_digest
from serbench_corpora import crema_d, ravdess
from serbench_corpora.archive import (
    ARCHIVE,
    download,
    download_crema_d,
    download_ravdess,
    missing_recordings,
    recordings,
    unpack,
)
from serbench_corpora.iemocap import Iemocap
from serbench_corpora.resumable_download import RemoteFile

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:c6f9\nsize 72862\n"

Server = Any  # of conftest.py


def zipped(archive: Path, tree: Path, pattern: str = "Actor_*") -> Path:
    """The look-alike's actors as a zip."""
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(tree.glob(f"{pattern}/*.wav")):
            opened.write(path, path.relative_to(tree))
    return archive


@pytest.fixture
def first_actor(ravdess_tree: Path, tmp_path: Path) -> Path:
    return zipped(tmp_path / "first-actor.zip", ravdess_tree, "Actor_01")


# ---- RAVDESS ----


@pytest.fixture
def published(server: Server, ravdess_tree: Path, tmp_path: Path) -> RemoteFile:
    """A zip of the look-alike, on the server."""
    content = zipped(tmp_path / "published.zip", ravdess_tree).read_bytes()
    server.files["speech.zip"] = content
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return RemoteFile(server.url("speech.zip"), "speech.zip", len(content), checksum)


def test_ravdess_is_fetched_unpacked_and_read_once(
    server: Server, published: RemoteFile, tmp_path: Path
) -> None:
    root = tmp_path / "ravdess"
    download_ravdess(root, published)
    download_ravdess(root, published)

    assert ravdess.Ravdess().read(root).digest == ravdess.manifest().digest
    assert sorted(path.name for path in root.iterdir()) == [f"Actor_{a:02}" for a in range(1, 25)]
    assert len(server.requests) == 1


def test_a_zip_that_the_user_has_is_used_and_kept(
    server: Server, published: RemoteFile, ravdess_copy: Path
) -> None:
    (ravdess_copy / "speech.zip").write_bytes(server.files["speech.zip"])
    (ravdess_copy / "notes.txt").write_text("mine")
    lost = ravdess_copy / "Actor_01/03-01-01-01-01-01-01.wav"
    lost.unlink()

    download_ravdess(ravdess_copy, published)

    assert lost.exists()
    assert (ravdess_copy / "speech.zip").exists()
    assert (ravdess_copy / "notes.txt").read_text() == "mine"
    assert server.requests == []


def test_the_archive_is_the_one_that_was_published(server: Server, tmp_path: Path) -> None:
    server.files["speech.zip"] = b"another archive"

    with pytest.raises(CorpusError, match=r"has 15 bytes instead of 208468073"):
        download("ravdess", tmp_path, url=server.url("speech.zip"))
    assert ARCHIVE.checksum == "md5:bc696df654c87fed845eb13823edef8a"


# ---- unpacking ----


def test_unpacking_writes_what_is_missing_wherever_the_rest_lies(
    first_actor: Path, ravdess_tree: Path, tmp_path: Path
) -> None:
    root = tmp_path / "flat"
    root.mkdir()
    name = "03-01-01-01-01-01-01.wav"
    (root / name).write_bytes((ravdess_tree / "Actor_01" / name).read_bytes())

    unpack(first_actor, root, ravdess.identify)

    assert len(list((root / "Actor_01").iterdir())) == 59
    assert not (root / "Actor_01" / name).exists()


def test_unpacking_overwrites_nothing(first_actor: Path, tmp_path: Path) -> None:
    mine = tmp_path / "root/Actor_01/03-01-01-01-01-01-01.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"edited" * 1000)

    with pytest.raises(CorpusError, match=rf"{mine} is not the .* published: move it elsewhere"):
        unpack(first_actor, tmp_path / "root", ravdess.identify)
    assert mine.read_bytes() == b"edited" * 1000


@pytest.mark.parametrize("name", ["../{}", "/nowhere/{}", "Actor_01/../../{}", "..\\..\\a/{}"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "evil.zip"
    member = name.format("03-01-01-01-01-01-01.wav")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(member, b"evil")

    with pytest.raises(CorpusError, match=r"would be written outside of its folder"):
        unpack(archive, tmp_path / "root", ravdess.identify)
    assert [path.name for path in tmp_path.rglob("*")] == ["evil.zip"]


def test_what_is_no_utterance_stays_in_the_zip(tmp_path: Path) -> None:
    archive = tmp_path / "mixed.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in ("run.sh", "__MACOSX/03-01-01-01-01-01-01.wav", "03-02-01-01-01-01-01.wav"):
            opened.writestr(name, b"no")

    unpack(archive, tmp_path / "root", ravdess.identify)

    assert not (tmp_path / "root").exists()


def test_a_damaged_zip_is_one_clear_line(first_actor: Path, tmp_path: Path) -> None:
    content = bytearray(first_actor.read_bytes())
    content[2000] ^= 1  # within the first utterance
    first_actor.write_bytes(content)

    with pytest.raises(CorpusError, match=r"is damaged \(Bad CRC-32.*delete it and run"):
        unpack(first_actor, tmp_path / "root", ravdess.identify)
    assert list((tmp_path / "root").rglob("*.wav")) == []


# ---- CREMA-D ----


def on_server(server: Server, tree: Path, *names: str) -> list[RemoteFile]:
    """These recordings of a tree, as if the server had published them."""
    files = []
    for name in names:
        content = (tree / "AudioWAV" / f"{name}.wav").read_bytes()
        server.files[f"{name}.wav"] = content
        checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
        url = server.url(f"{name}.wav")
        files.append(RemoteFile(url, f"AudioWAV/{name}.wav", len(content), checksum))
    return files


def test_only_the_recordings_that_are_missing_are_fetched(
    server: Server, crema_d_tree: Path, crema_d_copy: Path
) -> None:
    names = ["1001_DFA_ANG_XX", "1001_DFA_DIS_XX", "1040_ITH_SAD_XX", "1090_WSI_SAD_XX"]
    published = on_server(server, crema_d_tree, *names)
    folder = crema_d_copy / "AudioWAV"
    (folder / f"{names[0]}.wav").unlink()
    (folder / f"{names[1]}.wav").rename(folder / f"{names[1].lower()}.flac")
    (folder / f"{names[2]}.wav").rename(folder / "1040_ITH_SAD_X.wav")

    download_crema_d(crema_d_copy, published)

    assert [name for name, _ in server.requests] == [f"{names[0]}.wav"]
    assert crema_d.CremaD().read(crema_d_copy).digest == crema_d.manifest().digest


def test_git_lfs_pointers_are_replaced_where_they_lie(
    server: Server, crema_d_tree: Path, crema_d_copy: Path
) -> None:
    published = on_server(server, crema_d_tree, "1001_DFA_ANG_XX")
    pointer = crema_d_copy / "clone" / "1001_DFA_ANG_XX.wav"
    pointer.parent.mkdir()
    pointer.write_text(POINTER)
    (crema_d_copy / "AudioWAV" / pointer.name).unlink()

    download_crema_d(crema_d_copy, published)

    assert f"sha256:{file_digest(pointer)}" == published[0].checksum


def test_a_recording_that_is_another_one_is_not_overwritten(
    server: Server, crema_d_tree: Path, tmp_path: Path
) -> None:
    published = on_server(server, crema_d_tree, "1001_DFA_ANG_XX")
    (tmp_path / "1001_DFA_ANG_XX.wav").write_bytes(bytes(published[0].size))

    with pytest.raises(CorpusError, match=r"1001_DFA_ANG_XX.wav is not the .*move it elsewhere"):
        missing_recordings(tmp_path, published)


def test_the_list_of_recordings_is_the_published_one() -> None:
    files = recordings("https://example.org/AudioWAV/")

    assert len(files) == 7442
    assert sum(file.size for file in files) == 605_899_936
    assert files[0].url == "https://example.org/AudioWAV/1001_DFA_ANG_XX.wav"
    assert files[0].name == "AudioWAV/1001_DFA_ANG_XX.wav"
    assert {len(file.checksum) for file in files} == {len("sha256:") + 64}


def test_recordings_that_are_byte_for_byte_equal_are_known() -> None:
    by_checksum: dict[str, list[str]] = {}
    for file in recordings(""):
        by_checksum.setdefault(file.checksum, []).append(Path(file.name).stem)

    assert sorted(names for names in by_checksum.values() if len(names) > 1) == [
        ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX"],
        ["1013_WSI_DIS_XX", "1013_WSI_SAD_XX"],
        ["1017_IWW_ANG_XX", "1017_IWW_FEA_XX"],
    ]


def test_the_dataset_fetches_from_where_it_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # so that no network is reached
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)

    with pytest.raises(CorpusError, match=r"cannot reach https://zenodo\.org.*Speech_Actors_01-24"):
        ravdess.Ravdess().download(tmp_path / "ravdess")
    with pytest.raises(CorpusError, match=r"cannot reach https://media\.githubusercontent\.com"):
        crema_d.CremaD().download(tmp_path / "crema-d")


# ---- IEMOCAP ----


def test_iemocap_says_how_to_ask_for_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"iemocap cannot be downloaded.*release form.*sail\.usc"):
        Iemocap().download(tmp_path)
