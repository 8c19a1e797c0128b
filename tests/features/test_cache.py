"""What `serbench cache` shows and removes, beside evaluations that run."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

import serbench
from serbench.errors import BadParameter, UnknownName
from serbench.features import cache
from serbench.features.cache import Filter, parts, remove
from serbench.features.store import Feature

FOLD = ("evaluate", "--model", "centroid", "--dataset", "tones", "--fold", "1", "--jobs", "0")
EVALUATE = [sys.executable, "-m", "serbench", *FOLD]
DAY = 86400


@pytest.fixture
def filled(places):
    serbench.evaluate("centroid", "tones", jobs=0)
    serbench.evaluate("centroid", "tones:takes=5", params={"parts": 3}, jobs=0)
    age(places, 2 * DAY)
    return places


def age(places, seconds):
    for path in places.cache.rglob("*"):
        os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def says(run_command):
    """A function that runs `serbench cache`, and returns its code and what it prints."""

    def run(*arguments):
        done = run_command("cache", *arguments)
        return done.returncode, done.stdout, done.stderr

    return run


def left(places):
    return [part.title for part in parts(places.cache)]


ALL = [
    *("audio digests of tones", "audio digests of tones-takes=5"),
    *("features crossings of tones", "features crossings of tones-takes=5"),
    *("generated corpus of tones", "generated corpus of tones-takes=5"),
]


def test_info_lists_everything_with_its_size_and_its_last_use(filled, says):
    (filled.cache / "plugin").mkdir()
    (filled.cache / "plugin" / "weights").write_bytes(bytes(5_000_000))
    assert left(filled) == [*ALL, "plugin"]
    table = says("info")[1]
    lines = [" ".join(line.split()) for line in table.splitlines()]
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() - 2 * DAY))
    assert any(
        line.startswith(f"features crossings tones parts=2 1 72 0.0 MB {day}") for line in lines
    )
    assert any(line.startswith("plugin - - - - 5.0 MB") for line in lines)
    assert f"The cache is {filled.cache} (SERBENCH_CACHE)." in table
    rows = json.loads(says("info", "--format", "json")[1])
    on_disk = sum(path.stat().st_size for path in filled.cache.rglob("*") if path.is_file())
    notes = sum(path.stat().st_size for path in filled.cache.rglob(cache.NOTE))
    assert rows["size"] == sum(row["size"] for row in rows["parts"]) == on_disk - notes
    assert says("info", "--format", "csv")[1].count("\n") == len(ALL) + 2


def test_clean_removes_what_fits_and_says_how_much(filled, says):
    status, out, error = says(
        "clean", "--corpus", "tones:takes=5", "--feature", "crossings", "--yes"
    )
    assert (status, error) == (0, "")
    assert out.splitlines()[-1] == "removed 0.0 MB"
    assert left(filled) == [*ALL[:3], *ALL[4:]]
    assert says("clean", "--corpus", "tones", "--yes")[2] == ""
    assert left(filled) == [ALL[1], ALL[5]]
    assert serbench.evaluate("centroid", "tones", seed=1, jobs=0).missing == 0


def test_without_a_terminal_nothing_is_removed_unasked(filled, says):
    status, out, error = says("clean")
    assert status == 1
    assert "total" in out
    assert error == "serbench: nothing was removed: there is no terminal to ask on, so add --yes\n"
    assert says("clean", "--dry-run")[0] == 0
    assert left(filled) == ALL


def test_clean_by_age(filled, says):
    serbench.evaluate("centroid", "tones", seed=1, jobs=0)  # is used now
    chosen = Filter(older_than="1d").chosen(parts(filled.cache))
    assert [part.title for part in chosen] == ALL[1::2]
    assert Filter(older_than="1w").chosen(parts(filled.cache)) == []
    assert (
        says("clean", "--older-than", "1w", "--yes")[1]
        == "nothing in the cache fits these options\n"
    )
    with pytest.raises(
        BadParameter, match="--older-than is 'May', but must be like 12h, 30d or 2w"
    ):
        Filter(older_than="May").chosen([])


def test_names_that_the_cache_lacks_are_refused(filled):
    with pytest.raises(UnknownName, match=r"there is no corpus 'ton'; did you mean tones"):
        Filter("ton").chosen(parts(filled.cache))
    with pytest.raises(UnknownName, match=r"no feature 'mel' \(known: crossings\) in the cache"):
        Filter(feature="mel").chosen(parts(filled.cache))


def test_old_versions_are_shown_and_removed_by_themselves(filled, says):
    kept = {
        "name": "crossings",
        "version": "0",
        "params": {"parts": 2},
        "reading": {"trim_db": 60.0},
    }
    old, gone = Feature(**kept), Feature(**{**kept, "name": "uninstalled"})
    for feature in (old, gone):
        with cache.in_use(filled.cache, feature, filled.data):
            feature.folder(filled.cache).mkdir()
    age(filled, DAY)
    states = {part.state: part.cells()["version"] for part in parts(filled.cache)}
    assert states == {
        "": "",
        "old version": "0 (old version)",
        "not installed": "0 (not installed)",
    }
    says("clean", "--old", "--yes")
    assert not old.folder(filled.cache).exists()
    assert left(filled) == [*ALL[:4], "features uninstalled", *ALL[4:]]


def test_features_without_a_note_have_the_name_of_their_folder(filled):
    for path in filled.cache.rglob(cache.NOTE):
        path.unlink()
    rows = [part.cells() for part in parts(filled.cache) if part.kind == "features"]
    assert all(row["what"].startswith("features crossings-") for row in rows)
    assert {(row["version"], row["utterances"]) for row in rows} == {("", 72), ("", 90)}


def test_damaged_shards_are_listed_and_removed(filled, says):
    for path in filled.cache.rglob("*.safetensors"):
        path.write_bytes(b"damaged")
    assert left(filled).count("features crossings") == 2
    assert says("clean", "--feature", "crossings", "--yes")[0] == 0
    assert not list(filled.cache.rglob("*.safetensors"))


def test_what_was_just_used_stays(filled, says):
    serbench.evaluate("centroid", "tones", seed=1, jobs=0)
    status, _, error = says("clean", "--yes")
    assert status == 0
    assert error.splitlines() == [
        f"left: {title} was used less than 60 s ago" for title in ALL[::2]
    ]
    assert left(filled) == ALL[::2]


def test_what_an_evaluation_uses_stays(filled):
    child = subprocess.Popen([*EVALUATE, "--param", "nap=3"], stderr=subprocess.PIPE)
    while not list(filled.results.glob("*/.fold-01.progress.json")):
        assert child.poll() is None
        time.sleep(0.02)
    age(filled, DAY)
    reasons = {part.title: remove(part) for part in parts(filled.cache)}
    assert child.communicate(timeout=60)[0] is None
    assert child.returncode == 0
    for title in ("features crossings of tones", "generated corpus of tones"):
        assert "is used by process " in reasons[title]
        assert reasons[title].count(" on host ") == 1
        assert title in left(filled)


def test_a_killed_evaluation_keeps_nothing_in_use(filled):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from serbench.features import cache; from serbench.features.store import Feature\n"
        "place = Path(sys.argv[1]); feature = Feature('crossings', '1')\n"
        "with cache.in_use(place, feature, place / 'corpora' / 'tones-1'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, filled.cache], check=False).returncode == -9
    assert len(list(filled.cache.rglob(".*.lock"))) == 2
    age(filled, DAY)
    assert {remove(part) for part in parts(filled.cache)} == {""}
    assert not [path for path in filled.cache.rglob(".tones*")]


def test_evaluations_beside_constant_cleaning_succeed(filled, monkeypatch):
    monkeypatch.setattr(cache, "RECENT", 1.0)
    running = [
        subprocess.Popen([*EVALUATE, "--param", f"parts={n}"], stderr=subprocess.PIPE, text=True)
        for n in (2, 4)
    ]
    while any(child.poll() is None for child in running):
        for part in parts(filled.cache):
            remove(part)
        time.sleep(0.01)
    for child in running:
        assert child.returncode == 0, child.stderr.read()


def test_links_in_the_cache_are_left_alone(filled, tmp_path):
    (tmp_path / "precious").mkdir()
    (filled.cache / "link").symlink_to(tmp_path / "precious")
    assert left(filled) == ALL
    (part,) = [each for each in parts(filled.cache) if each.title == ALL[4]]
    inside = part.owner / "link"
    inside.symlink_to(tmp_path / "precious")
    os.utime(part.owner, (0, 0))
    assert remove(replace(part, used=0)) == ""
    assert (tmp_path / "precious").exists()
