"""Tables of runs on extra test sets: other corpora, and perturbed audio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from serbench import escaping, tables
from serbench.errors import SerbenchError, nearest
from serbench.metrics.classification import METRICS
from serbench.parameters import short_spec, typed
from serbench.results import extra_set
from serbench.results.display_names import run_titles
from serbench.results.extra_set import ExtraFacts, ExtraTest
from serbench.results.run import Run, seen

FORMATS = (*tables.FORMATS, "json")


@dataclass(frozen=True)
class _Table:
    """The runs of a table, their extra tests, and the metric that it shows."""

    runs: tuple[Run, ...]
    tests: tuple[tuple[ExtraTest, ...], ...]  # of each run
    metric: str

    @cached_property
    def names(self) -> list[str]:
        """The name of each run's model for people."""
        by_corpus: dict[str, list[Run]] = {}
        for run in self.runs:
            by_corpus.setdefault(run.config.dataset, []).append(run)
        titles = {
            run.name: title
            for runs in by_corpus.values()
            for run, title in zip(runs, run_titles(runs), strict=True)
        }
        return [titles[run.name] for run in self.runs]

    def pairs(self) -> list[tuple[str, ExtraTest]]:
        """Return every test with the name of its run, in the order of the runs."""
        return [
            (name, test)
            for name, tests in zip(self.names, self.tests, strict=True)
            for test in tests
        ]

    def remarks(self) -> list[str]:
        """Return a note for each run that sees more of test sets, and each test without models."""
        seeing = [
            f"{name}: {line}"
            for run, name in zip(self.runs, self.names, strict=True)
            for line in seen(run)
        ]
        partial = [
            f"{name} on {test.title}: {len(test.folds)} of "
            f"{tables.count(len(test.folds) + test.missing, 'model')}."
            for name, test in self.pairs()
            if test.missing
        ]
        return [*seeing, *partial]


@dataclass(frozen=True)
class CrossCorpus(_Table):
    """Runs tested on other corpora. Prints as a matrix and a table, in notebooks too."""

    @property
    def columns(self) -> list[str]:
        """The other corpora with their maps of labels, in the order of their first use."""
        return list(dict.fromkeys(test.title for _, test in self.pairs()))

    def matrix(self, form: str = "text") -> str:
        """Return a row per run and a column per corpus; the own corpus's score is in brackets."""
        rows = []
        for run, name, tests in zip(self.runs, self.names, self.tests, strict=True):
            scores = {test.title: test for test in tests}
            cells = [
                f"{tables.percent(test.score(self.metric))} "
                f"({tables.percent(test.same_labels(self.metric))})"
                if (test := scores.get(column))
                else "-"
                for column in self.columns
            ]
            rows.append([name, run.config.dataset, *cells])
        return tables.table(["model", "trained on", *self.columns], rows, form)

    def table(self, form: str = "text") -> str:
        """Return a row per run and corpus, in a format: one of `FORMATS`, or "html"."""
        if form == "json":
            return escaping.as_json([self._as_json(name, test) for name, test in self.pairs()])
        metric = METRICS[self.metric].title
        head = [
            *("model", "trained on", "tested on", "labels", "utterances", metric),
            *("95 % over speakers", f"own corpus, same labels: {metric}", "chance"),
        ]
        rows = [
            [
                name,
                test.run.config.dataset,
                test.title,
                str(len(test.set.words)),
                str(len(test.folds[0].test.ids)),
                tables.percent(test.score(self.metric)),
                tables.interval(test.interval(self.metric)),
                tables.percent(test.same_labels(self.metric)),
                tables.percent(test.chance(self.metric)),
            ]
            for name, test in self.pairs()
        ]
        return tables.table(head, rows, form)

    def _as_json(self, name: str, test: ExtraTest) -> dict[str, object]:
        return {
            "run": test.run.name,
            "model": name,
            "trained_on": test.run.config.dataset,
            "tested_on": test.set.dataset,
            "labels": list(test.set.words),
            "model_labels": dict(test.set.model_labels),
            "corpus_labels": dict(test.set.set_labels),
            "label_map": dict(test.folds[0].facts.label_map),
            "left_out": dict(test.folds[0].facts.left_out),
            "utterances": len(test.folds[0].test.ids),
            "models": len(test.folds),
            "metric": self.metric,
            "score": test.score(self.metric),
            "interval": list(test.interval(self.metric)),
            "own_corpus_same_labels": test.same_labels(self.metric),
            "chance": test.chance(self.metric),
        }

    def notes(self) -> list[str]:
        """Return how scores are computed, and how labels map onto each other."""
        lines = [
            "% mean over the models of the run's folds, with an interval by bootstrap over the "
            "speakers of the other corpus, of which nothing was used in training. Own corpus"
            f"{', in the matrix in brackets' * (len(self.runs) > 1)}: the run's own test sets, "
            "with only the shared labels.",
        ]
        maps = dict.fromkeys(map(_label_map, (test for _, test in self.pairs())))
        return [*lines, *maps, *self.remarks()]

    def page(self, form: str = "text") -> str:
        """Return everything in a format: "text", "markdown" or "html"."""
        title = "Tested on other corpora"
        bodies = [self.table(form)]
        if len(self.runs) > 1:
            bodies.insert(0, self.matrix(form))
        return tables.page(title, "\n\n".join(bodies), self.notes(), form)

    def __str__(self) -> str:
        return self.page()

    def _repr_html_(self) -> str:
        return self.page("html")


@dataclass(frozen=True)
class Robustness(_Table):
    """Runs tested on perturbed audio. Prints as a table, in notebooks too."""

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """The perturbations in order, with the parameters that differ between them or are given."""
        facts = {
            test.set.perturbation: test.folds[0].facts for tests in self.tests for test in tests
        }
        titles = {}
        for spec, fact in sorted(facts.items(), key=lambda pair: _order(pair[1])):
            name, others = fact.kind, [each for each in facts.values() if each.kind == fact.kind]
            shown = [
                typed(key, value)
                for key, value in fact.parameters.items()
                if typed(key, value) in spec
                or any(other.parameters.get(key) != value for other in others)
            ]
            titles[spec] = short_spec(f"{name}:{','.join(shown)}") if shown else name
        return titles

    def pairs(self) -> list[tuple[str, ExtraTest]]:
        """Return every test with the name of its run; a perturbation's tests follow each other."""
        order = list(self.titles)
        return sorted(super().pairs(), key=lambda pair: order.index(pair[1].set.perturbation))

    def table(self, form: str = "text") -> str:
        """Return a row per run and perturbation, in a format: one of `FORMATS`, or "html"."""
        if form == "json":
            return escaping.as_json([self._as_json(name, test) for name, test in self.pairs()])
        metric = METRICS[self.metric].title
        head = [
            *("model", "corpus", "perturbation", metric, f"{metric} as recorded", "drop"),
            *("95 % over speakers", "changed labels"),
        ]
        rows = []
        for name, test in self.pairs():
            drop, interval = test.drop(self.metric)
            rows.append(
                [
                    name,
                    test.run.config.dataset,
                    self.titles[test.set.perturbation],
                    tables.percent(test.pooled(self.metric)),
                    tables.percent(test.own_pooled(self.metric)),
                    tables.signed(drop).removeprefix("+"),
                    tables.interval(interval),
                    tables.percent(test.changed),
                ]
            )
        return tables.table(head, rows, form)

    def _as_json(self, name: str, test: ExtraTest) -> dict[str, object]:
        drop, interval = test.drop(self.metric)
        return {
            "run": test.run.name,
            "model": name,
            "dataset": test.run.config.dataset,
            "perturbation": test.set.perturbation,
            "version": test.set.version,
            "metric": self.metric,
            "score": test.pooled(self.metric),
            "as_recorded": test.own_pooled(self.metric),
            "drop": drop,
            "interval": list(interval),
            "changed": test.changed,
        }

    def notes(self) -> list[str]:
        """Return how scores are computed."""
        return [
            "% over all test utterances, each predicted by the model of its fold, which was "
            "trained on audio as recorded. Drop: the difference in points, with its paired 95 % "
            "interval by bootstrap over speakers. Changed labels: the share of utterances whose "
            "predicted label the perturbation changes.",
            *self.remarks(),
        ]

    def page(self, form: str = "text") -> str:
        """Return the table with notes in a format: "text", "markdown" or "html"."""
        return tables.page("Tested on perturbed audio", self.table(form), self.notes(), form)

    def __str__(self) -> str:
        return self.page()

    def _repr_html_(self) -> str:
        return self.page("html")


def _order(facts: ExtraFacts) -> tuple[object, ...]:
    """Return a key to sort perturbations: by name, then by text, then by number."""
    values = facts.parameters.values()
    numbers = [value for value in values if isinstance(value, int | float)]
    return facts.kind, [str(each) for each in values if each not in numbers], numbers


def _label_map(test: ExtraTest) -> str:
    """Return a line on the labels of a run and a corpus: which they share, which are left out."""
    shared = [
        f"{word} ({label})" if label != word else word
        for label, word in (*test.set.model_labels.items(), *test.set.set_labels.items())
    ]
    shared = list(dict.fromkeys(shared))
    lost = [label for label in test.run.facts.labels if label not in test.set.model_labels]
    left_out = test.folds[0].facts.left_out
    line = f"{test.run.config.dataset} to {test.title}: shared labels {', '.join(shared)}"
    if lost:
        line += f"; never predicted: {', '.join(lost)}"
    if left_out:
        left = ", ".join(f"{count} {label}" for label, count in left_out.items())
        line += f"; utterances left out: {left}"
    return f"{line}."


def cross_corpus(*runs: Run, metric: str = "uar") -> CrossCorpus:
    """Return the scores of runs on other corpora.

    Args:
        runs: runs that were evaluated with `test_on`.
        metric: the name of a metric.

    Raises:
        SerbenchError: no run was tested on another corpus, or there is no such metric.
    """
    scores = on_corpora(runs, metric)
    if scores is None:
        raise _untested(runs, "another corpus", "--test-on CORPUS")
    return scores


def robustness(*runs: Run, metric: str = "uar") -> Robustness:
    """Return how scores of runs fall on perturbed audio.

    Args:
        runs: runs that were evaluated with `perturb`.
        metric: the name of a metric.

    Raises:
        SerbenchError: no run was tested on perturbed audio, or there is no such metric.
    """
    scores = on_perturbations(runs, metric)
    if scores is None:
        raise _untested(runs, "perturbed audio", "--perturb noise:snr=10")
    return scores


def on_corpora(runs: Sequence[Run], metric: str = "uar") -> CrossCorpus | None:
    """Return the scores of runs on other corpora, None if there are none; see `cross_corpus`."""
    tested = _tested(runs, metric, is_perturbed=False)
    return CrossCorpus(*tested, metric) if tested else None


def on_perturbations(runs: Sequence[Run], metric: str = "uar") -> Robustness | None:
    """Return the scores of runs on perturbed audio, None if there are none; see `robustness`."""
    tested = _tested(runs, metric, is_perturbed=True)
    return Robustness(*tested, metric) if tested else None


def _tested(
    runs: Sequence[Run], metric: str, is_perturbed: bool
) -> tuple[tuple[Run, ...], tuple[tuple[ExtraTest, ...], ...]] | None:
    """Return the runs that have extra tests, and the tests of each."""
    if metric not in METRICS:
        raise nearest("metric", metric, list(METRICS))
    tests = [
        tuple(test for test in extra_set.find(run) if bool(test.set.perturbation) == is_perturbed)
        for run in runs
    ]
    tested = [(run, of_run) for run, of_run in zip(runs, tests, strict=True) if of_run]
    if not tested:
        return None
    return tuple(run for run, _ in tested), tuple(of_run for _, of_run in tested)


def _untested(runs: Sequence[Run], kind: str, option: str) -> SerbenchError:
    names = ", ".join(run.name for run in runs)
    return SerbenchError(
        f"{names} {'was' if len(runs) == 1 else 'were'} not tested on {kind}: run the same "
        f"evaluate command with {option}"
    )
