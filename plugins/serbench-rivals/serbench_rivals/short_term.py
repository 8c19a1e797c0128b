"""The feature `short-term`: 34 short-term descriptors and their statistics, for several windows."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from serbench import Array, BadParameter, Wave
from serbench_alexnet.mel import RATE, filterbank

BANDS, CEPSTRA = 26, 13
PITCHES = 12  # classes of the chroma
LOWEST_PITCH = 27.5  # Hz, the A of the lowest octave
BLOCKS = 10  # parts of a frame or a spectrum whose entropy is taken
ROLLOFF = 0.9  # of a spectrum's energy
PERCENTILES = (10, 50, 90)
SMALL = 1e-10
SHORTEST, LONGEST = 20, 1000  # milliseconds

DESCRIPTORS = (
    "zero_crossings",
    "energy",
    "energy_entropy",
    "centroid",
    "spread",
    "spectral_entropy",
    "flux",
    "rolloff",
    *(f"mfcc{number:02d}" for number in range(1, CEPSTRA + 1)),
    *(f"chroma{number:02d}" for number in range(1, PITCHES + 1)),
    "chroma_deviation",
)
STATISTICS = ("mean", "deviation", *(f"p{percentile}" for percentile in PERCENTILES))

Floats = npt.NDArray[np.float64]


class ShortTerm:
    """Statistics of 34 short-term descriptors, one vector for each length of the window.

    The descriptors are those of pyAudioAnalysis (Giannakopoulos 2015): zero crossings, energy and
    its entropy, centroid, spread, entropy, flux and roll-off of the spectrum, 13 cepstral
    coefficients, 12 chroma values and their deviation. Their statistics over time are mean,
    deviation and three percentiles. Frames are Hann-windowed and overlap by half.

    Args:
        window_ms: the lengths of the window in milliseconds: "25,50,100,200".

    Raises:
        BadParameter: a length is not a number from 20 to 1000, or there is none.
    """

    version = "1"
    time_axis = None

    def __init__(self, *, window_ms: str | int = "25,50,100,200") -> None:
        try:
            lengths = [float(each) for each in str(window_ms).split(",")]
        except ValueError:
            lengths = [math.nan]
        if not all(SHORTEST <= each <= LONGEST for each in lengths):
            raise BadParameter(
                f"window_ms={window_ms} must be milliseconds from {SHORTEST} to {LONGEST}, "
                "separated by commas: 25,50,100,200"
            )
        self._lengths = [round(each * RATE / 1000) for each in lengths]

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Compute (windows, 170) float32 for each wave; `names` lists the columns."""
        return [self._views(wave.astype(np.float64)) for wave in waves]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order: "mfcc03.p90"."""
        return tuple(f"{each}.{kind}" for kind in STATISTICS for each in DESCRIPTORS)

    def _views(self, wave: Floats) -> Array:
        rows = []
        for length in self._lengths:
            values = descriptors(wave, length)  # (frames, 34)
            kinds = values.mean(0), values.std(0), *np.percentile(values, PERCENTILES, axis=0)
            rows.append(np.concatenate(kinds))
        return np.stack(rows).astype(np.float32)


def descriptors(wave: Floats, length: int) -> Floats:
    """Compute the descriptors of frames of `length` samples, (frames, 34), as in `DESCRIPTORS`."""
    padded = np.pad(wave, (0, max(0, length - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: length // 2]
    n_fft = 1 << (length - 1).bit_length()
    window = np.hanning(length + 1)[:-1]
    spectra = np.abs(np.fft.rfft(frames * window, n_fft)) / length  # (frames, bins)
    return np.column_stack([*_of_waves(frames), *_of_spectra(spectra), *_of_bands(spectra, n_fft)])


def _of_waves(frames: Floats) -> Iterator[Floats]:
    signs = np.signbit(frames)
    yield (signs[:, 1:] != signs[:, :-1]).mean(axis=1)
    yield (frames**2).mean(axis=1)
    yield _entropy(frames**2)


def _of_spectra(spectra: Floats) -> Iterator[Floats]:
    frequencies = np.linspace(0, 1, spectra.shape[1])  # 1 is half the sampling rate
    shares = spectra / (spectra.sum(axis=1, keepdims=True) + SMALL)
    centroid = shares @ frequencies
    yield centroid
    yield np.sqrt((shares * (frequencies - centroid[:, None]) ** 2).sum(axis=1))
    energies = spectra**2
    yield _entropy(energies)
    yield (np.diff(shares, axis=0, prepend=shares[:1]) ** 2).sum(axis=1)
    reached = energies.cumsum(axis=1)
    yield (reached < ROLLOFF * reached[:, -1:]).mean(axis=1)


def _of_bands(spectra: Floats, n_fft: int) -> Iterator[Floats]:
    """Yield cepstral coefficients and chroma."""
    logarithms = np.log10(spectra @ filterbank(n_fft, BANDS).T.astype(np.float64) + SMALL)
    steps = np.pi * np.arange(CEPSTRA)[:, None] * (np.arange(BANDS) + 0.5) / BANDS
    cosines = np.cos(steps) * math.sqrt(2 / BANDS)  # the orthonormal DCT-II
    cosines[0] /= math.sqrt(2)
    yield from (logarithms @ cosines.T).T
    hertz = np.arange(1, spectra.shape[1]) * (RATE / n_fft)
    classes = np.round(PITCHES * np.log2(hertz / LOWEST_PITCH)).astype(int) % PITCHES
    member = np.eye(PITCHES)[classes]  # (bins, pitch classes)
    energies = spectra[:, 1:] ** 2
    chroma = (energies @ member) / (energies.sum(axis=1, keepdims=True) + SMALL)
    yield from chroma.T
    yield chroma.std(axis=1)


def _entropy(energies: Floats) -> Floats:
    """Return the entropy in bits of how the energy is spread over ten parts, per row."""
    edges = np.linspace(0, energies.shape[1], BLOCKS + 1).astype(int)[:-1]
    parts = np.add.reduceat(energies, edges, axis=1)
    shares = parts / (parts.sum(axis=1, keepdims=True) + SMALL)
    entropy: Floats = -(shares * np.log2(shares + SMALL)).sum(axis=1)
    return entropy
