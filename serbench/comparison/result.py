"""Compare runs on the same utterances: which is better, by how much, and how certain is it?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from serbench import tables
from serbench.comparison import alignment, differences
from serbench.comparison.differences import Difference, Disagreement, Pair
from serbench.errors import BadParameter, nearest
from serbench.escaping import as_json, markdown, shown
from serbench.metrics.classification import METRICS
from serbench.metrics.significance import EXACT, EXCHANGES, smallest_pvalue
from serbench.results.display_names import model_names
from serbench.results.run import Run, circumstances, computed, find, seen
from serbench.settings import results_folder

DEFAULT = ("uar", "f1")
FORMATS = (*tables.FORMATS, "json")
HEAD = (
    "against",
    "measure",
    "first",
    "other",
    "difference",
    "95 % over speakers",
    "p",
    "p (Holm)",
    "detectable",
)
ESTIMAND = (
    "All results are about these trained models on new speakers, not about models trained again."
)


@dataclass(frozen=True)
class ComparedRuns:
    """A run against one or more others. Prints as a table."""

    runs: tuple[Run, ...]  # the first is compared with each of the others
    pairs: tuple[Pair, ...]  # one for each other run, in their order

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The name of each run in tables, "alexnet-mel (08683f95)", by the name of its folder."""
        short = model_names(self.runs)
        return {run.name: f"{short[run.name]} ({run.name.rpartition('_')[2]})" for run in self.runs}

    @property
    def title(self) -> str:
        """A line with the runs, the corpus, the protocol and the labels."""
        first, config = self.runs[0], self.runs[0].config
        tested = self.pairs[0].tests[0]
        others = ", ".join(self.names[pair.other] for pair in self.pairs)
        return (
            f"{self.names[first.name]}, the first, against {others} on {config.dataset}: "
            f"protocol {config.protocol} "
            f"({tables.count(len(tested.confusions), 'test speaker')}, "
            f"{tables.count(len(tested.keys), 'test utterance')}), labels {config.labels} "
            f"({len(tested.labels)})"
        )

    def table(self, form: str = "text") -> str:
        """Format the scores of every pair; JSON has fractions in full precision."""
        if form == "json":
            return self.page("json")
        rows = [[*row, *["-"] * (len(HEAD) - len(row))] for row in self._rows()]
        if form == "html" and len(self.pairs) == 1:  # the title has the only name
            return _table(HEAD[1:], [row[1:] for row in rows], form)
        return _table(HEAD, rows, form)

    def _rows(self) -> Iterator[list[str]]:
        for pair in self.pairs:
            name, counts = self.names[pair.other], pair.counts
            for score in pair.scores:
                tests = f"{score.pvalue:.4f}", f"{score.adjusted:.4f}"
                detectable = tables.percent(score.detectable)
                yield [name, METRICS[score.metric].title, *_cells(score), *tests, detectable]
            for recall in pair.recalls:
                yield [name, f"recall of {recall.label}", *_cells(recall)]
            first, other = counts["only_first"], counts["only_other"]
            yield [
                name,
                "utterances right in one only",
                f"{first}",
                f"{other}",
                f"{first - other:+d}",
            ]
            yield [name, "utterances right in both", *[f"{counts['both']}"] * 2]
            yield [name, "utterances right in neither", *[f"{counts['neither']}"] * 2]

    def disagreements(self, form: str = "text") -> str:
        """List the utterances that one run of a pair gets right and the other gets wrong."""
        if form == "json":
            return as_json(self._disagreements())
        head = ["against", *Disagreement._fields]
        rows = [[self.names[pair.other], *row] for pair in self.pairs for row in pair.disagreements]
        return _table(head, rows, form)

    def _disagreements(self) -> list[dict[str, str]]:
        return [
            {"against": pair.other, **row._asdict()}
            for pair in self.pairs
            for row in pair.disagreements
        ]

    @property
    def notes(self) -> list[str]:
        """Lines on how to read the scores, then warnings."""
        return [*_meaning(self), *_warnings(self)]

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values; scores are fractions."""
        tested = self.pairs[0].tests[0]
        return {
            "first": self.runs[0].name,
            "about": self.title,
            "notes": self.notes,
            "speakers": len(tested.confusions),
            "utterances": len(tested.keys),
            "against": {pair.other: _as_json(pair) for pair in self.pairs},
        }

    def page(self, form: str = "text", listing: bool = False) -> str:
        """Format everything: CSV and LaTeX have one table, others title and notes.

        Args:
            form: one of `FORMATS`, or "html".
            listing: also list the utterances that one run gets right and the other gets wrong; CSV
                and LaTeX have this list instead of the scores.
        """
        if form == "json":
            data = self.as_json()
            if listing:
                data["utterances_apart"] = self._disagreements()
            return as_json(data)
        if form in ("csv", "latex"):
            return self.disagreements(form) if listing else self.table(form)
        made = tables.page(self.title, self.table(form), self.notes, form)
        return f"{made}\n\n{self.disagreements(form)}" if listing else made

    def __repr__(self) -> str:
        first, *others = (shown(self.names[run.name]) for run in self.runs)
        return f"<ComparedRuns {first} against {', '.join(others)}>"

    def __str__(self) -> str:
        return self.page()

    def _repr_markdown_(self) -> str:
        return self.page("markdown")

    def _repr_html_(self) -> str:
        return self.page("html")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], form: str) -> str:
    if form == "markdown":
        rows = [[markdown(cell, 300) for cell in row] for row in rows]
    return tables.table(head, rows, form)


def _cells(score: Difference) -> list[str]:
    return [
        tables.percent(score.first),
        tables.percent(score.other),
        tables.signed(score.difference),
        tables.interval(score.interval),
    ]


def _as_json(pair: Pair) -> dict[str, object]:
    def plain(score: Difference, **more: float) -> dict[str, object]:
        both = {"first": score.first, "other": score.other, "difference": score.difference}
        return {**both, "interval": list(score.interval), **more}

    return {
        "metrics": {
            score.metric: plain(
                score, p=score.pvalue, p_holm=score.adjusted, detectable=score.detectable
            )
            for score in pair.scores
        },
        "recalls": {
            recall.label: plain(recall, utterances=recall.utterances) for recall in pair.recalls
        },
        "utterances": pair.counts,
    }


def _meaning(compared: ComparedRuns) -> list[str]:
    """Explain the columns."""
    speakers = len(compared.pairs[0].tests[0].confusions)
    tests = sum(len(pair.scores) for pair in compared.pairs)
    exchanges = f"all {2**speakers}" if speakers <= EXACT else f"{EXCHANGES} random"
    return [
        ESTIMAND,
        "Scores: % of all test utterances pooled. Difference: first minus other; its interval: "
        f"bootstrap over {tables.count(speakers, 'speaker')}, the same ones drawn for both.",
        f"p: {exchanges} exchanges of the two models' predictions, speaker by speaker. Holm: "
        f"adjusted for {tests} tests, every metric of every pair.",
        "Detectable: the smallest true difference that would be significant at 5 % in 80 of 100 "
        "corpora with speakers like these.",
        "Recalls of single emotions are exploratory: their intervals are not adjusted for their "
        "number.",
    ]


def _warnings(compared: ComparedRuns) -> list[str]:
    """Warn of speakers, protocols and models that make the scores less meaningful."""
    speakers = len(compared.pairs[0].tests[0].confusions)
    notes = []
    if smallest_pvalue(speakers) > 0.05:
        notes.append(
            f"FEW SPEAKERS: with {speakers} no p can be below {smallest_pvalue(speakers):.4g}, and "
            "the intervals are too narrow."
        )
    if twice := compared.runs[0].tested_twice:
        notes.append(
            f"{tables.count(twice, 'utterance')} {tables.are(twice)} in more than one test set; "
            "each test counts."
        )
    for run in compared.runs:
        name = compared.names[run.name]
        notes += [f"NOT RANKED: {name}: {objection}." for objection in run.objections]
        if run.leaks:
            notes.append(f"LEAKY, so not about new speakers: {name}.")
    notes += _seeing(compared)
    readings = [dict(run.config.reading) for run in compared.runs]
    for name in readings[0]:
        values = [reading.get(name) for reading in readings]
        if any(value != values[0] for value in values):
            notes.append(
                f"The audio was read with different {name}: {', '.join(map(str, values))}."
            )
    copies = [run.config.copies or "none" for run in compared.runs]
    if len(set(copies)) > 1:
        notes.append(f"The models learned from different perturbed copies: {'; '.join(copies)}.")
    named = [(compared.names[run.name], computed(run.facts)) for run in compared.runs]
    return notes + circumstances(named)


def _seeing(compared: ComparedRuns) -> list[str]:
    """Say which runs see what of the test set, if not all see the same in the same way."""
    ways = {run.config.normalise for run in compared.runs}
    notes = [f"{compared.names[run.name]}: {line}" for run in compared.runs for line in seen(run)]
    if len(ways) > 1:
        notes.append(
            f"The runs differ in --normalise ({', '.join(sorted(ways))}), so a difference may come "
            "from what they see, not from the models."
        )
    return notes


def compare(
    *runs_or_names: Run | str | Path,
    metrics: Sequence[str] = DEFAULT,
    results: str | Path | None = None,
) -> ComparedRuns:
    """Compare the first of two or more runs with each of the others, on the same utterances.

    All results are about these trained models on new speakers, not about models trained again. An
    utterance that several folds test counts each time, as in a run's own scores; since speakers
    are drawn and exchanged, this makes no result look more certain than it is.

    Args:
        runs_or_names: runs, their folders, or the starts of their names.
        metrics: names of metrics.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".

    Raises:
        BadParameter: there are fewer than two runs.
        SerbenchError: a run or metric is unknown, a run is incomplete, or the runs were not tested
            on the same utterances under the same protocol and labels.
    """
    if len(runs_or_names) < 2:
        raise BadParameter(
            f"comparing takes two runs or more, not {len(runs_or_names)}: name the first, then the "
            "runs to compare it with; `serbench runs` lists them"
        )
    chosen = tuple(dict.fromkeys(metrics))
    for name in chosen:
        if name not in METRICS:
            raise nearest("metric", name, list(METRICS))
    parent = results_folder(results)
    runs = tuple(find(run, parent) for run in runs_or_names)
    first, *others = alignment.align(runs)
    pairs = [
        differences.pair(run.name, first, other, chosen)
        for run, other in zip(runs[1:], others, strict=True)
    ]
    return ComparedRuns(runs, differences.adjusted(pairs))
