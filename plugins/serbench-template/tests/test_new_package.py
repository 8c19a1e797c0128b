"""What is made, under which names, and what is refused."""

import sys

import pytest
from typer.testing import CliRunner

from serbench.cli.app import app
from serbench.errors import BadParameter, MissingRequirement, SerbenchError, UnknownName
from serbench_template import new_package
from serbench_template.new_package import KINDS, new, next_steps, renamed, template
from serbench_template.package_name import Name

EVERYWHERE = {
    ".github/workflows/ci.yml",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "tests/test_contract.py",
}
OF_KIND = {
    "model": {"model.py", "spectrum.py"},
    "features": {"features.py"},
    "dataset": {"corpus.py"},
    "perturbation": {"perturbation.py"},
    "engine": {"engine.py", "worker.py"},
}
TESTS = {
    "model": {"test_model.py"},
    "features": {"test_features.py"},
    "dataset": {"test_corpus.py", "conftest.py", "pretended.py"},
    "perturbation": {"test_perturbation.py"},
    "engine": {"test_engine.py"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_has_these_files_and_no_others(kind, own, tmp_path):
    folder = new(own.plugin, kind, tmp_path)
    assert folder == tmp_path / own.plugin
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    modules = {f"{own.module}/{name}" for name in OF_KIND[kind] | {"__init__.py", "plugin.py"}}
    assert found == EVERYWHERE | modules | {f"tests/{name}" for name in TESTS[kind]}
    assert [path.name for path in tmp_path.iterdir()] == [own.plugin]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_templates_name_is_left(kind, own, tmp_path):
    folder = new(own.plugin, kind, tmp_path)
    text = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert not [form for form in KINDS[kind].forms if form in text]
    assert all(form in text for form in own.forms)


def test_a_template_keeps_its_own_name_where_the_author_wants_that():
    files = template("model")
    assert renamed(files, KINDS["model"], Name("example-model")) == files


def test_the_text_says_what_comes_next(own, tmp_path):
    folder = new(own.plugin, "features", tmp_path)
    first, *rest = next_steps("features", folder).splitlines()
    assert first == (
        f"{folder} is a working features plugin; its README.md says what to change. Next:"
    )
    assert [line.strip() for line in rest] == [
        f"cd {folder}",
        'pip install -e ".[test]"',
        "pytest",
        f"serbench plugin check {own.plugin}",
        "serbench evaluate --model sklearn.discriminant_analysis:LinearDiscriminantAnalysis \\",
        f"--features {own.plugin} --dataset toy",
    ]


def test_the_licence_and_the_author_are_placeholders(own, tmp_path):
    folder = new(own.plugin, "model", tmp_path)
    assert (folder / "LICENSE").read_text().startswith("NO LICENCE YET: REPLACE THIS FILE.")
    project = (folder / "pyproject.toml").read_text()
    assert 'authors = [{ name = "YOUR NAME" }]' in project
    assert 'classifiers = ["Private :: Do Not Upload"]' in project
    assert "license =" not in project


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My-CNN", "lower-case letters, digits and hyphens, a letter first"),
        ("3d", "a letter first"),
        ("a--b", "lower-case letters, digits and hyphens"),
        ("../a", "cannot be the name of a plugin"),
        ("my-cnn\n", "cannot be the name of a plugin"),
        ("", "such as my-cnn"),
        ("x" * 31, "at most 30 characters"),
        ("waveform", "the plugin serbench has a feature of that name; choose another"),
        ("alexnet", "an installed plugin has that name; choose another, such as my-alexnet"),
        ("numpy", "the package numpy is installed"),
        ("yaml", "there is already a Python module yaml of the package PyYAML"),
        ("json", "Python itself has a module json"),
        ("lambda", "it is a keyword of Python"),
        ("none", "it is a keyword of Python"),
        ("value-error", "its class would be ValueError, the name of a class of Python"),
        ("tests", "every plugin has or uses a module of that name"),
        ("predictions", "its class would be Predictions, a name that the package uses"),
        ("model-contract", "its class would be ModelContract, a name that"),
    ],
)
def test_an_impossible_or_taken_name_is_refused(name, reason, tmp_path):
    with pytest.raises(BadParameter) as caught:
        new(name, "model", tmp_path)
    assert reason in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_lists_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match=r"no kind of plugin 'modle'; did you mean model\?"):
        new("my-own", "modle", tmp_path)


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_what_is_there_already_is_not_touched(there, own, tmp_path):
    place = tmp_path / own.plugin
    if there == "folder":
        place.mkdir()
    elif there == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(SerbenchError, match="exists already, and nothing in it was changed"):
        new(own.plugin, "model", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [own.plugin]
    assert not (there == "folder" and list(place.iterdir()))


def test_nothing_is_half_written(own, tmp_path, monkeypatch):
    files = dict(template("model"))
    files["README.md/below-a-file"] = "it cannot be written"
    monkeypatch.setattr(new_package, "template", lambda kind: files)
    with pytest.raises(SerbenchError, match="cannot write"):
        new(own.plugin, "model", tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_tools_leave_behind_is_no_part_of_a_template(tmp_path, monkeypatch):
    monkeypatch.setattr(new_package, "TEMPLATES", tmp_path)
    for name in (
        "model.py",
        ".gitignore",
        ".github/ci.yml",
        "a/__pycache__/model.pyc",
        ".pytest_cache/README.md",
        "example_model.egg-info/PKG-INFO",
        "dist/x.whl",
        ".DS_Store",
    ):
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff" if path.suffix == ".pyc" else b"x")
    assert list(template("model")) == [".github/ci.yml", ".gitignore", "model.py"]


def test_names_are_replaced_once_in_all_forms():
    files = {"my_a/x.py": "my-a my_a MyA", "b": "my-a2 my_ab"}
    made = renamed(files, Name("my-a"), Name("my-a-my-a"))
    assert made == {
        "my_a_my_a/x.py": "my-a-my-a my_a_my_a MyAMyA",
        "b": "my-a-my-a2 my_a_my_ab",
    }


def test_these_tests_pass_over_a_name_that_is_taken(free, tmp_path, monkeypatch):
    (tmp_path / "my_own.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert free().plugin != "my-own"


def test_a_name_has_three_forms():
    assert Name("my-cnn2").forms == ("my-cnn2", "my_cnn2", "MyCnn2")


def test_the_command_makes_it_and_prints_what_comes_next(own, tmp_path):
    words = ["plugin", "new", own.plugin, "--kind", "dataset", "--into", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert done.output.startswith(f"{tmp_path / own.plugin} is a working dataset plugin")
    assert (tmp_path / own.plugin / own.module / "corpus.py").is_file()


def test_without_the_template_the_command_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "serbench_template.new_package", None)
    done = CliRunner().invoke(app, ["plugin", "new", "my-own", "--into", str(tmp_path)])
    assert isinstance(done.exception, MissingRequirement)
    assert str(done.exception).endswith("a package of its own: pip install serbench-template")
