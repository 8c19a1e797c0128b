"""What the documents say is true: links lead somewhere, code runs, commands and options exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


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


@pytest.mark.parametrize("name", ["README.md", "docs/plugins.md"])
@pytest.mark.usefixtures("places")
def test_the_model_in_ten_lines_runs(name, tmp_path, monkeypatch):
    pytest.importorskip("serbench_sklearn")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
    (code,) = (block for block in blocks if block.startswith("# my_ser.py"))
    (tmp_path / "my_ser.py").write_text(code)
    info = tmp_path / "my_ser-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-ser\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[serbench]\nmy-ser = my_ser\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    command = [sys.executable, "-m", "serbench.cli", "evaluate", "--model", "nearest"]
    done = subprocess.run(
        [*command, "--dataset", "tones", "--param", "power=1.0"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "nearest on tones" in done.stdout


def test_every_module_of_the_core_is_in_the_architecture_page():
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = {path.stem for path in (ROOT / "serbench").glob("*.py")} - {"__init__"}
    assert {name for name in modules if f"`{name}`" not in text} == set()


@pytest.mark.usefixtures("places")
def test_the_way_of_a_submission_is_as_the_page_says(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from serbench.cli import app

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
        done = CliRunner().invoke(app, [*words, *["--yes"] * ("reproduce" in words)])
        assert done.exit_code == 0, (line, done.output, done.exception)
        said.append(done.output)
    assert len(said) == 4
    assert "ok recomputed" in said[1]
    assert "ok recomputed" in said[2]
    assert "\nREPRODUCED: " in said[3]
