"""The ledger: how it is written, and that whoever changes it is noticed."""

import pytest
from typer.testing import CliRunner

from serbench.cli.app import app
from serbench.errors import BadParameter, SerbenchError
from serbench.leaderboard import ledger
from serbench.leaderboard.ledger import Ledger, require_account

ONE, TWO, THREE = (("toy/one", "1" * 32), ("toy/two", "2" * 32), ("toy/three", "3" * 32))
DAY, NEXT = "2026-05-01T12:00:00Z", "2026-05-02T12:00:00Z"


@pytest.fixture
def book():
    return Ledger().extended([ONE, TWO], "github:ada", DAY).extended([THREE], "", NEXT)


def test_it_is_read_as_it_was_written(book, tmp_path):
    ledger.write(tmp_path / "ledger.csv", book)
    assert ledger.read(tmp_path / "ledger.csv") == book
    head, first, *_ = (tmp_path / "ledger.csv").read_text().splitlines()
    assert head == "seen,account,what,digest,chain"
    assert first.startswith(f"{DAY},github:ada,toy/one,{'1' * 32},")


def test_one_that_is_not_there_is_empty(tmp_path):
    assert ledger.read(tmp_path / "ledger.csv") == Ledger()


def test_it_only_grows_at_its_end(book):
    more = book.extended([TWO, ("toy/four", "4" * 32)], "github:eve", "2026-05-03T12:00:00Z")
    assert more.text.startswith(book.text)
    assert more.lines[:3] == book.lines
    assert [(one.path, one.account) for one in more.lines[3:]] == [("toy/four", "github:eve")]
    assert more.extended([ONE, TWO, THREE], "github:eve", NEXT) == more


def test_what_was_seen_later_is_never_as_old(book):
    more = book.extended([("toy/four", "4" * 32), ("toy/five", "5" * 32)], "", DAY)
    assert {one.seen for one in more.lines[3:]} == {"2026-05-02T12:00:01Z"}


def swapped(rows):
    rows[1], rows[2] = rows[2], rows[1]


def cut_out(rows):
    del rows[2]


def another_account(rows):
    rows[1] = rows[1].replace("github:ada", "github:eve")


def older(rows):
    rows[3] = rows[3].replace("2026-05-02", "2026-04-02")


def added_above(rows):
    rows.insert(1, rows[3])


def written_otherwise(rows):
    rows[2] = rows[2].replace("github:ada", "Ada Lovelace")


def another_head(rows):
    rows[0] = "date,who"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swapped, "has a line 2 that does not follow from the lines before it"),
        (cut_out, "has a line 3 that does not follow from the lines before it"),
        (another_account, "has a line 2 that does not follow from the lines before it"),
        (older, "has a line 4 that does not follow from the lines before it"),
        (added_above, "has a line 2 that does not follow from the lines before it"),
        (written_otherwise, "has a malformed line 3"),
        (another_head, "does not begin with seen,account,what,digest,chain"),
    ],
)
def test_a_line_that_was_changed_moved_or_taken_out_is_noticed(book, tmp_path, change, words):
    rows = book.text.splitlines()
    change(rows)
    path = tmp_path / "ledger.csv"
    path.write_text("\n".join(rows) + "\n")
    (tmp_path / "submissions").mkdir()
    command = ["leaderboard", "build", "--submissions", str(tmp_path / "submissions")]
    for check in ([], ["--check"]):
        done = CliRunner().invoke(app, [*command, "--out", str(tmp_path), *check])
        assert done.exit_code == 1
        assert str(done.exception) == (
            f"ledger.csv {words}: lines are only ever added, and only at the end; restore the "
            f"file from the main branch (`git checkout origin/main -- {path}`) and run `serbench "
            "leaderboard build` again, which adds new submissions"
        )
    assert path.read_text().splitlines() == rows


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"PK\x03\x04"])
def test_what_is_no_ledger_is_refused(tmp_path, data):
    path = tmp_path / "ledger.csv"
    path.write_bytes(data)
    with pytest.raises(SerbenchError, match="ledger.csv is "):
        ledger.read(path)


@pytest.mark.parametrize("account", ["github:Ada", "github:dependabot[bot]", "serbench", ""])
def test_accounts_are_written_in_small_letters(account):
    assert require_account(account) == account.lower()


@pytest.mark.parametrize(
    "account", ["ada", "serbench2", "github:", "github:a,b", "github:\u0430da"]
)
def test_what_is_no_account_is_refused(account):
    with pytest.raises(
        BadParameter, match="is not an account: write it as HOST:NAME, as in github:"
    ):
        require_account(account)


@pytest.mark.parametrize("time", ["2026-99-99T99:99:99Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_cannot_be_is_refused(tmp_path, time):
    path = tmp_path / "ledger.csv"
    path.write_text(ledger.Ledger((ledger.Line(time, "serbench", "toy/one", "a" * 32),)).text)
    with pytest.raises(SerbenchError, match="has an invalid or future time in line 2"):
        ledger.read(path)
