"""Read the corpus from the names of its files, without opening audio."""

import re
from collections.abc import Mapping
from pathlib import Path

from serbench import About, Corpus, CorpusError, Fold, LabelSet, Protocol, Utterance, speaker_fold

NAME = "example-dataset"

ABOUT = About(
    title="The example corpus",
    licence="MIT",
    size="1 MB",
    home="tests/pretended.py in this package's source",
    obtain="`python tests/pretended.py FOLDER` writes it",
    cite="no paper: the audio is made-up tones",
)

EMOTIONS = ("neutral", "happy", "sad", "angry")

# the first is the default; labels that a label set does not name are left out
LABEL_SETS: Mapping[str, LabelSet] = {
    NAME: {emotion: emotion for emotion in EMOTIONS},
    "arousal": {"neutral": "low", "sad": "low", "happy": "high", "angry": "high"},
}

UTTERANCES = 64  # of the whole corpus, as published
FILE = re.compile(r"(?P<speaker>[fm]\d)_(?P<emotion>[a-z]+)_\d+", re.ASCII)  # f1_happy_02.wav

TRAIN = ("f1", "f2", "m1", "m2")
VALIDATION = ("f3", "m3")
TEST = ("f4", "m4")


def official(corpus: Corpus) -> list[Fold]:
    """Return the split of the corpus's paper: no speaker is in two of the sets."""
    return [speaker_fold(corpus, "1", train=TRAIN, validation=VALIDATION, test=TEST)]


class ExampleDataset:
    """A corpus whose files are called SPEAKER_EMOTION_TAKE.wav, in any folders."""

    about = ABOUT
    label_sets = LABEL_SETS
    # the first is the default; leave-one-speaker-out, k folds and others are serbench's own
    protocols = (Protocol("official", "the published split: 4, 2 and 2 speakers", official),)

    def manifest(self) -> Corpus | None:
        """Return None: only the files tell the list of utterances."""
        return None

    def read(self, root: Path) -> Corpus:
        """Return the corpus below `root`, with its own labels.

        Raises:
            CorpusError: the corpus is missing, incomplete or mixed with other files.
        """
        paths = sorted(root.rglob("*.wav"))
        if not paths:
            raise CorpusError(
                f"{NAME} is missing: there is no wav file under {root}. {ABOUT.title} "
                f"({ABOUT.size}; {ABOUT.licence}): {ABOUT.obtain}. Then point at its folder with "
                f"--data DIR, or set SERBENCH_DATA to the folder that holds {NAME}/"
            )
        corpus = Corpus(NAME, EMOTIONS, tuple(map(utterance, paths)), "raw")
        if len(paths) != UTTERANCES:
            raise CorpusError(
                f"{NAME}: {root} has {len(paths)} wav files, but the corpus has {UTTERANCES}: "
                "get it again, or point --data at its own folder"
            )
        return corpus


def utterance(path: Path) -> Utterance:
    """Return the utterance that a file's name describes.

    Raises:
        CorpusError: the file does not belong to this corpus.
    """
    match = FILE.fullmatch(path.stem)
    if match is None or match["emotion"] not in EMOTIONS:
        raise CorpusError(
            f"{NAME}: {path} is not called SPEAKER_EMOTION_TAKE.wav, such as f1_happy_02.wav, with "
            f"one of {', '.join(EMOTIONS)}: move it elsewhere"
        )
    sex = "female" if match["speaker"].startswith("f") else "male"
    return Utterance(path.stem, match["speaker"], match["emotion"], path, sex)
