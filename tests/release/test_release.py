"""A release: its workflow's steps as they stand, and what users get from the packages they build.

`make test-release`. Environments are clean, and nothing in them can see the repository.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import serbench

pytestmark = pytest.mark.release

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/serbench/serbench"
PICTURES = "https://raw.githubusercontent.com/serbench/serbench"
NEEDED = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"}
NEEDED |= {"constraints.txt", "serbench", "plugins", "tests"}
RENDER = """
import importlib.metadata, sys
from readme_renderer import markdown
for distribution in importlib.metadata.distributions(path=sys.argv[1:]):
    print(markdown.render(distribution.metadata.get_payload()))
"""


def step(name):
    """A step of the release workflow."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    (found,) = (one["run"] for one in steps if one.get("name") == name)
    return found


class Environment:
    """A clean environment, and a folder to work in."""

    def __init__(self, home, **variables):
        self.home = home
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "SERBENCH_"))}
        self.variables = kept | {
            "PATH": f"{home / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",
            "PIP_QUIET": "1",
            "SERBENCH_CACHE": str(home / "cache"),
            "GITHUB_REF_NAME": f"v{serbench.__version__}",
            **variables,
        }
        subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)

    def types(self, script, expected=0):
        """Run what is typed; return the time that it took, and what it printed."""
        started = time.monotonic()
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.home,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=1200,
        )
        print(f"{time.monotonic() - started:5.1f} s  {script.strip().splitlines()[-1]}")
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout + done.stderr


def not_needed(folder, names):
    """What of a folder does not go into the copy of the repository."""
    return set(names) - NEEDED if Path(folder) == ROOT else set(names) & {"__pycache__"}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """The environment that builds and checks, with a copy of the repository."""
    home = tmp_path_factory.mktemp("builder") / "clone"
    shutil.copytree(ROOT, home, ignore=not_needed)
    made = Environment(home)
    made.types(step("Tools"))
    made.types(step("Build"))
    return made


def test_what_is_built_passes_the_check_of_the_workflow(builder):
    built = {path.name for path in (builder.home / "dist").iterdir()}
    names = ["serbench", *(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())]
    assert built == {
        f"{name.replace('-', '_')}-{serbench.__version__}{ending}"
        for name in names
        for ending in (".tar.gz", "-py3-none-any.whl")
    }
    assert "FAILED" not in builder.types(step("Check"))
    other = {**builder.variables, "GITHUB_REF_NAME": "v9.9.9"}
    command = ["bash", "-e", "-c", step("Check")]
    done = subprocess.run(command, cwd=builder.home, env=other, capture_output=True, text=True)
    assert done.returncode == 1
    assert "does not have the version of the tag v9.9.9" in done.stdout


def test_the_index_shows_pages_whose_links_lead_somewhere(builder):
    wheels = [str(path) for path in sorted((builder.home / "dist").glob("*.whl"))]
    (builder.home / "render.py").write_text(RENDER)
    page = builder.types(f"python render.py {' '.join(wheels)}")
    assert page.count("<h1") == len(wheels)
    links = set(re.findall(r'(?:href|src)="([^"]+)"', page))
    assert f"{REPOSITORY}/blob/main/docs/quickstart.md#in-a-notebook" in links
    for link in links:
        assert link.startswith(("https://", "#")), link
        place = re.fullmatch(rf"(?:{REPOSITORY}/(?:blob|tree)|{PICTURES})/main/([^#]*)(#.*)?", link)
        assert place is None or (ROOT / place[1]).exists(), link


def test_a_user_gets_a_number_without_the_repository(builder, tmp_path):
    index = str(builder.home / "dist")
    user = Environment(tmp_path, PIP_FIND_LINKS=index, PIP_CONSTRAINT=os.devnull)
    user.types(f"pip install serbench=={serbench.__version__}")
    assert "no models are installed; corpora and models without" in user.types("serbench models")
    refused = user.types("serbench evaluate --model functionals-svm --dataset toy", expected=1)
    assert refused.endswith("is not installed: pip install serbench-sklearn\n")
    user.types("pip install 'serbench[light]'")
    assert "torch" not in user.types("pip list --format freeze")
    first = user.types("serbench evaluate --model functionals-svm --dataset toy --keep-models")
    assert "functionals-svm on toy" in first
    user.types("pip install serbench-template && serbench plugin new my-own")
    user.types("pip install ./my-own")
    assert "my-own on toy" in user.types("serbench evaluate --model my-own --dataset toy")
    named = user.types("python -c 'import serbench; print(serbench.__file__)'")
    assert named.startswith(str(tmp_path))


def test_all_that_is_built_installs_together_and_works(builder, tmp_path):
    user = Environment(tmp_path)
    (tmp_path / "dist").symlink_to(builder.home / "dist")
    user.types(step("Install"))
    said = user.types(step("Try"))
    for words in ("alexnet-mel", "whisper-base", "functionals-svm on toy", "index.html: 1 run"):
        assert words in said
    assert "not installed" not in user.types("serbench engines")
