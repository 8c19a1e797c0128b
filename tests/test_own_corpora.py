"""A corpus of one's own, from a table to a leaderboard, which never tells where it lies."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

pytest.importorskip("serbench_corpora.own.csv_table")

import serbench
from serbench import datasets
from serbench.cli.app import app
from serbench.errors import CorpusError, FoldError, LeakageError, SerbenchError
from serbench.evaluation.progress.listener import Listener
from serbench.settings import settings

SPEAKERS = ("01", "02", "03", "04", "05")
LABELS = ("low", "middle", "high")


def _write(folder: Path, split=lambda speaker: "") -> Path:
    """A corpus of noisy tones, and the table that lists it."""
    rng = np.random.default_rng(0)
    rows = []
    for speaker in SPEAKERS:
        for place, label in enumerate(LABELS):
            for take in range(2):
                path = folder / "clips" / speaker / f"{label}{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                tone = np.sin(2 * np.pi * 200 * 4**place * np.arange(2400) / 16_000)
                soundfile.write(path, 0.5 * tone + 0.05 * rng.standard_normal(2400), 16_000)
                sex = "fm"[int(speaker) % 2]
                rows.append([path.relative_to(folder), label, speaker, sex, split(speaker)])
    with (folder / "my.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "label", "speaker", "sex", "split"], *rows])
    return folder / "my.csv"


@pytest.fixture
def table(tmp_path, places):
    folder = tmp_path / "mine"
    folder.mkdir()
    return _write(folder)


def _invoke(*words):
    done = CliRunner().invoke(app, list(map(str, words)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def _spec(dataset, data=None):
    return datasets.find(dataset, settings(), data).spec


def test_a_corpus_is_the_same_run_however_it_is_named(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    monkeypatch.setenv("HOME", str(table.parent.parent))
    kept = settings().data / "csv"
    assert _spec(f"csv:{table}") == _spec("csv:my.csv") == _spec("csv:my") == "csv:my"
    assert _spec("csv:~/mine/my.csv") == _spec("csv:my", table) == _spec("csv", table) == "csv:my"
    assert _spec("csv:other", table) == "csv:other"
    assert _spec("csv:my.csv,speaker=who,label=label") == "csv:my,speaker=who"
    kept.mkdir(parents=True)
    (kept / "linked.csv").symlink_to(table)
    found = datasets.find("csv:linked", settings())
    assert (found.spec, found.root) == ("csv:linked", table)


@pytest.mark.parametrize("dataset", ["csv", "csv:"])
@pytest.mark.usefixtures("places")
def test_a_path_must_be_named(dataset):
    with pytest.raises(SerbenchError, match="csv needs a path: write csv:PATH, or add --data PATH"):
        _spec(dataset)


def test_what_another_machine_calls_a_corpus_is_never_looked_for_here(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    assert datasets.named("csv:my", settings()).root == settings().data / "csv" / "my.csv"
    for other in (f"csv:{table}", "csv:../my", "csv:my.csv", "csv:my,label=label"):
        with pytest.raises(SerbenchError, match="its dataset is called csv:my here, not"):
            datasets.named(other, settings())


def test_it_is_evaluated_scored_reported_and_submitted_without_telling_where_it_is(table, tmp_path):
    run = serbench.evaluate("centroid", f"csv:{table}", jobs=0)
    assert run.config.dataset == "csv:my"
    assert (run.config.protocol, run.config.labels) == ("kfold:n=5", "original")
    assert run.ranked
    out = tmp_path / "out"
    assert "mean ± std" in _invoke("score", run.name)
    assert "protocol kfold:n=5 of csv:my" in _invoke(
        "protocol", "show", "--dataset", "csv:my", "--data", table, "--protocol", "kfold:n=5"
    )
    _invoke("report", run.name, "--out", out / "report", "--picture", "none")
    said = _invoke("leaderboard", "submit", run.name, "--submitter", "Ada", "--out", out / "sent")
    assert "not recomputed" in said
    assert "the submitter's own corpus: a machine that has it as $SERBENCH_DATA/csv/my.csv" in said
    _invoke("leaderboard", "build", "--submissions", out / "sent", "--out", out / "board")
    assert "csv:my" in (out / "board" / "README.md").read_text()
    published = [path for path in (*out.rglob("*"), *run.folder.rglob("*")) if path.is_file()]
    assert len(published) > 20
    assert not [path for path in published if str(tmp_path).encode() in path.read_bytes()]


def _sent(table, tmp_path):
    run = serbench.evaluate("centroid", f"csv:{table}", jobs=0)
    _invoke("leaderboard", "submit", run.name, "--submitter", "Ada", "--out", tmp_path / "sent")
    return tmp_path / "sent" / "csv" / run.name


def _keep(table):
    kept = settings().data / "csv" / "my.csv"
    kept.parent.mkdir(parents=True)
    shutil.copy(table, kept)
    return kept


def test_whoever_has_the_table_works_everything_out_anew(table, tmp_path):
    sent = _sent(table, tmp_path)
    kept = _keep(table)  # the table alone: it takes no audio
    assert "ok recomputed" in _invoke("leaderboard", "verify", sent)
    kept.write_text(kept.read_text().replace("clips/01/low0.wav,low", "clips/01/low0.wav,high"))
    from serbench.leaderboard.verification import reference

    reference.find.cache_clear()
    said = _invoke("leaderboard", "verify", sent)
    assert "REJECTED" in said
    assert "it was made from another corpus" in said
    kept.write_text("nothing")
    reference.find.cache_clear()
    assert "not recomputed" in _invoke("leaderboard", "verify", sent)


def test_a_report_knows_the_sexes_of_whoever_is_kept_with_the_other_corpora(table, tmp_path):
    run = serbench.evaluate("centroid", f"csv:{table}", jobs=0)
    from serbench.report.groups import by_group, by_sex

    assert by_sex(run) == ()
    assert by_group(run).note == (
        "the speakers' groups are not known: csv:my is not in the folder SERBENCH_DATA of this "
        "machine"
    )
    _keep(table)
    assert [one.group for one in by_sex(run)] == ["female", "male"]


def test_a_report_knows_groups_and_takes_that_the_table_gives(table):
    from serbench.report import takes
    from serbench.report.groups import by_group

    head, *lines = table.read_text().splitlines()
    more = [f"{line},a,{n % 2},{20 + n},{'xy'[n % 3 == 0]}" for n, line in enumerate(lines)]
    table.write_text("\n".join([f"{head},sentence,repetition,age,device", *more]))
    run = serbench.evaluate("centroid", f"csv:{table},attributes=device", jobs=0)
    _keep(table)

    assert [one.name for one in by_group(run).attributes] == ["sex", "device", "age"]
    ages = [one.group for one in by_group(run).attributes[2].groups]
    assert ages == ["20-29", "30-39", "40-49"]
    assert takes.between(run)[0] is None  # takes have one age and one device
    same = [line.rpartition(",")[0].rpartition(",")[0] + ",31,x" for line in more]
    (settings().data / "csv" / "my.csv").write_text(
        "\n".join([f"{head},sentence,repetition,age,device", *same])
    )
    found, note = takes.between(run)
    assert (found.pairs, note) == (15, "")


def test_a_label_with_a_comma_can_be_changed(table):
    table.write_text(table.read_text().replace(",low,", ',"low, soft",'))
    source = datasets.find(f"csv:{table}", settings())
    for typed, labels in (
        ("original:low, soft=middle", {"high", "middle"}),
        ("original:high=low, soft,middle=", {"low, soft"}),
    ):
        corpus = datasets.read(source, typed)
        assert {utterance.label for utterance in corpus.utterances} == labels
        assert corpus.label_set == typed
        assert datasets.read(source, corpus.label_set).digest == corpus.digest
    with pytest.raises(SerbenchError, match="a change of a label is written LABEL=LABEL, not 'low"):
        datasets.read(source, "original:low,soft=middle")


def test_a_report_finds_the_audio_of_ids_with_folders(table):
    run = serbench.evaluate("centroid", f"csv:{table}", jobs=0)
    from serbench.report.page import audio

    known = audio.files([run], table.parent)
    assert known["clips/01/low0"] == table.parent / "clips" / "01" / "low0.wav"
    assert len(known) == 30


def test_the_same_audio_under_two_speakers_is_found(table):
    clips = table.parent / "clips"
    shutil.copy(clips / "01" / "low0.wav", clips / "04" / "low1.wav")
    with pytest.raises(LeakageError) as caught:
        serbench.evaluate("centroid", f"csv:{table}", jobs=0)
    assert str(caught.value) == (
        "4 of 5 folds of protocol kfold:n=5 leak, such as fold 1: train and test share 1 recording "
        "(clips/04/low1 = clips/01/low0). No speaker and no recording may be in two sets: fix the "
        "split, remove one of two identical recordings, or declare that it leaks "
        "(file:path=...,leaks=true, or Protocol.leaks in a plugin), and it is never ranked"
    )
    assert serbench.evaluate("centroid", f"csv:{table}", jobs=0, folds=["2"]).missing


def test_a_split_that_leaks_runs_under_its_own_name_and_is_not_ranked(table, tmp_path):
    _write(table.parent, split=lambda speaker: "test" if speaker == "05" else "train")
    assert serbench.evaluate("centroid", f"csv:{table}", jobs=0).ranked
    text = table.read_text().replace(
        "clips/01/low0.wav,low,01,m,train", "clips/01/low0.wav,low,01,m,test"
    )
    table.write_text(text)
    with pytest.raises(LeakageError, match="1 speaker is in more than one of its sets: 01"):
        serbench.evaluate("centroid", f"csv:{table}", jobs=0, results=tmp_path / "other")
    run = serbench.evaluate(
        "centroid", f"csv:{table}", jobs=0, protocol="split", results=tmp_path / "other"
    )
    assert run.facts.protocol.leaks
    assert not run.ranked


def test_a_run_is_resumed_and_refused_once_the_table_changed(table):
    serbench.evaluate("centroid", f"csv:{table}", jobs=0, folds=["1"])
    run = serbench.evaluate("centroid", "csv:my", data=table, jobs=0)
    assert not run.missing
    table.write_text(table.read_text().replace("clips/01/low0.wav,low", "clips/01/low0.wav,high"))
    with pytest.raises(SerbenchError, match=r"called csv:my has run here, or this one changed"):
        serbench.evaluate("centroid", f"csv:{table}", jobs=0)


def test_another_table_of_the_same_name_is_told_with_what_to_do(table, tmp_path):
    run = serbench.evaluate("centroid", f"csv:{table},split=", jobs=0)
    other = _write(tmp_path / "other")
    other.write_text(other.read_text().replace("clips/01/low0.wav,low", "clips/01/low0.wav,high"))
    with pytest.raises(CorpusError) as caught:
        serbench.evaluate("centroid", f"csv:{other},split=", jobs=0)
    first = run.folder.resolve() / "fold-01.safetensors"
    assert str(caught.value) == (
        f"another table called csv:my has run here, or this one changed since: {first} was not "
        f"computed from {other}. Use another --results folder, or give the table another name, "
        f"--dataset csv:OTHER,split= --data {other}; if the old run is no longer needed, remove "
        f"{first.parent}"
    )
    named = serbench.evaluate("centroid", "csv:other,split=", data=other, jobs=0)
    assert named.config.dataset == "csv:other,split="


def test_another_folder_of_the_same_name_is_told_too(table, tmp_path):
    pattern = r"speaker_pattern=/(\d+)\D"
    for at, place in enumerate((tmp_path / "a", tmp_path / "b")):
        for path in sorted((table.parent / "clips").rglob("*.wav"))[at:]:
            target = place / "my" / path.stem[:-1] / f"{path.parent.name}x{path.stem[-1]}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    serbench.evaluate("centroid", f"folder:{tmp_path / 'a' / 'my'},{pattern}", jobs=0)
    with pytest.raises(CorpusError, match="another folder called folder:my has run here"):
        serbench.evaluate("centroid", f"folder:{tmp_path / 'b' / 'my'},{pattern}", jobs=0)


def _renamed(table, speaker):
    """The table with other speakers, made of the old one and the row's number."""
    head, *rows = csv.reader(table.read_text().splitlines())
    made = [[*row[:2], speaker(row[2], at), *row[3:]] for at, row in enumerate(rows)]
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([head, *made])


def test_speakers_in_doubt_are_told_once_on_standard_error(table):
    _renamed(table, lambda speaker, at: f"{speaker}-{at // 2}")  # a speaker and a label each
    words = ["evaluate", "--model", "centroid", "--dataset", f"csv:{table},split=", "--jobs", "0"]
    done = CliRunner().invoke(app, [*words, "--format", "json"])
    assert len(json.loads(done.stdout)["folds"]) == 5
    assert [line for line in done.stderr.splitlines() if line.startswith("warning")] == [
        "warning: csv:my,split=: half of the 15 speakers have 2 of the 30 utterances or fewer "
        "('01-0' has 2); if these names contain more than the speaker, one voice is in training "
        "and in test, and scores are too high",
        "warning: csv:my,split=: each of the 15 speakers has only one label ('01-0' 'low'), so "
        "the voice gives away the label; if these names contain the label, they are not speakers",
    ]
    show = ("--dataset", f"csv:{table},split=", "--protocol", "kfold:n=5")
    assert _invoke("protocol", "show", *show).count("WARNING: csv:my,split=: ") == 2
    assert _invoke("protocol", "check", *show).count("WARNING: csv:my,split=: ") == 2


def test_in_a_notebook_speakers_in_doubt_are_warnings(table):
    _renamed(table, lambda speaker, at: str(int(speaker)) if at % 2 else speaker)
    with pytest.warns(UserWarning, match="the speakers '01' and '1', and 4 more such pairs"):
        serbench.evaluate("centroid", f"csv:{table},split=", jobs=0)


def test_one_speaker_an_utterance_is_refused_before_anything_runs_unless_it_is_said(table):
    with pytest.raises(CorpusError, match=r"has 30 speakers for 30 utterances.*speakers=single"):
        serbench.evaluate("centroid", f"csv:{table},speaker=path,sex=", jobs=0)
    run = serbench.evaluate("centroid", f"csv:{table},speaker=path,speakers=single", jobs=0)
    assert run.config.dataset == "csv:my,speaker=path,speakers=single"


def test_folds_in_processes_of_their_own_find_it_too(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    run = serbench.evaluate("centroid", "csv:my.csv,split=", jobs=1, folds=["1"])
    assert run.config.dataset == "csv:my,split="


def test_the_listing_says_how_each_is_named():
    said = _invoke("datasets")
    assert "csv:my.csv with the columns path,label,speaker" in said
    assert "folder:DIR with metadata.csv" in said


def test_what_is_odd_about_a_corpus_is_told_every_time_it_is_used(table):
    clips = table.parent / "clips"
    soundfile.write(clips / "01" / "low0.wav", np.zeros(2400), 16_000)
    soundfile.write(clips / "02" / "low0.wav", np.sin(np.arange(1000)) / 2, 16_000)
    rows = table.read_text().splitlines()
    rows[1] = rows[1].replace(",low,", ",rare,")
    table.write_text("\n".join(rows))
    remarks = [
        "1 label has one utterance, so no fold can both train and test on it: rare",
        "2 of 5 folds lack a label in train, so no model can learn it: fold 1 (rare), "
        "fold 5 (rare)",
        "4 of 5 folds lack a label in test, so scores leave it out: fold 2 (rare), fold 3 (rare), "
        "fold 4 (rare) and 1 more",
        "1 utterance is silent (no two samples differ by more than 3 of 32768 steps): "
        "clips/01/low0",
        "1 utterance is shorter than 0.1 s: clips/02/low0",
    ]
    for _ in range(2):
        asked = ("--dataset", f"csv:{table}", "--fold", 2, "--fold", 3, "--jobs", 0)
        said = _invoke("evaluate", "--model", "centroid", *asked)
        lines = [line.removeprefix("warning: ") for line in said.splitlines()]
        assert [line for line in lines if line in remarks] == remarks
        assert "The test sets of 2 of 2 folds lack a label; scores of these folds leave" in said
    asked = ("--dataset", f"csv:{table}", "--protocol", "kfold:n=5")
    checked = _invoke("protocol", "check", *asked)
    assert [line for line in checked.splitlines() if line in remarks] == remarks[3:]
    shown = _invoke("protocol", "show", *asked)
    assert [line for line in shown.splitlines() if line in remarks] == remarks[:3]


def test_a_corpus_without_oddities_is_told_without_remarks(table):
    class Hearing(Listener):
        lines: list[str] = []

        def remarked(self, line: str) -> None:
            self.lines.append(line)

    serbench.evaluate("centroid", f"csv:{table}", jobs=0, listener=Hearing())
    assert Hearing.lines == []


@pytest.mark.parametrize("feature", ["infinite", "raising"])
def test_a_feature_that_fails_says_of_which_files(table, monkeypatch, feature):
    if feature == "raising":
        monkeypatch.setattr("serbench_tiny.Infinite.__call__", lambda self, waves: 1 / 0)
    with pytest.raises(FoldError, match=r"was given .*clips/01/high0\.wav"):
        serbench.evaluate("unfit", f"csv:{table}", jobs=0)
