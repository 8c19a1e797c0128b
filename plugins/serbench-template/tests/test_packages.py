"""The templates work: each, under a new name, is built, listed and passes its own tests."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement

from serbench.cli.app import app
from serbench_template import new_package
from serbench_template.new_package import KINDS, new, next_steps, template

ROOT = Path(__file__).resolve().parents[3]
PYPROJECT = ROOT / "plugins" / "serbench-template"
SKIPPED = {
    "dataset": {"it has no manifest, which is optional"},
    "engine": {"its tasks end with the driver, which is allowed"},
}
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


def run(*words, cwd, path=None):
    """Run a program with what is in `path` importable; its output, once it has ended well."""
    env = {
        **os.environ,
        "PYTHONPATH": str(path or ""),
        "PYTHONSAFEPATH": "1",  # what is built is tested, not the folder that it runs in
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unpacked(project, out):
    """The folder with what a wheel of the project installs."""
    run(sys.executable, "-c", BUILD, out / "wheel", cwd=project)
    (wheel,) = (out / "wheel").iterdir()
    with zipfile.ZipFile(wheel) as file:
        file.extractall(out / "site")
    return out / "site"


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests(kind, own, tmp_path):
    project = new(own.plugin, kind, tmp_path)
    site = unpacked(project, tmp_path)
    plural = kind if kind == "features" else f"{kind}s"
    listed = run(sys.executable, "-m", "serbench", plural, cwd=tmp_path, path=site)
    assert re.search(rf"^{own.plugin} +\S.*\[{own.plugin}\]$", listed, re.MULTILINE)
    pytest_ = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider"]
    # an engine's other checks take long; `make test-template` runs them
    quick = "TestPackage or options or single_task or states or test_engine"
    fewer = ["-k", quick] if kind == "engine" else []
    tested = run(*pytest_, *fewer, cwd=project, path=site)
    assert re.search(r"\d+ passed", tested), tested
    skipped = re.findall(r"^SKIPPED .*: not run: (.*)", tested, re.MULTILINE)
    assert set(skipped) == SKIPPED.get(kind, set()), tested


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["me", "a-name-of-thirty-characters-xy"])
def test_whatever_its_name_is_a_new_plugin_is_linted_and_formatted(kind, name, tmp_path):
    project = new(name, kind, tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    run(*ruff, "check", "--no-cache", "--extend-select", "I,UP,B,SIM,RUF", ".", cwd=project)
    run(*ruff, "format", "--no-cache", "--check", ".", cwd=project)


def test_a_wheel_has_all_of_the_templates(tmp_path):
    site = unpacked(PYPROJECT, tmp_path)
    for kind in KINDS:
        root = site / "serbench_template" / "templates" / kind
        packed = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
        assert packed == set(template(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_workflow_runs_what_the_readme_says_first(kind):
    files = template(kind)
    workflow = yaml.safe_load(files[".github/workflows/ci.yml"])
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", one["uses"]) for one in steps if "uses" in one)
    assert workflow["permissions"] == {"contents": "read"}
    ran = [" ".join(one["run"].replace("\\\n", "").split()) for one in steps if "run" in one]
    readme = files["README.md"].partition("```bash\n")[2].partition("```")[0]
    said = [" ".join(line.split()) for line in readme.replace("\\\n", "").splitlines()]
    assert ran == [line.replace("pip install -e", "python -m pip install") for line in said]


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_names_files_and_options_that_there_are(kind):
    files = template(kind)
    text = files["README.md"]
    for name in re.findall(r"^\| `([^`]+)`", text, re.MULTILINE):
        assert any(path.startswith(name) for path in files), name
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in re.findall(r"^serbench (.*)", block.replace("\\\n", ""), re.MULTILINE):
            known = options(shlex.split(line))
            used = set(re.findall(r"--[a-z-]+", line))
            assert {name for name, needed in known.items() if needed} <= used <= set(known), line


def options(words):
    """The options of the command that these words name, and whether it needs them."""
    command = typer.main.get_command(app)
    while isinstance(command, typer.core.TyperGroup):
        command = command.commands[words.pop(0)]
    found = [one for one in command.params if isinstance(one, typer.core.TyperOption)]
    return {name: one.required for one in found for name in one.opts}


def test_the_guide_shows_the_commands_that_new_prints(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = next_steps("model", new(own.plugin, "model")).replace(own.plugin, "my-cnn")
    said = [line.strip() for line in text.splitlines()[1:]]
    page = (ROOT / "docs" / "plugins.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    first, second, *rest = next(b for b in blocks if "plugin new" in b).splitlines()
    assert first == "pip install serbench-template"
    assert second.startswith("serbench plugin new my-cnn ")
    assert rest == said


@pytest.mark.parametrize("kind", KINDS)
def test_it_asks_for_a_serbench_that_there_is(kind):
    project = tomllib.loads(template(kind)["pyproject.toml"])["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    ours = [one for one in map(Requirement, asked) if one.name.startswith("serbench")]
    assert len(ours) == 2 + (kind in ("perturbation", "engine"))
    assert all(one.specifier.contains(metadata.version(one.name)) for one in ours)


def test_the_templates_are_where_the_package_looks():
    assert {path.name for path in new_package.TEMPLATES.iterdir()} == set(KINDS)
