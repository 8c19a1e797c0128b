"""What the documents say is true: links lead somewhere, code runs, commands and options exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HERE = ("--jobs", "0")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def _options():
    """Every option of every command, from the generated page."""
    return set(re.findall(r"--[a-z-]+", (ROOT / "docs" / "command-line.md").read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_the_options_that_are_shown(page):
    for block in re.findall(r"```(?:bash|text)\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("serbench "):
                assert set(re.findall(r"--[a-z-]+", line)) <= _options(), line


def _written(name, folder):
    """Put the files of a page, blocks that begin with their names, into a folder."""
    blocks = re.findall(r"```python\n(# (\w+\.py)\n.*?)```", (ROOT / name).read_text(), re.DOTALL)
    for code, file in blocks:
        (folder / file).write_text(code)
    assert (folder / "my_ser.py").exists()


def _evaluated(folder, *words):
    """What a command prints, in a folder, where nothing puts that folder on the path."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "serbench", "evaluate", "--dataset", "tones", *HERE, *words],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["README.md", "docs/plugins.md"])
@pytest.mark.usefixtures("places")
def test_the_model_in_ten_lines_runs_as_a_package(name, tmp_path, monkeypatch):
    pytest.importorskip("serbench_sklearn")
    _written(name, tmp_path)
    info = tmp_path / "my_ser-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-ser\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[serbench]\nmy-ser = my_ser\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    words = ("--model", "nearest", "--param", "power=1.0", "--fold", "1")
    assert "nearest on tones" in _evaluated(ROOT, *words, "--results", str(tmp_path / "results"))


@pytest.mark.parametrize("name", ["README.md", "docs/plugins.md"])
@pytest.mark.usefixtures("places")
def test_the_model_in_ten_lines_runs_without_a_package(name, tmp_path):
    pytest.importorskip("serbench_sklearn")
    _written(name, tmp_path)
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "my_ser:" in line]
    (line,) = lines
    program, command, *words = shlex.split(line)
    assert (program, command) == ("serbench", "evaluate")
    words[words.index("--dataset") + 1] = "tones"
    assert "my_ser:Nearest on tones" in _evaluated(tmp_path, *words, "--fold", "1")


@pytest.mark.usefixtures("places")
def test_the_way_of_a_submission_is_as_the_page_says(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from serbench.cli.app import app

    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "submitting.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    # the tiny model and corpus stand in for those of the page
    lines = "".join(blocks).replace("nearest", "centroid").replace("crema-d", "tones")
    said = []
    for line in lines.replace("\\\n", " ").splitlines():
        sent = next(tmp_path.glob("leaderboard/submissions/tones/*"), Path("none"))
        program, *words = shlex.split(line.replace("SUBMISSION", str(sent)))
        assert program == "serbench"
        words += {"evaluate": HERE, "leaderboard reproduce": ("--yes", *HERE)}.get(
            " ".join(words[: 1 + (words[0] == "leaderboard")]), ()
        )
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (line, done.output, done.exception)
        said.append(done.output)
    assert len(said) == 5
    assert "ok recomputed" in said[1]
    assert "ok recomputed" in said[2]
    assert "\nREPRODUCED: " in said[3]
    assert said[4].startswith("ledger.csv, README.md, ")
