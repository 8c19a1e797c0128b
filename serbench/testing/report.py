"""The report of one plugin's checks, as text and as JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from serbench.escaping import shown
from serbench.testing.examination import Check, State, Verdict

SCHEMA = 1
SHOWN: dict[State, str] = {
    "ok": "ok",
    "failed": "FAILED",
    "expected": "expected",
    "not run": "not run",
}


@dataclass(frozen=True)
class Report:
    """The verdicts on one plugin.

    Attributes:
        kind: "model", "features", "dataset", "engine" or "package".
        name: the name of the plugin.
        checks: the checks for plugins of this kind.
        verdicts: one per check, in the same order.
    """

    kind: str
    name: str
    checks: Sequence[Check]
    verdicts: Sequence[Verdict]

    @property
    def ok(self) -> bool:
        """Whether no check failed and at least one is ok."""
        counts = self.count()
        return counts["ok"] > 0 and counts["failed"] == 0

    def count(self) -> dict[State, int]:
        """Count the checks in each state."""
        counts = Counter(verdict.state for verdict in self.verdicts)
        return {state: counts[state] for state in SHOWN}

    def text(self) -> str:
        """Return a line per check, and a summary."""
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"{self.kind} {shown(self.name)}"]
        for check, verdict in zip(self.checks, self.verdicts, strict=True):
            remark = shown(verdict.reason) or check.demands
            lines.append(f"  {SHOWN[verdict.state]:8}  {check.name:{width}}  {remark}")
        counts = [f"{count} {SHOWN[state]}" for state, count in self.count().items() if count]
        page = "" if self.ok else "; docs/checking.md explains each"
        return "\n".join([*lines, f"{', '.join(counts)}{page}"])

    def json(self) -> str:
        """Return the report as JSON, with a schema number."""
        rows = [
            {**asdict(verdict), "demands": check.demands, "why": check.why}
            for check, verdict in zip(self.checks, self.verdicts, strict=True)
        ]
        report = {
            "schema": SCHEMA,
            "kind": self.kind,
            "name": self.name,
            "ok": self.ok,
            "counts": self.count(),
            "checks": rows,
        }
        return json.dumps(report, indent=1, ensure_ascii=False)
