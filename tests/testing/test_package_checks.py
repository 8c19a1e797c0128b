"""Each check of a package catches one that is built to break it, and lets a clean one pass."""

import re
import sys

import pytest

from serbench.errors import UnknownName
from serbench.plugins import registry
from serbench.testing.kinds import KINDS

HEAD = "from serbench.contracts import Entry, ModelEntry, hookimpl\n"
CLEAN = """
@hookimpl
def serbench_models():
    return [ModelEntry("made-up", "made_up_model:Model", "a model")]
"""
MODEL = "class Model:\n    def __init__(self, labels, seed, *, depth: int = 2): ...\n"

# what the hook module says, the check that catches it, and its words
CAUGHT = [
    (
        HEAD + "raise OSError('no disk')",
        "entry_points_resolve",
        r"OSError: no disk .*made_up.py, l",
    ),
    (HEAD + "raise SystemExit(4)", "entry_points_resolve", "it ended the process"),
    (
        "import jax\n" + HEAD + CLEAN,
        "imports_nothing_heavy",
        "imports jax: import that in the modu",
    ),
    (
        HEAD + CLEAN.replace("    return", "    import jax\n    return"),
        "imports_nothing_heavy",
        "listing the plugins of made_up imports jax",
    ),
    (HEAD + CLEAN.replace("_models", "_model"), "hooks_are_known", "did you mean serbench_models"),
    (HEAD, "hooks_are_known", "it has none of the functions serbench_datasets"),
    (HEAD + CLEAN.replace("made-up", "Made up"), "entries_are_sound", "must be lower case, digits"),
    (HEAD + CLEAN.replace(":Model", ".Model"), "entries_are_sound", "must be written my_package.m"),
    (HEAD + CLEAN.replace("ModelEntry(", "Entry("), "entries_are_sound", "returns a Entry among"),
    (HEAD + CLEAN.replace("a model", ""), "entries_are_sound", "its summary must be one line"),
    (HEAD + CLEAN.replace("made-up", "centroid"), "names_are_free", "offered by the plugins made"),
    (HEAD + CLEAN.replace(":Model", ":Modell"), "targets_load", "no 'Modell' .*did you mean Model"),
    (
        HEAD + CLEAN.replace('"a model"', '"a model", defaults={"toy": {"dept": 3}}'),
        "parameters_fit",
        "there is no parameter of model made-up 'dept'; did you mean depth.*defaults of .*'toy'",
    ),
    (
        HEAD + CLEAN.replace('"a model"', '"a model", features="crossings", feature_params=("p",)'),
        "parameters_fit",
        "there is no parameter of the feature crossings 'p'",
    ),
    (
        HEAD + CLEAN.replace('"a model"', '"a model", features="crossing"'),
        "parameters_fit",
        "there is no feature 'crossing'; did you mean crossings",
    ),
]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a package of one hook module."""

    def install(code, model=MODEL):
        (tmp_path / "made_up.py").write_text(code)
        (tmp_path / "made_up_model.py").write_text(model)
        (tmp_path / "jax.py").touch()  # as heavy as a name can be
        info = tmp_path / "serbench_made_up-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: serbench-made-up\nVersion: 1\n"
        )
        (info / "entry_points.txt").write_text("[serbench]\nmade = made_up\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        registry.installed.cache_clear()

    yield install
    registry.installed.cache_clear()
    for name in ("made_up", "made_up_model", "jax"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("code", "check", "words"), CAUGHT, ids=[f"{i}-{one[1]}" for i, one in enumerate(CAUGHT)]
)
def test_a_violating_package_fails_just_its_check(install, examined, code, check, words):
    install(code)
    found = examined("package", "serbench-made-up")
    failed = [verdict for verdict in found.values() if verdict.state == "failed"]
    assert [verdict.name for verdict in failed] == [check]
    assert re.search(words, failed[0].reason), failed[0].reason


def test_a_default_that_model_and_feature_disagree_on_is_found(install, examined):
    code = HEAD + CLEAN.replace(
        '"a model"', '"a model", features="crossings", feature_params=("parts",)'
    )
    install(code, MODEL.replace("depth: int = 2", "parts: int = 7"))
    reason = examined("package", "made")["parameters_fit"].reason
    assert reason.startswith("parameter parts is 7 in model made-up but 2 in its feature crossings")
    assert reason.endswith("give both one default")


def test_every_check_of_a_package_is_shown_to_catch_something():
    assert {check for _, check, _ in CAUGHT} == {one.name for one in KINDS["package"].checks}


@pytest.mark.parametrize("name", ["serbench-made-up", "Serbench_Made.Up", "made"])
def test_a_clean_package_passes_all_by_either_name(install, examined, name):
    install(HEAD + CLEAN)
    found = examined("package", name)
    assert {name: one for name, one in found.items() if one.state != "ok"} == {}
    assert found["entry_points_resolve"].reason == "made = made_up"


def test_what_an_entry_requires_and_is_not_here_is_named_and_no_failure(install, examined):
    install(HEAD + CLEAN.replace('"a model"', '"a model", ("no_such_module",)'))
    found = examined("package", "made")
    assert found["targets_load"].reason == "not tried, because a requirement is missing: made-up"
    assert {one.state for one in found.values()} == {"ok"}


def test_a_package_that_is_not_installed_is_told_what_to_look_for(examined):
    with pytest.raises(
        UnknownName, match="no package with plugins 'serbench-mad-up'.*in its pyproj"
    ):
        examined("package", "serbench-mad-up")
