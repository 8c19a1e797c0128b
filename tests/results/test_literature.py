"""The published rows are their sources', and each carries what keeps it from being compared."""

import dataclasses
import doctest
import importlib
import json
from pathlib import Path

import pytest

from serbench import tables
from serbench.metrics.classification import METRICS
from serbench.results import literature, run
from serbench.results.literature import PAPER, TABLES, PublishedRow, rows

BOUND = "F1 above what macro F1 can be"
CORPORA = ("ravdess", "crema-d", "iemocap")


def row(corpus: str, system: str) -> PublishedRow:
    (found,) = [row for row in rows(corpus, "III") if row.system == system]
    return found


def paper_row(corpus: str, model: str) -> PublishedRow:
    (found,) = (row for row in rows(corpus, "II") if row.model == model)
    return found


def has_caveat(row: PublishedRow, words: str) -> bool:
    return any(words in caveat for caveat in row.caveats)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(literature).failed == 0
    assert doctest.testmod(literature).attempted > 0


def test_every_row_of_every_table_is_there():
    counts = {table: [len(rows(corpus, table)) for corpus in CORPORA] for table in TABLES}
    assert counts == {"II": [2, 2, 2], "III": [5, 4, 7], "EmoBox": [10, 10, 10], "human": [0, 3, 0]}
    assert len(rows()) == sum(map(sum, counts.values()))
    assert [(row.corpus, row.model) for row in rows(table="II")] == [
        (corpus, model) for corpus in CORPORA for model in ("M1", "M2")
    ]


def test_scores_are_fractions_under_the_names_of_the_metrics():
    for row in rows():
        assert row.scores
        assert set(row.scores) <= set(METRICS)
        assert set(row.intervals) <= set(row.scores)
        assert set(row.stds) <= set(row.scores)
        assert all(0.3 < score < 0.9 for score in row.scores.values())
        assert all(0.02 < std < 0.11 for std in row.stds.values())


def test_every_row_says_where_its_numbers_stand():
    year_or_file = ("2022", "2024", "2014", "human_reference.py")
    for row in rows():
        assert any(word in row.source for word in year_or_file), row
        assert (row.reference == "the paper") <= (not row.work)


# as printed, from the scan of the paper's two tables
TABLE_II = """
ravdess M1 33.31 2.87 37.16 2.79 34.83 2.80
ravdess M2 75.76 8.66 78.16 7.58 77 8.44
crema-d M1 41.66 4.19 42.16 3.8 42.16 4.48
crema-d M2 70.37 3.74 71.66 3.14 70.33 3.72
iemocap M1 44.7 6.61 43.2 5.23 42.68 6.1
iemocap M2 73.16 10.28 75.6 9.15 72.9 9.88
"""
TABLE_III = """
iemocap - 62.4 -
iemocap - 60.6 -
iemocap - 68.57 -
iemocap - 66 -
iemocap 70.46 - -
iemocap - - 67.2
iemocap 73.29 72.9 75.6
ravdess 76.58 - -
ravdess 57.08 - -
ravdess 77.87 - -
ravdess - - 84.3
ravdess 77.05 75.76 78.16
crema-d - 59.2 -
crema-d 69.2 - -
crema-d 74 - -
crema-d 70.77 70.33 71.66
"""


def test_table_ii_has_the_papers_numbers():
    for line in TABLE_II.split("\n")[1:-1]:
        corpus, model, *numbers = line.split()
        found = paper_row(corpus, model)
        both = [
            value
            for name in ("precision", "recall", "f1")
            for value in (found.scores[name], found.stds[name])
        ]
        assert both == pytest.approx([float(number) / 100 for number in numbers], abs=1e-9)


def test_table_iii_has_the_papers_numbers():
    lines = [line.split() for line in TABLE_III.split("\n")[1:-1]]
    for row, (corpus, *numbers) in zip(rows(table="III"), lines, strict=True):
        assert row.corpus == corpus
        shown = dict(zip(("accuracy", "f1", "recall"), numbers, strict=True))
        reported = {name: float(text) / 100 for name, text in shown.items() if text != "-"}
        assert row.scores == pytest.approx(reported, abs=1e-9)


def test_exactly_the_rows_that_break_the_bound_on_macro_f1_say_so():
    broken = {
        (row.corpus, row.model)
        for row in rows()
        if {"precision", "recall", "f1"} <= set(row.scores)
        and row.scores["f1"] > (row.scores["precision"] + row.scores["recall"]) / 2
    }
    flagged = {(row.corpus, row.model) for row in rows() if has_caveat(row, BOUND)}
    assert broken == flagged == {("crema-d", "M1"), ("ravdess", "M2")}


def test_both_values_of_the_papers_ravdess_f1_are_kept_and_flagged():
    table_ii, table_iii = paper_row("ravdess", "M2"), row("ravdess", "Wav2Vec2-XLSR-53-English")
    assert (table_ii.scores["f1"], table_iii.scores["f1"]) == (0.77, 0.7576)
    for contradicting in (table_ii, table_iii):
        assert has_caveat(contradicting, "77 in Table II and the text but 75.76 in Table III")


def test_otherwise_the_papers_two_tables_agree():
    for corpus in ("crema-d", "iemocap"):
        second, third = paper_row(corpus, "M2"), row(corpus, "Wav2Vec2-XLSR-53-English")
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
        ("iemocap", "DialogXL", "very probably (inferred) the number of another corpus, MELD"),
        ("iemocap", "DialogueRNN", "chooses the epoch by the loss on the test set"),
        ("iemocap", "DialogueRNN", "the origin of 60.6 is unknown"),
        ("iemocap", "EmoBERTa", "training and validation share the speakers of session 4"),
        ("iemocap", "EmoBERTa", "six labels, not four"),
        ("iemocap", "QCNN", "[36] is also what the paper prints for Shukla et al."),
        ("ravdess", "Wav2Vec2-Pretrained", "labels merged: neutral with calm"),
        ("ravdess", "Wav2Vec2-Pretrained", "recall only"),
        ("ravdess", "Wav2Vec2-Pretrained", "songs too: 88 of the 208 test files"),
        ("ravdess", "Wav2Vec2-Pretrained", "tested on two speakers only"),
        ("ravdess", "CNN-14", "probably (inferred) no validation set"),
        ("crema-d", "1D-CNN-LSTM-GRU", "the origin of 74 is unknown"),
        ("crema-d", "DeepCNN Audio+Video", "the origin of 69.2 is unknown"),
        ("ravdess", "Wav2Vec2-XLSR-53-English", "8:1:1, but by its numbers of speakers it is 16:4"),
        ("ravdess", "Sequential bi-LSTM", "video, not speech"),
        ("ravdess", "QCNN", "protocol unknown"),
        ("crema-d", "1D-CNN-LSTM-GRU", "protocol unknown"),
        ("crema-d", "Audio-encoder", "a slip in the paper"),
        ("crema-d", "DeepCNN Audio+Video", "video and audio"),
        ("crema-d", "Wav2Vec2-XLSR-53-English", "who is in which fold is not said"),
    ],
)
def test_a_row_that_is_not_like_the_others_says_why(corpus: str, system: str, words: str):
    assert has_caveat(row(corpus, system), words)


def test_a_single_reported_score_is_flagged():
    for row in rows():
        if len(row.scores) == 1:
            (name,) = row.scores
            assert has_caveat(row, f"{name.replace('f1', 'F1')} only")


def test_what_does_not_hear_speech_alone_says_so():
    for row in rows():
        assert (row.modality == "speech") == (not has_caveat(row, "not speech")), row


def test_emobox_rows_say_what_they_leak():
    best = {corpus: rows(corpus, "EmoBox")[0] for corpus in CORPORA}
    assert best["crema-d"].scores == {"accuracy": 0.7648, "recall": 0.7675, "f1": 0.766}
    assert best["ravdess"].scores == {"accuracy": 0.7587, "recall": 0.7532, "f1": 0.7519}
    assert best["iemocap"].scores == {"accuracy": 0.7286, "recall": 0.7354, "f1": 0.7311}
    for row in rows(table="EmoBox"):
        assert has_caveat(row, "all 91 speakers are in both") == (row.corpus == "crema-d")
        assert has_caveat(row, "those speakers also train") == (row.corpus != "crema-d")


def test_emoboxs_crema_d_split_shares_all_speakers_as_its_rows_say():
    crema_d = pytest.importorskip("serbench_corpora.crema_d")
    (protocol,) = [one for one in crema_d.PROTOCOLS if one.name == "emobox"]
    (fold,) = protocol.folds(crema_d.manifest())
    train, test = ({one[:4] for one in part} for part in (fold.train, fold.test))
    assert len(train & test) == len(train) == len(test) == 91
    assert len(fold.test) == 1856


def test_protocols_and_label_sets_that_rows_name_exist():
    pytest.importorskip("serbench_corpora")
    from serbench import datasets
    from serbench.settings import settings

    for corpus in CORPORA:
        dataset = datasets.find(corpus, settings()).dataset
        named = {(row.protocol, row.labels) for row in rows(corpus)}
        assert {one for one, _ in named} - {""} <= {one.name for one in dataset.protocols}
        assert {one for _, one in named} - {""} <= set(dataset.label_sets)


def test_what_was_tested_alike_is_comparable():
    marker = paper_row("iemocap", "M2")
    assert marker.is_comparable("iemocap", "paper-marker", "iemocap")
    assert not marker.is_comparable("iemocap", "paper", "iemocap")
    assert not marker.is_comparable("ravdess", "paper-marker", "iemocap")
    listener = rows("crema-d", "human")[0]
    assert listener.is_comparable("crema-d", "paper", "crema-d")
    emobox = rows("ravdess", "EmoBox")[0]
    assert emobox.is_comparable("ravdess", "emobox", "ravdess")
    assert not emobox.is_comparable("ravdess", "emobox", "calm-as-neutral")


def test_what_is_not_known_is_never_comparable():
    unknown = row("ravdess", "QCNN")
    assert unknown.labels == "ravdess"
    assert not unknown.is_comparable("ravdess", "", "ravdess")
    assert not row("crema-d", "Audio-encoder").is_comparable("crema-d", "", "")


def test_table_iii_names_the_nearest_system_here_and_how_it_differs():
    for row in rows(table="III"):
        assert row.difference
        assert row.options.startswith("--model ") == (row.difference not in ("text", "video"))
        assert (row.difference == "same checkpoint") == (row.reference == "the paper")
    assert not any(row.options or row.difference for row in rows() if row.table != "III")


def literature_page(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs"))
    return importlib.import_module("literature_page")


def test_a_price_is_only_of_the_same_weights_on_the_same_corpus_and_labels(monkeypatch):
    page = literature_page(monkeypatch)
    ours = run.read(next(page.SUBMISSIONS.glob("ravdess/ravdess_alexnet-mel_paper_*")))
    mine = {"options": "--model alexnet-mel", "difference": page.SAME}
    paper = dataclasses.replace(row("ravdess", "Wav2Vec2-XLSR-53-English"), **mine)
    _, price = page._beside(paper, [ours])
    f1 = 100 * (0.7576 - ours.mean_std("f1").mean)
    assert f"+{f1:.2f}" in price
    other = dataclasses.replace(paper, difference="other encoder")
    beside, price = page._beside(other, [ours])
    assert price == "other encoder"
    assert tables.spread(ours.mean_std("f1")) in beside
    for elsewhere in ({"corpus": "crema-d"}, {"options": "--model alexnet-mel --labels other"}):
        beside, price = page._beside(dataclasses.replace(paper, **elsewhere), [ours])
        assert (beside[:3], price) == ("not", "-")
    assert (
        "not at hand: the audio and the weights; `serbench evaluate --model alexnet-mel"
        in (page._beside(dataclasses.replace(paper, corpus="crema-d"), [ours])[0])
    )


def test_nothing_stands_beside_what_no_system_here_resembles(monkeypatch):
    page = literature_page(monkeypatch)
    assert page._beside(row("iemocap", "DialogXL"), []) == ("none: text", "-")
    unknown = dataclasses.replace(row("ravdess", "QCNN"), options="--model nothing")
    assert page._beside(unknown, []) == ("none yet", "-")


def test_a_row_can_be_written_as_json():
    written = json.loads(json.dumps([dataclasses.asdict(row) for row in rows()]))
    assert written[0]["scores"]["precision"] == 0.3331


def test_the_paper_is_cited_by_title():
    assert "A Comparison Between Convolutional and Transformer Architectures" in PAPER
