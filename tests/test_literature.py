"""The published rows are the paper's, and each carries what keeps it from being compared."""

import dataclasses
import doctest
import json

import pytest

from serbench import literature
from serbench.literature import PAPER, Row, paper_row, rows
from serbench.metrics import METRICS

BOUND = "F1 above what macro F1 can be"


def row(corpus: str, system: str) -> Row:
    (found,) = [row for row in rows(corpus, "III") if row.system == system]
    return found


def has_caveat(row: Row, words: str) -> bool:
    return any(words in caveat for caveat in row.caveats)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(literature).failed == 0
    assert doctest.testmod(literature).attempted > 0


def test_every_row_of_both_tables_is_there():
    per_corpus = {"ravdess": 5, "crema-d": 4, "iemocap": 7}
    assert {corpus: len(rows(corpus, "III")) for corpus in per_corpus} == per_corpus
    assert [(row.corpus, row.model) for row in rows(table="II")] == [
        (corpus, model) for corpus in per_corpus for model in ("M1", "M2")
    ]
    assert len(rows()) == 16 + 6


def test_scores_are_fractions_under_the_names_of_the_metrics():
    for row in rows():
        assert row.scores
        assert set(row.scores) <= set(METRICS)
        assert set(row.stds) <= set(row.scores)
        assert all(0.3 < score < 0.9 for score in row.scores.values())
        assert all(0.02 < std < 0.11 for std in row.stds.values())


def test_table_ii_has_the_papers_numbers():
    row = paper_row("iemocap", "M2")
    assert row is not None
    assert row.scores == {"precision": 0.7316, "recall": 0.756, "f1": 0.729}
    assert row.stds == {"precision": 0.1028, "recall": 0.0915, "f1": 0.0988}


def test_a_model_or_corpus_that_the_paper_lacks_has_no_row():
    assert paper_row("crema-d", "M3") is None
    assert paper_row("toy", "M1") is None
    assert rows("toy") == ()


def test_exactly_the_rows_that_break_the_bound_on_macro_f1_say_so():
    broken = {
        (row.corpus, row.model)
        for row in rows(table="II")
        if row.scores["f1"] > (row.scores["precision"] + row.scores["recall"]) / 2
    }
    flagged = {(row.corpus, row.model) for row in rows() if has_caveat(row, BOUND)}
    assert broken == flagged == {("crema-d", "M1"), ("ravdess", "M2")}


def test_both_values_of_the_papers_ravdess_f1_are_kept_and_flagged():
    table_ii, table_iii = paper_row("ravdess", "M2"), row("ravdess", "Wav2Vec2-XLSR-53-English")
    assert table_ii is not None
    assert (table_ii.scores["f1"], table_iii.scores["f1"]) == (0.77, 0.7576)
    for contradicting in (table_ii, table_iii):
        assert has_caveat(contradicting, "77 in Table II and the text but 75.76 in Table III")


def test_otherwise_the_papers_two_tables_agree():
    for corpus in ("crema-d", "iemocap"):
        second, third = paper_row(corpus, "M2"), row(corpus, "Wav2Vec2-XLSR-53-English")
        assert second is not None
        assert {name: third.scores[name] for name in ("recall", "f1")} == {
            name: second.scores[name] for name in ("recall", "f1")
        }


def test_the_papers_iemocap_rows_say_that_validation_and_test_share_speakers():
    own = [row for row in rows("iemocap") if row.reference == "the paper"]
    assert len(own) == 3
    assert all(has_caveat(row, "validation and test set share their speakers") for row in own)


@pytest.mark.parametrize(
    ("corpus", "system", "words"),
    [
        ("iemocap", "DialogXL", "text, not speech"),
        ("iemocap", "DialogXL", "MELD"),
        ("iemocap", "EmoBERTa", "six labels, not four"),
        ("ravdess", "Wav2Vec2-Pretrained", "labels merged: neutral with calm"),
        ("ravdess", "Wav2Vec2-Pretrained", "recall only"),
        ("ravdess", "Sequential bi-LSTM", "video, not speech"),
        ("ravdess", "QCNN", "protocol unknown"),
        ("crema-d", "1D-CNN-LSTM-GRU", "protocol unknown"),
        ("crema-d", "Audio-encoder", "a slip in the paper"),
        ("crema-d", "DeepCNN Audio+Video", "video and audio"),
    ],
)
def test_a_row_that_is_not_like_the_others_says_why(corpus: str, system: str, words: str):
    assert has_caveat(row(corpus, system), words)


def test_a_single_reported_score_is_flagged():
    for row in rows(table="III"):
        if len(row.scores) == 1:
            (name,) = row.scores
            assert has_caveat(row, f"{name.replace('f1', 'F1')} only")


def test_a_row_can_be_written_as_json():
    written = json.loads(json.dumps([dataclasses.asdict(row) for row in rows()]))
    assert written[0]["scores"]["precision"] == 0.3331


def test_the_paper_is_cited_by_title():
    assert "A Comparison Between Convolutional and Transformer Architectures" in PAPER
