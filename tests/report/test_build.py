"""A report's folder: every table and picture that it lists, nothing else, whole or not at all."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from serbench.errors import BadParameter, SerbenchError
from serbench.metrics.intervals import Interval, MeanStd
from serbench.report import sections, write_report
from serbench.report.figures import catalogue as figures
from serbench.report.figures import style
from serbench.report.figures.catalogue import Figure
from serbench.report.tables import catalogue as tables
from serbench.report.tables import run_tables, section_tables
from serbench.report.tables.table import Column, Table
from serbench.results import fold_file
from serbench.results.run import read

HOSTILE = "<script>alert(1)</script>|`[x](y)` & \\input{/etc/passwd} $1_000 %\x1b[31m\n#"
SETTING = {"config": {"protocol": "loso"}}


@pytest.fixture
def write(tmp_path, invented):
    """Invent a run, write it, and read it again."""

    def write(name="toy_invented_paper_seed0_1", **what):
        run = invented(name, **what)
        for number, fold in enumerate(run.folds):
            fold_file.write(tmp_path / "results" / name / f"fold-{number}.safetensors", fold)
        return read(tmp_path / "results" / name)

    return write


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.mark.slow
def test_the_folder_holds_what_its_listing_says_and_the_page(write, tmp_path):
    pytest.importorskip("matplotlib")
    heard = []
    written = write_report(
        write(folds=1), out=tmp_path / "out", formats=("svg",), hear=heard.append
    )
    listed = json.loads((tmp_path / "out" / "report.json").read_text())
    named = [name for item in listed["made"] for name in item["files"]]
    assert set(files(tmp_path / "out")) == {"report.json", "index.html", *named}
    pictures = [item for item in written.items if item.kind == "picture"]
    assert [item.title for item in pictures] == heard
    assert {item.files[0].rpartition("/")[2] for item in pictures} == {
        "f1.svg",
        "selective.svg",
        "pca.svg",
        "pca-fold-01.svg",
        "confusion.svg",
        "confusion-fold-01.svg",
        "learning.svg",
        "reliability.svg",
        "speakers.svg",
    }
    assert all(item.title and item.caption and item.section for item in written.items)
    assert "1 run, 9 pictures and 8 tables in 33 files" in str(written)


def test_a_new_table_or_figure_is_one_entry_of_its_catalogue(write, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")

    def tables_of_run(run, name):
        yield Table("new", f"{name}: new table", "How to read it.", (Column("a"),), (("b",),))

    def figures_of_run(run, name):
        yield Figure("new", f"{name}: new figure", "How to read it.", lambda: style.canvas(1, 1))

    monkeypatch.setattr(tables, "of_run", tables_of_run)
    monkeypatch.setattr(figures, "of_run", figures_of_run)
    monkeypatch.setattr(figures, "of_section", lambda runs, names: ())
    written = write_report(write("one"), out=tmp_path / "out", formats=("svg",))
    folder = "toy-kfold-n-6-toy/one"
    assert [(item.title, list(item.files)) for item in written.items if item.run] == [
        ("invented: new table", [f"{folder}/new.{ending}" for ending in ("md", "tex", "csv")]),
        ("invented: new figure", [f"{folder}/new.svg"]),
    ]
    assert all((tmp_path / "out" / file).exists() for item in written.items for file in item.files)


def test_every_table_and_figure_is_in_the_documentation(invented):
    pytest.importorskip("serbench_corpora")
    runs, names = [invented(speaker="{0:02d}", speakers=8, config={"dataset": "ravdess"})], ["a"]
    sections = [catalogue.of_section(runs, names) for catalogue in (tables, figures)]
    of_runs = [catalogue.of_run(runs[0], names[0]) for catalogue in (tables, figures)]
    text = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    files = re.findall(r"`([^`]*)`", "".join(re.findall(r"^\| (`SECTION.*?) \|", text, re.M)))
    listed = {file.rpartition("/")[2].replace("NN", "01") for file in files}
    shown = {item.name for part in (*sections, *of_runs) for item in part}
    of_extra_sets = {"cross-corpus", "robustness"}  # this run has none
    assert {name for name in shown if not name.endswith("-02")} == listed - of_extra_sets
    assert of_extra_sets < listed


def test_runs_that_cannot_be_compared_have_sections_of_their_own(write, tmp_path):
    written = write_report(
        write("one"), write("two", **SETTING), write("three"), out=tmp_path / "out", formats=()
    )
    assert [item.files[0].partition("/")[0] for item in written.items if item.run == ""] == [
        *["toy-kfold-n-6-toy"] * 6,
        *["toy-loso-toy"] * 6,
    ]
    table = rows(tmp_path / "out" / "toy-kfold-n-6-toy" / "table2.csv")
    assert len(table) == 2 + 2  # chance; the paper says nothing of toy


def test_the_same_runs_give_the_same_bytes_in_whatever_process(write, tmp_path):
    given = [write("one"), write("two", seed=1)]
    for out, jobs in (("here", 0), ("elsewhere", 2)):
        write_report(*given, out=tmp_path / out, formats=(), jobs=jobs)
    assert files(tmp_path / "here") == files(tmp_path / "elsewhere")


def test_a_report_is_replaced_as_a_whole(write, tmp_path):
    out = tmp_path / "out"
    write_report(write("one"), out=out, formats=())
    write_report(write("two"), out=out, formats=())
    assert not [name for name in files(out) if "/one/" in name]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_nothing_that_somebody_else_wrote_is_replaced(write, tmp_path):
    run, out = write(), tmp_path / "out"
    write_report(run, out=out, formats=())
    before = files(out)
    (out / "toy-kfold-n-6-toy" / "mine.txt").write_text("mine")
    with pytest.raises(SerbenchError, match=r"did not write, such as toy-kfold-n-6-toy/mine.txt"):
        write_report(run, out=out, formats=())
    assert files(out) == {**before, "toy-kfold-n-6-toy/mine.txt": b"mine"}
    with pytest.raises(SerbenchError, match="move them away, or name another folder with --out"):
        write_report(run, out=tmp_path, formats=())
    (tmp_path / "file").write_text("")
    with pytest.raises(SerbenchError, match=r"file is a file: name a folder with --out"):
        write_report(run, out=tmp_path / "file", formats=())


def test_what_fails_leaves_no_report(write, tmp_path):
    run = write("broken", link="identity")  # which its scores are not made for
    with pytest.raises(SerbenchError, match="the report on toy, .* failed: "):
        write_report(run, out=tmp_path / "out", formats=())
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_report_is_never_written_into_a_run(write, tmp_path):
    run = write()
    for out in (run.folder, run.folder / "sub", run.folder / "sub" / "deeper"):
        with pytest.raises(SerbenchError, match="is in the folder of a run, toy_invented.*--out"):
            write_report(run, out=out, formats=())
    assert not list(run.folder.glob("sub"))


def test_a_sheet_of_a_report_holds_no_formula():
    sheet = Table("n", "T", "C", (Column("=a"), Column("b", "number")), (("@b|calc", -0.5),))
    assert sheet.text("csv").splitlines() == ["'=a,b", "'@b|calc,-0.5"]
    assert "{}[1pt]" in Table("n", "T", "C", (Column("a"),), (("[1pt]",),)).text("latex")


def test_mistakes_are_one_line(write, tmp_path):
    run = write()
    with pytest.raises(BadParameter, match="a report needs at least one run"):
        write_report(out=tmp_path / "out")
    with pytest.raises(SerbenchError, match="is given twice: name each run once"):
        write_report(run, run.folder, out=tmp_path / "out")
    with pytest.raises(SerbenchError, match="there is no picture format 'gif'"):
        write_report(run, out=tmp_path / "out", formats=("gif",))
    with pytest.raises(BadParameter, match="only where --audio says where it is"):
        write_report(run, out=tmp_path / "out", formats=(), embed=3)


def test_names_of_strangers_make_no_folders_and_no_marks(write, tmp_path):
    run = write(
        labels=("neutral", "|<b>*x*"),
        config={"dataset": "../../up", "model": HOSTILE, "labels": "a/b", "protocol": ".."},
    )
    out = tmp_path / "deep" / "out"
    write_report(run, out=out, formats=())
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"}
    assert (out / "up-a-b").is_dir()
    for name, content in files(out).items():
        assert re.fullmatch(r"[\w./-]+", name)
        if name.endswith(".md"):
            text = content.decode()
            assert "<script>" not in text
            assert "\x1b" not in text
            assert "[x](y)" not in text.replace("\\[x](y)", "")
        if name.endswith(".tex"):
            text = content.decode()
            assert "\\input" not in text
            assert not re.search(r"(?<!\\)[$%_]", text.replace(" & ", "").replace("$\\pm$", ""))


def test_folders_are_unique_where_capitals_are_small_letters(write):
    (section,) = sections.sections([write("toy_A"), write("toy_a"), write("toy a")])
    assert section.folders == ("toy_A", "toy_a-2", "toy-a")


def test_table_two_is_mean_and_deviation_beside_chance_and_the_paper(invented):
    run = invented(config={"dataset": "ravdess"})
    sheet = section_tables.table_two([run], ["invented"])
    table = list(csv.DictReader(io.StringIO(sheet.text("csv"))))
    assert [row["model"].partition(":")[0] for row in table] == [
        "invented",
        "chance (majority)",
        "chance (stratified)",
        "the paper, M1",
        "the paper, M2",
    ]
    for metric, title in (("precision", "precision"), ("uar", "recall (UAR)"), ("f1", "F1")):
        assert float(table[0][f"{title} mean"]) == run.mean_std(metric).mean
        assert float(table[0][f"{title} std"]) == run.mean_std(metric).std
    assert float(table[3]["F1 mean"]) == 0.3483
    assert table[3]["accuracy (WA) mean"] == ""
    assert "34.83 ± 2.80" in sheet.text("markdown")
    assert r"34.83 $\pm$ 2.80" in sheet.text("latex")
    assert "75.76 is Table II's precision" in sheet.caption


def test_what_must_not_be_compared_says_so(invented):
    run = invented(protocol={"name": "random", "leaks": "speakers are shared", "folds": 3})
    (row, *others) = section_tables.table_two([replace(run, missing=1)], ["invented"]).rows
    assert row[-1] == "leaks: speakers are shared; incomplete: 1 of 3 folds is missing"
    assert others == []  # chance is that of all test sets


def test_folds_and_emotions_are_those_of_the_run(invented):
    run = invented(folds=3, speakers=6)
    table = run_tables.folds(run, "invented").rows
    assert [row[2] for row in table[:3]] == run.scores("precision").tolist()
    assert table[3][1:] == (
        48,
        *(run.pooled(metric) for metric in ("precision", "uar", "f1", "accuracy")),
    )
    assert table[4][4] == run.interval("f1").low
    emotions = run_tables.emotions(run, "invented").rows
    assert sum(row[1] for row in emotions) == 48


def test_every_mistake_is_in_the_csv_file_and_the_first_in_the_others(invented):
    run = invented(utterances=400, right=0.2)
    sheet = run_tables.mistakes(run, "invented")
    wrong = int(run.confusions.sum() - run.confusions.trace(axis1=1, axis2=2).sum())
    assert len(sheet.text("csv").splitlines()) == 1 + wrong
    assert len(sheet.text("markdown").splitlines()) == 2 + 50
    assert f"The first 50 of {wrong} rows." in sheet.file("md")


def test_the_certificate_is_judged_and_not_believed(invented):
    from serbench.protocols.leakage import KINDS

    pairs = ("train|validation", "train|test", "validation|test")
    shared = {kind: {pair: {"count": 0, "examples": []} for pair in pairs} for kind in KINDS}
    shared["speakers"]["train|test"] = {"count": 2, "examples": ["a", "b"]}
    run = invented(certificate={"schema": 1, "clean": True, "audio_checked": False, **shared})
    table = run_tables.leakage_certificate(run, "invented").rows
    assert table[0] == ("1", "train and validation", 0, "not compared", 0, 0, "clean")
    assert table[1] == ("1", "train and test", 2, "not compared", 0, 0, "leaks")


def test_costs_are_sums_over_folds(invented):
    (row,) = section_tables.costs([invented()], ["invented"]).rows
    assert row == ("invented", 2, 6.0, 1.0, 200, 1000, "cpu", "1")


def test_a_sheet_is_full_in_csv_and_short_elsewhere():
    kinds = ("text", "count", "percent", "number", "duration", "spread", "interval")
    sheet = Table(
        "name",
        "Title",
        "Caption",
        tuple(Column(kind, kind) for kind in kinds),
        (
            ("a|b", 3, 1 / 3, 1 / 3, 90.0, MeanStd(1 / 3, 0.1), Interval(0.1, 1 / 3)),
            (None,) * len(kinds),
        ),
    )
    assert sheet.text("csv").splitlines() == [
        "text,count,percent,number,duration seconds,spread mean,spread std,"
        "interval low,interval high",
        "a|b,3,0.3333333333333333,0.3333333333333333,90.0,0.3333333333333333,0.1,0.1,"
        "0.3333333333333333",
        ",,,,,,,,",
    ]
    assert [cell.strip() for cell in sheet.text("markdown").splitlines()[2].split(" | ")] == [
        "| a\\|b",
        "3",
        "33.33",
        "0.333",
        "1 min 30 s",
        "33.33 ± 10.00",
        "[10.00, 33.33] |",
    ]
    assert set(sheet.text("markdown").splitlines()[3]) == set("| -")


@pytest.mark.usefixtures("places")
def test_the_command_writes_a_report(write, tmp_path, run_command):
    write()
    options = ("--picture", "none", "--out", tmp_path / "out", "--jobs", "0")
    done = run_command("report", "toy_invented", *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.endswith("10 tables in 30 files; report.json lists them\n")
    assert (tmp_path / "out" / "index.html").exists()
