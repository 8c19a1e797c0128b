"""Load MSP-Podcast: turns from podcasts, rated by a crowd, with the corpus's own sets."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from serbench import (
    About,
    Corpus,
    CorpusError,
    Fold,
    LabelSet,
    Protocol,
    Utterance,
    nearest,
    refuse,
    refusing,
)
from serbench_corpora import audio_tree

NAME = "msp-podcast"

ABOUT = About(
    title="MSP-Podcast",
    licence="academic or commercial agreement",
    size="114 hours in edition 1.8, 409 hours in edition 2.0",
    home="https://www.lab-msp.com/MSP/MSP-Podcast.html",
    obtain="ask for it with the agreement on that page, and keep its folders Audios and Labels "
    "together",
    cite="Lotfian and Busso 2019, IEEE Transactions on Affective Computing 10(4), "
    "doi:10.1109/TAFFC.2017.2736999",
)

# ---- labels ----

EMOTIONS = {
    "N": "neutral",
    "H": "happy",
    "S": "sad",
    "A": "angry",
    "F": "fearful",
    "D": "disgust",
    "U": "surprised",
    "C": "contempt",
}
UNREAD = ("O", "X")  # another emotion, no agreement

LABEL_SETS: Mapping[str, LabelSet] = {
    NAME: {label: label for label in EMOTIONS.values()},
    "four": {label: label for label in ("neutral", "happy", "sad", "angry")},
}

# ---- names ----

# the first number is the podcast's
RECORDING = re.compile(r"MSP-PODCAST_(\d{4})_\d{4}(?:_\d{4})?", re.ASCII | re.IGNORECASE)


def identify(stem: str) -> str | None:
    """Return the utterance's id from a file name without its ending; None for other files.

    >>> identify("msp-podcast_0153_0046_0002"), identify("MSP-PODCAST_test3_0001")
    ('MSP-PODCAST_0153_0046_0002', None)
    """
    return stem.upper() if RECORDING.fullmatch(stem) else None


# ---- the table of labels ----

TABLES = ("labels_consensus.csv", "labels_concensus.csv")  # older editions misspell it
SKIPPED = ("previous_releases_information",)  # with tables of older editions
COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
SEXES = {"female": "female", "male": "male", "unknown": "", "": ""}
SETS = {
    "train": "train",
    "development": "development",
    "validation": "development",  # its name in older editions
    "test1": "test1",
    "test2": "test2",
}
HIDDEN = "test3"  # has no labels

EDITIONS: Mapping[str, Mapping[str, int]] = {
    # turns in all sets but Test3, and in single sets, as far as others have published the numbers
    "1.8": {"turns": 73_042, "development": 7_800, "test1": 15_326},
    "1.11": {"train": 84_030, "development": 19_815, "test1": 30_647, "test2": 14_815},
    "1.12": {"turns": 203_936},
    "2.0": {"test1": 46_294, "test2": 14_822},
}

# ---- protocols ----


def _own_split(name: str, test: str) -> Protocol:
    def folds(corpus: Corpus) -> list[Fold]:
        train, validation, tested = (
            tuple(u.id for u in corpus.utterances if u.attributes["set"] == part)
            for part in ("train", "development", test)
        )
        return [Fold("1", train, validation, tested)]

    return Protocol(name, f"the corpus's own sets Train, Development and {test.title()}", folds)


# the two test sets share speakers, so neither may train for the other
PROTOCOLS: Sequence[Protocol] = (_own_split("split", "test1"), _own_split("split-test2", "test2"))

# ---- dataset ----


class MspPodcast:
    """Reads the turns of MSP-Podcast in which listeners agree on one of eight emotions."""

    about = ABOUT
    label_sets = LABEL_SETS
    protocols = PROTOCOLS
    unknown_speakers = True  # of training utterances

    def manifest(self) -> Corpus | None:
        """Return None: the licence forbids publishing the labels of the utterances."""
        return None

    def read(self, root: Path, editions: Mapping[str, Mapping[str, int]] = EDITIONS) -> Corpus:
        """Read the corpus below `root`: `Audios/` and `Labels/labels_consensus.csv`.

        Raises:
            CorpusError: the corpus is missing or incomplete, or its edition is not listed.
        """
        paths = audio_tree.audio(NAME, root, identify, SKIPPED)
        if not paths:
            raise audio_tree.missing(NAME, root, ABOUT, "MSP-PODCAST_0001_0008.wav")
        remedy = "copy it from the archive too"
        table = audio_tree.find_table(NAME, root, TABLES, remedy, SKIPPED)
        utterances: dict[str, Utterance] = {}
        sizes: Counter[str] = Counter()
        for line, row in _rows(table):
            part = _word(table, line, "Split_Set", row["Split_Set"], SETS)
            sizes.update(("turns", part))
            letter = row["EmoClass"]
            if letter in UNREAD:
                continue
            with refusing(f"{table.name}, line {line}"):
                label = _word(table, line, "EmoClass", letter, EMOTIONS)
                utterance = _utterance(table, line, row, part, label, paths)
                if utterances.setdefault(utterance.id, utterance) is not utterance:
                    raise CorpusError(
                        f"{table}, line {line}: {utterance.id} has two rows: copy the table again"
                    )
        edition = _edition(table, sizes, editions)
        remedy = "unpack the audio of the same edition as the table"
        audio_tree.require_audio(NAME, root, utterances.values(), remedy)
        left = sizes["turns"] - len(utterances)
        remark = (
            f"edition {edition}; {left} turns without agreement or with another emotion left out"
        )
        labels = tuple(EMOTIONS.values())
        return Corpus(NAME, labels, tuple(utterances.values()), "raw", (remark,))


def _rows(table: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the line and the cells of each row whose label is not hidden."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            for column in COLUMNS:
                if column not in (names := list(reader.fieldnames or ())):
                    raise CorpusError(
                        f"{NAME}: {nearest('column', column, names, where=f'in {table}')}"
                    )
            for row in reader:
                cells = {column: (row[column] or "").strip() for column in COLUMNS}
                if cells["Split_Set"].lower() != HIDDEN:
                    yield reader.line_num, cells
    except OSError as error:
        raise audio_tree.unreadable(NAME, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{table} is not a CSV in UTF-8 ({error}): copy it again") from error


def _word(table: Path, line: int, column: str, code: str, words: Mapping[str, str]) -> str:
    for written in (code, code.lower()):
        if written in words:
            return words[written]
    unknown = nearest("code", code, list(words), where=f"in the column {column}")
    raise CorpusError(f"{table}, line {line}: {unknown}; copy the table again")


def _utterance(
    table: Path, line: int, row: Mapping[str, str], part: str, label: str, paths: Mapping[str, Path]
) -> Utterance:
    name = identify(row["FileName"].rpartition(".")[0])
    if name is None:
        raise CorpusError(
            f"{table}, line {line}: {row['FileName']!r} is not the name of a turn, such as "
            "MSP-PODCAST_0001_0008.wav: copy the table again"
        )
    speaker = row["SpkrID"]
    return Utterance(
        name,
        "" if speaker.lower() == "unknown" else speaker,
        label,
        paths.get(name),
        _word(table, line, "Gender", row["Gender"], SEXES),
        session=name.split("_")[1],
        attributes={
            "set": part,
            "arousal": row["EmoAct"],
            "valence": row["EmoVal"],
            "dominance": row["EmoDom"],
        },
    )


def _edition(
    table: Path, sizes: Mapping[str, int], editions: Mapping[str, Mapping[str, int]]
) -> str:
    """Return the edition that has as many turns.

    Raises:
        CorpusError: none has; the message says how the most similar one differs.
    """
    wrong = {
        name: audio_tree.wrong_counts(expected, {part: sizes[part] for part in expected})
        for name, expected in editions.items()
    }
    if fitting := [name for name, differences in wrong.items() if not differences]:
        return fitting[0]
    similar = min(
        editions,
        key=lambda name: max(abs(sizes[part] / n - 1) for part, n in editions[name].items()),
    )
    error = CorpusError(
        f"{NAME}: {table} has {sizes['turns']} labelled turns, which is no edition known here "
        f"({', '.join(editions)}); it differs least from {similar}: "
        f"{'; '.join(wrong[similar])}: copy the table again, or use one of these editions"
    )
    refuse(error, "counts", wrong[similar])
    return f"{similar} with other counts"
