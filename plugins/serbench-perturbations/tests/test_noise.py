import numpy as np
import pytest

from serbench import BadParameter
from serbench_corpora.toy import articulation
from serbench_perturbations import babble
from serbench_perturbations.noise import Noise, active_power, pink

RATE = 16_000


def decibels(power):
    return 10 * np.log10(power)


@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 20.0])
def test_a_continuous_signal_has_the_snr_that_is_asked_for(random, tone, kind, snr):
    wave = tone(seconds=4)
    noise = Noise(snr=snr, kind=kind)(wave, random).astype(np.float64) - wave
    assert decibels(np.mean(wave.astype(np.float64) ** 2) / np.mean(noise**2)) == pytest.approx(
        snr, abs=0.1
    )


@pytest.mark.parametrize("amplitude", [0.9, 0.1, 0.001])
def test_the_active_level_of_a_continuous_tone_is_its_root_mean_square(tone, amplitude):
    level = decibels(active_power(tone(seconds=4, amplitude=amplitude)))
    assert level == pytest.approx(20 * np.log10(amplitude / np.sqrt(2)), abs=0.1)


@pytest.mark.parametrize("silence", [1.0, 3.0, 9.0])
def test_long_silence_does_not_lower_the_active_level(tone, silence):
    wave = np.pad(tone(seconds=4), round(silence * RATE))
    # 4 s of tone, and a hangover of 0.2 s plus the fall of the envelope: -0.2 to -0.4 dB
    lower = decibels(active_power(tone(seconds=4)) / active_power(wave))
    assert 0.2 < lower < 0.4
    assert decibels(np.mean(tone(seconds=4) ** 2) / np.mean(wave**2)) > 1.7


def test_a_pause_that_is_shorter_than_the_hangover_is_active(tone):
    syllable = np.concatenate([tone(seconds=0.3), np.zeros(round(0.1 * RATE), np.float32)])
    wave = np.tile(syllable, 10)
    expected = decibels(0.1**2 / 2 * 0.75)  # the mean power, pauses included
    assert decibels(active_power(wave)) == pytest.approx(expected, abs=0.15)


def test_silence_gets_no_noise(random):
    silence = np.zeros(8000, np.float32)
    assert active_power(silence) == 0
    np.testing.assert_array_equal(Noise()(silence, random), silence)


def test_an_utterance_that_is_too_short_for_an_envelope_has_its_mean_power():
    wave = np.array([0.5], np.float32)
    assert active_power(wave) == 0.25


def test_pink_noise_loses_three_decibels_an_octave(random):
    spectrum = np.abs(np.fft.rfft(pink(RATE * 60, random))) ** 2
    frequencies = np.fft.rfftfreq(RATE * 60, 1 / RATE)
    octaves = [(low, 2 * low) for low in (125, 250, 500, 1000, 2000, 4000)]
    powers = [
        decibels(spectrum[(frequencies >= low) & (frequencies < high)].mean())
        for low, high in octaves
    ]
    np.testing.assert_allclose(np.diff(powers), -3.01, atol=0.3)


def test_babble_has_the_spectrum_of_speech_and_no_gaps(random):
    noise = babble.babble(RATE * 20, random)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    frequencies = np.fft.rfftfreq(len(noise), 1 / RATE)
    low, high = (
        spectrum[(frequencies > a) & (frequencies < b)].mean()
        for a, b in ((100, 1000), (4000, 8000))
    )
    assert decibels(low / high) > 10
    frames = noise.reshape(-1, RATE // 2)
    levels = decibels(np.mean(frames**2, axis=1))
    assert np.ptp(levels) < 8  # one voice alone pauses and varies by more than 20 dB


def test_no_word_of_babble_is_a_sentence_of_toy():
    said = []
    original = babble.articulate
    try:
        babble.articulate = lambda text, *rest: said.append(text) or original(text, *rest)
        babble.voices.__wrapped__()
    finally:
        babble.articulate = original
    toy = {sentence.replace(" ", "").lower() for sentence in articulation.SENTENCES}
    assert len(set(said)) == babble.VOICES * babble.PHRASES
    assert not toy & {text.lower() for text in said}


def test_babble_differs_between_utterances(random):
    one, other = babble.babble(RATE, random), babble.babble(RATE, random)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.2


@pytest.mark.parametrize("snr", [-31, 61, float("nan")])
def test_an_impossible_snr_is_refused(snr):
    with pytest.raises(BadParameter, match=f"snr is {snr:g}, but must be from -30 to 60"):
        Noise(snr=snr)
