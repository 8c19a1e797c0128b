"""What is said where plugins that serbench ships are missing; the commands run without any."""

import importlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import serbench
from serbench.plugins import registry

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = Path(serbench.__file__).parent / "plugins" / "shipped.json"


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """A function that runs the command line where no plugin is installed."""
    site = tmp_path_factory.mktemp("site")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "serbench" not in path.name:
            (site / path.name).symlink_to(path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}

    def run(*words):
        # -S: else the environment's own packages are found as well
        return subprocess.run(
            [sys.executable, "-S", "-m", "serbench", *words],
            cwd=site,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("evaluate", "--model", "functionals-svm", "--dataset", "toy"),
            "the model 'functionals-svm' is not installed: pip install serbench-sklearn",
        ),
        (
            ("download", "ravdess"),
            "the dataset 'ravdess' is not installed: pip install serbench-corpora",
        ),
        (("plugin", "check", "ray"), "the engine 'ray' is not installed: pip install serbench-ray"),
        (
            ("evaluate", "--model", "my-cnn", "--dataset", "toy"),
            "there is no model 'my-cnn'; to install corpora and models without torch: "
            "pip install 'serbench[light]'",
        ),
    ],
)
def test_a_name_says_what_to_install(core, words, line):
    done = core(*words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"serbench: {line}\n")


def test_every_listing_says_what_to_install(core):
    light = "corpora and models without torch: pip install 'serbench[light]'\n"
    listed = core("models")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert listed.stderr == (
        f"no models are installed; {light}"
        "not installed: alexnet-mel: pip install serbench-alexnet\n"
        "not installed: dummy, egemaps-linear, functionals-linear, functionals-svm: "
        "pip install serbench-sklearn\n"
        "not installed: data2vec-audio-base, hubert-base, hubert-large, transformer, and 8 more: "
        "pip install serbench-transformers\n"
    )
    assert core("datasets").stderr == (
        f"no datasets are installed; {light}"
        "not installed: audformat, crema-d, csv, folder, and 3 more: pip install serbench-corpora\n"
    )
    features, engines = core("features"), core("engines")
    assert features.stdout.startswith("waveform")
    assert "not installed: egemaps, functionals: pip install serbench-sklearn\n" in features.stderr
    assert engines.stdout.startswith("local")
    assert engines.stderr == (
        "not installed: ray: pip install serbench-ray\n"
        "not installed: slurm: pip install serbench-slurm\n"
    )


def test_the_core_knows_what_the_plugins_register():
    registered = {}
    for path in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        for module in project.get("entry-points", {}).get("serbench", {}).values():
            kinds = registered.setdefault(project["name"], {})
            for offer in registry.offers(importlib.import_module(module)):
                kinds.setdefault(offer.kind, []).append(offer.entry.name)
                kinds[offer.kind].sort()
    assert json.loads(SHIPPED.read_text()) == registered


def test_nothing_else_in_the_core_names_a_plugin():
    names = "|".join(re.sub("serbench-", "", name) for name in json.loads(SHIPPED.read_text()))
    # in docstrings, as examples of a name
    examples = {"contracts.py", "testing/examination.py", "leaderboard/reproduction/proposal.py"}
    named = {
        path.relative_to(ROOT / "serbench").as_posix()
        for path in (ROOT / "serbench").rglob("*.py")
        if re.search(rf"serbench[-_]({names})\b", path.read_text())
    }
    assert named == examples
