"""Write a made-up corpus, so that everything can be tried without the real one.

python tests/pretended.py FOLDER
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import soundfile

SPEAKERS = ("f1", "f2", "f3", "f4", "m1", "m2", "m3", "m4")
# semitones above the speaker's own pitch, and loudness
MANNERS = {"neutral": (0, 0.1), "happy": (7, 0.2), "sad": (-3, 0.04), "angry": (4, 0.4)}
RATE = 16_000  # Hz


def write(root: Path) -> None:
    """Write two takes of each emotion by each speaker into `root`: a buzz with some noise."""
    root.mkdir(parents=True, exist_ok=True)
    seconds = np.arange(RATE // 2) / RATE
    for number, (speaker, emotion, take) in enumerate(product(SPEAKERS, MANNERS, (1, 2))):
        random = np.random.default_rng(number)
        semitones, loudness = MANNERS[emotion]
        hertz = (210 if speaker.startswith("f") else 120) + 5 * SPEAKERS.index(speaker)
        hertz *= 2 ** ((semitones + random.normal()) / 12)
        wave = sum(np.sin(2 * np.pi * k * hertz * seconds) / k for k in range(1, 10))
        wave = loudness * wave / np.abs(wave).max() + random.normal(0, 0.002, len(seconds))
        soundfile.write(root / f"{speaker}_{emotion}_{take:02}.wav", wave, RATE, subtype="PCM_16")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
