import errno
import os

import pytest

from serbench import files
from serbench.errors import SerbenchError


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with files.replacing(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def _write_half(path):
    path.write_text("half")
    raise ZeroDivisionError


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as temporary:
        _write_half(temporary)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_one_line_with_the_remedy(tmp_path):
    words = "no space left.*SERBENCH_CACHE.*same command again"
    with pytest.raises(SerbenchError, match=words), files.replacing(tmp_path / "file"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SerbenchError, match="cannot write"), files.replacing(tmp_path / "file/x"):
        pass


def test_digests_do_not_depend_on_the_order_of_keys():
    assert files.digest({"b": 1, "a": "ä"}) == files.digest({"a": "ä", "b": 1})
    assert files.digest([1, 2]) != files.digest([2, 1])


def test_a_folder_is_made_whole_or_not_at_all(tmp_path):
    path = tmp_path / "parent" / "folder"
    with pytest.raises(ZeroDivisionError), files.replacing_folder(path) as folder:
        _write_half(folder / "file")
    assert list(path.parent.iterdir()) == []
    with files.replacing_folder(path) as folder:
        (folder / "file").write_text("all of it")
    assert [one.name for one in path.parent.iterdir()] == ["folder"]
    assert (path / "file").read_text() == "all of it"


def test_a_folder_that_another_made_meanwhile_stays(tmp_path):
    path = tmp_path / "folder"
    with files.replacing_folder(path) as folder:
        (folder / "mine").write_text("")
        path.mkdir()
        (path / "theirs").write_text("")
    assert [one.name for one in path.iterdir()] == ["theirs"]
