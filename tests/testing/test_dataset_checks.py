"""Each check of a dataset catches one that is built to break it, and lets a clean one pass."""

import re
import shutil

import pytest

from serbench.testing.kinds import KINDS

# the violating dataset, the check that catches it, and its words
CAUGHT = [
    ("silent", "is_made", "about.obtain is empty: fill it in with a few words"),
    ("unannotated", "parameters_are_annotated", "parameter takes .* has no annotation"),
    ("doubled", "is_a_corpus", "has two utterances with the id 's1-angry': .*; keep one"),
    ("crowded", "speakers_are_people", "has 16 speakers for 16 utterances.*speakers = .single"),
    ("unlabelled", "is_a_corpus", "has the label 'ANGRY', but must have one of angry, calm"),
    ("misspelt", "label_sets", "label set two names 'clam', .*: its labels are angry, calm"),
    ("repeating", "protocols_are_named", "2 protocols are named 'rotated': give each its own name"),
    ("empty-fold", "protocols_hold", "fold s1 of protocol empty .* has an empty validation set"),
    ("leaky", "protocols_are_disjoint", r"train and test share 1 speaker \(s1\).*fix the split"),
    ("twice", "protocols_are_complete", "tests s1-angry-1 in 2 folds: give each utterance one"),
    ("shrinking", "same_corpus_twice", "twice gives different corpora: sort the files, and draw"),
    ("rooted", "independent_of_the_root", "moved to another folder, .*never from the root's own"),
    ("pathless", "paths_exist", "utterance s1-angry-1 has the path .*flac, which is not a file"),
    ("sharing", "paths_exist", "utterances s1-angry-1 and s1-angry-2 have the same file"),
    ("promising", "manifest_agrees", "s1-angry-3: the manifest has 24 utterances, the corpus 16"),
    ("terse", "absence_is_explained", "message is 'no files': say how to get the corpus .about."),
    ("blind", "absence_is_explained", "it returns a corpus: raise CorpusError instead"),
    ("crashing", "absence_is_explained", "it raises SerbenchError: raise CorpusError instead"),
]
NEEDS_FILES = {"same_corpus_twice", "independent_of_the_root", "paths_exist", "manifest_agrees"}


@pytest.fixture
def data(violating, tmp_path):
    """The folder of a corpus."""
    from violating_datasets import write

    return write(tmp_path / "corpus")


@pytest.mark.parametrize(
    ("name", "check", "words"), CAUGHT, ids=[f"{one[1]}-{one[0]}" for one in CAUGHT]
)
def test_a_violating_dataset_fails_just_its_check(examined, data, name, check, words):
    found = examined("dataset", f"{name}-dataset", data=data)
    failed = [verdict for verdict in found.values() if verdict.state == "failed"]
    assert [verdict.name for verdict in failed] == [check]
    assert re.search(words, failed[0].reason), failed[0].reason


def test_every_check_of_a_dataset_is_shown_to_catch_something():
    assert {check for _, check, _ in CAUGHT} == {one.name for one in KINDS["dataset"].checks}


@pytest.mark.parametrize("name", ["clean", "honest", "lonely"])
def test_a_clean_dataset_passes_all(examined, data, name):
    found = examined("dataset", f"{name}-dataset", data=data)
    assert {name: one for name, one in found.items() if one.state != "ok"} == {}


def test_a_protocol_that_says_it_leaks_is_believed_and_named(examined, data):
    found = examined("dataset", "honest-dataset", data=data)
    assert found["protocols_are_disjoint"].reason.endswith("declared leaky: leaky")


def test_recordings_that_two_speakers_share_are_found_where_the_corpus_is(examined, data):
    shutil.copyfile(data / "s1-angry-1.wav", data / "s2-angry-1.wav")
    reason = examined("dataset", "clean-dataset", data=data)["protocols_are_disjoint"].reason
    assert re.search(r"share 1 recording \(.*s2-angry-1", reason)


def test_a_protocol_that_says_it_tests_everything_is_held_to_it(examined, data):
    promises = {"data": data, "complete": ("rotated", "leaky")}
    honest = examined("dataset", "honest-dataset", **promises)["protocols_are_complete"]
    assert honest.state == "failed"
    assert honest.reason == (
        "protocol leaky is listed as complete, but tests 1 of 16 utterances, not s1-angry-2"
    )
    clean = examined("dataset", "clean-dataset", **promises)["protocols_are_complete"]
    assert (clean.state, clean.reason) == ("ok", "rotated tests 16 of 16")


@pytest.mark.usefixtures("places")
def test_checks_that_need_a_corpus_that_is_not_here_are_not_run(examined):
    found = examined("dataset", "clean-dataset")
    not_run = {name for name, one in found.items() if one.state == "not run"}
    assert not_run == NEEDS_FILES
    assert all(found[name].reason.startswith("corpus not here: ") for name in NEEDS_FILES)
    assert all(found[name].reason.endswith("name its folder with --data") for name in NEEDS_FILES)
    assert found["protocols_are_disjoint"].reason == "speakers compared"


def test_a_folder_that_is_named_must_hold_the_corpus(examined, tmp_path):
    found = examined("dataset", "clean-dataset", data=tmp_path / "no-such-folder")
    assert found["is_a_corpus"].state == "failed"
    assert "nothing in" in found["is_a_corpus"].reason


@pytest.mark.usefixtures("places")
def test_without_manifest_and_corpus_nothing_is_claimed_of_protocols(examined):
    found = examined("dataset", "hushed")
    assert found["is_a_corpus"].reason.startswith("it has no manifest, and its corpus is not here")
    assert found["protocols_hold"].state == "not run"
    assert found["absence_is_explained"].state == "failed"  # the tiny plugin says "no tones in"


@pytest.mark.usefixtures("places")
def test_a_corpus_that_is_generated_is_made(examined):
    found = examined("dataset", "tones", params={"takes": 1})
    states = {name for name, one in found.items() if one.state != "ok"}
    assert states == {"absence_is_explained"}
    assert found["is_a_corpus"].reason == "18 utterances, 6 speakers"
