"""Tricks with submissions: what the verdict says of each, and what the board makes of it."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.leaderboard import build as building
from serbench.leaderboard import ledger
from serbench.leaderboard.admission import Admission
from serbench.leaderboard.ranking import copies, fingerprint
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.leaderboard.submissions.submission import load
from serbench.results import eligibility, fold_file
from serbench.results.config import Config
from serbench.results.run import read
from serbench.settings import settings

COMMITTED = Path(__file__).resolve().parents[2] / "leaderboard" / "submissions" / "ravdess"
NOBODY_CONFIRMED = "submitter 'Ada' as the card says, not confirmed"


@pytest.fixture(scope="module")
def made(home):
    """A submission of Ada's, a third of whose answers are random."""
    run = serbench.evaluate("centroid", "tones", jobs=0)
    return forged(submit(run, home / "submissions", Statements("Ada")), "Ada", erring)


@pytest.fixture
def ada(made, tmp_path):
    """A copy of it, in a folder of submissions of its own."""
    place = tmp_path / "submissions" / "tones" / made.name
    return shutil.copytree(made, place)


def erring(fold, seed=0):
    rng = np.random.default_rng([seed, fold.facts.fold.index])
    scores = fold.test.activations.copy()
    wrong = rng.random(len(scores)) < 1 / 3
    scores[wrong] = rng.permuted(scores[wrong], axis=1)
    return scored(fold, scores)


def scored(fold, scores):
    test = dataclasses.replace(fold.test, activations=scores.astype(np.float32))
    return dataclasses.replace(fold, test=test)


def forged(folder, by, change=lambda fold: fold, card=None, **config):
    """A copy of a submission as somebody else would send it: another configuration, a new card.

    Args:
        folder: to copy; one of the same configuration is changed where it is.
        by: the submitter's name.
        change: makes of each fold what it becomes.
        card: what the card says otherwise.
        config: what the configuration says otherwise.
    """
    folds = [change(fold_file.read(path)) for path in sorted(folder.glob("fold-*"))]
    words = {**folds[0].stored["config"], **config}
    target = folder.parents[1] / words["dataset"] / Config(**words).name
    target.mkdir(exist_ok=True, parents=True)
    (target / "card.json").unlink(missing_ok=True)
    for at, fold in enumerate(folds):
        facts = {**fold.stored, "config": words}
        fold_file.write(
            target / f"fold-{at + 1:02d}.safetensors", dataclasses.replace(fold, stored=facts)
        )
    submit(read(target), target.parents[1], Statements(by))
    said = json.loads((target / "card.json").read_text())
    (target / "card.json").write_text(json.dumps({**said, **(card or {})}))
    return target


def build(folder, account=""):
    """Make the board, with whatever is new from an account; returns its rows by run."""
    out = folder.parents[2] / "board"
    building.build(folder.parents[1], out, settings(), account=account)
    corpora = json.loads((out / "leaderboard.json").read_text())["corpora"]
    tables = [table for corpus in corpora for table in corpus["tables"]]
    return {run["run"]: row for table in tables for row in table["measured"] for run in row["runs"]}


def page(folder):
    return (folder.parents[2] / "board" / "README.md").read_text()


def looked_at(folder, account=""):
    verdict = Admission(account).verify(folder)
    assert verdict.status == "recomputed"
    return verdict.flags


# ---- who was first ----


@pytest.mark.parametrize("date", ["1999-01-01", "2026-01-01"])
def test_a_copy_with_an_older_date_takes_no_rank(ada, date):
    assert build(ada, "github:ada")[ada.name]["rank"] == 1

    def old(fold):
        return dataclasses.replace(fold, stored={**fold.stored, "finished": f"{date}T00:00:00"})

    eve = forged(ada, "Eve", old, {"submitted": date}, seed=7)
    assert looked_at(eve, "github:eve") == (
        f"the same scores, number for number, as {ada.name} in all 3 folds",
        f"it has no rank: same predictions as {ada.name}",
    )
    rows = build(eve, "github:eve")
    assert (rows[ada.name]["rank"], rows[eve.name]["rank"]) == (1, None)
    assert rows[eve.name]["objection"] == f"same predictions as {ada.name}"
    assert f": same predictions as {ada.name}." in page(eve)
    assert looked_at(ada) == ()


def test_a_copy_without_a_date_takes_no_rank(ada):
    build(ada, "github:ada")

    def undated(fold):
        return dataclasses.replace(
            fold, stored={key: one for key, one in fold.stored.items() if key != "finished"}
        )

    eve = forged(ada, "Eve", undated, seed=7)
    assert build(eve, "github:eve")[ada.name]["rank"] == 1


def test_of_two_that_come_at_once_neither_is_first(ada):
    eve = forged(ada, "Eve", seed=7)
    rows = build(ada)
    assert [rows[one.name]["rank"] for one in (ada, eve)] == [None, None]
    words = "same predictions as {}; both were added together, so neither was first"
    assert rows[ada.name]["objection"] == words.format(eve.name)
    assert rows[eve.name]["objection"] == words.format(ada.name)


def test_of_two_that_one_account_sends_at_once_one_has_a_rank(ada):
    copy = forged(ada, "Eve", seed=7)
    rows = build(ada, "github:ada")
    assert sorted([rows[one.name]["rank"] for one in (ada, copy)], key=str) == [1, None]


def test_a_copy_by_the_same_submitter_under_two_names_is_named(ada):
    build(ada, "github:ada")
    params = fold_file.read(ada / "fold-01.safetensors").facts.config.params
    copy = forged(ada, "Ada L.", params={**params, "scale": 99.0})
    rows = build(copy, "github:ada")
    assert rows[copy.name]["rank"] is None
    assert (
        f"same scores, number for number, as {ada.name} in all 3 folds" in rows[copy.name]["flags"]
    )


def test_folds_of_one_process_are_not_ranked_in_a_submission_either(ada):
    def second(fold):
        return dataclasses.replace(fold, stored={**fold.stored, "folds_before": 1})

    sent = forged(ada, "Ada", second)
    (flag,) = looked_at(sent, "github:ada")
    assert flag.startswith("it has no rank: folds were trained in one process, one after the other")


def test_what_was_removed_comes_back_to_its_place_and_its_copies_have_no_rank(ada, tmp_path):
    build(ada, "github:ada")
    eve = forged(ada, "Eve", seed=7)
    shutil.move(ada, tmp_path / "aside")
    words = f"same answers as tones/{ada.name}, which github:ada sent before"
    assert looked_at(eve, "github:eve") == (f"it has no rank: {words}",)
    rows = build(eve, "github:eve")
    assert rows.keys() == {eve.name}  # the ledger's line of what is gone lists nothing
    assert (rows[eve.name]["rank"], rows[eve.name]["objection"]) == (None, words)
    shutil.move(tmp_path / "aside", ada)
    rows = build(ada, "github:eve")
    assert (rows[ada.name]["rank"], rows[eve.name]["rank"]) == (1, None)
    assert rows[ada.name]["reference"] == "github:ada"


def test_a_run_that_was_renamed_keeps_its_place(ada):
    build(ada, "github:ada")
    eve = forged(ada, "Eve", seed=7)
    build(eve, "github:eve")
    renamed = forged(ada, "Ada", model_version="2")
    shutil.rmtree(ada)
    rows = build(renamed, "github:ada")
    assert (rows[renamed.name]["rank"], rows[eve.name]["rank"]) == (1, None)


def test_check_fails_for_what_the_ledger_lacks(ada, tmp_path):
    build(ada, "github:ada")
    book = ada.parents[2] / "ledger.csv"
    before = book.read_text()
    forged(ada, "Eve", erring, seed=7)
    out = ada.parents[2] / "board"
    command = ["leaderboard", "build", "--submissions", str(ada.parents[1]), "--out", str(out)]
    done = CliRunner().invoke(app, [*command, "--check"])
    assert done.exit_code == 1
    assert str(done.exception).startswith(f"stale in {out}: ../ledger.csv, README.md, ")
    assert book.read_text() == before
    assert CliRunner().invoke(app, [*command, "--account", "github:eve"]).exit_code == 0
    assert book.read_text().startswith(before)
    assert CliRunner().invoke(app, [*command, "--check"]).exit_code == 0
    book.write_text(before)  # the last line is gone
    assert CliRunner().invoke(app, [*command, "--check"]).exit_code == 1


def test_the_committed_ledger_has_every_committed_run():
    book = ledger.read(ledger.beside(COMMITTED.parent))
    folders = {
        f"{path.parents[1].name}/{path.parent.name}"
        for path in COMMITTED.parent.glob("*/*/card.json")
    }
    assert folders <= {one.path for one in book.lines}
    assert {one.account for one in book.lines if one.path in folders} == {"serbench"}


# ---- who sent it ----


def test_the_submitter_is_the_account_and_not_what_the_card_says(ada):
    assert Admission().verify(ada).submitter == NOBODY_CONFIRMED
    assert Admission("github:eve").verify(ada).submitter == "submitter github:eve, who sends it"
    assert build(ada, "github:Eve")[ada.name]["reference"] == "github:eve"
    verdict = Admission("github:ada").verify(ada)
    (line,) = ledger.read(ledger.beside(ada.parents[1])).lines
    assert verdict.submitter == f"submitter github:eve, in the ledger since {line.seen[:10]}"
    assert build(ada, "github:ada")[ada.name]["reference"] == "github:eve"


def test_without_an_account_the_submitter_is_not_confirmed(ada):
    assert build(ada)[ada.name]["reference"] == "Ada (not confirmed)"
    assert Admission().verify(ada).submitter == NOBODY_CONFIRMED


def test_another_accounts_seed_is_no_seed_of_mine(ada):
    build(ada, "github:ada")
    eve = forged(ada, "Ada", lambda fold: erring(fold, 5), seed=7)
    rows = build(eve, "github:eve")
    assert len(rows[ada.name]["runs"]) == 1
    assert rows[eve.name]["reference"] == "github:eve"


TAKEN = (
    "its submitter's name is serbench, or looks like it: that name is reserved for the "
    "repository's own runs"
)
OWN = [
    "serbench",
    "Serbench",
    " SER bench",
    "serbench (official)",
    "\u0455erbench",
    "\uff33erbench",
]


@pytest.mark.parametrize("name", OWN)
def test_the_repositorys_own_name_is_reserved(ada, name):
    ours = forged(ada, name)
    assert Admission().verify(ours).flags[-1] == TAKEN
    assert Admission("github:serbench").verify(ours).reasons == (TAKEN,)
    ledger.write(ledger.beside(ours.parents[1]), ledger.Ledger())
    other = forged(ada, "Eve", lambda fold: erring(fold, 5), seed=7)
    assert build(other, "github:serbench").keys() == {other.name}
    assert f"- Folder tones/{ours.name}: {TAKEN}" in page(ours)
    assert ours.name not in ledger.beside(ours.parents[1]).read_text()
    assert build(ours).keys() == {other.name}
    assert f"{TAKEN}; to add such runs, give \\`--account serbench\\`" in page(ours)
    assert build(ours, "serbench")[ours.name]["reference"] == "serbench"
    assert Admission().verify(ours).status == "recomputed"


@pytest.mark.parametrize("name", ["serbenchmark", "Ser Benchley", "Ada"])
def test_other_names_are_not(ada, name):
    assert build(forged(ada, name), "github:ada")[ada.name]["rank"] == 1


# ---- names that look alike ----


@pytest.mark.parametrize("name", ["ada", "A d a", "\u0410\u0434\u0430".replace("\u0434", "d")])
def test_a_submitter_that_looks_like_another_is_flagged(ada, name):
    build(ada, "github:ada")
    eve = forged(ada, name, lambda fold: erring(fold, 5), seed=7)
    words = f"its submitter {name!r} looks like 'Ada' of {ada.name}"
    assert words in looked_at(eve, "github:eve")
    assert words in build(eve, "github:eve")[eve.name]["flags"]
    assert "looks like 'Ada' of" in page(eve)
    assert not looked_at(ada)


def test_one_account_may_write_its_name_in_two_ways(ada):
    build(ada, "github:ada")
    again = forged(ada, "ada", lambda fold: erring(fold, 5), seed=7)
    assert looked_at(again, "github:ada") == ()


def test_a_model_that_looks_like_another_is_flagged(ada):
    build(ada, "github:ada")
    eve = forged(ada, "Eve", lambda fold: erring(fold, 5), model="c\u0435ntroid")
    flags = looked_at(eve, "github:eve")
    assert f"its model 'c\u0435ntroid' looks like 'centroid' of {ada.name}" in flags
    letter = "U+0435 CYRILLIC SMALL LETTER IE in 'c\u0435ntroid'"
    assert f"its model has a letter of another script or form: {letter}" in flags
    build(eve, "github:eve")
    assert "Look at: c\u0435ntroid (" in page(eve)


def test_a_letter_of_another_script_in_a_description_is_flagged(ada):
    said = json.loads((ada / "card.json").read_text())
    said["model"]["description"] = "Whisp\u0435r"
    (ada / "card.json").write_text(json.dumps(said))
    assert looked_at(ada) == (
        "its description has a letter of another script or form: "
        "U+0435 CYRILLIC SMALL LETTER IE in 'Whisp\u0435r'",
    )


# ---- what was copied in part, or changed a little ----


def but_for(name, change):
    """Change all folds but one."""
    return lambda fold: fold if fold.facts.fold.name == name else change(fold)


def test_folds_of_another_submission_are_named(ada):
    build(ada, "github:ada")
    eve = forged(ada, "Eve", but_for("2", lambda fold: erring(fold, 5)), seed=7)
    words = f"the same scores, number for number, as {ada.name} in 1 of 3 folds (2)"
    assert looked_at(eve, "github:eve") == (words,)
    assert words in build(eve, "github:eve")[eve.name]["flags"]
    assert f": {words}." in page(eve)
    assert looked_at(ada) == ()


def test_the_same_answers_under_other_scores_are_named(ada):
    build(ada, "github:ada")

    def louder(fold):
        return scored(fold, 3 * fold.test.activations + 1)

    eve = forged(ada, "Eve", but_for("2", lambda fold: erring(fold, 5)), seed=7)
    eve = forged(eve, "Eve", louder, seed=7)
    assert looked_at(eve, "github:eve") == (f"the same answers as {ada.name} in 1 of 3 folds (2)",)


def test_a_copy_with_its_utterances_in_another_order_is_known(ada):
    build(ada, "github:ada")

    def turned(fold):
        order = np.arange(len(fold.test.ids))[::-1]
        test = fold.test
        shuffled = type(test)(
            tuple(test.ids[at] for at in order),
            tuple(test.speakers[at] for at in order),
            test.truth[order],
            np.ascontiguousarray(test.activations[order]),
        )
        return dataclasses.replace(fold, test=shuffled)

    eve = forged(ada, "Eve", turned, seed=7)
    words = f"the same scores, number for number, as {ada.name} in all 3 folds"
    assert words in looked_at(eve, "github:eve")


def relabelled(fold):
    """The same with its labels in another order."""
    facts = {**fold.stored, "labels": fold.facts.labels[::-1]}
    test = dataclasses.replace(
        fold.test,
        truth=2 - fold.test.truth,
        activations=np.ascontiguousarray(fold.test.activations[:, ::-1]),
    )
    return dataclasses.replace(fold, stored=facts, test=test)


def test_a_copy_with_its_labels_in_another_order_is_refused_or_known(ada):
    build(ada, "github:ada")
    eve = forged(ada, "Eve", relabelled, seed=7)
    verdict = Admission("github:eve").verify(eve)
    assert verdict.status == "rejected"
    assert verdict.reasons[0].startswith("its labels are high, middle, low; those of the label set")
    ours, theirs = (fingerprint.of(load(one)) for one in (ada, eve))
    assert ours.answers == theirs.answers
    assert copies.shared(theirs, ours) == (["1", "2", "3"], [])


def test_folds_that_hold_one_answer_or_none_that_is_wrong_are_nobodys(ada):
    def says_nothing(fold):
        return scored(fold, np.tile([3.0, 2.0, 1.0], (len(fold.test.ids), 1)))

    def all_right(fold):
        rng = np.random.default_rng(fold.facts.fold.index)
        return scored(fold, np.eye(3)[fold.test.truth] + 0.1 * rng.random((len(fold.test.ids), 3)))

    def right_in_one(fold):
        return (all_right if fold.facts.fold.name == "1" else says_nothing)(fold)

    def louder(fold):
        return scored(fold, 2 * right_in_one(fold).test.activations)

    forged(ada, "Ada", right_in_one)
    build(ada, "github:ada")
    eve = forged(ada, "Eve", louder, seed=7)
    assert looked_at(eve, "github:eve") == ("it has no rank: same predictions as " + ada.name,)


@pytest.fixture
def svm(tmp_path):
    """The committed run of functionals-svm, and its board."""
    (folder,) = COMMITTED.glob("ravdess_functionals-svm_paper_*_99497dc5")
    (linear,) = COMMITTED.glob("ravdess_functionals-linear_paper_*_7a4ddeac")
    for one in (folder, linear):
        shutil.copytree(one, tmp_path / "submissions" / "ravdess" / one.name)
    ours = tmp_path / "submissions" / "ravdess" / folder.name
    build(ours, "serbench")
    return ours


@pytest.mark.parametrize(("share", "named"), [(0.01, True), (0.04, True), (0.3, False)])
def test_a_copy_with_a_few_answers_changed_is_named(svm, places, share, named):
    def changed(fold):
        rng = np.random.default_rng(fold.facts.fold.index)
        scores = fold.test.activations + rng.normal(0, 1e-6, fold.test.activations.shape)
        some = rng.random(len(scores)) < share
        scores[some] = rng.permuted(scores[some], axis=1)
        return scored(fold, scores)

    eve = forged(svm, "Eve", changed, seed=7)
    found = [one for one in looked_at(eve, "github:eve") if "mistakes" in one]
    assert len(found) == named
    if named:
        assert found[0].startswith(f"nearly the same mistakes as {svm.name}: ")
        assert found[0].endswith(" % of the mistakes of either are the same wrong answer")
    assert build(eve, "github:eve")[svm.name]["flags"] == ""


def test_committed_runs_share_no_more_than_honest_ones_do():
    sent = [load(path.parent) for path in sorted(COMMITTED.glob("*/card.json"))]
    assert len(sent) >= 18
    models = [one.card.model.name for one in sent]
    alike = copies.same_mistakes([fingerprint.of(one) for one in sent])
    pairs = {(models[first], models[other]) for first, other, _ in alike}
    # the same model on features of another version
    assert pairs == {("functionals-svm",) * 2, ("functionals-linear",) * 2}


# ---- other audio ----


def test_audio_that_nobody_else_has_has_no_rank(ada):
    build(ada, "github:ada")

    def of_other_audio(fold):
        facts = {**fold.stored, "pins": {**fold.stored["pins"], "audio": "b" * 64}}
        return erring(dataclasses.replace(fold, stored=facts), 5)

    eve = forged(ada, "Eve", of_other_audio, seed=7)
    words = "no other account has its audio, so there is nothing to rank it against"
    assert looked_at(eve, "github:eve") == (f"it has no rank: {words}",)
    rows = build(eve, "github:eve")
    assert (rows[ada.name]["rank"], rows[eve.name]["rank"]) == (1, None)
    assert rows[eve.name]["objection"] == words
    second = forged(ada, "Eve 2", lambda fold: of_other_audio(erring(fold, 6)), seed=8)
    assert build(second, "github:eve")[eve.name]["rank"] is None  # whoever sends two sends one
    third = forged(ada, "Mallory", lambda fold: of_other_audio(erring(fold, 7)), seed=9)
    rows = build(third, "github:bob")
    assert (rows[ada.name]["rank"], rows[eve.name]["rank"]) == (1, 1)


def test_a_run_without_a_rank_keeps_nobody_from_one_by_its_audio(ada):
    def of_other_audio(fold):
        facts = {**fold.stored, "pins": {**fold.stored["pins"], "audio": "b" * 64}}
        alone = {"utterances": 8, "largest_difference": 1.0, "other_labels": 8}
        return dataclasses.replace(fold, stored={**facts, "alone": alone})

    forged(ada, "Ada", of_other_audio)
    assert build(ada, "github:ada")[ada.name]["objection"] == eligibility.BATCH
    eve = forged(ada, "Eve", lambda fold: honest(erring(fold, 5)), seed=7)
    assert build(eve, "github:eve")[eve.name]["rank"] == 1


def honest(fold):
    facts = {**fold.stored, "pins": {**fold.stored["pins"], "audio": "c" * 64}}
    alone = {"utterances": 8, "largest_difference": 0.0, "other_labels": 0}
    return dataclasses.replace(fold, stored={**facts, "alone": alone})


def test_a_folder_reached_through_a_link_is_found_beside_the_others(ada, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tones").symlink_to(ada.parent)
    build(ada, "github:ada")
    verdict = Admission().verify(tmp_path / "elsewhere" / "tones" / ada.name)
    assert verdict.submitter.startswith("submitter github:ada, in the ledger since ")


def test_one_fold_of_other_audio_is_other_audio(ada):
    build(ada, "github:ada")

    def of_other_audio(fold):
        facts = {**fold.stored, "pins": {**fold.stored["pins"], "audio": "b" * 64}}
        return dataclasses.replace(erring(fold, 5), stored=facts)

    eve = forged(ada, "Eve", but_for("1", of_other_audio), seed=7)
    assert build(eve, "github:eve")[eve.name]["rank"] is None


# ---- folders of others ----


def test_a_card_that_names_another_runs_folder_is_rejected(ada):
    eve = forged(ada, "Eve", lambda fold: erring(fold, 5), {"run": ada.name}, seed=7)
    assert Admission("github:eve").verify(eve).reasons == (
        f"the card is of the run {ada.name}, but the configuration is that of {eve.name}",
    )


def test_answers_that_change_later_are_as_new_as_the_change(ada):
    build(ada, "github:ada")
    eve = forged(ada, "Eve", lambda fold: erring(fold, 5), seed=7)
    build(eve, "github:eve")
    forged(
        eve,
        "Eve",
        lambda fold: fold_file.read(ada / f"fold-0{fold.facts.fold.name}.safetensors"),
        seed=7,
    )
    rows = build(eve, "github:eve")
    assert (rows[ada.name]["rank"], rows[eve.name]["rank"]) == (1, None)


def test_a_damaged_ledger_is_said_by_verify(ada):
    build(ada, "github:ada")
    book = ledger.beside(ada.parents[1])
    book.write_text(book.read_text().replace("github:ada", "github:eve"))
    done = CliRunner().invoke(app, ["leaderboard", "verify", str(ada)])
    assert done.exit_code == 1
    assert "has a line 2 that does not follow" in str(done.exception)


def test_the_command_takes_an_account(ada):
    done = CliRunner().invoke(app, ["leaderboard", "verify", str(ada), "--account", "github:eve"])
    assert done.output == f"ok recomputed {ada}\n  submitter github:eve, who sends it\n"
    done = CliRunner().invoke(app, ["leaderboard", "verify", str(ada), "--account", "eve"])
    assert "'eve' is not an account" in str(done.exception)
