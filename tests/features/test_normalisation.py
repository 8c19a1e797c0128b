"""Features are standardised by the utterances of their speaker, or of their set."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from serbench.corpus import Corpus, Utterance
from serbench.errors import BadParameter, CorpusError, PluginError
from serbench.features import extraction, normalisation
from serbench.features.normalisation import Normalisation, Normalised, moments

IDS = ("a1", "a2", "a3", "b1", "b2")
SPEAKERS = ("a", "a", "a", "b", "b")
VALUES = [np.array(row, np.float32) for row in ([1, 5], [2, 5], [6, 5], [10, 0], [20, 4])]


def standardised(spec, ids=IDS, speakers=SPEAKERS, values=VALUES, time_axis=None):
    """The arrays as models see them."""
    material = Normalisation.of(spec).material(ids, speakers)
    return list(Normalised("made", values, material, time_axis))


def test_values_are_those_computed_by_hand():
    deviation = np.sqrt(14 / 3)  # of 1, 2, 6
    wanted = [[-2, 0], [-1, 0], [3, 0]]  # a value that never changes is only centred
    found = standardised("speaker")
    assert np.allclose(found[:3], np.array(wanted) / [deviation, 1], atol=1e-6)
    assert np.allclose(found[3:], [[-1, -1], [1, 1]])
    assert all(each.dtype == np.float32 for each in found)


def test_a_set_is_standardised_as_a_whole():
    found = standardised("set")
    assert np.allclose(found, StandardScaler().fit_transform(np.stack(VALUES)), atol=1e-6)
    assert not np.allclose(found, standardised("speaker"))


def test_statistics_of_each_speaker_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    speakers = [f"s{at % 3}" for at in range(60)]
    values = [rng.normal(1e4, [1e-3, 1, 50, 0], 4) for _ in speakers]  # large beside its deviation
    found = standardised("speaker", [str(at) for at in range(60)], speakers, values)
    for speaker in set(speakers):
        own = [at for at, name in enumerate(speakers) if name == speaker]
        wanted = StandardScaler().fit_transform(np.stack([values[at] for at in own]))
        assert np.allclose([found[at] for at in own], wanted, rtol=1e-7, atol=1e-9)
        assert (np.stack([found[at] for at in own])[:, 3] == 0).all()


@pytest.mark.parametrize(("time_axis", "shape"), [(0, (7, 3)), (1, (3, 7)), (1, (2, 7, 3))])
def test_frames_share_statistics_along_the_axis_of_time(time_axis, shape):
    rng = np.random.default_rng(0)
    sizes = [3, 9, 4]  # utterances of different lengths
    lengths = [(*shape[:time_axis], size, *shape[time_axis + 1 :]) for size in sizes]
    values = [rng.normal(3, 2, each) for each in lengths]
    found = standardised("speaker", "xyz", "aaa", values, time_axis)
    frames = [np.moveaxis(each, time_axis, 0).reshape(each.shape[time_axis], -1) for each in values]
    wanted = StandardScaler().fit_transform(np.concatenate(frames))
    ours = [np.moveaxis(each, time_axis, 0).reshape(each.shape[time_axis], -1) for each in found]
    assert [each.shape for each in found] == lengths
    assert np.allclose(np.concatenate(ours), wanted, atol=1e-9)


def test_samples_of_a_wave_share_one_mean_and_one_deviation():
    found = standardised("speaker", "xy", "aa", [np.array([1.0, 3.0]), np.array([5.0])], 0)
    assert np.allclose(np.concatenate(found), np.array([-2, 0, 2]) / np.sqrt(8 / 3))


def test_an_utterance_takes_others_of_its_speaker_and_never_itself():
    ids, speakers = [str(at) for at in range(40)], ["a"] * 25 + ["b"] * 15
    material = Normalisation.of("speaker:n=6").material(ids, speakers)
    for at, drawn in enumerate(material):
        assert at not in drawn
        assert len(set(drawn)) == 6
        assert {speakers[each] for each in drawn} == {speakers[at]}
    counted = np.bincount(np.concatenate(material), minlength=40)
    assert (counted == 6).all()  # nobody's statistics rest on one utterance
    assert len({frozenset(drawn) for drawn in material}) > 30


def test_more_others_include_those_that_were_fewer():
    few, more = (
        Normalisation.of(f"speaker:n={most}").material(IDS * 1, ["a"] * 5) for most in (2, 3)
    )
    assert all(set(some) < set(all_) for some, all_ in zip(few, more, strict=True))


def test_fewer_others_than_wanted_are_all_taken():
    material = Normalisation.of("speaker:n=9").material(IDS, SPEAKERS)
    assert [set(drawn) for drawn in material] == [{1, 2}, {0, 2}, {0, 1}, {4}, {3}]


def test_others_are_named_by_hand():
    (first, second, third), *_ = (standardised("speaker:n=2", "xyz", "aaa", VALUES[:3]),)
    assert np.allclose(first, [(1 - 4) / 2, 0])  # 2 and 6
    assert np.allclose(second, [(2 - 3.5) / 2.5, 0])  # 1 and 6
    assert np.allclose(third, [(6 - 1.5) / 0.5, 0])  # 1 and 2


@pytest.mark.parametrize("spec", ["speaker", "set", "speaker:n=1", "speaker:n=7"])
def test_the_order_of_utterances_changes_no_bit(spec):
    rng = np.random.default_rng(1)
    ids, speakers = [f"u{at}" for at in range(30)], [f"s{at % 2}" for at in range(30)]
    values = [rng.normal(0, 1, 5).astype(np.float32) for _ in ids]
    plain = dict(zip(ids, standardised(spec, ids, speakers, values), strict=True))
    order = rng.permutation(30)
    shuffled = [[given[at] for at in order] for given in (ids, speakers, values)]
    for id_, array in zip(shuffled[0], standardised(spec, *shuffled), strict=True):
        assert array.tobytes() == plain[id_].tobytes()


def test_little_memory_changes_no_bit(monkeypatch):
    plain = standardised("speaker:n=2")
    monkeypatch.setattr(normalisation, "MEMORY", 1)
    for ours, theirs in zip(standardised("speaker:n=2"), plain, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_features_are_read_when_they_are_indexed():
    read = []

    class Watched(list):
        def __getitem__(self, at):
            read.append(at)
            return super().__getitem__(at)

    material = Normalisation.of("speaker").material(IDS, SPEAKERS)
    inputs = Normalised("made", Watched(VALUES), material, None)
    read.clear()
    assert np.allclose(inputs[3], [-1, -1])
    assert set(read) == {3, 4}
    assert np.allclose(inputs[3:], [[-1, -1], [1, 1]])


def test_half_precision_stays_so_and_finite():
    values = [np.array([each], np.float16) for each in (1.0, 1.001, 60000.0)]
    found = standardised("speaker:n=2", "xyz", "aaa", values)
    assert all(each.dtype == np.float16 and np.isfinite(each).all() for each in found)
    assert found[2] == np.finfo(np.float16).max


def test_moments_merge_without_cancellation():
    rng = np.random.default_rng(0)
    values = rng.normal(1e9, 1, (3, 1000))
    total = moments(values[0], 0)
    for each in values[1:]:
        total = total.merged(moments(each, 0))
    assert total.number == 3000
    assert np.isclose(total.deviation, (values - 1e9).std(), rtol=1e-6)


@pytest.mark.parametrize("spec", ["speakers", "speaker:n=0", "speaker:n=05", "speaker:5", "", None])
def test_another_word_is_refused(spec):
    words = "must be none, speaker, set, or speaker:n=K with K from 1"
    with pytest.raises(BadParameter, match=words):
        Normalisation.of(spec)


def test_lengths_that_differ_need_an_axis_of_time():
    values = [np.ones((2, 3)), np.ones((5, 3))]
    words = (
        r"arrays of the feature made have the shapes \(., 3\) and \(., 3\), so they cannot be "
        "standardised: its class must say which axis is time, as in time_axis = 0"
    )
    with pytest.raises(PluginError, match=words):
        standardised("speaker", "xy", "aa", values)


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(PluginError, match=r"axis 2 is time .* arrays have the shape \(2, 3\)"):
        standardised("speaker", "xy", "aa", [np.ones((2, 3))] * 2, 2)


@pytest.mark.parametrize("axis", ["0", -1, True, 0.0])
def test_an_axis_is_a_number(axis):
    with pytest.raises(PluginError, match="Made has time_axis = "):
        extraction.time_axis(type("Made", (), {"time_axis": axis}))


def corpus(*speakers):
    rows = [Utterance(f"u{at}", name, "x") for at, name in enumerate(speakers)]
    return Corpus("made", ("x",), tuple(rows), "own")


@pytest.mark.parametrize(
    ("spec", "speakers", "words"),
    [
        (
            "speaker",
            ("a", "a", "", ""),
            "--normalise speaker needs every speaker, but made does not say who speaks 2 "
            "utterances of the test set, such as u2: choose --normalise set, or leave these "
            "utterances out",
        ),
        (
            "speaker:n=3",
            ("a", "a", "b"),
            "--normalise speaker takes two utterances or more, but the speaker b has only one in "
            "the test set of made: choose --normalise set",
        ),
        (
            "set",
            ("a",),
            "--normalise set takes two utterances or more, but there is only one in the test set "
            "of made: leave it out",
        ),
    ],
)
def test_a_set_without_material_is_refused(spec, speakers, words):
    given = corpus(*speakers)
    ids = [each.id for each in given.utterances]
    with pytest.raises(CorpusError) as caught:
        Normalisation.of(spec).require_material(given, [("the test set", ids)])
    assert str(caught.value) == words


@pytest.mark.parametrize("spec", ["none", "set"])
def test_nobody_needs_speakers_without_a_reason(spec):
    given = corpus("", "a", "b")
    Normalisation.of(spec).require_material(given, [("the test set", ["u0", "u1", "u2"])])
