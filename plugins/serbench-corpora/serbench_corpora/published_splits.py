"""Offer splits that other suites published as protocols, so that scores can be compared.

`data/published-splits.csv` lists the splits by speaker: corpus, protocol, fold, set and speakers.
EmoBox's CREMA-D split is by utterance: `data/emobox-crema-d-test.csv` lists the test set, all other
utterances train. IEMOCAP's splits are code, since the licence forbids shipping the ids. Utterances
that the label set leaves out are skipped.
"""

from collections.abc import Callable, Mapping

from serbench import Corpus, Fold, Protocol, held_out
from serbench.corpus import PARTS
from serbench_corpora import packaged_data
from serbench_corpora.subsets import Subset

EMOBOX = "EmoBox (Ma et al., Interspeech 2024), emo-box/EmoBox at 08280f2"
EMO_SUPERB = "EMO-SUPERB (Wu et al., 2024, arXiv 2402.13018)"
TFDS = "TensorFlow Datasets, crema_d"
LUNA_JIMENEZ = (
    "MMEmotionRecognition (Luna-Jiménez et al.), cristinalunaj/MMEmotionRecognition at aeb7844"
)
PEPINO = "Pepino et al. (Interspeech 2021, arXiv 2104.03502), habla-liaa/ser-with-w2v2 at f778fd8"
SERAB = "SERAB (Scheidwasser-Clow et al., ICASSP 2022), Neclow/serab at cc0ebd7"

# three are byte-identical to another utterance, the fourth was misnamed in the corpus until 2022
TFDS_DROPS = frozenset(("1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1017_IWW_FEA_XX", "1040_ITH_SAD_XX"))

# SERAB takes the first letter of a turn's name for the speaker, but it is the markers' wearer
SERAB_VALIDATION = ("Ses02M", "Ses04M")
SERAB_TEST = ("Ses01F", "Ses03M")


def _by_speaker(
    corpus_name: str, protocol: str, drops: frozenset[str] = frozenset()
) -> Callable[[Corpus], list[Fold]]:
    def folds(corpus: Corpus) -> list[Fold]:
        part_of: dict[str, dict[str, str]] = {}
        for owner, name, fold, part, speakers in packaged_data.rows("published-splits.csv"):
            if (owner, name) == (corpus_name, protocol):
                part_of.setdefault(fold, {}).update(dict.fromkeys(speakers.split(), part))
        used = [utterance for utterance in corpus.utterances if utterance.id not in drops]
        return [
            _fold(corpus, fold, {utterance.id: parts[utterance.speaker] for utterance in used})
            for fold, parts in part_of.items()
        ]

    return folds


def _emobox_crema_d(corpus: Corpus) -> list[Fold]:
    tested = {utterance for (utterance,) in packaged_data.rows("emobox-crema-d-test.csv")}
    return [_fold(corpus, "1", {key: "test" if key in tested else "train" for key in corpus.by_id})]


def _emobox_iemocap(corpus: Corpus) -> list[Fold]:
    sessions = {utterance.id: utterance.session for utterance in corpus.utterances}
    return [
        _fold(
            corpus,
            str(number),
            {key: "test" if session == tested else "train" for key, session in sessions.items()},
        )
        for number, tested in enumerate(sorted(set(sessions.values())), start=1)
    ]


def _serab_iemocap(corpus: Corpus) -> list[Fold]:
    part_of = dict.fromkeys(SERAB_TEST, "test") | dict.fromkeys(SERAB_VALIDATION, "validation")
    return [_fold(corpus, "1", {key: part_of.get(key[:6], "train") for key in corpus.by_id})]


def _fold(corpus: Corpus, name: str, parts: Mapping[str, str]) -> Fold:
    train, validation, test = (
        tuple(key for key, part in parts.items() if part == wanted) for wanted in PARTS
    )
    if not validation:
        train, validation = held_out(corpus, train, test)
    return Fold(name, train, validation, test)


def emobox_balanced(corpus: str, field: str) -> Subset:
    """Return the 240 utterances of a corpus on which EmoBox tests models of other corpora.

    They are 60 of each of four emotions, as often from each speaker; for IEMOCAP, EmoBox takes the
    wearer of the markers for the speaker. MELD's list is left out: two of its 240 names fit two
    utterances, and two fit none.

    Args:
        corpus: "ravdess" or "iemocap".
        field: of the subset, which `data/emobox-balanced.csv` lists.
    """
    listed = packaged_data.rows("emobox-balanced.csv")
    labels = ("neutral", "happy", "excited", "sad", "angry")
    return {"label": labels, field: frozenset(row for name, row in listed if name == corpus)}


RAVDESS = (
    Protocol(
        "emobox",
        "EmoBox's six folds of four speakers; validation is every fifth training speaker",
        _by_speaker("ravdess", "emobox"),
        source=EMOBOX,
    ),
    Protocol(
        "luna-jimenez",
        "five folds of 4 or 5 actors; validation is every fifth training actor (theirs: none)",
        _by_speaker("ravdess", "luna-jimenez"),
        source=LUNA_JIMENEZ,
    ),
    Protocol(
        "pepino",
        "actors 1-20 train, 21 and 22 validate, 23 and 24 test; only speech (theirs: songs too)",
        _by_speaker("ravdess", "pepino"),
        source=PEPINO,
    ),
)

CREMA_D = (
    Protocol(
        "emobox",
        "EmoBox's one fold of 1856 test utterances; validation is a tenth of the others",
        _emobox_crema_d,
        leaks="all 91 speakers are in both the published training set and the test set, and "
        "1006_TIE_HAP_XX (test) is byte for byte 1006_TIE_NEU_XX (training)",
        source=EMOBOX,
    ),
    Protocol(
        "emo-superb",
        "EMO-SUPERB's five folds of 18 or 19 speakers; validation is the next fold",
        _by_speaker("crema-d", "emo-superb"),
        source=EMO_SUPERB,
    ),
    Protocol(
        "tfds",
        "TensorFlow Datasets' 63, 9 and 19 speakers, without the four utterances it drops",
        _by_speaker("crema-d", "tfds", TFDS_DROPS),
        source=TFDS,
    ),
)

IEMOCAP = (
    Protocol(
        "emobox",
        "EmoBox's five sessions; validation is every fifth training speaker",
        _emobox_iemocap,
        source=EMOBOX,
    ),
    Protocol(
        "serab",
        "SERAB's one fold of marker wearers, which it takes for speakers",
        _serab_iemocap,
        leaks="it splits by who wore the motion-capture markers, not by who speaks: the speakers "
        "of all its 996 validation and 1122 test utterances also train",
        source=SERAB,
    ),
)

MSP_IMPROV = (
    Protocol(
        "emo-superb",
        "EMO-SUPERB's six folds of sessions; validation is the session before",
        _by_speaker("msp-improv", "emo-superb"),
        source=EMO_SUPERB,
    ),
)
