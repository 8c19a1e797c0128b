"""`serbench plugin check`: what it finds, what it prints, and what cannot stop it."""

import json

import pytest
from typer.testing import CliRunner

from serbench.cli.app import app
from serbench.errors import BadParameter, UnknownName
from serbench.testing.examination import Verdict
from serbench.testing.kinds import KINDS
from serbench.testing.plugin_check import check
from serbench.testing.report import Report


@pytest.fixture(scope="module")
def report(violating):
    """Of a feature that hangs, ends its process, and writes where it must not."""
    return check("perilous-feature", limit=3.0)


@pytest.fixture(scope="module")
def found(report):
    """Its verdicts by the names of their checks."""
    return {verdict.name: verdict for verdict in report.verdicts}


def test_what_hangs_or_dies_stops_none_of_the_others(found):
    failed = [name for name, one in found.items() if one.state == "failed"]
    assert failed == ["short_input", "silent_input", "leaves_waves_alone"]
    assert {one.state for name, one in found.items() if name not in failed} == {"ok"}


def test_a_check_that_hangs_is_stopped_and_says_where_it_was(found):
    reason = found["short_input"].reason
    assert reason.startswith("there was no report for 3 s at violating_features.py, line ")
    assert "in of, so the check was stopped: let a model report every epoch" in reason


def test_a_check_that_ends_its_process_says_so(found):
    assert found["silent_input"].reason.startswith("its process ended with 7")


def test_a_report_prints_a_line_a_check_and_sums_up(report):
    lines = report.text().splitlines()
    assert not report.ok
    assert lines[0] == "features perilous-feature"
    assert len(lines) == 2 + len(KINDS["features"].checks)
    assert lines[-3] == (
        "  FAILED    leaves_waves_alone        it changes the waves that it is called with: write "
        "wave = wave / ..., not wave /= ..."
    )
    assert "  ok        place                     Arrays are in the order of the waves." in lines
    assert lines[-1] == "11 ok, 3 FAILED; docs/checking.md explains each"


def test_a_report_is_json_too(report):
    words = json.loads(report.json())
    assert (words["schema"], words["kind"], words["name"]) == (1, "features", "perilous-feature")
    assert words["ok"] is False
    assert words["counts"] == {"ok": 11, "failed": 3, "expected": 0, "not run": 0}
    assert words["checks"][0] == {
        "name": "is_made",
        "state": "ok",
        "reason": "version 1",
        "demands": "The feature can be imported, takes its parameters, and has a version.",
        "why": "Arrays are stored by version: changed code with the old version would read old "
        "arrays.",
    }


@pytest.mark.usefixtures("violating", "places")
def test_parameters_and_folders_are_passed_on(tmp_path):
    from violating_datasets import write

    words = ["--param", "takes=1", "--data", str(write(tmp_path / "corpus"))]
    done = CliRunner().invoke(app, ["plugin", "check", "clean-dataset", *words])
    assert done.exit_code == 1
    assert "corpus differ, for example in s1-angry-2: the manifest has 8" in done.stdout


@pytest.mark.usefixtures("violating", "places")
def test_a_name_that_nobody_offers_lists_the_nearest():
    with pytest.raises(UnknownName, match="or package 'clen-feature'; did you mean clean-feature"):
        check("clen-feature")
    with pytest.raises(UnknownName, match="there is no feature 'clen'"):
        check("clen", "features")
    with pytest.raises(UnknownName, match="no kind of plugin 'moddel'; did you mean model"):
        check("clean", "moddel")


@pytest.mark.usefixtures("violating", "places")
def test_a_name_of_two_kinds_asks_which():
    with pytest.raises(BadParameter, match="both is a model and a features: say which with --kind"):
        check("both")


@pytest.mark.usefixtures("violating", "places")
def test_a_model_that_lacks_something_fails_and_the_rest_is_not_run():
    done = CliRunner().invoke(app, ["plugin", "check", "needy", "--json"])
    words = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (
        words["checks"][0]["reason"] == "needy needs the package 'no_such_module': pip install nsm"
    )
    assert words["counts"] == {"ok": 0, "failed": 1, "expected": 0, "not run": 20}


@pytest.mark.usefixtures("violating", "places")
def test_an_engine_is_checked_with_its_options():
    done = CliRunner().invoke(app, ["plugin", "check", "wordy", "--param", "workers=many"])
    assert "engine wordy" in done.stdout.splitlines()[0]
    assert "parameter workers of the engine wordy is 'many', but must be int" in done.stdout
    assert "1 FAILED, 16 not run" in done.stdout


def test_nothing_run_is_not_ok():
    checks = KINDS["package"].checks[:2]
    nothing = Report("package", "x", checks, [Verdict(one.name, "not run", "no") for one in checks])
    assert not nothing.ok
    states = zip(checks, ("ok", "expected"), strict=True)
    some = Report("package", "x", checks, [Verdict(one.name, state) for one, state in states])
    assert some.ok
    assert some.text().splitlines()[-1] == "1 ok, 1 expected"


def test_what_a_plugin_says_cannot_move_the_cursor():
    checks = KINDS["package"].checks[:1]
    report = Report("package", "x", checks, [Verdict(checks[0].name, "failed", "\x1b[2J\nred")])
    assert "\\x1b[2J\\nred" in report.text()
