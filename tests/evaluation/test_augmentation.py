"""Training on perturbed copies: who gets them, and what they are."""

import hashlib
import json
import shlex

import pytest

import serbench
from serbench.errors import BadParameter, SerbenchError
from serbench.evaluation import command
from serbench.evaluation.plan import make_plan
from serbench.features.audio import Reading, read
from serbench.plugins import registry
from serbench.results.config import NONE, Request
from serbench.settings import settings

SOFTER = "softer:factor=0.25"

RECORDER = """
import hashlib
import json

import numpy as np

from serbench import Predictions


def digests(inputs):
    return [hashlib.sha256(each.tobytes()).hexdigest() for each in inputs]


class Recorder:
    version = "1"

    def __init__(self, labels, seed):
        self.labels = labels

    def fit(self, train, validation, workspace):
        self.facts = {
            name: [[*row] for row in zip(digests(one.inputs), map(int, one.truth), one.speakers)]
            for name, one in (("train", train), ("validation", validation))
        }

    def predict(self, inputs):
        self.facts.setdefault("predicted", []).extend(digests(inputs))
        return Predictions(np.zeros((len(inputs), len(self.labels))), link="softmax")

    def describe(self):
        return {name: json.dumps(value) for name, value in self.facts.items()}
"""


def _digest(utterance, spec=""):
    wave = read(utterance.path, Reading(perturbation=spec))
    return hashlib.sha256(wave.tobytes()).hexdigest()


@pytest.fixture
def recorder(here):
    (here / "recorder.py").write_text(RECORDER)
    return "recorder:Recorder"


def evaluate(model="centroid", **options):
    return serbench.evaluate(model, "tones", **{"jobs": 0, **options})


def activations(run):
    return [fold.test.activations.tobytes() for fold in run.folds]


def test_only_training_utterances_have_copies_with_their_truth_and_speakers(recorder):
    run = evaluate(recorder, features="waveform", augment=[SOFTER, "softer"])
    plan = make_plan(Request(recorder, "tones", features="waveform"), settings())
    corpus, labels = plan.corpus, list(plan.corpus.labels)
    specs = ("", "softer", SOFTER)
    where = {_digest(each, spec): (each, spec) for each in corpus.utterances for spec in specs}
    for fold, stored in zip(plan.folds, run.folds, strict=True):
        got = {name: json.loads(text) for name, text in stored.facts.model.items()}
        wanted = [(corpus.by_id[id_], spec) for spec in specs for id_ in fold.train]
        assert [where[digest] for digest, _, _ in got["train"]] == wanted
        assert [[labels[at], who] for _, at, who in got["train"]] == [
            [each.label, each.speaker] for each, _ in wanted
        ]
        held_out = [(corpus.by_id[id_], "") for id_ in fold.validation]
        assert [where[digest] for digest, _, _ in got["validation"]] == held_out
        learned = {each.id for each, _ in wanted}
        assert not learned & {*fold.validation, *fold.test}
        # neither is anything perturbed when the model predicts
        assert {where[digest][1] for digest in got["predicted"]} == {""}


def test_copies_are_part_of_the_identity_whatever_their_order(places):
    plain, one = evaluate(), evaluate(augment="softer")
    both = evaluate(augment=[SOFTER, "softer"])
    assert len({plain.name, one.name, both.name}) == 3
    assert evaluate(augment=["softer:factor=0.5", SOFTER]).name == both.name
    assert plain.config.stored().keys() & {"augment"} == set()
    assert both.config.augment == {"softer": "1", SOFTER: "1"}
    assert both.folds[0].facts.model["seen"] != plain.folds[0].facts.model["seen"]
    assert "seed 0, trained on copies too: softer, softer:factor=0.25" in str(both)


@pytest.mark.parametrize("engine", ["sequential", "queue", "remote"])
def test_every_engine_trains_on_the_same_copies(engine, tmp_path, places, monkeypatch):
    here = evaluate(augment=SOFTER, folds=["2"])
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "empty"))
    options = {"augment": SOFTER, "engine": engine, "results": tmp_path / "there", "jobs": None}
    assert activations(evaluate(**options, folds=["2"])) == activations(here)


def test_a_queue_extracts_copies_before_the_folds(places):
    from serbench.evaluation.means import Means
    from serbench.evaluation.pipeline import compute

    compute([Request("centroid", "tones", augment=("softer",))], Means("queue", folds=["1"]))
    assert len(list(places.cache.glob("features/crossings-*"))) == 2


def test_the_number_of_jobs_changes_nothing(places, tmp_path):
    options = {"augment": "softer", "folds": ["1", "3"]}
    there = evaluate(jobs=2, results=tmp_path / "there", **options)
    assert activations(evaluate(**options)) == activations(there)


def test_copies_share_the_features_of_perturbed_test_audio(places):
    evaluate("keeper", augment="softer", perturb="softer")
    assert len(list(places.cache.glob("features/crossings-*"))) == 2


@pytest.mark.parametrize("augment", [None, NONE, ("softer",), (SOFTER, "softer")])
def test_the_command_of_a_run_makes_the_same_run(augment, places, run_command):
    config = make_plan(Request("centroid", "tones", augment=augment), places).config
    asked = command.request(config)
    assert make_plan(asked, places).config == config
    line = shlex.split(command.evaluate(asked, folds=["1"]))
    assert line.count("--augment") == len(config.augment)
    assert run_command(*line[1:], "--jobs", "0").returncode == 0
    assert (places.results / config.name).is_dir()


def test_a_model_whose_recipe_has_copies_can_do_without(places, monkeypatch, run_command):
    import dataclasses

    installed = registry.installed()
    entry = dataclasses.replace(installed.entries["model"]["centroid"], augment=("softer",))
    monkeypatch.setitem(installed.entries["model"], "centroid", entry)
    own = make_plan(Request("centroid", "tones"), places).config
    none = make_plan(Request("centroid", "tones", augment=NONE), places).config
    other = make_plan(Request("centroid", "tones", augment=(SOFTER,)), places).config
    assert [list(each.augment) for each in (own, none, other)] == [["softer"], [], [SOFTER]]
    assert command.request(none).augment == NONE
    assert "--augment none" in command.evaluate(command.request(none))
    assert command.request(own).augment == ("softer",)
    said = run_command("models", "centroid").stdout
    assert "Trains on copies of all utterances: softer; --augment changes this." in said


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        (["softer", "softer:factor=0.5"], "--augment softer is given twice: its copies would be"),
        (["none", "softer"], "--augment none means no copies: leave out none, or the others"),
        ("noisse", "there is no perturbation 'noisse'"),
        ("softer:factor=2", "factor is 2.0, but must be between 0 and 1"),
    ],
)
def test_copies_that_cannot_be_are_refused(augment, words, places):
    with pytest.raises(SerbenchError, match=words):
        evaluate(augment=augment)
    assert not places.results.exists()


@pytest.mark.parametrize("model", ["control-stored", "control-said"])
def test_features_that_are_not_of_the_wave_have_no_copies(model, places):
    with pytest.raises(BadParameter, match="only waves are perturbed: leave out --augment"):
        evaluate(model, augment="softer")


def test_a_copy_that_breaks_its_contract_names_the_perturbation(places):
    with pytest.raises(SerbenchError, match="perturbation deafening made an array"):
        evaluate(augment="deafening")


def test_runs_lists_and_comparisons_say_what_was_copied(places, run_command):
    evaluate(), evaluate(augment=SOFTER)
    listed = run_command("runs").stdout
    assert "training copies" in listed.splitlines()[0]
    assert sum(line.endswith(SOFTER) for line in listed.splitlines()) == 1
    rows = json.loads(run_command("runs", "--format", "json").stdout)
    assert sorted(row.get("augment", []) for row in rows) == [[], [SOFTER]]
    names = [row["run"] for row in rows]
    said = run_command("compare", *names).stdout
    assert "The models learned from different perturbed copies: " in said
    assert "centroid, no copies" in said
    assert f"centroid, with {SOFTER}" in said


def test_a_study_has_copies_as_an_axis(here, places, run_command):
    (here / "study.toml").write_text(
        '[matrix]\nmodel = "centroid"\ndataset = "tones"\n'
        f'augment = ["none", "softer", ["softer", "{SOFTER}"]]\n'
        '[engine]\nname = "local"\njobs = 0\n'
    )
    done = run_command("study", "run", "study.toml")
    assert done.returncode == 0, done.stderr
    runs = json.loads(run_command("runs", "--format", "json").stdout)
    assert sorted(row.get("augment", []) for row in runs) == [[], ["softer"], ["softer", SOFTER]]
    assert f"centroid, augment=softer+{SOFTER}" in done.stdout


def test_a_study_with_other_copies_says_what_would_be_right(here, run_command):
    (here / "study.toml").write_text(
        '[matrix]\nmodel = "centroid"\ndataset = "tones"\naugment = [3]\n'
    )
    done = run_command("study", "plan", "study.toml")
    assert done.returncode == 1
    assert 'augment of [matrix] is 3, but must be perturbations: augment = "noise:snr=15"' in (
        done.stderr
    )
