import numpy as np
import pytest

from serbench.errors import BadParameter
from serbench_rivals.short_term import DESCRIPTORS, ShortTerm, descriptors


def tone(hertz, samples=8000, level=0.3):
    return level * np.sin(2 * np.pi * hertz * np.arange(samples) / 16000)


def of(wave, name, length=800):
    return descriptors(wave, length)[:-1, DESCRIPTORS.index(name)]


def test_there_are_34_descriptors_and_a_name_for_every_column():
    extract = ShortTerm(window_ms="25,100")
    (views,) = extract([tone(440).astype(np.float32)])
    assert len(DESCRIPTORS) == 34
    assert views.shape == (2, len(extract.names))
    assert views.dtype == np.float32
    assert extract.names[34 + 2] == "energy_entropy.deviation"


def test_descriptors_of_a_tone_are_what_its_formula_says():
    wave = tone(1000)
    assert of(wave, "zero_crossings") == pytest.approx(2000 / 16000, rel=0.02)
    assert of(wave, "energy") == pytest.approx(0.3**2 / 2, rel=0.01)
    assert of(wave, "centroid") == pytest.approx(1000 / 8000, rel=0.05)
    assert of(wave, "energy_entropy") == pytest.approx(np.log2(10), rel=0.01)
    assert of(wave, "spectral_entropy").max() < 0.2
    assert of(wave, "flux").max() < 1e-3
    assert of(wave, "rolloff") == pytest.approx(1000 / 8000, abs=0.01)


def test_chroma_of_an_octave_are_the_same_and_name_the_pitch():
    low, high = (descriptors(tone(hertz), 3200)[:-1, 21:33].mean(axis=0) for hertz in (220, 440))
    assert low.argmax() == high.argmax() == 0  # A
    assert high.max() > 0.9


def test_the_first_cepstral_coefficients_follow_loudness():
    noise = np.random.default_rng(0).normal(size=8000)
    quiet, loud = (of(level * noise, "mfcc01") for level in (0.01, 0.1))
    # ten times as loud is 1 more in each of 26 logarithms, in an orthonormal transform
    assert (loud - quiet).mean() == pytest.approx(26**0.5, rel=0.05)


@pytest.mark.parametrize("samples", [1, 100, 1600])
def test_silent_and_short_waves_have_values(samples):
    (views,) = ShortTerm()([np.zeros(samples, np.float32)])
    assert views.shape == (4, 170)
    assert np.isfinite(views).all()


@pytest.mark.parametrize("given", ["", "25,x", "5", "2000", "nan"])
def test_lengths_that_cannot_be_are_refused(given):
    with pytest.raises(BadParameter, match="must be milliseconds from 20 to 1000, separated by"):
        ShortTerm(window_ms=given)


def test_one_length_may_be_a_number():
    assert ShortTerm(window_ms=25)([tone(300).astype(np.float32)])[0].shape == (1, 170)
