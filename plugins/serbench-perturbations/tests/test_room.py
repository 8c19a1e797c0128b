import numpy as np
import pytest

from serbench import BadParameter
from serbench_perturbations.room import FILTER, PLACES, ROOM, Reverberation

pyroomacoustics = pytest.importorskip("pyroomacoustics")

RATE = 16_000


def decay_time(response):
    """The reverberation time by ISO 3382: a line through the decay from -5 to -25 dB (T20)."""
    remaining = np.cumsum(response[::-1] ** 2)[::-1]
    decay = 10 * np.log10(remaining / remaining[0])
    chosen = np.flatnonzero((decay <= -5) & (decay >= -25))
    slope, _ = np.polyfit(chosen / RATE, decay[chosen], 1)
    return -60 / slope


@pytest.mark.parametrize("rt60", [0.2, 0.4])
def test_the_room_has_the_reverberation_time(rt60):
    times = [decay_time(response) for response in Reverberation(rt60=rt60).responses]
    assert len(times) == PLACES
    assert np.mean(times) == pytest.approx(rt60, rel=0.15)
    assert np.max(np.abs(np.array(times) / rt60 - 1)) < 0.3


@pytest.mark.parametrize("distance", [0.3, 2.0, 3.0])
def test_the_direct_sound_keeps_its_level_and_its_time(distance):
    for response in Reverberation(rt60=0.2, distance=distance).responses:
        assert not np.any(np.abs(response[: FILTER // 4]) > 0.1)
        assert np.sum(response[: FILTER + 1]) > 0
    near = Reverberation(rt60=0.2, distance=0.3).responses[0]
    assert np.argmax(np.abs(near)) in (FILTER, FILTER + 1)
    assert np.abs(near).max() == pytest.approx(1, abs=0.4)  # the rest falls between samples


def test_a_farther_talker_is_more_reverberant():
    def ratio(distance):
        responses = Reverberation(rt60=0.3, distance=distance).responses
        direct, rest = (
            np.mean([np.sum(response[part] ** 2) for response in responses])
            for part in (slice(2 * FILTER), slice(2 * FILTER, None))
        )
        return 10 * np.log10(direct / rest)

    assert ratio(0.5) > ratio(2.0) + 5


def test_talker_and_microphone_are_in_the_room_at_their_distance(random):
    room = Reverberation(distance=3)
    for _ in range(100):
        talker, microphone = room._places(random)
        assert np.linalg.norm(talker - microphone) == pytest.approx(3)
        for place in (talker, microphone):
            assert np.all(place > 0.4)
            assert np.all(place < ROOM)


def test_the_wave_grows_by_the_decay(random, tone):
    room = Reverberation(rt60=0.2)
    wave = room(tone(seconds=1), random)
    assert len(wave) - RATE + 1 in {len(response) for response in room.responses}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"rt60": 2.0}, "rt60 is 2, but must be from 0.15 to 1"),
        ({"distance": 0.1}, "distance is 0.1, but must be from 0.3 to 3"),
    ],
)
def test_values_out_of_range_are_refused(params, words):
    with pytest.raises(BadParameter, match=words):
        Reverberation(**params)
