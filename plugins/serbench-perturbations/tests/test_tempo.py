import numpy as np
import pytest

from serbench import BadParameter
from serbench_perturbations.tempo import Pitch, Speed, Tempo

RATE = 16_000


def frequency(wave):
    """The frequency of the loudest partial, in Hz."""
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 8 * RATE))
    return float(np.argmax(spectrum)) / 8


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_speed_changes_length_and_pitch(random, tone, factor):
    faster = Speed(factor=factor)(tone(440), random)
    assert len(faster) == pytest.approx(2 * RATE / factor, abs=1)
    assert frequency(faster) == pytest.approx(440 * factor, rel=0.002)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_tempo_changes_the_length_and_keeps_the_pitch(random, tone, factor):
    pytest.importorskip("librosa")
    faster = Tempo(factor=factor)(tone(440), random)
    assert len(faster) == round(2 * RATE / factor)
    assert frequency(faster) == pytest.approx(440, rel=0.005)


@pytest.mark.parametrize("semitones", [-5.0, 2.0, 12.0])
def test_pitch_changes_the_pitch_and_keeps_the_length(random, tone, semitones):
    pytest.importorskip("librosa")
    higher = Pitch(semitones=semitones)(tone(440), random)
    assert len(higher) == 2 * RATE
    assert frequency(higher) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.005)


@pytest.mark.parametrize("samples", [1, 100, 511, 513])
@pytest.mark.parametrize("made", [Tempo(factor=1.5), Pitch(), Speed()])
def test_a_wave_that_is_shorter_than_a_frame_is_changed_too(random, tone, made, samples):
    pytest.importorskip("librosa")
    assert 1 <= len(made(tone()[:samples], random)) <= samples


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Speed(factor=3), "factor is 3, but must be from 0.5 to 2"),
        (lambda: Tempo(factor=1.0), "factor is 1, which changes nothing"),
        (lambda: Pitch(semitones=13), "semitones is 13, but must be from -12 to 12"),
        (lambda: Pitch(semitones=0.0), "semitones is 0, which changes nothing"),
    ],
)
def test_values_out_of_range_are_refused(make, words):
    with pytest.raises(BadParameter, match=words):
        make()
