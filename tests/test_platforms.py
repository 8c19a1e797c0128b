"""Windows and macOS: no module needs at import what only some systems have.

`make check` runs mypy for both systems as well, which reports every use of what one of them lacks.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for pattern in ("serbench/**/*.py", "plugins/serbench-*/serbench_*/**/*.py")
    for path in ROOT.glob(pattern)
)
# of the standard library, by its documentation
UNIX = {"_posixsubprocess", "crypt", "curses", "fcntl", "grp", "ossaudiodev", "posix", "pty", "pwd"}
UNIX |= {"readline", "resource", "spwd", "syslog", "termios", "tty"}
WINDOWS = {"_winapi", "msvcrt", "nt", "winreg", "winsound"}


def at_import(node):
    """Every statement that runs when a module is imported."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from at_import(child)


def imported(tree):
    for node in at_import(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_no_module_imports_what_only_some_systems_have():
    assert len(SOURCES) > 200
    found = {
        str(path.relative_to(ROOT)): names
        for path in SOURCES
        if (names := (UNIX | WINDOWS) & set(imported(ast.parse(path.read_text()))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import fcntl", {"fcntl"}),
        ("try:\n    from resource import getrusage\nexcept ImportError:\n    pass", {"resource"}),
        ("class A:\n    import pwd", {"pwd"}),
        ("def f():\n    import fcntl", set()),
    ],
)
def test_imports_are_found_where_they_run(code, names):
    assert set(imported(ast.parse(code))) == names
