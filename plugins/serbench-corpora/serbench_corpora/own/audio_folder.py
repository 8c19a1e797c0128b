"""The dataset `folder`: audio with metadata or in label folders, as in Hugging Face `datasets`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Literal

from serbench import BadParameter, CorpusError, mention, refuse, refusing, tables
from serbench_corpora import audio_tree
from serbench_corpora.own import delimited
from serbench_corpora.own.corpus import OwnCorpus
from serbench_corpora.own.listing import Listing, Row, attribute_names
from serbench_corpora.own.split import NAMES

METADATA = ("metadata.csv", "metadata.jsonl")
AUDIO = (
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2"),
    *(".mpga", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc"),
)
UNREAD = (
    *(".m4a", ".m4b", ".aac", ".wma", ".mp4", ".mov", ".avi", ".mkv", ".mka", ".webm", ".amr"),
    *(".awb", ".3gp", ".3gpp", ".ac3", ".ape", ".wv", ".tta", ".shn", ".spx", ".ra", ".rm", ".gsm"),
    *(".vox", ".raw", ".pcm", ".ulaw", ".alaw"),
)
"""Audio that cannot be decoded; an error, since leaving it out is never intended."""

COLUMN = "name the column of the speakers with ,speaker=COLUMN behind the path"
PATTERN = "change speaker_pattern: its first group must hold the speaker alone, as in (s[0-9]+)_"


class AudioFolder(OwnCorpus):
    r"""Reads a folder of audio: the files that its metadata lists, or one folder per label.

    `metadata.csv` or `metadata.jsonl` is in the folder itself or in each of its subfolders `train`,
    `validation` and `test`; paths in its column file_name start there. Without metadata, the name
    of a file's folder is its label.

    Attributes:
        label: the column of the emotion.
        speaker: the column of the speaker.
        speaker_pattern: without metadata, a regular expression to search for in each file's path
            below the folder; its first group, or all of it, is the speaker: `^(s\d+)_`.
        id: the column of the utterance's name in results.
        sex: the column of the sex; "" reads none.
        session: see `sex`.
        dialogue: see `sex`.
        split: see `sex`; without a column, the folders train, validation and test are the split.
        sentence: see `sex`; what is said, a text or its number.
        repetition: see `sex`; the take of this sentence.
        attributes: more columns, separated by commas; reports score the groups of each. The column
            age is always read.
        speakers: single if every utterance really has a different speaker.
    """

    def __init__(  # noqa: PLR0913 - its columns
        self,
        label: str = "label",
        speaker: str = "speaker",
        speaker_pattern: str = "",
        id: str = "id",
        sex: str = "sex",
        session: str = "session",
        dialogue: str = "dialogue",
        split: str = "split",
        sentence: str = "sentence",
        repetition: str = "repetition",
        attributes: str = "",
        speakers: Literal["several", "single"] = "several",
    ) -> None:
        self.speakers = speakers
        self._pattern = _compiled(speaker_pattern)
        self._columns = {
            "path": "file_name",
            "label": label,
            "speaker": speaker,
            "id": id,
            "sex": sex,
            "session": session,
            "dialogue": dialogue,
            "split": split,
            "sentence": sentence,
            "repetition": repetition,
        }
        self._attributes = attribute_names(attributes)

    def _read(self, place: Path) -> Listing:
        if not place.is_dir():
            kind = "is a file (csv: reads a table)" if place.exists() else "does not exist"
            raise CorpusError(
                f"folder: {place} {kind}; name a folder of audio, folder:DIR or --data DIR"
            )
        try:
            tables = _metadata(place)
            if tables:
                rows = (row for table in tables for row in self._described(table, place))
                listing = self._collect(rows, place, tables[0], COLUMN)
            else:
                listing = self._collect(self._labelled(place), place, place, PATTERN)
            return replace(listing, remarks=tuple(_left_out(listing, place, tables)))
        except OSError as error:
            raise audio_tree.unreadable("folder", error) from error

    def _described(self, metadata: Path, place: Path) -> Iterator[Row]:
        """Yield the rows of one metadata file, with paths relative to the whole folder."""
        if self._pattern is not None:
            raise BadParameter(
                f"speaker_pattern is for folders without metadata, but {metadata} is there: name "
                "its column with speaker=COLUMN"
            )
        below = metadata.parent.relative_to(place)
        name = str(metadata.relative_to(place))
        for row in delimited.read(metadata, self._columns, name, self._attributes):
            path = below / row.path
            split = row.split or self._split_of(path)
            yield replace(row, path=str(path) if row.path else "", split=split)

    def _labelled(self, place: Path) -> Iterator[Row]:
        """Yield a row for each file, labelled with the name of its folder."""
        files = audio_tree.files(place, AUDIO + UNREAD)
        paths = sorted((folder / entry.name).relative_to(place) for folder, entry in files)
        _check_paths(paths, place)
        for path in paths:
            speaker = ""
            with refusing(str(path)):
                speaker = self._speaker(path, paths, place)
            if speaker:
                split = self._split_of(path)
                yield Row(str(path), str(path), path.parent.name, speaker, split=split)

    def _split_of(self, path: PurePath) -> str:
        """Return the first folder of a path if it names a part of the split, else ""."""
        is_named = len(path.parts) > 1 and _is_in_part(path)
        return path.parts[0] if is_named and self._columns["split"] else ""

    def _speaker(self, path: PurePath, paths: Sequence[PurePath], place: Path) -> str:
        """Find the speaker of a file in its path."""
        if self._pattern is None:
            raise CorpusError(
                f"{place} does not say who speaks, so a voice in both training and test would go "
                "unnoticed: add metadata.csv with file_name,label,speaker, or write "
                ",speaker_pattern=REGEX behind the path, which finds the speaker in names such as "
                f"{path.as_posix()}"
            )
        match = self._pattern.search(path.as_posix())
        speaker = match and match[min(1, self._pattern.groups)]
        if not speaker:
            names = [path.as_posix() for path in paths]
            unmatched = [name for name in names if not self._pattern.search(name)]
            unmatched = unmatched or [path.as_posix()]
            raise CorpusError(
                f"the speaker_pattern {self._pattern.pattern} finds no speaker in "
                f"{len(unmatched)} of the {len(names)} files, such as {unmatched[0]}: change it"
            )
        return speaker


def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if pattern else None
    except re.error as error:
        raise BadParameter(
            f"speaker_pattern {pattern} is not a regular expression: {error}; write one "
            "such as ^(s[0-9]+)_"
        ) from error


def _metadata(place: Path) -> list[Path]:
    """Return the metadata of a folder: one file in it, or one in each part of its split."""
    parts = sorted(path for path in place.iterdir() if path.name.casefold() in NAMES)
    candidates = (folder / name for folder in (place, *parts) for name in METADATA)
    tables = [path for path in candidates if path.is_file()]
    folders = [path.parent for path in tables]
    if len(set(folders)) < len(folders) or (len(tables) > 1 and place in folders):
        names = " and by ".join(str(path.relative_to(place)) for path in tables)
        raise CorpusError(
            f"{place} is described by {names}: keep one, or one each in train, validation and test"
        )
    if not tables and (place / "metadata.parquet").exists():
        raise CorpusError(f"{place / 'metadata.parquet'} is not read: save it as metadata.csv")
    return tables


def _check_paths(paths: Sequence[PurePath], place: Path) -> None:
    """Refuse a folder without audio, and files without a label or that cannot be decoded."""
    if not paths:
        raise CorpusError(
            f"there is no audio below {place} ({' '.join(AUDIO)}): name a folder of audio, "
            "folder:DIR or --data DIR"
        )
    if unread := [str(path) for path in paths if path.suffix.lower() in UNREAD]:
        error = CorpusError(
            f"{tables.count(len(unread), 'file')} below {place} cannot be decoded "
            f"({audio_tree.listed(unread)}): write them as wav or flac, for example with ffmpeg"
        )
        refuse(error)
    bare = [str(path) for path in paths if len(path.parts) < 2 + _is_in_part(path)]
    if bare:
        error = CorpusError(
            f"{tables.count(len(bare), 'file')} below {place} {tables.are(len(bare))} not in the "
            f"folder of a label ({audio_tree.listed(bare)}): put each into a folder with the name "
            "of its label, or add metadata.csv with file_name,label,speaker"
        )
        refuse(error, "stray", bare)


def _left_out(listing: Listing, place: Path, tables: Sequence[Path]) -> Iterator[str]:
    """Yield remarks on audio that the metadata lacks, and on files that are not audio."""
    paths = {folder / entry.name for folder, entry in audio_tree.files(place, ("",))}
    listed = {utterance.path for utterance in listing.utterances}
    audio: list[str] = []
    endings: Counter[str] = Counter()
    for path in sorted(paths - listed - set(tables)):
        if path.suffix.lower() in AUDIO + UNREAD:
            audio.append(str(path.relative_to(place)))
        else:
            endings[path.suffix.lower() or "no ending"] += 1
    mention("stray", audio)
    if audio:
        yield f"{_files(len(audio))} of audio left out, not in metadata: {audio_tree.listed(audio)}"
    if endings:
        kinds = ", ".join(f"{count} {ending}" for ending, count in endings.most_common())
        yield f"{_files(endings.total())} left out, not audio by their endings: {kinds}"


def _files(count: int) -> str:
    return f"{count} file" + "s" * (count != 1)


def _is_in_part(path: PurePath) -> bool:
    return path.parts[0].casefold() in NAMES
