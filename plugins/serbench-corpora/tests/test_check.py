"""`serbench corpus check` on look-alikes of published corpora, with their known oddities."""

import os
import shutil
from collections import Counter
from dataclasses import replace

import pytest

import serbench
from serbench import datasets
from serbench.files import file_digest
from serbench.settings import settings
from serbench_corpora import crema_d, fake_corpora, ravdess

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99000\n"
ACTORS = {  # those with oddities; the tones of a whole corpus would take long to decode
    "ravdess": ("01", "05", "07", "20"),
    "crema-d": ("1006", "1013", "1017", "1040", "1076"),
}


def _part(monkeypatch, module, tree, folder):
    """Reduce a corpus and its look-alike to `ACTORS`; return the folder, whose files are links."""
    manifest = module.manifest()
    spoken = [u for u in manifest.utterances if u.speaker in ACTORS[module.NAME]]
    monkeypatch.setattr(module, "manifest", lambda: replace(manifest, utterances=tuple(spoken)))
    names = {f"{utterance.id}.wav" for utterance in spoken}
    for path in tree.rglob("*.wav"):
        if path.name in names:
            target = folder / path.relative_to(tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    return folder


@pytest.fixture
def ravdess_part(monkeypatch, ravdess_tree, tmp_path):
    return _part(monkeypatch, ravdess, ravdess_tree, tmp_path / "ravdess")


@pytest.fixture
def crema_d_part(monkeypatch, crema_d_tree, tmp_path):
    return _part(monkeypatch, crema_d, crema_d_tree, tmp_path / "crema-d")


def _findings(name, folder):
    """Return kind, name and other name of all findings but those that all short tones have."""
    checked = serbench.check_corpus(name, data=folder, jobs=0)
    of_tones = ("short", "clipped")
    return [(f.kind, f.name, f.other) for f in checked.findings if f.kind not in of_tones]


def test_the_stereo_files_and_the_identical_pair_of_ravdess_are_noted(ravdess_part):
    pair = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")
    assert _findings("ravdess", ravdess_part) == [
        *(("channels", name, "") for name in sorted(fake_corpora.STEREO)),
        ("copies", *pair),
    ]


def test_files_that_are_too_few_or_too_many_are_listed(ravdess_part):
    gone = ravdess_part / "Actor_01" / "03-01-05-01-01-01-01.wav"
    twin = ravdess_part / "Actor_01" / "03-01-05-01-01-02-01.wav"
    shutil.copy(twin, ravdess_part / twin.name)
    shutil.copy(twin, ravdess_part / "Actor_01" / "03-01-05-01-01-03-01.wav")
    shutil.copy(twin, ravdess_part / "Actor_01" / "03-02-05-01-01-02-01.wav")  # a song
    gone.unlink()
    found = [each for each in _findings("ravdess", ravdess_part) if each[0] not in ("channels",)]
    assert found[0] == ("missing", "03-01-05-01-01-01-01", "")  # which explains the counts
    assert ("unpublished", "03-01-05-01-01-03-01", "") in found
    assert ("stray", "Actor_01/03-02-05-01-01-02-01.wav", "") in found
    assert [name for kind, name, _ in found if kind == "duplicate"] == [f"Actor_01/{twin.name}"]


def test_the_silence_the_wrong_name_and_the_contradictions_of_crema_d(crema_d_part, monkeypatch):
    files = sorted(crema_d_part.rglob("*.wav"))
    sums = {path.stem: f"sha256:{file_digest(path)}" for path in files}
    monkeypatch.setattr(crema_d.CremaD, "checksums", lambda self: sums)
    (path,) = crema_d_part.rglob("1040_ITH_SAD_XX.wav")
    path.rename(path.with_name("1040_ITH_SAD_X.wav"))
    pairs = [
        ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"),
        ("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"),
        ("1017_IWW_ANG_XX", "1017_IWW_FEA_XX"),
    ]
    assert _findings("crema-d", crema_d_part) == [
        ("silent", "1076_MTI_SAD_XX", ""),
        *(("published copies", *pair) for pair in pairs),
        ("misnamed", "AudioWAV/1040_ITH_SAD_X.wav", ""),
    ]
    checked = serbench.check_corpus("crema-d", data=crema_d_part, jobs=0)
    (first, *_) = [f for f in checked.findings if f.kind == "published copies"]
    assert first.detail == "labels happy and neutral, same bytes"
    assert not checked.errors


def test_pointers_and_other_files_than_the_published_ones(crema_d_part):
    path = next(crema_d_part.rglob("1006_DFA_ANG_XX.wav"))
    path.unlink()
    path.write_text(POINTER)
    checked = serbench.check_corpus("crema-d", data=crema_d_part, jobs=0)
    kinds = Counter(finding.kind for finding in checked.errors)
    files = len(list(crema_d_part.rglob("*.wav")))
    assert kinds["pointer"] == 1
    assert kinds["altered"] == files - 1  # all are tones
    assert kinds["contradictory"] == 3
    assert "run `git lfs install` and `git lfs pull`" in " ".join(checked.notes)


def test_a_survey_of_iemocap_reads_on_after_every_error(iemocap_copy):
    session = iemocap_copy / "Session1"
    wavs = sorted((session / "sentences").rglob("*.wav"))
    evaluation = min((session / "dialog" / "EmoEvaluation").glob("Ses*.txt"))
    labelled = [
        line
        for line in evaluation.read_text().splitlines()
        if "\tneu\t" in line or "\tang\t" in line
    ]
    gone = next(path for path in wavs if any(path.stem in line for line in labelled))
    gone.unlink()
    twice = evaluation.with_name("Ses01F_again.txt")
    twice.write_text(f"{labelled[-1]}\n")
    source = datasets.find("iemocap", settings(), iemocap_copy)
    survey = datasets.survey(source)
    problems = {problem.kind: problem for problem in survey.problems if problem.kind != "stray"}
    assert problems["missing"].names == (gone.stem,)
    assert problems["refused"].message.startswith("iemocap: Ses01")
    assert "is labelled twice" in problems["refused"].message
    assert len(survey.utterances) == 5531
    assert survey.published is not None


@pytest.mark.slow
def test_the_toy_corpus_is_clean(tmp_path, monkeypatch):
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path))
    assert serbench.check_corpus("toy").findings == ()
