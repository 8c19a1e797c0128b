import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from serbench.errors import CorpusError
from serbench_corpora.archive import unpack
from serbench_corpora.ravdess import identify


@pytest.fixture
def first_actor(ravdess_zip: Callable[[str], Path]) -> Path:
    return ravdess_zip("Actor_01")


def test_unpacking_writes_what_is_missing_wherever_the_rest_lies(
    first_actor: Path, ravdess_tree: Path, tmp_path: Path
) -> None:
    root = tmp_path / "flat"
    root.mkdir()
    name = "03-01-01-01-01-01-01.wav"
    (root / name).write_bytes((ravdess_tree / "Actor_01" / name).read_bytes())

    unpack(first_actor, root, identify)

    assert len(list((root / "Actor_01").iterdir())) == 59
    assert not (root / "Actor_01" / name).exists()


def test_unpacking_overwrites_nothing(first_actor: Path, tmp_path: Path) -> None:
    mine = tmp_path / "root/Actor_01/03-01-01-01-01-01-01.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"edited" * 1000)

    with pytest.raises(CorpusError, match=rf"{mine} is not the .* published: move it elsewhere"):
        unpack(first_actor, tmp_path / "root", identify)
    assert mine.read_bytes() == b"edited" * 1000


@pytest.mark.parametrize("name", ["../{}", "/nowhere/{}", "Actor_01/../../{}", "..\\..\\a/{}"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "evil.zip"
    member = name.format("03-01-01-01-01-01-01.wav")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(member, b"evil")

    with pytest.raises(CorpusError, match=r"would be written outside of its folder"):
        unpack(archive, tmp_path / "root", identify)
    assert [path.name for path in tmp_path.rglob("*")] == ["evil.zip"]


def test_what_is_no_utterance_stays_in_the_zip(tmp_path: Path) -> None:
    archive = tmp_path / "mixed.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in ("run.sh", "__MACOSX/03-01-01-01-01-01-01.wav", "03-02-01-01-01-01-01.wav"):
            opened.writestr(name, b"no")

    unpack(archive, tmp_path / "root", identify)

    assert not (tmp_path / "root").exists()


def test_a_damaged_zip_is_one_clear_line(first_actor: Path, tmp_path: Path) -> None:
    content = bytearray(first_actor.read_bytes())
    content[2000] ^= 1  # within the first utterance
    first_actor.write_bytes(content)

    with pytest.raises(CorpusError, match=r"is damaged \(Bad CRC-32.*delete it and run"):
        unpack(first_actor, tmp_path / "root", identify)
    assert list((tmp_path / "root").rglob("*.wav")) == []
