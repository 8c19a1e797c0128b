"""Runs are compared on the same utterances or not at all, and the numbers are those of loops."""

import csv
import dataclasses
import io
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import serbench
from serbench.comparison import alignment
from serbench.comparison.result import ESTIMAND, FORMATS, compare
from serbench.errors import SerbenchError
from serbench.metrics import significance
from serbench.results import fold_file
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.run import Run, read

LABELS = ("calm", "happy", "sad")
CONFIG = {
    "dataset": "toy:seed=1",
    "labels": "toy",
    "protocol": "halves",
    "model_version": "1",
    "params": {},
    "feature": "waveform",
    "feature_version": "1",
    "feature_params": {},
    "reading": {"trim_db": 60.0},
    "seed": 0,
}
PINS = {"corpus": "c" * 64, "protocol": "p" * 64, "audio": "a" * 64}


def corpus(speakers=8, seed=0):
    """Utterances of speakers who say differently much: (id, speaker, truth)."""
    rng = np.random.default_rng(seed)
    return [
        (f"{speaker}-{number}", f"s{speaker}", int(rng.integers(len(LABELS))))
        for speaker in range(speakers)
        for number in range(int(rng.integers(6, 15)))
    ]


def answers(utterances, skill, seed):
    """The label that a model gives each utterance."""
    rng = np.random.default_rng(seed)
    return [
        truth if rng.random() < skill else int(rng.integers(len(LABELS)))
        for _, _, truth in utterances
    ]


def fold(index, rows, model, **facts):
    """A fold whose test set and predictions are given: rows of (id, speaker, truth, prediction)."""
    ids, speakers, truth, prediction = zip(*rows, strict=True)
    activations = np.eye(len(LABELS), dtype=np.float32)[list(prediction)]
    common = {
        "config": {**CONFIG, "model": model},
        "labels": list(LABELS),
        "link": "identity",
        "pins": PINS,
        "protocol": {"name": "halves", "leaks": "", "folds": 2},
        "fold": {
            "index": index,
            "name": f"{index + 1}",
            "group": "",
            "utterances": {"train": 1, "validation": 1, "test": 1},
        },
        "certificate": {"clean": True},
        "validation": {"f1": 0.5},
        "alone": {"utterances": 1, "largest_difference": 0.0},
        "device": "cpu",
        "threads": 1,
        **{k: {} for k in ("seconds", "versions", "sources", "machine")},
    }
    return FoldResult({**common, **facts}, Scored(ids, speakers, np.array(truth), activations))


def folds(model, skill, seed=0, speakers=8, **facts):
    """Two folds of a model, each with half of the speakers."""
    utterances = corpus(speakers)
    given = answers(utterances, skill, seed)
    rows = [(*one, label) for one, label in zip(utterances, given, strict=True)]
    first = {f"s{speaker}" for speaker in range(speakers // 2)}
    halves = [[row for row in rows if (row[1] in first) == wanted] for wanted in (True, False)]
    return [fold(index, half, model, **facts) for index, half in enumerate(halves)]


@pytest.fixture
def write(tmp_path):
    """Write folds as one run."""

    def write(name, parts):
        for number, one in enumerate(parts):
            fold_file.write(tmp_path / name / f"any-{number}.safetensors", one)
        return read(tmp_path / name)

    return write


@pytest.fixture
def trio(write):
    return (
        write("toy_good_1", folds("good", 0.9, seed=1)),
        write("toy_fair_2", folds("fair", 0.6, seed=2)),
        write("toy_poor_3", folds("poor", 0.2, seed=3)),
    )


def slow_uar(speakers):
    """Unweighted average recall, by loops; speakers are lists of (truth, prediction)."""
    rows, recalls = list(itertools.chain(*speakers)), []
    for label in range(len(LABELS)):
        right = [prediction == label for truth, prediction in rows if truth == label]
        if right:
            recalls.append(sum(right) / len(right))
    return sum(recalls) / len(recalls)


def by_speaker(run):
    """(truth, prediction) of every utterance, by speaker, by loops."""
    found = {}
    for one in run.folds:
        for speaker, truth, row in zip(
            one.test.speakers, one.test.truth, one.test.activations, strict=True
        ):
            found.setdefault(speaker, []).append((int(truth), list(row).index(max(row))))
    return found


def test_scores_and_p_value_are_those_of_slow_loops(trio):
    (score,) = compare(*trio[:2], metrics=["uar"]).pairs[0].scores
    good, fair = by_speaker(trio[0]), by_speaker(trio[1])
    observed, hits = slow_uar(good.values()) - slow_uar(fair.values()), 0
    for kept in itertools.product([True, False], repeat=len(good)):
        pairs = [
            (good[one], fair[one]) if keep else (fair[one], good[one])
            for one, keep in zip(good, kept, strict=True)
        ]
        ours, theirs = zip(*pairs, strict=True)
        hits += abs(slow_uar(ours) - slow_uar(theirs)) >= abs(observed) - 1e-12
    assert score.first == pytest.approx(slow_uar(good.values()))
    assert score.other == pytest.approx(slow_uar(fair.values()))
    assert score.difference == pytest.approx(observed)
    assert score.pvalue == hits / 2 ** len(good)


def test_the_interval_is_that_of_a_slow_loop_over_speakers(trio):
    (score,) = compare(*trio[:2], metrics=["uar"]).pairs[0].scores
    good, fair = by_speaker(trio[0]), by_speaker(trio[1])
    rng, gains = np.random.default_rng(7), []
    for _ in range(2000):
        drawn = [f"s{one}" for one in rng.integers(8, size=8)]
        gains.append(slow_uar(good[s] for s in drawn) - slow_uar(fair[s] for s in drawn))
    tail = 0.00573  # 8 speakers: Phi(-2.3646 sqrt(8 / 7)), from a table of Student's t
    slow = np.quantile(gains, [tail, 1 - tail])
    assert score.interval == pytest.approx(slow, abs=0.03)


def test_recalls_and_counts_are_those_of_slow_loops(trio):
    pair = compare(*trio[:2]).pairs[0]
    good, fair = ([*itertools.chain(*by_speaker(run).values())] for run in trio[:2])
    for label, recall in enumerate(pair.recalls):
        right = [[p == label for t, p in rows if t == label] for rows in (good, fair)]
        assert (recall.label, recall.utterances) == (LABELS[label], len(right[0]))
        assert recall.first == pytest.approx(np.mean(right[0]))
        assert recall.other == pytest.approx(np.mean(right[1]))
        assert recall.interval.low <= recall.difference <= recall.interval.high
    both = [(t == p, t == q) for (t, p), (_, q) in zip(good, fair, strict=True)]
    assert pair.counts == {
        "both": both.count((True, True)),
        "only_first": both.count((True, False)),
        "only_other": both.count((False, True)),
        "neither": both.count((False, False)),
    }
    assert len(pair.disagreements) == pair.counts["only_first"] + pair.counts["only_other"]
    assert all(
        (truth == first) != (truth == other) for *_, truth, first, other in pair.disagreements
    )


def test_a_run_does_not_differ_from_itself(trio):
    pair = compare(trio[1], trio[1]).pairs[0]
    for score in pair.scores:
        assert (score.difference, score.pvalue, score.detectable) == (0, 1, 0)
        assert score.interval == (0, 0)
    assert pair.counts["only_first"] == pair.counts["only_other"] == 0
    assert pair.disagreements == []


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 9), st.floats(0.1, 0.9), st.integers(0, 99))
def test_the_other_way_round_only_the_signs_change(tmp_path_factory, speakers, skill, seed):
    pair = [
        Run(tmp_path_factory.getbasetemp() / model, tuple(folds(model, *of, speakers)))
        for model, of in (("one", (0.5, seed)), ("two", (skill, seed + 1)))
    ]
    there, back = compare(*pair).pairs[0], compare(*pair[::-1]).pairs[0]
    for one, other in zip(there.scores + there.recalls, back.scores + back.recalls, strict=True):
        assert one.difference == pytest.approx(-other.difference, nan_ok=True)
        mirrored = (-other.interval.high, -other.interval.low)
        assert one.interval == pytest.approx(mirrored, nan_ok=True)
    for one, other in zip(there.scores, back.scores, strict=True):
        assert (one.pvalue, one.adjusted) == (other.pvalue, other.adjusted)
        assert one.detectable == pytest.approx(other.detectable, nan_ok=True)
    assert there.counts["only_first"] == back.counts["only_other"]


def test_neither_the_order_of_utterances_nor_the_seed_matters(write, trio):
    shuffled = []
    for part in folds("fair", 0.6, seed=2):
        order = np.random.default_rng(0).permutation(len(part.test.ids))
        test = Scored(
            tuple(part.test.ids[at] for at in order),
            tuple(part.test.speakers[at] for at in order),
            part.test.truth[order],
            part.test.activations[order],
        )
        config = {**part.stored["config"], "seed": 1}
        shuffled.append(FoldResult({**part.stored, "config": config}, test))
    other = write("toy_shuffled_4", shuffled)
    assert compare(trio[0], other).pairs[0].scores == compare(*trio[:2]).pairs[0].scores
    assert compare(trio[1], other).pairs[0].disagreements == []


def test_an_utterance_that_is_tested_twice_counts_twice_and_is_paired_by_fold(write):
    def twice(model, answers):
        rows = [[(f"u{n}", f"s{n % 4}", n % 3, answer) for n in range(12)] for answer in answers]
        return write(model, [fold(index, part, model) for index, part in enumerate(rows)])

    one, other = twice("one", (0, 1)), twice("two", (0, 2))
    compared = compare(one, other)
    pair = compared.pairs[0]
    assert len(alignment.TestUtterances.of(one).keys) == 24
    assert pair.counts == {"both": 4, "only_first": 4, "only_other": 4, "neither": 12}
    assert {row[0] for row in pair.disagreements} == {"2"}
    assert pair.scores[0].first == one.pooled("uar")
    assert "12 utterances are in more than one test set; each test counts." in str(compared)


def test_p_values_are_adjusted_for_every_test_of_the_table(trio):
    compared = compare(*trio, metrics=["accuracy", "f1", "accuracy"])
    scores = [score for pair in compared.pairs for score in pair.scores]
    assert [score.metric for score in scores] == ["accuracy", "f1"] * 2
    raw = [score.pvalue for score in scores]
    assert [score.adjusted for score in scores] == list(significance.holm(raw))
    assert "adjusted for 4 tests" in str(compared)


CANNOT = "toy_good_1 and toy_x_9 cannot be compared: "


def test_audio_that_was_read_in_another_way_is_noted(write, trio):
    folds = []
    for fold in trio[1].folds:
        config = dict(fold.stored["config"])
        config["reading"] = {**config["reading"], "trim_db": 40.0}
        folds.append(dataclasses.replace(fold, stored={**fold.stored, "config": config}))
    other = write("other", folds)
    compared = compare(trio[0], other)
    assert "The audio was read with different trim_db: 60.0, 40.0." in compared.notes
    assert not any("read with" in note for note in compare(*trio[:2]).notes)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"config": {**CONFIG, "model": "x", "dataset": "ravdess"}},
            "the corpus differs, toy and ravdess; choose runs on the same corpus",
        ),
        (
            {"labels": ["calm", "happy", "angry"]},
            r"the label set differs, toy \(calm, happy, sad\) and toy \(calm, happy, angry\); "
            "evaluate one of them again with --labels toy",
        ),
        (
            {"pins": {**PINS, "corpus": "d" * 64}},
            r"the corpus differs, toy:seed=1 \(digest cccccccc\) and toy:seed=1 "
            r"\(digest dddddddd\), in its utterances, .* evaluate both on the same data",
        ),
        (
            {
                "pins": {**PINS, "protocol": "q" * 64},
                "config": {**CONFIG, "model": "x", "protocol": "loso"},
            },
            r"the protocol differs, halves \(digest pppppppp\) and loso \(digest qqqqqqqq\); "
            "evaluate one of them again with the --protocol of the other",
        ),
        (
            {"pins": {**PINS, "audio": "b" * 64}},
            "the audio differs in 2 of 2 folds, .* evaluate both on the same files",
        ),
    ],
)
def test_runs_of_different_data_are_refused(write, trio, facts, words):
    other = write("toy_x_9", folds("x", 0.5, **facts))
    with pytest.raises(SerbenchError, match=f"^{CANNOT}{words}") as refusal:
        compare(trio[0], other)
    assert "\n" not in str(refusal.value)


def changed(test, **arrays):
    return FoldResult(test.stored, Scored(**{**vars(test.test), **arrays}))


def test_runs_with_other_test_utterances_are_refused(write, trio):
    parts = folds("x", 0.5)
    renamed = changed(parts[0], ids=("new", *parts[0].test.ids[1:]))
    with pytest.raises(
        SerbenchError,
        match=f"^{CANNOT}the test utterances differ, 1 is only in the first and 1 only in the "
        "second, for example 0-0; a result was edited, or a fold is from another run: evaluate",
    ):
        compare(trio[0], write("toy_x_9", [renamed, parts[1]]))


@pytest.mark.parametrize("kind", ["truth", "speakers"])
def test_runs_that_disagree_on_truth_or_speakers_are_refused(write, trio, kind):
    first, second = folds("x", 0.5)
    new = {
        "truth": (first.test.truth + ([1] + [0] * (len(first.test.truth) - 1))) % len(LABELS),
        "speakers": ("somebody", *first.test.speakers[1:]),
    }
    with pytest.raises(
        SerbenchError,
        match=f"^{CANNOT}the label or speaker of 1 test utterance differs, for example 0-0; ",
    ):
        compare(trio[0], write("toy_x_9", [changed(first, **{kind: new[kind]}), second]))


def test_incomplete_runs_are_refused(write, trio):
    with pytest.raises(
        SerbenchError,
        match="^toy_x_9 is incomplete, 1 of its 2 folds is missing: run its command again "
        "to add them, then compare$",
    ):
        compare(trio[0], write("toy_x_9", folds("x", 0.5)[:1]))


def test_one_run_or_an_unknown_metric_is_refused(trio):
    with pytest.raises(SerbenchError, match="comparing takes two runs or more, not 1: name the"):
        compare(trio[0])
    with pytest.raises(SerbenchError, match="no metric 'uarr'; did you mean uar"):
        compare(*trio, metrics=["uarr"])


def test_what_speaks_against_a_comparison_is_said(write):
    leaks = {"protocol": {"name": "halves", "leaks": "on purpose", "folds": 2}}
    pair = [write(f"toy_{m}_1", folds(m, 0.5, speakers=4, **leaks)) for m in ("one", "two")]
    text = str(compare(*pair))
    assert text.count("LEAKY, so not about new speakers") == 2
    assert "FEW SPEAKERS: with 4 no p can be below 0.125" in text


def test_the_command_prints_what_the_function_makes(trio, tmp_path, run_command):
    names = ("compare", "toy_good", "toy_fair", "toy_poor", "--results", tmp_path)
    assert run_command(*names).stdout == f"{compare(*trio)}\n"
    done = run_command(*names, "--metric", "accuracy", "--utterances", "--format", "csv")
    assert done.stdout == compare(*trio, metrics=["accuracy"]).disagreements("csv") + "\n"
    done = run_command("compare", "toy_good", "--results", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("serbench: comparing takes two runs or more")


@pytest.mark.parametrize("form", FORMATS)
def test_a_comparison_comes_in_every_form(trio, form):
    compared = compare(*trio)
    page = compared.page(form)
    score = compared.pairs[0].scores[0]
    shown = repr(score.difference) if form == "json" else f"+{100 * score.difference:.2f}"
    assert shown in page
    assert (ESTIMAND in page) == (form not in ("csv", "latex"))
    listed = compared.page(form, listing=True)
    assert compared.pairs[1].disagreements[0][1] in listed


def test_names_cannot_break_a_markdown_page(write):
    run = write("toy_evil_1", folds("<script>|x|</script>", 0.5))
    page = compare(run, run).page("markdown")
    assert "<script>" not in page
    assert "| &lt;script>\\|x\\|" in page


def test_csv_is_one_table_and_json_is_plain(trio):
    compared = compare(*trio)
    rows = list(csv.DictReader(io.StringIO(compared.page("csv"))))
    assert {row["measure"] for row in rows} >= {"UAR", "F1", "recall of sad"}
    assert len(rows) == 2 * (2 + 3 + 3)
    made = json.loads(compared.page("json", listing=True))
    assert list(made["against"]) == ["toy_fair_2", "toy_poor_3"]
    uar = made["against"]["toy_fair_2"]["metrics"]["uar"]
    assert uar["interval"] == list(compared.pairs[0].scores[0].interval)
    assert made["utterances_apart"][0].keys() >= {"utterance", "truth", "first", "other"}
    assert len(list(csv.reader(io.StringIO(compared.page("csv", listing=True))))) == 1 + sum(
        len(pair.disagreements) for pair in compared.pairs
    )


def test_numbers_that_are_none_are_null_in_json(write):
    pair = [write(f"toy_{m}_1", folds(m, 0.5, speakers=2)) for m in ("one", "two")]
    made = json.loads(compare(*pair).page("json"))
    assert made["against"]["toy_two_1"]["metrics"]["uar"]["detectable"] is None


def test_the_package_offers_it(trio, tmp_path):
    compared = serbench.compare("toy_good", tmp_path / "toy_fair_2", results=tmp_path)
    assert compared.pairs[0].other == "toy_fair_2"
    assert compared._repr_markdown_().count("\n| fair (2)") == 2 + 3 + 3
