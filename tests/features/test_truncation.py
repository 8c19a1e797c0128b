"""Files that were cut off are refused; those of which nobody can tell are read."""

import numpy as np
import pytest
import soundfile

from serbench.errors import CorpusError
from serbench.features import audio, truncation

FORMATS = [
    *("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "SVX"),
    *("FLAC", "MP3", "OGG"),
]
CODECS = [
    *((form, None) for form in FORMATS),
    ("OGG", "OPUS"),
    ("WAV", "GSM610"),
    ("AIFF", "ULAW"),
    ("W64", "MS_ADPCM"),
    ("CAF", "ALAC_16"),
]


def _noise(seconds=2.0):
    return np.random.default_rng(0).standard_normal(int(16_000 * seconds)) / 10


def _written(path, form, subtype=None, seconds=2.0):
    soundfile.write(path, _noise(seconds), 16_000, format=form, subtype=subtype)
    return path.read_bytes()


@pytest.mark.parametrize(("form", "subtype"), CODECS)
def test_whole_files_of_every_length_are_read(tmp_path, form, subtype):
    for seconds in (0.01, 0.1, 1.0, 3.7):
        _written(tmp_path / "a", form, subtype, seconds)
        samples, _ = audio.decode(tmp_path / "a")
        assert len(samples) >= int(16_000 * seconds)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9])
@pytest.mark.parametrize(("form", "subtype"), CODECS)
def test_what_is_left_of_a_file_is_refused(tmp_path, form, subtype, kept):
    content = _written(tmp_path / "a", form, subtype)
    (tmp_path / "a").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CorpusError, match="cut off") as caught:
        audio.decode(tmp_path / "a")
    assert f"{tmp_path / 'a'}" in str(caught.value)
    assert str(caught.value).endswith("; get this file again, nothing was trained")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("AIFF", "is cut off: it has 32027 of 64054 bytes;"),
        ("AU", "is cut off: it has 32012 of 64024 bytes;"),
        ("RF64", "is cut off: it has 32052 of 64104 bytes;"),
        ("OGG", r"is cut off: its last page has \d+ of \d+ bytes;"),
        ("MP3", r"is cut off: it has \d+ of \d+ bytes;"),
        ("FLAC", r"it is cut off or damaged \(flac decoder lost sync\);"),
    ],
)
def test_the_line_says_how_much_is_there(tmp_path, form, words):
    content = _written(tmp_path / "a", form)
    (tmp_path / "a").write_bytes(content[: len(content) // 2])
    with pytest.raises(CorpusError, match=words):
        audio.decode(tmp_path / "a")


def test_a_flac_cut_between_two_frames_has_too_few_samples(tmp_path):
    content = _written(tmp_path / "a", "FLAC")
    starts = [at for at in range(42, len(content) - 4) if content[at : at + 2] == b"\xff\xf8"]
    refusals = []
    for at in starts:
        (tmp_path / "a").write_bytes(content[:at])
        with pytest.raises(CorpusError) as caught:
            audio.decode(tmp_path / "a")
        refusals.append(str(caught.value))
    whole_frames = [one for one in refusals if "of 32000 samples; get this file again" in one]
    assert len(whole_frames) > 5


@pytest.mark.parametrize(
    ("form", "size", "width"),
    [
        ("WAV", b"data", 4),
        ("AIFF", b"SSND", 4),
        ("AU", b".snd\x00\x00\x00\x18", 4),
        ("W64", truncation._GUID, 8),
    ],
)
def test_a_file_whose_length_was_not_known_when_it_was_written_is_whole(
    tmp_path, form, size, width
):
    content = _written(tmp_path / "a", form)
    at = content.index(size) + len(size)
    (tmp_path / "a").write_bytes(content[:at] + b"\xff" * width + content[at + width :])
    assert truncation.inspect(tmp_path / "a") == truncation.Inspection()


def test_a_size_that_is_too_large_by_a_header_is_no_cut(tmp_path):
    content = bytearray(_written(tmp_path / "a", "WAV"))
    content[40:44] = (64_000 + 44).to_bytes(4, "little")
    (tmp_path / "a").write_bytes(content)
    assert len(audio.decode(tmp_path / "a")[0]) == 32_000


def test_chunks_after_the_samples_may_be_missing(tmp_path):
    content = bytearray(_written(tmp_path / "a", "WAV"))
    content[4:8] = (len(content) + 5000).to_bytes(4, "little")
    (tmp_path / "a").write_bytes(content)
    assert len(audio.decode(tmp_path / "a")[0]) == 32_000


def _headless_mp3(path):
    """An MP3 whose first frame, which tells its length, was taken away."""
    soundfile.write(
        path, _noise(), 16_000, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5
    )
    content = path.read_bytes()
    second = content.index(content[:2], 4)
    path.write_bytes(content[second:])
    return content[second:]


def test_the_frames_of_an_mp3_without_a_header_are_counted(tmp_path):
    content = _headless_mp3(tmp_path / "a.mp3")
    whole = truncation.inspect(tmp_path / "a.mp3")
    assert (whole.cut, whole.samples) == ("", len(audio.decode(tmp_path / "a.mp3")[0]))
    (tmp_path / "a.mp3").write_bytes(content[:-20])
    with pytest.raises(CorpusError, match=r"is cut off: its last frame has \d+ of \d+ bytes"):
        audio.decode(tmp_path / "a.mp3")
    (tmp_path / "a.mp3").write_bytes(content + b"TAG" + bytes(125))
    assert not truncation.inspect(tmp_path / "a.mp3").cut


def test_an_mp3_that_libsndfile_stops_reading_too_early_is_refused(tmp_path):
    """Without a header libsndfile guesses its length, wrongly where the bit rate changes."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, _noise(), 16_000, format="MP3", bitrate_mode="VARIABLE")
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 4) :])
    with pytest.raises(
        CorpusError, match=r"has no header with its length, and only \d+ of its \d+ samples"
    ):
        audio.decode(path)
