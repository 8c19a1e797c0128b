"""CREMA-D: 91 actors speak twelve sentences in six emotions, rated by a crowd of listeners."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from serbench.contracts import About, Lengths
from serbench.corpus import Corpus, Fold, LabelSet, Protocol, Utterance
from serbench_corpora import audio_tree, packaged_data, published_splits, rotation

NAME = "crema-d"

ABOUT = About(
    title="Crowd-sourced Emotional Multimodal Actors Dataset",
    licence="ODbL 1.0",
    size="606 MB",
    home="https://github.com/CheyneyComputerScience/CREMA-D",
    obtain="`serbench download crema-d` fetches the audio, a clone with Git LFS has everything",
    cite="Cao et al. 2014, IEEE Transactions on Affective Computing 5(4), "
    "doi:10.1109/TAFFC.2014.2336244",
)

# ---- labels ----

# what the actor was asked for; listeners often heard something else
EMOTIONS = {
    "NEU": "neutral",
    "HAP": "happy",
    "SAD": "sad",
    "ANG": "angry",
    "FEA": "fearful",
    "DIS": "disgust",
}

LABEL_SETS: Mapping[str, LabelSet] = {"crema-d": {e: e for e in EMOTIONS.values()}}

# ---- names ----

RECORDING = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}", re.ASCII)

# misnamed in copies made before October 2022
RENAMED = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}


def identify(stem: str) -> str | None:
    """The utterance of a file name without its ending; None for other files.

    >>> identify("1001_dfa_ang_xx"), identify("1040_ITH_SAD_X"), identify("notes")
    ('1001_DFA_ANG_XX', '1040_ITH_SAD_XX', None)
    """
    utterance = RENAMED.get(stem.upper(), stem.upper())
    return utterance if RECORDING.fullmatch(utterance) else None


# ---- manifest ----


@cache
def sexes() -> Mapping[str, str]:
    """The actors, sorted, each with "female" or "male"."""
    return {speaker: sex for speaker, sex in packaged_data.rows("crema-d-actors.csv")}


@cache
def manifest() -> Corpus:
    """All 7442 utterances, from the names and sexes shipped with this package."""
    utterances = []
    for name, _, _ in packaged_data.rows("crema-d.csv"):
        speaker, _, emotion, _ = name.split("_")
        utterances.append(Utterance(name, speaker, EMOTIONS[emotion], sex=sexes()[speaker]))
    return Corpus(NAME, tuple(EMOTIONS.values()), tuple(utterances), "raw")


# ---- protocols ----


def blocks() -> tuple[list[list[str]], str]:
    """The nine test sets of ten actors, and the one actor who only ever trains.

    Men by id without the last, then women by id, are dealt over the nine like cards.
    """
    men = [speaker for speaker, sex in sexes().items() if sex == "male"]
    women = [speaker for speaker, sex in sexes().items() if sex == "female"]
    dealt = men[:-1] + women
    return [dealt[block::9] for block in range(9)], men[-1]


def paper(corpus: Corpus) -> list[Fold]:
    """Nine folds of 71 training, 10 validation and 10 test actors."""
    tested, only_trained = blocks()
    return rotation.rotated(corpus, tested, [only_trained])


def paper_nested(corpus: Corpus) -> list[Fold]:
    """72 folds: each of the nine test sets with each of the other eight as validation set."""
    tested, only_trained = blocks()
    return rotation.nested(corpus, tested, [only_trained])


PROTOCOLS: Sequence[Protocol] = (
    Protocol("paper", "nine folds of actors, 71/10/10; validation is the next fold", paper),
    Protocol(
        "paper-nested",
        "nine test sets; of eight models each, the best on its validation set counts",
        paper_nested,
    ),
    *published_splits.CREMA_D,
)

# ---- dataset ----


class CremaD:
    """Reads CREMA-D's audio, with the emotions that the actors were asked for."""

    about = ABOUT
    label_sets = LABEL_SETS
    protocols = PROTOCOLS

    def manifest(self) -> Corpus:
        """The corpus without its audio."""
        return manifest()

    def lengths(self) -> Lengths:
        """How long its utterances are."""
        return packaged_data.lengths(NAME)

    def read(self, root: Path) -> Corpus:
        """The corpus below `root`: `AudioWAV/`, or the files in any other folders.

        Raises:
            CorpusError: it is missing, incomplete or mixed with something else.
        """
        found = audio_tree.audio(NAME, root, identify)
        if not found:
            raise audio_tree.missing(NAME, root, ABOUT, "1001_DFA_ANG_XX.wav")
        remedy = f"run `git lfs pull` in the clone, or `serbench download {NAME}`"
        return audio_tree.complete(manifest(), root, found, remedy)

    def download(self, root: Path) -> None:
        """Fetch what is missing of the corpus below `root`.

        Raises:
            CorpusError: it cannot be fetched, or what came is not what was published.
        """
        from serbench_corpora.archive import download  # requests and pooch: only when needed

        download(NAME, root)
