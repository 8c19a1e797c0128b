"""Splits that other suites published, as protocols, so that numbers compare like with like.

Where a published split gives whole speakers to its sets, `data/published-splits.csv` says which:
corpus, protocol, fold, set, and the speakers with spaces between. EmoBox's CREMA-D split is by
utterance: `data/emobox-crema-d-test.csv` lists its test set, all others train. IEMOCAP's splits are
rules, since its ids stay with those who hold its licence. Utterances that the label set in hand
leaves out are skipped.
"""

from collections.abc import Callable, Mapping

from serbench.corpus import PARTS, Corpus, Fold, Protocol
from serbench.protocols.families import held_out
from serbench_corpora import packaged_data

EMOBOX = "EmoBox (Ma et al., Interspeech 2024), emo-box/EmoBox at 08280f2"
EMO_SUPERB = "EMO-SUPERB (Wu et al., 2024, arXiv 2402.13018)"
TFDS = "TensorFlow Datasets, crema_d"
SERAB = "SERAB (Scheidwasser-Clow et al., ICASSP 2022), Neclow/serab at cc0ebd7"

# Three are one half of a byte-identical pair, the fourth was misnamed in the corpus until 2022
TFDS_DROPS = frozenset(("1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1017_IWW_FEA_XX", "1040_ITH_SAD_XX"))

# SERAB takes the first letter of a turn's name for its speaker; it is who wore the markers
SERAB_VALIDATION = ("Ses02M", "Ses04M")
SERAB_TEST = ("Ses01F", "Ses03M")


def _by_speaker(
    corpus_name: str, protocol: str, drops: frozenset[str] = frozenset()
) -> Callable[[Corpus], list[Fold]]:
    def folds(corpus: Corpus) -> list[Fold]:
        set_of: dict[str, dict[str, str]] = {}
        for owner, name, fold, part, speakers in packaged_data.rows("published-splits.csv"):
            if (owner, name) == (corpus_name, protocol):
                set_of.setdefault(fold, {}).update(dict.fromkeys(speakers.split(), part))
        used = [one for one in corpus.utterances if one.id not in drops]
        return [
            _fold(corpus, fold, {one.id: parts[one.speaker] for one in used})
            for fold, parts in set_of.items()
        ]

    return folds


def _emobox_crema_d(corpus: Corpus) -> list[Fold]:
    test = {utterance for (utterance,) in packaged_data.rows("emobox-crema-d-test.csv")}
    ids = (one.id for one in corpus.utterances)
    return [_fold(corpus, "1", {one: "test" if one in test else "train" for one in ids})]


def _emobox_iemocap(corpus: Corpus) -> list[Fold]:
    session = {one.id: one.session for one in corpus.utterances}
    return [
        _fold(corpus, str(k), {one: "test" if session[one] == held else "train" for one in session})
        for k, held in enumerate(sorted(set(session.values())), start=1)
    ]


def _serab_iemocap(corpus: Corpus) -> list[Fold]:
    def part(marker: str) -> str:
        if marker in SERAB_TEST:
            return "test"
        return "validation" if marker in SERAB_VALIDATION else "train"

    return [_fold(corpus, "1", {one.id: part(one.id[:6]) for one in corpus.utterances})]


def _fold(corpus: Corpus, name: str, parts: Mapping[str, str]) -> Fold:
    train, validation, test = (
        tuple(one for one, part in parts.items() if part == wanted) for wanted in PARTS
    )
    if not validation:
        train, validation = held_out(corpus, train, test)
    return Fold(name, train, validation, test)


RAVDESS = (
    Protocol(
        "emobox",
        "EmoBox's six folds of four speakers; validation is every fifth training speaker",
        _by_speaker("ravdess", "emobox"),
        source=EMOBOX,
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
