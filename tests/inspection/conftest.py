"""A small corpus of synthetic speech, which a test may spoil."""

import csv
import shutil

import pytest
import soundfile

corpus = pytest.importorskip("serbench_corpora.toy.corpus")

SPEAKERS, EMOTIONS, SENTENCES = range(4), range(3), range(2)
RATE = 16_000


@pytest.fixture(scope="session")
def clean_corpus(tmp_path_factory):
    """24 utterances, four speakers x three emotions x two sentences, and the table my.csv."""
    folder = tmp_path_factory.mktemp("clean")
    rows = [["path", "label", "speaker", "sex", "session"]]
    for speaker in SPEAKERS:
        for emotion in EMOTIONS:
            for sentence in SENTENCES:
                path = folder / "clips" / f"{corpus.name(speaker, emotion, sentence)}.wav"
                path.parent.mkdir(exist_ok=True)
                samples = corpus.utterance(0, speaker, emotion, sentence)
                soundfile.write(path, samples, RATE, subtype="PCM_16")
                name, label, _ = path.stem.split("-")
                session = f"day {1 + speaker % 2}"
                rows.append([f"clips/{path.name}", label, name, name[0], session])
    write_table(folder, rows)
    return folder


def write_table(folder, rows):
    with (folder / "my.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


class Spoilt:
    """A copy of the corpus, with means to spoil it.

    Attributes:
        folder: with `my.csv` and `clips/`.
        rows: of the table, the heading first.
    """

    def __init__(self, folder):
        self.folder = folder
        with (folder / "my.csv").open(newline="") as stream:
            self.rows = list(csv.reader(stream))

    @property
    def spec(self):
        write_table(self.folder, self.rows)
        return f"csv:{self.folder / 'my.csv'}"

    def path(self, at):
        """Return the file of an utterance, by its position."""
        return self.folder / self.rows[1 + at][0]

    def id(self, at):
        return self.rows[1 + at][0].removesuffix(".wav")

    def read(self, at):
        samples, _ = soundfile.read(self.path(at))
        return samples

    def write(self, at, samples, rate=RATE, **kind):
        soundfile.write(self.path(at), samples, rate, **kind)

    def add(self, name, label, speaker):
        """Add a row; return the path of its file."""
        self.rows.append([f"clips/{name}", label, speaker, speaker[0], "day 1"])
        return self.folder / "clips" / name


@pytest.fixture
def spoilt(clean_corpus, tmp_path, places):
    """A copy of the corpus to spoil."""
    return Spoilt(shutil.copytree(clean_corpus, tmp_path / "spoilt"))
