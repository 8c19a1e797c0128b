"""The page of a corpus in a browser: every section is there, and audio plays."""

import numpy as np
import pytest
import soundfile

from serbench.contracts import About
from serbench.corpus import Utterance
from serbench.inspection.description import CorpusDescription, Measurement
from serbench.report.corpus.page import write_corpus_page

pytestmark = pytest.mark.browser

HOSTILE = "</script><img src=x onerror=alert(1)>"
LABELS = ("calm", HOSTILE)
SECTIONS = ("labels", "matrix", "lengths", "levels", "examples", "tables", "about")


@pytest.fixture
def text(tmp_path):
    """The page of a corpus of hostile names, beside its audio in the folder that `see` opens."""
    measurements = []
    rng = np.random.default_rng(0)
    for speaker in (HOSTILE, "second", "third"):
        for label in LABELS:
            for take in range(4):
                path = tmp_path / f"{len(measurements)}.wav"
                wave = 0.1 * rng.standard_normal(8000 + 2000 * take)
                soundfile.write(path, wave, 16_000)
                name = f"{len(measurements)} {HOSTILE}"
                utterance = Utterance(name, speaker, label, path, "female")
                seconds, level = len(wave) / 16_000, -20.0 - take
                measurements.append(Measurement(utterance, seconds, level, 16_000))
    about = About(HOSTILE, HOSTILE, "-", "-", "-", "-")
    described = CorpusDescription("my", "raw", LABELS, about, tuple(measurements))
    return write_corpus_page(described, tmp_path / "report", 2).read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_sees_every_section_and_nothing_goes_wrong(see, text, scheme):
    seen = see(text, scheme=scheme)
    for section in SECTIONS:
        part = seen.page.locator(f"#{section}")
        part.scroll_into_view_if_needed()
        assert part.locator("h2").is_visible()
    charts = seen.page.locator(".chart")
    assert charts.count() == 6
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        chart.locator("canvas").first.wait_for()
    pictures = seen.page.locator("#examples img")
    assert pictures.evaluate_all("(all) => all.map((one) => one.naturalHeight)") == [64] * 4
    assert HOSTILE in seen.page.locator("#licence").inner_text()
    assert not seen.said
    assert not seen.page.evaluate("window.violations")


def test_audio_beside_the_page_plays(see, text):
    seen = see(text)
    player = seen.page.locator("#examples audio").first
    player.evaluate("(audio) => audio.play()")
    seen.page.wait_for_function("() => document.querySelector('#examples audio').currentTime > 0")
    assert not seen.page.evaluate("window.violations")
    asked = [address for address in seen.asked if not address.startswith("data:")]
    assert [address.rpartition("report/")[2] for address in asked] == [
        "index.html",
        "audio/01-01.flac",
    ]
