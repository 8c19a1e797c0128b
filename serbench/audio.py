"""Reads an utterance: whatever the file is, 16 kHz mono float32, silence trimmed at both ends."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.contracts import Wave
from serbench.errors import BadParameter, CorpusError
from serbench.files import digest, replacing

RATE = 16_000  # Hz; paper, section IV
AGAIN = "get this file again, nothing was trained"
SLACK = 1024  # bytes that a sloppy header may promise too many

Samples = npt.NDArray[Any]
"""Samples as decoded: (frames, channels), int16 where the file holds 16 bits, else float64."""


@dataclass(frozen=True)
class Reading:
    """How a wave is made of a file; part of the identity of every feature.

    Attributes:
        trim_db: leading and trailing frames this far below the loudest are cut; librosa's
            default of 60, since the paper gives none. None trims nothing.
        version: changes whenever the numbers change.
    """

    trim_db: float | None = 60.0
    version: str = "1"

    def __post_init__(self) -> None:
        if self.trim_db is not None and not self.trim_db > 0:
            raise BadParameter(f"trim_db is {self.trim_db}, but must be greater than 0, or none")

    def identity(self) -> Mapping[str, object]:
        """The settings as plain words."""
        return asdict(self) | {"rate": RATE, "resampler": "soxr HQ", "channels": "mean"}


def decode(path: Path, *, remedy: str = AGAIN) -> tuple[Samples, int]:
    """The samples of a file as they are stored, and their rate in Hz.

    Args:
        path: of the file.
        remedy: what the user is told to do about a file that cannot be read.

    Raises:
        CorpusError: the file cannot be read, is empty, or holds values that are no numbers.
    """
    import soundfile

    _check_whole(path, remedy)
    try:
        with soundfile.SoundFile(path) as file:
            kind = "int16" if file.subtype == "PCM_16" else "float64"
            samples, rate = file.read(dtype=kind, always_2d=True), int(file.samplerate)
    except (OSError, RuntimeError) as error:  # soundfile's own errors are RuntimeErrors
        raise CorpusError(f"cannot read {path}: {_reason(path, error)}; {remedy}") from error
    if not len(samples):
        raise CorpusError(f"{path} holds no samples; {remedy}")
    if kind == "float64" and not np.isfinite(samples).all():
        raise CorpusError(f"{path} holds values that are no numbers; {remedy}")
    return samples, rate


def _check_whole(path: Path, remedy: str) -> None:
    """Refuse a wav that was cut off: libsndfile would read what is left of it without a word."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
        size = path.stat().st_size
    except OSError:
        return  # soundfile says what is wrong
    promised = int.from_bytes(head[4:], "little") + 8
    streamed = promised >= 2**31 - 1  # written before its length was known
    if head[:4] == b"RIFF" and not streamed and promised - size > SLACK:
        raise CorpusError(f"{path} is cut off: it has {size} of {promised} bytes; {remedy}")


def _reason(path: Path, error: Exception) -> str:
    if not path.exists():
        return "it is gone"
    with path.open("rb") as file:
        start = file.read(40)
    if not start:
        return "it is empty"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not audio: run `git lfs pull` in the corpus"
    return str(getattr(error, "error_string", "") or error)


def samples_digest(samples: Samples, rate: int) -> str:
    """The identity of audio: sha256 of the samples, their type, shape and rate.

    A FLAC and the wav it was made from have the same; a header or a tag changes nothing.
    """
    head = f"{samples.dtype.str} {samples.shape} {rate}\n".encode()
    hashed = hashlib.sha256(head)
    hashed.update(np.ascontiguousarray(samples).data)
    return hashed.hexdigest()


def wave(samples: Samples, rate: int, reading: Reading) -> Wave:
    """Samples as decoded -> mono, 16 kHz, trimmed: shape (samples,), float32.

    What would be empty after trimming stays as it is: an utterance is never empty.
    """
    floats = samples.astype(np.float32)
    if samples.dtype == np.int16:
        floats /= 32768  # as soundfile scales it
    mono = floats.mean(axis=1) if floats.shape[1] > 1 else floats[:, 0]
    if rate != RATE:
        import soxr

        mono = soxr.resample(mono, rate, RATE, quality="HQ")
    if reading.trim_db is not None:
        mono = trimmed(mono, reading.trim_db)
    return np.ascontiguousarray(mono, dtype=np.float32)


def trimmed(mono: Wave, top_db: float) -> Wave:
    """Cut leading and trailing frames that are `top_db` below the loudest.

    The same as `librosa.effects.trim` with its frames of 2048 and hops of 512, to the sample; our
    own because importing librosa's costs every process seconds.
    """
    frame, hop = 2048, 512
    frames = 1 + len(mono) // hop
    padded = np.pad(mono, frame // 2)[: (frames - 1) * hop + frame]
    energy = np.square(padded).reshape(-1, hop).sum(axis=1, dtype=np.float64)  # (frames + 3,)
    power = np.convolve(energy, np.ones(frame // hop), "valid") / frame
    power = np.maximum(power, 1e-10)  # librosa's amplitude of 1e-5: below it all is one silence
    loud = np.flatnonzero(power > power.max() * 10 ** (-top_db / 10))
    cut = mono[loud[0] * hop : (loud[-1] + 1) * hop]
    return cut if len(cut) else mono


def read(path: Path, reading: Reading | None = None) -> Wave:
    """The wave of a file, shape (samples,), 16 kHz mono float32."""
    return wave(*decode(path), reading or Reading())


class Digests:
    """Remembers the digest of every file's samples, so that each is decoded for it only once.

    Kept in the cache, by path, size and times; a file that changed is forgotten.
    """

    def __init__(self, cache: Path, root: Path):
        self._root = root.resolve()
        self._file = cache / "audio" / f"{digest(str(self._root))[:16]}.json"
        self._known = self._read()

    def _read(self) -> dict[str, list[Any]]:
        try:
            known = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {name: one for name, one in known.items() if isinstance(one, list) and len(one) == 2}

    def known(self, path: Path) -> str | None:
        """The digest of the file as it is now, or None where it has not been decoded yet.

        Raises:
            CorpusError: the file is gone.
        """
        entry = self._known.get(self._name(path))
        return entry[1] if entry and entry[0] == stamp(path) else None

    def remember(self, found: Iterable[tuple[Path, list[int], str]]) -> None:
        """Keep digests; each with the stamp that its file had before it was decoded."""
        rows = {self._name(path): [seen, value] for path, seen, value in found}
        if rows:
            self._known = {**self._read(), **rows}  # another command may have written meanwhile
            with replacing(self._file) as temporary:
                temporary.write_text(json.dumps(self._known))

    def _name(self, path: Path) -> str:
        # not resolved: a link in the corpus is found by its own name, wherever it leads
        return Path(os.path.abspath(path)).as_posix().removeprefix(f"{self._root.as_posix()}/")


def stamp(path: Path) -> list[int]:
    """What changes when a file does: size, time of change of contents, and of the entry.

    Raises:
        CorpusError: the file is gone.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: it is gone; restore the corpus") from error
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
