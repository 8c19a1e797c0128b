"""Find audio files that were cut off: compare the size of a file with the size in its header.

libsndfile reads a file that was cut off without an error. Only headers and the last bytes are read
here, except for MP3s whose header lacks a length: their frames are counted.
"""

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NamedTuple

SLACK = 1024  # most bytes that a file may lack, since headers are inexact; less for tiny files
STREAMED = 0x7F000000  # larger 32-bit sizes mean that the length was unknown
CHUNKS = 1000  # most chunks that are searched for the one with the samples
PAGE = 27 + 255 + 255 * 255  # most bytes of an Ogg page; RFC 3533


class Inspection(NamedTuple):
    """The result of an inspection."""

    cut: str = ""  # how much of the promised size is missing, as text; "" if not cut off
    samples: int = 0  # least number of samples per channel; 0 if they were not counted


@dataclass(frozen=True)
class _Chunked:
    """A format of chunks: each has a name, a size, and content of this size."""

    start: int  # where the first chunk begins
    name: int  # bytes of a name
    size: int  # bytes of a size
    order: Literal["little", "big"]
    data: bytes  # the name of the chunk with the samples
    aligned: int = 2  # chunks begin at multiples of this from the file's start
    counted: bool = False  # whether the size includes name and size


_WAV = _Chunked(12, 4, 4, "little", b"data")
_GUID = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_CHUNKED = {
    b"RIFF": _WAV,
    b"RF64": _WAV,
    b"BW64": _WAV,
    b"RIFX": _Chunked(12, 4, 4, "big", b"data"),
    b"riff": _Chunked(40, 16, 8, "little", _GUID, aligned=8, counted=True),  # Sony Wave64
    b"AIFF": _Chunked(12, 4, 4, "big", b"SSND"),
    b"AIFC": _Chunked(12, 4, 4, "big", b"SSND"),
    b"8SVX": _Chunked(12, 4, 4, "big", b"BODY"),
    b"16SV": _Chunked(12, 4, 4, "big", b"BODY"),
    b"caff": _Chunked(8, 4, 8, "big", b"data", aligned=1),
}


def inspect(path: Path) -> Inspection:
    """Compare the size of a file with the size that its header promises.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(1024)
        kind = head[8:12] if head[:4] == b"FORM" else head[:4]
        if kind in _CHUNKED:
            return _compare_sizes(_chunked(file, _CHUNKED[kind], size), size)
        if kind in (b".snd", b"dns."):
            return _compare_sizes(_au(head), size)
        if kind == b"NIST":
            return _compare_sizes(_sphere(head), size)
        if kind == b"OggS":
            return Inspection(_ogg(file, size))
        if head[:3] == b"ID3" or _frame(head[:4]) is not None:
            return _mpeg(file, head, size)
    return Inspection()


def _compare_sizes(promised: int, size: int) -> Inspection:
    slack = min(SLACK, 64 + promised // 64)
    return Inspection(f"it has {size} of {promised} bytes" if promised - size > slack else "")


def _known_size(size: int, width: int = 4) -> int:
    """Return a size, or 0 if the value stands for an unknown size."""
    return size if size < (STREAMED if width == 4 else 2**62) else 0


def _chunked(file: IO[bytes], form: _Chunked, size: int) -> int:
    """Return where the chunk of samples must end, or 0 if the header has no size."""
    place, long_size = form.start, 0
    for _ in range(CHUNKS):
        file.seek(place)
        head = file.read(form.name + form.size)
        if len(head) < form.name + form.size:
            break
        name, length = head[: form.name], int.from_bytes(head[form.name :], form.order)
        begin = place + (0 if form.counted else len(head))
        if name == b"ds64":  # RF64 has 64-bit sizes of the file, then of the samples
            long_size = int.from_bytes(file.read(16)[8:], form.order)
        if name == form.data:
            length = _known_size(length, form.size) or _known_size(long_size, 8)
            return begin + length if length else 0
        place = -(-(begin + max(length, 1)) // form.aligned) * form.aligned
        if place > size:
            break
    return 0


def _au(head: bytes) -> int:
    order: Literal["little", "big"] = "big" if head[:1] == b"." else "little"
    offset, length = (int.from_bytes(head[at : at + 4], order) for at in (4, 8))
    return offset + length if _known_size(length) else 0


def _sphere(head: bytes) -> int:
    """Return the promised size of a NIST SPHERE file, or 0 if its samples are compressed."""
    text = head.decode("latin-1")
    fields = dict(re.findall(r"^(\w+) -\w+ (\S+)", text, re.MULTILINE))
    if "," in fields.get("sample_coding", ""):
        return 0
    try:
        count, width, channels = (
            int(fields[name]) for name in ("sample_count", "sample_n_bytes", "channel_count")
        )
        return int(text.split()[1]) + count * width * channels
    except (KeyError, ValueError, IndexError):
        return 0


def _ogg(file: IO[bytes], size: int) -> str:
    """Describe what the last page lacks, or return "" if it is complete.

    A file that ends between two pages counts as complete: it may be a recorded stream.
    """
    file.seek(max(0, size - PAGE))
    end = file.read()
    last = end.rfind(b"OggS\x00")
    if last < 0:
        return ""
    page = end[last:]
    segments = page[27 : 27 + page[26]] if len(page) > 27 else b""
    if len(page) <= 27 or len(segments) < page[26]:
        return f"its last page ends within its header, after {len(page)} bytes"
    promised = 27 + len(segments) + sum(segments)
    return f"its last page has {len(page)} of {promised} bytes" * (len(page) < promised)


class _Frame(NamedTuple):
    length: int  # bytes
    samples: int
    header: int  # position of a Xing header, if there is one


_KBITS = {  # bit rates by (is MPEG 1, layer); ISO/IEC 11172-3 and 13818-3
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@functools.lru_cache(maxsize=1024)  # a file has few kinds of frames
def _frame(head: bytes) -> _Frame | None:
    """Parse an MPEG frame header of four bytes; None if invalid or without a fixed bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbits, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    first, mono = version == 3, head[3] >> 6 == 3
    hertz = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
    bits = _KBITS[first, layer][kbits - 1] * 1000
    samples = 384 if layer == 1 else 1152 if first or layer == 2 else 576
    slot = 4 if layer == 1 else 1
    length = (samples // 8 // slot * bits // hertz + padding) * slot
    return _Frame(length, samples, 4 + ((17 if mono else 32) if first else (9 if mono else 17)))


def _mpeg(file: IO[bytes], head: bytes, size: int) -> Inspection:
    """Check MPEG audio (MP3 and older layers) by its length header, else by counting frames."""
    start = 0
    if head[:3] == b"ID3":
        start = 10 + sum((byte & 127) << 7 * (3 - at) for at, byte in enumerate(head[6:10]))
        file.seek(start)
        head = file.read(1024)
    first = _frame(head[:4])
    if first is None:
        return Inspection()
    if promised := _mpeg_size(head, first.header):
        return _compare_sizes(start + promised, size)
    file.seek(start)
    stream = file.read()
    place = samples = 0
    while (frame := _frame(stream[place : place + 4])) is not None:
        rest = len(stream) - place
        if rest < frame.length - 1:  # some encoders omit the padding of the last frame
            return Inspection(f"its last frame has {rest} of {frame.length} bytes", samples)
        place, samples = place + frame.length, samples + frame.samples
    return Inspection("", samples)


def _mpeg_size(head: bytes, place: int) -> int:
    """Return the size in an MP3's Xing, Info or VBRI header, or 0."""
    if head[place : place + 4] in (b"Xing", b"Info"):
        flags = int.from_bytes(head[place + 4 : place + 8], "big")
        at = place + 8 + 4 * (flags & 1)
        return int.from_bytes(head[at : at + 4], "big") if flags & 2 else 0
    if head[36:40] == b"VBRI":
        return int.from_bytes(head[46:50], "big")
    return 0
