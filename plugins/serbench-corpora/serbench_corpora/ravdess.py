"""Load RAVDESS: 24 actors speak two sentences in eight emotions, recorded in a studio."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Literal

from serbench import About, Corpus, Fold, LabelSet, Lengths, Protocol, Utterance
from serbench_corpora import archive, audio_tree, packaged_data, published_splits, rotation, subsets
from serbench_corpora.resumable_download import RemoteFile, check_room, fetch

NAME = "ravdess"

ABOUT = About(
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (speech, audio only)",
    licence="CC BY-NC-SA 4.0",
    size="208 MB zip, 513 MB unpacked",
    home="https://zenodo.org/records/1188976",
    obtain="`serbench download ravdess` fetches it (Audio_Speech_Actors_01-24.zip)",
    cite="Livingstone and Russo 2018, PLoS ONE 13(5) e0196391, doi:10.1371/journal.pone.0196391",
)

# ---- labels ----

# in the order of their codes, 01 to 08
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

LABEL_SETS: Mapping[str, LabelSet] = {
    "ravdess": {emotion: emotion for emotion in EMOTIONS},
    # seven classes, as in Pepino et al. 2021
    "calm-as-neutral": {e: "neutral" if e == "calm" else e for e in EMOTIONS},
}

# ---- names ----

ACTORS = tuple(f"{actor:02}" for actor in range(1, 25))

INTENSITIES = {1: "normal", 2: "strong"}

# modality 03 is audio only, channel 01 is speech: films and songs differ only in these numbers
SPEECH = re.compile(r"03-01(-\d\d){5}", re.ASCII)


def identify(stem: str) -> str | None:
    """Return the utterance's id from a file name without its ending; None for other files.

    >>> identify("03-01-05-01-02-01-12"), identify("03-02-05-01-02-01-12")
    ('03-01-05-01-02-01-12', None)
    """
    return stem if SPEECH.fullmatch(stem) else None


# ---- manifest ----


@cache
def manifest() -> Corpus:
    """Return all 1440 utterances, computed from the naming scheme, which has no gaps."""
    utterances = [
        Utterance(
            f"03-01-{emotion:02}-{intensity:02}-{statement:02}-{repetition:02}-{actor}",
            speaker=actor,
            label=label,
            sex="male" if int(actor) % 2 else "female",
            sentence=f"{statement:02}",
            repetition=f"{repetition:02}",
            attributes={"intensity": INTENSITIES[intensity]},
        )
        for actor, (emotion, label) in product(ACTORS, enumerate(EMOTIONS, start=1))
        # neutral has no strong intensity
        for intensity in ((1,) if label == "neutral" else (1, 2))
        for statement, repetition in product((1, 2), (1, 2))
    ]
    return Corpus(NAME, EMOTIONS, tuple(utterances), "raw")


# ---- protocols ----

# two men and two women per block, since odd actors are men
BLOCKS = [ACTORS[start : start + 4] for start in range(0, 24, 4)]


def paper(corpus: Corpus) -> list[Fold]:
    """Make six folds of 16 training, 4 validation and 4 test actors."""
    return rotation.rotated(corpus, BLOCKS)


def paper_nested(corpus: Corpus) -> list[Fold]:
    """Make thirty folds: each of the six test sets with each of the others as validation set."""
    return rotation.nested(corpus, BLOCKS)


PROTOCOLS: Sequence[Protocol] = (
    Protocol("paper", "six folds of actors, 16/4/4; validation is the next fold", paper),
    Protocol(
        "paper-nested",
        "six test sets, each with five models; the best on its validation set counts",
        paper_nested,
    ),
    *published_splits.RAVDESS,
)

# ---- download ----

ARCHIVE = RemoteFile(
    "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
    "Audio_Speech_Actors_01-24.zip",
    208_468_073,
    "md5:bc696df654c87fed845eb13823edef8a",
)
UNPACKED = 513_462_676  # bytes

# ---- dataset ----


class Ravdess:
    """Reads RAVDESS's speech, audio-only part.

    Attributes:
        subset: the whole part, or EmoBox's test set for other corpora: 240 utterances of four
            emotions.
    """

    about = ABOUT
    label_sets = LABEL_SETS
    protocols = PROTOCOLS
    speaker_space = NAME  # the same people in both

    def __init__(self, subset: Literal["all", "emobox-balanced"] = "all"):
        whole = subset == subsets.ALL
        self._part = {} if whole else published_splits.emobox_balanced(NAME, "id")
        self.label_sets = subsets.labels(LABEL_SETS, self._part)

    def manifest(self) -> Corpus:
        """Return the corpus without its audio."""
        return subsets.part(manifest(), self._part)

    def lengths(self) -> Lengths:
        """Return the lengths of the utterances."""
        return packaged_data.lengths(NAME)

    def read(self, root: Path) -> Corpus:
        """Read the corpus below `root`: `Actor_01/` to `Actor_24/`, or the same files elsewhere.

        Raises:
            CorpusError: the corpus is missing, incomplete or mixed with other files.
        """
        remedy = f"unpack the zip again, or run `serbench download {NAME}`"
        corpus = audio_tree.read(manifest(), root, identify, ABOUT, remedy)
        return subsets.part(corpus, self._part)

    def download(self, root: Path, published: RemoteFile = ARCHIVE) -> None:
        """Fetch the archive and unpack missing utterances; delete the archive if it was fetched.

        Raises:
            CorpusError: the archive cannot be fetched, or differs from the published one.
        """
        if len(audio_tree.audio(NAME, root, identify)) < len(manifest().utterances):
            path = root / published.name
            was_present = path.exists()
            check_room(root, UNPACKED + (0 if was_present else published.size))
            fetch([published], root)
            archive.unpack(path, root, identify)
            if not was_present:
                path.unlink()
        self.read(root)
