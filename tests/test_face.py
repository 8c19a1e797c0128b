"""The names of `serbench` itself: what a user or a plugin's author imports from it."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import serbench

TEMPLATES = Path(__file__).parents[1] / "plugins/serbench-template/serbench_template/templates"


def test_every_name_of_the_face_is_there():
    for name in serbench.__all__:
        assert getattr(serbench, name) is not None
    assert set(serbench.__all__) <= set(dir(serbench))
    with pytest.raises(AttributeError, match="module 'serbench' has no attribute 'evalute'"):
        _ = serbench.evalute


def test_the_face_names_no_module():
    modules = {module.name for module in pkgutil.iter_modules(serbench.__path__)}
    assert not modules & set(serbench.__all__)


def test_type_checkers_see_the_names_that_are_there():
    source = Path(serbench.__file__).read_text(encoding="utf-8")
    typed = {
        alias.name: getattr(importlib.import_module(str(node.module)), alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {name: getattr(serbench, name) for name in typed}
    assert {*typed, "__version__"} == set(serbench.__all__)


def test_a_plugin_needs_the_face_and_the_contract_tests_alone():
    for file in TEMPLATES.rglob("*.py"):
        imported = {
            str(node.module)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("serbench")
        }
        allowed = {"serbench", "serbench.testing"} if "tests" in file.parts else {"serbench"}
        assert imported <= allowed, file


def test_the_face_imports_nothing_at_first():
    code = "import sys, serbench; print([name for name in sys.modules if 'serbench.' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
