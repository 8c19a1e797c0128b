"""What it takes to compute a run again: its configuration, versions, and two commands."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from serbench.evaluation import command
from serbench.results.config import Config
from serbench.results.run import Run

Rows = list[list[str]]
"""What, and its value."""


def configuration(run: Run) -> Rows:
    """The run's identity, every parameter on a row of its own."""
    return _flat(run.config)


def versions(run: Run) -> Rows:
    """The versions, digests and machine that the first fold recorded, and what differs in others.

    Paths are in none of them: what is published says nothing of the disk that it was made on.
    """
    of = run.facts
    kinds = {"version of": of["versions"], "source of": of["sources"], "digest of": of["pins"]}
    rows = [
        [f"{kind} {name}", words(one)] for kind, each in kinds.items() for name, one in each.items()
    ]
    rows += [[str(name), words(value)] for name, value in of["machine"].items()]
    rows.append(["finished", str(of.get("finished", "-"))])
    if run.differing():
        rows.append(["folds differ in", ", ".join(run.differing())])
    if run.tested_twice:
        rows.append(["utterances in more than one test set", str(run.tested_twice)])
    return rows


def commands(run: Run) -> tuple[str, str]:
    """What computes the scores again from the stored predictions, and the run from the corpus."""
    return (
        shlex.join(["serbench", "score", run.name]),
        command.evaluate(command.request(Config(**run.config))),
    )


def words(value: object) -> str:
    """A value as a user types it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flat(config: Mapping[str, Any]) -> Rows:
    rows: Rows = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            rows += [[f"{name}: {inner}", words(each)] for inner, each in value.items()]
        else:
            rows.append([str(name), words(value)])
    return rows
