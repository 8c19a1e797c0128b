"""The ledger: which submissions and records the board has ever seen, in which order, from whom.

A file of one line each that only ever grows, beside the folder of submissions. Whoever stands
higher was first, whatever dates are on cards. Every line holds a digest of all lines before it, so
that one which was changed, moved or taken out is noticed; what keeps somebody from writing all of
them anew is the history of the repository, and that no request may touch the file.
"""

import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from serbench.errors import BadParameter, SerbenchError
from serbench.files import replacing
from serbench.leaderboard import strict

FILE = "ledger.csv"
HEAD = "seen,account,what,digest,chain"
MOST_BYTES = 2**25  # 200,000 lines
TIME = "%Y-%m-%dT%H:%M:%SZ"
LENGTH = 32  # hexadecimal digits of a digest
OWN = "serbench"
"""The account of the repository's own runs, which no host hands out: theirs have a prefix."""

ACCOUNT = r"[a-z][a-z0-9-]{0,30}:[a-z0-9][a-z0-9_.-]{0,60}(\[bot\])?"
LINE = re.compile(
    rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ),(|{OWN}|{ACCOUNT}),([A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+),"
    rf"([0-9a-f]{{{LENGTH}}}),([0-9a-f]{{16}})",
    re.ASCII,
)


@dataclass(frozen=True)
class Line:
    """What was seen for the first time.

    Attributes:
        seen: when, UTC: "2026-05-01T12:00:00Z"; lines of one build have the same.
        account: who opened the request that brought it, as "github:ada"; "" where nobody knows.
        what: a submission, "toy/RUN", or a record in one, "toy/RUN/reproductions/FILE".
        digest: of a submission's answers, or of a record's bytes.
    """

    seen: str
    account: str
    what: str
    digest: str


@dataclass(frozen=True)
class Ledger:
    """All lines, the oldest first."""

    lines: tuple[Line, ...] = ()

    @cached_property
    def places(self) -> Mapping[tuple[str, str], int]:
        """Of each thing and digest the position of its line."""
        places = enumerate(self.lines)
        return {(one.what, one.digest): at for at, one in reversed([*places])}

    @cached_property
    def alike(self) -> Mapping[str, list[int]]:
        """Of each digest the positions of its lines."""
        found: dict[str, list[int]] = {}
        for at, one in enumerate(self.lines):
            found.setdefault(one.digest, []).append(at)
        return found

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Of each thing the account of the last line that has one."""
        return {one.what: one.account for one in self.lines if one.account}

    def find(self, what: str, digest: str) -> Line | None:
        """Return the line of a thing as it is now."""
        at = self.places.get((what, digest))
        return None if at is None else self.lines[at]

    def extended(self, new: Iterable[tuple[str, str]], account: str, seen: str) -> "Ledger":
        """Return the ledger with a line for each thing and digest that it lacks.

        Args:
            new: things with their digests.
            account: who brought them, or "".
            seen: when; where the last line is as new, a second after it, since what was seen at
                once has no order.
        """
        lacking = dict.fromkeys(one for one in new if one not in self.places)
        if self.lines and seen <= self.lines[-1].seen:
            last = datetime.datetime.strptime(self.lines[-1].seen, TIME)
            seen = (last + datetime.timedelta(seconds=1)).strftime(TIME)
        return Ledger((*self.lines, *(Line(seen, account, *one) for one in lacking)))

    @property
    def text(self) -> str:
        """As it is written."""
        chain, rows = "", [HEAD]
        for one in self.lines:
            words = f"{one.seen},{one.account},{one.what},{one.digest}"
            chain = _link(chain, words)
            rows.append(f"{words},{chain}")
        return "\n".join(rows) + "\n"


def _link(before: str, words: str) -> str:
    return hashlib.sha256(f"{before} {words}".encode()).hexdigest()[:16]


def beside(submissions: Path) -> Path:
    """Return where the ledger of a folder of submissions is."""
    return submissions.absolute().parent / FILE


def require_account(account: str) -> str:
    """Return an account as the ledger writes it: in small letters, since hosts tell no case apart.

    Raises:
        BadParameter: it is not written as an account.
    """
    if account and not re.fullmatch(rf"{OWN}|{ACCOUNT}", account.lower(), re.ASCII):
        raise BadParameter(
            f"{account[:80]!r} is no account: write it as HOST:NAME, as in github:ada, or {OWN} "
            "for runs of the repository's own"
        )
    return account.lower()


def read(path: Path) -> Ledger:
    """Read a ledger; one that is not there is empty.

    Raises:
        SerbenchError: a line is damaged, or not what was written after the line before it.
    """
    if not path.exists():
        return Ledger()
    try:
        head, *rows = strict.contents(path, MOST_BYTES).decode("ascii").splitlines()
    except (UnicodeDecodeError, ValueError) as error:
        raise _damaged(path, "is not a ledger") from error
    if head != HEAD:
        raise _damaged(path, f"does not begin with {HEAD}")
    chain, lines = "", []
    for number, row in enumerate(rows, 2):
        found = LINE.fullmatch(row)
        if not found:
            raise _damaged(path, f"has a line {number} that is not written as it must be")
        seen, account, what, digest, said = (found[1], found[2], *found.groups()[-3:])
        chain = _link(chain, f"{seen},{account},{what},{digest}")
        if said != chain:
            raise _damaged(
                path, f"has a line {number} that does not follow from the lines before it"
            )
        lines.append(Line(seen, account, what, digest))
    return Ledger(tuple(lines))


def _damaged(path: Path, fault: str) -> SerbenchError:
    return SerbenchError(
        f"{path.name} {fault}: lines are only ever added, and only at the end; take it as it is on "
        f"the main branch (`git checkout origin/main -- {path}`) and run `serbench leaderboard "
        "build` again, which adds what is new"
    )


def write(path: Path, ledger: Ledger) -> None:
    """Write a ledger."""
    with replacing(path) as temporary:
        temporary.write_text(ledger.text, encoding="ascii")
