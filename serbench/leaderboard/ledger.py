"""The ledger: every submission and record that the board has ever seen, in order, with its sender.

The ledger is a file beside the folder of submissions, with a line for each, and only ever grows.
A higher line is older, whatever the dates on cards. Every line contains a digest of all lines
before it, so a line that was changed, moved or removed is noticed. The history of the repository,
and the rule that no request may touch the file, keep anyone from rewriting all lines.
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
from serbench.leaderboard.submissions import safe_read

FILE = "ledger.csv"
HEAD = "seen,account,what,digest,chain"
MOST_BYTES = 2**25  # 200,000 lines
TIME = "%Y-%m-%dT%H:%M:%SZ"
LENGTH = 32  # hexadecimal digits of a digest
OWN = "serbench"
"""The account of the repository's own runs; others have a prefix, as in github:ada."""

ACCOUNT = r"[a-z][a-z0-9-]{0,30}:[a-z0-9][a-z0-9_.-]{0,60}(\[bot\])?"
LINE = re.compile(
    rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ),(|{OWN}|{ACCOUNT}),([A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+),"
    rf"([0-9a-f]{{{LENGTH}}}),([0-9a-f]{{16}})",
    re.ASCII,
)


@dataclass(frozen=True)
class Line:
    """A line of the file: a submission or record that the board saw for the first time."""

    seen: str  # UTC, "2026-05-01T12:00:00Z"; lines of one build have the same time
    account: str  # who opened the request that brought it, as "github:ada"; "" if unknown
    path: str  # of a submission, "toy/RUN", or a record, "toy/RUN/reproductions/FILE"
    digest: str  # of a submission's predictions, or of a record's bytes


@dataclass(frozen=True)
class Ledger:
    """All lines, the oldest first."""

    lines: tuple[Line, ...] = ()

    @cached_property
    def places(self) -> Mapping[tuple[str, str], int]:
        """The position of the first line of each path and digest."""
        places = enumerate(self.lines)
        return {(line.path, line.digest): at for at, line in reversed([*places])}

    @cached_property
    def alike(self) -> Mapping[str, list[int]]:
        """The positions of the lines with each digest."""
        alike: dict[str, list[int]] = {}
        for at, line in enumerate(self.lines):
            alike.setdefault(line.digest, []).append(at)
        return alike

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """The account of each path: that of its last line with an account."""
        return {line.path: line.account for line in self.lines if line.account}

    def find(self, path: str, digest: str) -> Line | None:
        """Return the line of a path with this digest, or None."""
        at = self.places.get((path, digest))
        return None if at is None else self.lines[at]

    def extended(self, new: Iterable[tuple[str, str]], account: str, seen: str) -> "Ledger":
        """Return the ledger with a line for each path and digest that it lacks.

        Args:
            new: paths with their digests.
            account: the sender, or "".
            seen: the time. If the last line is not older, the new lines get its time plus a
                second, since lines of the same time count as simultaneous.
        """
        lacking = dict.fromkeys(key for key in new if key not in self.places)
        if self.lines and seen <= self.lines[-1].seen:
            last = datetime.datetime.strptime(self.lines[-1].seen, TIME)
            seen = (last + datetime.timedelta(seconds=1)).strftime(TIME)
        return Ledger((*self.lines, *(Line(seen, account, *key) for key in lacking)))

    @property
    def text(self) -> str:
        """The contents of the file."""
        chain, rows = "", [HEAD]
        for line in self.lines:
            row = f"{line.seen},{line.account},{line.path},{line.digest}"
            chain = _link(chain, row)
            rows.append(f"{row},{chain}")
        return "\n".join(rows) + "\n"


def _link(before: str, row: str) -> str:
    return hashlib.sha256(f"{before} {row}".encode()).hexdigest()[:16]


def beside(submissions: Path) -> Path:
    """Return the path of the ledger for a folder of submissions."""
    return submissions.absolute().parent / FILE


def require_account(account: str) -> str:
    """Return an account as the ledger writes it: in lower case, since hosts ignore case.

    Raises:
        BadParameter: it is not a valid account.
    """
    if account and not re.fullmatch(rf"{OWN}|{ACCOUNT}", account.lower(), re.ASCII):
        raise BadParameter(
            f"{account[:80]!r} is not an account: write it as HOST:NAME, as in github:ada, or "
            f"{OWN} for the repository's own runs"
        )
    return account.lower()


def read(path: Path) -> Ledger:
    """Read a ledger; a file that does not exist is an empty ledger.

    Raises:
        SerbenchError: a line is malformed, or does not follow from the lines before it.
    """
    if not path.exists():
        return Ledger()
    try:
        head, *rows = safe_read.contents(path, MOST_BYTES).decode("ascii").splitlines()
    except (UnicodeDecodeError, ValueError) as error:
        raise _damaged(path, "is not a ledger") from error
    if head != HEAD:
        raise _damaged(path, f"does not begin with {HEAD}")
    chain, lines = "", []
    for number, row in enumerate(rows, 2):
        match = LINE.fullmatch(row)
        if not match:
            raise _damaged(path, f"has a malformed line {number}")
        line = Line(match[1], match[2], *match.groups()[-3:-1])
        if not _is_past(line.seen):
            raise _damaged(path, f"has an invalid or future time in line {number}")
        chain = _link(chain, row.rpartition(",")[0])
        if match.groups()[-1] != chain:
            raise _damaged(
                path, f"has a line {number} that does not follow from the lines before it"
            )
        lines.append(line)
    return Ledger(tuple(lines))


def _is_past(seen: str) -> bool:
    """Return whether a time is valid and at most a day in the future, as clocks may differ."""
    try:
        time = datetime.datetime.strptime(seen, TIME).replace(tzinfo=datetime.UTC)
    except ValueError:
        return False
    return time < datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)


def _damaged(path: Path, fault: str) -> SerbenchError:
    return SerbenchError(
        f"{path.name} {fault}: lines are only ever added, and only at the end; restore the file "
        f"from the main branch (`git checkout origin/main -- {path}`) and run `serbench "
        "leaderboard build` again, which adds new submissions"
    )


def write(path: Path, ledger: Ledger) -> None:
    """Write a ledger."""
    with replacing(path) as temporary:
        temporary.write_text(ledger.text, encoding="ascii")
