"""List how a run was made: its configuration, its versions, and the commands to make it again."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict

from serbench.evaluation import command
from serbench.results.run import Run

Rows = list[list[str]]
"""Rows of a name and its value."""


def configuration(run: Run) -> Rows:
    """Return the run's identity, every parameter on a row of its own."""
    rows: Rows = []
    for name, value in run.config.stored().items():
        if isinstance(value, Mapping):
            rows += [[f"{name}: {key}", _text(inner)] for key, inner in value.items()]
        else:
            rows.append([name, _text(value)])
    return rows


def versions(run: Run) -> Rows:
    """Return the versions, digests and machine of the first fold, and what differs in others.

    They contain no paths: a published page says nothing of the disk that it was written on.
    """
    facts = run.facts
    kinds = {
        "version of ": facts.versions,
        "source of ": facts.sources,
        "digest of ": asdict(facts.pins),
        "": facts.machine,
    }
    rows = [
        [f"{kind}{name}", _text(value)]
        for kind, values in kinds.items()
        for name, value in values.items()
    ]
    rows.append(["finished", facts.finished or "-"])
    if run.differing():
        rows.append(["folds differ in", ", ".join(run.differing())])
    if run.tested_twice:
        rows.append(["utterances in more than one test set", str(run.tested_twice)])
    return rows


def commands(run: Run) -> tuple[str, str]:
    """Return the commands that score the stored predictions, and that make the run again."""
    return (
        shlex.join(["serbench", "score", run.name]),
        command.evaluate(command.request(run.config)),
    )


def _text(value: object) -> str:
    """Return a value as a user types it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
