"""What all tests share: the tiny plugin, installed by entry point, and places of their own."""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

TINY = Path(__file__).parent / "tiny"
VIOLATING = Path(__file__).parent / "violating"


@pytest.fixture(scope="session", autouse=True)
def tiny_plugin():
    """Put the tiny plugin on the path of this process and of those that it starts."""
    sys.path.insert(0, str(TINY))
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TINY), before]))
    from serbench.plugins import registry

    registry.installed.cache_clear()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Data, cache and results of this test alone."""
    for name in ("data", "cache", "results"):
        monkeypatch.setenv(f"SERBENCH_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("SERBENCH_DEVICE", "cpu")
    from serbench.settings import settings

    return settings()


@pytest.fixture
def here(tmp_path, monkeypatch, places):
    """An empty current folder; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one not in ("", os.getcwd())])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def run_command(monkeypatch, capsys):
    """A function that runs a command in this process: starting another takes half a second."""
    from serbench.cli import app

    def run(*words, stdin=None):
        monkeypatch.setattr(sys, "argv", ["serbench", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", stdin or io.StringIO())
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main()
        return subprocess.CompletedProcess(sys.argv, ended.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def invented(tiny_plugin):
    """A function that invents a run; see `tests/tiny/invented_runs.py`."""
    from invented_runs import run

    return run


@pytest.fixture(scope="module")
def violating(tiny_plugin):
    """The plugins that break their contracts, installed for the tests of one module."""
    from serbench.plugins import registry

    sys.path.insert(0, str(VIOLATING))
    registry.installed.cache_clear()
    yield
    sys.path.remove(str(VIOLATING))
    registry.installed.cache_clear()
    for name in [one for one in sys.modules if one.startswith("violating_")]:
        del sys.modules[name]


@pytest.fixture
def examined(violating, tmp_path):
    """A function that checks a plugin of some kind in this process: every verdict by name."""

    def examine(kind, name, expected=None, **words):
        from serbench.testing.examination import Examination
        from serbench.testing.kinds import KINDS

        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        subject = KINDS[kind].subject(name, words.pop("params", {}), folder, **words)
        examination = Examination(subject, KINDS[kind].checks, expected=expected)
        return {check: examination.verdict(check) for check in examination.checks}

    return examine
