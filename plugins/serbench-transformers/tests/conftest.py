"""Tiny checkpoints with random weights, as transformers itself saves them, and a hub of our own."""

import hashlib
import json
import socket
import struct
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants

CONVOLUTIONS = {
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 4, 2),
    "num_feat_extract_layers": 3,
}
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "classifier_proj_size": 12,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "initializer_range": 0.3,
}
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 24,
    "vocab_size": 60,
    "classifier_proj_size": 12,
    "num_mel_bins": 80,
    "pad_token_id": 50,
    "bos_token_id": 51,
    "eos_token_id": 52,
    "decoder_start_token_id": 53,
    "begin_suppress_tokens": None,
    "init_std": 0.3,
}
KINDS = {
    "wav2vec2-layer-norm": ("wav2vec2", SMALL | CONVOLUTIONS | LAYER_NORM),
    "wav2vec2-group-norm": ("wav2vec2", SMALL | CONVOLUTIONS),
    "hubert-layer-norm": ("hubert", SMALL | CONVOLUTIONS | LAYER_NORM),
    "hubert-group-norm": ("hubert", SMALL | CONVOLUTIONS),
    "data2vec-audio": (
        "data2vec-audio",
        SMALL | CONVOLUTIONS | {"num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5},
    ),
    "whisper": ("whisper", WHISPER),
    "wavlm": ("wavlm", SMALL | CONVOLUTIONS),
    "wavlm-layer-norm": ("wavlm", SMALL | CONVOLUTIONS | LAYER_NORM),
    "wav2vec2-conformer": ("wav2vec2-conformer", SMALL | CONVOLUTIONS),
    "wav2vec2-bert": (
        "wav2vec2-bert",
        SMALL | {"feature_projection_input_dim": 160, "output_hidden_size": 16},
    ),
    "unispeech-sat": ("unispeech-sat", SMALL | CONVOLUTIONS),
    "unispeech-sat-layer-norm": ("unispeech-sat", SMALL | CONVOLUTIONS | LAYER_NORM),
    "unispeech-layer-norm": ("unispeech", SMALL | CONVOLUTIONS | LAYER_NORM),
    "sew": ("sew", SMALL | CONVOLUTIONS | {"squeeze_factor": 2}),
    "sew-d": ("sew-d", SMALL | CONVOLUTIONS | {"squeeze_factor": 2}),
}
EXTRACTORS = {"whisper": "WhisperFeatureExtractor", "wav2vec2-bert": "SeamlessM4TFeatureExtractor"}


def _save_checkpoint(folder: Path, kind: str, head: bool = False, **changes) -> Path:
    """A checkpoint folder: config.json, model.safetensors, preprocessor_config.json.

    Args:
        folder: where.
        kind: of `KINDS`.
        head: keep the head of a classifier, which no pretraining leaves.
        changes: words of its config.
    """
    import transformers
    from transformers import AutoConfig, AutoModelForAudioClassification

    name, words = KINDS[kind]
    config = AutoConfig.for_model(name, **words, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForAudioClassification.from_config(config)
    weights = model.state_dict()
    if not head:
        heads = ("projector.", "classifier.", "layer_weights")
        weights = {name: one for name, one in weights.items() if not name.startswith(heads)}
    model.save_pretrained(folder, state_dict=weights)
    extractor = getattr(transformers, EXTRACTORS.get(name, "Wav2Vec2FeatureExtractor"))
    extractor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """From a kind to a checkpoint folder of it, made once."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = _save_checkpoint(tmp_path_factory.mktemp("checkpoints") / kind, kind)
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def save_checkpoint():
    """Writes a checkpoint folder: `save_checkpoint(folder, kind, **words of its config)`."""
    return _save_checkpoint


class Hub(BaseHTTPRequestHandler):
    """Serves the repository org/model as the hub does; large files by a redirect to its storage.

    Attributes:
        files: from a name to its bytes.
        announced: from a name to the bytes whose size and checksum are announced, where others.
        asked: the paths that were asked for, with the range where there was one.
        storage: the host that large files are on; "" is this one.
        mishaps: from a part of a path to what goes wrong there, one a request: a status and its
            headers, or how many bytes are sent before the connection is cut.
    """

    commit = "0123456789abcdef" * 2 + "01234567"
    storage = ""
    files: dict[str, bytes]
    announced: dict[str, bytes]
    asked: list[str]
    mishaps: dict[str, list[tuple[int, dict[str, str]] | int]]

    def do_HEAD(self):  # http.server's name
        self.do_GET()

    def do_GET(self):  # http.server's name
        path = self.path.partition("?")[0]
        self.asked.append(f"{path} {self.headers.get('Range') or ''}".strip())
        name = path.rpartition("/")[2]
        for words, todo in self.mishaps.items():
            if words in path and todo:
                mishap = todo.pop(0)
                if isinstance(mishap, int):
                    return self.cut(self.files[name], mishap)
                return self.answer(mishap[0], b"", mishap[1])
        if self.headers.get("Authorization") == "Bearer stale":
            words = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return self.answer(401, b"", words)
        if "/gone" in path:
            return self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if path.startswith("/storage/"):
            assert "Authorization" not in self.headers or "token" not in path
            return self.send(self.files[name])
        if not path.startswith(("/api/models/org/model/", "/org/model/")):
            return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if path.startswith("/api/"):
            words = {
                "id": "org/model",
                "sha": self.commit,
                "siblings": [*map(self.row, self.files)],
            }
            return self.answer(200, json.dumps(words).encode(), {})
        if not self.large(name):
            return self.send(self.files[name])
        row = self.row(name)
        return self.answer(
            302,
            b"",
            {
                "Location": f"{self.storage}/storage/{name}",
                "X-Repo-Commit": self.commit,
                "X-Linked-Size": str(row["size"]),
                "X-Linked-ETag": f'"{row["lfs"]["sha256"]}"',
                "X-Xet-Hash": "e" * 64,
            },
        )

    @staticmethod
    def large(name):
        return name.endswith((".safetensors", ".bin"))

    def row(self, name):
        """What the hub announces of a file."""
        whole = self.announced.get(name, self.files[name])
        row = {"rfilename": name, "size": len(whole)}
        row["blobId"] = hashlib.sha1(b"blob %d\0" % len(whole) + whole).hexdigest()
        if self.large(name):
            sha256 = hashlib.sha256(whole).hexdigest()
            row["lfs"] = {"size": len(whole), "sha256": sha256, "pointerSize": 134}
        return row

    def send(self, whole):
        wanted = self.headers.get("Range")
        if wanted is None:
            return self.answer(200, whole, {})
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(whole):
            return self.answer(416, b"", {})
        ranged = {"Content-Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"}
        return self.answer(206, whole[start:], ranged)

    def cut(self, whole, after):
        """Promise the file, send a part of what is wanted, and reset the connection."""
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        self.wfile.write(whole[start : start + after])
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        threading.Event().wait(0.05)  # so that what was sent arrives before the reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub whose repository is empty at first; downloads from it do not wait."""
    from serbench_transformers.checkpoints import download

    words = {"files": {}, "announced": {}, "asked": [], "mishaps": {}}
    handler = type("Served", (Hub,), words)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # connections that were cut
    threading.Thread(target=partial(server.serve_forever, 0.02), daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    address = constants.ENDPOINT + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Nothing of the user's is read or written, and nobody asks the network."""
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SERBENCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def waves():
    """Five waves of unlike lengths."""
    random = np.random.default_rng(0)
    lengths = (4000, 9000, 1700, 16000, 6500)
    return [random.normal(0, 0.1, length).astype(np.float32) for length in lengths]
