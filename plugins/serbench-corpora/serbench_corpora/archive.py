"""Fetches the corpora that their licences let anybody fetch, and only what is missing of them."""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from serbench.errors import CorpusError
from serbench.files import file_digest, replacing
from serbench_corpora import audio_tree, crema_d, iemocap, packaged_data, ravdess
from serbench_corpora.resumable_download import RemoteFile, check_room, fetch

ARCHIVE = RemoteFile(
    "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
    "Audio_Speech_Actors_01-24.zip",
    208_468_073,
    "md5:bc696df654c87fed845eb13823edef8a",
)

# behind Git LFS, so at another host than the repository's own files
RECORDINGS = (
    "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/AudioWAV"
)

UNPACKED = 513_462_676  # bytes of RAVDESS
AT_ONCE = 8
CHUNK = 1 << 20


def download(name: str, root: Path, *, url: str | None = None) -> None:
    """Fetch what is missing of a corpus into `root`; nothing of the user's is overwritten.

    Args:
        name: "ravdess" or "crema-d".
        root: this corpus's folder; made if need be.
        url: another address of the archive (RAVDESS) or of the folder of recordings (CREMA-D).

    Raises:
        CorpusError: it may not or cannot be fetched, or what came is not what was published.
    """
    if name == ravdess.NAME:
        download_ravdess(root, replace(ARCHIVE, url=url or ARCHIVE.url))
    elif name == crema_d.NAME:
        download_crema_d(root, recordings(url or RECORDINGS))
    else:
        about = iemocap.ABOUT
        raise CorpusError(
            f"{name} cannot be downloaded ({about.licence}): {about.obtain}, {about.home}; then "
            "point at its folder with --data DIR"
        )


def download_ravdess(root: Path, archive: RemoteFile) -> None:
    """Fetch the archive and unpack what is missing; a zip that was there before is used and kept.

    Raises:
        CorpusError: it cannot be fetched, or what came is not what was published.
    """
    dataset = ravdess.Ravdess()
    if len(audio_tree.audio(ravdess.NAME, root, ravdess.identify)) < len(
        dataset.manifest().utterances
    ):
        path = root / archive.name
        kept = path.exists()
        check_room(root, UNPACKED + (0 if kept else archive.size))
        fetch([archive], root)
        unpack(path, root, ravdess.identify)
        if not kept:
            path.unlink()
    dataset.read(root)


def download_crema_d(root: Path, published: Sequence[RemoteFile]) -> None:
    """Fetch the recordings that are missing, several at a time.

    Raises:
        CorpusError: they cannot be fetched, or what came is not what was published.
    """
    fetch(missing_recordings(root, published), root, at_once=AT_ONCE)
    crema_d.CremaD().read(root)


def unpack(archive: Path, root: Path, identify: Callable[[str], str | None]) -> None:
    """Write the utterances of a zip that are missing below `root`, each whole or not at all.

    Args:
        archive: the zip; anything in it that is no utterance stays there.
        root: where its folders go.
        identify: from a file's name without its ending to the utterance's id.

    Raises:
        CorpusError: a name in the zip leads out of `root`, the zip is damaged, or a file that is
            there already is another one.
    """
    found = audio_tree.audio(archive.name, root, identify)
    try:
        with zipfile.ZipFile(archive) as opened:
            for member, utterance in _members(opened, identify):
                there = found.get(utterance)
                if there is None:
                    _extract(opened, member, root)
                elif there.suffix.lower() == ".wav" and crc(there) != member.CRC:
                    raise _another(there, member.filename)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise CorpusError(
            f"{archive} is damaged ({error}): delete it and run the same command again"
        ) from error


def _members(
    archive: zipfile.ZipFile, identify: Callable[[str], str | None]
) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        utterance = identify(path.stem)
        if member.is_dir() or utterance is None or "__MACOSX" in path.parts:
            continue
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
            raise CorpusError(
                f"{archive.filename} has a file that would be written outside of its folder, "
                f"{member.filename}: it is not what was published; delete it"
            )
        yield member, utterance


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path) -> None:
    with replacing(root / member.filename) as path, path.open("wb") as target:
        target.write(archive.read(member))  # checks its checksum; half a megabyte at most


def crc(path: Path) -> int:
    """The CRC-32 of a file's bytes, as zips store it."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            value = zlib.crc32(chunk, value)
    return value


def _another(path: Path, published: str) -> CorpusError:
    return CorpusError(
        f"{path} is not the {published} that was published: move it elsewhere and run the same "
        "command again; nothing of yours is overwritten"
    )


def recordings(url: str) -> list[RemoteFile]:
    """All recordings of CREMA-D, in the folder with this address."""
    return [
        RemoteFile(
            f"{url.rstrip('/')}/{name}.wav", f"AudioWAV/{name}.wav", int(size), f"sha256:{checksum}"
        )
        for name, checksum, size in packaged_data.rows("crema-d.csv")
    ]


def missing_recordings(root: Path, published: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The recordings that are missing below `root`, or are Git LFS pointers there.

    Raises:
        CorpusError: a recording that is there is not the published one.
    """
    there = _recordings_below(root)
    wanted = []
    for file in published:
        path = there.get(PurePosixPath(file.name).stem)
        if path is None:
            wanted.append(file)
        elif path.suffix.lower() != ".wav":
            continue  # somebody's lossless copy
        elif path.stat().st_size < audio_tree.SMALL and audio_tree.is_pointer(path):
            wanted.append(replace(file, name=path.relative_to(root).as_posix()))
        elif path.stat().st_size != file.size or f"sha256:{file_digest(path)}" != file.checksum:
            raise _another(path, PurePosixPath(file.name).name)
    return wanted


def _recordings_below(root: Path) -> Mapping[str, Path]:
    found = audio_tree.files(root, audio_tree.AUDIO) if root.is_dir() else ()
    paths = (folder / entry.name for folder, entry in found)
    named = ((crema_d.identify(path.stem), path) for path in paths)
    return {utterance: path for utterance, path in named if utterance}
