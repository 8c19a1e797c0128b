"""Takes of the same sentence among the test utterances of a run."""

from dataclasses import replace

from serbench.corpus import Corpus, Utterance
from serbench.report import takes
from serbench.report.tables import section_tables

LABELS = ("a", "b")


def corpus(ids, **changes):
    """Pairs of takes by one speaker; `changes` are made to the second of each pair."""
    utterances = []
    for at, id_ in enumerate(ids):
        words = {"sentence": f"{at // 2}", "repetition": f"{at % 2}", "label": "a"}
        words |= changes if at % 2 else {}
        utterances.append(Utterance(id_, "s", **words))
    return Corpus("made", LABELS, tuple(utterances), "raw")


def between(invented, monkeypatch, **changes):
    run = invented(speakers=2, ids="{number:03d}")
    ids = [id_ for fold in run.folds for id_ in fold.test.ids]
    monkeypatch.setattr(takes, "known", lambda _: (corpus(ids, **changes), ""))
    return run, takes.between(run)


def test_takes_differ_in_repetition_only(invented, monkeypatch):
    _, (found, note) = between(invented, monkeypatch)
    assert (found.takes, found.pairs, note) == (48, 24, "")
    for change in ({"label": "b"}, {"attributes": {"intensity": "strong"}}, {"sentence": "x"}):
        _, (found, note) = between(invented, monkeypatch, **change)
        if change == {"sentence": "x"}:  # all second takes have one sentence
            assert found.takes == 24
        else:
            assert found is None
            assert note == "no test set has two takes of a sentence, as far as the corpus says"


def test_takes_in_two_test_sets_are_no_pair_of_one_model(invented, monkeypatch):
    run = invented(speakers=2, ids="{number:03d}")
    ids = [id_ for pair in zip(*(fold.test.ids for fold in run.folds), strict=True) for id_ in pair]
    monkeypatch.setattr(takes, "known", lambda _: (corpus(ids), ""))
    assert takes.between(run)[0] is None
    twice = replace(run, folds=(*run.folds, *run.folds))  # every utterance is tested twice
    assert takes.between(twice)[0] is None


def test_a_table_has_a_row_per_run_or_says_why_not(invented, monkeypatch):
    run, _ = between(invented, monkeypatch)
    table = section_tables.retest([run], ["model"])
    assert [row[:3] for row in table.rows] == [("model", 48, 24)]
    monkeypatch.setattr(takes, "known", lambda _: (None, "it is not here"))
    table = section_tables.retest([run], ["model"])
    assert not table.rows
    assert table.caption.endswith("model: takes are not known: it is not here.")
