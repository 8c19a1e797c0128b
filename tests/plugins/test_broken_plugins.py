"""Plugins that are broken in every way: each is told why, and takes nothing else along."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from serbench.cli import listings
from serbench.contracts import Entry, ModelEntry
from serbench.plugins import registry
from serbench.plugins.registry import offers

HEAD = "from serbench.contracts import Entry, ModelEntry, hookimpl\n"


def models(*entries, mark="@hookimpl\n"):
    return f"{HEAD}{mark}def serbench_models():\n    return [{', '.join(entries)}]\n"


def model(name, target="serbench_tiny:Centroid", more=""):
    return f"ModelEntry({name!r}, {target!r}, 'a model', features='crossings'{more})"


SOURCES = {
    "missing-import": "import no_such_module_at_all\n",
    "exits": "raise SystemExit(3)\n",
    "odd": "class Odd(BaseException):\n    pass\nraise Odd('not today')\n",
    "unwritten": "def (\n",
    "arguments": HEAD + "@hookimpl\ndef serbench_models(config):\n    return []\n",
    "a-list": HEAD + "serbench_models = []\n",
    "nothing": HEAD + "@hookimpl\ndef serbench_models():\n    pass\n",
    "number": HEAD + "@hookimpl\ndef serbench_datasets():\n    return 3\n",
    "text": HEAD + "@hookimpl\ndef serbench_features():\n    return 'mel'\n",
    "half-way": f"{HEAD}@hookimpl\ndef serbench_models():\n    yield {model('half')}\n    1 / 0\n",
    "raises": (
        f"{HEAD}@hookimpl\ndef serbench_models():\n    raise ValueError('no\\x1b[31m red')\n"
        "@hookimpl\ndef serbench_features():\n"
        "    return [Entry('other-hook', 'serbench_tiny:Crossings', 'of a healthy hook')]\n"
    ),
    "dicts": models("{'name': 'x'}", model("beside-a-dict")),
    "plain-entry": models("Entry('x', 'serbench_tiny:Centroid', 'an entry')"),
    "model-as-feature": HEAD + f"def serbench_features():\n    return [{model('x')}]\n",
    "names": models(model("My_Model"), model("red\x1b[31m"), model("beside-a-bad-name")),
    "targets": models(model("no-colon", "serbench_tiny.Centroid")),
    "requires": models(model("letters", more=", requires='numpy'")),
    "defaults": models(model("flat", more=", defaults={'epochs': 3}")),
    "titles": models(model("worded", more=", value_titles={'a': 1}")),
    "needs": models(model("heavy", more=", memory='8 GB'"), model("idle", more=", threads=0")),
    "hookless": "x = 1\n",
    "singular": HEAD + "@hookimpl\ndef serbench_model():\n    return []\n",
    "core-name": (
        HEAD + "def serbench_features():\n"
        "    return [Entry('waveform', 'serbench_tiny:Crossings', 'not the wave')]\n"
    ),
    "one": models(model("contested"), model("only-one")),
    "two": models(model("contested"), model("only-two")),
    "itself": models(model("repeated"), model("repeated")),
    "unmarked": models(model("unmarked"), mark=""),
    "noisy": "import warnings\nwarnings.warn('careful')\nprint('hello')\n" + models(model("noisy")),
    "needs-part": models(model("needs-part", more=", requires=('side_effects.part',)")),
    "needs-more": models(
        model("needs-more", more=", requires=('numpy', 'nowhere.at.all'), install='nw[all]'")
    ),
    "loads-badly": models(
        model("lacks-import", "target_import:Model"),
        model("bad-syntax", "target_syntax:Model"),
        model("exits-late", "target_exit:Model"),
        model("misnamed", "serbench_tiny:Centriod"),
        model("no-class", "serbench_tiny:TAKES"),
        model("unversioned", "target_unversioned:Model"),
    ),
}

SAID = {
    "missing-import": "ModuleNotFoundError: No module named 'no_such_module_at_all' "
    "(plugin_missing_import.py, line 1)",
    "exits": "cannot import plugin_exits: SystemExit: 3 (plugin_exits.py, line 1)",
    "odd": "cannot import plugin_odd: Odd: not today",
    "unwritten": "SyntaxError: invalid syntax (plugin_unwritten.py, line 1)",
    "absent": "cannot import no_such_plugin: ModuleNotFoundError: No module named 'no_such_plugin'",
    "two words": "its entry point is 'two words', but must be a module: my_package",
    "arguments": "serbench_models(config) takes arguments, but a hook is called with none",
    "a-list": "serbench_models is a list, but must be a function that returns a list",
    "nothing": "serbench_models() returns None, but must return a list of entries",
    "number": "serbench_datasets() returns a int, but must return a list of entries",
    "text": "serbench_features() returns a str, but must return a list of entries",
    "half-way": "serbench_models() failed: ZeroDivisionError: division by zero",
    "raises": "serbench_models() failed: ValueError: no\\x1b[31m red (plugin_raises.py, line 4)",
    "dicts": "serbench_models() returns a dict among its entries, not ModelEntry",
    "plain-entry": "serbench_models() returns a Entry among its entries, not ModelEntry",
    "model-as-feature": "serbench_features() returns a ModelEntry among its entries, not Entry",
    "names": "the name 'My_Model' of a model must be lower case, digits and hyphens: my-model",
    "targets": "the target of the model no-colon is 'serbench_tiny.Centroid', but must be written "
    "my_package.module:Name",
    "requires": "the model letters: requires is 'numpy', but must be a tuple of texts",
    "defaults": 'the model flat: defaults must be of the form {"*": {"epochs": 3}}',
    "titles": 'the model worded: value_titles must be of the form {"whisper-tiny": "Whisper tiny"}',
    "needs": "the model heavy: memory is '8 GB', but must be 0 or more",
    "hookless": "it has none of the functions serbench_datasets, serbench_features",
    "singular": "there is no hook serbench_model; did you mean serbench_models?",
    "core-name": "the feature waveform is the core's own name",
}


def install(folder, name, source=None, module=None):
    """A distribution with one plugin, as pip would leave it."""
    module = module or "plugin_" + name.replace("-", "_")
    info = folder / f"{re.sub('[ -]', '_', name)}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[serbench]\n{name} = {module}\n")
    if source is not None:
        (folder / f"{module}.py").write_text(source)


@dataclass(frozen=True)
class Environment:
    """Where everything is broken, and what the listings say of it."""

    variables: dict[str, str]
    said: dict[str, subprocess.CompletedProcess] = field(default_factory=dict)

    def rows(self, kind, name):
        """The rows of a listing that begin with a name."""
        return [row for row in self.said[kind].stdout.splitlines() if row.split()[:1] == [name]]

    def run(self, *words):
        command = [sys.executable, "-m", "serbench", *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, env=self.variables
        )


@pytest.fixture(scope="module")
def everything_broken(tmp_path_factory, tiny_plugin):
    folder = tmp_path_factory.mktemp("broken")
    for name, source in SOURCES.items():
        install(folder, name, source)
    install(folder, "absent", module="no_such_plugin")
    install(folder, "two words", module="two words")
    package = folder / "side_effects"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('a listing imported me')\n")
    (package / "part.py").write_text("")
    (folder / "target_import.py").write_text("import numpy\nimport not_here_at_all\n")
    (folder / "target_syntax.py").write_text("class Model\n")
    (folder / "target_exit.py").write_text("import sys\nsys.exit('bye')\n")
    (folder / "target_unversioned.py").write_text(
        "from serbench_tiny import Centroid\nclass Model(Centroid):\n    version = None\n"
    )
    path = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])
    places = {f"SERBENCH_{name}": str(folder / name) for name in ("DATA", "CACHE", "RESULTS")}
    made = Environment({**os.environ, **places, "PYTHONPATH": path, "SERBENCH_DEVICE": "cpu"})
    made.said.update({kind: made.run(kind) for kind in registry.KINDS.values()})
    return made


@pytest.mark.parametrize("plugin", SAID)
def test_every_listing_says_what_is_wrong_with_a_broken_plugin(everything_broken, plugin):
    for done in everything_broken.said.values():
        assert done.returncode == 0
        lines = [line for line in done.stderr.splitlines() if f"broken plugin {plugin}:" in line]
        assert SAID[plugin] in "\n".join(lines)


def test_listings_hold_nothing_that_a_terminal_obeys(everything_broken):
    for done in everything_broken.said.values():
        assert "\x1b" not in done.stdout + done.stderr
    assert r"the name 'red\x1b[31m' of a model" in everything_broken.said["models"].stderr


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("models", "centroid"),
        ("models", "beside-a-dict"),
        ("models", "beside-a-bad-name"),
        ("models", "only-one"),
        ("models", "only-two"),
        ("models", "unmarked"),
        ("models", "noisy"),
        ("models", "needs-part"),
        ("features", "other-hook"),
        ("features", "waveform"),
        ("features", "crossings"),
        ("datasets", "tones"),
    ],
)
def test_what_is_sound_is_listed_all_the_same(everything_broken, kind, name):
    (line,) = everything_broken.rows(kind, name)
    assert "NOT USABLE" not in line


@pytest.mark.parametrize("name", ["half", "x", "My_Model", "no-colon", "letters", "flat"])
def test_what_is_not_sound_is_not_offered(everything_broken, name):
    assert everything_broken.rows("models", name) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("contested", "is offered by the plugins one and two, so it cannot be used: uninstall one"),
        ("repeated", "is offered twice by the plugin itself, so it cannot be used"),
        ("needs-more", "needs the package 'nowhere.at.all': pip install nw[all]"),
    ],
)
def test_the_listing_shows_names_that_cannot_be_used(everything_broken, name, words):
    (line,) = everything_broken.rows("models", name)
    assert f"NOT USABLE: {words}" in line


def test_what_a_plugin_prints_is_no_part_of_a_listing(everything_broken):
    done = everything_broken.said["models"]
    assert "hello" not in done.stdout.splitlines()
    assert "hello" in done.stderr.splitlines()
    assert "UserWarning: careful" in done.stderr


def test_a_healthy_model_is_evaluated_among_all_the_broken_ones(everything_broken):
    words = ("--model", "centroid", "--dataset", "tones", "--fold", "1", "--jobs", "0")
    done = everything_broken.run("evaluate", *words)
    assert done.returncode == 0, done.stderr
    assert "centroid on tones" in done.stdout


ASK = """
import json, sys
from serbench.evaluation import plan
from serbench.results.config import Request
from serbench.plugins import registry
from serbench.errors import SerbenchError
said = {}
for name in json.loads(sys.argv[1]):
    try:
        entry = registry.find("model", name)
        registry.version(entry, plan.resolve(entry, Request(name, "tones"))[0])
    except SerbenchError as error:
        said[name] = str(error)
print(json.dumps(said))
"""

UNUSABLE = {
    "contested": "the model 'contested' is offered by the plugins one and two, so it cannot be",
    "needs-more": "needs-more needs the package 'nowhere.at.all': pip install nw[all]",
    "lacks-import": "lacks-import: cannot import target_import: ModuleNotFoundError: No module "
    "named 'not_here_at_all' (target_import.py, line 2)",
    "bad-syntax": "cannot import target_syntax: SyntaxError: expected ':' (target_syntax.py",
    "exits-late": "cannot import target_exit: SystemExit: bye (target_exit.py, line 2)",
    "misnamed": "serbench_tiny.py; did you mean Centroid?",
    "no-class": "no-class: serbench_tiny:TAKES is a int, not a class",
    "unversioned": "unversioned has no version: target_unversioned:Model must have an attribute",
    "centrod": "broken plugins, see `serbench models`: ",
}


@pytest.fixture(scope="module")
def asked(everything_broken):
    command = [sys.executable, "-c", ASK, json.dumps(list(UNUSABLE))]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=everything_broken.variables
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_model_that_cannot_be_used_is_one_line(asked, name):
    assert UNUSABLE[name] in asked[name]
    assert len(asked[name].splitlines()) == 1


def test_one_package_whose_entry_points_cannot_be_read_costs_no_other(tmp_path, monkeypatch):
    install(tmp_path, "unreadable")
    (tmp_path / "unreadable-1.dist-info" / "entry_points.txt").write_text("[serbench]\nno equals\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    done = Environment(dict(os.environ)).run("models")
    assert done.returncode == 0
    assert "centroid" in done.stdout
    assert "unreadable-1.dist-info: its entry points cannot be read: " in done.stderr


@pytest.fixture
def fresh():
    """Plugins looked for anew in this process, and again once the test is over."""
    registry.installed.cache_clear()
    yield
    registry.installed.cache_clear()


def test_two_packages_may_call_their_plugins_alike(tmp_path, monkeypatch, fresh):
    for place, source in (("a", models(model("of-a"))), ("b", models(model("of-b")))):
        folder = tmp_path / place
        folder.mkdir()
        install(folder, "same-name", source, module=f"same_name_{place}")
        (folder / "same_name-1.dist-info").rename(folder / f"dist_{place}-1.dist-info")
        monkeypatch.syspath_prepend(folder)
    found = registry.installed()
    assert found.owners["model", "of-a"] == "same-name (same_name_a)"
    assert found.owners["model", "of-b"] == "same-name (same_name_b)"


def test_a_slow_plugin_is_named(monkeypatch, fresh):
    monkeypatch.setattr(registry, "SLOW", -1.0)
    remarks = listings.listing("model")[1]
    assert any(
        one.startswith("slow plugin tiny: listing its entries took 0.")
        and "import nothing heavy" in one
        for one in remarks
    )


def test_ctrl_c_is_no_fault_of_a_plugin():
    class Interrupting:
        def serbench_models(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(offers(Interrupting()))


@pytest.mark.parametrize("plugin", ["one of many", object(), None, 3])
def test_an_entry_point_may_be_anything(plugin):
    (offer,) = offers(plugin)
    assert "it has none of the functions" in offer.fault


def test_an_entry_point_may_be_an_object_with_the_hooks():
    class Plugin:
        def serbench_models(self):
            return (ModelEntry("mine", "my.models:Mine", "mine"),)

        @staticmethod
        def serbench_datasets():
            return iter([Entry("own", "my.data:Own", "own")])

    found = {(one.kind, one.entry.name) for one in offers(Plugin())}
    assert found == {("model", "mine"), ("dataset", "own")}


def test_a_parent_of_a_requirement_is_not_imported(everything_broken):
    said = everything_broken.said["models"]
    assert "a listing imported me" not in said.stdout + said.stderr
    assert Path(
        everything_broken.variables["PYTHONPATH"].split(os.pathsep)[0], "side_effects"
    ).is_dir()
