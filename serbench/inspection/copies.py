"""Find recordings that are in a corpus twice: the same file, the same samples, or the same sound.

The same sound is looked for with fingerprints (`serbench.inspection.fingerprint`), which find a
recording again after a lossy codec, resampling, gain and trimming. Then the waveforms of both are
compared: they are aligned by cross-correlation, between 300 and 3400 Hz, and are the same recording
if their normalised correlation is at least 0.75. The most similar two of the 42,480 pairs of
different recordings of one actor in RAVDESS have 0.585, although each actor says each sentence
twice.

Not found are: less than a fifth of a second of loud speech, another speed or pitch, strong
reverberation, noise as loud as the speech, and codecs that do not keep the waveform (Opus at
6 kbit/s: every other copy).
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serbench.contracts import Wave
from serbench.features import audio
from serbench.features.audio import RATE
from serbench.inspection import fingerprint
from serbench.inspection.measurement import Measured

SAME = 0.75  # correlation of two waveforms of one recording
UNCHANGED = 0.999  # only gain and trimming differ
SHORTEST = 0.25  # seconds that both must share
RECENT = 64  # decoded waves that are kept


@dataclass(frozen=True)
class Copy:
    """Two files of one recording.

    Attributes:
        first: a file; the one that comes first in the corpus.
        other: the other file.
        how: what is the same, and what differs.
    """

    first: Path
    other: Path
    how: str


def find(files: Mapping[Path, Measured], *, search: bool = True) -> list[Copy]:
    """Return the pairs of files with one recording, sorted by the order of the files.

    Of files that are the same byte for byte, or sample for sample, each is paired with the first.

    Args:
        files: what was measured in each file that can be decoded and is not silent.
        search: also look for the same sound.
    """
    order = {path: place for place, path in enumerate(files)}
    copies: list[Copy] = []
    first_with: dict[str, Path] = {}
    for path, file in files.items():
        first = first_with.setdefault(file.digest, path)
        if first != path:
            same = "bytes" if files[first].file_digest == file.file_digest else "samples"
            copies.append(Copy(first, path, f"same {same}"))
    alone = list(first_with.values()) if search else []
    read = functools.lru_cache(RECENT)(_read)
    for one, two in fingerprint.candidates([files[path].fingerprint for path in alone]):
        first, other = alone[one], alone[two]
        if how := compare(read(first), read(other)):
            copies.append(Copy(first, other, how))
    return sorted(copies, key=lambda copy: (order[copy.first], order[copy.other]))


def _read(path: Path) -> Wave:
    return audio.read(path, audio.Reading(trim_db=None))


def compare(first: Wave, other: Wave) -> str:
    """Return how the second of two 16 kHz waves differs if they are one recording, else "".

    >>> wave = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    >>> compare(wave, 0.5 * wave[800:])
    'same sound: -6.0 dB, 0.05 s cut at its start'
    >>> compare(wave, wave[::-1])
    ''
    """
    size = 1 << int(len(first) + len(other) - 1).bit_length()
    one, two = (fingerprint.band_limited(wave, size) for wave in (first, other))
    correlation = np.fft.irfft(one * np.conj(two), size)
    best = int(np.argmax(np.abs(correlation)))
    lag = best if best < len(first) else best - size  # other[0] is at first[lag]
    narrow = [np.fft.irfft(spectrum, size) for spectrum in (one, two)]
    start, stop = max(0, lag), min(len(first), len(other) + lag)
    if stop - start < SHORTEST * RATE:
        return ""
    a, b = narrow[0][start:stop], narrow[1][start - lag : stop - lag]
    energies = float(a @ a), float(b @ b)
    if not min(energies):
        return ""
    similar = abs(float(a @ b)) / float(np.sqrt(energies[0] * energies[1]))
    if similar < SAME:
        return ""
    return _difference(similar, energies, lag / RATE, (len(first) - len(other)) / RATE - lag / RATE)


def _difference(similar: float, energies: Sequence[float], start: float, end: float) -> str:
    """Describe how a copy differs from its original.

    Args:
        similar: the correlation of their waveforms.
        energies: of the part that they share.
        start: seconds cut at the copy's start; negative if they were added.
        end: seconds cut at its end.
    """
    parts = [] if similar >= UNCHANGED else [f"correlation {similar:.2f}"]
    gain = 10 * np.log10(energies[1] / energies[0])
    parts += [f"{gain:+.1f} dB"] if abs(gain) >= 0.05 else []
    for seconds, where in ((start, "start"), (end, "end")):
        if abs(seconds) >= 0.005:
            change = "cut" if seconds > 0 else "added"
            parts.append(f"{abs(seconds):.2f} s {change} at its {where}")
    return "same sound: " + ", ".join(parts) if parts else "same sound"
