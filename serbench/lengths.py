"""How long a corpus's utterances are, and synthetic ones that stand for them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serbench import datasets
from serbench.contracts import Lasts, Lengths
from serbench.datasets import Source

ASKED = 200  # files of a corpus whose headers stand for all
PITCHES = (110.0, 150.0, 190.0, 230.0)  # Hz, one after the other


def of(source: Source) -> Lengths:
    """How long the utterances of a corpus are: as its dataset says, or as its files do.

    Raises:
        CorpusError: the dataset does not say, and its corpus is not here.
    """
    dataset: object = source.dataset
    return dataset.lengths() if isinstance(dataset, Lasts) else _of_files(source)


def _of_files(source: Source) -> Lengths:
    import soundfile

    paths = [one.path for one in datasets.read(source).utterances if one.path is not None]
    asked = [soundfile.info(path) for path in paths[:: max(1, len(paths) // ASKED)]]
    percent = np.linspace(0, 100, 21)
    seconds = np.percentile([one.frames / one.samplerate for one in asked], percent)
    return Lengths(tuple(percent.tolist()), tuple(seconds.tolist()), int(asked[0].samplerate))


def drawn(lengths: Lengths, count: int) -> list[float]:
    """The seconds of so many utterances with the corpus's mean and its longest, rising.

    Evenly spaced percentiles, but for the last, which is the corpus's longest: some models make
    every utterance as long as that one. The others are shortened to keep the mean.
    """
    places = (np.arange(count) + 0.5) * 100 / count
    seconds = np.interp(places, lengths.percent, lengths.seconds)
    longest = max(lengths.seconds)
    rest = seconds.sum() - longest
    if count > 1 and rest > 0:
        seconds[:-1] *= rest / seconds[:-1].sum()
        seconds[-1] = longest
    return [float(one) for one in seconds]


def trimmed(lengths: Lengths, count: int) -> list[float]:
    """The same once silence is cut."""
    return [lengths.trimmed * one for one in drawn(lengths, count)]


def mean(lengths: Lengths) -> float:
    """Seconds of an utterance as recorded, on average."""
    return float(np.mean(drawn(lengths, 1000)))


def voices(
    seconds: Sequence[float], rate: int, *, sounding: float = 1.0
) -> list[npt.NDArray[np.float32]]:
    """Synthetic utterances, each (samples,): harmonics that come and go, and some noise.

    Args:
        seconds: how long each is.
        rate: samples a second.
        sounding: which share of each is more than faint noise; the rest is at both ends.
    """
    return [
        _voice(round(rate * each), rate, PITCHES[place % len(PITCHES)], sounding, place)
        for place, each in enumerate(seconds)
    ]


def _voice(
    samples: int, rate: int, pitch: float, sounding: float, seed: int
) -> npt.NDArray[np.float32]:
    time = np.arange(samples, dtype=np.float32) / rate
    random = np.random.default_rng(seed)
    wave = random.standard_normal(samples, dtype=np.float32) * np.float32(0.01)
    for harmonic in range(1, 9):
        wave += np.sin(2 * np.pi * pitch * harmonic * time) * np.float32(0.1 / harmonic)
    wave *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)  # syllables, four a second
    silent = round(samples * (1 - sounding) / 2)
    if silent:
        wave[:silent] *= 1e-5
        wave[-silent:] *= 1e-5
    return wave.astype(np.float32)
