import librosa
import numpy as np
import pytest
import soundfile

from serbench.errors import CorpusError
from serbench.features import audio
from serbench.features.audio import Reading

RNG = np.random.default_rng(0)


def _bursts(length, rng):
    """Noise that swells and fades, so that there is something to trim."""
    envelope = np.exp(-np.abs(np.linspace(-1, 1, length)) * rng.uniform(1, 20))
    loud = 10 ** rng.uniform(-6, 0)
    return (rng.standard_normal(length) * envelope * loud).astype(np.float32)


@pytest.mark.parametrize("top_db", [60, 30])
def test_trimming_equals_librosas_to_the_sample(top_db):
    for length in RNG.integers(1, 40_000, 100):
        wave = _bursts(int(length), RNG)
        expected, _ = librosa.effects.trim(wave, top_db=top_db)
        np.testing.assert_array_equal(audio.trimmed(wave, top_db), expected)


def test_reading_a_48_khz_file_equals_librosas_default(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, _bursts(48_000, RNG), 48_000, subtype="PCM_16")
    expected, _ = librosa.effects.trim(librosa.load(path, sr=16_000)[0])
    np.testing.assert_array_equal(audio.read(path), expected)


def test_stereo_with_unlike_channels_is_mixed_down(tmp_path):
    left, right = np.full(16_000, 0.5), np.full(16_000, -0.1)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16_000, subtype="PCM_16")
    wave = audio.read(tmp_path / "a.wav", Reading(trim_db=None))
    assert wave.shape == (16_000,)
    np.testing.assert_allclose(wave, 0.2, atol=1e-4)


def test_a_silent_utterance_is_kept_whole(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 16_000, subtype="PCM_16")
    wave = audio.read(tmp_path / "a.wav")
    assert wave.shape == (8000,)
    assert not wave.any()


def test_a_single_sample_is_kept(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(1, 0.5), 16_000, subtype="PCM_16")
    assert audio.read(tmp_path / "a.wav").shape == (1,)


def test_flac_and_wav_have_one_digest_and_one_changed_sample_another(tmp_path):
    samples = (RNG.standard_normal(4000) * 3000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="PCM_16")
    soundfile.write(tmp_path / "a.flac", samples, 16_000, subtype="PCM_16")
    samples[7] += 1
    soundfile.write(tmp_path / "b.wav", samples, 16_000, subtype="PCM_16")
    soundfile.write(tmp_path / "c.wav", samples, 22_050, subtype="PCM_16")
    digests = [
        audio.samples_digest(*audio.decode(tmp_path / name))
        for name in ("a.wav", "a.flac", "b.wav", "c.wav")
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_24_bit_file_is_read_like_its_floats(tmp_path):
    wave = _bursts(16_000, RNG) / 10
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="PCM_24")
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav", Reading(None)), wave, atol=1e-6)


def _write_garbage(path):
    path.write_bytes(b"RIFF no audio at all")


def _write_stub(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 72862\n")


def _write_nothing(path):
    path.write_bytes(b"")


def _write_huge(path):
    soundfile.write(path, np.full(100, 2e19), 16_000, subtype="FLOAT")


def _write_one_sample(path):
    soundfile.write(path, np.full(1, 0.5), 48_000, subtype="PCM_16")


def _write_slow(path):
    soundfile.write(path, np.full(100, 0.5), 999, subtype="PCM_16")


def _write_long(path):
    soundfile.write(path, np.full(61_000, 0.5), 1000, subtype="PCM_16")


def _write_upside_down(path):
    wave = _bursts(16_000, np.random.default_rng(1)) / 10
    soundfile.write(path, np.stack([wave, -wave], axis=1), 16_000, subtype="PCM_16")


def _write_no_samples(path):
    soundfile.write(path, np.zeros(0), 16_000, subtype="PCM_16")


def _write_nan(path):
    soundfile.write(path, np.full(100, np.nan), 16_000, subtype="FLOAT")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (_write_garbage, "get this file again"),
        (_write_stub, "git lfs pull"),
        (_write_nothing, "it is empty"),
        (_write_no_samples, "holds no samples"),
        (_write_nan, "contains NaN or infinite samples"),
        (
            _write_huge,
            r"contains samples of up to 2e\+19, but they must be between -1 and 1, or between "
            r"-2\^31 and 2\^31 if integers were stored as floats; get this file again",
        ),
        (
            _write_one_sample,
            "holds 1 sample at 48000 Hz, less than one at 16000 Hz; get this file again",
        ),
        (_write_slow, "has a sampling rate of 999 Hz, too low for speech; get this file again"),
        (
            _write_long,
            "lasts 1 min 1 s, but an utterance must not last longer than 60 s: cut it into parts",
        ),
        (
            _write_upside_down,
            "cancel each other: one is the other inverted, and their mean is silent; keep one "
            "of them, for example with `sox IN OUT remix 1`",
        ),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: None, "it is gone"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_remedy(tmp_path, write, words):
    path = tmp_path / "a.wav"
    write(path)
    with pytest.raises(CorpusError, match=words) as caught:
        audio.decode(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def _decoded(path):
    return audio.Decoded(str(path), audio.stamp(path), "digest", "short")


def test_digests_are_remembered_until_the_file_changes(tmp_path):
    path = tmp_path / "corpus" / "a.wav"
    path.parent.mkdir()
    path.write_bytes(b"one")
    remembered = audio.Digests(tmp_path, path.parent)
    assert remembered.digest(path) is None
    remembered.add([_decoded(path)])
    assert audio.Digests(tmp_path, path.parent).digest(path) == "digest"
    assert audio.Digests(tmp_path, path.parent).oddity(path) == "short"
    path.write_bytes(b"two")
    assert audio.Digests(tmp_path, path.parent).digest(path) is None


def test_a_broken_memory_of_digests_is_forgotten(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    remembered = audio.Digests(tmp_path, tmp_path)
    remembered.add([_decoded(path)])
    next((tmp_path / "audio").iterdir()).write_text("{half")
    assert audio.Digests(tmp_path, tmp_path).digest(path) is None


@pytest.mark.parametrize("words", ["[]", "null", "5", '{"a.wav": 5}', '{"a.wav": [[1, 2, 3]]}'])
def test_digests_that_were_damaged_are_worked_out_again(tmp_path, words):
    path = tmp_path / "a.wav"
    path.write_bytes(b"audio")
    audio.Digests(tmp_path, tmp_path).add([_decoded(path)])
    (file,) = (tmp_path / "audio").iterdir()
    file.write_text(words)
    remembered = audio.Digests(tmp_path, tmp_path)
    assert remembered.digest(path) is None
    remembered.add([_decoded(path)])
    assert audio.Digests(tmp_path, tmp_path).digest(path) == "digest"


@pytest.mark.parametrize("ending", ["au", "snd", "gsm", "vox", "raw"])
def test_a_file_without_a_header_is_refused_though_its_ending_stands_for_a_codec(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(bytes(range(1, 200)))
    with pytest.raises(CorpusError, match=r"no header with codec and rate: write it as wav"):
        audio.decode(path)
    _write_stub(path)
    with pytest.raises(CorpusError, match="git lfs pull"):
        audio.decode(path)


def _tone(rate=16_000, seconds=3.0):
    time = np.arange(int(rate * seconds)) / rate
    noise = np.random.default_rng(2).standard_normal(len(time)) / 100
    return np.sin(2 * np.pi * 200 * time) / 3 + noise


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        *(("WAV", "GSM610"), ("AIFF", "GSM610"), ("W64", "GSM610"), ("AU", "G721_32")),
        *(("AU", "G723_24"), ("WAV", "NMS_ADPCM_32"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM")),
        *(("WAV", "ULAW"), ("NIST", "ALAW"), ("WAV", "PCM_U8"), ("CAF", "PCM_24")),
        *(("WAV", "DOUBLE"), ("AIFF", "FLOAT"), ("CAF", "ALAC_24")),
    ],
)
def test_telephone_codecs_and_all_depths_are_read(tmp_path, form, subtype):
    wave = _tone(8000)
    soundfile.write(tmp_path / "a", wave, 8000, format=form, subtype=subtype)
    samples, rate = audio.decode(tmp_path / "a")
    assert rate == 8000
    assert 0 <= len(samples) - len(wave) < 1100  # the last block of a codec is filled up
    assert np.corrcoef(samples[: len(wave), 0], wave)[0, 1] > 0.97


def test_a_long_file_is_read_in_blocks(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", _tone(8000), 8000, subtype="GSM610")
    whole, _ = audio.decode(tmp_path / "a.wav")
    monkeypatch.setattr(audio, "BLOCK", 1000)
    np.testing.assert_array_equal(audio.decode(tmp_path / "a.wav")[0], whole)


def test_a_flac_of_unknown_length_is_read(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, _tone(), 16_000)
    whole, _ = audio.decode(path)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # of STREAMINFO: the number of samples, 36 bits
    content[22:26] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_array_equal(audio.decode(path)[0], whole)


def test_an_infinite_sample_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0, -np.inf, 0]), 16_000, subtype="DOUBLE")
    with pytest.raises(CorpusError, match="NaN or infinite"):
        audio.decode(tmp_path / "a.wav")


def test_integers_stored_as_floats_are_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", _tone() * 2**31, 16_000, subtype="FLOAT")
    assert np.isfinite(audio.read(tmp_path / "a.wav")).all()
    assert audio.oddity(*audio.decode(tmp_path / "a.wav")) == "loud"


def test_unlike_channels_do_not_cancel(tmp_path):
    left, right = np.random.default_rng(3).standard_normal((2, 16_000)) / 10
    for at, channels in enumerate(
        [(left, right), (left, left), (left, 0 * left), (0 * left, 0 * left), (left, -0.9 * left)]
    ):
        soundfile.write(tmp_path / f"{at}.wav", np.stack(channels, axis=1), 16_000)
        audio.decode(tmp_path / f"{at}.wav")


@pytest.mark.parametrize("length", [2, 20])
def test_few_opposite_samples_cancel_too(tmp_path, length):
    wave = np.random.default_rng(4).standard_normal(length) / 10
    soundfile.write(tmp_path / "a.wav", np.stack([wave, -wave], axis=1), 16_000)
    with pytest.raises(CorpusError, match="cancel each other"):
        audio.decode(tmp_path / "a.wav")


def test_opposite_channels_cancel_whatever_their_offset(tmp_path):
    wave = _tone()
    soundfile.write(tmp_path / "a.wav", np.stack([wave, -wave], axis=1) + 0.1, 16_000)
    with pytest.raises(CorpusError, match="cancel each other"):
        audio.decode(tmp_path / "a.wav")


def test_192_khz_and_many_channels_are_read(tmp_path):
    wave = np.repeat(_tone(192_000, 0.5)[:, None], 64, axis=1)
    soundfile.write(tmp_path / "a.wav", wave, 192_000)
    assert audio.read(tmp_path / "a.wav", Reading(None)).shape == (8000,)


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(16_000, np.int16), 16_000, "silent"),
        (np.full(16_000, 700, np.int16), 16_000, "silent"),
        (np.array([0, 3] * 800, np.int16), 16_000, "silent"),
        (np.array([0, 4] * 800, np.int16), 16_000, ""),
        (np.full(16_000, 1e-9), 16_000, "silent"),
        (np.arange(5, dtype=np.int16), 16_000, "short"),
        (np.arange(1599, dtype=np.int16), 16_000, "short"),
        (np.arange(1600, dtype=np.int16), 16_000, ""),
        (np.linspace(-17, 0, 1600), 16_000, "loud"),
    ],
)
def test_odd_samples_are_noticed(samples, rate, words):
    assert audio.oddity(samples[:, None], rate) == words


def test_remarks_name_three_utterances_and_count_the_others():
    assert audio.remarks({"a": "silent", "b": "", **dict.fromkeys("cdefg", "short")}) == [
        "1 utterance is silent (no two samples differ by more than 3 of 32768 steps): a",
        "5 utterances are shorter than 0.1 s: c, d, e and 2 more",
    ]
