"""Folders of a user who has no home directory, such as one of a container without a name."""

import os
import subprocess
import sys

import pytest

NAMELESS = """
import pwd
def unknown(who):
    raise KeyError(f"getpwuid(): uid not found: {who}")
pwd.getpwuid = pwd.getpwnam = unknown
from serbench.__main__ import main
main()
"""
EVALUATE = ("evaluate", "--model", "centroid", "--dataset", "tones", "--jobs", "0")
UNSET = "is not set, and without a home directory it has no default: set SERBENCH_DATA and "
UNSET += "SERBENCH_CACHE to folders, or set HOME\n"
TILDE = "since there is no such home directory: write the path without ~, or set HOME\n"


@pytest.fixture
def serbench(places, run_command, monkeypatch):
    """A function that runs a command of a user whom the system does not know.

    It takes other variables than those of the test; None is unset.
    """

    def unknown(who):
        raise KeyError(f"getpwuid(): uid not found: {who}")

    pwd = pytest.importorskip("pwd")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)

    def run(*arguments, **variables):
        with monkeypatch.context() as patch:
            for name, value in {"HOME": None, **variables}.items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            return run_command(*arguments)

    return run


def test_nothing_needs_a_home_where_all_folders_are_given(places):
    known = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    known.pop("HOME", None)
    command = [sys.executable, "-c", NAMELESS, *EVALUATE]  # a new process: imports need none either
    done = subprocess.run(command, env=known, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "centroid on tones" in done.stdout


def test_runs_are_listed_where_their_folder_alone_is_given(serbench):
    serbench(*EVALUATE)
    done = serbench("runs", SERBENCH_DATA=None, SERBENCH_CACHE=None)
    assert done.returncode == 0, done.stderr
    assert "centroid" in done.stdout


@pytest.mark.parametrize("variable", ["SERBENCH_DATA", "SERBENCH_CACHE"])
@pytest.mark.parametrize("command", [EVALUATE, ("datasets",)])
def test_a_folder_that_is_not_given_is_one_line(serbench, variable, command):
    done = serbench(*command, **{variable: None})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"serbench: {variable} {UNSET}"


@pytest.mark.parametrize("variable", ["SERBENCH_DATA", "SERBENCH_CACHE", "SERBENCH_RESULTS"])
def test_a_folder_in_a_home_that_is_not_there_is_one_line(serbench, variable):
    done = serbench(*EVALUATE, **{variable: "~/there"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"serbench: cannot find ~/there, {TILDE}"


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "--results"),
        ("score", "tones", "--results"),
        (*EVALUATE, "--results"),
        (*EVALUATE, "--data"),
        ("leaderboard", "verify"),
        ("leaderboard", "build", "--out"),
    ],
)
def test_a_path_in_the_home_of_nobody_is_one_line(serbench, words):
    done = serbench(*words, "~nobody-of-that-name/x", HOME="/")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"serbench: cannot find ~nobody-of-that-name/x, {TILDE}"


def test_a_home_that_cannot_be_written_is_one_line(serbench, tmp_path):
    (tmp_path / "file").write_text("")
    done = serbench(*EVALUATE, HOME=str(tmp_path / "file"), SERBENCH_CACHE=None)
    assert done.returncode == 1
    assert done.stderr.startswith(f"serbench: cannot write {tmp_path}/file/")
    assert len(done.stderr.splitlines()) == 1


FIND = """
import sys
{imported}
from serbench.settings import find_device
print(find_device("auto"), "torch" in sys.modules)
"""


@pytest.mark.parametrize("imported", ["", "import torch"])
@pytest.mark.parametrize("has_cuda", [True, False])
def test_the_device_does_not_depend_on_whether_torch_was_imported(tmp_path, imported, has_cuda):
    (tmp_path / "torch.py").write_text(
        f"import types\ncuda = types.SimpleNamespace(is_available=lambda: {has_cuda})\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", FIND.format(imported=imported)]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["cuda" if has_cuda else "cpu", "True"], done.stderr
