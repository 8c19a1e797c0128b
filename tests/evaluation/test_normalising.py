"""Runs whose features are standardised by the harness, from the command to the board."""

import dataclasses
import shlex
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import CorpusError, SerbenchError
from serbench.evaluation import command
from serbench.evaluation.folds.data import read_copies, read_sets
from serbench.evaluation.plan import Resources, make_job, make_plan
from serbench.features.store import Feature
from serbench.results import extra_set
from serbench.results.config import Request
from serbench.results.run import read
from serbench.settings import settings

pytestmark = pytest.mark.usefixtures("places")


def evaluate(normalise="speaker", model="keeper", jobs=0, **options):
    return serbench.evaluate(model, "tones", jobs=jobs, normalise=normalise, **options)


def activations(run):
    return [fold.test.activations.tobytes() for fold in run.folds]


def sets(tmp_path, normalise):
    """The data of the first fold, as the fold's process reads them."""
    plan = make_plan(Request("keeper", "tones", normalise=normalise), settings())
    audio = read(next(tmp_path.glob("results/*keeper*"))).folds[0].facts.pins.audio
    resources = Resources(tmp_path / "job", settings().cache, "cpu")
    return read_sets(make_job(plan, resources, 0, audio), lambda _: None)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_each_set_is_standardised_by_itself(tmp_path, part):
    evaluate("none")
    plain, ours = (sets(tmp_path, each) for each in ("none", "speaker"))
    ids = getattr(plain.fold, part)
    raw, seen = np.stack(list(plain.inputs(ids, part))), np.stack(list(ours.inputs(ids, part)))
    speakers = np.array(plain.speakers(ids))
    for speaker in set(speakers):
        own = raw[speakers == speaker].astype(np.float64)
        wanted = (own - own.mean(axis=0)) / own.std(axis=0)
        assert np.allclose(seen[speakers == speaker], wanted, atol=1e-5)


def test_training_takes_all_utterances_and_the_others_only_as_many(tmp_path):
    evaluate("none")
    whole, few = (sets(tmp_path, each) for each in ("speaker", "speaker:n=2"))
    for part, is_same in (("train", True), ("validation", False), ("test", False)):
        ids = getattr(whole.fold, part)
        theirs, ours = list(whole.inputs(ids, part)), list(few.inputs(ids, part))
        assert np.array_equal(theirs, ours) is is_same


def test_a_run_without_it_is_what_it_was():
    plain = serbench.evaluate("keeper", "tones", jobs=0)
    assert evaluate("none").folder == plain.folder
    assert "normalise" not in plain.config.stored()
    assert not {"sees", "material"} & plain.folds[0].stored.keys()
    assert "SEES" not in str(plain)


def test_every_way_is_a_run_of_its_own():
    runs = [evaluate(each) for each in ("none", "set", "speaker", "speaker:n=3")]
    assert len({run.name for run in runs}) == 4
    assert len({tuple(activations(run)) for run in runs}) == 4


def test_predictions_do_not_depend_on_processes(tmp_path):
    here = evaluate("speaker:n=3")
    there = evaluate("speaker:n=3", jobs=2, results=tmp_path / "there")
    assert activations(here) == activations(there)


def test_folds_say_what_they_saw():
    run = evaluate("speaker:n=5")
    facts = run.folds[0].facts
    assert facts.sees == "unlabelled utterances of the tested speaker"
    assert facts.material == {"train": 12, "validation": 5, "test": 5}
    line = (
        "SEES unlabelled utterances of the tested speaker: features are standardised by them "
        "(--normalise speaker:n=5). Ranked apart from runs that see only the utterance to predict."
    )
    assert line in str(run)
    assert "SEES the unlabelled test set" in str(evaluate("set"))


def test_fewer_others_than_wanted_are_mentioned():
    run = evaluate("speaker:n=20")
    assert run.folds[0].facts.material["test"] == 11
    assert "and some from only 11 others, as there are no more. Ranked apart" in str(run)


def test_the_command_of_a_run_makes_it_again(run_command):
    run = evaluate("speaker:n=3", model="centroid")
    line = command.evaluate(command.request(run.config))
    assert "--normalise speaker:n=3" in line
    shutil.rmtree(run.folder)
    again = run_command(*shlex.split(line)[1:], "--jobs", "0")
    assert again.returncode == 0, again.stderr
    assert activations(read(run.folder)) == activations(run)
    assert "--normalise" not in command.evaluate(command.request(evaluate("none").config))


def test_a_wrong_word_is_one_line(run_command):
    done = run_command("evaluate", "--model", "keeper", "--dataset", "tones", "--normalise", "age")
    assert done.returncode == 1
    assert "normalise is 'age', but must be none, speaker, set, or speaker:n=K" in done.stderr


@pytest.mark.parametrize("use", ["predict", "export"])
def test_kept_models_refuse_strangers(use, tmp_path):
    run = evaluate("speaker", model="exporter", keep_models=True)
    given = (tmp_path / "data" / "x.wav",) if use == "predict" else (tmp_path / "out",)
    words = (
        "the models were trained with --normalise speaker: their inputs need unlabelled "
        "utterances of the tested speaker, which a file alone does not have; use a run without "
        "--normalise, or test another corpus with --test-on"
    )
    with pytest.raises(SerbenchError, match=words):
        getattr(serbench, use)(run, *given)


def test_extra_sets_are_standardised_by_their_own_speakers(other, tmp_path):
    at_once = evaluate(test_on="csv:other", keep_models=True)
    later = evaluate(keep_models=True, results=tmp_path / "later")
    later = evaluate(test_on="csv:other", results=tmp_path / "later", keep_models=True)
    plain = evaluate("none", test_on="csv:other")
    scores = [
        [fold.test.activations.tobytes() for fold in extra_set.find(run)[0].folds]
        for run in (at_once, later, plain)
    ]
    assert scores[0] == scores[1]
    assert scores[0] != scores[2]
    assert "SEES unlabelled utterances" in str(serbench.cross_corpus(at_once))


def test_an_extra_set_without_material_is_refused_before_training(other):
    (other / "lone.csv").write_text(
        "path,label,speaker\n"
        "ann-low-0.wav,low,ann\nann-high-0.wav,high,ann\nbob-low-0.wav,low,bob\n"
        "cy-high-0.wav,high,cy\ncy-low-0.wav,low,cy\n"
    )
    words = "the speaker bob has only one in the extra test set of"
    with pytest.raises(CorpusError, match=words):
        evaluate(test_on="csv:lone")
    assert not list(settings().results.glob("*"))


def test_a_corpus_of_one_utterance_each_is_refused(places):
    evaluate("none")  # makes the tones
    source = next(places.cache.glob("corpora/*"))
    folder = places.data / "csv"
    folder.mkdir(parents=True)
    rows = ["path,label,speaker"]
    for at, path in enumerate(sorted(source.glob("*.wav"))):
        shutil.copy(path, folder)
        rows.append(f"{path.name},{path.stem.split('-')[1]},p{at}")
    (folder / "many.csv").write_text("\n".join(rows))
    options = {"protocol": "kfold:n=3", "jobs": 0}
    with pytest.raises(CorpusError, match=r"two utterances or more, but the speaker p\d+ has only"):
        serbench.evaluate("keeper", "csv:many,speakers=single", normalise="speaker", **options)
    run = serbench.evaluate("keeper", "csv:many,speakers=single", normalise="set", **options)
    assert not run.missing


def test_comparisons_say_that_runs_differ_in_it():
    compared = serbench.compare(evaluate("none"), evaluate("speaker"))
    (line,) = [note for note in compared.notes if "differ in --normalise" in note]
    assert line.startswith("The runs differ in --normalise (none, speaker)")
    seeing = [note for note in compared.notes if "SEES" in note]
    assert len(seeing) == 1
    assert seeing[0].startswith("keeper, normalised by speaker (")


def test_a_study_has_a_row_for_each_way(tmp_path):
    (tmp_path / "study.toml").write_text(
        '[matrix]\nmodel = "keeper"\ndataset = "tones"\n'
        'normalise = ["none", "speaker:n=1", "speaker:n=2"]\n[engine]\nname = "local"\njobs = 0\n'
    )
    done = CliRunner().invoke(app, ["study", "run", str(tmp_path / "study.toml"), "-q"])
    assert done.exit_code == 0, done.output
    for name in ("not normalised", "normalised by speaker, n=1", "normalised by speaker, n=2"):
        assert f"keeper, {name}" in done.output
    assert "keeper, normalised by speaker, n=1 on tones: SEES unlabelled" in done.output
    assert "*" not in "".join(line for line in done.output.splitlines() if "by speaker, n" in line)


def test_a_study_refuses_a_wrong_word(tmp_path):
    (tmp_path / "study.toml").write_text(
        '[matrix]\nmodel = "keeper"\ndataset = "tones"\nnormalise = "speaker:n=none"\n'
    )
    done = CliRunner().invoke(app, ["study", "plan", str(tmp_path / "study.toml")])
    assert done.exit_code == 1
    assert "normalise is 'speaker:n=none', but must be" in str(done.exception)


def test_leakage_is_measured_with_it():
    price = serbench.leakage("keeper", "tones", normalise="speaker", jobs=1)
    for arms in price.arms:
        assert arms.independent.config.normalise == arms.dependent.config.normalise == "speaker"
    assert any("SEES unlabelled utterances" in note for note in price.notes)


def test_the_stored_feature_is_the_same():
    ways = [evaluate(each).config for each in ("none", "speaker")]
    assert Feature.of(ways[0]) == Feature.of(ways[1])
    assert dataclasses.replace(ways[1], normalise="none") == ways[0]


def test_copies_are_standardised_by_the_statistics_of_the_originals(tmp_path):
    run = evaluate("speaker", augment="noise:snr=15")
    assert run.config.normalise == "speaker"
    plan = make_plan(Request("keeper", "tones", augment=("noise:snr=15",)), settings())
    made = []
    for way in ("none", "speaker"):
        config = dataclasses.replace(plan.config, normalise=way)
        resources = Resources(tmp_path / "job", settings().cache, "cpu")
        audio = run.folds[0].facts.pins.audio
        job = make_job(dataclasses.replace(plan, config=config), resources, 0, audio)
        data = read_sets(job, lambda _: None)
        (copies,) = read_copies(job, data, lambda _: None)
        ids = data.fold.train
        made.append([np.stack(list(each.inputs(ids, "train", data))) for each in (data, copies)])
    (originals, noisy), (_, seen) = made
    speakers = np.array(data.speakers(ids))
    for speaker in set(speakers):
        own = originals[speakers == speaker].astype(np.float64)
        wanted = (noisy[speakers == speaker] - own.mean(axis=0)) / own.std(axis=0)
        assert np.allclose(seen[speakers == speaker], wanted, atol=1e-4)
    assert not np.allclose(seen.mean(axis=0), 0, atol=1e-3)
