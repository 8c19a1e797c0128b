"""A leaderboard built from nothing, and again after one new submission.

The submissions are synthetic but valid: CREMA-D and RAVDESS with their real folds, IEMOCAP with its
labels withheld, a third each. SERBENCH_BENCH_SUBMISSIONS says how many; 1000 take a few minutes to
write. The cache is made to believe files that have just been written.
"""

import itertools
import os

import pytest

from serbench.leaderboard import build as building
from serbench.leaderboard.ranking import cache
from serbench.settings import settings

COUNT = int(os.environ.get("SERBENCH_BENCH_SUBMISSIONS", "60"))
WHAT = f"leaderboard of {COUNT} submissions after one new"


@pytest.fixture(scope="module")
def write(tiny_plugin):
    from synthetic_submissions import CORPORA, write

    return lambda parent, number: write(parent, CORPORA[number % len(CORPORA)], number)


@pytest.fixture(scope="module")
def home(tmp_path_factory, write):
    """A folder of submissions, and places without any corpus."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(home / "cache"))
        patch.setenv("SERBENCH_DATA", str(home / "data"))
        patch.setattr(cache, "SETTLED", -60.0)
        for number in range(COUNT):
            write(home / "submissions", number)
        yield home


def build(home):
    return building.build(home / "submissions", home / "board", settings())


def test_from_nothing(benchmark, home, ratios):
    def forget():
        for path in home.glob("cache/leaderboard/*.json"):
            path.unlink()

    assert benchmark.pedantic(build, (home,), setup=forget, rounds=2) is not None
    page = (home / "board" / "leaderboard.csv").read_text()
    assert page.count(",measured,") == COUNT
    ratios.took(WHAT, "from nothing", benchmark)


def test_after_one_new(benchmark, home, write, ratios):
    numbers = itertools.count(COUNT)
    build(home)
    changed = benchmark.pedantic(
        build, (home,), setup=lambda: write(home / "submissions", next(numbers)) and None, rounds=3
    )
    assert "README.md" in changed
    ratios.took(WHAT, "ours", benchmark)
