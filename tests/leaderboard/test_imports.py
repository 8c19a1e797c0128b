"""Published tables become submissions, or are refused with words that say what to do."""

import csv
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from serbench.cli.app import app
from serbench.errors import SerbenchError
from serbench.leaderboard import build as building
from serbench.leaderboard.imports.run import Origin, Reading, Setting, make
from serbench.leaderboard.imports.table import Columns
from serbench.leaderboard.reproduction.proposal import propose
from serbench.leaderboard.submissions.submission import load
from serbench.leaderboard.verification.verdict import verify
from serbench.metrics.classification import by_group, uar
from serbench.results import fold_file
from serbench.results.run import read
from serbench.settings import settings

ravdess = pytest.importorskip("serbench_corpora.ravdess")

CORPUS = ravdess.manifest()
LABELS = CORPUS.labels
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "importing.md").read_text("utf-8")
PEPINO = Path(os.environ.get("SERBENCH_PEPINO_TABLE", "pepino-ravdess-scores.csv"))


@pytest.fixture(autouse=True)
def _places(monkeypatch, tmp_path):
    for name in ("data", "cache", "results"):
        monkeypatch.setenv(f"SERBENCH_{name.upper()}", str(tmp_path / name))


def guesses(share=0.7, seed=0):
    """Return invented predictions of all utterances, as rows of logits: (id, fold, scores)."""
    rng = np.random.default_rng(seed)
    (protocol,) = [one for one in ravdess.PROTOCOLS if one.name == "luna-jimenez"]
    rows = []
    for number, fold in enumerate(protocol.folds(CORPUS)):
        for name in fold.test:
            scores = rng.normal(size=len(LABELS))
            if rng.random() < share:
                scores[LABELS.index(CORPUS.by_id[name].label)] += 5
            rows.append([name, str(number), *(f"{score:.4f}" for score in scores)])
    return rows


HEAD = ("utterance", "fold", *LABELS)


def write(path, rows, head=HEAD):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


@pytest.fixture
def table(tmp_path):
    """Write a table, and return its path."""
    return lambda rows, head=HEAD: write(tmp_path / "table.csv", rows, head)


def imported(path, *, labels=None, protocol="luna-jimenez", dataset="ravdess", **reading):
    """Import a table of softmax scores, and return the outcomes."""
    reading = {"link": "softmax", **reading}
    return make(
        path,
        Setting(dataset, protocol, labels),
        Reading(**reading),
        Origin("A system", "Ada", "https://example.org/table.csv", "abc1234", "MIT"),
        out=path.parent / "submissions",
        submitter="Grace",
    )


def refusal(path, **reading):
    """Return the words with which a table is refused; nothing is written then."""
    with pytest.raises(SerbenchError) as raised:
        imported(path, **reading)
    assert not (path.parent / "submissions").exists()
    assert "\n" not in str(raised.value)
    return str(raised.value)


# ---- what is imported ----


def test_an_import_is_a_submission_whose_scores_are_recomputed(table):
    rows = guesses()
    (outcome,) = imported(table(rows))
    assert verify(outcome.folder).status == "recomputed"
    submission = load(outcome.folder)
    counts = submission.stored_counts()
    truth = np.array([LABELS.index(CORPUS.by_id[row[0]].label) for row in rows])
    predicted = np.array([row[2:] for row in rows], float).argmax(axis=1)
    (matrix,) = by_group(truth, predicted, ["all"] * len(rows), len(LABELS)).values()
    assert (counts.folds.sum(axis=0) == matrix).all()
    assert outcome.run.pooled("uar") == pytest.approx(float(uar(matrix)))
    assert submission.card.submitter.name == "Grace"
    assert submission.card.code.commit == "abc1234"


def test_nothing_is_said_that_nobody_here_knows(table):
    (outcome,) = imported(table(guesses()))
    stored, arrays = fold_file.contents(outcome.folder / "fold-01.safetensors")
    for name in ("validation", "alone", "seconds", "device", "threads", "machine", "model"):
        assert name not in stored
    assert "audio" not in stored["pins"]
    assert not any(name.startswith("validation") for name in arrays)
    assert stored["imported"]["publisher"] == "Ada"
    assert stored["imported"]["seed"] == ""
    card = load(outcome.folder).card.model
    assert (card.parameters, card.pretrained, card.seen_test_corpus) == (None, None, "unknown")


def test_an_import_reads_as_any_run_and_says_that_it_was_not_run_here(table):
    (outcome,) = imported(table(guesses()))
    page = str(read(outcome.folder))
    assert "NOT RANKED: its predictions are from a published table" in page
    assert "Not run here: Ada, https://example.org/table.csv published the scores" in page
    assert "nan" not in page


def test_folds_are_found_by_their_utterances_whatever_they_are_called(table):
    rows = guesses()
    (outcome,) = imported(table(rows))
    folds = [submitted.arrays for submitted in load(outcome.folder).files]
    for rename in (lambda fold: str(int(fold) + 1), lambda fold: f"Fold_{9 - int(fold)}"):
        (again,) = imported(table([[name, rename(fold), *rest] for name, fold, *rest in rows]))
        for ours, theirs in zip(folds, load(again.folder).files, strict=True):
            assert all(np.array_equal(ours[key], theirs.arrays[key]) for key in ours)


def test_a_table_needs_no_column_of_folds(table):
    rows = [[name, *rest] for name, _, *rest in guesses()]
    (outcome,) = imported(table(rows, ("file", *LABELS)))
    assert len(outcome.run.folds) == 5


def test_rows_may_name_files_with_paths_and_endings(table):
    rows = guesses()
    ways = ("{}.wav", "audio/Actor_01/{}.wav", "C:\\RAVDESS\\{}.WAV", "{}", " {} ")
    rows = [[ways[at % 5].format(name), *rest] for at, (name, *rest) in enumerate(rows)]
    (outcome,) = imported(table(rows))
    assert int(outcome.run.confusions.sum()) == 1440


def test_names_may_begin_otherwise(table):
    rows = [[name.replace("03-01-", "01-01-", 1), *rest] for name, *rest in guesses()]
    assert "none of the 1440 utterances of table.csv is in ravdess" in refusal(table(rows))
    (outcome,) = imported(table(rows), renamed={"01-01-": "03-01-"})
    assert outcome.run.config.params["rename"] == "01-01-=03-01-"


def test_the_order_of_rows_and_columns_does_not_matter(table):
    rows = guesses()
    (outcome,) = imported(table(rows))
    head = (*reversed(LABELS), "fold", "utterance")
    turned = [list(reversed(row)) for row in reversed(rows)]
    (again,) = imported(table(turned, head), columns=Columns(utterance="utterance"))
    first, second = (load(one.folder).files for one in (outcome, again))
    assert all(
        np.array_equal(a.arrays["test.activations"], b.arrays["test.activations"])
        for a, b in zip(first, second, strict=True)
    )


def test_every_seed_becomes_a_submission_and_seeds_share_a_row(table, tmp_path):
    rows = [[row[0], seed, *row[1:]] for seed in ("0123", "7") for row in guesses(seed=int(seed))]
    head = ("utterance", "seed", *HEAD[1:])
    outcomes = imported(table(rows, head))
    assert [one.run.config.seed for one in outcomes] == [123, 7]
    assert [one.run.facts.imported.seed for one in outcomes] == ["0123", "7"]
    building.build(tmp_path / "submissions", tmp_path / "board", settings())
    page = (tmp_path / "board" / "README.md").read_text("utf-8")
    assert "A system (recomputed, not run here, 2 seeds" in page


def test_labels_alone_are_imported_as_such(table):
    rows = guesses()
    best = [[name, fold, LABELS[np.argmax(np.array(s, float))]] for name, fold, *s in rows]
    (outcome,) = imported(table(best, ("utterance", "fold", "label")), link=None)
    (scored,) = imported(table(rows))
    assert outcome.run.facts.imported.scores == "labels"
    assert (outcome.run.confusions == scored.run.confusions).all()
    assert "Only labels were published" in str(outcome.run)


def test_columns_of_one_label_are_added(table):
    rows = guesses()
    (outcome,) = imported(
        table(rows), labels="calm-as-neutral", naming={"calm": "neutral"}, link="softmax"
    )
    fold = outcome.run.folds[0].test
    row = next(row for row in rows if row[0] == fold.ids[0])
    scores = np.array(row[2:], float)
    assert fold.activations[0, 0] == pytest.approx(np.logaddexp(scores[0], scores[1]), abs=1e-5)
    assert fold.activations.shape[1] == 7


def test_the_truth_is_the_corpuss_and_only_compared(table):
    rows = [[*row, CORPUS.by_id[row[0]].label] for row in guesses()]
    assert imported(table(rows, (*HEAD, "target")), columns=Columns(truth="target"))


# ---- what is refused ----


def test_utterances_that_the_corpus_lacks_are_refused_by_name_and_number(table):
    songs = [["03-02-02-01-01-01-23", "3", *row[2:]] for row in guesses()[:1]]
    path = table([*guesses(), *songs])
    words = refusal(path)
    assert "1 of 1441 utterances of table.csv are not in ravdess: 03-02-02-01-01-01-23" in words
    assert "--drop-unknown" in words
    (outcome,) = imported(path, drop_unknown=True)
    assert outcome.dropped == ("03-02-02-01-01-01-23",)
    assert outcome.run.facts.imported.dropped == 1
    assert "left out: 1 utterance that the corpus lacks" in "\n".join(outcome.lines())


def test_another_corpus_is_recognised(table):
    assert "is in toy" in refusal(table(guesses()), dataset="toy", protocol=None)


def test_the_same_utterances_with_other_labels_are_refused(table):
    rows = [[*row, "sad"] for row in guesses()]
    words = refusal(table(rows, (*HEAD, "target")), columns=Columns(truth="target"))
    assert "1248 rows of 1440 have another true label than the corpus" in words


def test_part_of_a_test_set_is_no_result(table):
    words = refusal(table(guesses()[:-1]))
    assert "the table has 1439 of the 1440 test utterances of protocol luna-jimenez" in words
    assert "fold 5 lacks 1 of 240" in words


def test_whole_folds_that_lack_are_counted(table):
    words = refusal(table([row for row in guesses() if row[1] == "0"]))
    assert "has 300 of the 1440" in words
    assert "and 1 more folds" in words


def test_another_split_is_refused(table):
    words = refusal(table(guesses()), protocol="paper")
    assert "fold 0 of the table has test utterances of the folds 1, 2, 4 of protocol paper" in words


def test_finer_folds_than_the_protocols_are_another_split(table):
    rows = guesses()
    rows[0][1] = "5"
    assert "are both in the test set of fold 1 of protocol luna-jimenez" in refusal(table(rows))


def test_utterances_that_no_fold_tests_are_another_split(table):
    rows = [[name, *rest] for name, _, *rest in guesses()]
    words = refusal(table(rows, ("utterance", *LABELS)), protocol="pepino")
    assert "1320 utterances of the table" in words
    assert "are in no test set of protocol pepino" in words


def test_competing_folds_cannot_be_imported(table):
    assert "compete by their validation sets" in refusal(table(guesses()), protocol="paper-nested")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.append(rows[0]), "has 03-01-01-01-01-01-02 twice, in the lines 2 and"),
        (lambda rows: rows[3].__setitem__(2, "nan"), "line 5: the score 'nan' in the column neut"),
        (lambda rows: rows[3].__setitem__(2, "inf"), "the score 'inf' in the column neutral is no"),
        (lambda rows: rows[3].__setitem__(2, "1e300"), "the score '1e300' in the column neutral"),
        (lambda rows: rows[3].__setitem__(2, ""), "the score '' in the column neutral is not a f"),
        (lambda rows: rows[3].pop(), "line 5: 9 cells, but the first line names 10 columns"),
        (lambda rows: rows[3].__setitem__(0, "a\x1b[2Jb"), "contains the control character U+001B"),
        (lambda rows: rows[3].__setitem__(0, "a\u202eb"), "contains the control character U+202E"),
        (lambda rows: rows.clear(), "has no rows below its first line"),
    ],
)
def test_a_damaged_row_is_named(table, change, words):
    rows = guesses()
    change(rows)
    assert words in refusal(table(rows))


def test_a_hostile_name_is_shortened_in_messages(table):
    rows = [["../" * 2000 + "x" * 5000, *row[1:]] for row in guesses()[:2]]
    assert len(refusal(table(rows))) < 400


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (("utterance", "fold", *LABELS[:-1], "surprise"), "no column with the scores of surprised"),
        (("utterance", "fold", *"abcdefgh"), "no column with the scores of neutral, calm, happy"),
        (("utterance", "fold", *LABELS[:-1], LABELS[0]), "every column needs a name of its own"),
    ],
)
def test_a_missing_column_is_named_with_the_option_that_names_it(table, head, words):
    assert words in refusal(table(guesses(), head))


def test_a_column_outside_the_label_set_is_not_ignored(table):
    words = refusal(table(guesses()), labels="calm-as-neutral")
    assert "the column calm has scores of a label outside this label set" in words
    assert "--map calm=LABEL" in words


def test_unknown_labels_are_counted(table):
    rows = [[name, fold, "fear"] for name, fold, *_ in guesses()]
    words = refusal(table(rows, ("utterance", "fold", "label")))
    assert "1440 rows with 'fear' in the column label, which is no label here" in words
    assert "add --map fear=LABEL" in words


def test_a_map_of_what_is_not_there_is_a_slip(table):
    words = refusal(table(guesses()), naming={"feer": "fearful"})
    assert "there is no column or label 'feer' in table.csv; did you mean fearful?" in words


def test_scores_need_a_link_and_fit_it(table):
    assert "--link is missing: identity" in refusal(table(guesses()), link=None)
    words = refusal(table(guesses()), link="identity")
    assert "table.csv: with the link 'identity' activations must be probabilities" in words


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (("1", "x"), "the seed 'x' is not a whole number"),
        (("1", "01"), "writes one seed in two wa"),
    ],
)
def test_seeds_are_numbers(table, seeds, words):
    rows = [[row[0], seed, *row[1:]] for seed in seeds for row in guesses()]
    assert words in refusal(table(rows, ("utterance", "seed", *HEAD[1:])))


def test_a_column_that_is_not_there_is_named(table):
    words = refusal(table(guesses()), columns=Columns(fold="flod"))
    assert "there is no column 'flod' in table.csv; did you mean fold?" in words
    assert "has no row with fold=9: fold is 0, 1, 2, …" in refusal(
        table(guesses()), where={"fold": "9"}
    )


def test_a_file_that_is_no_table_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not text in UTF-8" in refusal(path)
    path.write_text('utterance,label\n"a,b\n')
    assert "is not a CSV table" in refusal(path)


# ---- on the board ----


def test_no_import_passes_for_a_run_and_no_run_for_an_import(table):
    (outcome,) = imported(table(guesses()))
    path = outcome.folder / "fold-01.safetensors"
    result = fold_file.read(path)
    stored = {**result.stored, "imported": None}
    fold_file.write(path, fold_file.FoldResult(stored, result.test))
    verdict = verify(outcome.folder)
    assert verdict.status == "rejected"
    assert "models are called imported-... if, and only if, others published" in verdict.reasons[0]
    stored = {**result.stored, "device": "cuda"}
    fold_file.write(path, fold_file.FoldResult(stored, result.test))
    assert "imported predictions have no device" in verify(outcome.folder).reasons[0]


def test_folds_of_two_tables_are_no_submission(table):
    (outcome,) = imported(table(guesses()))
    path = outcome.folder / "fold-02.safetensors"
    result = fold_file.read(path)
    told = {**result.stored["imported"], "publisher": "Eve"}
    fold_file.write(path, fold_file.FoldResult({**result.stored, "imported": told}, result.test))
    assert verify(outcome.folder).status == "rejected"


def test_a_leak_and_caveats_are_on_the_board_and_nothing_is_ranked(table, tmp_path):
    make(
        table(guesses()),
        Setting("ravdess", "luna-jimenez"),
        Reading(link="softmax"),
        Origin("Faces", modality="face (video)", leaks="epoch chosen on it", caveats=("no sound",)),
        out=tmp_path / "submissions",
        submitter="Grace",
    )
    building.build(tmp_path / "submissions", tmp_path / "board", settings())
    page = (tmp_path / "board" / "README.md").read_text("utf-8")
    assert "| -      | Faces (face (video), recomputed, not run here)" in page
    assert "Leaky, so nothing is ranked: epoch chosen on it" in page
    assert "so nobody here can repeat its training; no sound." in page
    assert "checked recomputed, not run here" in page
    assert "nan" not in page
    (run_page,) = (tmp_path / "board" / "runs").rglob("*.html")
    assert "serbench leaderboard reproduce" not in run_page.read_text("utf-8")


def test_an_import_cannot_be_reproduced(table):
    (outcome,) = imported(table(guesses()))
    with pytest.raises(SerbenchError, match="its predictions were imported from https://example"):
        propose(outcome.folder)


# ---- the command ----


def command(*arguments):
    return CliRunner().invoke(app, ["leaderboard", "import", *map(str, arguments)])


def test_the_command_says_what_it_made(table, tmp_path):
    rows = [[name, "0", *rest] for name, fold, *rest in guesses() if name[-2:] in ("23", "24")]
    head = ("utterance", "fold", *LABELS[:-1], "surprise")
    done = command(
        *(table(rows, head), "--dataset", "ravdess", "--protocol", "pepino", "--link", "softmax"),
        *("--map", "surprise=surprised", "--system", "A system", "--submitter", "Grace"),
        *("--out", tmp_path / "out"),
    )
    assert done.exit_code == 0, done.output
    assert "ok recomputed" in done.output
    assert "120 test utterances of 2 of 24 speakers, in 1 fold" in done.output
    assert "it has no rank: its predictions are from a published table" in done.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--map", "fear"), "--map is 'fear', but must be written NAME=TEXT"),
        (("--map", "a=b", "--map", "a=c"), "--map has 'a' twice: give it once"),
        (("--link", "logit"), "there is no link 'logit'"),
        (("--system", "!"), "--system needs a letter or a digit"),
    ],
)
def test_options_that_mean_nothing_are_refused(table, options, words):
    done = command(
        *(table(guesses()), "--dataset", "ravdess", "--protocol", "luna-jimenez"),
        *("--system", "A", "--submitter", "Grace", "--link", "softmax", *options),
    )
    assert done.exit_code != 0
    assert words in str(done.exception) + done.output


# ---- tables that are here ----


def commands():
    """Return the arguments of the page's commands, by the name of their table."""
    texts = re.findall(r"```bash\n(serbench leaderboard import .*?)```", PAGE, re.DOTALL)
    split = [shlex.split(text.replace("\\\n", " "))[3:] for text in texts]
    return {Path(words[0]).name: words for words in split}


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("xlsr53-ravdess-posteriors.csv", {"accuracy": 81.82, "uar": 81.75, "f1": 81.27}),
        ("au-bilstm-ravdess-labels.csv", {"accuracy": 62.13, "uar": 62.17, "f1": 61.50}),
    ],
)
def test_the_committed_imports_are_made_again_by_the_commands_of_the_page(tmp_path, name, scores):
    words = [str(ROOT / word) if word.endswith(name) else word for word in commands()[name]]
    words[words.index("--out") + 1] = str(tmp_path)
    done = command(*words)
    assert done.exit_code == 0, done.output
    (folder,) = (tmp_path / "ravdess").iterdir()
    for path in folder.glob("*.safetensors"):
        there = ROOT / "leaderboard" / "submissions" / "ravdess" / folder.name / path.name
        (stored, arrays), (facts, theirs) = map(fold_file.contents, (path, there))
        assert {**stored, "versions": {}} == {**facts, "versions": {}}
        assert all(np.array_equal(arrays[key], theirs[key]) for key in {*arrays, *theirs})
    found = read(folder)
    for metric, score in scores.items():
        assert round(100 * found.mean_std(metric).mean, 2) == score
    assert f"accuracy {scores['accuracy']:.2f} ± " in PAGE


def test_two_published_tables_share_their_test_utterances():
    both = [read(folder) for folder in (ROOT / "leaderboard/submissions").glob("*/*_imported-*")]
    assert len({run.facts.pins.protocol for run in both}) == 1
    assert len({fold.test.ids for run in both for fold in run.folds}) == 5


@pytest.mark.skipif(not PEPINO.is_file(), reason="corpus not here: a table without a licence")
@pytest.mark.parametrize(
    ("experiment", "published", "speech"),
    [("w2v2PT-alllayers", "84.3", "83.1 ± 2.1"), ("w2v2PT-alllayers-global", "75.7", "78.5 ± 1.8")],
)
def test_pepinos_scores_are_those_of_the_page(tmp_path, experiment, published, speech):
    words = [
        str(PEPINO) if word == "pepino-ravdess-scores.csv" else word
        for word in commands()["pepino-ravdess-scores.csv"]
    ]
    words = [word.replace("=w2v2PT-alllayers", f"={experiment}") for word in words]
    refused = command(*words[:-1], "--out", tmp_path)
    assert "88 of 208 utterances" in str(refused.exception)
    done = command(*words, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    found = [read(folder).pooled("uar") for folder in (tmp_path / "ravdess").iterdir()]
    assert len(found) == 5
    assert f"{100 * np.mean(found):.1f} ± {100 * np.std(found, ddof=1):.1f}" == speech
    with PEPINO.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["experiment"] == experiment]
    scores = np.array([[float(row[f"score{at}"]) for at in range(7)] for row in rows])
    truth = np.array([int(row["target"]) for row in rows])
    seeds = by_group(truth, scores.argmax(axis=1), [row["seed"] for row in rows], 7)
    assert f"{100 * np.mean([uar(matrix) for matrix in seeds.values()]):.1f}" == published
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{experiment}`")]
    assert f" {published} | {speech} |" in line
