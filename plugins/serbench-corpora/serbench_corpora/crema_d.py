"""Load CREMA-D: 91 actors speak twelve sentences in six emotions, rated by a crowd."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal

from serbench import About, Corpus, Fold, LabelSet, Lengths, Protocol, Utterance
from serbench.files import file_digest
from serbench_corpora import audio_tree, packaged_data, published_splits, rotation
from serbench_corpora.resumable_download import RemoteFile, fetch

NAME = "crema-d"

ABOUT = About(
    title="Crowd-sourced Emotional Multimodal Actors Dataset",
    licence="ODbL 1.0",
    size="606 MB",
    home="https://github.com/CheyneyComputerScience/CREMA-D",
    obtain="`serbench download crema-d` fetches the audio, a clone with Git LFS fetches everything",
    cite="Cao et al. 2014, IEEE Transactions on Affective Computing 5(4), "
    "doi:10.1109/TAFFC.2014.2336244",
)

# ---- labels ----

# the intended emotions; listeners of the voices often heard others: `perceived`
EMOTIONS = {
    "NEU": "neutral",
    "HAP": "happy",
    "SAD": "sad",
    "ANG": "angry",
    "FEA": "fearful",
    "DIS": "disgust",
}

INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high"}  # XX: not specified

LABEL_SETS: Mapping[str, LabelSet] = {"crema-d": {e: e for e in EMOTIONS.values()}}

# ---- names ----

RECORDING = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}", re.ASCII)

# misnamed in copies made before October 2022
RENAMED = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}


def identify(stem: str) -> str | None:
    """Return the utterance's id from a file name without its ending; None for other files.

    >>> identify("1001_dfa_ang_xx"), identify("1040_ITH_SAD_X"), identify("notes")
    ('1001_DFA_ANG_XX', '1040_ITH_SAD_XX', None)
    """
    utterance = RENAMED.get(stem.upper(), stem.upper())
    return utterance if RECORDING.fullmatch(utterance) else None


# ---- manifest ----


@cache
def sexes() -> Mapping[str, str]:
    """Return a dictionary from each actor, sorted, to "female" or "male"."""
    return {speaker: sex for speaker, sex, _ in packaged_data.rows("crema-d-actors.csv")}


@cache
def ages() -> Mapping[str, str]:
    """Return a dictionary from each actor to the age in years."""
    return {speaker: age for speaker, _, age in packaged_data.rows("crema-d-actors.csv")}


@cache
def manifest() -> Corpus:
    """Return all 7442 utterances, from the names and sexes shipped with this package."""
    utterances = []
    for name, *_ in packaged_data.rows("crema-d.csv"):
        speaker, sentence, emotion, level = name.split("_")
        intensity = {"intensity": INTENSITIES[level]} if level in INTENSITIES else {}
        utterances.append(
            Utterance(
                name,
                speaker,
                EMOTIONS[emotion],
                sex=sexes()[speaker],
                sentence=sentence,
                attributes={"age": ages()[speaker], **intensity},
            )
        )
    return Corpus(NAME, tuple(EMOTIONS.values()), tuple(utterances), "raw")


def perceived(corpus: Corpus) -> Corpus:
    """Return the 6798 utterances with one emotion that most listeners of the voice chose.

    That emotion is the label.
    """
    emotions = {code[0]: emotion for code, emotion in EMOTIONS.items()}
    votes = {name: vote for name, _, _, vote in packaged_data.rows("crema-d.csv")}
    utterances = (
        replace(utterance, label=emotions[vote])
        for utterance in corpus.utterances
        if (vote := votes[utterance.id])
    )
    return replace(corpus, utterances=tuple(utterances))


# ---- protocols ----


def blocks() -> tuple[list[list[str]], str]:
    """Return the nine test sets of ten actors, and the one actor who is in training only.

    Men except the last, then women, both in the order of ids, are dealt to the nine sets in turn.
    """
    men = [speaker for speaker, sex in sexes().items() if sex == "male"]
    women = [speaker for speaker, sex in sexes().items() if sex == "female"]
    dealt = men[:-1] + women
    return [dealt[block::9] for block in range(9)], men[-1]


def paper(corpus: Corpus) -> list[Fold]:
    """Make nine folds of 71 training, 10 validation and 10 test actors."""
    tested, only_trained = blocks()
    return rotation.rotated(corpus, tested, [only_trained])


def paper_nested(corpus: Corpus) -> list[Fold]:
    """Make 72 folds: each of the nine test sets with each of the other eight as validation set."""
    tested, only_trained = blocks()
    return rotation.nested(corpus, tested, [only_trained])


PROTOCOLS: Sequence[Protocol] = (
    Protocol("paper", "nine folds of actors, 71/10/10; validation is the next fold", paper),
    Protocol(
        "paper-nested",
        "nine test sets, each with eight models; the best on its validation set counts",
        paper_nested,
    ),
    *published_splits.CREMA_D,
)

# ---- download ----

# Git LFS files have another host than the repository's own files
RECORDINGS = (
    "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/AudioWAV"
)
AT_ONCE = 8


def recordings() -> list[RemoteFile]:
    """Return all recordings, with their published addresses."""
    return [
        RemoteFile(
            f"{RECORDINGS}/{name}.wav", f"AudioWAV/{name}.wav", int(size), f"sha256:{sha256}"
        )
        for name, sha256, size, _ in packaged_data.rows("crema-d.csv")
    ]


def missing_recordings(root: Path, published: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return the recordings that are missing or only Git LFS pointers below `root`.

    Raises:
        CorpusError: an existing recording differs from the published one.
    """
    files = audio_tree.files(root, audio_tree.AUDIO) if root.is_dir() else ()
    present = {identify(Path(entry.name).stem): folder / entry.name for folder, entry in files}
    absent = []
    for file in published:
        path = present.get(PurePosixPath(file.name).stem)
        if path is None:
            absent.append(file)
        elif path.suffix.lower() != ".wav":
            continue  # a lossless copy
        elif path.stat().st_size < audio_tree.SMALL and audio_tree.is_pointer(path):
            absent.append(replace(file, name=path.relative_to(root).as_posix()))
        elif path.stat().st_size != file.size or f"sha256:{file_digest(path)}" != file.checksum:
            raise audio_tree.altered(path, PurePosixPath(file.name).name)
    return absent


# ---- dataset ----


class CremaD:
    """Reads CREMA-D's audio.

    Attributes:
        label: the emotion that the actor intended, or the one that most listeners of the voice
            alone perceived; a tie leaves the utterance out.
    """

    about = ABOUT
    label_sets = LABEL_SETS
    protocols = PROTOCOLS
    speaker_space = NAME  # the same people, whatever the label is

    def __init__(self, label: Literal["intended", "perceived"] = "intended"):
        self._label = label

    def _labelled(self, corpus: Corpus) -> Corpus:
        return perceived(corpus) if self._label == "perceived" else corpus

    def manifest(self) -> Corpus:
        """Return the corpus without its audio."""
        return self._labelled(manifest())

    def checksums(self) -> Mapping[str, str]:
        """Return the checksum of each utterance's published file."""
        return {name: f"sha256:{sha256}" for name, sha256, *_ in packaged_data.rows("crema-d.csv")}

    def lengths(self) -> Lengths:
        """Return the lengths of the utterances."""
        return packaged_data.lengths(NAME)

    def read(self, root: Path) -> Corpus:
        """Read the corpus below `root`: `AudioWAV/`, or the same files in other folders.

        Raises:
            CorpusError: the corpus is missing, incomplete or mixed with other files.
        """
        remedy = f"run `git lfs pull` in the clone, or `serbench download {NAME}`"
        return self._labelled(audio_tree.read(manifest(), root, identify, ABOUT, remedy))

    def download(self, root: Path, published: Sequence[RemoteFile] | None = None) -> None:
        """Fetch the missing recordings, several at a time.

        Raises:
            CorpusError: recordings cannot be fetched, or differ from the published ones.
        """
        published = recordings() if published is None else published
        fetch(missing_recordings(root, published), root, at_once=AT_ONCE)
        self.read(root)
