import base64
import csv
import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
import time
from importlib.metadata import PackageNotFoundError
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import SerbenchError
from serbench.escaping import latex as latex_text
from serbench.leaderboard import build
from serbench.leaderboard.formats import (
    columns,
    csv_file,
    curves,
    html,
    json_file,
    latex,
    markdown,
    notes,
    picture,
    run_page,
)
from serbench.leaderboard.ranking import cache, impersonation
from serbench.leaderboard.ranking.board import board, section
from serbench.leaderboard.ranking.entry import MOST_POINTS, Line, Rejected, of_run, of_submission
from serbench.leaderboard.ranking.statistics import Statistics
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.metrics import classification, intervals, rare_pvalues, significance
from serbench.metrics.intervals import mean_std, metric_intervals, speaker_interval
from serbench.plugins import registry
from serbench.results import eligibility, literature
from serbench.results.learning_curve import SERIES
from serbench.results.run import read

OWN = "not recomputed"
EVIL = '<script>alert(1)</script>|[x](javascript:y)`*_$&amp;\x1b[31m\u202e"'


@pytest.fixture
def entry(invented):
    """What the leaderboard knows of an invented run."""

    def made(name="toy_invented_paper_seed0_1", right=0.6, draws=0, **other):
        run = invented(name, speakers=24, utterances=960, folds=4, right=right, seed=draws)
        known = {"run": name, "folder": f"toy/{name}", "submitter": "Ada", "status": "recomputed"}
        known |= {"configuration": name, "submitted": "2026-01-02", "seed": 0}
        return dataclasses.replace(of_run(run), **{**known, **other})

    return made


def only(made, corpus="toy"):
    """The only table of a corpus."""
    (found,) = [section for section in made.sections if section.corpus == corpus]
    (table,) = found.tables
    return table


def cells(row):
    """What a row shows in the main tables, by the column's title."""
    return {column.title: column.cell(row) for column in columns.headed("latex")}


def page(form, board, submissions="submissions"):
    """A whole board in one of the formats."""
    parts = [form.part(section, submissions) for section in board.sections]
    return form.whole(parts, board.rejected)


def ranks(table):
    return {row.first.run: row.rank for row in table.rows}


# ---- what is ranked ----


def test_better_models_have_lower_ranks_and_equal_ones_the_same(entry):
    table = only(board([entry("low", 0.2), entry("high", 0.9), entry("also", 0.9, draws=1)]))
    assert ranks(table) == {"high": 1, "also": 1, "low": 2}
    assert [row.rank for row in table.rows] == [1, 1, 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objections": ("random weights",)}, "random weights"),
        ({"objections": ("leaks: all", "random weights")}, "leaks: all; random weights"),
    ],
)
def test_what_is_unsound_never_has_a_rank(entry, change, words):
    table = only(board([entry("unsound", 0.95, **change), entry("sound", 0.3)]))
    assert ranks(table) == {"sound": 1, "unsound": None}
    assert "; ".join(table.rows[-1].objections) == words
    assert any(f": {words}." in note for note in notes.of_table(table))


def test_a_table_of_leaky_runs_ranks_nothing_and_comes_last(entry):
    leaky = {"protocol": "a", "leaks": "on purpose", "protocol_pin": "q" * 64}
    leaky["objections"] = ("leaks: on purpose",)
    made = board([entry("one", **leaky), entry("two", 0.9, **leaky), entry("sound")])
    first, last = next(one.tables for one in made.sections if one.corpus == "toy")
    assert set(ranks(last).values()) == {None}
    assert notes.of_table(last)[0] == "Leaky, so nothing is ranked: on purpose."
    assert ranks(first) == {"sound": 1}


@pytest.mark.parametrize("differs", ["protocol", "labels", "corpus_pin", "protocol_pin"])
def test_settings_are_ranked_apart(entry, differs):
    made = board([entry("one", 0.9), entry("two", 0.2, **{differs: "other"})])
    tables = next(one.tables for one in made.sections if one.corpus == "toy")
    assert [ranks(table) for table in tables] in (
        [{"one": 1}, {"two": 1}],
        [{"two": 1}, {"one": 1}],
    )


SEES = "unlabelled utterances of the tested speaker"


def test_runs_that_see_more_of_the_test_set_are_ranked_apart_and_below(entry):
    ways = {"sees": SEES, "versions": {"normalisation": "normalised by speaker"}}
    runs = [entry("high", 0.95, **ways), entry("low", 0.5, **ways), entry("plain", 0.3)]
    made = board(runs)
    plain, seeing = next(one.tables for one in made.sections if one.corpus == "toy")
    assert ranks(plain) == {"plain": 1}
    assert ranks(seeing) == {"high": 1, "low": 2}
    assert not plain.apart
    assert notes.title(seeing).endswith(f", sees {SEES}")
    assert notes.of_table(seeing)[0].startswith(f"Ranked apart: these models see {SEES}")
    assert not any("Ranked apart" in note for note in notes.of_table(plain))
    assert SEES in page(markdown, made)
    assert SEES in page(csv_file, made)
    assert f'"sees": "{SEES}"' in page(json_file, made)


def test_a_copy_that_claims_to_see_more_is_still_a_copy(entry):
    first = entry("first", 0.9, order=1)
    copy = dataclasses.replace(first, run="copy", folder="toy/copy", order=2, sees=SEES)
    made = board([first, copy])
    plain, seeing = next(one.tables for one in made.sections if one.corpus == "toy")
    assert ranks(plain) == {"first": 1}
    assert ranks(seeing) == {"copy": None}


def of_others(entry, *where):
    """The same run with one more test that was passed: counts of other utterances."""
    claimed = {name: getattr(entry, name).copy() for name in where or ("by_speaker", "confusions")}
    for counts in claimed.values():
        counts[0, 0, 0] += 1
    return dataclasses.replace(entry, **claimed)


@pytest.mark.parametrize("where", [["by_speaker"], ["confusions"]])
def test_a_submitters_own_counts_must_be_of_what_recomputed_runs_were_tested_on(entry, where):
    odd = [of_others(entry(f"odd{at}", 0.95, draws=at, status=OWN), *where) for at in range(3)]
    fine = entry("fine", 0.5, draws=8, status=OWN)
    table = only(board([*odd, fine, entry("sound", 0.5, draws=9)]))
    assert ranks(table) == {"sound": 1, "fine": 1, "odd0": None, "odd1": None, "odd2": None}
    words = "its counts are not of the utterances that the recomputed runs were tested on"
    assert {row.objections for row in table.rows if row.rank is None} == {(words,)}


def test_where_nothing_was_recomputed_and_two_disagree_nobody_takes_rank_1(entry):
    honest = [entry(f"honest{at}", 0.5, draws=at, status=OWN) for at in range(2)]
    assert set(ranks(only(board(honest))).values()) == {1}
    forged = [of_others(entry(f"forged{at}", 0.95, draws=at, status=OWN)) for at in range(3)]
    table = only(board([*honest, *forged]))
    assert set(ranks(table).values()) == {None}
    words = eligibility.DISAGREEMENT.format("forged0", "honest0")
    assert {row.objections for row in table.rows} == {(words,)}
    assert words in page(markdown, board([*honest, *forged]))


def test_counts_with_other_labels_do_not_take_rank_1_either(entry):
    honest, forged = entry("honest", 0.5, status=OWN), entry("forged", 0.9, status=OWN)
    fewer = {name: getattr(forged, name)[:, :2, :2] for name in ("confusions", "by_speaker")}
    table = only(board([honest, dataclasses.replace(forged, **fewer)]))
    assert set(ranks(table).values()) == {None}


def test_a_seed_with_other_counts_leaves_the_board_whole(entry):
    alone = entry("alone", 0.6, status=OWN)
    seeds = [
        entry(f"seed{at}", 0.6, draws=at, seed=at, configuration="c", status=OWN) for at in (1, 2)
    ]
    table = only(board([alone, seeds[0], of_others(seeds[1])]))
    assert set(ranks(table).values()) == {None}
    table = only(board([entry("sure", 0.6, draws=9), alone, seeds[0], of_others(seeds[1])]))
    assert ranks(table) == {"seed1": 1, "alone": 1, "sure": 1, "seed2": None}


# ---- other audio ----


def heard(pin, *folds):
    return {"audio": {fold: pin * 64 for fold in folds or ("1", "2")}}


def test_runs_of_other_audio_stand_in_a_table_of_their_own(entry):
    made = [entry(f"usual{at}", 0.5, draws=at, **heard("a"), order=1) for at in range(3)]
    made += [
        entry(f"other{at}", 0.95, draws=at, **heard("b"), order=2, account=f"github:{at}")
        for at in range(2)
    ]
    section = next(one for one in board(made).sections if one.corpus == "toy")
    usual, other = section.tables
    assert ranks(usual) == {"usual0": 1, "usual1": 1, "usual2": 1}
    assert ranks(other) == {"other0": 1, "other1": 1}
    text = page(markdown, board(made))
    for table in (usual, other):
        assert notes.title(table).endswith(f", audio {table.audio[:8]}")
        assert notes.heading(table) in text
    assert text.count("are not ranked with these") == 2
    assert usual.audio != other.audio


def test_folds_that_two_runs_do_not_share_cannot_differ(entry):
    made = [entry("one", **heard("a", "1", "2")), entry("two", 0.5, **heard("b", "3"))]
    table = only(board(made))
    assert "audio" not in notes.title(table)
    assert f", audio {table.audio[:8]}." in notes.of_table(table)[-1]


# ---- the same predictions twice ----


def copied(entry, name, **other):
    return dataclasses.replace(entry, run=name, folder=f"toy/{name}", **other)


def test_copies_have_no_rank_and_do_not_raise_what_a_rank_takes(entry):
    good, bad = entry("good", 0.9), entry("bad", 0.2)
    copies = [
        copied(bad, f"copy{at}", configuration=f"c{at}", submitted="2026-02-01") for at in range(14)
    ]
    table = only(board([*copies, good, bad]))
    assert ranks(table) == {"good": 1, "bad": 2} | {one.run: None for one in copies}
    assert table.ranking.threshold == only(board([good, bad])).ranking.threshold
    assert table.rows[-1].objections == ("same predictions as bad",)


def test_who_sent_the_predictions_first_keeps_the_rank(entry):
    first = entry("z", submitted="2026-01-03", finished="2026-01-03", order=1)
    other = copied(first, "a", submitter="Eve", submitted="", finished="", order=2)
    assert ranks(only(board([other, first]))) == {"z": 1, "a": None}


def test_seeds_with_the_same_predictions_are_one_seed(entry):
    first = entry("seed0", configuration="c")
    seeds = [copied(first, f"seed{at}", seed=at) for at in range(3)]
    table = only(board(seeds))
    assert [len(row.entries) for row in table.rows] == [1, 1, 1]
    assert ranks(table) == {"seed0": 1, "seed1": None, "seed2": None}
    words = "same predictions as seed0, so both count as one seed"
    assert table.rows[1].objections == (words,)


def test_too_few_speakers_are_said(entry, invented):
    def few(name, right):
        run = invented(name, speakers=4, utterances=96, right=right)
        return dataclasses.replace(of_run(run), run=name, configuration=name)

    table = only(board([few("good", 0.9), few("bad", 0.1)]))
    assert set(ranks(table).values()) == {1}
    (note,) = [note for note in notes.of_table(table) if note.startswith("Too few speakers")]
    assert "with 4, no p can be below 0.12" in note
    assert "telling two of 2 models apart takes 0.05" in note


# ---- seeds ----


def test_seeds_are_one_row_whose_score_is_their_mean_in_each_fold(entry):
    seeds = [
        entry(f"seed{at}", 0.6, draws=at, seed=at, configuration="c", params={}) for at in (2, 0, 1)
    ]
    table = only(board(seeds))
    (row,) = table.rows
    assert [one.seed for one in row.entries] == [0, 1, 2]
    folds = np.mean([classification.macro_f1(one.confusions) for one in seeds], axis=0)
    assert row.scores["f1"] == pytest.approx(mean_std(folds))
    together = np.mean([one.by_speaker for one in seeds], axis=0)
    assert row.interval == pytest.approx(speaker_interval(together, classification.macro_f1))
    assert cells(row)["model"] == columns.titled(row) == "invented (3 seeds)"


def test_nobody_adds_a_seed_to_what_another_submitted(entry):
    mine = entry("mine", 0.9, configuration="c")
    theirs = entry("theirs", 0.1, configuration="c", seed=1, submitter="Eve")
    assert ranks(only(board([mine, theirs]))) == {"mine": 1, "theirs": 2}


def test_an_unsound_seed_does_not_take_the_others_with_it(entry):
    sound = entry("sound", configuration="c")
    unsound = entry(
        "unsound", configuration="c", seed=1, objections=("labels depend on the batch",)
    )
    assert ranks(only(board([sound, unsound]))) == {"sound": 1, "unsound": None}


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (["recomputed", "recomputed"], "recomputed"),
        (["reproduced", "recomputed"], "reproduced"),
        (["reproduced", "not recomputed"], "not recomputed"),
    ],
)
def test_a_row_is_checked_as_far_as_its_seeds_are(entry, found, status):
    seeds = [
        entry(f"seed{at}", draws=at, configuration="c", seed=at, status=one)
        for at, one in enumerate(found)
    ]
    (row,) = only(board(seeds)).rows
    assert row.status == status


# ---- chance and the literature ----


def test_chance_and_what_was_published_the_same_way_stand_in_the_table_without_a_rank(entry):
    same = {"dataset": "ravdess", "protocol": "paper", "labels": "ravdess"}
    made = board([entry("one", **same)])
    section = next(one for one in made.sections if one.corpus == "ravdess")
    (table,) = section.tables
    rows = columns.ordered(table)
    assert [row.name for row in rows[-2:]] == ["chance (majority)", "chance (stratified)"]
    reported = [cells(row) for row in table.published]
    assert {row["reference"] for row in reported} == {"the paper, Table II", "the paper, Table III"}
    assert [cells(row)["rank"] for row in rows].count("-") == len(rows) - 1
    systems = {(row.table, row.reference, row.system) for row in section.published}
    shown = {(row.table, row.reference, row.system) for row in table.published}
    assert systems
    assert shown
    assert not systems & shown
    f1 = [float(cells(row)["F1"].split()[0]) for row in rows[:-2]]
    assert f1 == sorted(f1, reverse=True)


def test_corpora_without_runs_still_show_the_literature():
    made = board([])
    assert [section.title for section in made.sections] == ["RAVDESS", "CREMA-D", "IEMOCAP"]
    assert all(section.published and not section.tables for section in made.sections)


# ---- statistics ----


@pytest.mark.parametrize("speakers", [2, 10, 91])
def test_intervals_are_those_of_each_metric_alone(speakers):
    counts = np.random.default_rng(speakers).integers(0, 5, (speakers, 6, 6))
    counts[:, 2] = 0  # a label that is never true
    counts[1:, 1] = 0  # and one that only one speaker has
    found = metric_intervals(counts)
    assert list(found) == list(classification.METRICS)
    for name, one in classification.METRICS.items():
        assert found[name] == pytest.approx(speaker_interval(counts, one.compute), abs=1e-12)


def test_statistics_are_computed_once(entry, monkeypatch):
    statistics = Statistics()
    runs = [entry("one"), entry("two", 0.5)]
    section("toy", runs, statistics)
    assert (len(statistics.pvalues), len(statistics.intervals)) == (1, 2)
    (pvalue,) = statistics.pvalues.values()
    counts = [run.by_speaker for run in runs]
    exact = significance.paired_permutation(*counts, classification.macro_f1).pvalue
    assert pvalue == pytest.approx(exact, rel=0.3, abs=1e-3)
    monkeypatch.setattr(rare_pvalues, "pvalue", None)
    monkeypatch.setattr(intervals, "metric_intervals", None)
    section("toy", runs, statistics)


# ---- strangers' words ----


@pytest.fixture
def evil(entry):
    words = {
        "model": EVIL,
        "title": EVIL,
        "submitter": EVIL,
        "statements": {EVIL: EVIL},
        "note": EVIL,
        "curves": tuple(Line(EVIL, series, True, 1, [[1, 2], [2, 3]]) for series in SERIES),
        "checkpoint": EVIL,
    }
    words |= {"reproductions": (EVIL,), "params": {EVIL: EVIL}, "provenance": {EVIL: EVIL}}
    words |= {"classes": (EVIL, *"abcdefg")[:4]}
    words |= {"objections": (EVIL,), "dataset": f"toy:{EVIL}", "flags": (EVIL,), "protocol": EVIL}
    return board([entry("evil", **words)], [Rejected(EVIL, (EVIL,))])


def test_no_name_is_markup_in_markdown(evil):
    text = page(markdown, evil)
    for own in (markdown.BESIDE, markdown.RANKS):
        text = text.replace(own, "")
    assert not re.search(r"<(?!details|summary|/|!--)", text)
    assert not re.search(r"(?<!\\)\]\((?!submissions/|pictures/)", text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    (row,) = [line for line in text.splitlines() if "alert" in line and line.startswith("|")]
    assert len(re.findall(r"(?<!\\)\|", row)) - 1 == len(columns.headed("text"))


def test_no_name_is_markup_or_script_in_the_page(evil):
    text = page(html, evil)
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert 'data-protocol="&lt;script&gt;alert(1)&lt;/script&gt;|' in text


def test_no_name_is_a_command_in_latex(evil):
    text = page(latex, evil)
    row = next(line for line in text.splitlines() if "alert" in line and line.endswith(r"\\"))
    assert len(re.findall(r"(?<!\\)&", row)) == len(columns.headed("latex")) - 1
    assert r"\textless{}script\textgreater{}" in row
    assert latex_text("é 日 \\input{x}") == r"é \texttt{U+65E5} \textbackslash{}input\{x\}"


def test_no_name_is_a_formula_in_the_sheet(entry):
    text = page(csv_file, board([entry("one", submitter='=HYPERLINK("x")', model="@SUM(A1)")]))
    rows = csv.DictReader(text.splitlines())
    (row,) = [row for row in rows if row["kind"] == "measured"]
    assert row["reference"] == '\'=HYPERLINK("x") (not confirmed)'
    assert row["model"] == "'@SUM(A1)"


def test_a_folders_name_is_no_heading_and_mail_is_no_link():
    made = board([], [Rejected("# PWNED", ("ask evil@example.com",)), Rejected("- x", ("odd",))])
    text = page(markdown, made)
    assert "- Folder # PWNED: ask evil@&#8288;example.com\n- Folder - x: odd\n" in text
    assert "evil@example.com" not in text


def test_a_stranger_writes_no_parameters_into_others_rows(entry):
    junk = {"[x](y)": 1, "also": "v" * 500, "lr": 9}
    made = [entry("mine", params={"lr": 1}), entry("plain", 0.5, params={})]
    table = only(board([*made, entry("a", 0.4, params=junk)]))
    names = {row.first.run: row.name for row in table.rows}
    assert names["plain"] == "invented"
    assert names["mine"] == "invented, lr=1"
    assert names["a"] == f"invented, also={'v' * 40}…"


def test_a_terminal_gets_no_control_characters(evil):
    assert "\x1b" not in markdown.text(evil)
    assert "\u202e" not in markdown.text(evil)


# ---- names for people ----


def details(entries):
    return [(row.title, row.detail) for row in only(board(entries)).rows]


def test_rows_of_one_title_say_what_differs_and_only_then(entry):
    tuned = entry("a", 0.9, title="Whisper, frozen", params={"head": "linear", "lr": 1})
    other = entry("b", 0.7, title="Whisper, frozen", params={"head": "wide", "lr": 2}, draws=1)
    alone = entry("c", 0.5, title="SVM", params={"head": "wide"}, draws=2)
    assert details([tuned, other, alone]) == [
        ("Whisper, frozen", "head=linear"),
        ("Whisper, frozen", "head=wide"),
        ("SVM", ""),
    ]


def test_rows_that_differ_in_nothing_that_is_shown_have_the_digests_of_their_runs(entry):
    twins = [entry(f"toy_svm_paper_seed0_{at}", 0.9 - at / 9, title="SVM") for at in range(2)]
    assert details(twins) == [("SVM", "0"), ("SVM", "1")]


def test_rows_that_differ_in_versions_alone_say_so_in_words(entry):
    def of(at, **other):
        versions = {"model": "version 1", "features": "features version 2", "threads": "1 thread"}
        more = {"title": "SVM", "versions": {**versions, **other}, "params": {"c": 1}}
        return entry(f"toy_svm_paper_seed0_{at}", 0.9 - at / 9, **more)

    assert details([of(0), of(1, model="version 2")]) == [
        ("SVM", "version 1"),
        ("SVM", "version 2"),
    ]
    assert details([of(0), of(1, model="version 2"), of(2, threads="4 threads")]) == [
        ("SVM", "version 1, 1 thread"),
        ("SVM", "version 2"),
        ("SVM", "version 1, 4 threads"),
    ]
    table = only(board([of(0), of(1, features="features version 3")]))
    assert [row.name for row in table.rows] == [
        "invented, features version 2",
        "invented, features version 3",
    ]


def test_where_several_people_sent_runs_each_row_says_who(entry):
    mine = entry("a", 0.9, title="SVM", account="github:ada")
    theirs = entry("b", 0.5, title="MLP", submitter="Eve")
    assert details([mine, theirs]) == [("SVM", "by github:ada"), ("MLP", "by Eve, not confirmed")]


def test_a_title_comes_from_the_plugin_or_else_from_the_name(invented):
    def title(name, params=(), **facts):
        run = invented(config={"model": name, "params": {"parts": 4, **dict(params)}}, model=facts)
        return of_run(run).title

    assert title("preset") == "Nearest of four"
    assert title("preset", title="chance (majority)") == "Nearest of four"  # chosen by the sender
    assert title("preset", {"parts": "chance"}) == "preset"
    assert title("unknown", title="chance (majority)") == "unknown"
    assert title("unknown") == "unknown"
    assert title("unknown", checkpoint="a/b") == "unknown, a/b"
    assert title("preset", pretrained=False) == "Nearest of four, random weights"
    assert title("unknown", pretrained=False) == "unknown, random weights"
    assert title("unknown", pretrained=True) == "unknown"


def test_the_boards_titles_do_not_depend_on_what_is_installed(submissions, places, monkeypatch):
    folder, _ = folders(submissions)
    names = {"preset": "preset", "functionals-svm": "SVM on functionals"}
    assert registry.title("preset", {"parts": 4}) == "Nearest of four"
    bare = dataclasses.replace(registry.installed(), entries={kind: {} for kind in registry.KINDS})
    for plugins in (registry.installed(), bare):
        monkeypatch.setattr(registry, "installed", lambda found=plugins: found)
        for name, title in names.items():
            sent = build.load(folder)
            config = dataclasses.replace(sent.facts.config, model=name, params={"parts": 4})
            facts = dataclasses.replace(sent.files[0].facts, config=config)
            file = dataclasses.replace(sent.files[0], facts=facts)
            sent = dataclasses.replace(sent, files=(file, *sent.files[1:]))
            assert of_submission(sent, OWN, ()).title == title


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (
            {"model": "WAV2VEC2 XLSR 53 Engl\u0456sh"},
            "looks like 'Wav2Vec2-XLSR-53-English', published: the paper",
        ),
        (
            {"checkpoint": "eve/Wav2Vec2-XLSR-53-English"},
            "its checkpoint 'eve/Wav2Vec2-XLSR-53-English' looks like 'Wav2Vec2-XLSR-53-English', "
            "published: the paper",
        ),
        (
            {"model": "eve:DialogXL"},
            "its model 'eve:DialogXL' looks like 'DialogXL', published: Shen et al. 2020 [39]",
        ),
        (
            {"submitter": "Ma et al. 2024"},
            "its submitter 'Ma et al. 2024' looks like 'Ma et al. 2024' of the literature",
        ),
        (
            {"model": "WavLM large", "title": "WavLM large, frozen", "checkpoint": "frozen"},
            "its title 'WavLM large, frozen' looks like 'WavLM large, frozen', a title of serbench",
        ),
        (
            {"model": "chance (majority)"},
            "its model 'chance (majority)' looks like 'chance (majority)', a row of every table",
        ),
        ({"model": "centroid", "checkpoint": "openai/whisper-base"}, ""),
        (
            {
                "model": "alexnet-mel",
                "title": "AlexNet on mel spectrograms",  # published as well, but from `titles.json`
            },
            "",
        ),
    ],
)
def test_a_name_that_looks_published_or_like_a_title_of_serbench_is_noted(entry, names, note):
    run = entry("one", **names)
    found = impersonation.notes_by_folder([run])[run.folder]
    assert any(note in text for text in found) if note else found == []


# ---- the picture, and the pages of runs ----


def test_the_picture_is_well_formed_whatever_names_are_in_it(evil, entry):
    good = board([entry("one", 0.9), entry("two", 0.2, title="SVM")])
    for made in (good, evil):
        (drawn,) = picture.pictures(next(s for s in made.sections if s.corpus == "toy")).items()
        assert drawn[0] == "pictures/toy-1.svg"
        root = ElementTree.fromstring(drawn[1])
        assert {each.tag.rpartition("}")[2] for each in root.iter()} <= set(
            ("svg", "style", "path", "text", "circle")
        )
    row = only(good).rows[0]
    circle = ElementTree.fromstring(picture.svg(only(good), picture.WIDE)).find("circle")
    left, right = picture.WIDE.label, picture.WIDE.width - picture.RIGHT
    assert float(circle.get("cx")) == pytest.approx(left + (right - left) * row.pooled, abs=0.1)


def test_a_picture_says_how_many_rows_it_leaves_out_and_leads_to_them(entry, monkeypatch):
    made = board([entry("one", 0.9), entry("two", 0.2), entry("three", 0.1)])
    assert "more row" not in page(html, made) + page(markdown, made)
    monkeypatch.setattr(picture, "MOST_ROWS", 2)
    words = "1 more row in the table."
    text = page(html, made)
    assert f'<a href="#toy-1">{words}</a>' in text
    assert '<article id="toy-1">' in text
    assert f"In the picture: [{words}](index.html#toy-1)" in page(markdown, made)
    drawn = ElementTree.fromstring(picture.svg(only(made), picture.WIDE, standalone=True))
    assert [each.text for each in drawn.iter() if each.text][-1] == words


def test_labels_of_rows_with_one_title_differ_in_every_picture(entry):
    params = {"recipe": "paper", "schedule": "linear"}
    known = {"title": "Whisper tiny.en, fine-tuned"}
    made = [
        entry(str(at), 0.9 - at / 9, params={**params, "schedule": schedule}, **known)
        for at, schedule in enumerate(["linear", "paper"])
    ]
    made.append(entry("2", 0.3, params={**params, "recipe": "tuned"}, **known))
    for layout in (picture.WIDE, picture.NARROW):
        drawn = ElementTree.fromstring(picture.svg(only(board(made)), layout))
        labels = [each.text for each in drawn.iterfind("text") if not each.text.endswith(" %")]
        assert len(set(labels)) == 3
        assert max(map(len, labels)) <= layout.characters


def test_a_terminal_gets_whole_notes():
    (row,) = [row for row in literature.rows("ravdess", "II") if row.model == "M2"]
    text = markdown.text(board([]))
    assert len("; ".join(row.caveats)) > 300
    assert "; ".join([f"labels {row.classes}", *row.caveats]) in text
    assert ".." not in text.replace("...", "")


def test_a_runs_page_has_its_folds_confusions_parameters_and_files(entry):
    lines = (
        Line("fold A", "train_loss", True, 2, [[1.0, 2.0], [2.0, 1.0], [3.0, 0.5]]),
        Line("fold A", "validation_uar", True, 2, [[1.0, 0.25], [2.0, 0.5], [3.0, 0.375]]),
    )
    more = {"curves": lines, "note": "One.\nStill one.\n\n- Two <b>.\n"}
    run = entry("one", params={"lr": 0.5}, statements={"Code": "https://example.org"}, **more)
    made = board([run])
    toy = next(s for s in made.sections if s.corpus == "toy")
    pages = run_page.pages(toy, "../subs", "boards/subs")
    text = pages["runs/toy/one.html"]
    score = classification.macro_f1(run.confusions[0])
    assert f"<td>{100 * score:.2f}</td>" in text
    assert f">{run.confusions.sum(axis=0)[0, 0]}</td>" in text
    assert "<dt>lr</dt><dd>0.5</dd>" in text
    assert "<dt>Code</dt><dd>https://example.org</dd>" in text
    assert '<a href="../../../subs/toy/one/card.json">' in text
    assert '<a href="../../index.html">' in text
    assert "serbench leaderboard reproduce boards/subs/toy/one<" in text
    assert "<p>One. Still one.</p>\n<p>- Two &lt;b&gt;.</p>" in text
    loss, uar = (
        ElementTree.fromstring(drawn)
        for drawn in re.findall(r'<svg viewBox="0 0 4.*?</svg>', text, re.DOTALL)
    )
    assert [path.get("class") for path in loss.iterfind("path")][-1] == "curve apart"
    assert loss.find("circle") is None
    (kept,) = uar.iterfind("circle")
    middle = (curves.LEFT + curves.WIDTH - curves.RIGHT) / 2
    assert float(kept.get("cx")) == pytest.approx(middle, abs=0.1)
    height = (curves.TOP + curves.HEIGHT - curves.BOTTOM) / 2  # of 50 %
    assert float(kept.get("cy")) == pytest.approx(height, abs=0.1)
    assert len(re.findall("<style", text)) == 0
    assert '<link rel="stylesheet" href="../page.css">' in text


def test_a_run_has_the_curves_of_its_folds_whatever_numbers_are_in_them(invented):
    reports = [{"epoch": at, "validation_uar": at / 9000} for at in range(1, 9001)]
    odd = [{"epoch": 1, "train_loss": math.inf}, {"epoch": 2, "train_loss": 1}, {"epoch": math.nan}]
    (long, *_) = of_run(invented(curve=reports)).curves
    assert (long.series, long.is_epochs) == ("validation_uar", False)
    assert len(long.points) == MOST_POINTS // 2
    assert (long.points[0], long.points[-1]) == ([1, 0.000111111], [9000, 1])
    for line in of_run(invented(curve=odd)).curves:
        assert line.points == [[2, 1]]
        assert "<svg" not in curves.figures([line])


def test_no_name_is_markup_in_a_runs_page(evil):
    (text,) = run_page.pages(next(s for s in evil.sections if s.tables), "a", "b").values()
    assert text.count("&lt;script&gt;alert(1)") > 8
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_pages_of_runs_that_are_gone_are_removed(submissions, tmp_path, places):
    out = tmp_path / "board"
    build.build(submissions, out, places)
    stale = out / "runs" / "gone" / "gone.html"
    stale.parent.mkdir()
    stale.write_text(f"old{notes.MADE}")
    other = out / "pictures" / "logo.svg"
    other.write_text("<svg/>")
    assert build.build(submissions, out, places, check=True) == ["runs/gone/gone.html"]
    assert build.build(submissions, out, places) == ["runs/gone/gone.html"]
    assert not stale.exists()
    assert other.exists()


# ---- the page ----


def test_the_page_allows_nothing_but_its_own_style_and_script(entry):
    text = page(html, board([entry("one")]))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|<link|<img|<iframe| on\w+=| style=", text)


def test_the_page_links_every_run_and_can_be_read_without_its_script(entry):
    text = page(html, board([entry("one"), entry("two", 0.2)]), "../subs")
    assert '<a href="runs/toy/one.html">' in text
    assert text.index("<tbody>") < text.index("<script>")
    assert "<form hidden>" in text  # of no use without the script, which shows it


def test_long_tables_are_cut_in_markdown_alone(entry, monkeypatch):
    monkeypatch.setattr(markdown, "MOST_ROWS", 1)
    made = board([entry("one", 0.9), entry("two", 0.2)])
    text = page(markdown, made)
    assert "1 more measured rows are in the HTML page and the files." in text
    assert "submissions/toy/two" not in text
    assert "runs/toy/two.html" in page(html, made)


# ---- columns ----


def test_a_column_is_one_entry_in_every_format(entry, monkeypatch):
    column = columns.Column(
        "letters", "count", lambda row: len(row.name), text=lambda n: f"{n} in all"
    )
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, column))
    made = board([entry("one")])
    for text in (page(form, made) for form in (markdown, html, latex)):
        assert "letters" in text
        assert "8 in all" in text
    rows = csv.DictReader(page(csv_file, made).splitlines())
    assert [row["count"] for row in rows if row["kind"] == "measured"] == ["8"]
    tables = [
        table for one in json.loads(page(json_file, made))["corpora"] for table in one["tables"]
    ]
    assert [row["count"] for table in tables for row in table["measured"]] == [8]


def test_a_columns_key_is_written_once():
    for catalogue in (columns.COLUMNS, columns.RUN_COLUMNS):
        keys = [column.key for column in catalogue if column.key]
        assert len(set(keys)) == len(keys)


# ---- files for programs ----


def test_the_json_has_every_row_and_the_tests_behind_the_ranks(entry):
    made = board([entry("high", 0.9), entry("low", 0.2)], [Rejected("toy/bad", ("odd",))])
    found = json.loads(page(json_file, made))
    assert found["schema"] == 1
    table = next(one for one in found["corpora"] if one["corpus"] == "toy")["tables"][0]
    assert [row["rank"] for row in table["measured"]] == [1, 2]
    (test,) = table["ranking"]["tests"]
    assert (test["leader"], test["other"], test["apart"]) == ("high", "low", True)
    assert 0 < test["p"] < 0.001
    assert table["measured"][0]["runs"][0]["submission"] == "toy/high"
    assert [row["model"] for row in table["chance"]] == ["chance (majority)", "chance (stratified)"]
    assert found["rejected"] == [{"submission": "toy/bad", "reasons": ["odd"]}]


def test_the_sheet_has_a_line_for_every_measured_and_every_published_row(entry):
    rows = list(csv.DictReader(page(csv_file, board([entry("one")])).splitlines()))
    kinds = [row["kind"] for row in rows]
    assert kinds.count("measured") == 1
    assert kinds.count("published") == len(literature.rows())
    measured = rows[kinds.index("measured")]
    assert float(measured["f1_low"]) < float(measured["pooled_f1"]) < float(measured["f1_high"])


# ---- building ----


@pytest.fixture(scope="module")
def home(home):
    """Two submissions of the tiny corpus, in places of their own."""
    for seed in (0, 1):
        run = serbench.evaluate("centroid", "tones", jobs=0, seed=seed)
        submit(read(run.folder), home / "submissions", Statements("Ada"))
    old = time.time() - 60
    for path in home.joinpath("submissions").rglob("*"):
        os.utime(path, (old, old))
    return home


@pytest.fixture
def submissions(home, tmp_path, places, monkeypatch):
    """A copy of them that counts as settled: the cache believes files that are older."""
    monkeypatch.setattr(cache, "SETTLED", -60.0)
    return shutil.copytree(home / "submissions", tmp_path / "submissions")


def folders(parent):
    return sorted(parent.glob("*/*"))


def test_build_writes_every_format_and_check_finds_nothing_to_do(submissions, tmp_path, places):
    out = tmp_path / "board"
    pages = [f"runs/tones/{folder.name}.html" for folder in folders(submissions)]
    made = ["../ledger.csv", *build.FILES, "runs/page.css", "pictures/tones-1.svg", *pages]
    assert sorted(build.build(submissions, out, places)) == sorted(made)
    assert all((out / name).is_file() for name in made)
    assert build.build(submissions, out, places) == []
    assert build.build(submissions, out, places, check=True) == []
    text = (out / "README.md").read_text()
    assert "sent by Ada (not confirmed)" in text
    assert "(../submissions/tones/tones_centroid" in text
    assert "recomputed" in text


def test_check_names_what_is_stale_and_the_command(submissions, tmp_path, places):
    out = tmp_path / "board"
    build.build(submissions, out, places)
    (out / "README.md").write_text("old")
    (out / "leaderboard.csv").unlink()
    command = ["leaderboard", "build", "--submissions", str(submissions), "--out", str(out)]
    done = CliRunner().invoke(app, [*command, "--check"])
    assert done.exit_code == 1
    assert isinstance(done.exception, SerbenchError)
    assert str(done.exception) == (
        f"stale in {out}: README.md, leaderboard.csv; run `serbench {' '.join(command)}` "
        "and commit what it writes"
    )
    assert (out / "README.md").read_text() == "old"
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert "README.md, leaderboard.csv written" in done.stdout


def test_a_rejected_submission_is_named_with_its_reason_and_not_listed(
    submissions, tmp_path, places
):
    bad = folders(submissions)[1]
    (bad / "card.json").unlink()
    build.build(submissions, tmp_path / "board", places)
    text = (tmp_path / "board" / "README.md").read_text()
    assert f"- Folder tones/{bad.name}: it has no card.json" in text
    assert f"submissions/tones/{bad.name})" not in text


def test_a_folder_without_any_sound_submission_overwrites_nothing(submissions, tmp_path, places):
    out = tmp_path / "board"
    build.build(submissions, out, places)
    before = (out / "README.md").read_bytes()
    for folder in folders(submissions):
        (folder / "card.json").unlink()
    command = ["leaderboard", "build", "--submissions", str(submissions), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert isinstance(done.exception, SerbenchError)
    first = f"the first of 2, tones/{folders(submissions)[0].name}: it has no card.json"
    assert str(done.exception).startswith(
        f"no submission in {submissions} is valid, so nothing was written; {first}"
    )
    assert (out / "README.md").read_bytes() == before


@pytest.mark.parametrize("seen", ["yes", "no", "unknown"])
def test_a_model_that_had_seen_the_test_corpus_has_no_rank(submissions, monkeypatch, seen):
    folder = folders(submissions)[0]
    sent = build.load(folder)
    model = dataclasses.replace(sent.card.model, seen_test_corpus=seen)
    said = dataclasses.replace(sent, card=dataclasses.replace(sent.card, model=model))
    monkeypatch.setattr(build, "load", lambda _: said)
    found = build.judge(folder)
    words = "its model had seen the test corpus"
    assert found.objections == ((words,) if seen == "yes" else ())
    made = board([found])
    for text in (page(markdown, made), page(latex, made)):
        assert (f": {words}." in text) == (seen == "yes")
    assert ranks(only(made, "tones")) == {found.run: None if seen == "yes" else 1}


def test_nothing_to_build_from_is_said(tmp_path, places):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SerbenchError, match="there is no submission in .*leaderboard submit RUN"):
        build.build(tmp_path / "empty", tmp_path / "out", places)


def test_labels_that_are_withheld_give_the_same_board_on_every_machine(
    submissions, places, monkeypatch
):
    folder = folders(submissions)[0]
    sent = build.load(folder)
    withheld = dataclasses.replace(sent.card, truth="withheld")
    monkeypatch.setattr(build, "load", lambda _: dataclasses.replace(sent, card=withheld))
    monkeypatch.setattr(build.verifying, "judge", lambda _: build.verifying.Verdict("recomputed"))
    assert build.judge(folder).status == "not recomputed"


# ---- the cache ----


def judged_again(submissions, places):
    """Which submissions are verified when the board is read, and what it says of all."""
    store = cache.opened(submissions, places)
    again = []

    def judge(folder):
        again.append(folder.name)
        return build.judge(folder)

    found = [store.outcome(folder, judge) for folder in folders(submissions)]
    store.save()
    return again, found


def test_what_was_verified_before_is_not_verified_again(submissions, places):
    names = [folder.name for folder in folders(submissions)]
    first, found = judged_again(submissions, places)
    second, remembered = judged_again(submissions, places)
    assert (first, second) == (names, [])
    for one, other in zip(found, remembered, strict=True):
        words, others = dataclasses.asdict(one), dataclasses.asdict(other)
        for array in cache.ARRAYS:
            np.testing.assert_array_equal(words.pop(array), others.pop(array))
        fingerprint, same = words.pop("fingerprint"), others.pop("fingerprint")
        np.testing.assert_array_equal(fingerprint.pop("mistakes"), same.pop("mistakes"))
        assert (words, fingerprint) == (others, same)


@pytest.mark.parametrize("file", ["card.json", "fold-01.safetensors", "reproductions/new.json"])
def test_a_submission_that_changed_is_verified_again(submissions, places, file):
    judged_again(submissions, places)
    path = folders(submissions)[0] / file
    path.parent.mkdir(exist_ok=True)
    data = path.read_bytes() if path.exists() else b"{}"
    path.write_bytes(data)
    assert judged_again(submissions, places)[0] == [folders(submissions)[0].name]


def test_files_that_have_just_changed_are_not_believed_yet(submissions, places, monkeypatch):
    monkeypatch.setattr(cache, "SETTLED", 600.0)
    judged_again(submissions, places)
    assert len(judged_again(submissions, places)[0]) == 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_cache_is_made_anew_silently(submissions, places, damage):
    judged_again(submissions, places)
    path = cache.opened(submissions, places).path
    data = path.read_bytes()
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    path.write_bytes(flipped if damage is None else damage)
    assert len(judged_again(submissions, places)[0]) == 2
    assert judged_again(submissions, places)[0] == []


def test_other_code_verifies_everything_again(submissions, places, monkeypatch):
    judged_again(submissions, places)
    monkeypatch.setattr(cache, "SCHEMA", -1)
    assert len(judged_again(submissions, places)[0]) == 2


def test_rejections_are_not_remembered_since_this_machine_may_cause_them(
    submissions, places, monkeypatch
):
    def uninstalled(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(build.verifying, "judge", uninstalled)
    _, outcomes = judged_again(submissions, places)
    assert outcomes[0].reasons == ("it cannot be checked: PackageNotFoundError",)
    monkeypatch.undo()
    monkeypatch.setattr(cache, "SETTLED", -60.0)
    again, outcomes = judged_again(submissions, places)
    assert len(again) == 2
    assert not any(isinstance(outcome, Rejected) for outcome in outcomes)
    assert judged_again(submissions, places)[0] == []


def test_a_package_that_a_plugin_needs_verifies_everything_again(submissions, places, monkeypatch):
    judged_again(submissions, places)
    monkeypatch.setattr(registry, "lacking", lambda entry: "needs the package 'audformat'")
    assert len(judged_again(submissions, places)[0]) == 2


def test_only_a_corpus_with_something_new_is_made_again(submissions, tmp_path, places, monkeypatch):
    made = []

    def section(corpus, entries, statistics):
        made.append(corpus)
        return board_of(corpus, entries, statistics)

    board_of = build.section
    monkeypatch.setattr(build, "section", section)
    build.build(submissions, tmp_path / "one", places)
    assert sorted(made) == ["crema-d", "iemocap", "ravdess", "tones"]
    made.clear()
    assert build.build(submissions, tmp_path / "one", places) == []
    assert made == []
    shutil.rmtree(folders(submissions)[0])
    stale = build.build(submissions, tmp_path / "one", places)
    pages = [path.name for path in (tmp_path / "one").glob("runs/tones/*")]
    assert pages == [f"{folder.name}.html" for folder in folders(submissions)]
    assert made == ["tones"]
    assert set(build.FILES) < set(stale)
    cache.opened(submissions, places).path.unlink()
    build.build(submissions, tmp_path / "two", places)
    for name in build.FILES:  # what was kept and what is new make the same files
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_copy_of_a_remembered_run_is_recognised(submissions, tmp_path, places):
    later = folders(submissions)[1]
    later.rename(tmp_path / "later")
    build.build(submissions, tmp_path / "board", places)
    (tmp_path / "later").rename(later)
    build.build(submissions, tmp_path / "board", places)
    assert "so both count as one seed" in (tmp_path / "board" / "README.md").read_text()


def test_a_board_that_is_elsewhere_links_from_there(submissions, tmp_path, places):
    build.build(submissions, tmp_path / "one", places)
    build.build(submissions, tmp_path / "deeper" / "two", places)
    assert "(../submissions/tones" in (tmp_path / "one" / "README.md").read_text()
    assert "(../../submissions/tones" in (tmp_path / "deeper" / "two" / "README.md").read_text()
    for place, command in (("one", "submissions"), ("deeper/two", "../submissions")):
        text = next(tmp_path.joinpath(place).glob("runs/tones/*.html")).read_text()
        assert f"leaderboard reproduce {command}/tones/tones_centroid" in text


def test_a_cache_that_cannot_be_written_is_none(submissions, tmp_path, places):
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "leaderboard").write_text("a file where the folder should be")
    stale = build.build(submissions, tmp_path / "board", places)
    assert stale[:6] == ["../ledger.csv", *build.FILES]


# ---- one's own runs ----


def test_show_needs_no_card_and_names_what_cannot_be_read(places, invented):
    from serbench.results import fold_file

    run = invented("toy_invented_paper_seed0_1")
    for at, fold in enumerate(run.folds):
        fold_file.write(places.results / run.name / f"fold-{at + 1:02d}.safetensors", fold)
    (places.results / "broken").mkdir()
    (places.results / "broken" / "fold-01.safetensors").write_bytes(b"no")
    text = build.show(places.results, "toy", "text")
    assert "invented (1)" in text
    assert "chance (majority)" in text
    assert "Unreadable" in text
    assert "is not a result of serbench" in text
    assert "RAVDESS" not in text


def test_show_of_a_corpus_that_nobody_knows_lists_the_known(places):
    with pytest.raises(SerbenchError, match="no corpus 'ravdes'.*did you mean ravdess"):
        build.show(places.results, "ravdes")
