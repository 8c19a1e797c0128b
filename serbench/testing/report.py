"""What came of the checks of one plugin, for people and for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from serbench.testing.examination import Check, State, Verdict
from serbench.text import shown

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
        kind: "model", "features", "dataset" or "package".
        name: of the plugin.
        checks: that were asked for.
        verdicts: one a check, in their order.
    """

    kind: str
    name: str
    checks: Sequence[Check]
    verdicts: Sequence[Verdict]

    @property
    def ok(self) -> bool:
        """Nothing failed, and something was run."""
        states = {verdict.state for verdict in self.verdicts}
        return "failed" not in states and "ok" in states

    def count(self) -> dict[str, int]:
        """How many checks came out how."""
        found = Counter(verdict.state for verdict in self.verdicts)
        return {state: found[state] for state in SHOWN}

    def text(self) -> str:
        """One line a check, and one that sums up."""
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"{self.kind} {shown(self.name)}"]
        for check, verdict in zip(self.checks, self.verdicts, strict=True):
            words = shown(verdict.reason) or check.demands
            lines.append(f"  {SHOWN[verdict.state]:8}  {check.name:{width}}  {words}")
        counts = [f"{number} {SHOWN[state]}" for state, number in self._some()]
        page = "" if self.ok else "; docs/checking.md explains each"
        return "\n".join([*lines, f"{', '.join(counts)}{page}"])

    def _some(self) -> list[tuple[State, int]]:
        found = Counter(verdict.state for verdict in self.verdicts)
        return [(state, found[state]) for state in SHOWN if found[state]]

    def json(self) -> str:
        """The same for programs, with a schema number."""
        rows = [
            {**asdict(verdict), "demands": check.demands, "why": check.why}
            for check, verdict in zip(self.checks, self.verdicts, strict=True)
        ]
        words = {
            "schema": SCHEMA,
            "kind": self.kind,
            "name": self.name,
            "ok": self.ok,
            "counts": self.count(),
            "checks": rows,
        }
        return json.dumps(words, indent=1, ensure_ascii=False)
