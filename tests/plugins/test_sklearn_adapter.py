"""Estimators as models: parameters, seeds, scores in the order of the labels, refusals."""

import re
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.contracts import Examples
from serbench.errors import BadParameter, FoldError, PluginError
from serbench.leaderboard.submissions import safe_read
from serbench.metrics import calibration
from serbench.parameters import checked, settable
from serbench.plugins.sklearn_adapter import adapted
from serbench.results.config import Config

LABELS = ("angry", "happy", "sad")


class Odd(ValueError):
    """What a library raises that refuses something."""


class Table:
    """Remembers what it was fitted to, and answers by the method that a test gives it."""

    def __init__(self, depth=3, sizes=(100,), kind="rbf", random_state=None, inner=None):
        self.params = {
            "depth": depth,
            "sizes": sizes,
            "kind": kind,
            "random_state": random_state,
            "inner__random_state": None,
            "inner__fixed__random_state": 7,
            "inner": inner,
            "a-step__x": 1,
            "far": float("inf"),
        }

    def get_params(self, deep=True):
        return dict(self.params)

    def set_params(self, **params):
        self.params |= params
        return self

    def fit(self, rows, truth):
        self.rows, self.classes_ = rows, np.unique(truth)
        if self.params["kind"] == "refused":
            raise Odd("the kind\nis refused")
        return self

    def predict(self, rows):
        return np.full(len(rows), self.classes_[-1])


class Probable(Table):
    def predict_proba(self, rows):
        """The first number of a row is the probability of the first class."""
        rest = (1 - rows[:, :1]) / (len(self.classes_) - 1)
        return np.hstack([rows[:, :1], np.repeat(rest, len(self.classes_) - 1, axis=1)])


class Deciding(Table):
    def decision_function(self, rows):
        return rows[:, 0] if len(self.classes_) == 2 else rows[:, : len(self.classes_)]


class Pairwise(Table):
    def decision_function(self, rows):
        return np.zeros((len(rows), 6))


def examples(rows, truth):
    return Examples(
        [np.array(row, np.float32) for row in rows], np.array(truth), ("s",) * len(truth)
    )


def fitted(target, truth=(0, 1, 2), labels=LABELS, **params):
    model = adapted("some:Path", target)(labels=labels, seed=5, **params)
    rows = np.eye(len(truth), 3)
    model.fit(examples(rows, truth), examples(rows, truth), None)
    return model


def answered(model, *rows):
    """Probabilities, as the harness makes them of what a model says."""
    made = model.predict([np.array(row, np.float32) for row in rows])
    return calibration.probabilities(made.activations, made.link)


def test_parameters_are_the_plain_ones_of_get_params():
    known = settable(adapted("some:Path", Table))
    assert {name: default for name, (_, default) in known.items()} == {
        "depth": 3,
        "sizes": [100],
        "kind": "rbf",
        "random_state": None,
        "inner__random_state": None,
        "inner__fixed__random_state": 7,
        "inner": None,
    }


def test_parameters_that_were_set_reach_the_estimator_as_it_has_them():
    params = fitted(Table, depth=4, sizes=[5, 6]).estimator.params
    assert params["depth"] == 4
    assert params["sizes"] == (5, 6)
    assert params["far"] == float("inf")


def test_the_seed_goes_where_chance_would_decide_and_nowhere_else():
    params = fitted(Table).estimator.params
    assert (params["random_state"], params["inner__random_state"]) == (5, 5)
    assert params["inner__fixed__random_state"] == 7
    assert fitted(Table, random_state=3).estimator.params["random_state"] == 3
    huge = adapted("some:Path", Table)(labels=LABELS, seed=2**40 + 1)
    assert huge.estimator.params["random_state"] == 1


def test_a_function_has_its_own_arguments_as_parameters():
    def made(depth: int = 2, *, random_state=None, inner=LABELS.index):
        return Table(depth=depth, kind="made", random_state=random_state)

    known = settable(adapted("some:made", made))
    assert known == {"depth": (int, 2), "random_state": (Any, None)}
    params = fitted(made, depth=9).estimator.params
    assert (params["depth"], params["kind"], params["random_state"]) == (9, "made", 5)
    with pytest.raises(BadParameter, match="depth of some:made is 2.5, but must be int"):
        checked("some:made", known, {"depth": 2.5})


def test_a_function_without_arguments_has_the_parameters_of_what_it_returns():
    known = settable(adapted("some:made", lambda: Table(depth=8)))
    assert known["depth"][1] == 8


def test_probabilities_come_first_and_stay_what_they_are():
    model = fitted(Probable)
    assert answered(model, [0.5, 0, 0]).tolist() == [[0.5, 0.25, 0.25]]
    assert model.describe()["scores"] == "predict_proba"


def test_then_comes_the_decision_function():
    model = fitted(Deciding)
    assert answered(model, [1, 2, 3]).argmax() == 2
    assert model.predict([np.ones(3)]).link == "softmax"
    assert model.describe()["scores"] == "decision_function"


def test_the_one_column_of_two_classes_is_the_logistic_function():
    model = fitted(Deciding, truth=(0, 1, 1), labels=LABELS[:2])
    probable = answered(model, [2, 0, 0], [-1, 0, 0])
    np.testing.assert_allclose(probable[:, 1], 1 / (1 + np.exp([-2, 1])))


def test_a_vote_comes_last():
    model = fitted(Table)
    assert answered(model, [0, 0, 0]).tolist() == [[0, 0, 1]]
    assert fitted(Pairwise).predict([np.zeros(3)]).activations.tolist() == [[0, 0, 1]]
    assert model.describe()["estimator"].endswith(".Table")


@pytest.mark.parametrize(
    ("target", "row", "expected"),
    [
        (Probable, [0.5, 0, 0], [0.5, 0, 0.5]),
        (Deciding, [1, 0, 0], [1 / (1 + np.e), 0, np.e / (1 + np.e)]),
        (Table, [0, 0, 0], [0, 0, 1]),
    ],
)
def test_a_label_that_is_missing_in_training_shifts_no_column(target, row, expected):
    probable = answered(fitted(target, truth=(0, 2, 2)), row)
    np.testing.assert_allclose(probable, [expected], atol=1e-12)


def test_more_than_one_missing_label_shifts_no_column():
    labels = ("a", "b", "c", "d", "e")
    probable = answered(fitted(Deciding, truth=(1, 3, 4), labels=labels), [3, 2, 1])
    np.testing.assert_allclose(
        probable, [[0, *np.array([np.exp(2), 0, np.e, 1]) / (np.exp(2) + np.e + 1)]], atol=1e-12
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 2], [1, 2, 3]], "has the shapes (2,), (3,)"),
        ([[[1, 2]], [[3, 4]]], "has the shapes (1, 2)"),
    ],
)
def test_what_is_not_one_vector_of_one_size_is_refused(rows, words):
    model = adapted("some:Path", Table)(labels=LABELS, seed=0)
    with pytest.raises(BadParameter) as error:
        model.fit(examples(rows, (0, 1)), examples(rows, (0, 1)), None)
    assert words.replace("has", "have") in str(error.value)
    assert "choose features that give vectors, such as --features functionals" in str(error.value)


def test_what_the_library_refuses_is_one_line(monkeypatch):
    assert Odd.__module__ == Table.__module__
    library = ModuleType("some_library")
    for one in (Odd, Table):
        monkeypatch.setattr(one, "__module__", "some_library")
    monkeypatch.setitem(sys.modules, "some_library", library)
    with pytest.raises(BadParameter, match="^some:Path cannot be fitted: the kind is refused$"):
        fitted(Table, kind="refused")


def test_a_fault_of_the_users_own_code_keeps_its_traceback():
    class Faulty(Table):
        def fit(self, rows, truth):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fitted(Faulty)


def test_answers_that_fit_no_class_are_refused():
    class Wrong(Table):
        def predict(self, rows):
            return np.full(len(rows), 0.5)

    class Wide(Table):
        def predict_proba(self, rows):
            return np.ones((len(rows), 7))

    with pytest.raises(PluginError, match="must predict one of its classes per utterance, but"):
        fitted(Wrong).predict([np.zeros(3)])
    with pytest.raises(PluginError, match=re.escape("scores of shape (1, 7) for 3 classes")):
        fitted(Wide).predict([np.zeros(3)])


# ---- scikit-learn itself ----


@pytest.fixture
def sklearn(places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return pytest.importorskip("sklearn")


def test_an_estimator_of_scikit_learn_is_evaluated_as_it_is(sklearn, places):
    run = serbench.evaluate(
        "sklearn.svm:SVC", "tones", features="crossings", params={"C": 1000}, jobs=0
    )
    assert run.config.params["C"] == 1000
    assert run.config.params["kernel"] == "rbf"
    assert run.config.model_version == f"scikit-learn {sklearn.__version__}"
    assert run.config.feature == "crossings"
    assert set(run.facts.sources) == {"serbench", "serbench_tiny", "sklearn"}
    assert run.facts.model["scores"] == "decision_function"
    assert "sklearn.svm:SVC on tones" in str(run)
    assert run.name.startswith("tones_sklearn.svm-SVC_kfold-n-3_seed0_")


def test_it_answers_as_scikit_learn_does(sklearn):
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    rows, truth = rng.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3
    model = adapted("sklearn.svm:SVC", SVC)(labels=LABELS, seed=0, C=10)
    model.fit(examples(rows, truth), examples(rows, truth), None)
    direct = SVC(C=10).fit(rows.astype(np.float64), truth)
    np.testing.assert_array_equal(
        model.predict(list(rows)).activations, direct.decision_function(rows.astype(np.float64))
    )


def test_a_pipeline_of_the_users_is_scaled_seeded_and_set(sklearn, tmp_path):
    (tmp_path / "piped.py").write_text(
        "from sklearn.linear_model import SGDClassifier\n"
        "from sklearn.pipeline import make_pipeline as joined\n"
        "from sklearn.preprocessing import StandardScaler\n\n\n"
        "def make():\n    return joined(StandardScaler(), SGDClassifier())\n"
    )
    what = {"features": "crossings", "jobs": 0, "folds": ["1"]}
    step = "sgdclassifier__"
    run = serbench.evaluate("piped:make", "tones", params={f"{step}alpha": 0.01}, **what)
    again = serbench.evaluate(
        "piped:make",
        "tones",
        params={f"{step}alpha": 0.01},
        results=tmp_path / "again",
        **what,
    )
    version = run.config.model_version
    assert re.fullmatch(r"piped [0-9a-f]{12}, scikit-learn [\d.]+", version)
    assert run.config.params[f"{step}random_state"] is None
    first, second = (one.folds[0].test.activations for one in (run, again))
    np.testing.assert_array_equal(first, second)


def test_what_scikit_learn_refuses_is_a_line_a_fold(sklearn):
    with pytest.raises(FoldError) as error:
        serbench.evaluate(
            "sklearn.svm:SVC", "tones", features="crossings", params={"C": -1}, jobs=0
        )
    first = str(error.value).splitlines()[0]
    assert first.startswith(
        "folds 1, 2, 3: sklearn.svm:SVC cannot be fitted: The 'C' parameter of SVC"
    )


def test_it_is_submitted_verified_and_on_the_board(sklearn, tmp_path):
    def said(*words):
        done = CliRunner().invoke(app, [*map(str, words)])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    words = ("--model", "sklearn.svm:SVC", "--features", "crossings", "--dataset", "tones")
    said("evaluate", *words, "--jobs", 0, "--param", "C=10")
    said("leaderboard", "submit", "tones_sklearn", "--submitter", "me", "--out", "sent")
    verified = said("leaderboard", "verify", "sent")
    assert verified.startswith("ok recomputed ")
    assert "its parameters were not checked: sklearn.svm:SVC is an import path" in verified
    said("leaderboard", "build", "--submissions", "sent", "--out", "board")
    board = (tmp_path / "board" / "README.md").read_text()
    assert re.search(r"\| 1 +\| sklearn\.svm:SVC +\|", board)
    assert "; sent by me (not confirmed), " in board


def test_the_name_of_a_run_holds_nothing_that_a_file_system_minds():
    config = Config(
        *("tones", "tones", "kfold:n=3", "a.b_c:D.E", "1", {}, "crossings", "1", {}, {}, 0)
    )
    assert re.fullmatch(r"tones_a\.b_c-D\.E_kfold-n-3_seed0_[0-9a-f]{8}", config.name)
    assert safe_read.shown(config.name) == config.name
