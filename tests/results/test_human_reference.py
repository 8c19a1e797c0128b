"""The human rows of the literature follow from the committed votes."""

import gzip
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from serbench import tables
from serbench.results import literature

crema_d = pytest.importorskip("serbench_corpora.crema_d")
ROOT = Path(__file__).resolve().parents[2]
OURS = {row.system: row for row in literature.rows("crema-d", "human") if row.protocol}


@pytest.fixture(scope="module")
def human():
    path = ROOT / "leaderboard" / "human_reference.py"
    spec = importlib.util.spec_from_file_location("human_reference", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def found(human):
    return human.references()


@pytest.fixture(scope="module")
def counts(human):
    return human.votes(crema_d.manifest())


def test_the_rows_are_what_follows_from_the_votes(human, found):
    assert OURS.keys() == found.keys()
    for name, row in OURS.items():
        assert set(row.scores) == set(row.stds) == set(row.intervals) == set(human.SCORES)
        for score in human.SCORES:
            mean, std = found[name].mean_std(score)
            interval = found[name].interval(score)
            assert row.scores[score] == pytest.approx(mean, abs=0.5001e-4)
            assert row.stds[score] == pytest.approx(std, abs=0.5001e-4)
            assert row.intervals[score] == pytest.approx(interval, abs=0.5001e-4)


def test_the_page_shows_what_follows_from_the_votes(human, found):
    page = (ROOT / "docs" / "literature.md").read_text(encoding="utf-8")
    assert human.scores_table(found) in page
    assert human.heard_table(found) in page


def test_every_utterance_has_the_votes_that_the_rows_tell_of(counts):
    assert counts.shape == (7442, 6)
    assert (counts.sum(axis=1).min(), counts.sum(axis=1).max()) == (4, 12)
    tied = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert int(tied.sum()) == 644
    assert round(100 * float(tied.mean()), 1) == 8.7
    assert any("(8.7 % of the" in caveat for caveat in OURS["majority of listeners"].caveats)


def test_counting_every_vote_gives_what_the_published_row_is_compared_with(human, counts):
    corpus = crema_d.manifest()
    everything = human.confusion(corpus, human.single(counts), corpus.by_id)
    assert tables.percent(float(np.trace(everything) / everything.sum())) == "40.00"
    assert everything.sum() == 68568
    (published,) = (row for row in literature.rows("crema-d", "human") if not row.protocol)
    assert any("gives 40.00" in caveat for caveat in published.caveats)


def test_the_share_among_utterances_without_a_tie_is_the_one_on_the_page(counts):
    corpus = crema_d.manifest()
    meant = np.array([corpus.labels.index(one.label) for one in corpus.utterances])
    alone = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1) == 1
    right = (counts.argmax(axis=1) == meant)[alone]
    page = " ".join((ROOT / "docs" / "literature.md").read_text(encoding="utf-8").split())
    assert f"accuracy {tables.percent(float(right.mean()))} on the other {len(right)}" in page


def test_the_votes_stand_in_the_order_of_the_labels(human):
    assert [label[0].upper() for label in crema_d.manifest().labels] == list(human.LETTERS)


def test_ties_share_the_answer(human):
    votes = np.array([[3, 1, 0], [2, 2, 1], [1, 1, 1]])
    shares = [[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]]
    assert human.majority(votes) == pytest.approx(np.array(shares))
    assert human.single(votes).tolist() == votes.tolist()


def test_each_tested_speaker_and_each_vote_counts_once(human, found):
    single = found["single listener"]
    assert single.folds.shape == (9, 6, 6)
    assert single.speakers.shape == (90, 6, 6)  # 1090 only ever trains
    assert single.folds.sum(axis=0).tolist() == single.speakers.sum(axis=0).tolist()
    assert found["majority of listeners"].folds.sum() == pytest.approx(7360)


def test_only_votes_on_the_sound_alone_are_taken(human, tmp_path, monkeypatch):
    table = tmp_path / "tabulatedVotes.csv"
    lines = ['"","A","D","F","H","N","S","fileName"']
    lines += [f'"{row}00001",{row},0,0,0,4,5,"1001_DFA_ANG_XX"' for row in (1, 2, 3)]
    table.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(human, "VOTES", tmp_path / "votes.csv.gz")
    human.make(table)
    written = gzip.decompress((tmp_path / "votes.csv.gz").read_bytes()).decode()
    assert written == "utterance,N,H,S,A,F,D\n1001_DFA_ANG_XX,4,0,5,1,0,0\n"


def test_the_votes_are_small_and_their_licence_lies_beside_them(human):
    assert human.VOTES.stat().st_size < 50_000
    notice = (human.VOTES.parent / "NOTICE.md").read_text()
    assert "Open Database License 1.0" in notice
    assert "Database Contents License 1.0" in notice
