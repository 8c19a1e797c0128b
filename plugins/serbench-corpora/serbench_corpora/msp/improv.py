"""Load MSP-IMPROV: twelve actors in six sessions, who improvise up to a target sentence."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from serbench import (
    About,
    Corpus,
    CorpusError,
    Fold,
    LabelSet,
    Protocol,
    Utterance,
    refuse,
    refusing,
)
from serbench_corpora import audio_tree, published_splits, rotation

NAME = "msp-improv"

ABOUT = About(
    title="MSP-IMPROV",
    licence="academic or commercial agreement",
    size="9 hours",
    home="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html",
    obtain="ask for it with the agreement on that page, and keep its session folders beside "
    "Evaluation.txt",
    cite="Busso et al. 2017, IEEE Transactions on Affective Computing 8(1), "
    "doi:10.1109/TAFFC.2016.2515617",
)

# ---- labels ----

# what most listeners heard; the letter in a file's name is what the scenario aims at
EMOTIONS = {"N": "neutral", "H": "happy", "S": "sad", "A": "angry"}
LETTERS = {**EMOTIONS, "O": "another emotion", "X": "no agreement"}

LABEL_SETS: Mapping[str, LabelSet] = {NAME: {label: label for label in EMOTIONS.values()}}

# ---- names ----

# sentence, target emotion, speaker, style, who has the target sentence, who listens to it, number:
# MSP-IMPROV-S01A-F01-P-FM01
RECORDING = r"S(\d\d)([AHNS])-([FM])(0[1-6])-([PRST])-([FM][FM])\d\d"
FILE = re.compile(rf"MSP-IMPROV-({RECORDING})", re.ASCII | re.IGNORECASE)
SEXES = {"F": "female", "M": "male"}
STYLES = {"P": "natural", "S": "improvised", "T": "improvised target", "R": "read target"}

# names in the table of labels are those of the videos: UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:...
EVALUATION = re.compile(rf"\s*UTD-IMPROV-({RECORDING})\.avi\s*;\s*([A-Z])\s*;", re.ASCII)
TABLES = ("evaluation.txt", "evalution.txt")

# Busso et al. 2017, tables 3 and 4
COUNTS = {
    "natural": {"N": 1164, "H": 1372, "S": 66, "A": 38, "O": 11, "X": 134},
    "improvised": {"N": 1789, "H": 1048, "S": 633, "A": 470, "O": 70, "X": 371},
    "improvised target": {"N": 283, "H": 136, "S": 106, "A": 115, "O": 1, "X": 11},
    "read target": {"N": 241, "H": 88, "S": 80, "A": 169, "O": 3, "X": 39},
}


def identify(stem: str) -> str | None:
    """Return the utterance's id from a file name without its ending; None for other files.

    >>> identify("msp-improv-s01a-f01-p-fm01"), identify("UTD-IMPROV-S01A-F01-P-FM01")
    ('MSP-IMPROV-S01A-F01-P-FM01', None)
    """
    return stem.upper() if FILE.fullmatch(stem) else None


def recording(name: str, label: str, path: Path | None = None) -> Utterance:
    """Return a recording as an utterance.

    The speaker is in the fourth field of the name. The two letters of the last field are the same
    for both speakers of a dialogue: who has the target sentence, and who listens to it.

    >>> utterance = recording("MSP-IMPROV-S01A-M03-S-FM01", "sad")
    >>> utterance.speaker, utterance.session, utterance.dialogue
    ('M03', '3', '3-S01A-FM')
    """
    match = FILE.fullmatch(name)
    assert match is not None
    _, sentence, target, sex, session, style, roles = match.groups()
    session, scenario = session.lstrip("0"), f"S{sentence}{target}"
    is_read, has_sentence = style == "R", style in "RT"
    return Utterance(
        name,
        f"{sex}0{session}",
        label,
        path,
        SEXES[sex],
        session,
        "" if is_read else f"{session}-{scenario}-{roles}",
        sentence=sentence if has_sentence else "",
        attributes={"style": STYLES[style], "scenario": scenario},
    )


# ---- protocols ----

SESSIONS = [[f"F0{session}", f"M0{session}"] for session in range(1, 7)]


def by_session(corpus: Corpus) -> list[Fold]:
    """Make six folds: one session tests, the next validates, four train."""
    return rotation.rotated(corpus, SESSIONS)


PROTOCOLS: Sequence[Protocol] = (
    Protocol("session", "six folds of sessions; validation is the next session", by_session),
    *published_splits.MSP_IMPROV,
)

# ---- dataset ----


class MspImprov:
    """Reads the neutral, happy, sad and angry utterances of MSP-IMPROV, as listeners heard them."""

    about = ABOUT
    label_sets = LABEL_SETS
    protocols = PROTOCOLS

    def manifest(self) -> Corpus | None:
        """Return None: the licence forbids publishing the labels of the utterances."""
        return None

    def read(self, root: Path) -> Corpus:
        """Read the corpus below `root`: `session1/` to `session6/`, and `Evaluation.txt`.

        Raises:
            CorpusError: the corpus is missing, incomplete or mixed with other files.
        """
        paths = audio_tree.audio(NAME, root, identify)
        if not paths:
            raise audio_tree.missing(NAME, root, ABOUT, "MSP-IMPROV-S01A-F01-P-FM01.wav")
        letters = _letters(root)
        _check_counts(root, letters)
        utterances = [
            recording(name, EMOTIONS[letter], paths.get(name))
            for name, letter in letters.items()
            if letter in EMOTIONS
        ]
        audio_tree.require_audio(NAME, root, utterances, "unpack the session folders again")
        return Corpus(NAME, tuple(EMOTIONS.values()), tuple(utterances), "raw")


def _letters(root: Path) -> dict[str, str]:
    """Return a dictionary from the name of every recording to the letter of its label."""
    letters: dict[str, str] = {}
    path = audio_tree.find_table(NAME, root, TABLES, "copy it from the archive too")
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise audio_tree.unreadable(NAME, error) from error
    for line in lines:
        if (match := EVALUATION.match(line)) is None:
            continue  # the vote of one listener, or an empty line
        name, letter = f"MSP-IMPROV-{match[1]}", match[8]
        with refusing(name):
            if letter not in LETTERS:
                raise CorpusError(
                    f"{path}: {name} has the label {letter!r}, but must have one of "
                    f"{', '.join(LETTERS)}: copy the file again"
                )
            if letters.setdefault(name, letter) != letter:
                raise CorpusError(f"{path}: {name} has two labels: copy the file again")
    return letters


def _check_counts(root: Path, letters: Mapping[str, str]) -> None:
    counted = Counter(f"{STYLES[name[-6]]}, {LETTERS[letter]}" for name, letter in letters.items())
    expected = Counter(
        {f"{style}, {LETTERS[x]}": n for style, row in COUNTS.items() for x, n in row.items()}
    )
    if wrong := audio_tree.wrong_counts(expected, counted):
        error = CorpusError(
            f"{NAME}: {root} has {len(letters)} of {expected.total()} labelled recordings "
            f"({audio_tree.listed(wrong)}): copy Evaluation.txt again"
        )
        refuse(error, "counts", wrong)
