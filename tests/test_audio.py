import librosa
import numpy as np
import pytest
import soundfile

from serbench import audio
from serbench.audio import Reading
from serbench.errors import CorpusError

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
        (_write_nan, "no numbers"),
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


def test_digests_are_remembered_until_the_file_changes(tmp_path):
    path = tmp_path / "corpus" / "a.wav"
    path.parent.mkdir()
    path.write_bytes(b"one")
    remembered = audio.Digests(tmp_path, path.parent)
    assert remembered.known(path) is None
    remembered.remember([(path, audio.stamp(path), "digest")])
    assert audio.Digests(tmp_path, path.parent).known(path) == "digest"
    path.write_bytes(b"two")
    assert audio.Digests(tmp_path, path.parent).known(path) is None


def test_a_broken_memory_of_digests_is_forgotten(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    remembered = audio.Digests(tmp_path, tmp_path)
    remembered.remember([(path, audio.stamp(path), "digest")])
    next((tmp_path / "audio").iterdir()).write_text("{half")
    assert audio.Digests(tmp_path, tmp_path).known(path) is None


@pytest.mark.parametrize("words", ["[]", "null", "5", '{"a.wav": 5}', '{"a.wav": [[1, 2, 3]]}'])
def test_digests_that_were_damaged_are_worked_out_again(tmp_path, words):
    path = tmp_path / "a.wav"
    path.write_bytes(b"audio")
    audio.Digests(tmp_path, tmp_path).remember([(path, audio.stamp(path), "digest")])
    (file,) = (tmp_path / "audio").iterdir()
    file.write_text(words)
    remembered = audio.Digests(tmp_path, tmp_path)
    assert remembered.known(path) is None
    remembered.remember([(path, audio.stamp(path), "digest")])
    assert audio.Digests(tmp_path, tmp_path).known(path) == "digest"
