"""The page without a browser: what goes in comes out again, and nothing of it can run.

What a reader sees and does is in tests/browser.
"""

import base64
import doctest
import hashlib
import json
import re
import shlex
import wave
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from serbench.errors import BadParameter, SerbenchError
from serbench.metrics import classification
from serbench.report import analysis, sections
from serbench.report.figures import colours, style
from serbench.report.page import audio, data, html, run_details, utterances
from serbench.report.page.html import json_in_html, page

HOSTILE = "<script>alert(1)</script>"
QUOTES = "a\"b'c</script><img src=x onerror=alert(2)>"


class Parts(HTMLParser):
    """Every element of a page with its attributes, and the text of scripts and styles."""

    def __init__(self):
        super().__init__()
        self.elements, self.texts, self.open = [], [], None

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open = (tag, dict(attributes))

    def handle_data(self, data):
        if self.open and self.open[0] in ("script", "style"):
            self.texts.append((*self.open, data))

    def handle_endtag(self, tag):
        self.open = None

    def policy(self):
        return next(
            attributes["content"]
            for tag, attributes in self.elements
            if attributes.get("http-equiv") == "Content-Security-Policy"
        )

    def contents(self):
        text = next(text for _, attributes, text in self.texts if "type" in attributes)
        return json.loads(text)


def parts(text):
    read = Parts()
    read.feed(text)
    return read


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.fixture(scope="module")
def run(invented):
    return invented()


@pytest.fixture(scope="module")
def shown(run):
    return parts(page([run])).contents()


def test_the_page_is_the_same_for_the_same_runs(run, invented):
    assert page([run]) == page([invented()])


def test_every_script_and_style_is_named_in_the_policy(run):
    read = parts(page([run]))
    policy = read.policy()
    for tag, attributes, text in read.texts:
        if attributes.get("type") == "application/json":
            continue
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        kind = "script-src" if tag == "script" else "style-src"
        allowed = re.search(rf"{kind} ([^;]*)", policy)[1]
        assert f"'sha256-{digest}'" in allowed.split(), f"{tag} is not allowed"
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_the_page_asks_for_nothing_from_anywhere(run):
    read = parts(page([run]))
    asked = {
        attributes[key]
        for _, attributes in read.elements
        for key in ("src", "href", "action", "srcset")
        if key in attributes
    }
    assert all(address.startswith(("#", "data:")) for address in asked), asked


def test_no_handler_and_no_style_stands_in_the_markup(run):
    for tag, attributes in parts(page([run])).elements:
        inline = [key for key in attributes if key.startswith("on") or key == "style"]
        assert not inline, (tag, inline)


def test_our_scripts_never_make_markup_of_text():
    for name in html.SCRIPTS:
        script = html.asset(name)
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in script, f"{name} uses {way}"
        assert "Function(" not in script, name


def test_the_charting_library_is_the_published_file():
    digest = hashlib.sha256(html.asset(html.LIBRARY).encode()).hexdigest()
    assert digest == "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"


def test_assets_have_the_line_ends_that_browsers_hash():
    for name in (*html.SCRIPTS, html.LIBRARY, "page.css", "page.html"):
        assert "\r" not in html.asset(name), name


def test_names_and_ids_are_data_whatever_they_are(invented):
    run = invented(
        name=HOSTILE,
        ids=QUOTES + "{number}",
        speaker=HOSTILE + "{0}",
        labels=(HOSTILE, "[[script]]", "a&amp;b", "\u2028\u2029"),
        config={"model": HOSTILE, "dataset": QUOTES},
        versions={HOSTILE: HOSTILE},
    )
    text = page([run])
    plain = page([invented()])
    assert "alert(1)</script>" not in text
    assert [tag for tag, _ in parts(text).elements] == [tag for tag, _ in parts(plain).elements]
    contents = parts(text).contents()
    assert contents["runs"][0]["labels"][0] == HOSTILE
    assert contents["utterances"]["ids"][0] == f"{QUOTES}0"
    assert contents["utterances"]["speakers"][0] == f"{HOSTILE}0"


def test_json_in_a_page_holds_none_of_the_signs_that_end_it():
    text = json_in_html({"<!--": "</script>&\u2028\u2029\ud800"})
    assert not set("<>&\u2028\u2029\ud800") & set(text)
    assert json.loads(text) == {"<!--": "</script>&\u2028\u2029\ud800"}


def test_a_page_is_utf_8_even_where_a_fact_is_half_a_character(invented):
    page([invented(versions={"half": "\ud800"})]).encode()


def test_every_utterance_comes_back_as_it_was(run, shown):
    given = analysis.predictions(run)
    data = shown["runs"][0]
    register = shown["utterances"]
    for position, fold in enumerate(run.folds):
        packed = data["folds"][position]
        at = numbers(packed["at"], "<u4")
        speakers = numbers(register["speaker"], "<u4")[at]
        assert tuple(register["ids"][place] for place in at) == fold.test.ids
        assert tuple(register["speakers"][place] for place in speakers) == fold.test.speakers
        assert numbers(packed["truth"], "u1").tolist() == fold.test.truth.tolist()
        predicted = classification.predicted(fold.test.activations)
        assert numbers(packed["prediction"], "u1").tolist() == predicted.tolist()
        scores = (
            numbers(packed["scores"], "<u2").reshape(-1, len(fold.facts.labels)) / shown["score"]
        )
        exact = given.probabilities[given.fold == position]
        assert np.abs(scores - exact).max() <= 0.5 / shown["score"] + 1e-12


def test_points_keep_their_shape(run, shown):
    points = numbers(shown["runs"][0]["folds"][1]["points"], "<i2").reshape(-1, 2)
    exact = analysis.pca(run, 1).points
    assert np.abs(points / 32767 * np.abs(exact).max() - exact).max() < 1e-3


def test_mistakes_are_in_the_order_of_the_tables(run, shown):
    given = analysis.predictions(run)
    order = numbers(shown["runs"][0]["surest"], "<u4")
    wrong = [given.ids[at] for at in order if given.truth[at] != given.prediction[at]]
    assert wrong == [mistake.utterance for mistake in analysis.mistakes(run)]
    assert sorted(order) == list(range(len(given.ids)))


def test_an_utterance_of_several_runs_is_named_once(run, invented):
    other = invented(name="toy_invented_paper_seed1_2", seed=1)
    contents = parts(page([run, other])).contents()
    assert len(contents["utterances"]["ids"]) == 48
    assert [data["title"] for data in contents["runs"]] == ["invented, seed 0", "invented, seed 1"]


def test_runs_that_cannot_be_compared_have_tables_of_their_own(run, invented):
    other = invented(name="b", config={"dataset": "ravdess", "protocol": "paper"})
    contents = parts(page([run, other])).contents()
    assert [len(section["published"]) for section in contents["sections"]] == [0, 2]
    assert [data["section"] for data in contents["runs"]] == [0, 1]
    rows = contents["sections"][1]["scores"]["rows"]
    assert rows[-2][0].startswith("the paper, M1")
    assert rows[-2][3] == "34.83 ± 2.80"


def test_activations_that_are_all_the_same_are_shown(invented):
    run = invented(link="identity")
    for fold in run.folds:
        fold.test.activations[:] = 0.25
    fold = parts(page([run])).contents()["runs"][0]["folds"][0]
    assert fold["explained"] == [None, None]
    assert not numbers(fold["points"], "<i2").any()


def test_a_label_that_is_never_true_has_no_box(invented):
    run = invented(labels=("a", "b", "c", "d"))
    for fold in run.folds:
        fold.test.truth[fold.test.truth == 3] = 0
    boxes = parts(page([run])).contents()["runs"][0]["boxes"]
    assert [box["five"] is None for box in boxes] == [False, False, False, True]


def test_a_report_needs_a_run():
    with pytest.raises(SerbenchError, match="a report needs at least one run: `serbench runs`"):
        page([])


def test_a_damaged_certificate_is_refused(invented):
    with pytest.raises(SerbenchError, match="leakage certificate is damaged"):
        page([invented(certificate={"schema": 1, "clean": True})])


def test_the_command_for_a_run_can_be_typed(invented):
    run = invented(name="a b", config={"params": {"word": "x; rm -rf /", "none": None, "lr": 1e-5}})
    score, evaluate = (shlex.split(line) for line in run_details.commands(run))
    assert score == ["serbench", "score", "a b"]
    assert evaluate[:4] == ["serbench", "evaluate", "--model", "invented"]
    assert evaluate[-8:-6] == ["--trim-db", "60"]
    assert evaluate[-6:] == [
        "--param",
        "word=x; rm -rf /",
        "--param",
        "none=null",
        "--param",
        "lr=1e-05",
    ]


@pytest.fixture
def corpus(tmp_path, run):
    """Half a second of audio for every utterance of the run but the first."""
    folder = tmp_path / "corpus" / "a folder"
    folder.mkdir(parents=True)
    for utterance in [utterance for fold in run.folds for utterance in fold.test.ids][1:]:
        with wave.open(str(folder / f"{utterance}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((3000 * np.sin(np.arange(4000) / 5)).astype("<i2").tobytes())
    return folder.parent


def test_audio_is_linked_relative_to_the_page(run, corpus, tmp_path):
    clips = audio.links([run], corpus, tmp_path / "reports" / "one")
    contents = parts(page([run], clips)).contents()
    ids = contents["utterances"]["ids"]
    packed = contents["clips"]
    links = {ids[int(at)]: packed["start"] + rest for at, rest in packed["rest"].items()}
    first = run.folds[0].test.ids[0]
    assert set(ids) - set(links) == {first}
    assert links["s01-001"] == "../../corpus/a%20folder/s01-001.wav"


def test_a_link_never_leaves_the_disk():
    assert audio.link(Path("javascript:alert(1).wav")) == "javascript%3Aalert%281%29.wav"
    assert audio.link(Path("/a/b#c.wav")) == "file:///a/b%23c.wav"


def test_chosen_clips_are_in_the_page_as_sound(run, corpus):
    import io

    import soundfile

    clips = audio.embedded([run], corpus, 3)
    surest = [mistake.utterance for mistake in analysis.mistakes(run)[:3]]
    assert list(clips) == surest
    packed = parts(page([run], clips)).contents()["clips"]
    assert len(packed["rest"]) == 3
    kind, _, data = (packed["start"] + packed["rest"].popitem()[1]).partition(",")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert (kind, rate, len(samples)) == ("data:audio/flac;base64", 16000, 8000)
    assert 0.08 < np.abs(samples).max() < 0.11


def test_only_files_are_clips(run, tmp_path):
    import os

    first, second, *_ = run.folds[0].test.ids
    os.mkfifo(tmp_path / f"{first}.wav")  # whoever opens it waits for its writer
    (tmp_path / f"{second}.wav").mkdir()
    with pytest.raises(SerbenchError, match="none of the 48 utterances"):
        audio.embedded([run], tmp_path, 3)


def test_a_folder_without_the_audio_is_refused(run, tmp_path):
    with pytest.raises(SerbenchError, match="none of the 48 utterances.*name the folder of their"):
        audio.links([run], tmp_path, tmp_path)


def test_clips_are_one_or_more(run, tmp_path):
    with pytest.raises(BadParameter, match="cannot embed 0 clips: at least one"):
        audio.embedded([run], tmp_path, 0)


def test_what_the_owners_allow_is_said_beside_the_audio(run, corpus, tmp_path):
    clips = audio.links([run], corpus, tmp_path)
    assert parts(page([run], clips)).contents()["licence"]
    assert not parts(page([run])).contents()["licence"]


@pytest.mark.parametrize(
    "module", [html, data, utterances, audio, analysis, colours, style, sections]
)
def test_examples_in_the_documentation_are_true(module):
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed


def test_a_page_is_small(run):
    assert len(page([run]).encode()) < 1_300_000
