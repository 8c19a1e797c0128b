"""What all tests share: the tiny plugin, installed by entry point, and places of their own."""

import os
import sys
from pathlib import Path

import pytest

TINY = Path(__file__).parent / "tiny"


@pytest.fixture(scope="session", autouse=True)
def tiny_plugin():
    """Put the tiny plugin on the path of this process and of those that it starts."""
    sys.path.insert(0, str(TINY))
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TINY), before]))
    from serbench import plugins

    plugins.installed.cache_clear()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Data, cache and results of this test alone."""
    for name in ("data", "cache", "results"):
        monkeypatch.setenv(f"SERBENCH_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("SERBENCH_DEVICE", "cpu")
    from serbench.settings import settings

    return settings()


@pytest.fixture(scope="session")
def invented(tiny_plugin):
    """A function that invents a run; see `tests/tiny/invented_runs.py`."""
    from invented_runs import run

    return run
