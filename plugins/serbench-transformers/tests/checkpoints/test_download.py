"""Downloads over a hub that is busy, breaks off, lies, or is not let through."""

import json
import os

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from serbench.errors import SerbenchError
from serbench_transformers.checkpoints import checkpoint, download

WEIGHTS = save({"encoder.weight": np.random.default_rng(0).normal(size=100_000)})


@pytest.fixture
def served(hub):
    """A hub with a checkpoint whose weights take 800 kB."""
    hub.files |= {
        "config.json": b'{"model_type": "wav2vec2"}',
        "preprocessor_config.json": b"{}",
        "model.safetensors": WEIGHTS,
    }
    return hub


def failure(revision=None):
    with pytest.raises(SerbenchError) as raised:
        checkpoint.resolve("org/model", revision)
    line = str(raised.value)
    assert "\n" not in line
    return line


def weights():
    """The bytes that a snapshot has now."""
    return (checkpoint.resolve("org/model").folder / "model.safetensors").read_bytes()


def stored(hub):
    """What was asked of the storage of large files: the ranges."""
    return [one.partition(" ")[2] for one in hub.asked if one.startswith("/storage/")]


def test_large_files_come_by_redirect_without_xet_into_the_places_of_the_hub_s_client(served):
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    assert weights() == WEIGHTS
    assert not any("xet" in path for path in served.asked)
    path = try_to_load_from_cache("org/model", "model.safetensors", revision="main")
    assert str(path) == str(checkpoint.resolve("org/model").folder / "model.safetensors")
    served.asked.clear()
    found = snapshot_download("org/model", revision=served.commit, local_files_only=True)
    assert found == str(checkpoint.resolve("org/model").folder)
    assert served.asked == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("where", ["/api/", "/resolve/", "/storage/"])
def test_a_busy_hub_is_asked_again(served, status, where, capsys):
    served.mishaps[where] = [(status, {})] * 3
    assert weights() == WEIGHTS
    assert capsys.readouterr().err.count(f"answers {status}") == 3


def test_a_hub_that_stays_busy_is_given_up_and_what_came_is_kept(served):
    served.mishaps["/storage/"] = [(503, {})] * 5
    line = failure()
    assert f"the download of org/model at main from {constants.ENDPOINT} broke off" in line
    assert (
        "127.0.0.1 answers 503 Service Unavailable; the received part is kept: run the same" in line
    )
    served.asked.clear()
    assert weights() == WEIGHTS
    assert not any("config.json" in path for path in served.asked)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, None),
        ({"RateLimit": '"api";r=0;t=31'}, 31),
        ({"Retry-After": "3600"}, None),
        ({"Retry-After": "soon"}, 0),
    ],
)
def test_a_busy_hub_is_given_the_time_that_it_asks_for_up_to_a_minute(
    served, headers, seconds, monkeypatch
):
    waited = []
    monkeypatch.setattr(download.time, "sleep", waited.append)
    served.mishaps["/storage/"] = [(429, headers)]
    if seconds is None:
        line = failure()
        assert "answers 429 Too Many Requests and asks to wait" in line
        assert "run the same command again to resume" in line
        assert waited == []
    else:
        assert weights() == WEIGHTS
        assert waited == [seconds]


def test_a_connection_that_is_cut_is_gone_on_with(served):
    served.mishaps["/storage/"] = [100_000] * 7
    assert weights() == WEIGHTS
    starts = [int(one[6:-1]) for one in stored(served) if one]
    assert starts == [100_000 * (1 + place) for place in range(7)]


def test_a_connection_that_never_sends_a_byte_more_is_given_up_and_gone_on_with_later(served):
    served.mishaps["/storage/"] = [300_000, *[0] * 4]
    assert "broke off" in failure()
    served.asked.clear()
    assert weights() == WEIGHTS
    assert stored(served) == ["bytes=300000-"]


def test_a_storage_that_is_blocked_is_named_after_two_attempts(served, capsys):
    served.storage = "http://127.0.0.9:9"  # nobody listens there
    line = failure()
    assert f"the download from {constants.ENDPOINT} failed: ConnectError" in line
    assert "(127.0.0.9)): on a machine with a network run `hf download org/model" in line
    assert capsys.readouterr().err.count("trying again") == 1


def test_a_hub_that_sends_everything_again_is_taken_from_the_start(served, monkeypatch):
    monkeypatch.setattr(served, "send", lambda self, whole: self.answer(200, whole, {}))
    served.mishaps["/storage/"] = [300_000]
    assert weights() == WEIGHTS


@pytest.mark.parametrize("size", [len(WEIGHTS), len(WEIGHTS) - 1, len(WEIGHTS) + 1, 10])
def test_other_bytes_than_the_announced_are_refused_and_not_kept(served, size):
    served.announced["model.safetensors"] = WEIGHTS
    served.files["model.safetensors"] = (bytes(8) + WEIGHTS)[:size]
    line = failure()
    if size < len(WEIGHTS):
        assert "broke off: BrokenOffError model.safetensors ended after" in line
    else:
        assert "model.safetensors of org/model is not the announced file" in line
        assert "nothing was kept: run the same command again" in line
    served.files["model.safetensors"] = WEIGHTS
    if size < len(WEIGHTS):  # begun with other bytes, which shows when all are there
        assert "is not the announced file" in failure()
    assert weights() == WEIGHTS


def test_another_configuration_than_the_announced_is_refused(served):
    served.announced["config.json"] = served.files["config.json"]
    served.files["config.json"] = b'{"model_type": "wav2vec3"}'
    assert "config.json of org/model is not the announced file" in failure()


def test_a_hub_that_announces_no_checksum_is_refused(served, monkeypatch):
    monkeypatch.setattr(served, "row", lambda self, name: {"rfilename": name, "size": 1})
    assert "announces no checksum for" in failure()


def test_weights_in_the_cache_that_another_tool_left_wrong_are_refused(served):
    path = (checkpoint.resolve("org/model").folder / "model.safetensors").resolve()
    path.write_bytes(save({"encoder.weight": np.zeros(100_000)}))
    line = failure()
    assert "model.safetensors is not the file that the hub announced (its sha256 is" in line
    assert f"run `rm {path}` and the same command again" in line
    path.unlink()
    assert weights() == WEIGHTS


def test_a_stale_token_is_said(served, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "stale")
    line = failure()
    assert (
        "does not accept the token that is set here (HF_TOKEN, or that of `hf auth login`" in line
    )
    assert "HF_HUB_DISABLE_IMPLICIT_TOKEN=1" in line
    assert "stale" not in line
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    assert weights() == WEIGHTS


def test_shards_may_have_any_name(served):
    del served.files["model.safetensors"]
    served.files |= {"first half.safetensors": WEIGHTS, "b.safetensors": WEIGHTS + b""}
    names = {"encoder.one": "first half.safetensors", "encoder.two": "b.safetensors"}
    index = json.dumps({"metadata": {}, "weight_map": names}).encode()
    served.files["model.safetensors.index.json"] = index
    found = checkpoint.resolve("org/model")
    assert found.has_weights
    assert {path.name for path in found.folder.glob("*.safetensors")} == set(names.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("c.safetensors", "org/model lacks c.safetensors, which the index of its weights names"),
        ("../../config.json", "is not an index of weights"),
    ],
)
def test_an_index_that_names_what_is_not_there_is_refused(served, name, words):
    del served.files["model.safetensors"]
    index = json.dumps({"metadata": {}, "weight_map": {"encoder.weight": name}}).encode()
    served.files["model.safetensors.index.json"] = index
    assert words in failure()


def test_a_cache_that_another_tool_filled_in_part_is_filled_up(served):
    folder = checkpoint.resolve("org/model").folder
    (folder / "preprocessor_config.json").unlink()
    served.asked.clear()
    assert checkpoint.resolve("org/model").folder == folder
    assert (folder / "preprocessor_config.json").read_bytes() == b"{}"
    assert stored(served) == []


def test_what_a_cache_lacks_is_said_where_there_is_no_network(served, monkeypatch):
    folder = checkpoint.resolve("org/model").folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (folder / "preprocessor_config.json").unlink()
    assert ", which lacks preprocessor_config.json, and cannot be downloaded here" in failure()
    (folder / "model.safetensors").unlink()
    assert ", which lacks preprocessor_config.json, weights, and cannot" in failure()


def test_a_snapshot_without_links_is_copied(served, monkeypatch):
    def refuse(*_arguments, **_words):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    assert weights() == WEIGHTS
