"""Badges and model cards say what a run says, and never make one look good that is not ranked."""

import dataclasses
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from serbench.cli.app import app
from serbench.errors import SerbenchError
from serbench.leaderboard import badge as badges
from serbench.leaderboard import hub_card
from serbench.leaderboard.badge import Badge, badge, subject
from serbench.results import fold_file
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.run import read

CONFIG = {
    "dataset": "ravdess",
    "labels": "ravdess",
    "protocol": "paper",
    "model": "made-up",
    "model_version": "1",
    "params": {"lr": 1e-05, "kind": "odd one", "c": None},
    "feature": "waveform",
    "feature_version": "1",
    "feature_params": {},
    "reading": {"trim_db": 60.0},
    "seed": 3,
}
SVG = "{http://www.w3.org/2000/svg}"


def fold(index, predicted, **facts):
    """A fold of two labels, four utterances of two speakers, all of it right for [0, 0, 1, 1]."""
    scored = Scored(
        tuple(f"u{index}-{n}" for n in range(4)),
        tuple(f"s{index}-{n % 2}" for n in range(4)),
        np.array([0, 0, 1, 1]),
        np.eye(2, dtype=np.float32)[predicted],
    )
    common = {
        "config": CONFIG,
        "labels": ["calm", "angry"],
        "link": "identity",
        "pins": {"corpus": "c0ffee", "protocol": "facade", "audio": "x"},
        "protocol": {"name": "paper", "leaks": "", "folds": 2},
        "fold": {
            "index": index,
            "name": str(index),
            "group": "",
            "utterances": {"train": 1, "validation": 1, "test": 1},
        },
        "certificate": {"clean": True},
        "validation": {"f1": 0.5},
        "alone": {"utterances": 1, "largest_difference": 0.0},
        "seconds": {"fit": 1.0},
        "model": {},
        "device": "cpu",
        "threads": 1,
        "versions": {"serbench": "0.1.0"},
        "sources": {"serbench": "1", "serbench_mine": "2"},
        "machine": {},
        "finished": "2026-11-22T12:00:00+00:00",
    }
    return FoldResult({**common, **facts}, scored)


@pytest.fixture
def make(tmp_path):
    """Write two folds as one run: the first all right, the second half; and read it again."""

    def make(folds=(0, 1), name="ravdess_made-up_1", **facts):
        for index in folds:
            one = fold(index, [0, 1, 1, 0] if index else [0, 0, 1, 1], **facts)
            fold_file.write(tmp_path / "results" / name / f"fold-{index}.safetensors", one)
        return read(tmp_path / "results" / name)

    return make


LEAKS = {"protocol": {"name": "paper", "leaks": "on purpose", "folds": 2}}
UNRANKED = [
    ({"folds": (0,)}, "incomplete: 1 of 2 folds is missing"),
    (LEAKS, "leaks: on purpose"),
    ({"certificate": {"clean": False}}, "leaks: sets share speakers or audio"),
    ({"model": {"pretrained": False}}, "random weights, not pretrained"),
    ({"model": {"fine_tuned_before": "ang, hap"}}, "its checkpoint was fine-tuned before"),
    ({"alone": {"largest_difference": 0.5, "other_labels": 2}}, "labels depend on the batch"),
]


def test_a_ranked_run_shows_its_corpus_protocol_and_uar(make):
    made = badge(make())
    assert made.message == "RAVDESS paper · UAR 75.0 %"
    assert made.ranked
    assert "UAR 75.00 ± 35.36 % over 2 folds" in made.title
    assert made.colour == badges.RANKED


@pytest.mark.parametrize(("how", "words"), UNRANKED)
def test_a_run_that_is_not_ranked_says_so_and_shows_no_score(make, how, words):
    run = make(**how)
    made = badge(run)
    assert run.objections[0].startswith(words)
    assert made.message.startswith(f"RAVDESS paper · not ranked: {words}")
    assert not made.ranked
    assert made.colour == badges.UNRANKED != badges.RANKED
    for text in (made.svg(), made.endpoint()):
        assert "not ranked" in text
        assert "UAR" not in text
        assert badges.RANKED.lstrip("#") not in text
    assert json.loads(made.endpoint())["isError"] is True


def test_every_reason_is_told_the_worst_first(make):
    run = make(folds=(0,), **LEAKS)
    assert run.objections == ("leaks: on purpose", "incomplete: 1 of 2 folds is missing")
    assert "leaks: on purpose; incomplete: 1 of 2 folds is missing" in badge(run).title


def test_labels_that_are_not_the_corpuss_own_are_named(make):
    seven = {**CONFIG, "labels": "calm-as-neutral"}
    assert subject(make(config=seven)) == "RAVDESS paper, labels calm-as-neutral"
    other = {**CONFIG, "dataset": "toy:seed=3", "labels": "toy"}
    assert subject(make(config=other, name="other")) == "toy:seed=3 paper"


def test_the_endpoint_has_the_fields_that_shields_needs(make):
    assert json.loads(badge(make()).endpoint()) == {
        "schemaVersion": 1,
        "label": "serbench",
        "message": "RAVDESS paper · UAR 75.0 %",
        "color": badges.RANKED.lstrip("#"),
        "isError": False,
    }


def test_the_picture_holds_the_words_inside_its_edges(make):
    root = ElementTree.fromstring(badge(make()).svg())
    label, message = root.iter(f"{SVG}text")
    assert (label.text, message.text) == ("serbench", "RAVDESS paper · UAR 75.0 %")
    end = int(message.get("x")) + int(message.get("textLength"))
    assert end < int(root.get("width"))
    assert root.get("aria-label") == "serbench: RAVDESS paper · UAR 75.0 %"
    left, right = root.iter(f"{SVG}rect")
    assert int(left.get("width")) == int(right.get("x")) > int(label.get("textLength")) + 6
    assert int(right.get("x")) + int(right.get("width")) == int(root.get("width"))


HOSTILE = "</text><script>alert('x')</script>&\"\x1b[31m\x00\u202e"


def test_words_of_strangers_stay_words_in_a_picture(make):
    config = {**CONFIG, "protocol": HOSTILE, "dataset": HOSTILE[::-1]}
    run = make(config=config, name="hostile")
    made = badge(run)
    for one in (made, Badge(HOSTILE[:30], HOSTILE[:30], ranked=True)):
        root = ElementTree.fromstring(one.svg())
        assert {element.tag for element in root.iter()} == {
            f"{SVG}{name}" for name in ("svg", "title", "rect", "g", "text")
        }
    assert made.message.isprintable()
    assert made.title.isprintable()


def test_a_long_name_is_cut(make):
    run = make(config={**CONFIG, "protocol": "file:path=" + "very-" * 100 + "long.csv"})
    made = badge(run)
    assert len(made.message) < 90
    assert made.message.endswith("… · UAR 75.0 %")


def parts(card):
    _, front, body = card.split("---\n", 2)
    return front, body


def test_a_card_has_the_metadata_that_hubs_read(make):
    yaml = pytest.importorskip("yaml")
    front, _ = parts(hub_card.card(make()))
    (model,) = yaml.safe_load(front)["model-index"]
    (result,) = model["results"]
    assert model["name"] == "made-up"
    assert result["task"] == {
        "type": "audio-classification",
        "name": "Speech Emotion Recognition",
    }
    assert result["dataset"] == {
        "name": "RAVDESS",
        "type": "ravdess",
        "config": "ravdess",
        "split": "test",
        "args": {
            "protocol": "paper",
            "protocol_digest": "facade",
            "corpus_digest": "c0ffee",
            "folds": 2,
            "seed": 3,
        },
    }
    values = {one["type"]: one["value"] for one in result["metrics"]}
    assert values == {"accuracy": 0.75, "recall": 0.75, "precision": 0.75, "f1": 0.75}
    assert all("mean over 2 folds" in one["name"] for one in result["metrics"])


def test_a_hubs_own_library_reads_the_card(make, tmp_path):
    hub = pytest.importorskip("huggingface_hub.repocard_data")
    yaml = pytest.importorskip("yaml")
    front, _ = parts(hub_card.card(make()))
    name, found = hub.model_index_to_eval_results(yaml.safe_load(front)["model-index"])
    assert name == "made-up"
    assert {(one.task_type, one.dataset_name, one.dataset_split) for one in found} == {
        ("audio-classification", "RAVDESS", "test")
    }
    assert [one.metric_value for one in found if one.metric_type == "recall"] == [0.75]


@pytest.mark.parametrize(
    "text", ["yes", "1e3", "a: b # c", "- x", "'\"\\", "\x07\u2028\u202e\n---", "ü 🙂", "{}", ""]
)
def test_any_text_survives_as_yaml(text):
    yaml = pytest.importorskip("yaml")
    lines = hub_card._yaml({"model-index": [{"name": text, "results": [{"n": 1, "f": 0.0001}]}]})
    (model,) = yaml.safe_load("\n".join(lines))["model-index"]
    assert model["name"] == hub_card.shown(text)
    assert model["results"] == [{"n": 1, "f": 0.0001}]


def test_scalars_are_json():
    (line,) = hub_card._yaml({"name": 'a "quoted": \\ word'})
    assert json.loads(line.removeprefix("name: ")) == 'a "quoted": \\ word'


def test_a_card_tells_people_protocol_folds_seed_interval_version_and_command(make):
    _, body = parts(hub_card.card(make()))
    assert "protocol `paper`" in body
    assert "2 test sets, 4 test speakers, 8 test utterances, one run with seed 3" in body
    assert "| macro recall (UAR) | 75.00 ± 35.36" in body
    assert "95 % over speakers" in body
    assert "serbench `0.1.0` (plugins: `serbench_mine`)" in body
    assert "serbench score ravdess_made-up_1\n" in body
    assert (
        "serbench evaluate --model made-up --dataset ravdess --protocol paper --labels ravdess "
        "--seed 3 --precision float32 --threads 1 --trim-db 60 --param lr=1e-05 "
        "--param 'kind=odd one' --param c=null" in body
    )


def test_words_of_strangers_stay_words_in_a_card(make):
    config = {**CONFIG, "model": HOSTILE + "`\n---\n# big", "protocol": "a`<img src=x>`b"}
    card = hub_card.card(make(config=config, name="hostile"))
    _, body = parts(card)
    assert "# big" not in [line.strip() for line in card.splitlines()]
    assert card.count("\n---\n") == 1
    assert "`a'<img src=x>'b`" in body
    assert all(line.isprintable() for line in card.splitlines())


@pytest.mark.parametrize(("how", "words"), UNRANKED)
def test_a_run_that_is_not_ranked_gets_no_card(make, how, words):
    run = make(**how)
    with pytest.raises(SerbenchError, match="is not ranked") as caught:
        hub_card.card(run)
    assert words in str(caught.value)
    assert "use a run that is complete, does not leak" in str(caught.value)


def test_a_run_that_sees_more_says_so_and_gets_no_card(make):
    run = make(config={**CONFIG, "normalise": "speaker:n=5"})
    assert badge(run).message == "RAVDESS paper, normalised by speaker, n=5 · UAR 75.0 %"
    words = r"sees unlabelled utterances .* \(--normalise speaker:n=5\), so it gets no card"
    with pytest.raises(SerbenchError, match=words):
        hub_card.card(run)


def test_folds_that_differ_in_circumstances_are_told(make):
    run = make()
    first, second = run.folds
    other = dataclasses.replace(second, stored={**second.stored, "threads": 4})
    _, body = parts(hub_card.card(dataclasses.replace(run, folds=(first, other))))
    assert "the folds differ in threads" in body


def command(*words):
    return CliRunner().invoke(app, ["leaderboard", "badge", *map(str, words)])


def test_the_command_prints_or_writes_every_format(make, tmp_path):
    run = make()
    where = ("--results", run.folder.parent)
    assert command("ravdess_made", *where).output == badge(run).svg()
    assert command("ravdess_made", "--format", "json", *where).output == badge(run).endpoint()
    assert command("ravdess_made", "--format", "card", *where).output == hub_card.card(run)
    out = tmp_path / "new" / "badge.svg"
    done = command("ravdess_made", "--out", out, *where)
    assert done.output == f"written to {out}\n"
    assert out.read_text(encoding="utf-8") == badge(run).svg()


def test_an_unknown_format_is_refused_with_the_known_ones(make):
    run = make()
    done = command("ravdess_made", "--format", "png", "--results", run.folder.parent)
    assert isinstance(done.exception, SerbenchError)
    assert "there is no format 'png'" in str(done.exception)
    assert "svg, json, card" in str(done.exception)
