"""A description counts and measures what is in a corpus."""

import csv
import io
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import CorpusError, UnknownName

RATE = 16_000


@pytest.fixture
def described(spoilt):
    """A description of the corpus, with utterances of known lengths and levels for one speaker."""
    seconds = np.arange(RATE) / RATE
    for at in range(6):  # all of the first speaker
        tone = 0.1 * np.sin(2 * np.pi * 300 * seconds)
        spoilt.write(at, np.tile(tone, at + 1))
    return serbench.describe_corpus(spoilt.spec, jobs=0)


def test_groups_have_counts_lengths_and_levels(described):
    first, *others = described.groups("speaker")
    assert (first.name, first.utterances, first.speakers) == ("f01", 6, 1)
    assert first.labels == {"happy": 2, "neutral": 2, "sad": 2}
    assert first.sexes == {"female": 6}
    assert first.seconds == pytest.approx((1.25, 3.5, 5.75))
    assert first.levels == pytest.approx([20 * np.log10(0.1 / np.sqrt(2))] * 3, abs=0.1)
    assert len(others) == 3
    assert [group.name for group in described.groups("session")] == ["day 1", "day 2"]
    assert sum(group.utterances for group in described.groups()) == described.whole.utterances == 24


def test_every_table_has_a_row_for_each_group_and_for_all(described):
    rows = list(csv.reader(io.StringIO(described.table("speaker", "csv"))))
    head = ["speaker", "utterances", "happy", "neutral", "sad", "length (s)", "loudness (dB)"]
    assert rows[0] == head
    assert rows[1][:6] == ["f01", "6", "2", "2", "2", "3.50 [1.25, 5.75]"]
    assert rows[-1][:2] == ["all", "24"]
    assert described.rows("label")[0][:4] == ["label", "utterances", "speakers", "female"]
    assert "label    utterances    speakers    female" in str(described)
    assert "<table>" in described._repr_html_()
    with pytest.raises(UnknownName, match="there is no grouping 'labels'"):
        described.table("labels")


def test_silence_has_no_loudness(spoilt):
    for at in range(6):
        spoilt.write(at, np.zeros(RATE))
    described = serbench.describe_corpus(spoilt.spec, jobs=0)
    assert described.rows("speaker")[1][-1] == "-"
    assert json.loads(described.table(form="json"))["speaker"][0]["levels"] == [None] * 3


def test_an_unreadable_file_is_one_line_that_names_the_check(spoilt):
    spoilt.path(0).write_bytes(b"RIFF")
    spoilt.path(1).write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match="2 files cannot be read: `serbench corpus check csv:"):
        serbench.describe_corpus(spoilt.spec, jobs=0)


def test_the_command_prints_a_table_and_writes_a_page(spoilt, tmp_path):
    page = tmp_path / "page"
    words = [
        "corpus",
        "describe",
        spoilt.spec,
        "--by",
        "sex",
        "--out",
        str(page),
        "--examples",
        "1",
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "female  24            4" in done.stdout
    assert f"the page is {page / 'index.html'}" in done.stderr
    assert len(list((page / "audio").iterdir())) == 3
