"""Small corpora with the names, labels and sexes of large ones, and tones for audio."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from serbench.contracts import About, Entry, hookimpl
from serbench.corpus import Corpus, LabelSet, Protocol, Utterance
from serbench.protocols.families import kfold

SPEAKERS = 6
TAKES = 1  # of a speaker and a label


class Small:
    """Few utterances of few speakers of a corpus; its protocol `paper` has three folds."""

    about = About("A small stand-in", "MIT", "1 MB", "nowhere", "it is made", "nobody")
    version = "1"
    label_sets: Mapping[str, LabelSet]
    protocols: Sequence[Protocol] = (Protocol("paper", "three folds", kfold(3).folds),)

    def __init__(self, corpus: Corpus, label_sets: Mapping[str, LabelSet], seed: int = 0):
        """Take the first utterances of every label from each of the first speakers."""
        self.label_sets, self._seed = label_sets, seed
        self._corpus = replace(corpus, utterances=tuple(_few(corpus)))

    def manifest(self) -> Corpus:
        """All of it."""
        return self._corpus

    def make(self, root: Path) -> None:
        """Write the tones."""
        from serbench_corpora import fake_corpora

        for one in self._corpus.utterances:
            (root / f"{one.id}.wav").write_bytes(
                fake_corpora.wav([fake_corpora.tone(f"{one.id} {self._seed}", 16_000)], 16_000)
            )

    def read(self, root: Path) -> Corpus:
        """The files of the folder, wherever they lie below it."""
        paths = {path.stem: path for path in sorted(root.rglob("*.wav"))}
        found = [replace(one, path=paths[one.id]) for one in self._corpus.utterances]
        return replace(self._corpus, utterances=tuple(found))


def _few(corpus: Corpus) -> list[Utterance]:
    return [
        one
        for speaker in corpus.speakers[:SPEAKERS]
        for label in corpus.labels
        for one in [
            one for one in corpus.utterances if (one.speaker, one.label) == (speaker, label)
        ][:TAKES]
    ]


def toy(seed: int = 0) -> Small:
    """A small toy, whose tones depend on the seed."""
    from serbench_corpora.toy.corpus import Toy

    return Small(Toy().manifest(), Toy.label_sets, seed)


def ravdess() -> Small:
    """A small RAVDESS."""
    from serbench_corpora import ravdess

    return Small(ravdess.manifest(), ravdess.LABEL_SETS)


def crema_d() -> Small:
    """A small CREMA-D."""
    from serbench_corpora import crema_d

    return Small(crema_d.manifest(), crema_d.LABEL_SETS)


def iemocap() -> Small:
    """A small IEMOCAP, with its labels and invented turns."""
    from serbench_corpora import iemocap

    labels = tuple(dict.fromkeys(iemocap.EMOTIONS.values()))
    speakers = [f"Ses{session:02}{sex}" for session in range(1, 4) for sex in "FM"]
    utterances = [
        Utterance(f"{speaker}_{label}_{take}", speaker, label, session=speaker[3:5])
        for speaker in speakers
        for label in labels
        for take in range(TAKES)
    ]
    return Small(Corpus("iemocap", labels, tuple(utterances), "raw"), iemocap.LABEL_SETS)


@hookimpl
def serbench_datasets() -> list[Entry]:
    """The small corpora."""
    return [
        Entry(f"small-{name.replace('_', '-')}", f"serbench_standins:{name}", "a stand-in")
        for name in ("toy", "ravdess", "crema_d", "iemocap")
    ]
