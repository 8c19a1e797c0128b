"""Read an utterance from any audio file: 16 kHz mono float32, silence trimmed at both ends."""

import functools
import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from serbench import tables
from serbench.contracts import Wave
from serbench.errors import BadParameter, CorpusError
from serbench.features import perturbation, truncation
from serbench.features.perturbation import Perturber
from serbench.files import alone_with, digest, replacing

RATE = 16_000  # Hz; paper, section IV
AGAIN = "get this file again, nothing was trained"
CONVERT = "write it as wav or flac, for example with ffmpeg"
SPARE = 1152  # samples that a decoder may omit: a frame of MP3
BLOCK = 2**22  # samples read at a time
LONGEST = 60  # seconds of an utterance; 34 in the corpora of the paper
SLOWEST = 1000  # Hz; a lower sampling rate is a mistake
UNKNOWN = 2**40  # from so many samples on, libsndfile means that the length is unknown
LARGEST = 2.0**31  # the largest sample: 32-bit integers stored as floats
CANCELLED = 1e-3  # channels cancel if their sum keeps only this share of their energy
NAMED = 3  # most utterances that a remark names
ODD = {
    "silent": "silent (no two samples differ by more than 3 of 32768 steps)",
    "short": "shorter than 0.1 s",
    "loud": "more than 16 times as loud as full scale (as integers stored as floats are)",
}
"""Oddities for which a file is not refused, with their descriptions in remarks."""

Samples = npt.NDArray[Any]
"""Samples as decoded: (frames, channels), int16 where the file holds 16 bits, else float64."""


class AudioError(CorpusError):
    """A file that cannot be decoded, or whose samples are not those of an utterance.

    Attributes:
        kind: "unreadable", "pointer" (of Git LFS), "empty", "truncated", "long", "invalid" (NaN or
            huge samples, or too low a rate) or "cancelling" (channels in opposite phase).
    """

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Reading:
    """How a file is read as a waveform; part of the identity of every feature.

    Leading and trailing frames that are `trim_db` below the loudest are cut; None cuts nothing. The
    default is librosa's, since the paper states none. A perturbation, "noise:snr=10", is applied
    before; it is stored in its only spelling, without defaults.

    Raises:
        SerbenchError: `trim_db` is not greater than 0; or as `perturbation.find`.
    """

    trim_db: float | None = 60.0
    version: str = "1"  # changes whenever the samples would change
    perturbation: str = ""

    def __post_init__(self) -> None:
        if self.trim_db is not None and not 0 < self.trim_db < math.inf:
            raise BadParameter(
                f"trim_db is {self.trim_db}, but must be greater than 0 and finite, or none"
            )
        if self.perturber:
            object.__setattr__(self, "perturbation", self.perturber.spec)

    @functools.cached_property
    def perturber(self) -> Perturber | None:
        """What perturbs the waves, None if nothing does."""
        return perturbation.find(self.perturbation) if self.perturbation else None

    @classmethod
    def of(cls, identity: Mapping[str, Any]) -> Self:
        """Return the reading of an `identity`, with the versions that are installed here.

        Raises:
            SerbenchError: its perturbation is not installed.
        """
        return cls(identity["trim_db"], perturbation=identity.get("perturbation", ""))

    def identity(self) -> Mapping[str, object]:
        """Return the settings as plain values."""
        values: dict[str, object] = {"trim_db": self.trim_db, "version": self.version}
        values |= {"rate": RATE, "resampler": "soxr HQ", "channels": "mean"}
        if self.perturber:
            values["perturbation"] = self.perturber.spec
            values["perturbation_version"] = self.perturber.version
        return values


def decode(path: Path, *, remedy: str = AGAIN) -> tuple[Samples, int]:
    """Return the samples of a file as they are stored, and their rate in Hz.

    Error messages end with the `remedy`, the advice for a file that cannot be read.

    Raises:
        AudioError: the file cannot be read, is cut off, or its samples are not valid.
    """
    try:
        header = truncation.inspect(path)
        if header.cut:
            raise AudioError("truncated", f"{path} is cut off: {header.cut}; {remedy}")
        with _forward()(path) as file:
            if file.format == "RAW":  # no header, and an ending that implies a codec: .gsm, .vox
                raise RuntimeError
            samples, rate = _samples(file), int(file.samplerate)
            promised = file.frames if file.format == "FLAC" else UNKNOWN
    except (OSError, RuntimeError, TypeError, MemoryError) as error:  # soundfile raises all of them
        kind, reason = _reason(path, error)
        raise AudioError(kind, f"cannot read {path}: {reason}; {remedy}") from error
    if len(samples) < promised < UNKNOWN:
        raise AudioError(
            "truncated",
            f"{path} is cut off: it has {len(samples)} of {promised} samples; {remedy}",
        )
    if len(samples) + SPARE < header.samples:
        raise AudioError(
            "truncated",
            f"{path} has no header with its length, and only {len(samples)} of its "
            f"{header.samples} samples can be decoded: {CONVERT}",
        )
    _check_samples(path, samples, rate, remedy)
    return samples, rate


@functools.cache
def _forward() -> Any:
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """A sound file that never seeks in FLAC, where libsndfile fails without a valid length."""

        def seekable(self) -> bool:
            return self.format != "FLAC" and bool(super().seekable())

    return Forward


def _samples(file: Any) -> Samples:
    """Read a file from start to end: codecs such as GSM 6.10 do not allow seeking."""
    kind = "int16" if file.subtype == "PCM_16" else "float64"
    most = min(file.frames + 1, max(1, BLOCK // file.channels))  # a short block is the last
    blocks = [file.read(most, dtype=kind, always_2d=True)]
    while len(blocks[-1]) == most:
        blocks.append(file.read(most, dtype=kind, always_2d=True))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _check_samples(path: Path, samples: Samples, rate: int, remedy: str) -> None:
    """Refuse samples that are empty, too long or invalid, and channels that cancel each other."""
    if not len(samples):
        raise AudioError("empty", f"{path} holds no samples; {remedy}")
    if len(samples) > LONGEST * rate:
        raise AudioError(
            "long",
            f"{path} lasts {tables.duration(len(samples) / rate)}, but an utterance must not last "
            f"longer than {LONGEST} s: cut it into parts, and run the same command again",
        )
    if rate < SLOWEST:
        raise AudioError(
            "invalid", f"{path} has a sampling rate of {rate} Hz, too low for speech; {remedy}"
        )
    if 2 * len(samples) * RATE <= rate:
        raise AudioError(
            "empty",
            f"{path} holds {len(samples)} sample{'s' * (len(samples) > 1)} at {rate} Hz, less "
            f"than one at {RATE} Hz; {remedy}",
        )
    if samples.dtype != np.int16:
        peak = max(float(samples.max()), -float(samples.min()))  # nan if a sample is nan
        if not np.isfinite(peak):
            raise AudioError("invalid", f"{path} contains NaN or infinite samples; {remedy}")
        if peak > LARGEST:
            raise AudioError(
                "invalid",
                f"{path} contains samples of up to {peak:.3g}, but they must be between -1 and 1, "
                f"or between -2^31 and 2^31 if integers were stored as floats; {remedy}",
            )
    if samples.shape[1] > 1 and _channels_cancel(samples):
        raise AudioError(
            "cancelling",
            f"the channels of {path} cancel each other: one is the other inverted, and their "
            "mean is silent; keep one of them, for example with `sox IN OUT remix 1`",
        )


def _channels_cancel(samples: Samples) -> bool:
    """Return whether the channels contain sound although their mean is nearly silent.

    The energy of the sum equals the channels' total energy if they are unrelated, is larger if they
    are similar, and zero if they are in opposite phase.
    """
    for part in (samples[::16], samples):  # for nearly all files, the first part is enough
        centred = part - part.mean(axis=0, dtype=np.float32)  # (frames, channels)
        total, energy = centred.sum(axis=1), np.vdot(centred, centred)
        if np.vdot(total, total) > CANCELLED * energy:
            return False
    return bool(energy > 0)


def _reason(path: Path, error: Exception) -> tuple[str, str]:
    """Return the kind of an `AudioError`, and why a file cannot be read."""
    if not path.exists():
        return "unreadable", "it is gone"
    if path.is_dir():
        return "unreadable", "it is a folder"
    try:
        with path.open("rb") as file:
            start = file.read(40)
    except OSError as unreadable:
        return "unreadable", str(unreadable.strerror)
    if not start:
        return "empty", "it is empty"
    if start.startswith(b"version https://git-lfs"):
        return "pointer", "it is a Git LFS pointer, not audio: run `git lfs pull` in the corpus"
    if isinstance(error, MemoryError):
        return "unreadable", "it is larger than the memory"
    if isinstance(error, TypeError) or not str(error):  # soundfile needs the rate of raw samples
        return "unreadable", f"it has no header with codec and rate: {CONVERT}"
    text = str(getattr(error, "error_string", "") or error).removeprefix("Error : ").rstrip(".")
    if "lost sync" in text:
        return "truncated", f"it is cut off or damaged ({text})"
    return "unreadable", text


def oddity(samples: Samples, rate: int) -> str:
    """Return the kind of oddity of decoded samples, a key of `ODD`, or ""."""
    low, high = float(samples.min()), float(samples.max())
    full = 32768 if samples.dtype == np.int16 else 1
    if high - low <= 3 / 32768 * full:
        return "silent"
    if max(-low, high) > 16 * full:
        return "loud"
    return "short" if len(samples) < 0.1 * rate else ""


def remarks(oddities: Mapping[str, str]) -> list[str]:
    """Return a line for each kind of oddity, from the oddity of each utterance, by name.

    >>> remarks({"a": "short", "b": "", "c": "short"})
    ['2 utterances are shorter than 0.1 s: a, c']
    """
    lines = []
    for kind, description in ODD.items():
        names = [name for name, oddity in oddities.items() if oddity == kind]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        are = "utterances are" if len(names) > 1 else "utterance is"
        if names:
            lines.append(f"{len(names)} {are} {description}: {', '.join(names[:NAMED])}{more}")
    return lines


def seconds(path: Path) -> float:
    """Return the length in a file's header; 0 if it has none that could be right."""
    import soundfile

    try:
        header = soundfile.info(path)
    except (OSError, RuntimeError, TypeError):  # refused with a reason when it is decoded
        return 0.0
    length = header.frames / header.samplerate
    return float(length) if length <= LONGEST else 0.0


def samples_digest(samples: Samples, rate: int) -> str:
    """Return the identity of audio: sha256 of the samples, their type, shape and rate.

    A FLAC has the same digest as the wav that it was made from; headers and tags have no effect.
    """
    head = f"{samples.dtype.str} {samples.shape} {rate}\n".encode()
    hashed = hashlib.sha256(head)
    hashed.update(np.ascontiguousarray(samples).data)
    return hashed.hexdigest()


def wave(samples: Samples, rate: int, reading: Reading) -> Wave:
    """Convert decoded samples to a mono, 16 kHz, perturbed and trimmed waveform, float32.

    An utterance that would be empty after trimming is not trimmed.
    """
    floats = samples.astype(np.float32)
    if samples.dtype == np.int16:
        floats /= 32768  # soundfile's scale
    mono = floats.mean(axis=1) if floats.shape[1] > 1 else floats[:, 0]
    if rate != RATE:
        import soxr

        mono = soxr.resample(mono, rate, RATE, quality="HQ")
    if reading.perturber:
        mono = reading.perturber(mono, samples_digest(samples, rate))
    if reading.trim_db is not None:
        mono = trimmed(mono, reading.trim_db)
    return np.ascontiguousarray(mono, dtype=np.float32)


def trimmed(mono: Wave, top_db: float) -> Wave:
    """Cut leading and trailing frames that are `top_db` below the loudest.

    The result is the same, to the sample, as that of `librosa.effects.trim` with frames of 2048 and
    hops of 512, but importing librosa would take seconds in every process.
    """
    frame, hop = 2048, 512
    frames = 1 + len(mono) // hop
    padded = np.pad(mono, frame // 2)[: (frames - 1) * hop + frame]
    energy = np.square(padded).reshape(-1, hop).sum(axis=1, dtype=np.float64)  # (frames + 3,)
    power = np.convolve(energy, np.ones(frame // hop), "valid") / frame
    power = np.maximum(power, 1e-10)  # as in librosa: an amplitude below 1e-5 is silence
    loud = np.flatnonzero(power > power.max() * 10 ** (-top_db / 10))
    cut = mono[loud[0] * hop : (loud[-1] + 1) * hop]
    return cut if len(cut) else mono


def read(path: Path, reading: Reading | None = None) -> Wave:
    """Read a file as a waveform: shape (samples,), 16 kHz mono float32."""
    return wave(*decode(path), reading or Reading())


class Decoded(NamedTuple):
    """A decoded file, without its samples."""

    path: str
    stamp: list[int]  # of the file, before it was decoded
    digest: str  # of the samples
    oddity: str  # see the function `oddity`


def decoded(path: Path) -> tuple[Decoded, Samples, int]:
    """Decode a file; return its digest and oddity, the samples as stored, and their rate in Hz.

    Raises:
        CorpusError: see `decode`.
    """
    before = stamp(path)
    samples, rate = decode(path)
    key = samples_digest(samples, rate)
    return Decoded(str(path), before, key, oddity(samples, rate)), samples, rate


ROOT = ""  # names the row with the corpus's folder


def digests_file(cache: Path, root: Path) -> Path:
    """Return the file with the digests of the corpus in a folder."""
    return cache / "audio" / f"{digest(str(root.resolve()))[:16]}.json"


def stored_digests(file: Path) -> tuple[Path | None, set[str]]:
    """Return the folder of the corpus of a file of digests, None if unknown, and the digests."""
    rows = _rows(file, length=1)
    root = Path(str(rows[ROOT][0])) if ROOT in rows else None
    return root, {str(row[1]) for row in _rows(file).values()}


def _rows(file: Path, length: int = 3) -> dict[str, list[Any]]:
    """Return the stamp, digest and oddity of each file by its name."""
    try:
        rows = json.loads(file.read_text()).items()
    except (OSError, ValueError, AttributeError):  # AttributeError: it is not an object
        return {}
    return {name: row for name, row in rows if isinstance(row, list) and len(row) == length}


class Digests:
    """The digests and oddities of decoded files, stored in the cache until a file changes."""

    def __init__(self, cache: Path, root: Path):
        self._root = root.resolve()
        self._file = digests_file(cache, root)
        self._rows = _rows(self._file)

    def digest(self, path: Path) -> str | None:
        """Return the digest of the current file, or None if it has not been decoded yet.

        Raises:
            CorpusError: the file is gone.
        """
        row = self._rows.get(self._name(path))
        return row[1] if row and row[0] == stamp(path) else None

    def oddity(self, path: Path) -> str:
        """Return the oddity of the file when it was last decoded; see the function `oddity`."""
        row = self._rows.get(self._name(path))
        return str(row[2]) if row else ""

    def add(self, files: Iterable[Decoded]) -> None:
        """Store the digests and oddities of files."""
        rows = {self._name(Path(file.path)): list(file[1:]) for file in files}
        if rows:
            with alone_with(self._file):
                self._rows = {**_rows(self._file), **rows}  # another process may have added rows
                with replacing(self._file) as temporary:
                    temporary.write_text(json.dumps({ROOT: [str(self._root)], **self._rows}))

    def _name(self, path: Path) -> str:
        # not resolved: a link in the corpus has its own name, wherever it points
        return Path(os.path.abspath(path)).as_posix().removeprefix(f"{self._root.as_posix()}/")


def stamp(path: Path) -> list[int]:
    """Return the size of a file, and when its contents and its metadata last changed.

    Raises:
        CorpusError: the file is gone.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: it is gone; restore the corpus") from error
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
