import pytest

from serbench.results import eligibility

ALONE = {"utterances": 8, "largest_difference": 0.5}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"protocol": {"name": "all", "leaks": "on purpose", "folds": 2}},
            "leaks: on purpose",
        ),
        ({"certificate": {"clean": False}}, "leaks: sets share speakers or audio"),
        (
            {"folds_before": 1},
            "folds were trained in one process, one after the other (--jobs 0): one may know what "
            "another has learned",
        ),
        (
            {"alone": {**ALONE, "utterances": 0, "unchecked": "it did not answer"}},
            "batch effects unchecked: it did not answer",
        ),
        (
            {"alone": {**ALONE, "utterances": 0}},
            "batch effects unchecked: no utterance was predicted alone",
        ),
        (
            {"alone": {**ALONE, "other_labels": 1}},
            "labels depend on the batch: some change when an utterance is predicted alone",
        ),
        ({"model": {"pretrained": False}}, "random weights, not pretrained"),
        (
            {"model": {"fine_tuned_before": "ang, hap"}},
            "its checkpoint was fine-tuned before, to tell apart ang, hap: it may have learned "
            "from these test speakers",
        ),
    ],
)
def test_a_run_is_told_why_it_has_no_rank(invented, facts, reason):
    run = invented(**facts)
    assert run.objections == (reason,)
    assert not run.ranked
    assert f"NOT RANKED: {reason}." in str(run)


def test_missing_folds_are_counted(invented):
    folds = invented().folds
    assert eligibility.objections([folds[0].facts], 1) == ("incomplete: 1 of 2 folds is missing",)


def test_a_sound_run_has_no_objection(invented):
    run = invented()
    assert run.objections == ()
    assert run.ranked
    assert "NOT RANKED" not in str(run)


def test_every_reason_is_told_the_gravest_first(invented):
    run = invented(model={"pretrained": False}, certificate={"clean": False})
    assert eligibility.objections([fold.facts for fold in run.folds], 1) == (
        "leaks: sets share speakers or audio",
        "random weights, not pretrained",
        "incomplete: 1 of 2 folds is missing",
    )
