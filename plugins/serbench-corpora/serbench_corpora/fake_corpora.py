"""Write folders of short tones that look like RAVDESS, CREMA-D and IEMOCAP, for tests.

Names, counts, labels and the known oddities of the corpora are real, the audio is not: a tone
depends only on a digest of its utterance's name, so it says nothing about the emotion. IEMOCAP's
names are invented to fit its counts by speaker, wearer of the markers, part and label.
"""

import hashlib
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, cycle, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench_corpora import crema_d, iemocap, packaged_data, ravdess

SECONDS = (0.05, 0.1)
PITCH = (100.0, 800.0)  # hertz
LEVEL = (0.1, 0.5)  # of full scale
PHASE = (0.0, 1.0)  # of a turn

# the five recordings that were published in stereo
STEREO = {
    "03-01-02-01-01-02-01",
    "03-01-08-01-02-02-01",
    "03-01-02-01-02-02-05",
    "03-01-03-01-02-01-20",
    "03-01-06-01-01-02-20",
}

# recordings that are byte-identical to another one; in CREMA-D with another label
COPIES = {
    "03-01-03-01-02-02-07": "03-01-03-01-02-01-07",
    "1006_TIE_NEU_XX": "1006_TIE_HAP_XX",
    "1013_WSI_SAD_XX": "1013_WSI_DIS_XX",
    "1017_IWW_FEA_XX": "1017_IWW_ANG_XX",
}
SILENT = "1076_MTI_SAD_XX"

# emotions that are not read; "fru" (frustrated) and "xxx" (no majority) are the most frequent
OTHER_EMOTIONS = ("xxx", "fru", "xxx", "fru", "xxx", "sur", "fea", "oth", "dis")
SCENES = ("01_1", "01_2", "01_3", "02_1", "02_2", "03_1", "03_2")
DIALOGUES = {
    "improvised": tuple(f"impro{number:02}" for number in range(1, 9)),
    "scripted": tuple(f"script{scene}" for scene in SCENES),
}


def write_ravdess(root: Path) -> None:
    """Write 1440 tones of 48 kHz, five in stereo, as `root/Actor_NN/*.wav`."""
    for utterance in ravdess.manifest().utterances:
        name = COPIES.get(utterance.id, utterance.id)
        channels = [tone(name, 48000)]
        if name in STEREO:
            right = tone(f"{name} right", 48000)
            length = min(len(channels[0]), len(right))
            channels = [channels[0][:length], right[:length]]
        _write(root / f"Actor_{utterance.speaker}", utterance.id, wav(channels, 48000))


def write_crema_d(root: Path) -> None:
    """Write 7442 tones of 16 kHz, one of which is silence, as `root/AudioWAV/*.wav`."""
    for utterance in crema_d.manifest().utterances:
        samples = tone(COPIES.get(utterance.id, utterance.id), 16000)
        if utterance.id == SILENT:
            samples = np.zeros_like(samples)
        _write(root / "AudioWAV", utterance.id, wav([samples], 16000))


def write_iemocap(root: Path) -> None:
    """Write `root/IEMOCAP_full_release`: turns as tones of 16 kHz, and their evaluations.

    5531 turns have an emotion that is read. For every five of these there is one with another
    emotion (in IEMOCAP there are four). Votes of single listeners and hidden macOS files are added.
    """
    release = root / "IEMOCAP_full_release"
    for (wearer, part), turns in _turns().items():
        numbers: dict[str, Iterator[int]] = defaultdict(count)
        dialogues: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for (letter, emotion), name in zip(turns, cycle(DIALOGUES[part]), strict=False):
            dialogue = f"{wearer}_{name}"
            turn = f"{dialogue}_{letter}{next(numbers[dialogue + letter]):03}"
            dialogues[dialogue].append((turn, emotion))
        for dialogue, spoken in dialogues.items():
            _write_dialogue(release / f"Session{int(wearer[3:5])}", dialogue, spoken)


def _turns() -> Mapping[tuple[str, str], list[tuple[str, str]]]:
    """Return the shuffled turns of each wearer and part: the speaker's letter and the emotion."""
    codes = {label: code for code, label in iemocap.EMOTIONS.items()}
    turns: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for speaker, wearer, part, label, number in packaged_data.rows("iemocap-counts.csv"):
        turns[speaker[:5] + wearer, part] += [(speaker[5], codes[label])] * int(number)
    for (wearer, part), spoken in turns.items():
        others = zip(cycle("FMM"), cycle(OTHER_EMOTIONS), strict=False)
        spoken += islice(others, len(spoken) // 5)
        digests = {
            turn: hashlib.sha256(f"{wearer}{part} {turn}".encode()).digest()
            for turn in range(len(spoken))
        }
        turns[wearer, part] = [spoken[turn] for turn in sorted(digests, key=digests.__getitem__)]
    return turns


def _write_dialogue(session: Path, dialogue: str, turns: Sequence[tuple[str, str]]) -> None:
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for second, (turn, emotion) in enumerate(turns):
        _write(session / "sentences" / "wav" / dialogue, turn, wav([tone(turn, 16000)], 16000))
        lines += [
            f"[{second}.0000 - {second + 1}.0000]\t{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]",
            "C-E1:\tNeutral;\t()",
            "",
        ]
    evaluation = session / "dialog" / "EmoEvaluation"
    (evaluation / "Categorical").mkdir(parents=True, exist_ok=True)
    (evaluation / f"{dialogue}.txt").write_text("\n".join(lines))
    (evaluation / f"._{dialogue}.txt").write_bytes(b"\x00\x05\x16\x07 Mac OS X")
    votes = "".join(f"{turn} :Neutral state; ()\n" for turn, _ in turns)
    (evaluation / "Categorical" / f"{dialogue}_e1_cat.txt").write_text(votes)


# ---- audio ----


def tone(name: str, rate: int) -> npt.NDArray[np.int16]:
    """Return a tone, (samples,); length, pitch, level and phase come from a digest of `name`."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    parts = struct.unpack("<4I", digest)
    seconds, pitch, level, phase = (
        low + (high - low) * part / 2**32
        for part, (low, high) in zip(parts, (SECONDS, PITCH, LEVEL, PHASE), strict=True)
    )
    turns = np.arange(int(seconds * rate)) * (pitch / rate) + phase
    samples: npt.NDArray[np.int16] = (level * 32767 * np.sin(2 * np.pi * turns)).astype("<i2")
    return samples


def wav(channels: Sequence[npt.NDArray[np.int16]], rate: int) -> bytes:
    """Return the bytes of a 16-bit wav file with these channels, which have one length."""
    samples = np.stack(channels, axis=1).tobytes()  # (samples, channels)
    frame = 2 * len(channels)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, len(channels), rate, rate * frame, frame, 16)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


def _write(folder: Path, name: str, content: bytes) -> None:
    # without `replacing`, which waits for the disk each time: thousands of files take minutes
    path = folder / f"{name}.wav"
    try:
        path.write_bytes(content)
    except FileNotFoundError:
        folder.mkdir(parents=True)
        path.write_bytes(content)
