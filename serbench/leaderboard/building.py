"""Writes the leaderboard in every format, or says which files are not what they should be."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from serbench.errors import SerbenchError, nearest
from serbench.files import replacing
from serbench.leaderboard import cache, gathering, latex, markdown, page, sheets
from serbench.leaderboard.board import Board, board
from serbench.leaderboard.naming import TITLES
from serbench.settings import Settings

README = "README.md"
BESIDE = (
    "The same with sorting and search: [index.html](index.html); for other programs, complete and "
    "in full precision: [leaderboard.csv](leaderboard.csv), [leaderboard.json](leaderboard.json), "
    "[leaderboard.tex](leaderboard.tex).",
    "How ranks are made: [comparing runs](../docs/comparing.md#ranks-with-ties).",
)

FILES: Mapping[str, Callable[[Board, str], str]] = {
    README: lambda made, submissions: markdown.readme(made, submissions, BESIDE),
    "leaderboard.csv": lambda made, _: sheets.sheet(made),
    "leaderboard.json": lambda made, _: sheets.page(made),
    "leaderboard.tex": lambda made, _: latex.tables(made),
    "index.html": page.page,
}
"""Each file, and what makes it of a board and of the submissions' folder as seen from there."""


def build(submissions: Path, out: Path, places: Settings, check: bool = False) -> list[str]:
    """Verify all submissions, and write the leaderboard.

    Args:
        submissions: their folder.
        out: the folder to write into.
        places: where the cache is, and corpora whose labels are not public.
        check: write nothing.

    Returns:
        The names of the files that are, or were, not what they should be.

    Raises:
        SerbenchError: there is no submission, or none that is sound.
    """
    made = read(submissions, places)
    _require_one(made, submissions)
    seen = Path(os.path.relpath(submissions, out)).as_posix()
    stale = []
    for name, render in FILES.items():
        text, path = render(made, seen), out / name
        if not path.is_file() or path.read_bytes() != text.encode():
            stale.append(name)
            if not check:
                with replacing(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")
    return stale


def read(submissions: Path, places: Settings) -> Board:
    """The board of a folder of submissions."""
    store = cache.opened(submissions, places)
    made = board(*gathering.submitted(submissions, store), store.numbers)
    store.save()
    return made


def _require_one(made: Board, submissions: Path) -> None:
    """Keep a folder that holds something else from replacing the leaderboard by an empty one."""
    if not any(section.tables for section in made.sections):
        first = made.rejected[0]
        raise SerbenchError(
            f"nothing in {submissions} can be listed, so nothing was written; the first of "
            f"{len(made.rejected)}, {first.folder}: {first.reasons[0]}; `serbench leaderboard "
            "verify` says what is wrong with each"
        )


def require_fresh(stale: Sequence[str], submissions: Path, out: Path) -> None:
    """Refuse what is not what it should be.

    Raises:
        SerbenchError: it names the files and the command that makes them.
    """
    if stale:
        raise SerbenchError(
            f"stale in {out}: {', '.join(stale)}; run `serbench leaderboard build --submissions "
            f"{submissions} --out {out}` and commit what it writes"
        )


def show(results: Path, corpus: str | None = None, form: str = "markdown") -> str:
    """One's own runs beside the literature, as "markdown" or "text".

    Args:
        results: the folder of all runs; one that holds none gives the literature alone.
        corpus: only this one.
        form: of the text.

    Raises:
        UnknownName: neither runs nor literature are about that corpus.
    """
    entries, broken = gathering.own(results)
    known = [*TITLES, *sorted({one.corpus for one in entries} - set(TITLES))]
    if corpus is not None and corpus not in known:
        raise nearest("corpus", corpus, known, f" in {results} or the literature")
    chosen = [one for one in entries if corpus in (None, one.corpus)]
    made = board(chosen, broken)
    sections = tuple(one for one in made.sections if corpus in (None, one.corpus))
    return markdown.text(Board(sections, made.rejected), form)
