"""Unpack missing utterances from a zip without overwriting files."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from serbench import CorpusError, replacing
from serbench_corpora import audio_tree

CHUNK = 1 << 20


def unpack(archive: Path, root: Path, identify: Callable[[str], str | None]) -> None:
    """Unpack the utterances that are missing below `root`; never leave a partial file.

    Args:
        archive: the zip; files in it that are not utterances are not unpacked.
        root: the folder to unpack into.
        identify: function from a file's name without its ending to the utterance's id, or None.

    Raises:
        CorpusError: a name in the zip leads out of `root`, the zip is damaged, or an existing
            file differs from the one in the zip.
    """
    present = audio_tree.audio(archive.name, root, identify)
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                name = PurePosixPath(member.filename)
                utterance = identify(name.stem)
                if member.is_dir() or utterance is None or "__MACOSX" in name.parts:
                    continue
                if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
                    raise CorpusError(
                        f"{archive} has a file that would be written outside of its folder, "
                        f"{member.filename}: this is not the published zip; delete it"
                    )
                path = present.get(utterance)
                if path is None:
                    # `opened.read` verifies the checksum; members have at most half a megabyte
                    with replacing(root / member.filename) as temporary:
                        temporary.write_bytes(opened.read(member))
                elif path.suffix.lower() == ".wav" and crc(path) != member.CRC:
                    raise audio_tree.altered(path, member.filename)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise CorpusError(
            f"{archive} is damaged ({error}): delete it and run the same command again"
        ) from error


def crc(path: Path) -> int:
    """Return the CRC-32 of a file's bytes, as zips store it."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            value = zlib.crc32(chunk, value)
    return value
