"""docs/emobox.csv, the speakers that EmoBox's sets share: made from a clone, and true of ours."""

import csv
import importlib.util
import json
from pathlib import Path

import pytest

from serbench.corpus import relabelled
from serbench.plugins import registry
from serbench.protocols import leakage, lookup
from serbench.protocols.split_check import SplitCheck

DOCS = Path(__file__).resolve().parent.parent / "docs"


def rows(path=DOCS / "emobox.csv"):
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["corpus"]: row for row in csv.DictReader(stream)}


@pytest.mark.parametrize("name", ["ravdess", "cremad", "iemocap"])
def test_the_table_agrees_with_the_splits_that_plugins_ship(name):
    pytest.importorskip("serbench_corpora")
    row = rows()[name]
    dataset = registry.load(registry.find("dataset", row["dataset"]))()
    labels, label_set = next(iter(dataset.label_sets.items()))
    corpus = relabelled(dataset.manifest() or dataset.stand_in(), labels, label_set)
    folds = lookup.make_folds(lookup.find_protocol("emobox", dataset), corpus)
    check = SplitCheck("emobox", corpus, leakage.check(corpus, folds, {}))
    overlap = check.overlaps(("train", "test"), "speaker")
    assert [int(row[key]) for key in ("folds", "speakers", "shared")] == [
        len(folds),
        overlap.total,
        overlap.shared,
    ]
    assert [int(row[key]) for key in ("utterances", "of shared speakers")] == [
        overlap.of_utterances,
        overlap.utterances,
    ]


def test_in_twelve_of_the_twenty_other_corpora_test_speakers_train():
    full_size = ("ravdess", "crema-d", "iemocap")
    others = [row for row in rows().values() if row["dataset"] not in full_size]
    assert len(others) == 20
    assert sum(int(row["shared"]) > 0 for row in others) == 12


def test_the_table_is_made_from_a_clone(tmp_path, monkeypatch, places):
    pytest.importorskip("serbench_corpora")
    spec = importlib.util.spec_from_file_location("check_emobox", DOCS / "check_emobox.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "OUT", tmp_path / "emobox.csv")

    def write(corpus, fold, part, names):
        folder = tmp_path / "data" / corpus / f"fold_{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"wav": f"downloads/{corpus}/{name}"}) for name in names]
        (folder / f"{corpus}_{part}_fold_{fold}.jsonl").write_text("\n".join(lines))

    anger, neutral = (
        [f"wav/{speaker}a01Wa.wav" for speaker in ("03", "08", "09")],
        "wav/03a01Na.wav",
    )
    write("emodb", 1, "train", [*anger[:2], neutral])
    write("emodb", 1, "test", [anger[2], "wav/03a02Wa.wav", "wav/cover.wav"])
    listed = [f"zhao/{label}/{n}.wav" for label in ("happy", "sad") for n in (201, 202)]
    listed += ["liu/happy/201.wav", "liu/sad/201.wav"]
    write("casia", 1, "test", listed[4:])
    (tmp_path / "data" / "casia" / "data.seg.audmap").write_text(
        "\n".join(f"id 1 0 1.5 downloads/casia/{name}" for name in listed)
    )
    script.main(tmp_path)
    made = rows(tmp_path / "emobox.csv")
    assert list(made["emodb"].values()) == ["emodb", "emo-db", "1", "2", "1", "2", "1"]
    assert list(made["casia"].values()) == ["casia", "", "1", "1", "0", "2", "0"]
