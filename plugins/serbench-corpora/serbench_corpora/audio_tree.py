"""Finds a corpus's audio under a folder, however it is laid out there, and says what is wrong."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from serbench.contracts import About
from serbench.corpus import Corpus, Utterance
from serbench.errors import CorpusError

AUDIO = (".wav", ".flac")
POINTER = b"version https://git-lfs.github.com/spec/"
SMALL = 1024  # bytes: a Git LFS pointer has about 130, a tenth of a second at 16 kHz 3200
NAMED = 3  # how many of many an error names

Group = tuple[str, str, str]
"""Session, speaker and label; the session is "" where a corpus has none."""


def files(
    root: Path, endings: tuple[str, ...], passing_by: Collection[str] = ()
) -> Iterator[tuple[Path, os.DirEntry[str]]]:
    """Every file below `root` with one of these endings, and its folder, always in the same order.

    Hidden files (so macOS's `._*` too) and `__MACOSX` are no part of any corpus. Links to folders
    are followed, each folder is visited once.

    Args:
        root: where to look.
        endings: in lower case; those on the disk may be in any.
        passing_by: names of folders not worth a visit, in lower case.
    """
    pending, visited = [root], set()
    while pending:
        folder = pending.pop()
        place = folder.stat()
        if (place.st_dev, place.st_ino) in visited:
            continue
        visited.add((place.st_dev, place.st_ino))
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            name = entry.name.lower()
            if name.startswith(".") or name == "__macosx":
                continue
            if entry.is_dir():
                if name not in passing_by:
                    pending.append(folder / entry.name)
            elif name.endswith(endings):
                yield folder, entry


def audio(
    name: str,
    root: Path,
    identify: Callable[[str], str | None],
    passing_by: Collection[str] = (),
) -> dict[str, Path]:
    """The audio file of every utterance below `root`; opens none that can be audio.

    Args:
        name: the corpus, for the messages.
        root: where to look; need not exist.
        identify: from a file's name without its ending to the utterance's id, or None where the
            file is none of the corpus's.
        passing_by: names of folders not worth a visit, in lower case.

    Raises:
        CorpusError: an utterance is there twice, or files are Git LFS pointers, empty, unreadable.
    """
    found: dict[str, Path] = {}
    small = []
    try:
        for folder, entry in files(root, AUDIO, passing_by) if root.is_dir() else ():
            utterance = identify(entry.name.rpartition(".")[0])
            if utterance is None:
                continue
            path = folder / entry.name
            if utterance in found:
                raise CorpusError(
                    f"{name}: {utterance} is there twice, as {found[utterance]} and {path}: "
                    "keep one of them"
                )
            found[utterance] = path
            if entry.stat().st_size < SMALL:
                small.append(path)
        _refuse_empty(name, root, small)
    except OSError as error:
        raise unreadable(name, error) from error
    return found


def _refuse_empty(name: str, root: Path, small: Sequence[Path]) -> None:
    pointers = [path for path in small if is_pointer(path)]
    if pointers:
        raise CorpusError(
            f"{name}: {len(pointers)} of the files under {root} are Git LFS pointers, not audio "
            f"(such as {pointers[0]}): run `git lfs install` and `git lfs pull` in the clone (a "
            "zip from GitHub has pointers too), or `serbench download`, which needs no git"
        )
    empty = [path for path in small if path.stat().st_size == 0]
    if empty:
        raise CorpusError(
            f"{name}: {len(empty)} of the files under {root} are empty (such as {empty[0]}): "
            "delete them and copy them again"
        )


def is_pointer(path: Path) -> bool:
    """Whether Git LFS has left its note here instead of the file."""
    with path.open("rb") as file:
        return file.read(len(POINTER)) == POINTER


def unreadable(name: str, error: OSError) -> CorpusError:
    """The error for a file or folder that is there but cannot be read."""
    return CorpusError(
        f"{name}: cannot read {error.filename}: {error.strerror}; "
        "check its permissions, and where it points to if it is a link"
    )


def missing(name: str, root: Path, about: About, example: str) -> CorpusError:
    """The error for a corpus of which nothing is there: where it looked and how to get it.

    Args:
        name: the dataset.
        root: where it looked.
        about: how large it is, under which licence and how to get it.
        example: a file's name, so that users see what is looked for.
    """
    where = f"no file like {example} under {root}" if root.is_dir() else f"no folder {root}"
    return CorpusError(
        f"{name} is missing: there is {where}. {about.title} ({about.size}; {about.licence}) is at "
        f"{about.home}: {about.obtain}. Then point at its folder with --data DIR, or set "
        f"SERBENCH_DATA to the folder that holds {name}/"
    )


def altered(path: Path, published: str) -> CorpusError:
    """The error for a file that is there but is not the published one."""
    return CorpusError(
        f"{path} is not the {published} that was published: move it elsewhere and run the same "
        "command again; nothing of yours is overwritten"
    )


def complete(manifest: Corpus, root: Path, found: Mapping[str, Path], remedy: str) -> Corpus:
    """The corpus of the manifest with the files that were found.

    Raises:
        CorpusError: a file is no utterance of the corpus, or an utterance has no file.
    """
    known = manifest.by_id
    foreign = [utterance for utterance in found if utterance not in known]
    if foreign:
        raise CorpusError(
            f"{manifest.name}: {root} has {_count(len(foreign))} too many: {listed(foreign)}, such "
            f"as {found[foreign[0]]}, is not in the corpus as published: move it elsewhere"
        )
    absent = [utterance for utterance in known if utterance not in found]
    if absent:
        expected = Counter((u.session, u.speaker, u.label) for u in manifest.utterances)
        present = (known[utterance] for utterance in found)
        short = differences(expected, Counter((u.session, u.speaker, u.label) for u in present))
        raise CorpusError(
            f"{manifest.name} is incomplete: {root} has {len(found)} of {len(known)} utterances, "
            f"missing {listed(absent)} ({short}): {remedy}"
        )
    utterances = tuple(
        Utterance(u.id, u.speaker, u.label, found[u.id], u.sex, u.session, u.dialogue)
        for u in manifest.utterances
    )
    return replace(manifest, utterances=utterances)


def _count(number: int) -> str:
    return f"{number} utterance" + "s" * (number != 1)


def listed(items: Sequence[str]) -> str:
    """The first few of many, and how many more there are.

    >>> listed(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more


def differences(expected: Mapping[Group, int], found: Mapping[Group, int]) -> str:
    """Which sessions, speakers and labels have too few or too many utterances; "" if none.

    >>> differences({("", "1001", "sad"): 12}, {("", "1001", "sad"): 11})
    'speaker 1001 has 11 of 12; label sad has 11 of 12'
    """
    aspects = [("session", 0, 1), ("speaker", 1, 2), ("label", 2, 3)]
    parts = [_unequal(expected, found, *aspect) for aspect in aspects]
    # too few here and too many there may add up
    return "; ".join(filter(None, parts)) or _unequal(expected, found, "speaker and label", 1, 3)


def _unequal(
    expected: Mapping[Group, int], found: Mapping[Group, int], aspect: str, start: int, stop: int
) -> str:
    wanted: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for counts, total in ((expected, wanted), (found, there)):
        for group, number in counts.items():
            total[" ".join(group[start:stop])] += number
    wrong = [
        f"{value} has {there[value]} of {wanted[value]}"
        for value in sorted(wanted | there)
        if value and there[value] != wanted[value]
    ]
    return f"{aspect} {listed(wrong)}" if wrong else ""
