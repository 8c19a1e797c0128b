"""Say how much room large features take before they are extracted; refuse a disk without it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from serbench import tables
from serbench.contracts import LargeFeature
from serbench.errors import SerbenchError
from serbench.features import audio, extraction
from serbench.features.store import Feature


def statement(
    feature: Feature, files: Sequence[str], cache: Path, results: Path, at_once: int
) -> str:
    """Return a line on the disk and memory that the missing features of audio files take.

    Args:
        feature: the feature.
        files: the audio whose features are missing.
        cache: where features are stored.
        results: where a fold copies those of its utterances while it runs.
        at_once: how many processes extract.

    Returns:
        "" if nothing is missing, or if the extractor does not say how large its arrays are.

    Raises:
        SerbenchError: the disk of the cache has no room.
    """
    extractor = extraction.extractor_of(feature) if files else None
    if not isinstance(extractor, LargeFeature):
        return ""
    lengths = [audio.seconds(Path(file)) for file in files]
    sizes = [extractor.stored_bytes(length) for length in lengths]
    total, free = sum(sizes), shutil.disk_usage(_existing(cache)).free
    name = f"{feature.name} of {tables.count(len(files), 'utterance')}"
    if total > free:
        raise SerbenchError(
            f"{name} would take up to {tables.size(total)}, and the disk that holds {cache} has "
            f"{tables.size(free)} free: free some, choose another place with SERBENCH_CACHE, or "
            "store less with the feature's parameters"
        )
    memory = at_once * 2 * min(total, extraction.HELD + max(sizes))  # the arrays, and their file
    return (
        f"{name} ({tables.duration(sum(lengths))}): up to {tables.size(total)} on the disk in "
        f"{cache}, and once more in {results} for each fold while it runs; extraction needs "
        f"{tables.size(memory)} of memory for them"
    )


def _existing(folder: Path) -> Path:
    """Return the folder, or the closest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
