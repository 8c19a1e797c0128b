"""Audio is decoded and features are extracted once, by the driver or by tasks."""

import shutil
from pathlib import Path

import pytest

from serbench.errors import FoldError, LeakageError, SerbenchError
from serbench.evaluation import inputs
from serbench.evaluation.plan import make_plan
from serbench.evaluation.progress.listener import Listener
from serbench.features import extraction
from serbench.features.store import Feature, Store
from serbench.results.config import Request


class Heard(Listener):
    """Remembers how many files were decoded, and what was said of their room."""

    def __init__(self):
        self.decoded = 0
        self.lines = []

    def estimated(self, line):
        self.lines.append(line)

    def extracting(self, done, total):
        self.decoded = done


@pytest.fixture
def plan(places):
    """A function that plans a run on 18 tones, in a folder that a test may change."""
    make_plan(Request("centroid", "tones:takes=1"), places)
    (made,) = (places.cache / "corpora").iterdir()
    shutil.copytree(made, places.data / "copy")

    def plan(model="centroid", **words):
        return make_plan(Request(model, "tones", data=places.data / "copy", **words), places)

    return plan


@pytest.fixture
def prepare(places):
    """A function that prepares the features of some utterances, and counts decoded files."""

    def prepare(plan, needed, who="driver"):
        heard = Heard()
        prepared = inputs.prepare(plan, set(needed), places, heard, who)
        return prepared, heard.decoded

    return prepare


def stored(plan, prepared, places):
    """The ids of utterances with features."""
    store = Store(Feature.of(plan.config).folder(places.cache))
    return {id_ for id_, digest in prepared.audio.items() if digest in store}


def test_the_driver_extracts_what_is_needed_and_decodes_the_rest_once(plan, prepare, places):
    few = plan().ids(0)[:5]
    prepared, decoded = prepare(plan(), few)
    assert decoded == 18
    assert stored(plan(), prepared, places) == set(few)
    again, decoded = prepare(plan(), plan().ids(0)[:7])
    assert (again.audio, decoded) == (prepared.audio, 2)
    assert prepare(plan(), plan().ids(0)[:7])[1] == 0


@pytest.mark.parametrize("who", ["task", "fold"])
def test_others_extract_what_the_driver_only_decodes(plan, prepare, places, who):
    prepared, decoded = prepare(plan(), plan().ids(0), who)
    assert (len(prepared.audio), decoded) == (18, 18)
    assert stored(plan(), prepared, places) == set()
    files = [path for each in prepared.tasks for path, _ in each.message["item"]["files"]]
    assert len(files) == (18 if who == "task" else 0)
    assert prepare(plan(), plan().ids(0), who)[1] == 0


def test_no_task_extracts_what_is_stored(plan, prepare):
    used = plan().ids(0)
    prepare(plan(), used[:16])
    prepared, _ = prepare(plan(), used, "task")
    (task,) = prepared.tasks
    assert task.name == "crossings of 2 utterances"
    assert {Path(path).stem for path, _ in task.message["item"]["files"]} == set(used[16:])


def test_runs_share_inputs_if_features_and_corpus_are_the_same(plan):
    same = {inputs.key(plan()), inputs.key(plan(seed=1)), inputs.key(plan("faulty"))}
    others = [{"params": {"parts": 3}}, {"trim_db": 30.0}, {"labels": "two"}]
    assert len(same) == 1
    assert len(same | {inputs.key(plan(**other)) for other in others}) == 4


def test_a_fold_is_pinned_by_the_audio_that_it_uses(plan, prepare):
    prepared, _ = prepare(plan(), [])
    other = plan(protocol="loso")
    assert len({prepared.pin(plan(), 0), prepared.pin(plan(), 1), prepared.pin(other, 0)}) == 3
    assert prepare(plan(), [])[0].pin(plan(), 0) == prepared.pin(plan(), 0)


def test_recordings_that_two_sets_share_are_refused_each_time_they_are_asked_for(
    plan, prepare, places
):
    copy = places.data / "copy"
    shutil.copy(copy / "s1-low-0.wav", copy / "s2-low-0.wav")
    prepared, _ = prepare(plan(), [])
    for _ in range(2):
        with pytest.raises(LeakageError, match="share 1 recording"):
            prepared.require_clean(plan(), [0, 1, 2])


def test_digests_of_files_before_one_that_is_broken_are_kept(plan, prepare, places):
    broken = places.data / "copy" / "s6-middle-0.wav"  # the last of two batches
    content = broken.read_bytes()
    broken.write_bytes(content[:100])
    with pytest.raises(FoldError, match="s6-middle-0.wav"):
        prepare(plan(), [])
    broken.write_bytes(content)
    assert prepare(plan(), [])[1] == 2


@pytest.fixture
def large(monkeypatch):
    """A function that lets the feature of the model `centroid` say how large it is."""
    from serbench_tiny import Crossings

    def large(rate):
        size = lambda self, seconds: int(rate * seconds)  # noqa: E731
        monkeypatch.setattr(Crossings, "stored_bytes", size, raising=False)

    return large


@pytest.mark.parametrize("who", ["driver", "task"])
def test_the_room_of_large_features_is_told_before_they_are_extracted(plan, places, large, who):
    large(1e7)
    heard, used = Heard(), plan().ids(0)
    inputs.prepare(plan(), set(used), places, heard, who)
    (line,) = heard.lines
    assert line.startswith(f"crossings of {len(used)} utterances (")
    assert f" MB on the disk in {places.cache}, and once more in {places.results} for" in line
    assert line.endswith(" of memory for them")


def test_the_room_is_that_of_missing_features(plan, places, large):
    large(1e7)
    used = plan().ids(0)
    inputs.prepare(plan(), set(used[:16]), places, Heard())
    heard = Heard()
    inputs.prepare(plan(), set(used), places, heard)
    assert heard.lines[0].startswith("crossings of 2 utterances (")
    heard = Heard()
    inputs.prepare(plan(), set(used), places, heard)
    assert heard.lines == []


def test_small_features_and_those_of_other_machines_need_no_room_here(plan, places, large):
    heard = Heard()
    inputs.prepare(plan(), set(plan().ids(0)), places, heard)
    large(1e18)
    inputs.prepare(plan(params={"parts": 5}), set(plan().ids(0)), places, heard, "fold")
    assert heard.lines == []


def test_a_disk_without_room_is_refused_before_anything_is_extracted(plan, places, large):
    large(1e18)
    words = "crossings of .* would take up to .* GB, and the disk that holds .* GB free: free some"
    with pytest.raises(SerbenchError, match=words) as error:
        inputs.prepare(plan(), set(plan().ids(0)), places, Heard())
    assert "\n" not in str(error.value)
    assert not Feature.of(plan().config).folder(places.cache).exists()


def test_large_features_are_written_before_there_are_many(plan, places, prepare, monkeypatch):
    used = plan().ids(0)
    monkeypatch.setattr(extraction, "HELD", 5 * 2 * 4)  # five arrays of two numbers
    prepared, _ = prepare(plan(), used)
    assert stored(plan(), prepared, places) == set(used)
    shards = list(Feature.of(plan().config).folder(places.cache).glob("*.safetensors"))
    assert len(shards) == -(-len(used) // 5)
