import dataclasses
import json
import shlex
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import SerbenchError
from serbench.leaderboard.submissions import card as cards
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.leaderboard.submissions.submission import load
from serbench.leaderboard.verification.verdict import verify
from serbench.results import fold_file
from serbench.results.run import read
from serbench.settings import settings

ADA = Statements("Ada", contact="ada@example.org", description="a nearest mean")


@pytest.fixture(scope="module")
def home(home):
    """Runs of this module, below the places that they were made with."""
    serbench.evaluate("exporter", "tones", jobs=0)
    shutil.copytree(next((home / "cache" / "corpora").iterdir()), home / "data" / "hushed")
    serbench.evaluate("centroid", "hushed", jobs=0)
    return home


@pytest.fixture
def run(home, tmp_path):
    """A copy of a run."""

    def copy(name):
        (folder,) = (home / "results").glob(f"{name}_*")
        return read(shutil.copytree(folder, tmp_path / "results" / folder.name))

    return copy


def _command(*arguments):
    return CliRunner().invoke(app, ["leaderboard", "submit", *map(str, arguments)])


def test_what_the_results_know_is_on_the_card(run, tmp_path):
    found = run("tones")
    folder = submit(found, tmp_path / "out", ADA)
    assert folder == tmp_path / "out" / "tones" / found.name
    names = [f"fold-0{number}.safetensors" for number in (1, 2, 3)]
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", *names]
    for name in names:
        assert (folder / name).read_bytes() == (found.folder / name).read_bytes()
    card = cards.read(folder / "card.json")
    assert (card.run, card.dataset, card.truth) == (found.name, "tones", "included")
    assert card.model == cards.ModelCard("exporter", "a nearest mean", pretrained=True)
    assert card.submitter == cards.Submitter("Ada", "ada@example.org")
    assert card.serbench == serbench.__version__
    assert card.scores["f1"].mean == found.mean_std("f1").mean
    assert card.scores["uar"].high == found.interval("uar").high
    assert np.array_equal([fold.confusion for fold in card.folds], found.confusions)
    assert np.array_equal(list(card.speakers.values()), found.speaker_confusions)


def test_a_submission_is_read_as_it_was_packed(run, tmp_path):
    found = run("tones")
    made = load(submit(found, tmp_path / "out", ADA))
    assert made.has_truth
    for counts in (made.stored_counts(), made.claimed_counts()):
        assert counts.speakers == ("s1", "s2", "s3", "s4", "s5", "s6")
        assert np.array_equal(counts.folds, found.confusions)
        assert np.array_equal(counts.by_speaker, found.speaker_confusions)
    assert [file.facts.fold.name for file in made.files] == ["1", "2", "3"]


def test_a_card_reads_as_it_was_written(run, tmp_path):
    folder = submit(run("tones"), tmp_path / "out", ADA)
    card = cards.read(folder / "card.json")
    cards.write(tmp_path / "again.json", card)
    assert (tmp_path / "again.json").read_bytes() == (folder / "card.json").read_bytes()
    assert '"s1": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]' in (folder / "card.json").read_text()


def test_what_is_not_defined_is_null_on_a_card(run, tmp_path):
    card = cards.read(submit(run("tones"), tmp_path / "out", ADA) / "card.json")
    score = dataclasses.replace(card.scores["f1"], std=np.nan, low=np.nan)
    cards.write(tmp_path / "one.json", dataclasses.replace(card, scores={"f1": score}))
    stored = json.loads((tmp_path / "one.json").read_text())["scores"]["f1"]
    assert stored["std"] is None
    assert np.isnan(cards.read(tmp_path / "one.json").scores["f1"].low)


def test_an_incomplete_run_is_refused_with_the_command_that_completes_it(run, tmp_path):
    found = run("tones")
    (found.folder / "fold-02.safetensors").unlink()
    with pytest.raises(SerbenchError, match="lacks 1 of 3 folds; this runs them: ") as raised:
        submit(read(found.folder), tmp_path / "out", ADA)
    command = shlex.split(str(raised.value).partition("this runs them: ")[2])
    assert command[:4] == ["serbench", "evaluate", "--model", "exporter"]
    done = CliRunner().invoke(app, [*command[1:], "--jobs", "0"])
    assert done.exit_code == 0
    assert read(found.folder).missing == 0
    assert [path.name for path in found.folder.parent.iterdir()] == [found.name]


def test_another_submission_is_not_overwritten(run, tmp_path):
    found = run("tones")
    folder = submit(found, tmp_path / "out", ADA)
    path = found.folder / "fold-02.safetensors"
    fold = fold_file.read(path)
    fold_file.write(path, dataclasses.replace(fold, stored={**fold.stored, "threads": 7}))
    with pytest.raises(SerbenchError, match="contains another submission of a run with this name"):
        submit(read(found.folder), tmp_path / "out", ADA)
    assert fold_file.read(folder / path.name).facts.threads == fold.facts.threads


def test_nobody_takes_over_the_submission_of_another(run, tmp_path):
    found = run("tones")
    submit(found, tmp_path / "out", ADA)
    with pytest.raises(SerbenchError, match="is a submission by Ada, not by Bob: choose another"):
        submit(found, tmp_path / "out", Statements("Bob"))


def test_submitting_again_adds_to_what_was_said(run, tmp_path):
    found = run("tones")
    folder = submit(found, tmp_path / "out", ADA)
    card = dataclasses.replace(cards.read(folder / "card.json"), submitted="2020-02-02")
    cards.write(folder / "card.json", card)
    submit(found, tmp_path / "out", Statements("Ada", seen="no", address="https://example.org"))
    again = cards.read(folder / "card.json")
    assert again.submitted == "2020-02-02"
    assert again.model == dataclasses.replace(card.model, seen_test_corpus="no")
    assert again.submitter == card.submitter
    assert again.code == dataclasses.replace(card.code, address="https://example.org")


def test_a_run_in_its_place_is_given_its_card(run, tmp_path):
    found = run("tones")
    place = tmp_path / "out" / "tones" / found.name
    shutil.copytree(found.folder, place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    submit(read(place), tmp_path / "out", ADA)
    after = {path.name: path.read_bytes() for path in place.iterdir()}
    assert after.keys() - before.keys() == {"card.json"}
    assert {**after, **before} == after
    assert verify(place).status == "recomputed"


def test_kept_models_do_not_go_along(run, tmp_path):
    found = run("tones")
    (found.folder / "models" / "fold-01").mkdir(parents=True)
    assert verify(submit(found, tmp_path / "out", ADA)).status == "recomputed"


def test_the_licence_of_the_results_goes_before_the_submitters(run, tmp_path):
    found = run("tones")
    for path in found.folder.glob("*.safetensors"):
        fold = fold_file.read(path)
        model = {**fold.stored["model"], "licence": "mit"}
        fold_file.write(path, dataclasses.replace(fold, stored={**fold.stored, "model": model}))
    words = dataclasses.replace(ADA, licence="secret")
    known = submit(read(found.folder), tmp_path / "known", words)
    assert cards.read(known / "card.json").model.licence == "mit"
    unknown = submit(run_of(tmp_path, found, "unknown"), tmp_path / "unknown", words)
    assert cards.read(unknown / "card.json").model.licence == "secret"


def run_of(tmp_path, found, licence):
    """The run, with another licence of its checkpoint."""
    for path in found.folder.glob("*.safetensors"):
        fold = fold_file.read(path)
        model = {**fold.stored["model"], "licence": licence}
        fold_file.write(path, dataclasses.replace(fold, stored={**fold.stored, "model": model}))
    return read(found.folder)


# ---- labels that a licence keeps ----


def test_labels_that_a_licence_keeps_stay_at_home(run, tmp_path):
    found = run("hushed")
    folder = submit(found, tmp_path / "out", ADA)
    card = cards.read(folder / "card.json")
    assert card.truth == "withheld"
    assert np.array_equal([fold.confusion for fold in card.folds], found.confusions)
    for path in folder.glob("*.safetensors"):
        ours, theirs = fold_file.read(found.folder / path.name), path.read_bytes()
        assert b"test.truth" not in theirs
        assert ours.test.activations.tobytes() in theirs
    made = load(folder)
    assert not made.has_truth
    assert made.all_facts == [fold.facts for fold in found.folds]
    assert np.array_equal(made.claimed_counts().by_speaker, found.speaker_confusions)


def test_a_submission_without_truth_is_no_run_and_says_so(run, tmp_path):
    folder = submit(run("hushed"), tmp_path / "out", ADA)
    with pytest.raises(SerbenchError, match="has no true labels: the corpus's licence keeps them"):
        read(folder)


def test_ones_own_results_are_not_robbed_of_their_labels(run, tmp_path):
    found = run("hushed")
    place = shutil.copytree(found.folder, tmp_path / "out" / "hushed" / found.name)
    with pytest.raises(SerbenchError, match="contains your own results: choose another --out"):
        submit(read(place), tmp_path / "out", ADA)
    assert read(place).missing == 0


# ---- notes and odd words ----


def test_a_note_goes_along(run, tmp_path):
    (tmp_path / "mine.txt").write_bytes("Two folds at a time.\r\nÜber Nacht.".encode())
    folder = submit(run("tones"), tmp_path / "out", ADA, tmp_path / "mine.txt")
    assert (folder / "note.md").read_text("utf-8") == "Two folds at a time.\nÜber Nacht."
    assert verify(folder).status == "recomputed"


def test_a_note_that_is_no_text_is_refused(run, tmp_path):
    (tmp_path / "mine.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SerbenchError, match="is not text in UTF-8"):
        submit(run("tones"), tmp_path / "out", ADA, tmp_path / "mine.txt")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (Statements(""), "submitter.name is '', which is not written as it must be"),
        (Statements("Ada\x1b[2J"), "submitter.name contains the control character U\\+001B"),
        (Statements("Ada", description="a" * 3000), "model.description has 3000 characters"),
        (Statements("Ada", seen="perhaps"), "seen_test_corpus is 'perhaps'"),
    ],
)
def test_words_that_no_card_may_have_are_refused(run, tmp_path, words, said):
    with pytest.raises(SerbenchError, match=said):
        submit(run("tones"), tmp_path / "out", words)
    assert not list(tmp_path.glob("out/*/*"))


# ---- the command ----


def test_the_command_packs_checks_and_says_what_is_next(run, tmp_path):
    found = run("tones")
    code = ("--commit", "1a2b3c4", "--install", "pip install my-ser==0.1")
    done = _command(found.folder, "--submitter", "Ada", *code, "--out", tmp_path / "out")
    folder = tmp_path / "out" / "tones" / found.name
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert done.output.splitlines() == [
        f"ok recomputed {folder}",
        "  submitter 'Ada' as the card says, not confirmed",
        "  look at: every prediction is correct",
        f"4 files, {size / 1000:.0f} kB",
        "commit 1a2b3c4",
        "installed by: pip install my-ser==0.1",
        "Next: open a pull request that adds the folder as "
        f"leaderboard/submissions/tones/{found.name}",
    ]
    assert done.exit_code == 0


def test_the_command_fails_where_verify_rejects(run, tmp_path):
    found = run("tones")
    for path in found.folder.glob("*.safetensors"):
        fold = fold_file.read(path)
        test = dataclasses.replace(fold.test, truth=np.roll(fold.test.truth, 1))
        fold_file.write(path, dataclasses.replace(fold, test=test))
    done = _command(found.folder, "--submitter", "Ada", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert done.output.startswith("REJECTED ")
    assert "with another label" in done.output
    assert "It would not be accepted: fix these faults" in done.output


def test_a_wrong_answer_is_told_at_once(run, tmp_path):
    done = _command("any", "--submitter", "Ada", "--seen", "maybe")
    assert "there is no answer to --seen 'maybe'" in str(done.exception)


# ---- whole corpora ----


def _stored(corpus, folds, protocol, run_folder, model):
    """A run of made-up predictions of a corpus, without training anything."""
    place = {label: index for index, label in enumerate(corpus.labels)}
    for index, fold in enumerate(folds):
        rng = np.random.default_rng(index)
        truth = np.array([place[corpus.by_id[one].label] for one in fold.test])
        scores = rng.normal(size=(len(truth), len(place))) + 2 * np.eye(len(place))[truth]
        speakers = tuple(corpus.by_id[one].speaker for one in fold.test)
        facts = _facts(corpus, folds, protocol, index, model)
        scored = fold_file.Scored(fold.test, speakers, truth, scores.astype(np.float32))
        fold_file.write(
            run_folder / f"{fold_file.stem(index)}.safetensors", fold_file.FoldResult(facts, scored)
        )
    return read(run_folder)


def _facts(corpus, folds, protocol, index, model):
    """As the worker writes them, with a curve of 100 epochs."""
    from serbench.corpus import protocol_digest
    from serbench.protocols import leakage

    fold, (facts, config) = folds[index], model
    config = {**config, "dataset": corpus.name, "labels": corpus.label_set}
    curve = [{"epoch": k, "train_loss": 1 / (k + 7), "validation_uar": 0.1} for k in range(100)]
    return {
        **facts,
        "config": {**config, "protocol": protocol},
        "pins": {
            "corpus": corpus.digest,
            "protocol": protocol_digest(folds),
            "audio": "0" * 64,
        },
        "protocol": {"name": protocol, "leaks": "", "folds": len(folds)},
        "fold": {
            "index": index,
            "name": fold.name,
            "group": fold.group,
            "utterances": {p: len(getattr(fold, p)) for p in ("train", "validation", "test")},
        },
        "labels": list(corpus.labels),
        "certificate": leakage.to_json(
            dataclasses.replace(leakage.certify(corpus, fold, {}), audio_checked=True)
        ),
        "curve": curve,
    }


@pytest.fixture
def whole(run, tmp_path):
    """Makes a run of a whole corpus."""

    def make(name, corpus_of):
        from serbench import datasets
        from serbench.protocols import lookup
        from serbench.results.config import Config

        facts = run("tones").folds[0].stored
        source = datasets.find(name, settings())
        corpus = corpus_of(source)
        protocol = lookup.find_protocol("paper", source.dataset)
        folds = lookup.make_folds(protocol, corpus)
        config = {**facts["config"], "dataset": name, "labels": corpus.label_set}
        folder = tmp_path / "whole" / Config(**{**config, "protocol": "paper"}).name
        return _stored(corpus, folds, "paper", folder, (facts, facts["config"]))

    return make


def test_the_whole_of_crema_d_takes_less_than_400_kb(whole, tmp_path):
    pytest.importorskip("serbench_corpora")
    from serbench import datasets

    folder = submit(whole("crema-d", datasets.manifest), tmp_path / "out", ADA)
    verdict = verify(folder)
    assert verdict.status == "recomputed"
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size < 400_000


@pytest.mark.slow
def test_iemocap_is_recomputed_only_where_it_is_at_hand(whole, tmp_path, monkeypatch):
    lookalike = pytest.importorskip("serbench_corpora.fake_corpora")
    from serbench import datasets

    lookalike.write_iemocap(tmp_path / "data" / "iemocap")
    monkeypatch.setenv("SERBENCH_DATA", str(tmp_path / "data"))
    folder = submit(whole("iemocap", datasets.read), tmp_path / "out", ADA)
    assert cards.read(folder / "card.json").truth == "withheld"
    assert verify(folder).status == "recomputed"
    monkeypatch.setenv("SERBENCH_DATA", str(tmp_path / "empty"))
    verdict = verify(folder)
    assert verdict.status == "not recomputed"
    assert verdict.reasons[0].startswith("the corpus is not on this machine: ")
