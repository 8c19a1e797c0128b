"""Whole corpora, as look-alikes of full size, through a whole evaluation."""

import pytest

import serbench

lookalike = pytest.importorskip("serbench_corpora.fake_corpora")
pytest.importorskip("serbench_sklearn")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "write", "folds", "tested"),
    [
        ("ravdess", "write_ravdess", 6, 1440),
        ("crema-d", "write_crema_d", 9, 7360),
        ("iemocap", "write_iemocap", 10, 5531),
    ],
)
def test_a_whole_corpus_is_evaluated(places, dataset, write, folds, tested):
    getattr(lookalike, write)(places.data / dataset)
    run = serbench.evaluate("dummy", dataset, params={"strategy": "stratified"})
    assert len(run.folds) == folds
    assert int(run.confusions.sum()) == tested
    assert not run.leaks
    assert all(fold.facts.certificate["audio_checked"] for fold in run.folds)
    low, high = run.interval("uar")
    assert low < 1 / len(run.facts.labels) + 0.02
    assert high > 1 / len(run.facts.labels) - 0.02
    stored = sum(len(part.ids) for fold in run.folds for part in (fold.test, fold.validation))
    bytes_stored = sum(path.stat().st_size for path in run.folder.iterdir())
    assert bytes_stored < 50 * stored + 10_000 * folds  # scores and ids; facts


@pytest.mark.slow
def test_of_a_nested_protocol_one_model_a_test_set_counts(places):
    lookalike.write_ravdess(places.data / "ravdess")
    run = serbench.evaluate("dummy", "ravdess", protocol="paper-nested", labels="calm-as-neutral")
    assert run.facts.protocol.folds == 30
    assert len(run.folds) == 6
    assert run.missing == 0
    assert int(run.confusions.sum()) == 1440
    assert len(run.facts.labels) == 7
