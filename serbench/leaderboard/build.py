"""Writes the leaderboard in every format, or says which files are not what they should be."""

import datetime
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from serbench.errors import SerbenchError, nearest
from serbench.files import replacing
from serbench.leaderboard import ledger
from serbench.leaderboard.formats import data, html, latex, markdown
from serbench.leaderboard.ledger import LENGTH, TIME, Ledger
from serbench.leaderboard.ranking import cache, copies, entry
from serbench.leaderboard.ranking.board import Board, Section, board, by_corpus, section
from serbench.leaderboard.ranking.cache import Outcome, Part, Store
from serbench.leaderboard.ranking.entry import Entry, Record, Rejected
from serbench.leaderboard.ranking.origins import origins
from serbench.leaderboard.ranking.statistics import Statistics
from serbench.leaderboard.submissions import submission
from serbench.leaderboard.submissions.reproduction_record import FOLDER, reproductions
from serbench.leaderboard.submissions.safe_read import shown
from serbench.leaderboard.submissions.submission import Sent
from serbench.leaderboard.verification import protocol
from serbench.leaderboard.verification import verdict as verifying
from serbench.lookalike_names import skeleton
from serbench.results.display_names import TITLES
from serbench.results.run import readable
from serbench.settings import Settings

Gathered = tuple[list[Entry], list[Rejected]]


def submitted(
    parent: Path, store: Store, ledger: Ledger, account: str | None
) -> tuple[list[Entry], list[Rejected], Ledger]:
    """Every submission below a folder, verified; those that were verified before are not again.

    Args:
        parent: the folder.
        store: what is known already.
        ledger: what was sent before, and by whom.
        account: who sends what is new; "" if unknown, None if nobody was asked.

    Returns:
        The entries, what is rejected, and the ledger with a line for everything new.

    Raises:
        SerbenchError: there is no submission.
    """
    found = [
        Rejected(_named(folder), verdict.reasons) if verdict else store.outcome(folder, judged)
        for folder, verdict in verifying.found(parent)
    ]
    now = datetime.datetime.now(datetime.UTC).strftime(TIME)
    known = origins([one for one in found if isinstance(one, Entry)], ledger, account, now)
    rejected = [
        one if isinstance(one, Rejected) else Rejected(one.folder, (known.refused[one.folder],))
        for one in found
        if isinstance(one, Rejected) or one.folder in known.refused
    ]
    return known.entries, rejected, known.ledger


def judged(folder: Path) -> Outcome:
    """Verify a submission, and keep what a table needs of it.

    Where a corpus's licence keeps the labels, a submission is "not recomputed" whatever this
    machine has: a page that everybody builds must not depend on who did.
    """

    def work() -> Outcome:
        sent = submission.load(folder)
        verdict = verifying.judge(sent)
        if verdict.status == "rejected":
            return Rejected(_named(folder), verdict.reasons)
        withheld = sent.card.truth == "withheld"
        status = "not recomputed" if withheld else verdict.status
        # what was not checked for want of a plugin is no remark on the submission
        flags = [flag for flag in verdict.flags if not flag.startswith(protocol.UNCHECKED)]
        sound, trace = submission.of(sent), copies.of(sent)
        return entry.of_submission(sound, status, flags, _records(sent), trace)

    return verifying.guarded(
        work, lambda reasons: Rejected(_named(folder), tuple(map(shown, reasons)))
    )


def _records(sent: Sent) -> list[Record]:
    submitter = skeleton(sent.card.submitter.name)
    return [
        Record(
            one.file,
            hashlib.sha256((sent.folder / FOLDER / one.file).read_bytes()).hexdigest()[:LENGTH],
            entry.recorded(one),
            one.reproduced,
            skeleton(one.by) == submitter,
        )
        for one in reproductions(sent.folder)
    ]


def _named(folder: Path) -> str:
    return shown(f"{folder.parent.name}/{folder.name}")


def own(parent: Path) -> Gathered:
    """Every run below a folder of results; where it has a card, that is not looked at."""
    found, broken = readable(parent)
    return [entry.of_run(run) for run in found], [Rejected("", (reason,)) for reason in broken]


README = "README.md"
BESIDE = (
    "The same with sorting and search: [index.html](index.html); for other programs, complete and "
    "in full precision: [leaderboard.csv](leaderboard.csv), [leaderboard.json](leaderboard.json), "
    "[leaderboard.tex](leaderboard.tex).",
    "How ranks are made: [comparing runs](../docs/comparing.md#ranks-with-ties).",
)


class File(NamedTuple):
    """A file of the leaderboard.

    Attributes:
        part: what a corpus contributes; takes the submissions' folder as seen from the file, too.
        whole: all of it, of the parts and of what was rejected.
    """

    part: Callable[[Section, str], str]
    whole: Callable[[Sequence[str], Sequence[Rejected]], str]


FILES: Mapping[str, File] = {
    README: File(markdown.part, lambda parts, rejected: markdown.whole(parts, rejected, BESIDE)),
    "leaderboard.csv": File(
        lambda section, _: data.sheet_part(section), lambda parts, _: data.whole_sheet(parts)
    ),
    "leaderboard.json": File(lambda section, _: data.page_part(section), data.whole_page),
    "leaderboard.tex": File(
        lambda section, _: latex.part(section), lambda parts, _: latex.whole(parts)
    ),
    "index.html": File(html.part, html.whole),
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
        The names of the files that are, or were, not what they should be.

    Raises:
        SerbenchError: there is no submission, none is sound, or the ledger is damaged.
    """
    store, path = cache.opened(submissions, places), ledger.beside(submissions)
    known = ledger.read(path)
    account = ledger.require_account(account)
    entries, rejected, whole = submitted(submissions, store, known, account)
    seen = Path(os.path.relpath(submissions, out)).as_posix()
    parts = [
        store.part(corpus, seen, those, partial(_part, corpus, seen, those))
        for corpus, those in by_corpus(entries).items()
    ]
    store.save()
    _require_one(parts, rejected, submissions)
    stale = []
    if whole != known:
        stale.append(os.path.relpath(path, out))
        if not check:
            ledger.write(path, whole)
    for name, file in FILES.items():
        text, path = file.whole([one.texts[name] for one in parts], rejected), out / name
        if not path.is_file() or path.read_bytes() != text.encode():
            stale.append(name)
            if not check:
                with replacing(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")
    return stale


def _part(
    corpus: str, seen: str, entries: Sequence[Entry], stamp: str, statistics: Statistics
) -> Part:
    made = section(corpus, entries, statistics)
    texts = {name: file.part(made, seen) for name, file in FILES.items()}
    return Part(stamp, len(made.tables), tuple(sorted(statistics.asked)), texts)


def _require_one(parts: Sequence[Part], rejected: Sequence[Rejected], submissions: Path) -> None:
    """Keep a folder that holds something else from replacing the leaderboard by an empty one."""
    if not any(part.tables for part in parts):
        first = rejected[0]
        raise SerbenchError(
            f"nothing in {submissions} can be listed, so nothing was written; the first of "
            f"{len(rejected)}, {first.folder}: {first.reasons[0]}; `serbench leaderboard "
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
    entries, broken = own(results)
    known = [*TITLES, *sorted({one.corpus for one in entries} - set(TITLES))]
    if corpus is not None and corpus not in known:
        raise nearest("corpus", corpus, known, f" in {results} or the literature")
    chosen = [one for one in entries if corpus in (None, one.corpus)]
    made = board(chosen, broken)
    sections = tuple(one for one in made.sections if corpus in (None, one.corpus))
    return markdown.text(Board(sections, made.rejected), form)
