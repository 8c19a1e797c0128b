"""Named parts of corpora, each of which is a dataset of its own: `iemocap:subset=improvised`."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from serbench import Corpus, LabelSet, Utterance
from serbench.corpus import sha256

ALL = "all"
DIGITS = 16  # of the hexadecimal digest of an id

FIELDS = ("id", "label", "speaker", "sex", "session", "dialogue", "sentence", "repetition")

Subset = Mapping[str, Collection[str]]
"""From a field or an attribute of utterances to the values that those of the subset have.

The field "sha256" is the start of the digest of the id, for corpora whose ids must not be shipped.
"""


def part(corpus: Corpus, subset: Subset) -> Corpus:
    """Return the utterances of a subset."""
    kept = (
        utterance
        for utterance in corpus.utterances
        if all(_value(utterance, field) in values for field, values in subset.items())
    )
    return replace(corpus, utterances=tuple(kept))


def labels(label_sets: Mapping[str, LabelSet], subset: Subset) -> dict[str, LabelSet]:
    """Return label sets without labels that the subset does not have."""
    return {
        name: {own: label for own, label in label_set.items() if own in subset.get("label", (own,))}
        for name, label_set in label_sets.items()
    }


def _value(utterance: Utterance, field: str) -> str:
    if field == "sha256":
        return sha256(utterance.id)[:DIGITS]
    if field in FIELDS:
        value: str = getattr(utterance, field)
        return value
    return utterance.attributes.get(field, "")
