"""Write the leaderboard in every format, or say which files are out of date."""

import datetime
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from serbench.errors import SerbenchError, nearest
from serbench.files import replacing
from serbench.leaderboard import ledger
from serbench.leaderboard.formats import (
    csv_file,
    html,
    json_file,
    latex,
    markdown,
    notes,
    picture,
    run_page,
)
from serbench.leaderboard.ledger import TIME, Ledger
from serbench.leaderboard.ranking import cache, entry
from serbench.leaderboard.ranking.board import Board, Section, board, by_corpus, section
from serbench.leaderboard.ranking.cache import Cache, Outcome, Part
from serbench.leaderboard.ranking.entry import Entry, Rejected
from serbench.leaderboard.ranking.origins import find_origins
from serbench.leaderboard.ranking.statistics import Statistics
from serbench.leaderboard.submissions.safe_read import shown
from serbench.leaderboard.submissions.submission import load
from serbench.leaderboard.verification import protocol
from serbench.leaderboard.verification import verdict as verifying
from serbench.results.run import readable
from serbench.settings import Settings


def read_submissions(
    parent: Path, store: Cache, book: Ledger, account: str | None
) -> tuple[list[Entry], list[Rejected], Ledger]:
    """Read and verify every submission below a folder, unless the cache has its outcome.

    Args:
        parent: the folder.
        store: outcomes of earlier builds.
        book: the ledger of earlier builds.
        account: sender of new submissions; "" if unknown, None if the sender was not asked for.

    Returns:
        The entries, the rejected submissions, and the ledger with a line for everything new.

    Raises:
        SerbenchError: there is no submission.
    """
    outcomes = [
        Rejected(_name(folder), verdict.reasons) if verdict else store.outcome(folder, judge)
        for folder, verdict in verifying.find(parent)
    ]
    now = datetime.datetime.now(datetime.UTC).strftime(TIME)
    sound = [outcome for outcome in outcomes if isinstance(outcome, Entry)]
    entries, refused, book = find_origins(sound, book, account, now)
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    return entries, [*rejected, *refused], book


def judge(folder: Path) -> Outcome:
    """Verify a submission, and return what tables show of it.

    If a corpus's licence forbids sharing its labels, a submission is "not recomputed" even where
    the labels are on this machine: the page must be the same wherever it is built.
    """

    def work() -> Outcome:
        submission = load(folder)
        verdict = verifying.judge(submission)
        if verdict.status == "rejected":
            return Rejected(_name(folder), verdict.reasons)
        status = entry.NOT_RUN if submission.facts.imported else verdict.status
        status = status if submission.has_truth else entry.SUBMITTERS_OWN
        # a check skipped because a plugin is missing is not a remark on the submission
        flags = [flag for flag in verdict.flags if not flag.startswith(protocol.UNCHECKED)]
        return entry.of_submission(submission, status, flags)

    return verifying.guarded(
        work, lambda reasons: Rejected(_name(folder), tuple(map(shown, reasons)))
    )


def _name(folder: Path) -> str:
    return shown(f"{folder.parent.name}/{folder.name}")


class Format(Protocol):
    """A format of the leaderboard: a module of `formats`."""

    def part(self, section: Section, submissions: str, /) -> str:
        """Return the part of the file about one corpus.

        Args:
            section: the corpus's section of the board.
            submissions: path from the file to the folder of submissions, for links.
        """

    def whole(self, parts: Sequence[str], rejected: Sequence[Rejected], /) -> str:
        """Return the whole file, from the part of each corpus and the rejected submissions."""


FILES: Mapping[str, Format] = {
    "README.md": markdown,
    "leaderboard.csv": csv_file,
    "leaderboard.json": json_file,
    "leaderboard.tex": latex,
    "index.html": html,
}

OWN = ("runs/*/*.html", "pictures/*.svg")
"""The files of single runs and tables, which are removed if their submission is gone."""


def build(
    submissions: Path, out: Path, places: Settings, check: bool = False, account: str = ""
) -> list[str]:
    """Verify all submissions, add new ones to the ledger, and write the leaderboard.

    Args:
        submissions: folder of submissions; the ledger is beside it.
        out: the folder to write into.
        places: folders of the cache, and of corpora whose labels are not public.
        check: write nothing.
        account: sender of new submissions: "github:ada"; "" if unknown.

    Returns:
        The names of the files that are (or, before writing, were) out of date.

    Raises:
        SerbenchError: there is no valid submission, or the ledger is damaged.
    """
    store, path = cache.opened(submissions, places), ledger.beside(submissions)
    before = ledger.read(path)
    account = ledger.require_account(account)
    entries, rejected, after = read_submissions(submissions, store, before, account)
    seen = os.path.relpath(submissions, out)
    typed = os.path.normpath(Path(out.absolute().name, seen))  # beside the board's folder
    paths = (Path(seen).as_posix(), Path(typed).as_posix())
    parts = [
        store.part(corpus, paths, runs, partial(_part, corpus, paths, runs))
        for corpus, runs in by_corpus(entries).items()
    ]
    store.save()
    if not entries:
        # a wrong folder must not replace the leaderboard with an empty one
        first = rejected[0]
        raise SerbenchError(
            f"no submission in {submissions} is valid, so nothing was written; the first of "
            f"{len(rejected)}, {first.folder}: {first.reasons[0]}; `serbench leaderboard "
            "verify` says what is wrong with each"
        )
    stale = []
    if after != before:
        stale.append(os.path.relpath(path, out))
        if not check:
            ledger.write(path, after)
    texts = {
        name: form.whole([part.texts[name] for part in parts], rejected)
        for name, form in FILES.items()
    }
    texts[run_page.SHEET] = html.style()
    for each in parts:
        texts |= each.pages
    for name, text in texts.items():
        path = out / name
        if not path.is_file() or path.read_bytes() != text.encode():
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as temporary:
                    temporary.write_bytes(text.encode())
    for path in [path for pattern in OWN for path in out.glob(pattern)]:
        name = path.relative_to(out).as_posix()
        if name not in texts and notes.MADE.encode() in path.read_bytes():
            stale.append(name)
            if not check:
                path.unlink()
    return stale


def _part(
    corpus: str,
    paths: tuple[str, str],
    entries: Sequence[Entry],
    stamp: str,
    statistics: Statistics,
) -> Part:
    content = section(corpus, entries, statistics)
    texts = {name: form.part(content, paths[0]) for name, form in FILES.items()}
    pages = {**picture.pictures(content), **run_page.pages(content, *paths)}
    pages = {path: f"{text.rstrip()}\n{notes.MADE}\n" for path, text in pages.items()}
    return Part(stamp, tuple(sorted(statistics.asked)), texts, pages)


def show(results: Path, corpus: str | None = None, form: str = "markdown") -> str:
    """Return the user's own runs beside the literature, as "markdown" or "text".

    Args:
        results: the folder of all runs; without runs, only the literature is returned.
        corpus: return only the section of this corpus.
        form: the format of the text.

    Raises:
        UnknownName: no run and no published result is on that corpus.
    """
    runs, unreadable = readable(results)
    whole = board(
        [entry.of_run(run) for run in runs], [Rejected("", (reason,)) for reason in unreadable]
    )
    corpora = [section.corpus for section in whole.sections]
    if corpus is not None and corpus not in corpora:
        raise nearest("corpus", corpus, corpora, f" in {results} or the literature")
    sections = tuple(section for section in whole.sections if corpus in (None, section.corpus))
    return markdown.text(Board(sections, whole.rejected), form)
