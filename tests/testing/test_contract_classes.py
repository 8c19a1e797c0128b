"""A plugin's tests in three lines: each check is a test, and pytest hears what came of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serbench.errors import BadParameter, UnknownName
from serbench.testing import (
    DatasetContract,
    EngineContract,
    FeatureContract,
    ModelContract,
    PackageContract,
    PerturbationContract,
)
from serbench.testing.kinds import KINDS

VIOLATING = Path(__file__).parents[1] / "violating"
TESTS = """
import pytest
from violating_datasets import write

from serbench.testing import DatasetContract, FeatureContract, PackageContract


class TestWriting(FeatureContract):
    plugin = "writing-feature"


class TestSorry(FeatureContract):
    plugin = "writing-feature"
    expected_failures = {"leaves_waves_alone": "it saves memory"}


class TestCautious(FeatureContract):
    plugin = "clean-feature"
    expected_failures = {"leaves_waves_alone": "it saves memory"}


class TestPicky(FeatureContract):
    plugin = "picky-feature"
    params_fixture = "tastes"


class TestAway(DatasetContract):
    plugin = "clean-dataset"


class TestHere(DatasetContract):
    plugin = "clean-dataset"
    data_fixture = "corpus"
    complete = ("rotated",)


class TestLost(DatasetContract):
    plugin = "clean-dataset"
    data = "/no/such/folder"


@pytest.fixture
def tastes():
    return {"dislikes": "silent"}


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return write(tmp_path_factory.mktemp("corpus") / "clean")
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What pytest says of the tests above, by class."""
    folder = tmp_path_factory.mktemp("tests")
    (folder / "test_three_lines.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = " + str(VIOLATING))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    return lambda name: [line for line in lines if name in line or "Test" not in line]


def test_every_check_is_a_test_of_its_name(said):
    passed = [line for line in said("TestWriting") if line.startswith("PASSED")]
    assert len(passed) == len(KINDS["features"].checks) - 1


def test_a_failure_is_one_line_without_a_traceback(said):
    (line,) = (line for line in said("TestWriting") if line.startswith("FAILED"))
    assert "::TestWriting::test_leaves_waves_alone - " in line
    assert any(line.startswith("leaves_waves_alone: it changes the waves") for line in said("x"))


def test_an_expected_failure_is_one_and_says_why(said):
    assert not any(line.startswith("FAILED") for line in said("TestSorry"))
    (line,) = (line for line in said("TestSorry") if line.startswith("XFAIL"))
    assert line.endswith("test_leaves_waves_alone - it saves memory")


def test_an_expected_failure_that_holds_fails(said):
    (line,) = (line for line in said("TestCautious") if line.startswith("FAILED"))
    assert "::test_leaves_waves_alone - " in line
    words = "leaves_waves_alone: it passed, but was expected to fail (it saves memory)"
    assert any(line.startswith(words) for line in said("x"))


def test_parameters_may_come_from_a_fixture(said):
    (line,) = (line for line in said("TestPicky") if line.startswith("FAILED"))
    assert "::test_silent_input" in line


def test_checks_that_need_a_corpus_are_skipped_where_it_is_not(said):
    assert not any(line.startswith("FAILED") for line in said("TestAway"))
    skipped = [line for line in said("x") if line.startswith("SKIPPED")]
    assert any("not run: corpus not here: " in line for line in skipped)


def test_with_its_corpus_all_checks_are_run(said):
    passed = [line for line in said("TestHere") if line.startswith("PASSED")]
    assert len(passed) == len(KINDS["dataset"].checks)


def test_a_corpus_that_is_named_must_be_there(said):
    failed = [line for line in said("TestLost") if line.startswith("FAILED")]
    assert any("::test_is_a_corpus" in line for line in failed)


@pytest.mark.parametrize(
    ("contract", "kind"),
    [
        (ModelContract, "model"),
        (FeatureContract, "features"),
        (DatasetContract, "dataset"),
        (PerturbationContract, "perturbation"),
        (EngineContract, "engine"),
        (PackageContract, "package"),
    ],
)
def test_a_contract_has_a_test_a_check_with_its_words(contract, kind):
    for check in KINDS[kind].checks:
        assert getattr(contract, f"test_{check.name}").__doc__ == check.demands


def test_an_expected_failure_without_reason_is_refused_where_it_is_written():
    with pytest.raises(BadParameter, match="fits is expected to fail without a reason"):
        type("Hopeful", (ModelContract,), {"expected_failures": {"fits": ""}})
    with pytest.raises(UnknownName, match="no check 'fit'; did you mean fits"):
        type("Mistaken", (ModelContract,), {"expected_failures": {"fit": "it is slow"}})


def test_pytest_is_imported_by_tests_alone():
    code = (
        "import sys, serbench.testing, serbench.testing.plugin_check; "
        "print('pytest' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
