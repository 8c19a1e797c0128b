"""Hold the measurements of a machine, and format them as a table or JSON."""

import dataclasses
import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serbench import tables
from serbench.bench.estimate import Estimate
from serbench.evaluation import provenance
from serbench.processes import cores

SCHEMA = 1
LATE = 1.2  # times the seconds asked for; a measurement that takes longer says so
HEAD = ("item", "utterances/s", "GFLOP/s", "of the limit", "threads", "device", "precision")


@dataclass(frozen=True)
class Measurement:
    """One item, such as "mel" or "alexnet-mel, training", in one process."""

    item: str
    threads: int
    device: str = "cpu"
    precision: str = ""  # of matrix products, if known
    per_second: float | None = None  # utterances
    gflops: float | None = None  # 10^9 floating-point operations per second, if counted
    limit: float | None = None  # `gflops` as a share of a large matrix product's

    def row(self) -> list[str]:
        """Return the cells under `HEAD`."""
        return [
            self.item,
            figure(self.per_second),
            figure(self.gflops),
            "" if self.limit is None else f"{100 * self.limit:.0f} %",
            str(self.threads),
            self.device,
            self.precision,
        ]


@dataclass(frozen=True)
class Bench:
    """The measured speed of this machine. Prints as tables."""

    like: str  # the dataset whose utterances were imitated
    seconds: Mapping[str, float]  # mean lengths of these utterances: "recorded" and "trimmed"
    at_once: int  # processes that learned at the same time
    measured: str  # the date
    load: float  # the load average of the minute before
    machine: Mapping[str, Any]
    items: tuple[Measurement, ...]  # in the order in which they were measured
    left_out: Mapping[str, str] = field(default_factory=dict)  # item to reason
    asked: float | None = None  # seconds to spend on all items; None: no limit was set
    took: float = 0.0  # seconds
    estimate: Estimate | None = None  # if a model and a dataset were named

    def to_json(self) -> str:
        """Format everything, with a schema number."""
        data: dict[str, Any] = {"schema": SCHEMA, **dataclasses.asdict(self)}
        if self.estimate is not None:
            data["estimate"]["seconds"] = self.estimate.seconds
        return json.dumps(data, indent=1)

    def table(self, form: str = "text") -> str:
        """Format the items alone."""
        return tables.table(HEAD, [item.row() for item in self.items], form)

    def __str__(self) -> str:
        machine = self.machine
        memory = machine["memory_gb"]
        lines = [
            f"{machine['processor']}, {tables.count(machine['cores'], 'core')}"
            + (f", {memory:.0f} GB" if memory else ""),
            f"utterances as long as those of {self.like}: {self.seconds['recorded']:.2f} s as "
            f"recorded, {self.seconds['trimmed']:.2f} s trimmed, on average",
            "",
            self.table(),
        ]
        lines += [f"left out: {name}: {reason}" for name, reason in self.left_out.items()]
        if self.asked is not None and self.took > LATE * self.asked:
            lines.append(
                f"took {tables.duration(self.took)}, longer than --seconds {self.asked:g}, although"
                " everything was measured as briefly as possible: times are rough"
            )
        if self.at_once > 1:
            lines.append(f"each of {self.at_once} processes that learned at the same time")
        if self.load > machine["cores"] / 2:
            lines.append(
                f"the machine was busy (load {self.load:.1f} on "
                f"{tables.count(machine['cores'], 'core')}): measure again when it is idle"
            )
        return "\n".join(lines) + (f"\n\n{self.estimate}" if self.estimate else "")


def figure(value: float | None) -> str:
    """Format a number with three significant digits, "" if it is unknown.

    >>> figure(1234.5), figure(12.345), figure(0.0123), figure(3e7), figure(None)
    ('1234', '12.3', '0.0123', 'over 10^6', '')
    """
    if value is None:
        return ""
    if value > 1e6:  # the waveform feature computes nothing
        return "over 10^6"
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


def machine() -> dict[str, Any]:
    """Describe this machine: its processor, cores, memory, system and versions of libraries."""
    memory = None
    if sys.platform != "win32":
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    return {
        "processor": provenance.processor() or platform.machine(),
        "cores": cores(),
        "memory_gb": memory,  # None if unknown
        "system": platform.platform(),
        "versions": provenance.versions(),
    }
