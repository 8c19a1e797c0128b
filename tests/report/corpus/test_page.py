"""The page of a corpus has its distributions, and examples with pictures and audio."""

import base64
import json
import re
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from serbench.contracts import About
from serbench.corpus import Utterance
from serbench.errors import BadParameter, SerbenchError
from serbench.inspection.description import CorpusDescription, Measurement
from serbench.report.corpus import examples
from serbench.report.corpus.page import page_data, write_corpus_page

LABELS = ("calm", "</script><b>angry")
ABOUT = About("A <corpus>", "secret licence", "small", "nowhere", "-", "-")


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """Five speakers, two labels, three utterances of each; one speaker is never calm."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    measurements = []
    for speaker in range(5):
        for at, label in enumerate(LABELS):
            for take in range(3):
                path = folder / f"{speaker}{at}{take}.wav"
                wave = 0.1 * rng.standard_normal(4000 + 1000 * take)
                soundfile.write(path, wave, 16_000)
                utterance = Utterance(f"s{speaker}/{at}{take}", f"s{speaker}", label, path, "male")
                if (speaker, at) != (2, 0):
                    level = -20.0 if take else -np.inf
                    measurements.append(Measurement(utterance, len(wave) / 16_000, level, 16_000))
    return CorpusDescription("my", "raw", LABELS, ABOUT, tuple(measurements))


def _contents(page: Path):
    text = re.search(r'id="contents">(.*?)</script>', page.read_text(encoding="utf-8"))
    return json.loads(text[1])


def test_the_page_has_distributions_and_examples(described, tmp_path):
    page = write_corpus_page(described, tmp_path / "page", examples=3)
    contents = _contents(page)
    assert contents["counts"] == [[3, 3], [3, 3], [0, 3], [3, 3], [3, 3]]
    lengths, levels = contents["distributions"]
    assert sum(lengths["counts"]) == 27
    assert sum(levels["counts"]) == 18  # silence has no level
    assert lengths["labels"][0] == [0.25, 0.25, 0.3125, 0.375, 0.375]
    assert [row["name"] for row in contents["examples"]] == ["s0", "s2", "s4"]
    assert [bool(each) for each in contents["examples"][1]["examples"]] == [False, True]
    assert contents["licence"] == "secret licence"


def test_examples_are_of_median_length_with_audio_and_a_picture(described, tmp_path):
    page = write_corpus_page(described, tmp_path / "page", examples=1)
    example = _contents(page)["examples"][0]["examples"][1]
    assert example["utterance"] == "s0/11"
    written, rate = soundfile.read(page.parent / example["audio"])
    original, _ = soundfile.read(described.measurements[4].utterance.path)
    assert rate == 16_000
    np.testing.assert_allclose(written, original, atol=2e-4)
    kind, _, content = example["picture"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content).startswith(b"\x89PNG")


def test_names_are_no_markup(described, tmp_path):
    text = write_corpus_page(described, tmp_path / "page", examples=0).read_text(encoding="utf-8")
    assert "<b>angry" not in text
    assert "<corpus>" not in text


def test_only_an_earlier_page_is_replaced(described, tmp_path):
    page = write_corpus_page(described, tmp_path / "page", examples=1)
    before = page.read_bytes()
    assert write_corpus_page(described, tmp_path / "page", examples=1).read_bytes() == before
    (page.parent / "mine.txt").write_text("-")
    with pytest.raises(SerbenchError, match="mine.txt: move them away"):
        write_corpus_page(described, tmp_path / "page")
    with pytest.raises(BadParameter, match="examples is -1"):
        write_corpus_page(described, tmp_path / "other", examples=-1)


def test_a_page_without_sessions_and_sexes_leaves_their_tables_out(described):
    assert [table["head"][0] for table in page_data(described).tables] == [
        "label",
        "speaker",
        "sex",
    ]


def test_mel_spectrograms_are_those_of_librosa():
    expected = librosa.filters.mel(
        sr=16_000, n_fft=examples.FRAME, n_mels=examples.BANDS, htk=True, norm=None
    )
    np.testing.assert_allclose(examples.mel_filters(), expected, atol=1e-6)
    wave = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=16_000,
        n_fft=examples.FRAME,
        hop_length=examples.HOP,
        n_mels=examples.BANDS,
        window=np.hanning(examples.FRAME),
        pad_mode="constant",
        htk=True,
        norm=None,
    )
    levels = librosa.power_to_db(mel, ref=np.max, top_db=examples.DEPTH)
    np.testing.assert_allclose(examples.mel_levels(wave), levels, atol=1e-3)
    assert examples.mel_levels(np.zeros(10, np.float32)).shape[0] == examples.BANDS
