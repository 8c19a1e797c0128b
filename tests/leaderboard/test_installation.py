"""A card says which commit made a run, and how it is installed."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from serbench.leaderboard.submissions import installation
from serbench.leaderboard.submissions.card import Code, read

ROOT = Path(__file__).parents[2]


def git(folder, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path):
    """A repository with the core and, in a project of its own, the tiny plugin."""
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    folder = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "serbench", folder / "serbench", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "tiny", folder / "plugins" / "tiny", ignore=ignored)
    for place in (folder, folder / "plugins" / "tiny"):
        (place / "pyproject.toml").touch()
    (folder / ".gitignore").write_text("__pycache__/\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


def serbench(clone, *words):
    done = subprocess.run(
        [sys.executable, "-m", "serbench", *words],
        cwd=clone,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{clone}{os.pathsep}{clone / 'plugins' / 'tiny'}",
            **{f"SERBENCH_{name}": str(clone.parent / name) for name in ("CACHE", "RESULTS")},
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def submitted(clone, *words):
    """What `submit` prints, and the code on the card."""
    told = serbench(clone, "leaderboard", "submit", "tones_centroid", "--submitter", "Ada", *words)
    (card,) = (clone / "submissions").rglob("card.json")
    return told, read(card).code


def test_the_commit_of_a_checkout_is_on_the_card_and_a_change_is_marked(clone):
    plugin = clone / "plugins" / "tiny" / "serbench_tiny.py"
    plugin.write_text(plugin.read_text() + "\n# changed\n")
    first = git(clone, "rev-parse", "HEAD")
    serbench(clone, "evaluate", "--model", "centroid", "--dataset", "tones", "--jobs", "0")
    install = "pip install . ./plugins/tiny"
    told, code = submitted(clone)
    assert code == Code("", f"{first}+changes", f"git checkout {first} && {install}")
    assert f"commit {first}+changes\ninstalled by: git checkout {first} && {install}\n" in told
    assert "The source differs from that commit: commit your changes, and submit again\n" in told
    git(clone, "commit", "--quiet", "-am", "Change")
    second = git(clone, "rev-parse", "HEAD")
    told, code = submitted(clone)
    assert code == Code("", second, f"git checkout {second} && {install}")
    assert "commit it, and submit again" not in told
    plugin.write_text(plugin.read_text() + "\n# changed since the run was made\n")
    git(clone, "commit", "--quiet", "-am", "Change again")
    assert submitted(clone)[1] == code
    shutil.rmtree(clone / "submissions")
    told, code = submitted(clone)
    assert code == Code()
    assert "The card does not say which code made this: add --commit and --install\n" in told
    assert submitted(clone, "--commit", second)[1] == Code(commit=second)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package as pip does, with what it says of where it came from."""
    folder = tmp_path / "site-packages"

    def install(direct_url=None):
        (folder / "serbench_x").mkdir(parents=True)
        (folder / "serbench_x" / "__init__.py").touch()
        info = folder / "serbench_x-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: serbench-x\nVersion: 1.2\n")
        (info / "RECORD").write_text("serbench_x/__init__.py,,\n")
        if direct_url is not None:
            (info / "direct_url.json").write_text(json.dumps(direct_url))
        monkeypatch.syspath_prepend(str(folder))
        assert metadata.version("serbench-x") == "1.2"

    return install


COMMIT = "0123456789" * 4
VCS = {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"}
REPOSITORY = {"url": "https://ada:token@example.org/x.git", "vcs_info": VCS}


@pytest.mark.parametrize(
    ("direct_url", "wanted"),
    [
        (None, "serbench-x==1.2"),
        (REPOSITORY, f"serbench-x @ git+https://example.org/x.git@{COMMIT}"),
        (
            {**REPOSITORY, "subdirectory": "plugins/x"},
            f"serbench-x @ git+https://example.org/x.git@{COMMIT}#subdirectory=plugins/x",
        ),
        ({"url": "file:///home/ada/x", "dir_info": {}}, ""),
        ({"url": "file:///home/ada/x.whl", "archive_info": {}}, ""),
    ],
)
def test_what_pip_installed_is_named_by_version_or_commit(installed, direct_url, wanted):
    installed(direct_url)
    assert installation._requirement("serbench_x") == wanted
    assert installation._checkout("serbench_x") is None


def test_a_command_is_left_out_where_a_package_can_be_had_nowhere():
    assert (
        installation._pip(["a==1", "b @ git+https://x"]) == "pip install a==1 'b @ git+https://x'"
    )
    assert installation._pip(["a==1", ""]) == ""
    assert installation._pip(["a" * 2000]) == ""
