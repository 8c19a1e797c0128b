"""Decode every file of a corpus once, in several processes, and measure it."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from serbench import processes
from serbench.errors import BadParameter, SerbenchError
from serbench.features import audio
from serbench.features.audio import AudioError, Samples
from serbench.inspection import fingerprint
from serbench.inspection.fingerprint import Fingerprint
from serbench.processes import Message, Send

BATCH = 16  # files per message
FEW = 100  # files; up to this many, starting processes takes longer than it saves
CROWDED = 4  # times as many samples at the extreme as at the next value: clipping

Hear = Callable[[int, int], None]
"""Called with the number of files that are measured, and of all files."""


@dataclass(frozen=True)
class Measured:
    """What a file holds.

    Attributes:
        fault: the kind of `AudioError`, or "" if the file can be decoded; then all others are set.
        message: the message of this error.
        file_digest: sha256 of the bytes; "" if they cannot be read.
        digest: of the samples as decoded, see `audio.samples_digest`.
        rate: in Hz.
        channels: how many.
        seconds: the length as recorded.
        oddity: a key of `audio.ODD`, or "".
        clipped: how many samples are cut off, see `clipped`.
        level: the root mean square without silence at both ends, in dB of full scale.
        fingerprint: of the sound.
    """

    fault: str = ""
    message: str = ""
    file_digest: str = ""
    digest: str = ""
    rate: int = 0
    channels: int = 0
    seconds: float = 0.0
    oddity: str = ""
    clipped: int = 0
    level: float = -np.inf
    fingerprint: Fingerprint = field(default_factory=Fingerprint)


def measure(
    paths: Sequence[Path], jobs: int | None = None, hear: Hear = lambda done, total: None
) -> dict[Path, Measured]:
    """Measure files; the results do not depend on the number of processes.

    Args:
        paths: audio files.
        jobs: how many processes decode at a time; 0 decodes in this process; None is one per core.
        hear: shows the progress.

    Raises:
        BadParameter: `jobs` is negative.
    """
    if jobs is not None and jobs < 0:
        raise BadParameter(f"jobs is {jobs}, but must be 0 or more")
    at_once = processes.cores() if jobs is None else jobs
    at_once = at_once if len(paths) > FEW else 0
    shares = [list(map(str, paths[start :: max(1, at_once)])) for start in range(max(1, at_once))]
    measured: dict[Path, Measured] = {}

    def receive(_: int, message: Message) -> None:
        measured.update((Path(path), _unpacked(row)) for path, row in message["files"].items())
        hear(len(measured), len(paths))

    items = [{"paths": share} for share in shares if share]
    for outcome in processes.fresh(measure_share, items, receive, at_once=at_once, threads=1):
        if outcome.result is None:
            raise SerbenchError(f"measuring the audio failed: {outcome.error}")
    return {path: measured[path] for path in paths}


def measure_share(message: Message, send: Send) -> Message:
    """Measure files, and send a row of plain values for each."""
    paths = message["paths"]
    for start in range(0, len(paths), BATCH):
        send({"files": {path: _row(Path(path)) for path in paths[start : start + BATCH]}})
    return {}


def _row(path: Path) -> dict[str, Any]:
    row: dict[str, Any] = {}
    try:
        row["file_digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
        samples, rate = audio.decode(path, remedy="get this file again")
    except AudioError as error:
        return {**row, "fault": error.kind, "message": str(error)}
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror or error}"
        return {**row, "fault": "unreadable", "message": reason}
    wave = audio.wave(samples, rate, audio.Reading())
    power = float(np.mean(np.square(wave, dtype=np.float64)))
    print_ = fingerprint.fingerprint(wave)
    return {
        **row,
        "digest": audio.samples_digest(samples, rate),
        "rate": rate,
        "channels": samples.shape[1],
        "seconds": len(samples) / rate,
        "oddity": audio.oddity(samples, rate),
        "clipped": clipped(samples),
        **({"level": 10 * np.log10(power)} if power > 0 else {}),
        "fingerprint": [_packed(print_.keys), _packed(print_.times)],
    }


def _packed(values: "np.ndarray[Any, np.dtype[np.uint16]]") -> str:
    return base64.b64encode(values.astype("<u2").tobytes()).decode("ascii")


def _unpacked(row: Mapping[str, Any]) -> Measured:
    packed = row.get("fingerprint")
    if packed is None:
        return Measured(**row)
    keys, times = (np.frombuffer(base64.b64decode(text), "<u2") for text in packed)
    return Measured(**{**row, "fingerprint": Fingerprint(keys, times)})


def clipped(samples: Samples) -> int:
    """Return how many samples are cut off at the largest or the smallest value; 0 if none.

    Clipping leaves many samples at exactly one value, even if the file was made quieter later: the
    extreme counts as clipped if it has more than four times as many samples as the next value. No
    recording of RAVDESS has that, not even with 8 bits. Resampling and lossy codecs hide clipping.

    Args:
        samples: (frames, channels), as decoded.
    """
    count, low, high = 0, samples.min(), samples.max()
    if low == high:
        return 0
    lowest, highest = samples[samples > low].min(), samples[samples < high].max()  # but for these
    for extreme, following in ((low, lowest), (high, highest)):
        at_extreme = int((samples == extreme).sum())
        count += at_extreme if at_extreme > CROWDED * int((samples == following).sum()) else 0
    return count
