"""Load IEMOCAP: ten actors in five sessions of improvised and scripted conversations."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from serbench import (
    About,
    Corpus,
    CorpusError,
    Fold,
    LabelSet,
    Lengths,
    Protocol,
    Utterance,
    refuse,
    speaker_fold,
)
from serbench_corpora import audio_tree, packaged_data, published_splits, subsets

NAME = "iemocap"

ABOUT = About(
    title="Interactive Emotional Dyadic Motion Capture database",
    licence="free for research, by USC SAIL's release form",
    size="12 hours, of which the utterances read here are 805 MB",
    home="https://sail.usc.edu/iemocap/",
    obtain="ask for it with the release form on that page, and unpack IEMOCAP_full_release",
    cite="Busso et al. 2008, Language Resources and Evaluation 42(4), "
    "doi:10.1007/s10579-008-9076-6",
)

# ---- labels ----

# five of the ten emotions that listeners chose from; the rest, too rare or vague, are not read
EMOTIONS = {
    "neu": "neutral",
    "hap": "happy",
    "exc": "excited",
    "sad": "sad",
    "ang": "angry",
}

LABEL_SETS: Mapping[str, LabelSet] = {
    # paper, Table I: excited counts as happy
    "iemocap": {e: "happy" if e == "excited" else e for e in EMOTIONS.values()},
    "without-excited": {e: e for e in EMOTIONS.values() if e != "excited"},
}

# ---- names ----

# session, wearer of the markers, dialogue, true speaker: Ses01F_impro01_M000
TURN = r"Ses\d\d[FM]_\w+_[FM]\w*\d"
TURN_FILE = re.compile(TURN, re.ASCII | re.IGNORECASE)
SEXES = {"F": "female", "M": "male"}
SESSIONS = tuple(f"Ses{session:02}" for session in range(1, 6))

# a turn's emotion in dialog/EmoEvaluation/<dialogue>.txt: [6.29 - 8.23] TURN EMOTION [V, A, D]
EVALUATION = re.compile(rf"\[[^]]*\]\s+({TURN})\s+(\w+)", re.ASCII)

# folders with tens of thousands of files that are neither sentences nor their emotions
SKIPPED = ("avi", "forcedalignment", "lab", "mocap_hand", "mocap_head", "mocap_rotated")


def identify(stem: str) -> str | None:
    """Return the name of a turn's file in lower case; None for other files.

    >>> identify("Ses01F_impro01_M000"), identify("Ses01F_impro01")
    ('ses01f_impro01_m000', None)
    """
    return stem.lower() if TURN_FILE.fullmatch(stem) else None


def turn(name: str, label: str, path: Path | None = None) -> Utterance:
    """Return a turn as an utterance.

    The letter that starts the last field of the name is the speaker. The letter after the session
    only says who wore the motion-capture markers: both actors speak in every dialogue.

    >>> turn("Ses01F_impro01_M000", "sad").speaker
    'Ses01M'
    """
    dialogue, _, last = name.rpartition("_")
    session, letter = name[:5], last[0]
    scenario = dialogue.partition("_")[2]
    style = "improvised" if scenario.startswith("impro") else "scripted"
    return Utterance(
        name,
        session + letter,
        label,
        path,
        SEXES[letter],
        session,
        dialogue,
        attributes={"scenario": scenario, "style": style},
    )


def marker(utterance: Utterance) -> str:
    """Return the wearer of the motion-capture markers: "Ses01F"."""
    return utterance.dialogue[:6]


# ---- manifest ----


@cache
def stand_in() -> Corpus:
    """Return 5531 turns with made-up names and the real counts by speaker, wearer and label.

    There is no manifest, since the licence forbids publishing the names of the utterances.
    """
    utterances = []
    for row, (speaker, wearer, part, label, count) in enumerate(
        packaged_data.rows("iemocap-counts.csv")
    ):
        dialogue = f"{speaker[:5]}{wearer}_{part}{row}"
        utterances += [
            turn(f"{dialogue}_{speaker[5]}{place:03}", label) for place in range(int(count))
        ]
    return Corpus(NAME, tuple(EMOTIONS.values()), tuple(utterances), "raw")


# ---- protocols ----


def paper(corpus: Corpus) -> list[Fold]:
    """Make ten folds: one speaker tests, the session's partner validates, four sessions train."""
    return [
        speaker_fold(
            corpus,
            session + letter,
            train=[other + sex for other in SESSIONS if other != session for sex in "FM"],
            validation=[session + partner],
            test=[session + letter],
        )
        for session in SESSIONS
        for letter, partner in ("FM", "MF")
    ]


def paper_marker(corpus: Corpus) -> list[Fold]:
    """Make ten folds by the wearer of the markers: the split that the paper's Fig. 5 shows."""
    return [
        Fold(
            session + letter,
            train=tuple(u.id for u in corpus.utterances if u.session != session),
            validation=tuple(u.id for u in corpus.utterances if marker(u) == session + partner),
            test=tuple(u.id for u in corpus.utterances if marker(u) == session + letter),
        )
        for session in SESSIONS
        for letter, partner in ("FM", "MF")
    ]


def by_session(corpus: Corpus) -> list[Fold]:
    """Make five folds: one session tests, the next validates, three train."""
    return [
        speaker_fold(
            corpus,
            tested,
            train=[s + sex for s in SESSIONS if s not in (tested, validated) for sex in "FM"],
            validation=[validated + sex for sex in "FM"],
            test=[tested + sex for sex in "FM"],
        )
        for tested, validated in zip(SESSIONS, SESSIONS[1:] + SESSIONS[:1], strict=True)
    ]


PROTOCOLS: Sequence[Protocol] = (
    Protocol("paper", "ten folds of true speakers, 8/1/1; validation is the partner", paper),
    Protocol(
        "paper-marker",
        "ten folds by the wearer of the motion-capture markers, as in the paper's Fig. 5",
        paper_marker,
        leaks="both actors of the session speak in its validation and in its test set",
    ),
    Protocol("session", "five folds of sessions; validation is the next session", by_session),
    *published_splits.IEMOCAP,
)

# ---- dataset ----


class Iemocap:
    """Reads the neutral, happy, excited, sad and angry utterances of IEMOCAP.

    Attributes:
        subset: all of these, those of improvised or of scripted dialogues, or EmoBox's test set for
            other corpora: 240 utterances, six of each label and wearer of the markers.
    """

    about = ABOUT
    label_sets = LABEL_SETS
    protocols = PROTOCOLS
    speaker_space = NAME  # the same people in all subsets

    def __init__(self, subset: Literal["all", "improvised", "scripted", "emobox-balanced"] = "all"):
        self._part: subsets.Subset = {}
        if subset == "emobox-balanced":
            self._part = published_splits.emobox_balanced(NAME, "sha256")
        elif subset != subsets.ALL:
            self._part = {"style": (subset,)}

    def manifest(self) -> Corpus | None:
        """Return None: the licence forbids publishing the labels of the utterances."""
        return None

    def stand_in(self) -> Corpus:
        """Return the corpus with made-up names of utterances, of which EmoBox lists none."""
        return subsets.part(stand_in(), self._part)

    def lengths(self) -> Lengths:
        """Return the lengths of the utterances."""
        return packaged_data.lengths(NAME)

    def read(self, root: Path) -> Corpus:
        """Read the corpus below `root`: `Session1/` to `Session5/` with `sentences` and `dialog`.

        Raises:
            CorpusError: the corpus is missing, incomplete or mixed with other files.
        """
        paths = audio_tree.audio(NAME, root, identify, SKIPPED)
        if not paths:
            raise audio_tree.missing(NAME, root, ABOUT, "Ses01F_impro01_F000.wav")
        utterances = [
            turn(name, label, paths.get(name.lower())) for name, label in _labels(root).items()
        ]
        _check_counts(root, utterances)
        audio_tree.require_audio(NAME, root, utterances, "unpack Session*/sentences/wav again")
        corpus = Corpus(NAME, tuple(EMOTIONS.values()), tuple(utterances), "raw")
        return subsets.part(corpus, self._part)

    def download(self, root: Path) -> None:
        """Raise a CorpusError that says how to get the corpus: its licence forbids a download."""
        raise CorpusError(
            f"{NAME} cannot be downloaded ({ABOUT.licence}): {ABOUT.obtain}, {ABOUT.home}; then "
            "point at its folder with --data DIR"
        )


def _labels(root: Path) -> dict[str, str]:
    """Return a dictionary from the name of every turn that is read to its label."""
    labels: dict[str, str] = {}
    source: dict[str, Path] = {}
    try:
        for folder, entry in audio_tree.files(root, (".txt",), SKIPPED):
            # folders below EmoEvaluation hold the votes of single listeners
            if folder.name.lower() != "emoevaluation":
                continue
            path = folder / entry.name
            for line in path.read_text(encoding="latin-1").splitlines():
                match = EVALUATION.match(line)
                if not match or match[2] not in EMOTIONS:
                    continue
                if (name := match[1]) in labels:
                    error = CorpusError(
                        f"{NAME}: {name} is labelled twice, in {source[name]} and {path}: keep "
                        "one of them"
                    )
                    refuse(error, names=[name])
                    continue
                labels[name], source[name] = EMOTIONS[match[2]], path
    except OSError as error:
        raise audio_tree.unreadable(NAME, error) from error
    return labels


def _check_counts(root: Path, utterances: Sequence[Utterance]) -> None:
    if not utterances:
        raise CorpusError(
            f"{NAME}: {root} has sentences but no emotions: Session*/dialog/EmoEvaluation/*.txt "
            "must be unpacked from the archive too"
        )
    published = audio_tree.groups(stand_in().utterances)
    if wrong := audio_tree.differences(published, audio_tree.groups(utterances)):
        error = CorpusError(
            f"{NAME}: {root} has {len(utterances)} labelled utterances instead of "
            f"{published.total()} ({wrong}): unpack Session*/dialog/EmoEvaluation again"
        )
        refuse(error)
