"""What a study is expected to take, from finished folds or from the speed of its models."""

import pytest

import serbench
from serbench.bench.meter import Meter
from serbench.contracts import Needs
from serbench.evaluation.engines.local import Machine
from serbench.evaluation.means import Means
from serbench.evaluation.speed import FrontEnd, Growth, Speed
from serbench.study.estimate import estimate, simulate
from serbench.study.matrix import Item, expand
from serbench.study.plan import plan

pytestmark = pytest.mark.usefixtures("places")

SPEED = Speed(0.0, 1.0, Growth(((8, 0.0),)), Growth(((8, 0.8),)), 0.0, 0.1, 0.0, saved=1e6)


class Known:
    """A machine of known speed: each fold starts in 1 s, and an epoch takes 0.1 s/utterance."""

    device = "cpu"

    def __init__(self, epochs=1, speed=SPEED):
        self._epochs, self._speed = epochs, speed

    def epochs(self, request):
        return self._epochs

    def speed(self, request, fold, at_once, memory):
        return self._speed

    def start(self, request):
        return 1.0

    def front_end(self, request):
        return FrontEnd(1.0, 0.25, 0.75, 2, 8.0) if self._speed else None


def made(
    places,
    *models,
    options=None,
    engine="local",
    meter=None,
    dataset="tones",
    augment=None,
    **means,
):
    axes = {"seed": [0, 1], "augment": [augment]}
    matrix = expand([Item(model) for model in models], [Item(dataset)], axes)
    planned = plan("mine", matrix, places.results)
    options = {"jobs": 1} if options is None else options
    chosen = Means(engine, options, "cpu", **means)
    return estimate(planned.runs, chosen, meter or Known(), places, 0.5)


def test_the_time_is_that_of_planning_extraction_and_all_folds_one_after_the_other(places):
    found = made(places, "centroid")
    (row,) = found.rows
    # folds of three parts, 24 utterances each: one trained on, two predicted
    assert (row.folds, row.there, row.known_from) == (6, 0, "measured")
    assert row.seconds == pytest.approx(1 + 24 * 0.1 + 48 * 0.1)
    (features,) = found.extractions
    assert (features.utterances, features.seconds, features.size) == (72, 72.0, 576.0)
    assert found.seconds == pytest.approx(0.5 + 72 + 6 * row.seconds)
    assert found.cpu_seconds == pytest.approx(72 + 6 * row.seconds)
    assert (found.at_once, found.memory, found.gpu_seconds) == (1, 1.0, 0.0)
    assert set(found.disk) == {"results", "features"}
    assert made(places, "centroid", keep_models=True).disk["models"] == 6e6
    assert not places.results.exists()


def test_models_of_the_same_features_extract_them_once(places):
    assert len(made(places, "centroid", "sleeper").extractions) == 1


def test_copies_are_extracted_and_trained_on(places):
    plain, augmented = made(places, "centroid"), made(places, "centroid", augment=("softer",))
    assert [(each.feature, each.utterances) for each in augmented.extractions] == [
        ("crossings", 72),
        ("crossings with softer", 72),
    ]
    assert augmented.rows[0].seconds == pytest.approx(plain.rows[0].seconds + 24 * 0.1)
    assert "not counted: the time to perturb, softer" in str(augmented)
    serbench.evaluate("centroid", "tones", jobs=0, folds=["1"], augment="softer")
    assert made(places, "centroid", meter=Known(speed=None)).rows[0].seconds is None


def test_early_stopping_makes_a_time_an_upper_bound(places):
    assert not made(places, "centroid").is_most
    found = made(places, "centroid", meter=Known(epochs=5))
    assert found.is_most
    assert "at most" in str(found)


def test_finished_folds_with_any_seed_tell_the_time_of_the_others(places):
    serbench.evaluate("centroid", "tones", jobs=0, folds=["1"], seed=7)
    serbench.evaluate("centroid", "tones", jobs=0, folds=["1"])
    found = made(places, "centroid", meter=Known(speed=None))
    (row,) = found.rows
    assert (row.there, row.known_from) == (1, "2 finished folds")
    assert 1.0 < row.seconds < 10.0
    assert not row.is_most


def test_what_cannot_be_measured_is_unknown(places):
    found = made(places, "centroid", meter=Known(speed=None))
    assert found.seconds is found.cpu_seconds is None
    assert "time on the engine local, 1 fold at a time: unknown" in str(found)
    assert found.rows[0].known_from == "unknown: not measured"
    assert found.memory == 1.0


def test_another_engine_has_a_time_if_its_options_say_how_many_folds_run_at_a_time(places):
    free = made(places, "centroid", engine="other", options={})
    assert (free.seconds, free.at_once) == (None, None)
    assert free.cpu_seconds is not None
    throttled = made(places, "centroid", engine="other", options={"throttle": 3})
    assert throttled.at_once == 3
    assert throttled.seconds == pytest.approx(0.5 + 72 + 2 * throttled.rows[0].seconds)


def test_a_corpus_that_is_missing_and_ships_nothing_has_a_reason(places):
    found = made(places, "centroid", dataset="hushed")
    assert found.rows == ()
    assert found.notes[0].startswith("no estimate of centroid on hushed: no tones in ")


def test_a_name_without_an_estimate_sends_nothing_to_a_terminal(places):
    (note,) = made(places, "centroid", dataset="hushed\x1b[31m").notes
    assert note.startswith("no estimate of centroid on hushed [31m: ")
    assert "\x1b" not in note


def test_a_corpus_that_is_missing_is_estimated_from_what_its_dataset_ships(places):
    found = made(places, "centroid", dataset="iemocap")
    (row,) = found.rows
    assert (row.folds, row.there) == (20, 0)
    assert found.extractions[0].utterances == 5531


def test_folds_run_at_a_time_as_memory_and_cores_allow():
    small, large = Needs(memory=0.0), Needs(memory=1e6)
    assert simulate([(small, 2.0)] * 4, Machine(2)) in [(4.0, 2, 0.0), (8.0, 1, 0.0)]
    # tasks that do not fit beside each other run one after the other
    assert simulate([(large, 2.0)] * 3, Machine(None)) == (6.0, 1, 1e6)
    assert simulate([], Machine(None)) == (0.0, 0, 0.0)


@pytest.mark.slow
def test_an_estimate_is_what_a_study_takes(places):
    import time

    matrix = expand([Item("sleeper"), Item("centroid")], [Item("tones")], {})
    planned = plan("mine", matrix, places.results)
    meter = Meter(places, "cpu", lambda line: None)
    found = estimate(planned.runs, Means(), meter, places, 0.1)
    started = time.perf_counter()
    for model in ("sleeper", "centroid"):
        serbench.evaluate(model, "tones")
    took = time.perf_counter() - started
    assert took / 2 < found.seconds < took * 2
