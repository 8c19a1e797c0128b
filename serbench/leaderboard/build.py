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
from serbench.leaderboard.formats import csv_file, html, json_file, latex, markdown
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
        book: what was sent before, and by whom.
        account: who sends what is new; "" if unknown, None if nobody was asked.

    Returns:
        The entries, what is rejected, and the ledger with a line for everything new.

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
    """Verify a submission, and keep what a table needs of it.

    Where a corpus's licence keeps the labels, a submission is "not recomputed" whatever this
    machine has: a page that everybody builds must not depend on who did.
    """

    def work() -> Outcome:
        submission = load(folder)
        verdict = verifying.judge(submission)
        if verdict.status == "rejected":
            return Rejected(_name(folder), verdict.reasons)
        status = verdict.status if submission.has_truth else entry.SUBMITTERS_OWN
        # what was not checked because a plugin is missing is no remark on the submission
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
        """Return what the file says of one corpus.

        Args:
            section: of the board.
            submissions: their folder as seen from the file, for links.
        """

    def whole(self, parts: Sequence[str], rejected: Sequence[Rejected], /) -> str:
        """Return the file, made of its parts and of what was rejected."""


FILES: Mapping[str, Format] = {
    "README.md": markdown,
    "leaderboard.csv": csv_file,
    "leaderboard.json": json_file,
    "leaderboard.tex": latex,
    "index.html": html,
}


def build(
    submissions: Path, out: Path, places: Settings, check: bool = False, account: str = ""
) -> list[str]:
    """Verify all submissions, add new ones to the ledger, and write the leaderboard.

    Args:
        submissions: their folder; the ledger lies beside it.
        out: the folder to write into.
        places: where the cache is, and corpora whose labels are not public.
        check: write nothing.
        account: who sends what is new: "github:ada"; "" if unknown.

    Returns:
        The names of the files that are, or were, out of date.

    Raises:
        SerbenchError: there is no submission, none is sound, or the ledger is damaged.
    """
    store, path = cache.opened(submissions, places), ledger.beside(submissions)
    before = ledger.read(path)
    account = ledger.require_account(account)
    entries, rejected, after = read_submissions(submissions, store, before, account)
    seen = Path(os.path.relpath(submissions, out)).as_posix()
    parts = [
        store.part(corpus, seen, runs, partial(_part, corpus, seen, runs))
        for corpus, runs in by_corpus(entries).items()
    ]
    store.save()
    if not entries:
        # a folder that holds something else must not replace the leaderboard by an empty one
        first = rejected[0]
        raise SerbenchError(
            f"nothing in {submissions} can be listed, so nothing was written; the first of "
            f"{len(rejected)}, {first.folder}: {first.reasons[0]}; `serbench leaderboard "
            "verify` says what is wrong with each"
        )
    stale = []
    if after != before:
        stale.append(os.path.relpath(path, out))
        if not check:
            ledger.write(path, after)
    for name, form in FILES.items():
        text, path = form.whole([part.texts[name] for part in parts], rejected), out / name
        if not path.is_file() or path.read_bytes() != text.encode():
            stale.append(name)
            if not check:
                with replacing(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")
    return stale


def _part(
    corpus: str, seen: str, entries: Sequence[Entry], stamp: str, statistics: Statistics
) -> Part:
    content = section(corpus, entries, statistics)
    texts = {name: form.part(content, seen) for name, form in FILES.items()}
    return Part(stamp, tuple(sorted(statistics.asked)), texts)


def show(results: Path, corpus: str | None = None, form: str = "markdown") -> str:
    """Return the user's own runs beside the literature, as "markdown" or "text".

    Args:
        results: the folder of all runs; one that holds none gives the literature alone.
        corpus: only this one.
        form: of the text.

    Raises:
        UnknownName: neither runs nor literature are about that corpus.
    """
    runs, unreadable = readable(results)
    whole = board(
        [entry.of_run(run) for run in runs], [Rejected("", (reason,)) for reason in unreadable]
    )
    known = [section.corpus for section in whole.sections]
    if corpus is not None and corpus not in known:
        raise nearest("corpus", corpus, known, f" in {results} or the literature")
    sections = tuple(one for one in whole.sections if corpus in (None, one.corpus))
    return markdown.text(Board(sections, whole.rejected), form)
