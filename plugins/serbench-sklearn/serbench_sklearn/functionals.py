"""The feature `functionals`: statistics of the voice over an utterance, one vector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from serbench_sklearn import prosody
from serbench_sklearn.pitch import pitch
from serbench_sklearn.spectra import CONTOURS, RATE, spectra
from serbench_sklearn.summaries import CHANGES, STATISTICS, VOICED, changes, levels, statistics

Waves = Sequence[npt.NDArray[np.float32]]

CONTOUR_NAMES = tuple(
    f"{contour}.{statistic}"
    for contour in CONTOURS
    for statistic in (*STATISTICS, *CHANGES, *VOICED)
)


class Functionals:
    """Statistics over time of spectrum, pitch, voice quality and rhythm, float32.

    For 78 contours sampled every 10 ms (40 mel bands in dB, 20 cepstral coefficients, 18
    descriptors of the spectrum's shape), the vector has, over the frames with sound, mean, standard
    deviation, skewness, three percentiles, the slope over time and the size of first and second
    differences; over the voiced frames, mean and standard deviation. Melody, voice quality, rhythm
    and modulation spectrum follow. `names` lists all values in order.

    Without a voiced frame, the melody is zeros and all frames with sound replace the voiced frames.
    Nothing is learnt: models standardise the values themselves. Values are computed in double
    precision, so that rounding to float32 gives the same values on all processors.
    """

    version = "2"
    time_axis = None
    notes: ClassVar[Mapping[str, str]] = {"2": "they are computed in double precision"}

    def __call__(self, waves: Waves) -> list[npt.NDArray[np.float32]]:
        """Compute one vector, shape (len(names),), for each wave."""
        return [np.fromiter(named(wave).values(), np.float32) for wave in waves]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values, in order: "mfcc03.p90", "pitch.range"."""
        return tuple(named(np.zeros(RATE)))


def named(wave: npt.ArrayLike) -> dict[str, float]:
    """Compute the functionals of one wave, by name."""
    wave = np.asarray(wave, dtype=np.float64)
    wave = wave - wave.mean() if len(wave) else np.zeros(1)
    heard, tones = spectra(wave), pitch(wave)
    voiced = tones.voiced if tones.voiced.any() else heard.sounding
    table = [
        statistics(heard.values, heard.sounding),
        changes(heard.values, heard.sounding),
        levels(heard.values, voiced),
    ]
    return {
        **dict(zip(CONTOUR_NAMES, np.concatenate(table, axis=1).ravel().tolist(), strict=True)),
        **prosody.melody(tones),
        **prosody.voice(tones, heard.level),
        **prosody.rhythm(heard, tones.voiced, len(wave) / RATE),
        **prosody.modulation(heard),
    }
