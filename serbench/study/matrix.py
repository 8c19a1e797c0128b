"""The runs of a study: every model on every dataset, with every protocol, label set and seed."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from serbench.errors import BadParameter
from serbench.results.config import Request
from serbench.results.display_names import TITLES, normalised, told_apart

FIELDS = tuple(each.name for each in fields(Request))
COLUMN = ("dataset", "protocol", "labels", "data")  # what the runs of a column share
MOST_SEEDS = 10_000

Axes = Mapping[str, Sequence[Any]]
"""The values of fields of `Request`, by field."""


@dataclass(frozen=True)
class Item:
    """A model or a dataset of a study, and the fields that are set for it alone."""

    name: str
    axes: Axes = field(default_factory=dict)


@dataclass(frozen=True)
class Combination:
    """A run of a study, and its place in the table."""

    request: Request
    row: int  # position in `Matrix.rows`
    column: int  # position in `Matrix.columns`


@dataclass(frozen=True)
class Matrix:
    """The runs of a study, in the order in which they are computed: row by row."""

    combinations: tuple[Combination, ...]
    rows: tuple[Request, ...]  # the models with their parameters; these requests have no dataset
    columns: tuple[Request, ...]  # datasets with all fields set for them; these have no model

    @property
    def requests(self) -> list[Request]:
        """The requests of all runs."""
        return [each.request for each in self.combinations]

    @cached_property
    def row_names(self) -> list[str]:
        """The name of each row: its model, with the settings in which its rows differ."""
        names = told_apart(
            {str(at): (row.model, _settings(row)) for at, row in enumerate(self.rows)}
        )
        return [names[str(at)] for at in range(len(self.rows))]

    @cached_property
    def column_names(self) -> list[str]:
        """The name of each column: its corpus, with the settings in which its columns differ."""
        return [name + more for name, more in self._column_parts]

    def model_name(self, row: int, column: int) -> str:
        """Return the name of a model in lists that have columns for corpus, protocol and labels."""
        return self.row_names[row] + self._column_parts[column][1]

    @cached_property
    def _column_parts(self) -> list[tuple[str, str]]:
        """The name of each column with protocol, labels and data, and its other settings."""
        names = []
        for column in self.columns:
            same = [each for each in self.columns if each.dataset == column.dataset]
            more = [
                str(getattr(column, name) or f"default {name}")
                for name in ("protocol", "labels", "data")
                if len({getattr(each, name) for each in same}) > 1
            ]
            names.append(", ".join([TITLES.get(column.dataset, column.dataset), *more]))
        told = told_apart(
            {
                str(at): (name, _settings(column))
                for at, (name, column) in enumerate(zip(names, self.columns, strict=True))
            }
        )
        return [(name, told[str(at)].removeprefix(name)) for at, name in enumerate(names)]

    @cached_property
    def has_seeds(self) -> bool:
        """Whether there are runs with different seeds."""
        return len({each.request.seed for each in self.combinations}) > 1

    def title(self, combination: Combination) -> str:
        """Return a run's name for readers: "alexnet-mel on RAVDESS, seed 0"."""
        seed = f", seed {combination.request.seed}" if self.has_seeds else ""
        place = self.column_names[combination.column]
        return f"{self.row_names[combination.row]} on {place}{seed}"


def expand(models: Sequence[Item], datasets: Sequence[Item], axes: Axes) -> Matrix:
    """Return every model on every dataset, with every combination of the other fields.

    A model's or a dataset's own fields replace those of `axes`, but parameters add up.

    Raises:
        BadParameter: an item is given twice, or a model and a dataset set the same field.
    """
    for kind, items in (("model", models), ("dataset", datasets)):
        for at, item in enumerate(items):
            if item in items[:at]:
                raise BadParameter(f"the {kind} {item.name} is given twice: name it once")
    found: list[tuple[Request, str, str]] = []
    rows: dict[str, Request] = {}
    columns: dict[str, tuple[int, Request]] = {}
    for (at_model, model), (at_data, data) in itertools.product(
        enumerate(models), enumerate(datasets)
    ):
        for request, own in _requests(model, data, axes):
            row = replace(own, **{name: _DEFAULTS[name] for name in (*COLUMN, "seed")})
            fixed = {*COLUMN, *data.axes} - {"params", "seed"}
            column = replace(
                _BLANK,
                params={
                    key: request.params[key] for key in request.params if key not in own.params
                },
                **{name: getattr(request, name) for name in fixed},
            )
            keys = [_key(at_model, row), _key(None, column)]
            rows.setdefault(keys[0], row)
            columns.setdefault(keys[1], (at_data, column))
            found.append((request, keys[0], keys[1]))
    order = sorted(columns, key=lambda key: columns[key][0])  # stable within a dataset
    row_at = {key: at for at, key in enumerate(rows)}
    column_at = {key: at for at, key in enumerate(order)}
    return Matrix(
        tuple(Combination(each, row_at[row], column_at[column]) for each, row, column in found),
        tuple(rows.values()),
        tuple(columns[key][1] for key in order),
    )


_BLANK = Request("", "")
_DEFAULTS: Mapping[str, Any] = {name: getattr(_BLANK, name) for name in FIELDS}


def _settings(request: Request) -> dict[str, object]:
    """Return the parameters, and the other settings that are not the default."""
    names = ("features", "trim_db", "precision", "threads", "augment")
    more = {name: getattr(request, name) for name in names}
    return {
        **request.params,
        **{name: _as_text(value) for name, value in more.items() if value != _DEFAULTS[name]},
        "normalisation": normalised(request.normalise),
    }


def _as_text(value: Any) -> object:
    return "none" if value is None else "+".join(value) if isinstance(value, tuple) else value


def _key(item: int | None, request: Request) -> str:
    return json.dumps([item, vars(request)], sort_keys=True, default=str)


def _requests(model: Item, data: Item, axes: Axes) -> Iterator[tuple[Request, Request]]:
    """Yield each request of a model on a dataset, also without the fields of the dataset."""
    for name in sorted({*model.axes} & {*data.axes} - {"params"}):
        raise BadParameter(f"{name} is set for {model.name} and for {data.name}: set it once")
    merged = {**axes, **data.axes, **model.axes, "params": [{}]}
    given = [each.get("params", [{}]) for each in (axes, model.axes, data.axes)]
    for values in itertools.product(*merged.values()):
        common = dict(zip(merged, values, strict=True))
        own = {name: value for name, value in common.items() if name not in data.axes}
        for shared, of_model, of_data in itertools.product(*given):
            for name in sorted({*of_model} & {*of_data}):
                raise BadParameter(
                    f"parameter {name} is set for {model.name} and for {data.name}: set it once"
                )
            params = {name: shared[name] for name in shared if name not in of_data} | of_model
            names = {"model": model.name, "dataset": data.name}
            yield (
                Request(**{**common, **names, "params": {**params, **of_data}}),
                Request(**{**own, **names, "params": params}),
            )


def seeds(value: object) -> list[int]:
    """Return the seeds that a number, or text such as "3" or "0-4", stands for.

    >>> seeds("0-4"), seeds(7)
    ([0, 1, 2, 3, 4], [7])

    Raises:
        BadParameter: the value is neither a number nor a range, or the range is empty or too long.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    match = re.fullmatch(r"(\d{1,20})(?:-(\d{1,20}))?", value) if isinstance(value, str) else None
    if match is None:
        raise BadParameter(f"the seed is {value!r}, but must be a number or a range such as 0-4")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 <= last - first < MOST_SEEDS:
        raise BadParameter(
            f"the seeds are {value!r}, but a range must go up, and have at most {MOST_SEEDS} seeds"
        )
    return list(range(first, last + 1))
