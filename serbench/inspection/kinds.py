"""The kinds of findings about a corpus: how serious they are, and what to do about them."""

from dataclasses import dataclass
from typing import Literal

from serbench.features.audio import LONGEST, ODD

Severity = Literal["error", "note"]


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        severity: "error" for what `serbench evaluate` refuses, or what makes results wrong.
        title: what it is, in a few words.
        advice: what to do, or what serbench does; "" if the dataset's message says so.
    """

    severity: Severity
    title: str
    advice: str = ""


KINDS = {
    # what the dataset refuses
    "refused": Kind("error", "refused by the dataset"),
    "counts": Kind("error", "count differs from the published or listed one"),
    "missing": Kind("error", "file missing"),
    "unpublished": Kind("error", "file of an utterance that was not published"),
    "duplicate": Kind("error", "second file of an utterance"),
    # what cannot be decoded
    "pointer": Kind("error", "Git LFS pointer instead of audio", "run `git lfs pull` in the clone"),
    "empty": Kind("error", "no samples", "get these files again"),
    "unreadable": Kind("error", "cannot be decoded", "get these files again, or convert them"),
    "truncated": Kind("error", "cut off", "get these files again"),
    "invalid": Kind("error", "invalid samples", "get these files again"),
    "cancelling": Kind("error", "channels cancel each other", "keep one of the channels"),
    "long": Kind("error", f"longer than {LONGEST} s", "cut them into utterances"),
    # what contradicts something else
    "altered": Kind("error", "checksum differs from the published one", "get these files again"),
    "contradictory": Kind(
        "error",
        "same recording, different labels",
        "at most one label is right: remove these utterances, or correct the labels",
    ),
    "speakers": Kind(
        "error",
        "same recording, different speakers",
        "one voice may be in training and in test: remove all but one",
    ),
    # what is read, but odd
    "silent": Kind("note", ODD["silent"].partition(" (")[0], "silence has no emotion"),
    "short": Kind("note", ODD["short"], "there is hardly any speech"),
    "loud": Kind("note", "far louder than full scale", "integers may be stored as floats"),
    "clipped": Kind("note", "clipped", "many samples have exactly the largest value"),
    "channels": Kind("note", "several channels", "serbench reads their mean"),
    "rate": Kind("note", "other sampling rate", "serbench resamples everything to 16 kHz"),
    "copies": Kind("note", "same recording, same speaker and label", "it counts twice"),
    "published copies": Kind(
        "note", "same recording twice, as published", "the files have the published checksums"
    ),
    "unassigned copies": Kind("note", "same recording, speaker or label unknown"),
    "misnamed": Kind("note", "misnamed, but recognised", "other software may not find it"),
    "stray": Kind("note", "file that belongs to no utterance", "it is not read"),
    "names": Kind("note", "names that look wrong"),
}
"""All kinds, in the order in which they are listed."""
