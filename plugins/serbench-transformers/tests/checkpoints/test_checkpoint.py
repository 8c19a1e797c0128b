"""Finding checkpoints: local folders, the hub's cache, and a hub on this machine."""

import json
import os
from functools import partial

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save_file

from serbench.errors import BadParameter, SerbenchError
from serbench_transformers.checkpoints import checkpoint, folders
from serbench_transformers.checkpoints.presets import PRESETS

COMMIT, OTHER = "0123456789abcdef" * 2 + "01234567", "f" * 40


@pytest.fixture(autouse=True)
def _places(tmp_path, monkeypatch):
    """A cache of our own, an empty hub's cache, no network."""
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)


def write(folder, *, config=None, weights=("model",), readme=None):
    """A checkpoint in a folder: its configuration, and a file of safetensors for every name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config or {"model_type": "wav2vec2"}))
    (folder / "preprocessor_config.json").write_text("{}")
    for name in weights:
        save_file(
            {"encoder.weight": np.arange(4, dtype=np.float32)}, folder / f"{name}.safetensors"
        )
    if readme:
        (folder / "README.md").write_text(readme)
    return folder


def write_index(folder, *shards):
    """An index of weights in these files."""
    names = {f"layer{place}": name for place, name in enumerate(shards)}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": names})
    )


def write_cached(tmp_path, name="org/model", commit=COMMIT, branch="main", **files):
    """A snapshot as the hub's client lays it out: links in it lead to blobs."""
    home = tmp_path / "hf" / "hub" / f"models--{name.replace('/', '--')}"
    folder = write(home / "snapshots" / commit, **files)
    (home / "blobs").mkdir(exist_ok=True)
    for place, path in enumerate(sorted(folder.iterdir())):
        path.rename(home / "blobs" / f"{commit[:8]}{place}")
        path.symlink_to(os.path.relpath(home / "blobs" / f"{commit[:8]}{place}", folder))
    if branch:
        (home / "refs" / branch).parent.mkdir(parents=True, exist_ok=True)
        (home / "refs" / branch).write_text(commit)
    return folder


def fails(*words, call=checkpoint.resolve, error=SerbenchError, **arguments):
    """That the call fails in one line with all these words in it."""
    with pytest.raises(error) as raised:
        call(**arguments)
    line = str(raised.value)
    assert "\n" not in line
    for word in words:
        assert word in line


# folders


def test_a_folder_is_its_name_and_a_digest_of_its_contents(tmp_path):
    found = checkpoint.resolve(str(write(tmp_path / "mine")))
    assert (found.name, found.folder, found.has_weights) == ("mine", tmp_path / "mine", True)
    assert found.revision[:7] == folders.PREFIX
    assert len(found.revision) == 7 + 16


def test_equal_folders_have_one_digest_wherever_they_are(tmp_path):
    one, two = (checkpoint.resolve(str(write(tmp_path / at / "mine"))) for at in ("a", "b"))
    assert (one.name, one.revision) == (two.name, two.revision)


@pytest.mark.parametrize(
    "name", ["config.json", "preprocessor_config.json", "model.safetensors", "README.md"]
)
def test_the_digest_is_of_configuration_and_weights_only(tmp_path, name):
    folder = write(tmp_path / "mine", readme="about")
    before = checkpoint.resolve(str(folder)).revision
    if name == "model.safetensors":
        save_file({"encoder.weight": np.arange(4, dtype=np.float32) + 1}, folder / name)
    else:
        (folder / name).write_text('{"changed": 1}')
    changed = checkpoint.resolve(str(folder)).revision != before
    assert changed == (name != "README.md")


def test_a_worker_finds_the_folder_by_name_and_digest(tmp_path):
    resolved = checkpoint.resolve(str(write(tmp_path / "mine")))
    assert checkpoint.find("mine", resolved.revision) == resolved
    assert checkpoint.resolve("mine", resolved.revision) == resolved


def test_a_folder_is_named_by_a_relative_path_a_home_and_a_link(tmp_path, monkeypatch):
    write(tmp_path / "mine")
    (tmp_path / "alias").symlink_to(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    names = [checkpoint.resolve(given).name for given in ("mine", "./mine", "~/mine", "alias")]
    assert names == ["mine", "mine", "mine", "alias"]


def test_weights_are_digested_once_however_often_they_are_asked_for(tmp_path, monkeypatch):
    folder = write(tmp_path / "mine")
    first = checkpoint.resolve(str(folder))
    read = []
    monkeypatch.setattr(folders, "file_digest", lambda path: read.append(path.name) or "0" * 64)
    assert checkpoint.resolve(str(folder)) == checkpoint.find("mine", first.revision) == first
    assert read == []
    os.utime(folder / "model.safetensors")
    checkpoint.resolve(str(folder))
    assert read == ["model.safetensors"]


def test_a_folder_that_moved_is_found_where_it_was_given_last(tmp_path):
    before = checkpoint.resolve(str(write(tmp_path / "here" / "mine")))
    (tmp_path / "here").rename(tmp_path / "there")
    find = partial(checkpoint.find, "mine", before.revision)
    fails("is no longer in", str(tmp_path / "here"), "--param checkpoint=FOLDER", call=find)
    checkpoint.resolve(str(tmp_path / "there" / "mine"))
    assert find().folder == tmp_path / "there" / "mine"


def test_a_folder_that_changed_is_refused_by_a_worker_and_by_its_old_digest(tmp_path):
    folder = write(tmp_path / "mine")
    before = checkpoint.resolve(str(folder)).revision
    (folder / "config.json").write_text('{"model_type": "hubert"}')
    words = ("is sha256:", f"now, not {before}", "restore the files", "start a new run")
    fails(*words, call=checkpoint.find, checkpoint="mine", revision=before)
    fails(*words, checkpoint=str(folder), revision=before)


def test_a_folder_that_was_never_given_here_is_asked_for():
    words = (
        "mine (sha256:0011223344556677)",
        "never used on this machine",
        "--param checkpoint=FOLDER",
    )
    fails(*words, call=checkpoint.find, checkpoint="mine", revision="sha256:0011223344556677")


def test_a_configuration_alone_is_a_checkpoint_without_weights(tmp_path):
    found = checkpoint.resolve(str(write(tmp_path / "bare", weights=())))
    assert not found.has_weights
    words = ("bare (sha256:", "has no model.safetensors", "--param weights=random", "never ranked")
    fails(*words, call=partial(checkpoint.require_weights, found))
    checkpoint.require_weights(checkpoint.resolve(str(write(tmp_path / "full"))))


def test_shards_are_weights_when_all_are_there(tmp_path):
    folder = write(tmp_path / "big", weights=("model-00001-of-00002",))
    write_index(folder, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    fails("lacks 1 of the files", "model-00002-of-00002.safetensors", checkpoint=str(folder))
    write(folder, weights=("model-00001-of-00002", "model-00002-of-00002"))
    assert checkpoint.resolve(str(folder)).has_weights


def test_an_index_that_is_none_is_refused(tmp_path):
    folder = write(tmp_path / "big", weights=())
    (folder / "model.safetensors.index.json").write_text("[]")
    fails("model.safetensors.index.json is not an index of weights", checkpoint=str(folder))


def test_weights_that_are_cut_off_or_a_pointer_are_refused(tmp_path):
    weights = write(tmp_path / "mine") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    fails("model.safetensors is cut off", "get this file again", checkpoint=str(tmp_path / "mine"))
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    fails("is a Git LFS pointer", "`git lfs pull`", checkpoint=str(tmp_path / "mine"))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_code_that_comes_with_a_checkpoint_is_never_run(tmp_path, name):
    folder = write(tmp_path / "coded")
    (folder / name).write_text('{"auto_map": {"AutoModel": "code.Model"}}')
    words = ("coded needs code of its own", f"auto_map in its {name}", "never run")
    fails(*words, checkpoint=str(folder))


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    fails("empty has no config.json", "save_pretrained(FOLDER)", checkpoint="empty")
    fails("nowhere does not exist", "config.json", "(org/name)", checkpoint="./nowhere")
    file = write(tmp_path / "mine") / "config.json"
    fails("config.json is a file: give the folder", checkpoint=str(file))
    file.write_text("{")
    fails("config.json is not JSON", "get this file again", checkpoint="mine")
    file.write_text("[]")
    fails("config.json is not a configuration", checkpoint="mine")


def test_a_folder_has_no_revision(tmp_path):
    words = ("mine is a folder, which has no revision 'main'", "leave revision out")
    write(tmp_path / "mine")
    fails(*words, error=BadParameter, checkpoint="mine", revision="main")


@pytest.mark.parametrize("given", ["wav2vec2", "a/b/c", "org/na me", "", "org/"])
def test_what_is_neither_a_name_nor_a_folder_is_refused(given):
    words = (f"checkpoint {given!r} is neither a name at the hub (org/name) nor a folder here",)
    fails(*words, error=BadParameter, checkpoint=given)


# licences


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# Model\n", "apache-2.0"),
        ("---\nlicense: [mit, cc-by-4.0]\n---\n", "mit, cc-by-4.0"),
        ("---\nlanguage: en\n---\nlicense: mit\n", "unknown"),
        ("# Model\n---\nlicense: mit\n---\n", "unknown"),
        ("---\nlicense: !!python/object/apply:os.getcwd []\n---\n", "unknown"),
        ("---\n- mit\n---\n", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_licence_is_what_the_front_matter_of_the_readme_says(tmp_path, readme, licence):
    found = checkpoint.resolve(str(write(tmp_path / "mine", readme=readme)))
    assert found.licence == licence


def test_a_preset_without_its_readme_has_the_licence_of_the_table(tmp_path):
    preset = PRESETS[0]
    write_cached(tmp_path, preset.checkpoint, preset.revision, branch=None)
    assert checkpoint.resolve(preset.checkpoint).licence == preset.licence


# the hub's cache


def test_a_branch_in_the_cache_is_its_commit_and_a_worker_finds_that(tmp_path):
    folder = write_cached(tmp_path)
    found = checkpoint.resolve("org/model")
    assert (found.name, found.revision, found.folder) == ("org/model", COMMIT, folder)
    assert found.has_weights
    assert checkpoint.find("org/model", COMMIT) == found
    assert checkpoint.resolve("org/model", COMMIT) == found


def test_any_branch_tag_or_pull_request_in_the_cache_is_found(tmp_path):
    write_cached(tmp_path)
    write_cached(tmp_path, commit=OTHER, branch="refs/pr/3")
    assert checkpoint.resolve("org/model", "refs/pr/3").revision == OTHER
    assert checkpoint.resolve("org/model").revision == COMMIT


def test_a_preset_is_its_pinned_commit_and_not_main(tmp_path):
    preset = PRESETS[0]
    write_cached(tmp_path, preset.checkpoint, OTHER)
    write_cached(tmp_path, preset.checkpoint, preset.revision, branch=None)
    assert checkpoint.resolve(preset.checkpoint).revision == preset.revision
    assert checkpoint.resolve(preset.checkpoint, "main").revision == OTHER


@pytest.mark.parametrize("revision", ["../../other", "/etc", "a b", "--x", ""])
def test_a_revision_that_is_none_is_refused(revision):
    words = (f"revision {revision!r} of org/model is not a commit, a branch or a tag",)
    if revision:
        fails(*words, error=BadParameter, checkpoint="org/model", revision=revision)
    else:
        fails("org/model at main", checkpoint="org/model", revision=revision)


def test_what_is_not_in_the_cache_says_how_to_get_it_there(tmp_path):
    words = (
        f"openai/whisper-base at {OTHER} is missing or incomplete in the hub's cache {tmp_path}",
        "HF_HUB_OFFLINE is set",
        f"`hf download openai/whisper-base --revision {OTHER} --include '*config.json' --include "
        "'model*.safetensors*' --include README.md` (about 290 MB)",
        "copy models--openai--whisper-base",
        "--param checkpoint=FOLDER",
    )
    fails(*words, checkpoint="openai/whisper-base", revision=OTHER)
    find = partial(checkpoint.find, "openai/whisper-base", OTHER)
    fails("nothing is downloaded while folds run", *words[2:], call=find)


def test_a_configuration_in_the_cache_is_enough_where_weights_are_random(tmp_path):
    write_cached(tmp_path, weights=())
    assert not checkpoint.resolve("org/model", weights=False).has_weights
    fails("org/model at main is missing or incomplete in the hub's cache", checkpoint="org/model")


def test_a_snapshot_whose_blob_or_shard_is_gone_is_not_whole(tmp_path):
    folder = write_cached(tmp_path)
    (folder / "model.safetensors").resolve().unlink()
    fails("missing or incomplete", checkpoint="org/model")
    (folder / "model.safetensors").unlink()
    write_index(folder, "model-00001-of-00001.safetensors")
    fails("missing or incomplete", checkpoint="org/model")


def test_a_preset_that_is_a_pickle_says_which_files_to_fetch():
    preset = next(preset for preset in PRESETS if preset.pickled)
    fails("--include 'pytorch_model*.bin*'", "(about 380 MB)", checkpoint=preset.checkpoint)


def test_presets_are_commits_of_names_at_the_hub():
    for preset in PRESETS:
        assert checkpoint.hub.NAME.fullmatch(preset.checkpoint)
        assert preset.revision is None or checkpoint.hub.COMMIT.fullmatch(preset.revision)
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)


# a hub on this machine


@pytest.fixture
def served(hub, tmp_path):
    """A hub with one repository; its files may be changed."""
    folder = write(tmp_path / "served", readme="---\nlicense: mit\n---\n")
    hub.files |= {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.files |= {"pytorch_model.bin": b"pickle", "modeling.py": b"", "onnx/config.json": b"{}"}
    return hub


def test_what_is_not_in_the_cache_is_downloaded_without_pickles_and_code(served, capsys):
    found = checkpoint.resolve("org/model")
    assert (found.revision, found.licence, found.has_weights) == (COMMIT, "mit", True)
    names = {path.name for path in found.folder.rglob("*")}
    assert names == {*folders.CONFIGS[:2], "model.safetensors", "README.md"}
    assert f"downloading org/model at {COMMIT}" in capsys.readouterr().err


def test_what_was_downloaded_is_used_without_the_network(served, monkeypatch):
    found = checkpoint.resolve("org/model")
    served.asked.clear()
    assert checkpoint.resolve("org/model") == found
    assert checkpoint.find("org/model", COMMIT) == found
    assert served.asked == []


def test_weights_that_are_not_wanted_are_not_downloaded(served):
    found = checkpoint.resolve("org/model", weights=False)
    assert not found.has_weights
    assert not any("model.safetensors" in path for path in served.asked)
    assert checkpoint.resolve("org/model").has_weights


def test_what_has_no_weights_or_no_configuration_is_said_before_anything_is_downloaded(served):
    del served.files["model.safetensors"], served.files["pytorch_model.bin"]
    words = ("org/model at main has no model.safetensors and no pytorch_model.bin",)
    fails(*words, "--param weights=random", checkpoint="org/model")
    del served.files["config.json"]
    fails("org/model at main has no config.json", checkpoint="org/model")
    assert not any("/resolve/" in path for path in served.asked)


def test_a_name_or_a_revision_that_the_hub_does_not_know_is_said(served):
    fails("there is no org/other at http", "no folder of that name", checkpoint="org/other")
    words = ("org/model has no revision 'gone'", "/org/model/commits/main")
    fails(*words, checkpoint="org/model", revision="gone")


def test_a_hub_that_does_not_answer_is_said_with_the_way_round(served, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    words = ("the download from http://127.0.0.1:9 failed", "`hf download org/model")
    fails(*words, checkpoint="org/model")


def test_a_cache_that_cannot_be_written_is_said(served, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    words = ("cannot write org/model into the hub's cache", "file/hub", "HF_HOME")
    fails(*words, checkpoint="org/model")
