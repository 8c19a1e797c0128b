"""Folds of a submission made again: what is asked, what is compared, what is recorded."""

import csv
import dataclasses
import json
import math
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import BadParameter, CorpusError, SerbenchError, UnknownName
from serbench.leaderboard import build
from serbench.leaderboard.admission import Admission
from serbench.leaderboard.reproduction.outcome import reproduce
from serbench.leaderboard.reproduction.proposal import propose
from serbench.leaderboard.submissions import card
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.leaderboard.submissions.reproduction_record import (
    NO_BYTES,
    Agreement,
    Reproduction,
    Score,
    reproductions,
    require_name,
    write,
)
from serbench.leaderboard.verification.verdict import verify
from serbench.results import fold_file
from serbench.results.config import Config
from serbench.results.run import read
from serbench.settings import settings

WORDS = Statements(
    name="Ada",
    description="nearest mean",
    address="https://example.org/tiny",
    commit="abc123",
    install="pip install serbench-tiny==0.1",
)


@pytest.fixture(scope="module")
def made(home):
    """A submission of centroid on tones, and the places it was made with."""
    run = serbench.evaluate("centroid", "tones", jobs=0)
    return submit(run, home / "submissions", WORDS)


@pytest.fixture
def submission(made, tmp_path):
    """A copy that a test may change; `made` has set the places."""
    return _copied(made, tmp_path / "submissions")


def _copied(made, parent):
    folder = parent / "tones" / made.name
    folder.mkdir(parents=True)
    for path in made.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def again(submission, tmp_path, *folds, jobs=0, **options):
    proposal = propose(submission, folds, results=tmp_path / "reproduced", **options)
    return reproduce(proposal, jobs=jobs)


def altered(submission, change):
    """Write every fold anew with what `change` makes of its result, and a card to match."""
    parent = submission.parent.parent
    for path in sorted(submission.glob("*.safetensors")):
        fold_file.write(path, change(fold_file.read(path)))
    (submission / card.FILE).unlink()
    return submit(read(submission), parent, WORDS)


def with_activations(change):
    def altering(fold):
        test = dataclasses.replace(fold.test, activations=change(fold.test.activations.copy()))
        return dataclasses.replace(fold, test=test)

    return altering


def with_facts(**facts):
    return lambda fold: dataclasses.replace(fold, stored={**fold.stored, **facts})


def _miss_one(activations):
    activations[0] = activations[0][[1, 2, 0]]
    return activations


def test_the_same_again_is_reproduced_label_by_label(submission, tmp_path):
    outcome = again(submission, tmp_path)
    assert outcome.agreement.share == 1.0
    assert outcome.agreement.largest_difference == 0.0
    assert outcome.verdict == (
        f"REPRODUCED: {submission.name}, fold 1 of 3: 24 of 24 utterances get the same label "
        "(100.00 %; 99 % are needed)"
    )
    assert "95 % of the submitted, 2 speakers" in str(outcome)


def test_all_folds_are_compared_together(submission, tmp_path):
    outcome = again(submission, tmp_path, "all")
    assert (outcome.agreement.utterances, outcome.agreement.speakers) == (72, 6)
    assert "all 3 folds" in outcome.verdict


def test_scores_of_another_model_are_not_reproduced(submission, tmp_path):
    altered(submission, with_activations(lambda scores: scores[:, ::-1]))
    outcome = again(submission, tmp_path)
    assert not outcome.is_reproduced
    assert outcome.agreement.differing == ()
    assert outcome.verdict.startswith(f"NOT REPRODUCED: {submission.name}, fold 1 of 3: ")
    assert "(33.33 %; 99 % are needed), and F1 and UAR not in the submitted" in outcome.verdict


def test_where_nothing_differs_the_labels_must_be_the_same(submission, tmp_path):
    altered(submission, with_activations(_miss_one))
    outcome = again(submission, tmp_path)
    assert outcome.agreement.same_label == 23
    assert all(score.is_inside for score in outcome.agreement.scores.values())
    assert outcome.verdict.endswith("and no difference of this machine would explain that")


def test_with_other_threads_scores_in_the_submitted_interval_are_enough(submission, tmp_path):
    altered(submission, with_activations(_miss_one))
    altered(submission, with_facts(threads=64))
    outcome = again(submission, tmp_path, "all")
    assert outcome.agreement.grounds == "scores"
    assert outcome.verdict.startswith("REPRODUCED IN ITS SCORES: ")
    assert outcome.verdict.endswith("but threads differ here")


def test_scores_of_few_speakers_decide_nothing(submission, tmp_path):
    altered(submission, with_activations(_miss_one))
    altered(submission, with_facts(threads=64))
    outcome = again(submission, tmp_path)
    assert outcome.agreement.grounds == "undecided"
    assert not outcome.is_reproduced
    assert "but threads differ here, and 2 speakers are too few for scores to decide" in (
        outcome.verdict
    )


def test_other_threads_are_said_where_the_labels_are_the_same_too(submission, tmp_path):
    altered(submission, with_facts(threads=64, versions={"python": "2.7"}))
    outcome = again(submission, tmp_path)
    assert outcome.agreement.grounds == "labels"
    assert {"threads", "python", "numpy"} <= set(outcome.agreement.differing)
    assert "Different here: threads, python" in str(outcome)


@pytest.mark.parametrize(("before", "differs"), [({}, False), ({"precision": "bfloat16"}, True)])
def test_a_model_that_said_nothing_of_its_precision_had_todays_default(
    submission, tmp_path, before, differs
):
    altered(submission, with_facts(model=before))
    differing_here = again(submission, tmp_path).agreement.differing
    assert differing_here == (("precision",) if differs else ())


def test_a_proposal_says_what_would_run_and_whose_code_it_is(submission):
    text = str(propose(submission, ["2"]))
    for part in (
        "centroid, version 1",
        "serbench-tiny 0.1, installed here as tiny",
        "https://example.org/tiny, commit abc123",
        "serbench_tiny same",
        "by Ada",
        "serbench evaluate --model centroid --dataset tones --protocol kfold:n=3 --labels tones "
        "--seed 0 --precision float32 --threads 1 --trim-db 60 --param parts=2 "
        "--param scale=100.0 --param nap=0.0 --fold 2 --results reproduced",
        "will run on this machine, with your permissions",
    ):
        assert part in text
    assert "fold 2" in text
    assert "took 0" in text


def test_the_command_that_is_shown_makes_the_same_run(submission, tmp_path):
    program, *words = shlex.split(propose(submission, ["2"], results=tmp_path / "shown").command)
    assert program == "serbench"
    done = CliRunner().invoke(app, [*words, "--jobs", "0"])
    assert done.exit_code == 0
    assert [path.name for path in tmp_path.glob(f"shown/{submission.name}/*")] == [
        "fold-02.safetensors"
    ]


def test_other_source_is_seen(submission):
    altered(submission, with_facts(sources={"serbench_tiny": "0", "serbench_gone": "1"}))
    text = str(propose(submission))
    assert "serbench not recorded, serbench_gone not here, serbench_tiny different" in text


def test_folds_made_by_other_code_are_not_taken_for_new_ones(submission, tmp_path):
    again(submission, tmp_path)
    (path,) = tmp_path.glob("reproduced/*/*.safetensors")
    fold_file.write(path, with_facts(sources={})(fold_file.read(path)))
    with pytest.raises(
        SerbenchError, match="was not made by the code that is installed now: remove"
    ):
        again(submission, tmp_path)


def _configured(submission, **words):
    """The submission of another configuration, under the name that belongs to it."""
    for path in submission.glob("*.safetensors"):
        fold = fold_file.read(path)
        config = {**fold.stored["config"], **words}
        fold_file.write(path, with_facts(config=config)(fold))
    renamed = submission.rename(submission.with_name(Config(**config).name))
    return altered(renamed, lambda fold: fold)


def test_a_model_that_nobody_offers_is_a_line_with_the_cards_command(submission):
    other = _configured(submission, model="centriod")
    with pytest.raises(SerbenchError) as caught:
        propose(other)
    assert "no model 'centriod'; did you mean centroid " in str(caught.value)
    assert "it is other people's code: pip install serbench-tiny==0.1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_version_of_the_model_is_a_line_with_the_cards_command(submission):
    other = _configured(submission, model_version="7")
    words = "model centroid is version '1' here.*made with '7'.*pip install serbench-tiny==0.1"
    with pytest.raises(SerbenchError, match=words):
        propose(other)


def test_a_model_of_another_version_that_says_why_is_remade(submission, monkeypatch, tmp_path):
    import serbench_tiny

    notes = {"1": "means are counted twice"}
    monkeypatch.setattr(serbench_tiny.Centroid, "notes", notes, raising=False)
    older = _configured(submission, model_version="0")
    proposal = propose(older, ["all"], results=tmp_path / "reproduced")
    change = "model version 1 instead of 0; since version 1 means are counted twice"
    assert proposal.changes == (change,)
    assert proposal.remade == "model version 1"
    outcome = reproduce(proposal, jobs=0)
    assert outcome.verdict.startswith("REMADE with model version 1, the same labels: ")
    assert "Different here: model version; " in str(outcome)
    assert not outcome.is_reproduced


def test_another_configuration_is_said_word_for_word(submission, tmp_path):
    with pytest.raises(SerbenchError, match=r"params.scale is 5.0 here and 100.0 there\. Give"):
        again(submission, tmp_path, given={"scale": 5.0})
    assert not (tmp_path / "reproduced").exists()


@pytest.fixture
def older(submission, monkeypatch):
    """The submission, made with an older version of its features, and a note on the newer one."""
    import serbench_tiny

    notes = {"0": "they are counted", "1": "parts may be two"}
    monkeypatch.setattr(serbench_tiny.Crossings, "notes", notes, raising=False)
    return _configured(submission, feature_version="0")


def test_features_of_another_version_are_those_of_today_and_the_verdict_says_so(older, tmp_path):
    proposal = propose(older, ["all"], results=tmp_path / "reproduced")
    change = "features version 1 instead of 0; since version 1 parts may be two"
    assert proposal.changes == (change,)
    assert f"today       {change}\n" in str(proposal)
    outcome = reproduce(proposal, jobs=0)
    assert outcome.verdict == (
        f"REMADE with features version 1, the same labels: {older.name}, all 3 folds: 72 of 72 "
        "utterances get the same label (100.00 %; 99 % are needed)"
    )
    assert "Different here: features version; " in str(outcome)
    assert not outcome.is_reproduced


def test_what_was_remade_with_other_features_may_differ(older, tmp_path):
    other = altered(older, with_activations(lambda scores: scores[:, ::-1]))
    verdict = again(other, tmp_path, "all").verdict
    assert verdict.startswith(f"REMADE with features version 1, NOT the same: {older.name}, all 3")
    assert "F1 and UAR not in the submitted 95 % interval" in verdict


def test_a_record_of_what_was_remade_says_so_and_does_not_count(older, tmp_path):
    sent_by(older, "github:ada")
    path = write(older, again(older, tmp_path, "all").record("Grace H."))
    assert '"remade": "features version 1"' in path.read_text()
    (record,) = reproductions(older)
    assert not record.is_reproduced
    checked, records, _ = sent_by(older, "github:grace")
    assert checked == "recomputed"
    assert records.endswith("3 of 3 folds, 100.0 % same labels, remade with features version 1")


def test_the_command_exits_with_0_where_what_was_remade_is_the_same(older, tmp_path):
    words = ["leaderboard", "reproduce", str(older), "--yes", "--results", str(tmp_path / "again")]
    done = CliRunner().invoke(app, [*words, "--jobs", "0"])
    assert (done.exit_code, done.exception) == (0, None)
    assert "REMADE with features version 1, the same labels: " in done.output


def test_a_parameter_that_did_not_exist_then_is_the_behaviour_of_then(
    submission, monkeypatch, tmp_path
):
    import serbench_tiny

    class Newer(serbench_tiny.Centroid):
        """Has a parameter that was added after the run was published, with another default."""

        added: ClassVar = {"scale": 100.0}

        def __init__(self, labels, seed, *, scale: float = 5.0, nap: float = 0.0):
            super().__init__(labels, seed, scale=scale, nap=nap)

    params = {"nap": 0.0}
    older = _configured(submission, params=params)
    monkeypatch.setattr(serbench_tiny, "Centroid", Newer)
    outcome = again(older, tmp_path)
    assert "--param scale=100.0" in outcome.proposal.command
    assert outcome.proposal.here.params == params
    assert outcome.verdict.startswith(f"REPRODUCED: {older.name}, fold 1 of 3: 24 of 24")
    assert not [flag for flag in outcome.proposal.flags if "is not given" in flag]


def _recorded(precision):
    return lambda fold: dataclasses.replace(
        fold, stored={**fold.stored, "model": {"precision": precision}}
    )


def test_the_recorded_precision_takes_the_place_of_the_parameter_that_chose_it(submission):
    older = _configured(submission, params={"scale": 100.0, "nap": 0.0, "compute": "auto"})
    altered(older, _recorded("bfloat16"))
    proposal = propose(older)
    assert proposal.request.precision == "bfloat16"
    assert proposal.changes == ("precision bfloat16, as recorded, instead of compute=auto",)
    assert "compute" not in proposal.command
    path = older / "fold-01.safetensors"
    fold_file.write(path, _recorded("float32")(fold_file.read(path)))
    altered(older, lambda fold: fold)
    assert propose(older, ["1"]).request.precision == "float32"
    with pytest.raises(SerbenchError, match="computed in bfloat16 and float32, which would be two"):
        propose(older, ["all"])


def test_what_a_parameter_only_names_is_made_exact_and_compared(made, tmp_path):
    run = serbench.evaluate("following", "tones", jobs=0, params={"parts": "many"})
    sent = submit(run, tmp_path / "submissions", WORDS)
    assert again(sent, tmp_path, given={"parts": "many"}).is_reproduced
    with pytest.raises(SerbenchError, match=r"feature_params.parts is 2 here and 5 there; params"):
        again(sent, tmp_path, given={"parts": "few"})


def test_other_audio_is_refused_before_training(submission, tmp_path):
    (tones,) = Path(os.environ["SERBENCH_CACHE"]).glob("corpora/tones-1")
    copy = shutil.copytree(tones, tmp_path / "copy")
    shutil.copy(copy / "s1-low-0.wav", copy / "s1-low-1.wav")
    with pytest.raises(
        CorpusError, match="copy does not have the submission's audio: .* nothing was trained"
    ):
        again(submission, tmp_path, data=copy)
    (copy / "s1-low-0.wav").unlink()
    with pytest.raises(
        CorpusError, match="copy does not have the submission's corpus and protocol: "
    ):
        again(submission, tmp_path, data=copy)
    assert not (tmp_path / "reproduced").exists()


def test_a_fold_that_is_not_there_is_named_with_the_nearest(submission):
    with pytest.raises(UnknownName, match="no fold '4'.*known: 1, 2, 3"):
        propose(submission, ["4"])


def test_a_rejected_submission_is_not_run(submission):
    (submission / "fold-01.safetensors").write_bytes(b"nothing")
    with pytest.raises(SerbenchError, match="is rejected, so it is not run: "):
        propose(submission)


RECORD = Reproduction(
    run="tones_x",
    by="Grace H.",
    date="2026-05-01",
    folds={"1": ("a" * 64, "b" * 64)},
    total=3,
    device="cpu",
    threads=2,
    machine="Linux, x86_64",
    versions={"python": "3.11.2"},
    other_code=(),
    agreement=Agreement(
        utterances=24,
        same_label=24,
        speakers=2,
        whole=False,
        largest_difference=1e-7,
        scores=dict.fromkeys(("f1", "uar"), Score(0.9, 0.9, math.nan, math.nan)),
        differing=("threads",),
    ),
)


def test_a_record_is_read_as_it_was_written(submission, tmp_path):
    outcome = again(submission, tmp_path)
    record = outcome.record("Grace H.")
    path = write(submission, record)
    assert path.name == f"{record.date}-grace-h-fold-1.json"
    assert reproductions(submission) == (record,)
    assert propose(submission).card.run == record.run


def test_a_submission_without_records_has_none(submission):
    assert reproductions(submission) == ()


def test_a_record_of_other_files_is_refused(submission):
    write(submission, dataclasses.replace(RECORD, run=submission.name))
    with pytest.raises(SerbenchError, match="is about other fold files than those of tones_centr"):
        reproductions(submission)


def _bad(**words):
    return json.dumps({**json.loads(_text(RECORD)), **words})


def _text(record):
    words = {"schema": 1, **dataclasses.asdict(record)}
    words["agreement"]["grounds"] = record.agreement.grounds
    return json.dumps(words).replace("NaN", "null")


AGREED = json.loads(_text(RECORD))["agreement"]


def _scored(**words):
    return {name: {**score, **words} for name, score in AGREED["scores"].items()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_bad(schema=2), "has the schema '2', this serbench reads 1"),
        (_bad(extra=1), "has 'extra', which nothing knows"),
        (_bad(by="a\x1b[31mb"), "contains the control character U\\+001B"),
        (_bad(by="x" * 101), "has 101 characters: at most 100"),
        (_bad(by=" "), "is ' ', which is not written as it must be"),
        (_bad(date="2026-02-30"), "2026-02-30 is not a valid date"),
        (_bad(folds={}), "it must have at least one fold"),
        (_bad(folds={"1": ["a" * 64]}), "folds.1 must be a list of 2"),
        (_bad(threads=1.5), "threads must be a whole number"),
        (_bad(threads=0), "says that no thread was used"),
        (_bad(date="2999-01-01"), "2999-01-01 is in the future"),
        (
            _bad(folds={"1": ["a" * 64] * 2}),
            "must have a new digest, since its file contains the time",
        ),
        (
            _bad(folds={"1": ["a" * 64, NO_BYTES]}),
            "must have a new digest, since its file contains the time",
        ),
        (_bad(agreement={**AGREED, "scores": _scored(here=1.5)}), "its f1 is not between 0 and 1"),
        (
            _bad(agreement={**AGREED, "scores": _scored(low=0.9, high=0.1)}),
            "its f1 has an impossible interval, from 0.9 to 0.1",
        ),
        (
            _bad(agreement={**AGREED, "scores": _scored(low=0.9)}),
            "impossible interval, from 0.9 to nan",
        ),
        (_bad(agreement={**AGREED, "same_label": 20}), "its grounds are undecided, not labels"),
        (_bad(agreement={**AGREED, "whole": True}), "has 1 of 3 folds, but `whole` says otherwise"),
        (_bad(agreement={**AGREED, "same_label": 25}), "25 of 24 utterances is impossible"),
        (_bad(agreement={**AGREED, "utterances": 0, "same_label": 0}), "0 of 0 utterances"),
        (_bad(run="other"), "is about other fold files"),
        ("[" * 60_000, "nested deeper"),
        ('{"schema": NaN}', "NaN is not a number"),
        (" " * 70_000, "has 70000 bytes: at most 65536"),
        ("\x80\x05", "is a pickle|is not text in UTF-8"),
        ("[]", "has the schema 'None'"),
    ],
)
def test_a_record_that_is_not_right_is_refused_with_the_reason(submission, text, words):
    folder = submission / "reproductions"
    folder.mkdir()
    (folder / RECORD.file).write_text(text, "latin-1")
    with pytest.raises(SerbenchError, match=words):
        reproductions(submission)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"utterances": 20, "same_label": 20}, "has 20 utterances: its folds have 24"),
        ({"utterances": 2400, "same_label": 2400}, "has 2400 utterances: its folds have 24"),
        ({"speakers": 6}, "has 6 speakers: its folds have 2"),
        ({"scores": dict.fromkeys(("f1", "uar"), Score(0.5, 0.5, 0.4, 0.6))}, "says that f1 was 0"),
        (
            {"scores": dict.fromkeys(("f1", "uar"), Score(1, 0.5, 0.4, 1))},
            "same labels, but another",
        ),
    ],
)
def test_a_record_that_does_not_fit_its_folds_is_a_rejection(submission, tmp_path, change, words):
    record = again(submission, tmp_path).record("Grace")
    agreement = dataclasses.replace(record.agreement, **change)
    write(submission, dataclasses.replace(record, agreement=agreement))
    verdict = verify(submission)
    assert verdict.status == "rejected"
    assert words in "\n".join(verdict.reasons)


def test_one_file_is_no_two_folds(submission, tmp_path):
    record = again(submission, tmp_path, "all").record("Grace")
    folds = {name: (pair[0], "b" * 64) for name, pair in record.folds.items()}
    write(submission, dataclasses.replace(record, folds=folds))
    assert verify(submission).reasons[0].endswith("names one file for two folds")


def sent_by(submission, account):
    """The row of a submission's model, once the board has whatever is new from an account."""
    out = submission.parents[2] / "board"
    build.build(submission.parents[1], out, settings(), account=account)
    rows = csv.DictReader((out / "leaderboard.csv").read_text().splitlines())
    (row,) = [row for row in rows if row["kind"] == "measured"]
    return row["checked"], row["reproductions"], (out / "README.md").read_text()


def test_a_record_that_comes_with_a_submission_is_its_submitters_word(submission, tmp_path):
    write(submission, again(submission, tmp_path).record("Grace"))
    flag = Admission().verify(submission).flags[-1]
    assert flag.startswith("reproduced, says the submitter, which does not count: Grace, ")
    checked, records, page = sent_by(submission, "github:ada")
    assert checked == "recomputed"
    assert records.endswith("100.0 % same labels, says the submitter")
    assert re.search("checked recomputed; records Grace, .*, says the submitter; sent by", page)


@pytest.mark.parametrize(
    ("account", "name", "counts"),
    [
        ("github:grace", "Grace", True),
        ("serbench", "Grace", True),
        ("github:ada", "Grace", False),
        ("GitHub:Ada", "Grace", False),
        ("", "Grace", False),
        ("github:grace", " aDA ", False),
        ("github:grace", "\u0410da", False),
    ],
)
def test_a_record_counts_where_another_account_sent_it(submission, tmp_path, account, name, counts):
    assert sent_by(submission, "github:ada")[0] == "recomputed"
    write(submission, again(submission, tmp_path).record(name))
    checked, records, _ = sent_by(submission, account)
    assert checked == ("reproduced" if counts else "recomputed")
    assert records.endswith(", says the submitter") != counts


def test_a_record_of_somebody_elses_counts_for_nothing_where_nobody_knows_who_submitted(
    submission, tmp_path
):
    sent_by(submission, "")
    write(submission, again(submission, tmp_path).record("Grace"))
    assert sent_by(submission, "github:grace")[0] == "recomputed"


def test_a_model_that_is_not_installed_leaves_its_parameters_unchecked(submission):
    altered(
        submission,
        lambda fold: with_facts(config={**fold.stored["config"], "model_version": "0"})(fold),
    )
    config = fold_file.read(submission / "fold-01.safetensors").stored["config"]
    found = submission.rename(submission.parent / Config(**config).name)
    (found / card.FILE).unlink()
    submit(read(found), found.parent.parent, WORDS)
    verdict = verify(found)
    assert verdict.status == "recomputed"
    words = "its parameters were not checked: the model centroid has version 1 here, not 0"
    assert words in verdict.flags
    assert words not in build.judge(found).flags  # a board must not depend on who builds it


def test_a_link_is_no_record(submission, tmp_path):
    folder = submission / "reproductions"
    folder.mkdir()
    (tmp_path / "elsewhere").write_text(_text(RECORD))
    (folder / RECORD.file).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SerbenchError, match="is a link"):
        reproductions(submission)


def test_a_record_under_another_name_is_refused(submission):
    folder = submission / "reproductions"
    folder.mkdir()
    (folder / "2026-05-01-mallory-fold-1.json").write_text(_text(RECORD))
    with pytest.raises(SerbenchError, match="should be called 2026-05-01-grace-h-fold-1.json"):
        reproductions(submission)


def test_labels_decide_and_scores_only_where_something_differs():
    inside, outside = Score(0.5, 0.5, 0.4, 0.6), Score(0.5, 0.7, 0.4, 0.6)
    agreed = dataclasses.replace(RECORD.agreement, same_label=12)

    def grounds(f1, uar, differing=("threads",), speakers=10):
        scores = {"f1": f1, "uar": uar}
        changed = {"scores": scores, "differing": differing, "speakers": speakers}
        return dataclasses.replace(agreed, **changed).grounds

    assert grounds(inside, inside) == "scores"
    assert grounds(inside, inside, ()) == "none"
    assert grounds(inside, inside, speakers=9) == "undecided"
    assert grounds(inside, outside, speakers=9) == "undecided"
    assert grounds(inside, outside) == "none"
    assert grounds(inside, Score(0.5, 0.5, math.nan, math.nan)) == "none"
    assert dataclasses.replace(agreed, utterances=100, same_label=99).grounds == "labels"
    assert np.isclose(dataclasses.replace(agreed, utterances=100, same_label=98).share, 0.98)


def command(*arguments):
    return CliRunner().invoke(app, ["leaderboard", "reproduce", *map(str, arguments)])


def test_without_a_terminal_nothing_runs_unless_it_is_told_to(submission, tmp_path, run_command):
    words = ["leaderboard", "reproduce", submission, "--results", tmp_path / "r"]
    done = run_command(*words)
    assert done.returncode == 1
    assert done.stderr == (
        "serbench: running this must be confirmed, but there is no terminal: add --yes to confirm\n"
    )
    assert "serbench evaluate --model centroid" in done.stdout
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(("answer", "code"), [(b"\n", 1), (b"y\n", 0)])
def test_with_a_terminal_somebody_is_asked(submission, tmp_path, run_command, answer, code):
    words = ["leaderboard", "reproduce", submission, "--results", tmp_path / "r", "--jobs", "0"]
    ours, theirs = os.openpty()
    os.write(ours, answer)
    with os.fdopen(theirs) as terminal:
        done = run_command(*words, stdin=terminal)
    os.close(ours)
    assert done.returncode == code
    assert "Run it? [y/N]" in done.stdout
    last = "serbench: nothing was run" if code else "fold 1: finished; 1 of 1 fold is there"
    assert done.stderr.splitlines()[-1] == last
    assert (tmp_path / "r").exists() == (code == 0)


def test_the_command_reports_records_and_ends_with_0_or_1(submission, tmp_path):
    options = ("--yes", "--results", tmp_path / "r", "--jobs", "0")
    done = command(submission, *options, "--record", "--name", "Grace")
    assert done.exit_code == 0
    assert "\nREPRODUCED: " in done.stdout
    assert "recorded in " in done.stdout
    assert [one.by for one in reproductions(submission)] == ["Grace"]
    shutil.rmtree(submission / "reproductions")
    altered(submission, with_activations(lambda scores: scores[:, ::-1]))
    done = command(submission, *options)
    assert done.exit_code == 1
    assert "\nNOT REPRODUCED: " in done.stdout


def test_a_record_needs_a_name_before_anything_runs(submission):
    done = command(submission, "--yes", "--record")
    assert "give yours with --name" in str(done.exception)
    assert done.stdout == ""


def test_a_name_that_nobody_could_read_is_refused():
    with pytest.raises(BadParameter, match=r"U\+001B; give yours with --name"):
        require_name("a\x1b[2Jb")
