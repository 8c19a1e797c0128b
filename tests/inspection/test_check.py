"""A check of a corpus finds every defect that was put into it, and nothing in a clean one."""

import csv
import json
import shutil

import numpy as np
import pytest
import soundfile
import soxr
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import CorpusError
from serbench.inspection.kinds import KINDS

RATE = 16_000


def _check(spec, **options):
    return serbench.check_corpus(spec, **{"jobs": 0, **options})


def _found(checked):
    """Return the kind, the name and the other name of each finding."""
    return [(finding.kind, finding.name, finding.other) for finding in checked.findings]


def test_a_clean_corpus_has_no_findings(spoilt):
    checked = _check(spoilt.spec)
    assert checked.findings == ()
    assert checked.utterances == 24
    assert {name: count.found for name, count in checked.counts["sex"].items()} == {"female": 24}
    assert checked.counts["session"]["day 1"].found == 12
    assert "0 errors, 0 notes" in checked.title
    assert "No errors, and nothing to note." in str(checked)


def _cut_off(samples):
    """Cut a waveform off at a third of its peak, and halve the result."""
    return 0.5 * np.clip(3 * samples / np.abs(samples).max(), -1, 1)


def _silent(spoilt):
    spoilt.write(0, np.zeros(RATE))


def _short(spoilt):
    spoilt.write(0, spoilt.read(0)[4000:5000])


def _as_integers(spoilt):
    spoilt.write(0, 32768 * spoilt.read(0), subtype="FLOAT")


def _clipped(spoilt):
    spoilt.write(0, _cut_off(spoilt.read(0)))


def _stereo(spoilt):
    samples = spoilt.read(0)
    spoilt.write(0, np.stack([samples, 0.5 * samples], axis=1))


def _other_rate(spoilt):
    spoilt.write(0, soxr.resample(spoilt.read(0), RATE, 22_050), 22_050)


def _pointer(spoilt):
    spoilt.path(0).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def _empty(spoilt):
    spoilt.path(0).write_bytes(b"")


def _without_samples(spoilt):
    spoilt.write(0, np.zeros(0))


def _text(spoilt):
    spoilt.path(0).write_text("this is a page of text, as a failed download leaves it\n" * 40)


def _cut(spoilt):
    whole = spoilt.path(0).read_bytes()
    spoilt.path(0).write_bytes(whole[: len(whole) // 2])


def _infinite(spoilt):
    samples = spoilt.read(0)
    samples[100] = np.inf
    spoilt.write(0, samples, subtype="FLOAT")


def _in_opposite_phase(spoilt):
    samples = spoilt.read(0)
    spoilt.write(0, np.stack([samples, -samples], axis=1))


def _long(spoilt):
    rng = np.random.default_rng(0)
    spoilt.write(0, 0.1 * rng.standard_normal(61 * 2000), 2000)


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("silent", _silent),
        ("short", _short),
        ("loud", _as_integers),
        ("clipped", _clipped),
        ("channels", _stereo),
        ("rate", _other_rate),
        ("pointer", _pointer),
        ("empty", _empty),
        ("empty", _without_samples),
        ("unreadable", _text),
        ("truncated", _cut),
        ("invalid", _infinite),
        ("cancelling", _in_opposite_phase),
        ("long", _long),
    ],
)
def test_a_spoilt_file_is_found(spoilt, kind, spoil):
    spoil(spoilt)
    checked = _check(spoilt.spec)
    assert _found(checked) == [(kind, spoilt.id(0), "")]
    assert bool(checked.errors) == (KINDS[kind].severity == "error")


def test_every_missing_file_is_listed(spoilt):
    spoilt.path(3).unlink()
    spoilt.path(7).unlink()
    checked = _check(spoilt.spec)
    found = _found(checked)
    assert ("missing", spoilt.id(3), "") in found
    assert ("missing", spoilt.id(7), "") in found
    assert "counts" not in [kind for kind, _, _ in found]  # the missing files explain them
    assert checked.utterances == 22
    assert "2 of the 24 files that" in checked.refusals[0]


def test_speakers_without_any_file_are_named(spoilt):
    for position in range(6):
        spoilt.path(position).unlink()
    assert "1 speaker without any file: f01" in _check(spoilt.spec).notes


def test_copies_of_unknown_speakers_are_not_said_to_have_the_same_speaker(spoilt):
    shutil.copy(spoilt.path(0), spoilt.path(0).with_name("again.wav"))
    checked = _check(f"folder:{spoilt.path(0).parent}")  # names of files say nothing
    kinds = {finding.kind for finding in checked.findings if finding.other}
    assert kinds == {"unassigned copies"}


@pytest.mark.parametrize("quick", [False, True])
def test_the_last_line_says_what_was_compared(spoilt, quick):
    sounds = "recordings with each other, by sound"
    compared, left = ["counts with the published ones"], ["checksums with the published ones"]
    (left if quick else compared).append(sounds)
    assert _check(spoilt.spec, quick=quick).notes[-1] == (
        f"compared: {', '.join(compared)}; not compared: {', '.join(left)}"
    )


def test_a_list_is_a_csv_file(spoilt, tmp_path):
    invoked = CliRunner().invoke(
        app, ["corpus", "check", spoilt.spec, "--write-list", str(tmp_path / "list.json")]
    )
    assert invoked.exit_code
    assert "name a .csv file, not list.json" in str(invoked.exception)


def test_every_broken_row_of_a_table_is_listed_and_the_rest_is_checked(spoilt):
    spoilt.rows[1][2] = ""  # no speaker
    spoilt.rows[2][1] = "nan"
    spoilt.rows[3][3] = "x"
    spoilt.rows.append(spoilt.rows[4])
    spoilt.rows.append(["one cell"])
    spoilt.write(20, _cut_off(spoilt.read(20)))
    checked = _check(spoilt.spec)
    refused = [finding for finding in checked.findings if finding.kind == "refused"]
    lines = [f"my.csv, line {number}" for number in (2, 25 + 1, 25 + 2, 3, 4)]
    assert sorted(finding.name for finding in refused) == sorted(lines)
    assert "the speaker is empty; fill it in" in " ".join(finding.detail for finding in refused)
    assert ("clipped", spoilt.id(20), "") in _found(checked)
    assert "and for 2 more reasons: `--format json` lists all" in checked.notes
    assert "`--write-list findings.csv` writes all findings" in checked.notes


def test_names_that_look_alike_are_noted(spoilt):
    for row in spoilt.rows[1:3]:
        row[2] = "f-01"
    (finding,) = _check(spoilt.spec).findings
    assert finding.kind == "names"
    assert "the speakers 'f-01' and 'f01' differ only in case, punctuation" in finding.detail


def test_other_files_beside_the_audio_are_noted(spoilt):
    for name in ("clips/take.asd", "clips/f01.part", "clips/.hidden", "clips/notes.txt"):
        (spoilt.folder / name).write_text("-")
    assert _found(_check(spoilt.spec)) == [
        ("stray", "clips/f01.part", ""),
        ("stray", "clips/take.asd", ""),
    ]


def test_audio_that_the_metadata_of_a_folder_lacks_is_noted(spoilt, tmp_path):
    spoilt.rows[0] = ["file_name", *spoilt.rows[0][1:]]
    left_out = spoilt.rows.pop()[0]
    assert spoilt.spec
    (spoilt.folder / "my.csv").rename(spoilt.folder / "metadata.csv")
    assert _found(_check(f"folder:{spoilt.folder}")) == [("stray", left_out, "")]


# ---- copies ----


def test_files_that_are_the_same_are_paired(spoilt):
    shutil.copy(spoilt.path(0), spoilt.add("same-bytes.wav", "neutral", "f01"))
    soundfile.write(spoilt.add("same-samples.flac", "neutral", "f01"), spoilt.read(1), RATE)
    checked = _check(spoilt.spec)
    assert [(str(f), f.severity) for f in checked.findings] == [
        (f"{spoilt.id(0)} = clips/same-bytes (same bytes)", "note"),
        (f"{spoilt.id(1)} = clips/same-samples (same samples)", "note"),
    ]


def test_copies_that_contradict_each_other_are_errors(spoilt):
    shutil.copy(spoilt.path(0), spoilt.add("label.wav", "happy", "f01"))
    shutil.copy(spoilt.path(1), spoilt.add("speaker.wav", "neutral", "f02"))
    checked = _check(spoilt.spec)
    assert [(f.kind, f.other, f.detail) for f in checked.errors] == [
        ("contradictory", "clips/label", "labels neutral and happy, same bytes"),
        ("speakers", "clips/speaker", "speakers f01 and f02, same bytes"),
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.mp3", {"format": "MP3"}),
        ("x.ogg", {"format": "OGG", "subtype": "VORBIS"}),
        ("x.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("x.wav", {"subtype": "PCM_24"}),
    ],
)
@pytest.mark.parametrize("rate", [16_000, 8000])
def test_a_changed_copy_under_another_name_is_found(spoilt, name, kind, rate):
    changed = 0.4 * spoilt.read(5)[1000:-2000]
    path = spoilt.add(name, spoilt.rows[6][1], "f02")
    soundfile.write(path, soxr.resample(changed, RATE, rate), rate, **kind)
    (copy,) = [f for f in _check(spoilt.spec).findings if f.kind == "speakers"]
    assert (copy.name, copy.other) == (spoilt.id(5), "clips/x")
    assert "speakers f01 and f02, same sound" in copy.detail
    assert "s cut at its start" in copy.detail
    assert not [f for f in _check(spoilt.spec, quick=True).findings if f.other]


# ---- the command ----


def _invoke(*words, code):
    done = CliRunner().invoke(app, ["corpus", "check", *map(str, words)])
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def test_the_command_ends_with_1_if_there_are_errors(spoilt):
    _stereo(spoilt)
    assert "note" in _invoke(spoilt.spec, code=0)
    _empty(spoilt)
    out = _invoke(spoilt.spec, code=1)
    assert "1 error, 0 notes" in out
    assert f"error       no samples  1        {spoilt.id(0)}" in out
    assert "no samples: get these files again" in out


def test_the_list_has_every_finding(spoilt, tmp_path):
    shutil.copy(spoilt.path(0), spoilt.add("label.wav", "happy", "f01"))
    for at in range(1, 6):
        spoilt.path(at).write_bytes(b"")
    _invoke(spoilt.spec, "--write-list", tmp_path / "list.csv", code=1)
    with (tmp_path / "list.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6
    assert rows[0]["kind"] == "empty"
    assert rows[-1] == {
        "severity": "error",
        "kind": "contradictory",
        "utterance": spoilt.id(0),
        "detail": "labels neutral and happy, same bytes",
        "other utterance": "clips/label",
    }


def test_json_has_counts_and_findings(spoilt):
    spoilt.path(0).unlink()
    data = json.loads(_invoke(spoilt.spec, "--format", "json", code=1))
    assert data["counts"]["speaker"]["f01"] == {"found": 5, "published": 6}
    assert data["findings"][0]["kind"] == "missing"
    assert data["errors"] == len(data["findings"])


def test_a_corpus_that_is_not_there_is_one_line(places, tmp_path):
    with pytest.raises(CorpusError, match="there is no file"):
        _check(f"csv:{tmp_path / 'none.csv'}")


def test_processes_change_nothing(spoilt, monkeypatch):
    monkeypatch.setattr("serbench.inspection.measurement.FEW", 5)
    _clipped(spoilt)
    shutil.copy(spoilt.path(1), spoilt.add("label.wav", "happy", "f01"))
    spoilt.path(2).unlink()
    here, there = (_check(spoilt.spec, jobs=jobs) for jobs in (0, 2))
    assert here.findings == there.findings
    assert here.as_json() == there.as_json()
