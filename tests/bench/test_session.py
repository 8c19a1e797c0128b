"""`serbench bench`: what it measures is what happens, through the contract that models meet."""

import itertools
import json
import time
from dataclasses import replace

import numpy as np
import pytest

import serbench
from serbench import datasets, processes
from serbench.bench import measure, session, workload
from serbench.bench.estimate import estimate
from serbench.bench.measure import Task
from serbench.bench.meter import Meter
from serbench.bench.result import Bench, Measurement, machine
from serbench.bench.session import BenchRequest
from serbench.contracts import Lengths
from serbench.corpus import Fold
from serbench.errors import BadParameter, SerbenchError, UnknownName
from serbench.evaluation.speed import FrontEnd, Growth, Speed, busy
from serbench.results.config import Request

SHORT = Lengths((0.0, 50.0, 100.0), (0.1, 0.2, 0.6), 16_000, 0.5)
TASK = Task(SHORT, seconds=0.05)


def test_drawn_lengths_have_the_mean_and_the_longest_of_the_corpus():
    few, many = workload.drawn(SHORT, 10), workload.drawn(SHORT, 5000)
    assert max(few) == 0.6
    assert np.mean(few) == pytest.approx(np.mean(many), rel=0.02)
    assert few == sorted(few)
    assert sum(workload.trimmed(SHORT, 10)) == pytest.approx(sum(few) / 2)


def test_a_synthetic_utterance_is_as_long_and_as_silent_as_asked():
    from serbench.features import audio

    (wave,) = workload.voices([4.0], 16_000, sounding=0.5)
    assert (wave.shape, wave.dtype) == ((64_000,), np.float32)
    assert len(audio.trimmed(wave, 60.0)) == pytest.approx(32_000, rel=0.1)


@pytest.mark.usefixtures("places")
def test_lengths_of_a_dataset_that_says_nothing_are_those_of_its_files(places):
    found = workload.lengths_of(datasets.find("tones", places))
    assert found.rate == 16_000
    assert set(found.seconds) == {0.2}


def test_time_grows_like_a_line_or_like_the_power_that_it_grew_by_last():
    line = Growth(((10, 3.0), (20, 5.0), (40, 9.0)))
    assert (line.at(100), line.at(10), line.slope) == (21.0, 3.0, 0.2)
    square = Growth(((10, 1.0), (20, 4.0)))
    assert (square.at(40), square.power) == (16.0, 2.0)
    assert Growth(((10, 1.0),)).at(30) == 3.0
    assert Growth(((10, 0.0), (20, 0.0))).at(100) == 0.0


def test_the_fastest_of_several_calls_counts():
    naps = itertools.cycle([0.05, 0.01])
    assert 0.01 <= measure.fastest(lambda: time.sleep(next(naps)), 0.3) < 0.05


def test_folds_at_a_time_are_shared_out_among_processes():
    assert busy([3, 3, 3], 2) == 6
    assert busy([5, 1, 1, 1], 2) == 5


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(("name", "least"), [("decode", 1e-6), ("crossings", 1e-6)])
def test_a_front_end_item_takes_some_time_an_utterance(name, least):
    function = measure.decode if name == "decode" else measure.extract
    assert least < function(replace(TASK, feature=workload.feature("crossings"))).seconds < 1


def test_matrices_are_multiplied_at_some_speed():
    assert measure.product(TASK).seconds < 2 * measure.SIDE**3 / 1e8


def candidate(places, name, params=None):
    request = Request(name, "tones", params=params or {})
    return workload.model(request, datasets.find("tones", places), places)


def speed(places, name="sleeper", params=None, **conditions):
    model = candidate(places, name, params)
    task = replace(TASK, model=model, launched=time.time() - 1, **conditions)
    return measure.learn(task)


def test_a_fit_is_taken_apart_by_what_the_model_reports(places):
    found = speed(places, seconds=0.5, most=256)  # with it, no model is too slow
    count, epoch = found.epoch.points[0]
    assert count == 8
    # sleeping takes as long as asked or longer, on however busy a machine
    assert epoch >= 8 / 2000 - measure.HELD_OUT * found.predict
    assert found.before.at(8) + epoch + measure.HELD_OUT * found.predict >= 0.05 + 8 / 2000
    assert min(found.after, found.load, found.predict) >= 0
    assert [count for count, _ in found.before.points[:2]] == [4, 8]
    assert found.start >= 2 + found.load


def test_a_slow_model_is_fitted_once_after_its_late_imports(places):
    found = speed(places, seconds=0.001)
    assert [count for count, _ in found.before.points] == [8]
    ((count, epoch),) = found.epoch.points
    assert count == 8
    assert epoch >= 8 / 2000 - measure.HELD_OUT * found.predict
    assert found.has_epochs


def test_no_fit_is_larger_than_an_estimate_needs(places):
    found = speed(places, seconds=0.5, most=12)
    assert [count for count, _ in found.epoch.points] == [8, 12]


def test_a_model_that_would_take_too_long_is_extrapolated_from_a_small_fit(places):
    found = speed(places, seconds=0.5, limit=0.0)
    assert found.is_extrapolated
    ((count, epoch),) = found.epoch.points
    # an epoch of four utterances was timed; more arithmetic makes it longer
    assert count == 8
    assert epoch > 4 / 2000
    assert not speed(places, seconds=0.1, limit=60.0).is_extrapolated


def test_a_meter_measures_once_and_stores_what_it_measured(places, monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    request, lines = Request("sleeper", "tones"), []
    fold = Fold("1", tuple("abcdefgh"), ("i",), ("j",))
    fast = {"fold": fold, "at_once": 1, "memory": 1.0}
    assert Meter(places, "cpu", lines.append, measures=False).speed(request, **fast) is None
    meter = Meter(places, "cpu", lines.append)
    found = meter.speed(request, **fast)
    assert lines[0] == "measuring sleeper"
    lines.clear()
    # the number of epochs does not change the speed of one
    again = Meter(places, "cpu", lines.append, measures=False)
    more = Request("sleeper", "tones", params={"epochs": 3})
    assert again.speed(more, **fast) == found
    assert lines == []
    assert again.speed(Request("sleeper", "tones", params={"each": 2}), **fast) is None


def test_a_meter_measures_the_start_of_a_fold_and_the_size_of_features(places):
    meter, request = Meter(places, "cpu", measure.silent), Request("centroid", "tones")
    assert 0 < meter.start(request) < 60
    front = meter.front_end(request)
    assert front.size == 8  # two numbers of four bytes
    assert front.seconds(36) == pytest.approx(36 * (front.decode + front.extract))


def test_a_model_without_epochs_is_timed_as_a_whole(places):
    found = speed(places, "centroid", {"nap": 0.1}, most=16)
    assert found.before.points[1][1] == found.after == 0
    assert found.epoch.points[0][1] == pytest.approx(0.1, abs=0.05)
    assert candidate(places, "centroid").epochs == 1


def test_a_model_that_reports_no_epochs_is_timed_with_all_of_them(places):
    found = speed(places, params={"epochs": 20, "reports": False}, seconds=0.1)
    assert not found.has_epochs
    assert found.epoch.points[0][1] >= 20 * 8 / 2000
    assert found.parts(FOLDS[0], 20)["training"] == pytest.approx(found.epoch.at(4))


def test_a_model_without_epochs_is_measured_on_the_corpus(places):
    source = datasets.find("tones", places)
    files = workload.sample(source, None, 10)
    labels = datasets.read(source).labels
    assert [label for _, label, _ in files[: len(labels)]] == list(labels)
    task = replace(TASK, files=files, held_out=0.25, seconds=60.0)
    trial = measure.Trial(task, candidate(places, "centroid"))
    assert len(trial.pool) == 10
    examples = trial._examples(trial.pool, 8, 12)  # two real ones, and two that are repeated
    assert examples.speakers == tuple(files[at][2] for at in (8, 9, 0, 1))
    assert [labels[at] for at in examples.truth] == [files[at][1] for at in (8, 9, 0, 1)]
    assert np.array_equal(examples.inputs[1], trial.pool[9])
    assert not np.array_equal(examples.inputs[2], trial.pool[0])
    assert workload.sample(datasets.find("ravdess", places), None, 10) == []


FOLDS = [Fold(str(n), ("a", "b", "c", "d"), ("e",), ("f", "g")) for n in range(3)]
SPEED = Speed(0.5, 1.0, Growth(((4, 2.0),)), Growth(((4, 3.0),)), 0.5, 0.01, 0.02)


def test_an_estimate_names_its_parts():
    made = estimate("m on d", FOLDS, 5, 1, FrontEnd(9.0, 0.1, 0.2, 2), SPEED)
    assert made.parts == pytest.approx(
        {
            "planning": 0.5,
            "decoding 7 utterances": 0.7,
            "their features": 1.4,
            "starting folds": 3.0,
            "before the first epoch": 6.0,
            "training": 3 * (5 * 3.0 + 0.5),
            "validation in every epoch": 3 * 5 * 0.01,
            "prediction": 3 * (3 * 0.01 + 8 * 0.02),
        }
    )
    assert str(made).startswith("estimate: m on d: 3 folds, at most 5 epochs of 4 utterances, 1")
    assert "in all" in str(made)


def test_folds_at_the_same_time_take_less_of_the_clock():
    one, two, three = (
        estimate("", FOLDS, 5, at_once, FrontEnd(0, 0, 0, 2), SPEED).seconds - SPEED.load
        for at_once in (1, 2, 3)
    )
    assert (two, three) == pytest.approx((one * 2 / 3, one / 3))


def test_a_corpus_that_is_worth_it_is_decoded_on_all_cores():
    many = [Fold("1", tuple(str(n) for n in range(198)), ("v",), ("t",))]
    parts = estimate("", many, 1, 1, FrontEnd(9.0, 0.1, 0.2, 2), SPEED).parts
    assert parts["starting the front end"] == 9.0
    assert parts["decoding 200 utterances"] == pytest.approx(10.0)


@pytest.mark.slow
def test_an_estimate_is_what_an_evaluation_takes(places):
    request = BenchRequest("sleeper", "tones", params={"epochs": 30}, each=0.4)
    made = session.bench(request)
    started = time.perf_counter()
    serbench.evaluate("sleeper", "tones", params={"epochs": 30})
    took = time.perf_counter() - started
    assert took / 2 < made.estimate.seconds < took * 2
    assert [one.item for one in made.items][:2] == ["decode", "crossings"]


def test_a_fraction_of_the_limit_is_what_the_model_counts(places):
    made = session.bench(BenchRequest("sleeper", each=0.3, only=("models",)))
    peak, training, prediction = made.items
    assert peak.item == "matrix product, as in sleeper"
    # whatever the machine does meanwhile: 2000 operations an utterance, of 40 million a second
    assert training.limit == pytest.approx(training.per_second * 2000 / 4e7)
    assert prediction.item == "sleeper, prediction"
    assert made.estimate is None


def test_a_model_that_cannot_be_had_is_rehearsed(places):
    assert candidate(places, "sleeper", {"each": 0}).params["each"] == 1


def test_what_cannot_be_measured_is_left_out_and_named(places):
    made = session.bench(BenchRequest(dataset="tones", each=0.01, only=("infinite", "crossings")))
    assert "not finite" in made.left_out["infinite"]
    assert [one.item for one in made.items] == ["crossings"]


def test_an_item_for_which_no_time_is_left_is_left_out(places):
    """The first item takes all of the time; what the user named is measured nevertheless."""
    made = session.bench(BenchRequest(dataset="tones", seconds=1e-6, only=("features", "decode")))
    assert [item.item for item in made.items] == ["decode"]
    assert made.left_out["crossings"] == "no time left of --seconds 1e-06"
    assert "longer than --seconds 1e-06, although everything was measured as briefly" in str(made)


def test_an_estimate_needs_all_items_even_if_they_take_longer_than_asked(places):
    made = session.bench(BenchRequest("sleeper", "tones", seconds=0.01))
    assert [item.item for item in made.items][1:] == [
        "crossings",
        "sleeper, training",
        "sleeper, prediction",
    ]
    assert made.left_out == {"GFLOP/s of sleeper": "no time left of --seconds 0.01"}
    assert made.estimate.seconds > 0


def test_all_measurements_share_the_seconds_asked_for(places):
    made = session.bench(BenchRequest(dataset="tones", seconds=4.0, only=("decode", "crossings")))
    assert 2.0 < made.took < 6.0
    assert made.left_out == {}


def test_a_brief_measurement_does_not_take_chance_for_growth(places):
    """What is done before the first epoch is not assumed to take longer than the epoch."""
    found = speed(places, until=1.0, most=16)
    (few, less), (more, most) = found.before.points
    slope = max(found.epoch.per_utterance + measure.HELD_OUT * found.predict / more, found.predict)
    assert most <= less + slope * (more - few) + 1e-6
    assert found.flops == {}


def test_what_is_named_and_cannot_be_measured_is_an_error(places):
    with pytest.raises(SerbenchError, match="not finite"):
        session.bench(BenchRequest("unfit", each=0.01, only=("models",)))


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (BenchRequest(only=("modles",)), UnknownName, "no item 'modles'; did you mean models"),
        (BenchRequest(seconds=0), BadParameter, "seconds is 0, but must be greater than 0"),
        (BenchRequest(seconds=float("inf")), BadParameter, r"seconds is inf, but .* 86400 \(a day"),
        (BenchRequest(seconds=float("nan")), BadParameter, "seconds is nan, but must be"),
        (BenchRequest(seconds=1e9), BadParameter, r"seconds is 1e\+09, but must be .* at most"),
        (BenchRequest(jobs=0), BadParameter, "jobs is 0, but must be 1 or more"),
        (BenchRequest(model="slepeer"), UnknownName, "did you mean sleeper"),
    ],
)
def test_an_impossible_request_says_what_would_be_possible(asked, error, words):
    with pytest.raises(error, match=words):
        session.bench(asked)


MADE = Bench(
    like="ravdess",
    seconds={"recorded": 3.7, "trimmed": 3.0},
    at_once=2,
    measured="2026-01-01",
    load=0.0,
    machine={"processor": "a processor", "cores": 2, "memory_gb": 8.0},
    items=(Measurement("mel", 1, per_second=1234.5), Measurement("m", 2, limit=0.414, gflops=41)),
    left_out={"egemaps": "no opensmile"},
    estimate=estimate("m on d", FOLDS, 1, 1, FrontEnd(0, 0, 0, 2), SPEED),
)


def test_a_bench_prints_as_a_table():
    text = str(MADE)
    for part in ("a processor, 2 cores, 8 GB", "1234", "41 %", "left out: egemaps", "in all"):
        assert part in text
    assert "busy" not in text


def test_a_busy_machine_is_named():
    assert "the machine was busy (load 1.5 on 2 cores)" in str(replace(MADE, load=1.5))


def test_a_bench_as_json_has_everything():
    words = json.loads(MADE.to_json())
    assert words["schema"] == 1
    assert words["items"][1]["limit"] == 0.414
    assert words["estimate"]["seconds"] == pytest.approx(MADE.estimate.seconds)
    assert Measurement(**words["items"][0]) == MADE.items[0]


def test_this_machine_is_described():
    found = machine()
    assert found["processor"]
    assert found["cores"] == processes.cores()
    assert "numpy" in found["versions"]


@pytest.mark.usefixtures("places")
def test_the_command_prints_json(run_command):
    done = run_command("bench", "--only", "decode,crossings", "--seconds", "0.05", "--json")
    assert done.returncode == 0, done.stderr
    items = [one["item"] for one in json.loads(done.stdout)["items"]]
    assert items == ["decode", "crossings"]
    assert done.stderr.splitlines()[:1] == ["measuring decode"]
