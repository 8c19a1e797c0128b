"""Where SERBENCH_NO_SKIPS is set, a test that is skipped fails: its tools were to be there.

`make` sets it for tests that are asked for by name, such as `make test-slow`.
"""

import itertools
import os

import pytest

STRICT = bool(os.environ.get("SERBENCH_NO_SKIPS"))
# openSMILE's licence keeps it an extra; a corpus that may not be handed on is nobody's tool; a
# check that has nothing to look at says so
ALLOWED = ("an optional extra", "corpus not here", "not run: ")


def _failing(report):
    reason = str(report.longrepr)
    expected = hasattr(report, "wasxfail") or any(words in reason for words in ALLOWED)
    if STRICT and report.skipped and not expected:
        report.outcome = "failed"
        report.longrepr = f"skipped, which SERBENCH_NO_SKIPS forbids: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """A test's outcome."""
    return _failing((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """A whole module's."""
    return _failing((yield))


@pytest.fixture(autouse=True, scope="session")
def _folds_of_their_own():
    """Folds that a test runs in its own process, which saves time, count as the first there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serbench.evaluation.folds.model_isolation._folds", itertools.repeat(0))
        yield
