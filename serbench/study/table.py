"""One table of a study: a row per model, a group of columns per corpus, seeds as one row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from serbench import tables
from serbench.errors import nearest
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import MeanStd, mean_std
from serbench.results import literature
from serbench.results.eligibility import PARTIAL
from serbench.results.run import CONTROL, Run, chance, circumstances, computed, differing, seen
from serbench.study.matrix import Matrix
from serbench.study.study_run import ORDER, StudyRun

FORMATS = ("text", "markdown", "latex", "html", "csv")
SHOWN = ("accuracy", "uar", "f1")
TITLES = {"accuracy": "accuracy (WA)"}  # of columns; other metrics have their own


@dataclass(frozen=True)
class Cell:
    """A model on a corpus, with all its seeds."""

    scores: Mapping[str, MeanStd]  # by metric; {} without a fold
    runs: tuple[Run, ...]  # one per seed that has folds
    reasons: tuple[str, ...] = ()  # why folds are missing, and why it has no rank
    word: str = "-"  # in place of scores: "failed", "missing"

    @property
    def is_ranked(self) -> bool:
        """Whether it may be the best of its column; controls may not."""
        is_control = any(run.config.model.startswith(CONTROL) for run in self.runs)
        return bool(self.scores) and not self.reasons and not is_control and not self.sees

    @property
    def sees(self) -> str:
        """What its models see of the test set besides the utterance to predict, or ""."""
        return self.runs[0].sees if self.runs else ""


@dataclass(frozen=True)
class StudyTable:
    """The cells of a study's table."""

    matrix: Matrix
    metrics: tuple[str, ...]
    cells: Mapping[tuple[int, int], Cell]  # by row and column
    seeds: Mapping[int, int]  # how many seeds each row has

    def format(self, form: str) -> str:
        """Return the table in one of `FORMATS`."""
        if form == "csv":
            return tables.table(*self._sheet(), "csv")
        if form not in FORMATS:
            raise nearest("format", form, FORMATS)
        grouped = self._grouped()
        made: str = getattr(grouped, form)()
        return made

    def notes(self, form: str) -> list[str]:
        """Return the lines below the table."""
        mark = "*" if form == "text" else "Bold"
        spread = "% mean ± sample standard deviation over folds"
        if self.matrix.has_seeds:
            spread += ", each fold with its mean over seeds"
        notes = [f"{spread}."]
        if self._best():
            notes.append(f"{mark}: the best score of its column among models that may be ranked.")
        columns = range(len(self.matrix.columns))
        notes += [line for column in columns for line in self._setting(column)]
        if self._beside()[1]:
            notes.append("The paper's rows carry caveats: `serbench leaderboard show` lists them.")
        if any(
            cell.scores and any(run.missing for run in cell.runs) for cell in self.cells.values()
        ):
            notes.append(PARTIAL)
        numbered: dict[int, list[tuple[int, int]]] = {}
        for place, number in self._numbers().items():
            numbered.setdefault(number, []).append(place)
        for number, noted in numbered.items():
            titles = ", ".join(self._title(*place) for place in noted)
            notes.append(f"[{number}] {titles}: {'; '.join(self.cells[noted[0]].reasons)}.")
        for (row, column), cell in self.cells.items():
            title, seeds = self._title(row, column), self.seeds[row]
            if cell.scores and len(cell.runs) < seeds:
                notes.append(f"{title}: the mean over {len(cell.runs)} of {seeds} seeds.")
        names = {run.name: self._title(*place) for place, run in self._runs()}
        notes += [f"{names[name]}: {line}" for name, line in self._seeing().items()]
        for run in {run.name: run for _, run in self._runs()}.values():
            if kinds := run.differing():
                seed = f", seed {run.config.seed}" if self.matrix.has_seeds else ""
                notes.append(f"{names[run.name]}{seed}: the folds differ in {', '.join(kinds)}.")
        notes += circumstances(
            list(
                dict.fromkeys(
                    (names[run.name], computed(fold.facts))
                    for _, run in self._runs()
                    for fold in run.folds
                )
            )
        )
        spent = sum({run.name: run.seconds() for _, run in self._runs()}.values())
        if spent:
            notes.append(f"Fitted and predicted in {tables.duration(spent)}, summed over folds.")
        return notes

    def _seeing(self) -> dict[str, str]:
        """Return a line for each cell whose models see more of the test set, by its first run."""
        first = [cell.runs[0] for cell in self.cells.values() if cell.sees]
        return {run.name: line for run in first for line in seen(run)}

    def _runs(self) -> list[tuple[tuple[int, int], Run]]:
        return [(place, run) for place, cell in self.cells.items() for run in cell.runs]

    def _title(self, row: int, column: int) -> str:
        return f"{self.matrix.row_names[row]} on {self.matrix.column_names[column]}"

    def _numbers(self) -> dict[tuple[int, int], int]:
        """Return the numbers of the notes, by cell; cells with the same reasons share a note."""
        numbers: dict[tuple[str, ...], int] = {}
        return {
            place: numbers.setdefault(cell.reasons, len(numbers) + 1)
            for place, cell in sorted(self.cells.items())
            if cell.reasons
        }

    @cached_property
    def _in_columns(self) -> Mapping[int, Sequence[Run]]:
        runs: dict[int, list[Run]] = {}
        for place, run in self._runs():
            runs.setdefault(place[1], []).append(run)
        return runs

    def _changed(self, column: int) -> list[str]:
        """Return which data ("corpus", "protocol", "audio") differ between a column's runs."""
        return _other_data(self._in_columns.get(column, ()))

    def _best(self) -> set[tuple[int, int, str]]:
        """Return (row, column, metric) of the best scores, where at least two can be compared."""
        best = set()
        for column in range(len(self.matrix.columns)):
            ranked = {
                place[0]: cell.scores
                for place, cell in self.cells.items()
                if place[1] == column and cell.is_ranked
            }
            names = {self.cells[row, column].runs[0].name for row in ranked}
            if len(names) < 2 or self._changed(column):
                continue
            for metric in self.metrics:
                highest = tables.percent(max(scores[metric].mean for scores in ranked.values()))
                best |= {
                    (row, column, metric)
                    for row, scores in ranked.items()
                    if tables.percent(scores[metric].mean) == highest
                }
        return best

    def _fullest(self, column: int) -> Run | None:
        """Return the run of a column with the most folds."""
        return max(self._in_columns.get(column, ()), key=lambda run: len(run.folds), default=None)

    def _setting(self, column: int) -> list[str]:
        """Return lines on the protocol, labels and data of a column, and on the paper's rows."""
        name, run = self.matrix.column_names[column], self._fullest(column)
        lines = []
        if run is not None:
            config, facts = run.config, run.facts
            lines.append(
                f"{name}: protocol {config.protocol} "
                f"({tables.count(facts.protocol.folds, 'fold')}, "
                f"{tables.count(len(run.speaker_confusions), 'test speaker')}, "
                f"{tables.count(int(run.confusions.sum()), 'test utterance')}), labels "
                f"{config.labels} ({len(facts.labels)})."
            )
        if changed := self._changed(column):
            lines.append(
                f"{name}: these runs differ in {' and '.join(changed)}, so they cannot be compared."
            )
        dataset, protocol, labels = self._place(column)
        for row in literature.rows(dataset.partition(":")[0], "II")[:1]:
            # a default is known once there is a fold
            if not row.is_comparable(dataset, protocol or row.protocol, labels or row.labels):
                lines.append(
                    f"{name}: the paper's rows are for protocol {row.protocol} and labels "
                    f"{row.labels}, not for these."
                )
        return lines

    def _beside(self) -> list[list[tuple[str, Mapping[int, Sequence[MeanStd]]]]]:
        """Return the names and the scores by column of the rows of chance and of the paper."""
        guesses: dict[str, dict[int, Sequence[MeanStd]]] = {}
        papers: dict[str, dict[int, Sequence[MeanStd]]] = {}
        for at, column in enumerate(self.matrix.columns):
            if (run := self._fullest(at)) is not None:
                for name, scores in chance(run, self.metrics).items():
                    guesses.setdefault(name, {})[at] = scores
            for row in literature.rows(column.dataset.partition(":")[0], "II"):
                scores = [row.score(metric) for metric in self.metrics]
                papers.setdefault(f"paper, {row.model}", {})[at] = scores
        return [list(guesses.items()), list(papers.items())]

    def _name(self, row: int) -> str:
        count = self.seeds[row]
        return f"{self.matrix.row_names[row]}{f' ({count} seeds)' if count > 1 else ''}"

    def _grouped(self) -> tables.GroupedTable:
        numbers, best = self._numbers(), self._best()
        columns = range(len(self.matrix.columns))
        rows: list[list[str]] = []
        bold = []
        for row in self.seeds:
            cells = [self._name(row)]
            for column in columns:
                cell = self.cells.get((row, column), Cell({}, ()))
                number = numbers.get((row, column))
                mark = f" [{number}]" if number else ""
                for metric in self.metrics:
                    if (row, column, metric) in best:
                        bold.append((len(rows), len(cells)))
                    text = tables.spread(cell.scores[metric]) if cell.scores else cell.word
                    cells.append(text + mark)
            rows.append(cells)
        for group in self._beside():
            if group:
                rows.append([])
            for name, by_column in group:
                unknown = ["-"] * len(self.metrics)
                rows.append(
                    [
                        name,
                        *(
                            text
                            for at in columns
                            for text in (
                                map(tables.spread, by_column[at]) if at in by_column else unknown
                            )
                        ),
                    ]
                )
        head = [TITLES.get(metric, METRICS[metric].title) for metric in self.metrics]
        groups = [(name, len(head)) for name in self.matrix.column_names]
        return tables.GroupedTable(groups, ["", *(head * len(groups))], rows, bold)

    def _sheet(self) -> tuple[list[str], list[list[str]]]:
        """Return the head and the rows of the CSV table, a row per model and corpus."""
        head = ["model", "seeds", "dataset", "protocol", "labels", "folds"]
        head += [f"{metric} {half}" for metric in self.metrics for half in ("mean", "std")]
        rows = []
        for (row, column), cell in sorted(self.cells.items()):
            folds = str(min((len(run.folds) for run in cell.runs), default=0))
            model = self.matrix.model_name(row, column)
            first = [model, str(len(cell.runs)), *self._place(column), folds]
            scores = [cell.scores.get(metric) for metric in self.metrics]
            rows.append([*first, *_halves(scores), "; ".join(cell.reasons)])
        guesses, papers = self._beside()
        for name, by_column in guesses:
            for column, beside in by_column.items():
                rows.append([name, "", *self._place(column), "", *_halves(beside), ""])
        for name, by_column in papers:
            for column, beside in by_column.items():
                corpus = self.matrix.columns[column].dataset.partition(":")[0]
                own = literature.rows(corpus, "II")[0]
                place = [corpus, own.protocol, own.labels]
                line = [name, "", *place, "", *_halves(beside), ""]
                rows += [line] if line not in rows else []
        return [*head, "reason"], rows

    def _place(self, column: int) -> list[str]:
        run, asked = self._fullest(column), self.matrix.columns[column]
        if run is not None:
            return [run.config.dataset, run.config.protocol, run.config.labels]
        return [asked.dataset, asked.protocol or "", asked.labels or ""]


def _halves(scores: Sequence[MeanStd | None]) -> list[str]:
    """Return means and deviations in full precision; "" where unknown."""
    numbers = [number for score in scores for number in (score or (np.nan, np.nan))]
    return ["" if np.isnan(number) else repr(float(number)) for number in numbers]


def make(matrix: Matrix, results: Sequence[StudyRun], metrics: Sequence[str]) -> StudyTable:
    """Return the table of a study's results.

    Raises:
        UnknownName: there is no such metric.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise nearest("metric", metric, list(METRICS))
    groups: dict[tuple[int, int], list[StudyRun]] = {}
    for result in results:
        groups.setdefault((result.row, result.column), []).append(result)
    cells = {place: _cell(group, metrics) for place, group in groups.items()}
    seeds: dict[int, set[int]] = {}
    for result in results:
        seeds.setdefault(result.row, set()).add(result.seed)
    counts = {row: len(seeds[row]) for row in sorted(seeds)}
    return StudyTable(matrix, tuple(metrics), cells, counts)


def _other_data(runs: Sequence[Run]) -> list[str]:
    """Return which data ("corpus", "protocol", "audio") differ between runs."""
    kinds = differing([run.facts.pins for run in runs], ("corpus", "protocol"))
    audio: dict[str, set[str]] = {}  # by fold
    for run in runs:
        for fold in run.folds:
            audio.setdefault(fold.facts.fold.name, set()).add(fold.facts.pins.audio)
    return [*kinds, "audio"] if any(len(pins) > 1 for pins in audio.values()) else kinds


def _cell(group: Sequence[StudyRun], metrics: Sequence[str]) -> Cell:
    """Return a model's scores on a corpus: each fold's mean over seeds, summarised over folds.

    Folds that only some of the seeds have are left out.
    """
    by_reason: dict[str, list[int]] = {}
    for result in group:
        for reason in result.reasons:
            by_reason.setdefault(reason, []).append(result.seed)
    reasons = []
    for reason, seeds in by_reason.items():
        named = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}: "
        reasons.append((named if len(seeds) < len(group) else "") + reason.removesuffix("."))
    runs = list({each.run.name: each.run for each in group if each.run is not None}.values())
    if not runs:
        words = {result.word for result in group}
        word = next((word for word in ORDER if word in words), "missing")
        return Cell({}, (), tuple(reasons), word)
    # competing folds count once, under the name of their group
    places = [
        {fold.facts.fold.group or fold.facts.fold.name: at for at, fold in enumerate(run.folds)}
        for run in runs
    ]
    shared = [name for name in places[0] if all(name in folds for folds in places)]
    if any(len(folds) > len(shared) for folds in places):
        reasons.append("the seeds have different folds, and only those that all have are counted")
    first = runs[0].config
    assert all(replace(run.config, seed=first.seed) == first for run in runs)
    if changed := _other_data(runs):
        reasons.append(f"the seeds differ in {' and '.join(changed)}, so they have no mean")
        return Cell({}, tuple(runs), tuple(reasons))
    if not shared:
        return Cell({}, tuple(runs), tuple(reasons), "missing")
    scores = {}
    for metric in metrics:
        by_seed = [
            run.scores(metric)[[folds[name] for name in shared]]
            for run, folds in zip(runs, places, strict=True)
        ]
        scores[metric] = mean_std(np.mean(by_seed, axis=0))
    return Cell(scores, tuple(runs), tuple(reasons))
