"""An author's first half hour, from wheels, in a clean environment: `make test-template`.

Nothing here is skipped: where pip or the package index is missing, it fails.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from serbench_template.new_package import KINDS

pytestmark = pytest.mark.template

ROOT = Path(__file__).resolve().parents[3]
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
OURS = ("corpora", "sklearn", "template")


def run(*words, cwd, env=None):
    """Run a program; what it printed, once it has ended well."""
    started = time.monotonic()
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=900)
    print(f"{time.monotonic() - started:5.1f} s  {' '.join(map(str, words[-1:]))[:90]}")
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    """A folder of wheels: those of this checkout, and what they need, fetched once for all."""
    out = tmp_path_factory.mktemp("index")
    for project in (ROOT, *(ROOT / "plugins" / f"serbench-{name}" for name in OURS)):
        run(sys.executable, "-c", BUILD, out, cwd=project)
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wanted = [*out.iterdir(), "hatchling", "pytest"]
    run(*fetch, "--constraint", ROOT / "constraints.txt", "--dest", out, *wanted, cwd=out)
    return out


class Author:
    """Somebody with a clean environment and a folder to work in."""

    def __init__(self, home, index):
        self.home, self.bin = home, home / "venv" / "bin"
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "SERBENCH_"))}
        self.env = kept | {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(home / "venv"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(index),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",  # of scipy and scikit-learn, most is never imported here
            "PIP_QUIET": "1",
            "SERBENCH_CACHE": str(home / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        run(sys.executable, "-m", "venv", home / "venv", cwd=home)

    def types(self, command, cwd):
        """Run a line, or several, as they would be typed."""
        return run("bash", "-e", "-c", command, cwd=cwd, env=self.env)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_installs_passes_and_beats_chance(kind, index, tmp_path):
    author = Author(tmp_path, index)
    author.types("pip install serbench-template", tmp_path)
    said = author.types(f"serbench plugin new my-own --kind {kind}", tmp_path)
    project = tmp_path / "my-own"
    for step in steps(project):
        said = author.types(step, project)
    assert "chance (majority)" in said
    (run_folder,) = (project / "results").iterdir()
    score = author.types(f"serbench score {run_folder.name} --metric uar --format json", project)
    low, _ = json.loads(score)["metrics"]["uar"]["interval"]
    assert low > 1 / 4, said  # four emotions
    installed = author.types("pip list --format freeze", tmp_path)
    assert "torch==" not in installed


def steps(project):
    """The commands of the package's own workflow, as they stand."""
    workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text())
    return [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]
