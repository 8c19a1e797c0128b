"""`make bench` fails where a ratio has fallen, and says how a new baseline is written."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serbench.bench.result import machine

HERE = Path(__file__).parent / "benchmarks"


@pytest.fixture(scope="module")
def conftest():
    spec = importlib.util.spec_from_file_location("benchmarks_conftest", HERE / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def baselines(tmp_path):
    file = tmp_path / "baselines.json"
    here = "{processor}, {cores} cores".format(**machine())
    row = {"ratio": 4.0, "machine": here, "date": "2026-01-01"}
    elsewhere = {**row, "machine": "another machine"}
    file.write_text(json.dumps({"mel: librosa": row, "step: fused": elsewhere}))
    return file


def test_a_ratio_near_its_baseline_passes(conftest, baselines):
    ratios = conftest.Ratios(baselines, update=False)
    ratios.heard("mel", "librosa", 3.0)
    ratios.heard("mel", "ours", 1.0)


@pytest.mark.parametrize("order", [("librosa", "ours"), ("ours", "librosa")])
def test_a_ratio_that_has_fallen_fails_with_words(conftest, baselines, order):
    ratios = conftest.Ratios(baselines, update=False)
    seconds = {"librosa": 2.7, "ours": 1.0}
    ratios.heard("mel", order[0], seconds[order[0]])
    with pytest.raises(AssertionError, match=r"2\.70 times our time, but 4\.00 .*update-baselines"):
        ratios.heard("mel", order[1], seconds[order[1]])


def test_on_another_machine_ours_must_not_take_longer(conftest, baselines):
    ratios = conftest.Ratios(baselines, update=False)
    ratios.heard("step", "ours", 1.0)
    ratios.heard("step", "fused", 0.9)  # two runs differ by a fifth as it is
    words = (
        r"step: fused: 0\.60 times our time: ours is the slower.*is of another one \(another mac"
    )
    with pytest.raises(AssertionError, match=words):
        ratios.heard("step", "fused", 0.6)


def test_one_side_alone_is_no_ratio(conftest, baselines):
    conftest.Ratios(baselines, update=False).heard("mel", "librosa", 0.001)


def test_a_ratio_without_a_baseline_fails(conftest, baselines):
    ratios = conftest.Ratios(baselines, update=False)
    ratios.heard("new", "other", 2.0)
    with pytest.raises(AssertionError, match="new: other has no baseline"):
        ratios.heard("new", "ours", 1.0)


def test_baselines_are_written_with_machine_and_date(conftest, baselines):
    ratios = conftest.Ratios(baselines, update=True)
    ratios.heard("mel", "ours", 1.0)
    ratios.heard("mel", "librosa", 5.0)
    found = json.loads(baselines.read_text())["mel: librosa"]
    assert found["ratio"] == 5.0
    assert set(found) == {"ratio", "machine", "date"}


def test_every_stored_baseline_is_of_a_way_that_is_measured():
    code = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    for name in json.loads((HERE / "baselines.json").read_text()):
        assert f'"{name.rpartition(": ")[2]}"' in code, name


def test_what_is_missing_for_real_data_is_told(tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "", "-rs"]
    done = subprocess.run(
        [*command, "test_trainer.py", "test_front_end.py", "-k", "two_epochs or straightforward"],
        cwd=HERE,
        env={**os.environ, "SERBENCH_BENCH_DATA": str(tmp_path), "SERBENCH_BENCH_CHECKPOINT": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    both = "set SERBENCH_BENCH_CHECKPOINT too: a real encoder needs a RAVDESS folder to learn from"
    assert both in done.stdout, done.stdout
    assert f"SERBENCH_BENCH_DATA is {tmp_path}: there are no .wav files in it" in done.stdout
