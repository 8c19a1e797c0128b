"""Find a corpus's audio anywhere below a folder, and report problems."""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from serbench import About, Corpus, CorpusError, Utterance, mention, refuse, tables

AUDIO = (".wav", ".flac")
POINTER = b"version https://git-lfs.github.com/spec/"
SMALL = 1024  # bytes: a Git LFS pointer has about 130, audio of 0.1 s at 16 kHz has 3200
NAMED = 3  # how many items a message names

Group = tuple[str, str, str]
"""Session, speaker and label; the session is "" where a corpus has none."""

# ---- files ----


def files(
    root: Path, endings: tuple[str, ...], skipped: Collection[str] = ()
) -> Iterator[tuple[Path, os.DirEntry[str]]]:
    """Yield the folder and entry of every file below `root` with these endings, in a fixed order.

    Hidden files (such as macOS's `._*`) and `__MACOSX` are skipped. Links to folders are followed;
    each folder is visited once.

    Args:
        root: the folder to search.
        endings: endings in lower case; upper and lower case on the disk make no difference.
        skipped: names of folders that are not visited, composed (NFC) and in lower case.
    """
    pending, visited = [root], set()
    while pending:
        folder = pending.pop()
        status = folder.stat()
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            name = unicodedata.normalize("NFC", entry.name).lower()  # macOS decomposes accents
            if name.startswith(".") or name == "__macosx":
                continue
            if entry.is_dir():
                if name not in skipped:
                    pending.append(folder / entry.name)
            elif name.endswith(endings):
                yield folder, entry


def audio(
    name: str,
    root: Path,
    identify: Callable[[str], str | None],
    skipped: Collection[str] = (),
) -> dict[str, Path]:
    """Find the audio file of every utterance below `root`, without reading audio.

    Args:
        name: the name of the corpus, for the messages.
        root: the folder to search; need not exist.
        identify: function from a file's name without its ending to the utterance's id, or None if
            the file does not belong to the corpus.
        skipped: names of folders that are not visited, in lower case.

    Raises:
        CorpusError: two files have one id, or files are Git LFS pointers, empty or unreadable.
    """
    paths: dict[str, Path] = {}
    small, strays, misnamed = [], [], []
    try:
        for folder, entry in files(root, AUDIO, skipped) if root.is_dir() else ():
            stem = entry.name.rpartition(".")[0]
            path, utterance = folder / entry.name, identify(stem)
            if utterance is None:
                strays.append(str(path.relative_to(root)))
                continue
            if utterance in paths:
                error = CorpusError(
                    f"{name}: {utterance} has two files, {paths[utterance]} and {path}: "
                    "keep one of them"
                )
                refuse(error, "duplicate", [str(path.relative_to(root))])
                continue
            paths[utterance] = path
            if utterance.casefold() != stem.casefold():
                misnamed.append(str(path.relative_to(root)))
            if entry.stat().st_size < SMALL:
                small.append(path)
        refuse_empty(name, root, small)
    except OSError as error:
        raise unreadable(name, error) from error
    mention("stray", strays)
    mention("misnamed", misnamed)
    return paths


def refuse_empty(name: str, root: Path, small: Sequence[Path]) -> None:
    """Refuse files that are Git LFS pointers or empty.

    Raises:
        CorpusError: there is such a file; the message counts them.
    """
    if pointers := [path for path in small if is_pointer(path)]:
        error = CorpusError(
            f"{name}: {len(pointers)} of the files under {root} are Git LFS pointers, not audio "
            f"(such as {pointers[0]}): run `git lfs install` and `git lfs pull` in the clone (a "
            "zip from GitHub has pointers too), or `serbench download`, which needs no git"
        )
        refuse(error)
    if empty := [path for path in small if path.stat().st_size == 0]:
        error = CorpusError(
            f"{name}: {len(empty)} of the files under {root} are empty (such as {empty[0]}): "
            "delete them and copy them again"
        )
        refuse(error)


def is_pointer(path: Path) -> bool:
    """Return whether a file is a Git LFS pointer instead of the content."""
    with path.open("rb") as file:
        return file.read(len(POINTER)) == POINTER


# ---- corpora ----


def read(
    manifest: Corpus,
    root: Path,
    identify: Callable[[str], str | None],
    about: About,
    remedy: str,
) -> Corpus:
    """Read a published corpus: the utterances of its manifest, each with its file below `root`.

    `identify` is as for `audio`; `remedy` says how to complete an incomplete corpus.

    Raises:
        CorpusError: the corpus is missing, incomplete or mixed with other files.
    """
    paths = audio(manifest.name, root, identify)
    if not paths:
        raise missing(manifest.name, root, about, f"{manifest.utterances[0].id}.wav")
    return complete(manifest, root, paths, remedy)


def complete(manifest: Corpus, root: Path, paths: Mapping[str, Path], remedy: str) -> Corpus:
    """Return the manifest's corpus with the paths of its files.

    Raises:
        CorpusError: a file is not an utterance of the corpus, or an utterance has no file.
    """
    published = manifest.by_id
    if foreign := [utterance for utterance in paths if utterance not in published]:
        error = CorpusError(
            f"{manifest.name}: {root} has {tables.count(len(foreign), 'utterance')} too many: "
            f"{listed(foreign)}, such as {paths[foreign[0]]}, is not in the corpus as published: "
            "move it elsewhere"
        )
        refuse(error, "unpublished", foreign)
    if absent := [utterance for utterance in published if utterance not in paths]:
        present = groups(published[id_] for id_ in paths if id_ in published)
        short = differences(groups(manifest.utterances), present)
        error = CorpusError(
            f"{manifest.name} is incomplete: {root} has {len(paths)} of {len(published)} "
            f"utterances, missing {listed(absent)} ({short}): {remedy}"
        )
        refuse(error, "missing", absent)
    utterances = (replace(u, path=paths.get(u.id)) for u in manifest.utterances)
    return replace(manifest, utterances=tuple(utterances))


def require_audio(name: str, root: Path, utterances: Iterable[Utterance], remedy: str) -> None:
    """Refuse labelled utterances without a file.

    Raises:
        CorpusError: there is one; the message counts them, and ends with `remedy`.
    """
    if absent := [utterance.id for utterance in utterances if utterance.path is None]:
        error = CorpusError(
            f"{name} is incomplete: {root} has no audio for {len(absent)} labelled utterances, "
            f"missing {listed(absent)}: {remedy}"
        )
        refuse(error, "missing", absent)


def find_table(
    name: str, root: Path, names: tuple[str, ...], remedy: str, skipped: Collection[str] = ()
) -> Path:
    """Find the table of a corpus below `root`; of several, the one nearest to it.

    Args:
        name: the name of the corpus, for the messages.
        root: the folder to search.
        names: the names that the table may have, in lower case.
        remedy: how to get the table.
        skipped: names of folders that are not visited, in lower case.

    Raises:
        CorpusError: there is no such file.
    """
    try:
        paths = [folder / entry.name for folder, entry in files(root, names, skipped)]
    except OSError as error:
        raise unreadable(name, error) from error
    named = [path for path in paths if path.name.lower() in names]
    if not named:
        raise CorpusError(f"{name} is incomplete: {root} has no {names[0]}: {remedy}")
    return min(named, key=lambda path: (len(path.parts), path))


# ---- errors ----


def missing(name: str, root: Path, about: About, example: str) -> CorpusError:
    """Return the error for a corpus without any file like `example`; it says how to get them.

    It has no word on what `about` does not know, the texts "".
    """
    file = f"file like {example}" if example else "audio"
    where = f"no {file} under {root}" if root.is_dir() else f"no folder {root}"
    terms = "; ".join(filter(None, (about.size, about.licence)))
    title = f"{about.title} ({terms})" if terms else about.title
    at = f"{title} is at {about.home}" if about.home else ""
    source = f"{at or title}: {about.obtain}" if about.obtain else at
    then = f"{source}. Then point" if source else "Point"
    return CorpusError(
        f"{name} is missing: there is {where}. {then} at its folder with --data DIR, or set "
        f"SERBENCH_DATA to the folder that holds {name}/"
    )


def altered(path: Path, published: str) -> CorpusError:
    """Return the error for a file that differs from the published one."""
    return CorpusError(
        f"{path} is not the {published} that was published: move it elsewhere and run the same "
        "command again; none of your files is overwritten"
    )


def unreadable(name: str, error: OSError) -> CorpusError:
    """Return the error for a file or folder that exists but cannot be read."""
    return CorpusError(
        f"{name}: cannot read {error.filename}: {error.strerror}; "
        "check its permissions, and its target if it is a link"
    )


def listed(items: Sequence[str]) -> str:
    """Name the first few items, and count the rest.

    >>> listed(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more


def groups(utterances: Iterable[Utterance]) -> Counter[Group]:
    """Count the utterances of each session, speaker and label."""
    return Counter((u.session, u.speaker, u.label) for u in utterances)


def differences(expected: Counter[Group], counted: Counter[Group]) -> str:
    """Name the sessions, speakers and labels with too few or too many utterances; "" if none.

    >>> differences(Counter({("", "1001", "sad"): 12}), Counter({("", "1001", "sad"): 11}))
    'speaker 1001 has 11 of 12; label sad has 11 of 12'
    """
    parts = []
    aspects = [("session", 0, 1), ("speaker", 1, 2), ("label", 2, 3), ("speaker and label", 1, 3)]
    for aspect, start, stop in aspects:
        wanted, present = (
            Counter(" ".join(group[start:stop]) for group in counts.elements())
            for counts in (expected, counted)
        )
        wrong = wrong_counts(wanted, present)
        # pairs only if wrong counts cancel out in each speaker and label
        if wrong and (stop - start == 1 or not parts):
            parts.append(f"{aspect} {listed(wrong)}")
    return "; ".join(parts)


def wrong_counts(expected: Mapping[str, int], counted: Mapping[str, int]) -> list[str]:
    """Name what there are too few or too many of; "" does not count.

    >>> wrong_counts({"happy": 2, "sad": 1}, {"happy": 2})
    ['sad has 0 of 1']
    """
    return [
        f"{name} has {counted.get(name, 0)} of {expected.get(name, 0)}"
        for name in sorted(expected.keys() | counted.keys())
        if name and expected.get(name, 0) != counted.get(name, 0)
    ]
