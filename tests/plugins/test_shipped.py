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
from serbench.plugins import registry, shipped

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = Path(serbench.__file__).parent / "plugins" / "shipped.json"


def only(site, *plugins):
    """A function that runs the command line where only some plugins are installed."""
    kept = tuple(f"{name}-" for name in ("serbench", *plugins))
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "serbench" not in path.name or path.name.startswith(kept):
            (site / path.name).symlink_to(path)
    places = [ROOT, site, *ROOT.glob("plugins/*")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "SERBENCH_CACHE": str(site / "cache"),
    }

    def run(*words):
        # -S: else the environment's own packages are found as well
        return subprocess.run(
            [sys.executable, "-S", "-m", "serbench", *words],
            cwd=site,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """A function that runs the command line where no plugin is installed."""
    return only(tmp_path_factory.mktemp("site"))


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
        "not installed: pepino, qcnn, cnn14, mwa-ser, audio-resnet-gru: "
        "pip install serbench-rivals\n"
        "not installed: functionals-svm, functionals-linear, egemaps-linear, dummy, and 3 more: "
        "pip install serbench-sklearn\n"
        "not installed: data2vec-audio-base, hubert-base, hubert-large, transformer, and 8 more: "
        "pip install serbench-transformers\n"
    )
    datasets = core("datasets")
    assert datasets.stdout.startswith("joint ")
    assert datasets.stderr == (
        "not installed: aesdd, asvp-esd, audformat, cafe, and 24 more: "
        "pip install serbench-corpora\n"
    )
    assert core("perturbations").stderr == (
        f"no perturbations are installed; {light}"
        "not installed: clipping, codec, gain, noise, and 6 more: "
        "pip install serbench-perturbations\n"
    )
    features, engines = core("features"), core("engines")
    assert features.stdout.startswith("waveform")
    assert "not installed: egemaps, functionals, recording, sentence, " in features.stderr
    assert engines.stdout.startswith("local")
    assert engines.stderr == (
        "not installed: ray: pip install serbench-ray\n"
        "not installed: slurm: pip install serbench-slurm\n"
    )


def offered():
    """The names of the repository's distributions, each with an entry that it registers."""
    for path in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        for module in project.get("entry-points", {}).get("serbench", {}).values():
            for offer in registry.offers(importlib.import_module(module)):
                yield project["name"], offer


def test_the_core_knows_what_the_plugins_register():
    registered = {}
    for project, offer in offered():
        names = registered.setdefault(project, {}).setdefault(offer.kind, [])
        names.append(offer.entry.name)
    known = json.loads(SHIPPED.read_text())  # the names of a kind in order of use
    for of_project in (*registered.values(), *known.values()):
        for names in of_project.values():
            names.sort()
    assert known == registered


def test_the_core_knows_the_titles_that_the_plugins_give_their_models():
    models = [offer.entry for _, offer in offered() if offer.kind == "model"]
    assert json.loads(SHIPPED.with_name("titles.json").read_text()) == {
        "models": {entry.name: entry.title for entry in models},
        "values": {value: words for entry in models for value, words in entry.value_titles.items()},
    }


def test_the_board_is_the_same_where_only_the_corpora_are_installed(tmp_path):
    board = ROOT / "leaderboard"
    words = ("--submissions", str(board / "submissions"), "--out", str(board), "--check")
    done = only(tmp_path, "serbench_corpora")("leaderboard", "build", *words)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_title_needs_words_for_the_exact_value():
    tiny, commit = "openai/whisper-tiny.en", "87c7102498dcde7456f24cfd30239ca606ed9063"
    pinned = {"checkpoint": tiny, "revision": commit}
    assert shipped.title("transformer-probe", pinned) == "Whisper tiny.en, frozen"
    for other in ("main", None, "sha256:a420d781c6c7a223"):
        assert shipped.title("transformer-probe", {**pinned, "revision": other}) == ""
    assert shipped.title("transformer", {"checkpoint": "Whisper base, fine-tuned"}) == ""
    assert shipped.title("dummy", {"strategy": "majority"}) == "Dummy, majority"
    assert shipped.title("dummy", {"strategy": "chance"}) == ""
    assert shipped.title("my_ser:Model", pinned) == ""


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
