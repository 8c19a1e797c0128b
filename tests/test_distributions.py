"""The distributions of this repository: what the package index shows and installs of them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import serbench

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {path.parent.name: path.parent for path in ROOT.glob("plugins/*/pyproject.toml")}
FOLDERS = {"serbench": ROOT, **FOLDERS}
REPOSITORY = "https://github.com/serbench/serbench"
# torch 2.13, the newest release that is tested, has wheels for these
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def pyproject(name):
    return tomllib.loads((FOLDERS[name] / "pyproject.toml").read_text())


def project(name):
    return pyproject(name)["project"]


def requirements(name):
    """What a distribution needs, extras included."""
    said = project(name)
    extras = said.get("optional-dependencies", {}).values()
    return [Requirement(one) for part in (said["dependencies"], *extras) for one in part]


@pytest.fixture(params=FOLDERS)
def name(request):
    return request.param


def test_the_index_can_show_everything_about_it(name):
    said = project(name)
    assert said["name"] == name
    assert len(said["description"]) > 20
    assert (FOLDERS[name] / "README.md").read_text().startswith(f"# {name}\n")
    assert said.get("readme", "README.md") == "README.md"
    assert said["authors"] == [{"name": "the serbench developers"}]
    urls = said["urls"]
    assert set(urls) == {"Homepage", "Documentation", "Changelog", "Issues"}
    assert urls["Homepage"] == REPOSITORY
    for url in urls.values():
        assert url.startswith(REPOSITORY)
        page = re.sub("^(blob|tree)/main/", "", url.removeprefix(REPOSITORY).lstrip("/"))
        assert page == "issues" or (ROOT / page).exists()


def test_its_licence_is_included(name):
    said = project(name)
    assert said["license"].startswith("MIT")
    assert "LICENSE" in said["license-files"]
    assert (FOLDERS[name] / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    for pattern in said["license-files"]:
        assert list(FOLDERS[name].glob(pattern)), pattern


def test_its_classifiers_name_the_versions_of_python_that_ci_runs(name):
    classifiers = project(name)["classifiers"]
    prefix = "Programming Language :: Python :: "
    assert "Typing :: Typed" in classifiers
    assert [f"{prefix}{python}" for python in PYTHONS] == [
        one for one in classifiers if re.fullmatch(rf"{prefix}3\.\d+", one)
    ]
    assert project(name)["requires-python"] == f">={PYTHONS[0]}"


def test_it_is_typed_and_has_the_version_of_all_others(name):
    package = FOLDERS[name] / name.replace("-", "_")
    assert (package / "py.typed").is_file()
    version = pyproject(name)["tool"]["hatch"]["version"]["path"]
    assert FOLDERS[name] / version == package / "__init__.py"
    line = f'__version__ = "{serbench.__version__}"'
    assert line in (package / "__init__.py").read_text().splitlines()


def test_it_asks_for_versions_that_there_are(name):
    for one in requirements(name):
        if one.name.startswith("serbench"):
            assert one.name in FOLDERS
            assert one.specifier.contains(serbench.__version__)
        else:
            assert [part.operator for part in one.specifier].count(">=") == 1, str(one)
    assert pyproject(name)["build-system"]["requires"][0] == "hatchling>=1.27"  # licence files


def test_a_dependency_has_the_same_lower_bound_everywhere():
    bounds = {}
    for name in FOLDERS:
        for one in requirements(name):
            if not one.name.startswith("serbench"):
                bounds.setdefault(one.name, set()).add(str(one.specifier))
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


def test_the_extras_install_what_is_light_and_all():
    extras = project("serbench")["optional-dependencies"]
    light = {Requirement(one).name for one in extras["light"]}
    assert light == {"serbench-corpora", "serbench-perturbations", "serbench-sklearn"}
    for name in light:
        assert not {one.name for one in requirements(name)} & {"torch", "serbench-torch"}
    again, *others = map(Requirement, extras["all"])
    assert (again.name, again.extras) == ("serbench", set(extras) - {"all"})
    torch = {one.name for one in requirements("serbench-alexnet")}
    installed = {"serbench", *light, *(one.name for one in others), *torch}
    assert set(FOLDERS) - installed == {"serbench-ray"}


def test_other_readmes_link_to_addresses_that_the_index_can_open():
    for name in set(FOLDERS) - {"serbench"}:
        text = (FOLDERS[name] / "README.md").read_text()
        for target in re.findall(r"\]\(([^)]+)\)", text):
            assert target.startswith("https://"), (name, target)
            if target.startswith(f"{REPOSITORY}/blob/main/"):
                assert (ROOT / target.removeprefix(f"{REPOSITORY}/blob/main/")).is_file(), target


def test_the_citation_has_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == serbench.__version__
    assert citation["repository-code"] == REPOSITORY
    assert citation["authors"] == project("serbench")["authors"]
