"""A check of a corpus that a page of TOML describes, or whose dataset cannot read it at all."""

import pytest

import serbench

pytest.importorskip("serbench_corpora.pages.corpus")

PAGE = """\
pattern = '(?P<speaker>f0\\d)-(?P<label>[a-z]+)-(?P<sentence>\\d\\d)'
labels = ["neutral", "happy", "sad"]
speakers = 4

[rename]
f01_happy_01 = "f01-happy-01"

[counts]
label = { neutral = 8, happy = 8, sad = 8 }
"""


@pytest.fixture
def page(spoilt):
    path = spoilt.folder / "my.toml"
    path.write_text(PAGE)
    return path


def _found(page):
    checked = serbench.check_corpus(f"toml:{page}", jobs=0)
    return [(finding.kind, finding.name) for finding in checked.findings]


def test_a_corpus_like_its_page_has_no_findings(page):
    assert _found(page) == []


def test_names_and_counts_are_compared_with_the_page(page, spoilt):
    clips = spoilt.folder / "clips"
    (clips / "f01-happy-01.wav").rename(clips / "f01_happy_01.wav")
    (clips / "f02-happy-01.wav").rename(clips / "copy of f02-happy-01.wav")
    (clips / "f03-sad-01.wav").rename(clips / "f03-cheerful-01.wav")
    assert _found(page) == [
        ("refused", "clips/f03-cheerful-01.wav"),
        ("counts", "label happy has 7 of 8"),
        ("counts", "label sad has 7 of 8"),
        ("misnamed", "clips/f01_happy_01.wav"),
        ("stray", "clips/copy of f02-happy-01.wav"),
    ]


def test_two_files_of_an_utterance_are_listed(page, spoilt):
    (spoilt.folder / "more").mkdir()
    first, second = (spoilt.folder / "clips" / f"f01-sad-0{number}.wav" for number in (1, 2))
    (spoilt.folder / "more" / first.name).write_bytes(second.read_bytes())
    assert _found(page) == [("duplicate", "more/f01-sad-01.wav")]


def test_audio_is_checked_even_if_the_dataset_cannot_read_the_corpus(spoilt):
    spoilt.path(0).write_bytes(b"")
    for path in (spoilt.folder / "clips").iterdir():
        path.rename(spoilt.folder / path.name)
    for name in ("metadata.csv", "train/metadata.csv"):
        (spoilt.folder / name).parent.mkdir(exist_ok=True)
        (spoilt.folder / name).write_text("file_name,label,speaker\n")
    checked = serbench.check_corpus(f"folder:{spoilt.folder}", jobs=0)
    assert "is described by metadata.csv and by train/metadata.csv" in checked.refusals[0]
    assert checked.utterances == 24
    assert ("empty", spoilt.path(0).name) in [(f.kind, f.name) for f in checked.findings]
