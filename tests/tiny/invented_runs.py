"""Runs that no model made: a stated share of answers is right, everything else is drawn."""

from pathlib import Path

import numpy as np

from serbench.protocols.leakage import KINDS, PAIRS, Certificate, Shared, to_json
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.run import Run

LABELS = ("neutral", "happy", "sad", "angry")
CLEAN = to_json(
    Certificate(
        **{kind: {"|".join(pair): Shared(0, ()) for pair in PAIRS} for kind in KINDS},
        audio_checked=True,
    )
)


def run(  # noqa: PLR0913 - what a test varies
    name="toy_invented_paper_seed0_1",
    *,
    folds=2,
    speakers=4,
    utterances=48,
    labels=LABELS,
    right=0.6,
    seed=0,
    ids="{speaker}-{number:03d}",
    speaker="s{0:02d}",
    **facts,
):
    """A run whose utterances are dealt to speakers, and its speakers to folds, one after the other.

    Args:
        name: of its folder.
        folds: how many test sets.
        speakers: in all.
        utterances: in all.
        labels: of the utterances.
        right: the share of right answers, about.
        seed: of what is drawn.
        ids: what an utterance is called.
        speaker: what a speaker is called.
        facts: that differ from the usual ones.
    """
    rng = np.random.default_rng(seed)
    number = np.arange(utterances)
    spoken = number % speakers
    truth = number // speakers % len(labels)
    activations = rng.normal(size=(utterances, len(labels))).astype(np.float32)
    known = np.flatnonzero(rng.random(utterances) < right)
    activations[known, truth[known]] = activations[known].max(axis=1) + rng.random(len(known)) * 3
    names = [speaker.format(one) for one in spoken]
    called = [ids.format(speaker=names[at], number=at) for at in number]
    parts = [np.flatnonzero(spoken % folds == fold) for fold in range(folds)]
    made = [
        FoldResult(
            _facts(fold, folds, len(part), labels, seed, facts),
            Scored(
                tuple(called[at] for at in part),
                tuple(names[at] for at in part),
                truth[part],
                activations[part],
            ),
        )
        for fold, part in enumerate(parts)
    ]
    return Run(Path(name), tuple(made))


def _facts(fold, folds, size, labels, seed, more):
    config = {
        "dataset": "toy",
        "labels": "toy",
        "protocol": "kfold:n=6",
        "model": "invented",
        "model_version": "1",
        "params": {"epochs": 3},
        "feature": "waveform",
        "feature_version": "1",
        "feature_params": {},
        "reading": {"trim_db": 60.0},
        "seed": seed,
    }
    curve = [
        {
            "epoch": epoch,
            "train_loss": 2.0 / epoch,
            "validation_loss": 1.0 / epoch + 0.1 * fold,
            "validation_uar": 0.2 * epoch,
        }
        for epoch in (1, 2, 3)
    ]
    return {
        "schema": 1,
        "config": config | more.get("config", {}),
        "pins": {"corpus": "c" * 64, "protocol": "p" * 64, "audio": "a" * 64},
        "protocol": {"name": "kfold:n=6", "leaks": "", "folds": folds},
        "fold": {
            "index": fold,
            "name": str(fold + 1),
            "group": "",
            "utterances": {"train": 4 * size, "validation": size, "test": size},
        },
        "labels": list(labels),
        "link": "softmax",
        "certificate": CLEAN,
        "validation": {"f1": 0.5},
        "alone": {"utterances": 8, "largest_difference": 0.0, "other_labels": 0},
        "model": {"parameters": 1000, "best_epoch": 2},
        "curve": curve,
        "seconds": {"fit": 3.0, "predict": 0.5},
        "peak_memory_mb": 200.0,
        "device": "cpu",
        "threads": 1,
        "versions": {"python": "3.11.7", "serbench": "0.1.0"},
        "sources": {"serbench": "0" * 16},
        "machine": {"system": "Linux", "processor": "x86_64"},
        "finished": "2026-01-01T00:00:00+00:00",
        **{key: value for key, value in more.items() if key != "config"},
    }
