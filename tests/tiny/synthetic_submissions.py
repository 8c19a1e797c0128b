"""Valid submissions that no model made, as many as wanted, to see how the leaderboard grows.

CREMA-D and RAVDESS are the real corpora with the real folds, so their submissions are recomputed;
IEMOCAP's utterances are invented, and its labels withheld, so its submissions are not.

Usage: python tests/tiny/synthetic_submissions.py OUT [COUNT]
"""

import functools
import hashlib
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.numpy
from invented_runs import CLEAN

from serbench.leaderboard.submissions import card as cards
from serbench.leaderboard.submissions import pack, submitted_fold
from serbench.leaderboard.submissions.pack import PackedFold, Statements
from serbench.leaderboard.verification.reference import find
from serbench.results.config import Config
from serbench.results.fold_file import FoldResult, Scored, _arrays, stem
from serbench.results.run import Run
from serbench.settings import settings

CORPORA = ("crema-d", "ravdess", "iemocap")


@dataclass(frozen=True)
class Known:
    """What every submission of a corpus has alike: labels, digests, and each fold's test set."""

    labels: tuple[str, ...]
    pins: dict[str, str]
    folds: tuple[tuple[str, dict[str, int], Scored], ...]


@functools.cache
def known(corpus):
    """A corpus under its own labels and the paper's protocol."""
    if corpus == "iemocap":
        return _invented()
    found = find(corpus, corpus, "paper", settings())
    folds = []
    for fold in found.folds:
        sizes = {part: len(getattr(fold, part)) for part in ("train", "validation", "test")}
        speakers = tuple(found.corpus.by_id[one].speaker for one in fold.test)
        scored = Scored(tuple(fold.test), speakers, _truth(found, fold.test), None)
        folds.append((fold.name, sizes, scored))
    pins = {"corpus": found.corpus.digest, "protocol": found.digest, "audio": "a" * 64}
    return Known(tuple(found.corpus.labels), pins, tuple(folds))


def _truth(reference, ids):
    """Positions of the true labels."""
    place = {label: at for at, label in enumerate(reference.corpus.labels)}
    return np.array([place[reference.corpus.by_id[one].label] for one in ids])


def _invented(speakers=10, utterances=553):
    rng = np.random.default_rng(0)
    folds = []
    for at in range(speakers):
        ids = tuple(f"invented-{at}-{number:03d}" for number in range(utterances))
        truth = rng.integers(4, size=utterances)
        sizes = {"train": 8 * utterances, "validation": utterances, "test": utterances}
        folds.append((str(at + 1), sizes, Scored(ids, (f"s{at}",) * utterances, truth, None)))
    pins = {"corpus": "c" * 64, "protocol": "d" * 64, "audio": "a" * 64}
    return Known(("neutral", "happy", "sad", "anger"), pins, tuple(folds))


def write(out, corpus, number):
    """Write one submission, the `number`-th of a corpus; returns its folder."""
    rng, of = np.random.default_rng([number, CORPORA.index(corpus)]), known(corpus)
    skill = rng.uniform(0.2, 4)
    ease = dict.fromkeys(sorted({one for _, _, test in of.folds for one in test.speakers}))
    ease = {speaker: skill * rng.uniform(0.7, 1.3) for speaker in ease}
    config = _config(corpus, number)
    packed = [_packed(of, at, config, rng, ease) for at in range(len(of.folds))]
    folds = tuple(one.fold for one in packed)
    folder = out / corpus / Config(**config).name
    folder.mkdir(parents=True)
    card = pack._card(Run(folder, folds), packed, Statements(f"team {number % 40}"), None)
    if corpus == "iemocap":
        packed = [_withheld(one) for one in packed]
        card = _signed(card, packed)
    for one in packed:
        (folder / one.name).write_bytes(one.data)
    cards.write(folder / cards.FILE, card)
    return folder


def _config(corpus, number):
    return asdict(
        Config(
            dataset=corpus,
            labels=corpus,
            protocol="paper",
            model="synthetic",
            model_version="1",
            params={"variant": number},
            feature="waveform",
            feature_version="1",
            feature_params={},
            reading={"trim_db": 60.0},
            seed=0,
        )
    )


def _packed(of, at, config, rng, ease):
    name, sizes, test = of.folds[at]
    scores = rng.standard_normal((len(test.ids), len(of.labels)), dtype=np.float32)
    scores[np.arange(len(test.ids)), test.truth] += [ease[one] for one in test.speakers]
    fold = FoldResult(
        {
            "schema": 1,
            "config": config,
            "pins": of.pins,
            "protocol": {"name": "paper", "leaks": "", "folds": len(of.folds)},
            "fold": {"index": at, "name": name, "group": "", "utterances": sizes},
            "labels": list(of.labels),
            "link": "softmax",
            "certificate": CLEAN,
            "validation": {"f1": 0.5},
            "alone": {"utterances": 8, "largest_difference": 0.0, "other_labels": 0},
            "model": {"parameters": 1000 * (1 + at % 2), "best_epoch": 2},
            "curve": [{"epoch": epoch, "validation_loss": 1.0 / epoch} for epoch in range(1, 9)],
            "seconds": {"fit": 3.0, "predict": 0.5},
            "device": "cpu",
            "threads": 1,
            "versions": {"python": "3.11.7", "serbench": "0.1.0"},
            "sources": {"serbench": "0" * 16},
            "machine": {"system": "Linux", "processor": "x86_64"},
            "finished": "2026-01-01T00:00:00+00:00",
        },
        Scored(test.ids, test.speakers, test.truth, scores),
    )
    return PackedFold(f"{stem(at)}.safetensors", _bytes(fold), fold)


def _bytes(fold):
    facts = json.dumps(fold.stored, ensure_ascii=False)
    return safetensors.numpy.save(_arrays("test", fold.test), metadata={"serbench": facts})


def _withheld(one):
    return PackedFold(one.name, submitted_fold.withheld(one.data), one.fold)


def _signed(card, packed):
    digests = {one.name: hashlib.sha256(one.data).hexdigest() for one in packed}
    folds = tuple(replace(fold, sha256=digests[fold.file]) for fold in card.folds)
    return replace(card, truth="withheld", folds=folds)


def main(out, count):
    """Write so many, dealt to the corpora in turn."""
    for number in range(count):
        write(Path(out), CORPORA[number % len(CORPORA)], number)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100)
