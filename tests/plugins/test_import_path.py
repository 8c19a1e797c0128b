"""A model by import path: what is found where, what is refused, and what a run of it is called."""

import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import FoldError, SerbenchError
from serbench.evaluation import plan, provenance
from serbench.evaluation.progress.listener import Listener
from serbench.leaderboard.reproduction.proposal import propose
from serbench.leaderboard.verification.verdict import verify
from serbench.plugins import import_path, registry, source_code
from serbench.report.page import run_details
from serbench.results.config import Request
from serbench.results.run import find

NEAREST = """
from serbench_tiny import Centroid

class Nearest(Centroid):
    '''Centroid by another name.'''

    def __init__(self, labels, seed, *, scale: float = 100.0):
        super().__init__(labels, seed, scale=scale)

class Kept(Nearest):
    features = "crossings"

    def save(self, folder):
        (folder / "nothing").write_text("")

    @classmethod
    def load(cls, folder):
        return cls(("low", "middle", "high"), 0)
"""

OTHERS = """
class Classifier:
    def get_params(self, deep=True):
        return {}

    def set_params(self, **params):
        pass

    def fit(self, rows, truth):
        pass

class Predicting(Classifier):
    def predict(self, rows):
        pass

class Regressing(Predicting):
    _estimator_type = "regressor"

class Detecting(Predicting):
    _estimator_type = "outlier_detector"

class Transforming(Classifier):
    def transform(self, rows):
        pass

class Demanding(Predicting):
    def __init__(self, parts):
        pass

def demanding(parts):
    return Predicting()

def nothing():
    pass

def failing():
    raise ValueError("not\\n today")

ready = Predicting()
number = 3

class Bare:
    pass

class Unlabelled:
    version = "1"

    def fit(self, train):
        pass

    predict = fit

class Unversioned:
    def __init__(self, labels, seed):
        pass

    def fit(self, train, validation, workspace):
        pass

    predict = fit

class Sized(Unversioned):
    version = "1"

    def __init__(self, labels, seed, size):
        pass
"""


def evaluate(model, **what):
    what = {"features": "crossings", "jobs": 0, "folds": ["1"], **what}
    return serbench.evaluate(model, "tones", **what)


def checked(model, **what):
    """What planning makes of a model."""
    request = Request(model, "tones", **what)
    entry = plan.find_entry(request)
    target, params, feature = plan.resolve(entry, request)
    return registry.version(entry, target), params, feature


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("own:Predictin", "own:Predictin: there is no 'Predictin' in "),
        ("own:Predictin", "own.py; did you mean Predicting"),
        ("ovn:Predicting", "there is no module 'ovn' in "),
        ("ovn:Predicting", " or among the installed packages; did you mean own?"),
        ("json.decodr:X", "no module 'json.decodr' in the package json; did you"),
        ("own.py:Predicting", "there is no module 'own.py'"),
        ("own.py:Predicting", "did you mean own?"),
        (
            "./own.py:X",
            "'./own.py:X' is not an import path: a class of your own is written module:Name",
        ),
        ("own:", "'own:' is not an import path"),
        ("a\x1b b:c", r"'a\x1b b:c' is not an import path"),
        ("own:Regressing", "own:Regressing is not a classifier but a regressor, and emotions are"),
        ("own:Detecting", "is not a classifier but an outlier detector"),
        ("own:Transforming", "is not a classifier but a transformer"),
        ("own:Classifier", "is not a classifier but an object without predict"),
        ("own:Demanding", "own:Demanding cannot be made without parts: write a function without"),
        ("own:demanding", "own:demanding cannot be made without parts"),
        (
            "own:nothing",
            "own:nothing is neither a model nor an estimator: it makes nothing; a model",
        ),
        ("own:failing", "own:failing cannot be made: ValueError: not today (own.py, line "),
        ("own:ready", "an estimator instance: an object would carry what it learned"),
        (
            "own:number",
            "own:number is neither a model nor an estimator's class or function, but of ",
        ),
        (
            "own:Bare",
            "own:Bare is neither a model nor an estimator: the class has no fit and no pre",
        ),
        ("own:Unlabelled", "a model's class takes labels and seed, Unlabelled() does not"),
        ("own:Unversioned", 'own:Unversioned must have an attribute version = "1"'),
        ("own:Sized", "own:Sized cannot be made without size: a parameter of a model needs a def"),
        ("broken:X", "broken:X: cannot import broken: ModuleNotFoundError: No module named 'nowh"),
        (
            "syntax:X",
            "syntax:X: cannot import syntax: SyntaxError: expected ':' (syntax.py, line 1)",
        ),
        ("exits:X", "exits:X: cannot import exits: SystemExit: 4 (exits.py, line 1)"),
        ("own.Predicting", "a model of your own is written module:Name"),
    ],
)
def test_what_is_no_model_is_one_line(here, path, words):
    (here / "own.py").write_text(OTHERS)
    (here / "broken.py").write_text("import nowhere_at_all\n")
    (here / "syntax.py").write_text("class X\n")
    (here / "exits.py").write_text("raise SystemExit(4)\n")
    with pytest.raises(SerbenchError) as error:
        checked(path, features="crossings" if ":" in path else None)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("model", "what", "words"),
    [
        ("centroid", {"features": "worded"}, "centroid learns from crossings, as its plugin says"),
        ("own:Nearest", {"features": "crossing"}, "no feature 'crossing'; did you mean crossings?"),
        ("own:Nearest", {"params": {"scal": 1}}, "there is no parameter of own:Nearest 'scal'"),
        ("own:Nearest", {"params": {"scale": "x"}}, "scale of own:Nearest is 'x', but must be fl"),
        ("own:Nearest", {"keep_models": True}, "own:Nearest cannot be kept, since it has no save"),
    ],
)
def test_what_does_not_fit_a_model_is_one_line(here, model, what, words):
    (here / "own.py").write_text(NEAREST)
    with pytest.raises(SerbenchError, match=words):
        evaluate(model, **what)


def test_features_are_those_that_are_named_or_those_of_the_class_or_the_usual(here):
    (here / "own.py").write_text(NEAREST + OTHERS)
    assert checked("own:Kept")[2].name == "crossings"
    assert checked("own:Kept", features="worded")[2].name == "worded"
    assert registry.find("model", "own:Nearest").features == "waveform"
    assert registry.find("model", "own:Predicting").features == "functionals"


def test_an_estimator_without_a_default_needs_features(here, monkeypatch):
    (here / "own.py").write_text(NEAREST + OTHERS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    registry.installed.cache_clear()
    try:
        with pytest.raises(SerbenchError, match="what own:Predicting learns from: name features"):
            plan.find_entry(Request("own:Predicting", "tones"))
    finally:
        registry.installed.cache_clear()


def test_every_parameter_of_the_features_is_open(here):
    (here / "own.py").write_text(NEAREST)
    _, params, feature = checked("own:Kept", params={"parts": 5, "scale": 3})
    assert params == {"scale": 3.0}
    assert feature.params == {"parts": 5}


def test_a_file_in_the_current_folder_needs_no_package(here, monkeypatch):
    (here / "own.py").write_text(NEAREST)
    command = ["evaluate", "--model", "own:Nearest", "--features", "crossings"]
    done = subprocess.run(  # -P: as the console script does, nothing is put on the path
        [
            sys.executable,
            "-P",
            "-m",
            "serbench",
            *command,
            "--dataset",
            "tones",
            "--fold",
            "1",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "own:Nearest on tones" in done.stdout


def test_what_is_installed_comes_before_a_file_of_the_same_name(here):
    (here / "serbench_tiny.py").write_text("raise RuntimeError('the wrong one')")
    assert checked("serbench_tiny:Keeper", features="crossings")[1] == {"scale": 100.0, "nap": 0.0}


def test_an_edited_file_is_a_new_run_and_so_is_an_edited_file_that_it_imports(here):
    (here / "own.py").write_text("from beside import *\n")
    (here / "beside.py").write_text(NEAREST)
    (here / "alone.py").write_text("")
    first = evaluate("own:Nearest").name
    (here / "alone.py").write_text("1\n")
    assert evaluate("own:Nearest").name == first
    (here / "beside.py").write_text(NEAREST + "1\n")
    second = evaluate("own:Nearest").name
    (here / "own.py").write_text("from beside import *\n1\n")
    third = evaluate("own:Nearest").name
    assert len({first, second, third}) == 3


@pytest.mark.parametrize(
    "line",
    [
        "import numpy as np; import beside",
        "try: import beside\nexcept ImportError: pass",
        "if True: import beside",
        "import numpy, \\\n    beside",
        "def late():\n    from beside.deep import one",
    ],
)
def test_however_a_file_imports_another_both_are_its_source(here, line):
    (here / "own.py").write_text(line)
    (here / "beside.py").write_text("")
    import_path.packages("own:X")  # makes the current folder importable
    assert source_code.own_modules("own") == ("beside", "own")


def test_an_edit_within_a_second_that_changes_no_length_is_run(here, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for scale in ("100.0", "200.0"):
        (here / "own.py").write_text(NEAREST.replace("100.0", scale))
        os.utime(here / "own.py", (10**9, 10**9))
        words = (
            "from serbench.evaluation import plan; from serbench.plugins import registry; "
            "print(plan.resolve(registry.find('model', 'own:Nearest'), "
            "plan.Request('own:Nearest', 'tones'))[1])"
        )
        done = subprocess.run(
            [sys.executable, "-c", words], capture_output=True, text=True, check=True
        )
        assert scale in done.stdout


def test_a_module_that_leaves_the_current_folder_moves_no_results(here):
    (here / "elsewhere").mkdir()
    (here / "own.py").write_text(f"{NEAREST}\nimport os\nos.chdir('elsewhere')\n")
    assert evaluate("own:Nearest", results="rel").folder.parent.name == "rel"
    assert list((here / "rel").glob("*/fold-01.safetensors"))


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ("raise SystemExit(0)", "own:Failing cannot be made: SystemExit: 0 (own.py, line"),
        ("raise RuntimeError('not\\n today')", "cannot be made: RuntimeError: not today (own.py"),
    ],
)
def test_a_constructor_that_fails_is_a_line(here, does, words):
    body = f"    def __init__(self, labels, seed):\n        {does}\n"
    (here / "own.py").write_text(f"{NEAREST}\nclass Failing(Centroid):\n{body}")
    with pytest.raises(SerbenchError, match=re.escape(words)):
        evaluate("own:Failing")


def test_what_a_model_says_of_itself_is_refused_before_it_is_written(here, places):
    body = "    def describe(self):\n        return {'precision': 32}\n"
    (here / "own.py").write_text(f"{NEAREST}\nclass Odd(Nearest):\n{body}")
    with pytest.raises(FoldError, match=r"describe\(\) returns: precision must be a text"):
        evaluate("own:Odd")
    assert not list(places.results.rglob("*.safetensors"))


def test_a_process_that_lives_on_takes_the_file_as_it_is_now(here):
    (here / "own.py").write_text(NEAREST)
    assert checked("own:Nearest")[1] == {"scale": 100.0}
    (here / "own.py").write_text(NEAREST.replace("100.0", "7.0"))
    assert checked("own:Nearest")[1] == {"scale": 7.0}


def test_code_that_changes_while_a_run_goes_on_mixes_nothing(here):
    (here / "own.py").write_text(NEAREST)

    class Editing(Listener):
        def planned(self, *_):
            (here / "own.py").write_text(NEAREST + "1\n")

    with pytest.raises(FoldError, match="its code changed during the run; run the sa"):
        evaluate("own:Nearest", listener=Editing())


def test_a_run_says_whose_code_it_was(here):
    (here / "own.py").write_text("from beside import *\n")
    (here / "beside.py").write_text(NEAREST)
    run = evaluate("own:Nearest")
    version = run.config.model_version
    assert version == f"1, {source_code.identity('own')}"
    assert version.startswith("1, own ")
    assert set(run.facts.sources) == {"beside", "own", "serbench", "serbench_tiny"}
    assert run.facts.sources["own"] == source_code.source_digest("own")
    assert all(run.facts.sources.values())
    assert run.name.startswith("tones_own-Nearest_kfold-n-3_seed0_")


def test_released_code_goes_by_its_release(here, monkeypatch):
    released = here / "site-packages"
    info = released / "some_models-2.5.dist-info"
    info.mkdir(parents=True)
    (released / "released.py").write_text(NEAREST)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-models\nVersion: 2.5\n")
    (info / "RECORD").write_text("released.py,,\n")
    monkeypatch.syspath_prepend(released)
    assert checked("released:Kept")[0] == "1"
    assert source_code.identity("released") == "some-models 2.5"


@pytest.mark.parametrize("package", ["serbench", "numpy", "json", "sys", "no_such_module"])
def test_only_what_the_user_may_edit_is_the_users(package):
    assert not source_code.is_own(package)


def test_runs_by_import_path_are_listed_scored_and_compared(here):
    (here / "own.py").write_text(NEAREST)
    evaluate("own:Nearest", folds=None)
    evaluate("own:Nearest", folds=None, params={"scale": 3.0})
    found = sorted((here / "results").iterdir())

    def said(*words):
        done = CliRunner().invoke(app, [*words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "tones_own-Nearest_kfold-n-3_seed0_" in said("runs")
    assert found[0].name in said("score", str(found[0]))
    assert "own:Nearest, scale=3.0" in said("compare", *map(str, found))
    _, command = run_details.commands(find(str(found[0]), here / "results"))
    assert "--model own:Nearest" in command
    assert "--features crossings" in command


def test_a_model_by_import_path_can_be_kept(here, places):
    (here / "own.py").write_text(NEAREST)
    run = evaluate("own:Kept", features=None, keep_models=True)
    assert (run.folder / "models" / "fold-01" / "nothing").exists()
    (here / "own.py").write_text(NEAREST + "1\n")
    wave = next((places.cache / "corpora").rglob("*.wav"))
    with pytest.raises(SerbenchError, match=r"made with version 1, own .* of the model own:Kept"):
        serbench.predict(run.folder, [wave])


@pytest.fixture
def sent(here):
    """A submission of a model by import path."""
    (here / "own.py").write_text(NEAREST)
    run = evaluate("own:Nearest", folds=None)
    done = CliRunner().invoke(
        app, ["leaderboard", "submit", str(run.folder), "--submitter", "me", "--out", "sent"]
    )
    assert done.exit_code == 0, done.output
    return here / "sent" / "tones" / run.name


def test_verifying_a_submission_imports_nothing_that_it_names(sent, here):
    sys.modules.pop("own", None)
    (here / "own.py").write_text("raise RuntimeError('imported')")
    verdict = verify(sent)
    assert verdict.status == "recomputed"
    assert "own:Nearest is an import path, and import paths in submissions" in str(verdict.flags)
    built = CliRunner().invoke(
        app, ["leaderboard", "build", "--submissions", str(here / "sent"), "--out", "board"]
    )
    assert built.exit_code == 0, built.output
    assert "own" not in sys.modules
    assert "own:Nearest" in (here / "board" / "README.md").read_text()


def test_a_submission_is_made_again_only_once_somebody_agrees(sent, here):
    sys.modules.pop("own", None)
    proposal = propose(sent)
    assert "own" not in sys.modules
    assert "--features crossings" in proposal.command
    assert f"none: {here / 'own.py'}, a file that this command imports" in str(proposal)
    assert "own same" in str(proposal)
    assert "and the module own, will run on this machine" in proposal.warning
    done = CliRunner().invoke(app, ["leaderboard", "reproduce", str(sent), "--yes"])
    assert done.exit_code == 0, done.output
    assert "REPRODUCED" in done.output


def test_a_submission_of_other_code_is_not_made_again(sent, here):
    (here / "own.py").write_text(NEAREST + "1\n")
    assert "own different" in str(propose(sent))
    done = CliRunner().invoke(app, ["leaderboard", "reproduce", str(sent), "--yes"])
    assert "the run here would differ from the submitted one: model_version is" in str(
        done.exception
    )


def test_bench_measures_a_model_by_import_path(here):
    (here / "own.py").write_text(NEAREST)
    words = ["--model", "own:Nearest", "--features", "crossings", "--dataset", "tones"]
    done = CliRunner().invoke(app, ["bench", *words, "--only", "models", "--seconds", "0.1"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "own:Nearest, training" in done.output


def test_features_without_a_model_are_refused(here):
    done = CliRunner().invoke(app, ["bench", "--features", "crossings"])
    assert "features 'crossings' need a model: name one by import path" in str(done.exception)


def test_provenance_of_a_path_imports_nothing(here):
    (here / "own.py").write_text("raise RuntimeError('imported')")
    assert import_path.packages("own:Nearest") == ("own",)
    assert import_path.provider("absent.part:X") == "absent, which is not installed"
    assert "own" not in sys.modules
    assert provenance.versions()["numpy"]


def test_packages_and_folders_of_the_users_are_digested_whole(here):
    package = here / "mine" / "deep"
    package.mkdir(parents=True)
    (package / "nets.py").write_text("from ..helpers import one\n")
    (here / "mine" / "helpers.py").write_text("one = 1\n")
    import_path.packages("mine.deep.nets:Net")  # makes the current folder importable
    first = source_code.identity("mine")
    (here / "mine" / "helpers.py").write_text("one = 2\n")
    assert source_code.is_own("mine")
    assert source_code.identity("mine") != first
