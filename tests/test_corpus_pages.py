"""A user's corpus that a page of TOML describes, from the page to the scores."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("serbench_corpora.pages.corpus")

from typer.testing import CliRunner

import serbench
from serbench import datasets
from serbench.cli import listings
from serbench.cli.app import app
from serbench.errors import CorpusError, LeakageError, SerbenchError
from serbench.protocols import leakage, lookup
from serbench.settings import settings

PAGE = r"""
pattern = '(?P<label>low|middle|high)/(?P<speaker>\d\d)-(?P<repetition>\d)'
id = "{label}/{speaker}-{repetition}"
labels = ["high", "low", "middle"]
"""


@pytest.fixture
def page(tmp_path, places):
    """Noisy tones of five speakers, and the page that describes them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "mine"
    for speaker in ("01", "02", "03", "04", "05"):
        for place, label in enumerate(("low", "middle", "high")):
            for take in range(2):
                path = folder / label / f"{speaker}-{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                tone = np.sin(2 * np.pi * 200 * 4**place * np.arange(2400) / 16_000)
                soundfile.write(path, 0.5 * tone + 0.05 * rng.standard_normal(2400), 16_000)
    (folder / "my.toml").write_text(PAGE, encoding="utf-8")
    return folder / "my.toml"


def _evaluated(dataset, **more):
    return serbench.evaluate("centroid", dataset, jobs=0, **more)


def _table(folder):
    files = sorted(folder.rglob("*.wav"))
    rows = [[f.relative_to(folder), f.parent.name, f.name[:2]] for f in files]
    with (folder / "my.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "label", "speaker"], *rows])
    return folder / "my.csv"


def _audformat(folder):
    audformat = pytest.importorskip("audformat")
    files = [str(f.relative_to(folder)) for f in sorted(folder.rglob("*.wav"))]
    database = audformat.Database("my")
    database["files"] = audformat.Table(audformat.filewise_index(files))
    for name, values in {
        "emotion": [Path(file).parent.name for file in files],
        "speaker": [Path(file).name[:2] for file in files],
    }.items():
        database.schemes[name] = audformat.Scheme("str")
        database["files"][name] = audformat.Column(scheme_id=name)
        database["files"][name].set(values)
    database.save(str(folder))
    return folder


def test_four_descriptions_of_one_corpus_give_the_same_results(page):
    folder = page.parent
    only_audio = folder.parent / "only"
    for path in folder.rglob("*.wav"):
        target = only_audio / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    runs = [
        _evaluated(f"toml:{page}"),
        _evaluated(f"csv:{_table(folder)}"),
        _evaluated(rf"folder:{only_audio},speaker_pattern=/(\d+)-"),
        _evaluated(f"audformat:{_audformat(folder)}"),
    ]
    first = runs[0]
    assert first.config.dataset == "toml:my"
    for run in runs[1:]:
        assert run.config.protocol == first.config.protocol == "kfold:n=5"
        assert run.facts.pins.corpus == first.facts.pins.corpus
        assert run.facts.pins.protocol == first.facts.pins.protocol
        for fold, other in zip(first.folds, run.folds, strict=True):
            assert fold.facts.pins.audio == other.facts.pins.audio
            assert np.array_equal(fold.test.activations, other.test.activations)


def test_the_audio_may_be_elsewhere_and_the_spec_has_no_path(page, monkeypatch):
    places = settings()
    elsewhere = page.parent.parent / "pages" / "my.toml"
    elsewhere.parent.mkdir()
    shutil.copy(page, elsewhere)
    beside = datasets.find(f"toml:{page}", places)
    named = datasets.find(f"toml:{elsewhere}", places, page.parent)
    assert (beside.spec, beside.root, beside.page) == ("toml:my", page.parent, page)
    assert (named.spec, named.root, named.page) == ("toml:my", page.parent, elsewhere)
    assert datasets.find("toml", places, page).page == page
    places.data.mkdir()
    (places.data / "my").symlink_to(page.parent)
    assert datasets.find(f"toml:{elsewhere}", places).root == page.parent
    (places.data / "toml").mkdir()
    shutil.copy(page, places.data / "toml" / "my.toml")
    monkeypatch.chdir(elsewhere.parent.parent)
    assert datasets.find("toml:my", places).page == places.data / "toml" / "my.toml"
    assert datasets.named("toml:my", places).root == page.parent
    with pytest.raises(SerbenchError, match="its dataset is called toml:my here, not"):
        datasets.named(f"toml:{elsewhere}", places)


def test_folds_in_processes_of_their_own_find_page_and_audio(page):
    elsewhere = page.parent.parent / "other.toml"
    page.rename(elsewhere)
    run = serbench.evaluate("centroid", f"toml:{elsewhere}", data=page.parent, jobs=1, folds=["1"])
    assert run.config.dataset == "toml:other"
    stored = b"".join(path.read_bytes() for path in run.folder.rglob("*") if path.is_file())
    assert str(page.parent.parent).encode() not in stored


def test_a_changed_page_is_told_though_the_corpus_is_the_same(page):
    run = _evaluated(f"toml:{page}", folds=["1"])
    assert len(run.facts.pins.page) == 64
    page.write_text(f'title = "Tones" # prose is not pinned\n{PAGE}', encoding="utf-8")
    _evaluated(f"toml:{page}", folds=["1"])
    page.write_text(f"speakers = 5\n{PAGE}", encoding="utf-8")
    with pytest.raises(CorpusError, match="another page called toml:my has run here") as caught:
        _evaluated(f"toml:{page}")
    assert f"was not computed from {page}" in str(caught.value)


def test_unknown_speakers_are_counted_in_the_certificate_of_a_run(page):
    page.write_text(f'unknown_speakers = ["05"]{PAGE}', encoding="utf-8")
    with pytest.warns(
        UserWarning, match="6 utterances have no known speaker: they are only trained on"
    ):
        run = _evaluated(f"toml:{page}", protocol="loso")
    assert [fold.facts.fold.name for fold in run.folds] == ["01", "02", "03", "04"]
    assert run.ranked
    for fold in run.folds:
        assert fold.facts.certificate["speakerless"] == {"train": 6, "validation": 0, "test": 0}
        assert fold.facts.certificate["clean"]
    assert len(run.speaker_confusions) == 4


def test_a_corpus_without_speakers_is_refused_but_random_folds_are_not(page):
    page.write_text(
        PAGE.replace("(?P<speaker>", "(?P<number>").replace("{speaker}", "{number}")
        + '[protocol]\nkind = "refused"\nreason = "the names do not say who speaks"',
        encoding="utf-8",
    )
    with pytest.raises(LeakageError, match="the names do not say who speaks. Name one that is"):
        _evaluated(f"toml:{page}")
    with pytest.raises(SerbenchError, match="has 0 speakers, but protocol loso needs"):
        _evaluated(f"toml:{page}", protocol="loso")
    with pytest.warns(UserWarning, match="30 utterances have no known speaker"):
        run = _evaluated(f"toml:{page}", protocol="random:n=3,seed=0")
    assert run.leaks
    assert not run.facts.certificate["clean"]
    assert run.speaker_confusions.shape == (0, 3, 3)
    assert np.isnan(run.interval("uar").low)
    assert "centroid" in run.page()


def test_joined_to_another_corpus_unknown_speakers_stay_unknown(page):
    places = settings()
    for name in ("one", "two"):
        kept = places.data / "toml" / f"{name}.toml"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(f'unknown_speakers = ["05"]{PAGE}', encoding="utf-8")
        (places.data / name).symlink_to(page.parent)
    source = datasets.find("joint:toml:one+toml:two", places)
    corpus = datasets.read(source)
    assert len(corpus.speakers) == 8
    assert len(corpus.speakerless) == 12
    assert len(source.dataset.page_digest) == 64
    protocol = lookup.find_protocol(None, source.dataset)
    for fold in lookup.make_folds(protocol, corpus):
        counts = leakage.certify(corpus, fold, {}).speakerless
        assert counts == {"train": 6, "validation": 0, "test": 0}


def test_joining_a_page_by_its_path_says_where_page_and_audio_must_be(page):
    with pytest.raises(CorpusError) as caught:
        datasets.find(f"joint:toy+toml:{page}", settings())
    assert str(caught.value) == (
        f"joint reads toml:{page} from $SERBENCH_DATA/toml/my.toml: put the page there (a link "
        "will do), put its audio into $SERBENCH_DATA/my, and write toml:my"
    )


def test_commands_call_the_corpus_by_one_name_and_say_what_the_pattern_leaves_out(page):
    shutil.copy(page.parent / "low" / "01-0.wav", page.parent / "other.wav")
    left_out = "1 file left out, since the pattern does not match: other.wav"
    for words, where in (
        (("check",), "kfold:n=5 on toml:my: "),
        (("check", "--format", "csv"), ""),
        (("show",), ""),
    ):
        done = CliRunner().invoke(app, ["protocol", *words, "--dataset", f"toml:{page}"])
        assert done.exit_code == 0
        assert done.stderr.splitlines() == [left_out]
        assert where in done.stdout
    shown = CliRunner().invoke(
        app, ["protocol", "show", "--dataset", f"toml:{page}", "--protocol", "loso"]
    )
    assert "protocol loso of toml:my, " in shown.stdout
    assert left_out in shown.stdout


def test_a_page_is_described_by_what_it_says_and_by_its_files(page):
    described = listings.describe("dataset", f"toml:{page}").splitlines()
    at = described.index("my")
    assert described[at + 1 : at + 4] == [
        f"Here: {page.parent}",
        "30 files of 5 speakers: 10 high, 10 low, 10 middle",
        "Labels original: high, low, middle",
    ]
    (page.parent / "low" / "01-0.wav").write_bytes(b"")
    assert "Cannot be read: " in listings.describe("dataset", f"toml:{page}")
    shutil.rmtree(page.parent / "low")
    shutil.rmtree(page.parent / "middle")
    shutil.rmtree(page.parent / "high")
    assert f"Not in {page.parent}" in listings.describe("dataset", f"toml:{page}").splitlines()
