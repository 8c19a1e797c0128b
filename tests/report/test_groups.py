"""Scores by sex and by every attribute of a corpus, and the gaps between the groups."""

import dataclasses

import pytest

from serbench.corpus import Utterance
from serbench.metrics import classification
from serbench.report import groups
from serbench.report.tables import section_tables


@pytest.fixture
def run(invented):
    """Eight speakers of RAVDESS; speaker 00 is none of them, and no id is one of its ids."""
    return invented(speaker="{0:02d}", speakers=8, config={"dataset": "ravdess"})


@pytest.fixture
def attributed(run, monkeypatch):
    """The run, and a corpus that tells sexes, ages and, within speakers, intensities."""
    speakers = sorted({speaker for fold in run.folds for speaker in fold.test.speakers})
    corpus, _ = groups.known(run)
    utterances = tuple(
        Utterance(
            id_,
            speaker,
            corpus.labels[0],
            sex="female" if int(speaker) % 2 == 0 else "",
            attributes={
                "age": str(15 + 10 * (int(speaker) % 3)),
                "intensity": "strong" if at // 8 % 2 else "normal",
                "name": speaker,
                "one": "alike",
            },
        )
        for fold in run.folds
        for at, (id_, speaker) in enumerate(zip(fold.test.ids, fold.test.speakers, strict=True))
    )
    assert len(speakers) == 8
    made = dataclasses.replace(corpus, utterances=utterances)
    monkeypatch.setattr(groups, "known", lambda _: (made, ""))
    monkeypatch.setattr(groups, "MOST", 7)
    return run


def test_each_attribute_with_a_few_groups_is_scored(attributed):
    scores = {each.name: each for each in groups.by_group(attributed).attributes}
    # one sex is known, "name" has eight groups, "one" has one
    assert list(scores) == ["age", "intensity"]
    assert [each.group for each in scores["age"].groups] == ["20-29", "30-39", "under 20"]
    total = sum(each.utterances for each in scores["intensity"].groups)
    assert total == attributed.confusions.sum()
    assert {each.speakers for each in scores["intensity"].groups} == {8}


def test_the_score_of_a_group_is_that_of_its_utterances(attributed):
    (age, _) = groups.by_group(attributed).attributes
    (young,) = (each for each in age.groups if each.group == "under 20")
    rows = [at for at in range(8) if at % 3 == 0]  # speakers are sorted
    expected = classification.uar(attributed.speaker_confusions[rows].sum(axis=0))
    assert young.score == pytest.approx(expected)


def test_tables_have_a_row_per_group_and_per_gap(attributed):
    table = section_tables.groups([attributed], ["model"])
    assert len(table.rows) == 3 + 2
    gaps = section_tables.gaps([attributed], ["model"])
    assert [row[1] for row in gaps.rows] == ["age", "intensity"]
    for row in gaps.rows:
        gap, by_chance, most, p = row[4], row[6], row[7], row[8]
        assert 0 <= by_chance <= most
        assert 0 < p <= 1
        assert gap >= 0


def test_a_corpus_that_is_not_known_is_a_note(invented):
    scores = groups.by_group(invented(config={"dataset": "no-such-corpus"}))
    assert scores.attributes == ()
    assert scores.note.startswith("the speakers' groups are not known: there is no dataset")


def test_ravdess_tells_sexes_and_intensities(invented):
    pytest.importorskip("serbench_corpora")
    from serbench_corpora.ravdess import manifest

    utterance = manifest().utterances[-1]
    assert utterance.sex
    assert "intensity" in groups._attributes(utterance)
