"""Choose utterances of a corpus to see and to hear, and make their pictures and audio files."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench.contracts import Wave
from serbench.features import audio
from serbench.features.audio import RATE
from serbench.inspection.description import CorpusDescription, Measurement

FRAME, HOP, BANDS = 400, 160, 64  # samples, and mel bands: 25 ms, 10 ms
DEPTH = 80.0  # dB below the loudest point of a picture
COLOURS = "magma"  # a colour map of matplotlib
FOLDER = "audio"
WHOLE = audio.Reading(trim_db=None)


@dataclass(frozen=True)
class Example:
    """An utterance on the page."""

    utterance: str
    seconds: float
    level: float
    picture: str  # its mel spectrogram as a data address
    audio: str  # its file, relative to the page


@dataclass(frozen=True)
class Speaker:
    """A row of examples."""

    name: str
    sex: str
    examples: list[Example | None]  # one per label


def choose(description: CorpusDescription, speakers: int) -> list[list[Measurement | None]]:
    """Choose speakers, evenly spaced in sorted order, and an utterance of each label.

    Of several utterances, the one of median length is chosen.
    """
    names = sorted({each.utterance.speaker for each in description.measurements})
    places = np.linspace(0, len(names) - 1, min(speakers, len(names))).round().astype(int)
    cells: dict[tuple[str, str], list[Measurement]] = {}
    for each in description.measurements:
        cells.setdefault((each.utterance.speaker, each.utterance.label), []).append(each)
    return [
        [_middle(cells.get((names[place], label), [])) for label in description.labels]
        for place in places.tolist()
    ]


def _middle(measurements: Sequence[Measurement]) -> Measurement | None:
    ordered = sorted(measurements, key=lambda each: (each.seconds, each.utterance.id))
    return ordered[len(ordered) // 2] if ordered else None


def write(chosen: Sequence[Sequence[Measurement | None]], folder: Path) -> list[Speaker]:
    """Write the audio of examples, 16 kHz mono FLAC, and return them with their pictures.

    Args:
        chosen: a row per speaker, from `choose`.
        folder: the page's folder.
    """
    import soundfile

    rows = []
    (folder / FOLDER).mkdir()
    for row, measurements in enumerate(chosen):
        examples: list[Example | None] = []
        for column, each in enumerate(measurements):
            if each is None:
                examples.append(None)
                continue
            assert each.utterance.path is not None
            wave = audio.read(each.utterance.path, WHOLE)
            name = f"{FOLDER}/{row + 1:02}-{column + 1:02}.flac"  # ids may be no file names
            soundfile.write(folder / name, wave.clip(-1, 1), RATE, format="FLAC")
            level = each.level if np.isfinite(each.level) else -200.0
            examples.append(Example(each.utterance.id, each.seconds, level, picture(wave), name))
        spoken = next(each.utterance for each in measurements if each is not None)
        rows.append(Speaker(spoken.speaker, spoken.sex, examples))
    return rows


def picture(wave: Wave) -> str:
    """Return the mel spectrogram of a 16 kHz wave as the data address of a PNG."""
    from matplotlib import image

    levels = mel_levels(wave)
    content = io.BytesIO()
    image.imsave(content, levels, cmap=COLOURS, origin="lower", vmin=-DEPTH, vmax=0, format="png")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def mel_levels(wave: Wave) -> npt.NDArray[np.float64]:
    """Return mel band levels, (bands, frames), in dB below the loudest point, at least `-DEPTH`."""
    padded = np.pad(wave, FRAME // 2)
    if len(padded) < FRAME:
        padded = np.pad(padded, (0, FRAME - len(padded)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]  # (frames, FRAME)
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME))))
    bands = mel_filters() @ power.T
    loudest = max(float(bands.max()), 1e-10)
    levels: npt.NDArray[np.float64] = 10 * np.log10(
        np.maximum(bands / loudest, 10 ** (-DEPTH / 10))
    )
    return levels


def mel_filters() -> npt.NDArray[np.float64]:
    """Return triangular filters, (bands, bins), evenly spaced in mel up to 8 kHz.

    mel = 2595 log10(1 + f / 700), as in HTK.
    """
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)  # in Hz
    frequencies = np.fft.rfftfreq(FRAME, 1 / RATE)
    low, middle, high = (edges[start : start + BANDS, None] for start in range(3))
    rising = (frequencies - low) / (middle - low)
    falling = (high - frequencies) / (high - middle)
    filters: npt.NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return filters
