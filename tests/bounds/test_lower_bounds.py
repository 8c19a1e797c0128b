"""The oldest and the newest versions that pyproject.toml allows, each in a clean environment.

`make test-bounds`. Without torch and transformers, which are gigabytes. What dependencies need is
the newest in both.
"""

import itertools
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.bounds

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = (
    ROOT,
    *(ROOT / "plugins" / f"serbench-{name}" for name in ("corpora", "perturbations", "sklearn")),
)
EXTRAS = ("frames", "report")  # not audformat: its pyarrow wants a newer numpy without saying so
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def declared():
    """The oldest allowed version of every dependency; the highest, where several name one."""
    oldest = {}
    for project in PROJECTS:
        words = tomllib.loads((project / "pyproject.toml").read_text())["project"]
        extras = [words.get("optional-dependencies", {}).get(name, ()) for name in EXTRAS]
        for one in map(Requirement, itertools.chain(words["dependencies"], *extras)):
            if not one.name.startswith("serbench"):
                (bound,) = (part.version for part in one.specifier if part.operator == ">=")
                oldest.setdefault(one.name, set()).add(bound)
    return oldest


class Installed:
    """An environment of the oldest versions, or else of the newest."""

    def __init__(self, home, is_oldest):
        self.home, self.bin = home, home / "venv" / "bin"
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "SERBENCH_"))}
        places = {f"SERBENCH_{name}": str(home / name) for name in ("DATA", "CACHE", "RESULTS")}
        self.env = kept | places | {"SERBENCH_DEVICE": "cpu"}
        self._run(sys.executable, "-m", "venv", home / "venv")
        wheels = home / "wheels"
        for project in PROJECTS:
            self._run(sys.executable, "-c", BUILD, wheels, cwd=project)
        pins = [f"{name}=={next(iter(bounds))}\n" for name, bounds in declared().items()]
        (home / "oldest.txt").write_text("".join(pins if is_oldest else ()))
        extras = {"serbench-0": f"[{','.join(EXTRAS)}]"}
        names = [f"{path}{extras.get(path.name[:10], '')}" for path in sorted(wheels.iterdir())]
        pip = [self.bin / "python", "-m", "pip", "--disable-pip-version-check"]
        self._run(*pip, "install", "--constraint", home / "oldest.txt", *names)
        self._run(*pip, "check")

    def _run(self, *words, cwd=None):
        done = self.does(*words, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def does(self, *words, cwd=None):
        return subprocess.run(
            words, cwd=cwd or self.home, env=self.env, capture_output=True, text=True, timeout=900
        )

    def serbench(self, *words):
        return self.does(self.bin / "serbench", *words)

    def says(self, *words):
        return self._run(self.bin / "serbench", *words)

    def python(self, code):
        return self._run(self.bin / "python", "-c", code)


@pytest.fixture(scope="module")
def oldest(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("oldest"), is_oldest=True)


@pytest.fixture(scope="module")
def newest(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("newest"), is_oldest=False)


@pytest.fixture(params=["oldest", "newest"])
def installed(request):
    return request.getfixturevalue(request.param)


def test_what_is_installed_is_the_oldest(oldest):
    code = "import json, sys; from importlib.metadata import version\n"
    code += f"print(json.dumps({{name: version(name) for name in {sorted(declared())!r}}}))"
    for name, version in json.loads(oldest.python(code)).items():
        (bound,) = declared()[name]
        assert Requirement(f"{name}=={bound}").specifier.contains(version), (name, version)


def test_the_command_line_does_what_it_is_told(installed):
    assert installed.says("--version").startswith("serbench 0.")
    assert "evaluate" in installed.says("--help")
    assert "--keep-models" in installed.says("evaluate", "--help")
    assert "dummy" in installed.says("models")
    assert "toy" in installed.says("datasets")
    assert "functionals" in installed.says("features")
    wrong = installed.serbench("evaluate", "--modle", "dummy")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "No such option: --modle" in wrong.stderr
    unknown = installed.serbench("evaluate", "--model", "dumy", "--dataset", "toy")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "did you mean dummy" in unknown.stderr


def test_a_run_is_made_compared_predicted_with_and_reported(installed):
    assert "dummy on toy" in installed.says("evaluate", "--model", "dummy", "--dataset", "toy")
    svm = ("evaluate", "--model", "functionals-svm", "--dataset", "toy", "--keep-models")
    assert "functionals-svm on toy" in installed.says(*svm, "--fold", "1", "--fold", "2")
    perturbed = ("--perturb", "noise:snr=10", "--perturb", "codec:format=mp3", "--perturb", "speed")
    assert "noise:snr=10" in installed.says(*svm, "--fold", "1", *perturbed)
    wave = next((installed.home / "CACHE").rglob("*.wav"))
    assert wave.name in installed.says("predict", "toy_functionals-svm", str(wave))
    assert "index.html: 1 run" in installed.says("report", "toy_functionals", "--out", "report")
    assert "Dummy" in installed.says("leaderboard", "show", "--dataset", "toy")
    code = "import serbench; print(len(serbench.evaluate('dummy', 'toy').to_frame()))"
    assert int(installed.python(code)) > 0
