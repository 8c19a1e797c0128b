"""A checkpoint that transformers saved, from the command line to a checkpoint that it loads."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serbench.cli import app
from serbench.plugins import registry
from serbench.results import fold_file

TINY = Path(__file__).parents[3] / "tests" / "tiny"


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def serbench(tmp_path, monkeypatch, capsys):
    """Runs a command in this process, since importing transformers takes seconds."""
    if not TINY.is_dir():
        pytest.skip("the tiny corpus is part of the repository, not of this package")
    monkeypatch.setenv("SERBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SERBENCH_DEVICE", "cpu")
    monkeypatch.syspath_prepend(str(TINY))
    monkeypatch.chdir(tmp_path)
    registry.installed.cache_clear()

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["serbench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return Done(ended.value.code or 0, *capsys.readouterr())

    yield run
    registry.installed.cache_clear()


def test_a_fold_is_trained_kept_used_and_exported(folders, serbench, tmp_path):
    (tmp_path / "one.csv").write_text(_first_fold_of_tones(serbench, tmp_path))
    evaluate = (
        *("evaluate", "--model", "transformer", "--dataset", "tones", "--jobs", "0"),
        *("--protocol", tmp_path / "one.csv", "--param", f"checkpoint={folders('whisper')}"),
        *("--param", "epochs=1", "--keep-models"),
    )
    done = serbench(*evaluate)
    assert done.returncode == 0, done.stderr
    assert "transformer on tones" in done.stdout
    (run,) = (tmp_path / "results").iterdir()
    facts = _facts(run)
    assert facts["config"]["params"]["checkpoint"] == "whisper"
    assert re.fullmatch("sha256:[0-9a-f]{16}", facts["config"]["params"]["revision"])
    assert str(tmp_path) not in str({**facts["config"], "protocol": ""})
    assert facts["model"]["licence"] == "unknown"
    assert facts["alone"]["largest_difference"] < 1e-4

    wave = np.random.default_rng(0).normal(0, 0.1, 24000).astype(np.float32)
    soundfile.write(tmp_path / "own.wav", wave, 16000)
    said = serbench("predict", run.name, "own.wav", "--format", "csv")
    assert said.returncode == 0, said.stderr
    head, row = said.stdout.strip().splitlines()
    shares = [float(cell) for cell in row.split(",")[2:]]
    assert sum(shares) == pytest.approx(1)
    assert row.split(",")[1] == head.split(",")[2:][int(np.argmax(shares))]

    handed = serbench("export", run.name, "--out", "handed")
    assert handed.returncode == 0, handed.stderr
    exported = {path.name for path in (tmp_path / "handed").iterdir()}
    assert exported == {
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }


def test_random_weights_are_said_and_never_ranked(folders, serbench, tmp_path):
    (tmp_path / "one.csv").write_text(_first_fold_of_tones(serbench, tmp_path))
    done = serbench(
        *("evaluate", "--model", "transformer", "--dataset", "tones", "--jobs", "0"),
        *("--protocol", "one.csv", "--param", f"checkpoint={folders('wav2vec2-layer-norm')}"),
        *("--param", "epochs=1", "--param", "weights=random"),
    )
    assert done.returncode == 0, done.stderr
    assert "NOT RANKED: random weights" in done.stdout
    shown = serbench("leaderboard", "show", "--format", "text")
    assert "random weights, not pretrained" in shown.stdout, shown.stderr


def test_a_pickle_at_the_hub_is_trained_by_name(folders, serbench, tmp_path, hub):
    import io

    import torch
    from safetensors.torch import load_file

    hub.files = {path.name: path.read_bytes() for path in folders("whisper").iterdir()}
    del hub.files["model.safetensors"]
    pickle = io.BytesIO()
    torch.save(load_file(folders("whisper") / "model.safetensors"), pickle)
    hub.files["pytorch_model.bin"] = pickle.getvalue()
    (tmp_path / "one.csv").write_text(_first_fold_of_tones(serbench, tmp_path))
    done = serbench(
        *("evaluate", "--model", "transformer", "--dataset", "tones", "--jobs", "0"),
        *("--protocol", "one.csv", "--param", "checkpoint=org/model", "--param", "epochs=1"),
    )
    assert done.returncode == 0, done.stderr
    assert f"downloading org/model at {hub.commit} (0 MB) into {tmp_path}/hf/hub" in done.stderr
    (run,) = (tmp_path / "results").iterdir()
    facts = _facts(run)
    assert facts["config"]["params"]["revision"] == hub.commit
    assert facts["model"]["fine_tuned_before"] == ""


def test_nothing_is_downloaded_for_a_corpus_that_is_not_there(serbench, hub):
    done = serbench("evaluate", "--model", "wav2vec2-xlsr", "--dataset", "ravdess")
    assert done.returncode == 1
    assert "ravdess" in done.stderr
    assert hub.asked == []


def test_listings_say_what_a_preset_downloads(serbench):
    listed = " ".join(serbench("models").stdout.split())
    assert "facebook/wav2vec2-base, fine-tuned (380 MB to download)" in listed


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ([], "checkpoint '' is neither a name at the hub (org/name) nor a folder here"),
        (["checkpoint=./nothing"], "does not exist: give a folder with a config.json"),
        (["checkpoint=org/model"], "org/model at main is missing or incomplete in the hub's cache"),
        (["recipe=papers"], "parameter recipe of transformer is 'papers', but must be one of"),
    ],
)
def test_what_cannot_be_is_one_line(serbench, params, words):
    given = [word for one in params for word in ("--param", one)]
    done = serbench("evaluate", "--model", "transformer", "--dataset", "tones", *given)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_paper_s_recipe_is_the_default_of_m2_with_three_epochs_on_iemocap():
    from serbench_transformers.plugin import serbench_models

    (m2,) = (entry for entry in serbench_models() if entry.name == "wav2vec2-xlsr")
    assert m2.defaults["*"]["recipe"] == "paper"
    assert m2.defaults["iemocap"]["recipe"] == "paper-iemocap"
    assert m2.defaults["*"]["checkpoint"] == "jonatasgrosman/wav2vec2-large-xlsr-53-english"


def _first_fold_of_tones(serbench, folder):
    done = serbench("protocol", "export", "--dataset", "tones", "--out", folder / "all.csv")
    assert done.returncode == 0, done.stderr
    head, *rows = (folder / "all.csv").read_text().splitlines()
    first = rows[0].split(",")[0]
    return "\n".join([head, *(row for row in rows if row.startswith(f"{first},"))]) + "\n"


def _facts(run):
    (file,) = run.glob("*.safetensors")
    return fold_file.read(file).stored
