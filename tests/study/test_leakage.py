"""The price of shared speakers: exact for models that memorise speakers, or ignore them."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.comparison import leakage_price
from serbench.errors import BadParameter, FoldError, SerbenchError, UnknownName
from serbench.protocols import leakage

LABELS = ("angry", "happy", "sad")
MODELS = ["speaker_models:Memory", "speaker_models:Blind"]
OPTIONS = {"protocol": "kfold:n=3", "params": {"parts": 3}, "jobs": 0}


@pytest.fixture(scope="module")
def accents(tmp_path_factory):
    """A corpus of six speakers, each with another order of accents, who say each label four times.

    Each utterance has three tones: for the speaker, for the speaker's accent, and for the label.
    """
    data = tmp_path_factory.mktemp("data")
    (data / "csv").mkdir()
    rows = []
    for speaker in range(6):
        for label in range(3):
            for take in range(4):
                numbers = (speaker, (label + speaker) % 3, label)
                hertz = np.repeat([300 + 200 * number for number in numbers], 1600)
                tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(4800) / 16_000)
                tone[take] += 0.01  # no two utterances are the same
                name = f"s{speaker}-{LABELS[label]}-{take}.wav"
                soundfile.write(data / "csv" / name, tone, 16_000)
                rows.append({"path": name, "label": LABELS[label], "speaker": f"s{speaker}"})
    with (data / "csv" / "accents.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return data


@pytest.fixture(scope="module")
def measured(accents, tmp_path_factory):
    """The price of both models, and its folder of results."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("cache", "results"):
            patch.setenv(f"SERBENCH_{name.upper()}", str(tmp_path_factory.mktemp(name)))
        patch.setenv("SERBENCH_DATA", str(accents))
        patch.setenv("SERBENCH_DEVICE", "cpu")
        yield serbench.leakage(MODELS, "csv:accents", **OPTIONS)


def test_a_model_that_memorises_speakers_gains_two_thirds_and_one_that_ignores_them_nothing(
    measured,
):
    memory, blind = measured.prices
    assert (memory.other, memory.first) == (pytest.approx(1 / 3), 1.0)
    assert memory.difference == pytest.approx(2 / 3)
    assert list(memory.interval) == pytest.approx([2 / 3, 2 / 3])
    assert (blind.other, blind.first, blind.difference) == (1.0, 1.0, 0.0)
    assert list(blind.interval) == [0.0, 0.0]


def test_both_arms_test_the_same_utterances_once_and_train_on_as_many(measured):
    for arms in measured.arms:
        tested = [
            sorted(id_ for fold in run.folds for id_ in fold.test.ids)
            for run in (arms.independent, arms.dependent)
        ]
        assert tested[0] == tested[1]
        assert len(set(tested[0])) == 72
        sizes = [
            {(fold.facts.fold.utterances[part]) for fold in run.folds}
            for run in (arms.independent, arms.dependent)
            for part in ("train", "validation")
        ]
        assert sizes == [{24}] * 4


def test_each_arm_certifies_what_it_shares(measured):
    arms = measured.arms[0]
    for run, shared in ((arms.independent, 0), (arms.dependent, 2)):
        for fold in run.folds:
            certificate = leakage.from_json(fold.stored["certificate"])
            assert certificate.audio_checked
            assert certificate.speakers["train|test"].count == shared
            assert certificate.speakers["validation|test"].count == 0
            assert certificate.audio["train|test"].count == 0
    assert not arms.independent.leaks
    assert arms.dependent.objections[0].startswith("leaks: the speakers of every test set also")


def test_the_table_says_which_protocols_and_how_many_utterances(measured):
    text = str(measured)
    assert "72 test utterances of 6 speakers, labels original (3)" in text
    assert "Speaker-dependent: protocol speaker-dependent:base=kfold:n=3,parts=2, which" in text
    assert "In a fold of either, 24 utterances train." in text
    assert "Of the test speakers of all speaker-dependent folds, 12 of 12 train." in text
    assert "An interval over 6 speakers is too narrow." in text
    rows = [line.split() for line in text.splitlines() if line.startswith("speaker_models")]
    assert [row[1:] for row in rows] == [
        ["33.33", "100.00", "+66.67", "[66.67,", "66.67]"],
        ["100.00", "100.00", "0.00", "[0.00,", "0.00]"],
    ]


@pytest.mark.parametrize("form", leakage_price.FORMATS)
def test_every_format_has_the_price(measured, form):
    table = measured.table(form)
    if form == "json":
        memory, blind = json.loads(table)["models"]
        assert memory["price"] == pytest.approx(2 / 3)
        assert blind["interval"] == [0.0, 0.0]
    else:
        assert "+66.67" in table


def invoke(picture, protocol="kfold:n=3"):
    """Run the command that gives the table of `measured` as CSV."""
    models = [word for model in MODELS for word in ("--model", model)]
    command = ["leakage", *models, "--dataset", "csv:accents", "--protocol", protocol, "-q"]
    command += ["--param", "parts=3", "--jobs", "0", "--picture", str(picture), "--format", "csv"]
    return CliRunner().invoke(app, command)


def test_the_command_computes_nothing_again_and_draws_a_picture(measured, tmp_path):
    folders = [run.folder for arms in measured.arms for run in (arms.independent, arms.dependent)]
    before = [path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()]
    picture = tmp_path / "price.svg"
    done = invoke(picture)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == measured.table("csv")
    assert picture.read_text().startswith("<?xml")
    after = [path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()]
    assert before == after


def test_a_wrong_picture_is_told_before_anything_is_computed(measured, tmp_path):
    done = invoke(tmp_path / "price.jpg", "kfold:n=4")
    assert "there is no picture format 'jpg'" in str(done.exception)
    assert not list(measured.arms[0].independent.folder.parent.glob("*kfold-n-4*"))


def test_a_picture_that_cannot_be_written_costs_no_table(measured, tmp_path):
    done = invoke(tmp_path / "nowhere" / "price.svg")
    assert isinstance(done.exception, FileNotFoundError)
    assert done.stdout.strip() == measured.table("csv")


def test_scores_come_from_the_stored_predictions_alone(measured):
    runs = [run for arms in measured.arms for run in (arms.independent, arms.dependent)]
    again = leakage_price.of_runs([serbench.results.run.read(run.folder) for run in runs])
    assert again.table("json") == measured.table("json")


def test_runs_that_differ_in_more_than_the_protocol_have_no_price(measured):
    (memory, blind) = measured.arms
    with pytest.raises(SerbenchError, match="since they also differ in model:"):
        leakage_price.of_runs([memory.independent, blind.dependent])
    partial = replace(memory.dependent, folds=memory.dependent.folds[1:], missing=1)
    with pytest.raises(SerbenchError, match="is incomplete, 1 of its 6 folds is missing"):
        leakage_price.of_runs([memory.independent, partial])
    partial = replace(partial, missing=0)
    with pytest.raises(SerbenchError, match="the test utterances differ, 12 are only in the first"):
        leakage_price.of_runs([memory.independent, partial])


def test_a_fold_that_fails_names_its_run_and_costs_no_other(places):
    words = r"(?s)^tones-takes-2_faulty_kfold-n-3_seed0_\w+: fold 1: .*is faulty"
    with pytest.raises(FoldError, match=words):
        serbench.leakage("faulty", "tones:takes=2", jobs=0)
    assert len(list(places.results.glob("*/*.safetensors"))) == 2 + 6


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"protocol": "random"}, BadParameter, "already shares speakers or recordings"),
        ({"metric": "wf"}, UnknownName, "there is no metric 'wf'"),
        ({"parts": 1}, BadParameter, "parts=1, but one part is tested while others train"),
        ({"protocol": "lsoo"}, UnknownName, "no protocol 'lsoo'"),
        ({"parts": 50}, SerbenchError, "too few utterances to divide them into 50 parts"),
    ],
)
def test_mistakes_are_told_before_anything_is_computed(places, options, error, words):
    with pytest.raises(error, match=words):
        serbench.leakage("centroid", "tones", **options)
    assert not places.results.exists()
