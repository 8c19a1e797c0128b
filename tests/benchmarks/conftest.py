"""Ratios of what was measured side by side, held against those that were measured before.

A ratio is the time of the other way over the time of ours, both of one run, so that it says the
same on a busy machine, more or less. Another processor has other ratios: 2.9 where one has 4.54. So
`baselines.json` says what a ratio was, and where; elsewhere ours must not take longer than the
other way, measured at the same time.
"""

import datetime
import json
from pathlib import Path

import pytest

from serbench.bench.result import machine

BASELINES = Path(__file__).with_name("baselines.json")
KEPT = 0.7  # of its baseline is what a ratio must keep; two runs differ by a fifth as it is
OURS = "ours"


def pytest_addoption(parser):
    parser.addoption(
        "--update-baselines",
        action="store_true",
        help="write the ratios of this run to tests/benchmarks/baselines.json",
    )


class Ratios:
    """The ratios of one run."""

    def __init__(self, baselines: Path, *, update: bool):
        self._file, self._update = baselines, update
        self._here = "{processor}, {cores} cores".format(**machine())
        self._times: dict[str, dict[str, float]] = {}

    def took(self, what, way, benchmark):
        """The fixture of pytest-benchmark has just measured one way to do something."""
        if benchmark.stats is not None:  # it may be disabled
            self.heard(what, way, benchmark.stats.stats.min)

    def heard(self, what: str, way: str, seconds: float) -> None:
        """One way to do something took so long, at best; `OURS` is ours.

        As soon as ours and another are known, their ratio is compared with its baseline.
        """
        times = self._times.setdefault(what, {})
        times[way] = seconds
        others = [one for one in times if one != OURS] if way == OURS else [way]
        for other in others if OURS in times else ():
            self._check(f"{what}: {other}", times[other] / times[OURS])

    def _check(self, name: str, ratio: float) -> None:
        if self._update:
            self._write(name, ratio)
            return
        known = json.loads(self._file.read_text()) if self._file.exists() else {}
        update = "`make bench BENCH=--update-baselines` writes the ratios of this machine"
        assert name in known, f"{name} has no baseline in {self._file.name}: {update}"
        baseline = known[name]
        if baseline["machine"] != self._here:
            assert ratio >= KEPT, (
                f"{name}: {ratio:.2f} times our time: ours is the slower way on this machine, or "
                f"it was busy; its baseline is of another one ({baseline['machine']})"
            )
            return
        assert ratio >= KEPT * baseline["ratio"], (
            f"{name}: {ratio:.2f} times our time, but {baseline['ratio']:.2f} times on "
            f"{baseline['date']} ({baseline['machine']}): it is slower than it was, or the machine "
            f"was busy; where that is as it should be, {update}"
        )

    def _write(self, name: str, ratio: float) -> None:
        known = json.loads(self._file.read_text()) if self._file.exists() else {}
        known[name] = {
            "ratio": round(ratio, 2),
            "machine": self._here,
            "date": datetime.date.today().isoformat(),
        }
        self._file.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


@pytest.fixture(scope="session")
def ratios(pytestconfig):
    """Hears how long each way took."""
    return Ratios(BASELINES, update=pytestconfig.getoption("--update-baselines"))
