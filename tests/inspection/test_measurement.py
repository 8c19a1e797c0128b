"""What is measured in a file."""

import numpy as np
import pytest
import soundfile

from serbench.errors import BadParameter
from serbench.inspection import measurement

RATE = 16_000


def _one(path):
    return measurement.measure([path], 0)[path]


def test_level_length_and_form_are_measured(tmp_path):
    seconds = np.arange(2 * RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds)
    silence = np.zeros(RATE)
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.concatenate([silence, tone, silence]), RATE)
    file = _one(path)
    # half of full scale, without the silence at both ends
    assert file.level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.3)
    assert (file.seconds, file.rate, file.channels) == (4.0, RATE, 1)
    assert file.fault == ""


def test_a_file_that_is_gone_is_unreadable(tmp_path):
    file = _one(tmp_path / "gone.wav")
    assert file.fault == "unreadable"
    assert "cannot read" in file.message
    assert file.level == -np.inf


@pytest.mark.parametrize("bits", ["PCM_16", "PCM_U8", "ULAW", "FLOAT"])
def test_only_a_waveform_that_is_cut_off_is_clipped(tmp_path, bits):
    rng = np.random.default_rng(0)
    speech = np.convolve(rng.standard_normal(RATE), np.hanning(16), "same")
    speech *= 0.9 / np.abs(speech).max()
    for name, samples in (("whole", speech), ("cut", 0.5 * np.clip(2 * speech, -0.9, 0.9))):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype=bits)
    assert _one(tmp_path / "whole.wav").clipped == 0
    assert _one(tmp_path / "cut.wav").clipped > 100


def test_a_negative_number_of_processes_is_refused():
    with pytest.raises(BadParameter, match="jobs is -1, but must be 0 or more"):
        measurement.measure([], -1)
