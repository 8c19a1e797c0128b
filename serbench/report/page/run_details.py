"""List the configuration and versions of a run, and the commands to repeat it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict

from serbench.evaluation import command
from serbench.results.run import Run

Rows = list[list[str]]
"""Rows of a name and a value."""


def configuration(run: Run) -> Rows:
    """Return the run's identity, one parameter per row."""
    rows: Rows = []
    for name, value in run.config.stored().items():
        if isinstance(value, Mapping):
            rows += [[f"{name}: {key}", _text(inner)] for key, inner in value.items()]
        else:
            rows.append([name, _text(value)])
    return rows


def versions(run: Run) -> Rows:
    """Return versions, digests and machine of the first fold, and the fields that differ in others.

    Rows contain no paths, so that a published page reveals nothing about the disk.
    """
    facts = run.facts
    kinds = {
        "version of ": facts.versions,
        "source of ": facts.sources,
        "digest of ": {name: pin for name, pin in asdict(facts.pins).items() if pin},
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
    """Return the command that scores the stored predictions, and the one that repeats the run."""
    return (
        shlex.join(["serbench", "score", run.name]),
        command.evaluate(command.request(run.config)),
    )


def _text(value: object) -> str:
    """Return text unchanged, and other values as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
