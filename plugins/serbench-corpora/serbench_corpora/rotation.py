"""Make folds in which blocks of speakers take turns as test set: the paper's protocols."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from serbench import Corpus, Fold, speaker_fold

Blocks = Sequence[Sequence[str]]
"""Blocks of speakers, each of which is the test set once."""


def rotated(corpus: Corpus, blocks: Blocks, only_trained: Sequence[str] = ()) -> list[Fold]:
    """Return a fold per block, which is its test set; the next block (cyclic) validates."""
    return [
        _fold(corpus, blocks, test, (test + 1) % len(blocks), only_trained)
        for test in range(len(blocks))
    ]


def nested(corpus: Corpus, blocks: Blocks, only_trained: Sequence[str] = ()) -> list[Fold]:
    """Return a fold for each ordered pair of blocks, a test set and a validation set.

    The folds with one test set share a group, "3", and are named "3.1", "3.2", "3.4", ...
    """
    return [
        replace(
            _fold(corpus, blocks, test, validation, only_trained),
            name=f"{test + 1}.{validation + 1}",
            group=str(test + 1),
        )
        for test in range(len(blocks))
        for validation in range(len(blocks))
        if validation != test
    ]


def _fold(
    corpus: Corpus, blocks: Blocks, test: int, validation: int, only_trained: Sequence[str]
) -> Fold:
    others = (block for i, block in enumerate(blocks) if i not in (test, validation))
    return speaker_fold(
        corpus,
        str(test + 1),
        train=[*chain.from_iterable(others), *only_trained],
        validation=blocks[validation],
        test=blocks[test],
    )
