"""Datasets that are named by their place, as in `csv:my.csv,label=emotion`."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.errors import BadParameter, nearest
from serbench.names import parse, typed, unique


def divided(text: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """The path and the parameters of what stands behind a dataset's colon.

    The path ends at the first comma that one of the parameters and "=" follow, and so does each
    value: commas, colons, spaces and backslashes need no quotes.

    Args:
        text: as typed: "my, own.csv,label=emotion".
        known: the names of the parameters.

    >>> divided("my, own.csv,label=emotion,speaker=^(a,b)", ["label", "speaker"])
    ('my, own.csv', {'label': 'emotion', 'speaker': '^(a,b)'})

    Raises:
        BadParameter: a parameter is given twice, or the text holds what nobody can see.
    """
    if not text.isprintable():
        raise BadParameter(f"a dataset's name may hold no control characters: {text!r}")
    names = "|".join(map(re.escape, known))
    path, *rest = re.split(rf"(?:^|,)\s*({names})\s*=", text) if known else [text]
    pairs = zip(rest[::2], (value.strip() for value in rest[1::2]), strict=True)
    return path.strip(), {name: str(value) for name, value in unique(pairs).items()}


def require_known(owner: str, path: str, known: Collection[str]) -> None:
    """Refuse what looks like a parameter that nobody knows at the end of a path.

    Raises:
        BadParameter: the parameters that come nearest.
    """
    if found := re.search(r",\s*(\w+)\s*=", path):
        hint = f"; there is no file {path!r} either"
        raise BadParameter(str(nearest(f"parameter of {owner}", found[1], sorted(known), hint)))


def values(
    given: Mapping[str, str], known: Mapping[str, tuple[Any, object]]
) -> Mapping[str, object]:
    """What is typed for parameters: text as it is where text is wanted, else as JSON."""
    return {
        name: value if known[name][0] is str else parse(f"{name}={value}")[1]
        for name, value in given.items()
    }


def called(path: Path, endings: Sequence[str]) -> str:
    """What results call a corpus: the last part of its path, made of letters, digits and ".-_".

    >>> called(Path("/data/My corpus, v2.csv"), [".csv"]), called(Path("/data/clips.v2"), [])
    ('My-corpus-v2', 'clips.v2')

    Raises:
        BadParameter: nothing is left of it.
    """
    name = unicodedata.normalize("NFC", path.name)
    while name.lower().endswith(tuple(endings)) and endings:
        name = name[: name.rindex(".")]
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not name:
        raise BadParameter(
            f"{str(path)!r} gives the corpus no name: write one before --data, as in csv:NAME "
            "--data PATH"
        )
    return name


def spelled(
    name: str, corpus: str, given: Mapping[str, object], known: Mapping[str, tuple[Any, object]]
) -> str:
    """The one way to write a dataset, its corpus and the parameters that differ from the defaults.

    >>> spelled("csv", "my", {"label": "emotion"}, {"label": (str, "label"), "sex": (str, "sex")})
    'csv:my,label=emotion'
    """
    words = [
        f"{one}={value}" if known[one][0] is str else typed(one, value)
        for one, value in sorted(given.items())
        if value != known[one][1]
    ]
    return ",".join([f"{name}:{corpus}", *words])


def candidates(path: Path, endings: Sequence[str]) -> Iterator[Path]:
    """Where a corpus may be that is named with or without its ending."""
    yield path
    yield from (path.with_name(path.name + ending) for ending in endings if path.name)
