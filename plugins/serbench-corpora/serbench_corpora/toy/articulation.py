"""Articulate the sentences of the toy corpus: the movements of the mouth, frame by frame.

Formant frequencies are those of a man's voice, after G. E. Peterson and H. L. Barney, Control
methods used in a study of the vowels (1952), rounded; consonants after D. H. Klatt, Software for
a cascade/parallel formant synthesizer (1980), simplified.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FRAME_SECONDS = 0.008
EDGE_SECONDS = 0.04
SHORTEST_SECONDS, LONGEST_SECONDS = 0.8, 1.5


class Sound(NamedTuple):
    """One target of the articulators."""

    formants: tuple[float, float, float]  # the first three, in Hz
    voice: float  # amplitude of the vocal folds
    noise: float  # amplitude of the mouth's noise
    centre: float  # frequency of the noise, in Hz
    milliseconds: float  # duration at an even tempo


def _stop(second: float, centre: float, voice: float) -> tuple[Sound, ...]:
    """Return a closure and a burst; the place of the closure sets the second formant."""
    formants = (280.0, second, 2500.0)
    return Sound(formants, voice, 0.0, centre, 50), Sound(formants, voice, 0.5, centre, 20)


SOUNDS = {
    "i": (Sound((280, 2290, 3010), 1.0, 0, 4000, 120),),
    "e": (Sound((530, 1840, 2480), 1.0, 0, 4000, 120),),
    "a": (Sound((730, 1150, 2440), 1.0, 0, 4000, 130),),
    "o": (Sound((540, 860, 2410), 1.0, 0, 4000, 125),),
    "u": (Sound((310, 900, 2240), 1.0, 0, 4000, 115),),
    "m": (Sound((250, 1000, 2200), 0.35, 0, 4000, 75),),
    "n": (Sound((250, 1550, 2500), 0.35, 0, 4000, 70),),
    "l": (Sound((360, 1150, 2700), 0.55, 0, 4000, 70),),
    "r": (Sound((340, 1200, 1650), 0.55, 0, 4000, 70),),
    "w": (Sound((300, 720, 2200), 0.5, 0, 4000, 65),),
    "j": (Sound((280, 2200, 2900), 0.5, 0, 4000, 65),),
    "s": (Sound((320, 1600, 2600), 0.0, 0.5, 6000, 95),),
    "x": (Sound((320, 1800, 2500), 0.0, 0.6, 3300, 95),),
    "f": (Sound((320, 1100, 2300), 0.0, 0.2, 5000, 85),),
    "z": (Sound((280, 1600, 2600), 0.3, 0.3, 6000, 75),),
    "v": (Sound((280, 1100, 2300), 0.35, 0.1, 5000, 65),),
    "p": _stop(850, 1000, 0.0),
    "b": _stop(850, 1000, 0.12),
    "t": _stop(1750, 4500, 0.0),
    "d": _stop(1750, 4500, 0.12),
    "k": _stop(2000, 2000, 0.0),
    "g": _stop(2000, 2000, 0.12),
}

# one letter per sound; the capital is the accented vowel
SENTENCES = (
    "danOli semu",
    "bireto zAnu",
    "kOmala vide",
    "sefU niroba",
    "lumAxi teno",
    "goriwE pasu",
    "nEvilo dutam",
    "tajOne miru",
    "zimUla feko",
    "pewarI sodun",
    "xobEmi lanu",
    "rasItu gemo",
    "mUdeno kiva",
)


@dataclass(frozen=True)
class Gesture:
    """A sentence as targets of the articulators, one per frame of 8 ms."""

    formants: Floats  # (frames, 3), in Hz
    voice: Floats  # (frames,), amplitude of the vocal folds
    noise: Floats  # (frames,), amplitude of the mouth's noise
    centre: Floats  # (frames,), frequency of the noise, in Hz
    accent: Floats  # (frames,), 0 to 1, highest in the accented vowel
    place: Floats  # (frames,), 0 at the start of the sentence to 1 at its end


def articulate(sentence: str, tempo: float, timing: Floats) -> Gesture:
    """Return the gesture of a sentence.

    Args:
        sentence: letters of `SOUNDS`, one of them a capital.
        tempo: a factor of the even tempo; bounded so that the gesture takes 0.8 to 1.5 s.
        timing: factors around 1 of the sounds' durations; at least one per sound.
    """
    letters = sentence.replace(" ", "")
    sounds = [sound for letter in letters for sound in SOUNDS[letter.lower()]]
    accents = [float(letter.isupper()) for letter in letters for _ in SOUNDS[letter.lower()]]
    even = np.array([sound.milliseconds for sound in sounds]) / 1000 * timing[: len(sounds)]
    edges = 2 * EDGE_SECONDS
    seconds = np.clip(even.sum() / tempo, SHORTEST_SECONDS - edges, LONGEST_SECONDS - edges)
    ends = np.rint(np.cumsum(even) * (seconds / even.sum()) / FRAME_SECONDS).astype(np.int64)
    counts = np.diff(ends, prepend=0)

    def track(values: list[float], milliseconds: int) -> Floats:
        return _smooth(np.repeat(np.array(values), counts), milliseconds)

    formants = [track([sound.formants[number] for sound in sounds], 55) for number in range(3)]
    return _with_edges(
        Gesture(
            formants=np.stack(formants, axis=1),
            voice=track([sound.voice for sound in sounds], 25),
            noise=track([sound.noise for sound in sounds], 20),
            centre=track([sound.centre for sound in sounds], 20),
            accent=track(accents, 150),
            place=np.linspace(0.0, 1.0, int(ends[-1])),
        )
    )


def _smooth(values: Floats, milliseconds: int) -> Floats:
    """Let values glide from target to target, since articulators have mass."""
    half = round(milliseconds / 1000 / FRAME_SECONDS / 2)
    kernel = np.hanning(2 * half + 3)
    padded = np.pad(values, half + 1, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _with_edges(gesture: Gesture) -> Gesture:
    """Add 0.04 s of silence before and after a gesture."""
    edge = round(EDGE_SECONDS / FRAME_SECONDS)

    def hold(values: Floats) -> Floats:
        return np.pad(values, [(edge, edge)] + [(0, 0)] * (values.ndim - 1), mode="edge")

    def fade(values: Floats) -> Floats:
        return _smooth(np.pad(values, edge), 25)

    return Gesture(
        formants=hold(gesture.formants),
        voice=fade(gesture.voice),
        noise=fade(gesture.noise),
        centre=hold(gesture.centre),
        accent=hold(gesture.accent),
        place=hold(gesture.place),
    )
