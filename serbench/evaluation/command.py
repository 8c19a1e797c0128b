"""Format the `serbench evaluate` command of a run, for cards, reports and error messages."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.escaping import shown
from serbench.parameters import is_import_path, short_spec, typed
from serbench.plugins import registry
from serbench.results.config import NO_NORMALISING, NONE, Config, Request


def request(config: Config) -> Request:
    """Return the request whose plan has this configuration.

    Raises:
        SerbenchError: the trim threshold is not a number, in untrusted results.
    """
    trim_db: Any = config.reading.get("trim_db")
    if trim_db is not None and type(trim_db) not in (int, float):
        raise SerbenchError(f"the run was trimmed at {shown(repr(trim_db), 400)}, not a number")
    return Request(
        model=config.model,
        dataset=config.dataset,
        protocol=config.protocol,
        labels=config.labels,
        seed=config.seed,
        # a parameter that the model and its features share is a single option
        params={
            **_added_params("feature", config.feature),
            **config.feature_params,
            **_added_params("model", config.model),
            **config.params,
        },
        trim_db=None if trim_db is None else float(trim_db),
        features=config.feature if is_import_path(config.model) else None,
        precision=config.precision,
        threads=config.threads,
        augment=tuple(config.augment) or _no_copies(config.model),
        normalise=config.normalise,
    )


def _no_copies(model: str) -> tuple[str, ...] | None:
    """Return how to ask for a model without copies: only a model with its own needs words."""
    entry = registry.installed().entries["model"].get(model)
    return NONE if getattr(entry, "augment", ()) else None


def _added_params(kind: str, name: str) -> Mapping[str, object]:
    """Return the parameters that a configuration may leave out; see `contracts.HasAddedParams`.

    Return none for a plugin that is not installed, or for a model by import path, since importing
    would run its code.
    """
    if is_import_path(name):
        return {}
    try:
        return registry.complete(registry.load(registry.find(kind, name)), {})
    except SerbenchError:
        return {}


def evaluate(
    asked: Request, *, folds: Sequence[str] = (), results: str | Path | None = None
) -> str:
    """Return the command on one line, ready for a shell.

    The command spells out every parameter, so that it makes the same run under a release with other
    defaults.

    Args:
        asked: the request to run.
        folds: the names of the folds to run; empty runs all.
        results: the parent folder of the run; None leaves the option out.
    """
    trim_db = "none"
    if asked.trim_db is not None:  # the shortest text that reads back as this number: 60 for 60.0
        trim_db = f"{asked.trim_db:g}"
        trim_db = trim_db if float(trim_db) == asked.trim_db else repr(asked.trim_db)
    names = ("model", "dataset", "protocol", "labels", "features", "seed", "precision", "threads")
    options = [(name, getattr(asked, name)) for name in names]
    options.append(("trim-db", trim_db))
    if asked.normalise != NO_NORMALISING:
        options.append(("normalise", asked.normalise))
    options += [("param", typed(name, value)) for name, value in asked.params.items()]
    options += [("augment", short_spec(spec)) for spec in asked.augment or ()]
    options += [("data", asked.data), *(("fold", name) for name in folds), ("results", results)]
    arguments = [
        text for name, value in options if value is not None for text in (f"--{name}", str(value))
    ]
    return shown(shlex.join(["serbench", "evaluate", *arguments]))
