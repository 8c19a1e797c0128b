"""Prepare measurements: utterances like a corpus's, and features and models to process them.

Nothing is downloaded: utterances are synthetic, and a model's weights may be random.
"""

import dataclasses
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench import datasets
from serbench.contracts import Lengths, ResolvesParams
from serbench.datasets import Source
from serbench.errors import CorpusError
from serbench.evaluation import plan
from serbench.features.audio import Reading
from serbench.features.store import Feature
from serbench.parameters import checked, settable
from serbench.plugins import registry
from serbench.results.config import Request
from serbench.settings import Settings

ASKED = 200  # files of a corpus whose headers are read; they represent all
PITCHES = (110.0, 150.0, 190.0, 230.0)  # Hz, one after the other


def lengths_of(source: Source) -> Lengths:
    """Return the lengths of a corpus's utterances: from its dataset, or from its files.

    Raises:
        CorpusError: the dataset states no lengths, and its corpus is not on this machine.
    """
    import soundfile

    lengths: Callable[[], Lengths] | None = getattr(source.dataset, "lengths", None)
    if lengths is not None:
        return lengths()
    corpus = datasets.read(source)
    paths = [utterance.path for utterance in corpus.utterances if utterance.path is not None]
    headers = [soundfile.info(path) for path in paths[:: max(1, len(paths) // ASKED)]]
    percent = np.linspace(0, 100, 21)
    seconds = np.percentile([header.frames / header.samplerate for header in headers], percent)
    return Lengths(tuple(percent.tolist()), tuple(seconds.tolist()), int(headers[0].samplerate))


def drawn(lengths: Lengths, count: int) -> list[float]:
    """Return `count` lengths of utterances in seconds, ascending, with the corpus's mean.

    They are evenly spaced percentiles and, last, the corpus's maximum, to which some models pad
    every utterance. The other lengths are reduced to keep the mean.
    """
    places = (np.arange(count) + 0.5) * 100 / count
    seconds = np.interp(places, lengths.percent, lengths.seconds)
    longest = max(lengths.seconds)
    rest = seconds.sum() - longest
    if count > 1 and rest > 0:
        seconds[:-1] *= rest / seconds[:-1].sum()
        seconds[-1] = longest
    return [float(length) for length in seconds]


def trimmed(lengths: Lengths, count: int) -> list[float]:
    """Return the lengths of `drawn` without silence, in seconds."""
    return [lengths.trimmed * seconds for seconds in drawn(lengths, count)]


def mean(lengths: Lengths) -> float:
    """Return the mean seconds of an utterance as recorded."""
    return float(np.mean(drawn(lengths, 1000)))


def voices(
    seconds: Sequence[float], rate: int, *, sounding: float = 1.0
) -> list[npt.NDArray[np.float32]]:
    """Return synthetic utterances, each (samples,): harmonics with syllables, and some noise.

    Args:
        seconds: the length of each utterance.
        rate: samples per second.
        sounding: the share of each utterance between the faint noise at both ends.
    """
    waves = []
    for seed, length in enumerate(seconds):
        samples, pitch = round(rate * length), PITCHES[seed % len(PITCHES)]
        time = np.arange(samples, dtype=np.float32) / rate
        noise = np.random.default_rng(seed)
        wave = noise.standard_normal(samples, dtype=np.float32) * np.float32(0.01)
        for harmonic in range(1, 9):
            wave += np.sin(2 * np.pi * pitch * harmonic * time) * np.float32(0.1 / harmonic)
        wave *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)  # syllables, four a second
        silent = round(samples * (1 - sounding) / 2)
        if silent:
            wave[:silent] *= 1e-5
            wave[-silent:] *= 1e-5
        waves.append(wave.astype(np.float32))
    return waves


@dataclass(frozen=True)
class Candidate:
    """A model that can be measured."""

    name: str  # of the model
    params: Mapping[str, object]  # exact
    feature: Feature  # that it learns from
    labels: tuple[str, ...]  # of the corpus whose utterances are imitated
    threads: int  # of a fold
    precision: str = "float32"  # of training

    @property
    def epochs(self) -> int:
        """The most epochs of training; 1 for a model without epochs."""
        epochs = self.params.get("epochs")
        return epochs if isinstance(epochs, int) else 1


def model(request: Request, source: Source, places: Settings) -> Candidate:
    """Return the requested model with its parameters on a corpus.

    Parameters that need a download are replaced if the model offers it (`contracts.BenchHooks`).

    Raises:
        SerbenchError: a name or parameter is unknown, or a package is missing.
    """
    entry = plan.find_entry(request)
    wanted = {**entry.defaults_on(source.spec), **request.params}
    for target in (registry.load(registry.find("feature", entry.features)), registry.load(entry)):
        if rehearsed := getattr(target, "rehearsed", None):
            wanted |= rehearsed(wanted, places.cache / "rehearsal")
    _, params, feature = plan.resolve(entry, dataclasses.replace(request, params=wanted))
    labels = tuple(dict.fromkeys(datasets.label_set(source, request.labels)[1].values()))
    threads = entry.threads if request.threads is None else request.threads
    return Candidate(request.model, params, feature, labels, threads, request.precision)


def sample(source: Source, label_set: str | None, count: int) -> list[tuple[str, str, str]]:
    """Return path, label and speaker of at most `count` utterances, with each label in turn.

    The list is empty if the corpus is not on this machine.
    """
    try:
        corpus = datasets.read(source, label_set)
    except CorpusError:
        return []
    utterances = list(corpus.utterances)
    random.Random(0).shuffle(utterances)
    by_label = ([each for each in utterances if each.label == label] for label in corpus.labels)
    turns = itertools.zip_longest(*by_label)
    found = [each for turn in turns for each in turn if each is not None and each.path is not None]
    return [(str(each.path), each.label, each.speaker) for each in found[:count]]


def feature(name: str) -> Feature:
    """Return a feature with its default parameters.

    Raises:
        SerbenchError: the feature refuses them, or a package is missing.
    """
    entry = registry.find("feature", name)
    extractor: Any = registry.load(entry)
    params = checked(name, settable(extractor), {})
    if isinstance(extractor, ResolvesParams):
        params = dict(extractor.resolved(params))
    extractor(**params)  # the constructor may refuse a value
    return Feature(name, registry.version(entry, extractor), params, Reading().identity())
