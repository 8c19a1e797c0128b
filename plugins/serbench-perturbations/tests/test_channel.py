import numpy as np
import pytest
import soundfile

from serbench import BadParameter, MissingRequirement
from serbench_perturbations.channel import FORMATS, Codec, Telephone


@pytest.mark.parametrize(
    ("frequency", "lowest", "highest"),
    [
        (75, -100, -44),  # two octaves below the band: 24 dB each
        (150, -28, -22),
        (300, -3.5, -2.5),
        (600, -0.5, 0.5),
        (1000, -0.5, 0.5),
        (2400, -0.5, 0.5),
        (3400, -3.5, -2.5),
        (5000, -200, -60),
        (7000, -200, -60),
    ],
)
def test_a_telephone_has_a_band(random, tone, level, frequency, lowest, highest):
    wave = tone(frequency)
    heard = Telephone()(wave, random)
    assert len(heard) == len(wave)
    assert lowest <= level(heard) - level(wave) <= highest


def test_companding_adds_noise_38_db_below_the_speech(random, tone):
    wave = tone(1013)
    plain = Telephone()(wave, random)
    for law in ("mu-law", "a-law"):
        noise = Telephone(codec=law)(wave, random) - plain
        ratio = 10 * np.log10(np.mean(plain**2) / np.mean(noise**2))
        assert 34 < ratio < 42  # 8 bits of G.711


@pytest.mark.parametrize("name", FORMATS)
def test_a_codec_is_lossy_aligned_and_repeatable(random, name):
    cycles = 300 * np.arange(32_000) / 16_000 + 500 * (np.arange(32_000) / 16_000) ** 2
    wave = (0.1 * np.sin(2 * np.pi * cycles)).astype(np.float32)  # a sweep from 300 to 2300 Hz
    coded = Codec(format=name)(wave, random)
    assert len(coded) == len(wave)
    assert coded.dtype == np.float32
    assert not np.array_equal(coded, wave)
    np.testing.assert_array_equal(coded, Codec(format=name)(wave, random))
    likeness = np.correlate(coded, wave[2000:-2000])  # (4001,), in the middle if aligned
    assert abs(int(np.argmax(likeness)) - 2000) <= 1  # samples
    assert 10 * np.log10(np.mean(wave**2) / np.mean((coded - wave) ** 2)) > 10


@pytest.mark.parametrize(("name", "low", "high"), [("mp3", 8, 64), ("opus", 6, 64)])
def test_a_higher_bitrate_loses_less(random, name, low, high):
    wave = 0.1 * random.standard_normal(32_000).astype(np.float32)
    errors = [
        np.mean((Codec(format=name, bitrate=rate)(wave, random) - wave) ** 2)
        for rate in (low, high)
    ]
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize("bitrate", [8, 32, 160])
def test_an_mp3_has_the_bitrate_that_is_asked_for(random, bitrate, tone, monkeypatch):
    sizes = []
    write = soundfile.write

    def measured(file, *words, **options):
        write(file, *words, **options)
        sizes.append(len(file.getvalue()))

    monkeypatch.setattr(soundfile, "write", measured)
    Codec(bitrate=bitrate)(tone(seconds=20), random)
    assert sizes[0] * 8 / 20 / 1000 == pytest.approx(bitrate, rel=0.02)


def test_better_vorbis_loses_less(random):
    wave = 0.1 * random.standard_normal(32_000).astype(np.float32)
    errors = [
        np.mean((Codec(format="vorbis", quality=quality)(wave, random) - wave) ** 2)
        for quality in (0.0, 0.9)
    ]
    assert errors[1] < errors[0] / 2


def test_what_is_louder_than_full_scale_is_clipped(random, tone):
    coded = Codec(format="mu-law").transcode(tone(500, amplitude=3.0))
    assert 0.97 < np.abs(coded).max() <= 1


def test_a_codec_that_libsndfile_lacks_is_a_line(monkeypatch):
    monkeypatch.setattr(soundfile, "available_subtypes", lambda container: {})
    words = r"libsndfile [\d.]+ does not write mp3: pip install --upgrade soundfile"
    with pytest.raises(MissingRequirement, match=words):
        Codec()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"bitrate": 33}, "bitrate of mp3 is 33, but must be one of 8, 16, 24, 32, 40"),
        ({"format": "opus", "bitrate": 5}, "bitrate of opus is 5, but must be from 6 to 256"),
        (
            {"format": "gsm", "bitrate": 13},
            "the bitrate of gsm cannot be set; that of mp3 and opus can",
        ),
        ({"quality": 0.5}, "the quality of mp3 cannot be set; that of vorbis can"),
        ({"format": "vorbis", "quality": 2.0}, "quality is 2, but must be from 0 to 1"),
    ],
)
def test_values_out_of_range_are_refused(params, words):
    with pytest.raises(BadParameter, match=words):
        Codec(**params)
