"""The `serbench evaluate` command that makes a run, for cards, reports and error messages."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.parameters import is_import_path, typed
from serbench.plugins import registry
from serbench.results.config import Config, Request
from serbench.text import shown


def request(config: Config) -> Request:
    """Return the request whose plan has this configuration.

    Raises:
        SerbenchError: its trim threshold is not a number; results may be a stranger's.
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
        # a parameter that the model and its features share is one option
        params={
            **_later("feature", config.feature),
            **config.feature_params,
            **_later("model", config.model),
            **config.params,
        },
        trim_db=None if trim_db is None else float(trim_db),
        features=config.feature if is_import_path(config.model) else None,
        precision=config.precision,
        threads=config.threads,
    )


def _later(kind: str, name: str) -> Mapping[str, object]:
    """Return the parameters that a configuration may leave out; see `contracts.HasAddedParams`.

    Nothing is returned for a plugin that is not installed here, nor for a model by import path,
    since importing it would run it.
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

    It spells out every parameter of the request, so that it makes the same run where a release has
    other defaults.

    Args:
        asked: what to run.
        folds: names of the only folds to run; none runs all.
        results: the parent folder of the run; None leaves the option out.
    """
    options = [("model", asked.model), ("dataset", asked.dataset)]
    options += [
        (name, str(value))
        for name, value in (
            ("protocol", asked.protocol),
            ("labels", asked.labels),
            ("features", asked.features),
            ("seed", asked.seed),
            ("precision", asked.precision),
            ("threads", asked.threads),
        )
        if value is not None
    ]
    options.append(("trim-db", "none" if asked.trim_db is None else _number(asked.trim_db)))
    options += [("param", typed(name, value)) for name, value in asked.params.items()]
    options += [("data", str(asked.data))] if asked.data is not None else []
    options += [("fold", name) for name in folds]
    options += [("results", str(results))] if results is not None else []
    words = [word for name, value in options for word in (f"--{name}", value)]
    return shown(shlex.join(["serbench", "evaluate", *words]))


def _number(value: float) -> str:
    """Return the shortest text that reads back as exactly this number: "60" for 60.0."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
