"""The price of leakage: how much better models score on speakers that they learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from serbench import escaping, tables
from serbench.comparison import alignment
from serbench.comparison.alignment import TestUtterances
from serbench.comparison.differences import Difference
from serbench.corpus import PARTS
from serbench.errors import SerbenchError, nearest
from serbench.metrics import intervals
from serbench.metrics.classification import METRICS
from serbench.protocols import leakage
from serbench.results.display_names import run_titles
from serbench.results.run import FEW, Run, seen

FORMATS = (*tables.FORMATS, "json")


@dataclass(frozen=True)
class Arms:
    """Two runs of one model on the same test utterances, which differ in who trains.

    Attributes:
        independent: the run whose test speakers are new to the models.
        dependent: the run whose test speakers also train, with other utterances.
    """

    independent: Run
    dependent: Run

    @cached_property
    def tests(self) -> tuple[TestUtterances, ...]:
        """The test utterances of both runs, in the same order.

        Raises:
            SerbenchError: the runs differ in more than the speakers of training.
        """
        runs = (self.independent, self.dependent)
        configs = [{**run.config.stored(), "protocol": ""} for run in runs]
        if configs[0] != configs[1]:
            names = [name for name in configs[0] if configs[0][name] != configs[1].get(name)]
            raise SerbenchError(
                f"{runs[0].name} and {runs[1].name} show no price of leakage, since they also "
                f"differ in {', '.join(names)}: evaluate both with the same settings"
            )
        return alignment.align(runs, any_protocol=True)

    def price(self, metric: str) -> Difference:
        """Return both scores, the speaker-dependent one first, with the interval of their gap."""
        independent, dependent = (test.confusions for test in self.tests)
        compute = METRICS[metric].compute
        return Difference(
            first=float(compute(dependent.sum(axis=0))),
            other=float(compute(independent.sum(axis=0))),
            interval=intervals.paired_interval(dependent, independent, compute),
        )


@dataclass(frozen=True)
class LeakagePrice:
    """What shared speakers are worth to models on a corpus. Prints as a table, in notebooks too.

    Attributes:
        arms: the two runs of each model.
        metric: the name of the metric.
    """

    arms: tuple[Arms, ...]
    metric: str = "uar"

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise nearest("metric", self.metric, list(METRICS))

    @cached_property
    def names(self) -> list[str]:
        """The title of each model."""
        return run_titles([arms.independent for arms in self.arms])

    @cached_property
    def prices(self) -> list[Difference]:
        """The scores of each model; `difference` is its price."""
        return [arms.price(self.metric) for arms in self.arms]

    @property
    def title(self) -> str:
        """A line with the corpus, its test set and the labels."""
        run, test = self.arms[0].independent, self.arms[0].tests[0]
        return (
            f"The price of shared speakers on {run.config.dataset}: "
            f"{tables.count(len(test.keys), 'test utterance')} of "
            f"{tables.count(len(test.confusions), 'speaker')}, labels {run.config.labels} "
            f"({len(test.labels)})"
        )

    def table(self, form: str = "text") -> str:
        """Return a row per model, in a format: one of `FORMATS`, or "html"."""
        if form == "json":
            return escaping.as_json(self.as_json())
        metric = METRICS[self.metric].title
        head = [
            *("model", f"speaker-independent {metric}", f"speaker-dependent {metric}"),
            *("price", "95 % over speakers"),
        ]
        rows = [
            [
                escaping.markdown(name, 300) if form == "markdown" else name,
                tables.percent(price.other),
                tables.percent(price.first),
                tables.signed(price.difference),
                tables.interval(price.interval),
            ]
            for name, price in zip(self.names, self.prices, strict=True)
        ]
        return tables.table(head, rows, form)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values; scores are fractions."""
        return {
            "about": self.title,
            "metric": self.metric,
            "notes": self.notes,
            "models": [
                {
                    "model": name,
                    "independent": {"run": arms.independent.name, "score": price.other},
                    "dependent": {"run": arms.dependent.name, "score": price.first},
                    "price": price.difference,
                    "interval": list(price.interval),
                }
                for name, arms, price in zip(self.names, self.arms, self.prices, strict=True)
            ],
        }

    @property
    def notes(self) -> list[str]:
        """Lines on what differs between the two runs of a model, then warnings."""
        runs = [run for arms in self.arms for run in (arms.independent, arms.dependent)]
        independent, dependent = runs[:2]
        speakers = len(self.arms[0].tests[0].confusions)
        notes = [
            f"Speaker-independent: protocol {independent.config.protocol}. Speaker-dependent: "
            f"protocol {dependent.config.protocol}, which trains on other utterances of the test "
            "speakers instead of as many of other speakers. Validation sets are the same.",
            f"{_training(independent, dependent)} {_shared(dependent)}",
            "% of all test utterances together. Price: the difference in points, with its paired "
            f"interval by bootstrap over {tables.count(speakers, 'speaker')}. It is about these "
            "trained models, not about models trained again.",
        ]
        if speakers < FEW:
            notes.append(f"An interval over {tables.count(speakers, 'speaker')} is too narrow.")
        for arms, name in zip(self.arms, self.names, strict=True):
            notes += [f"NOT RANKED: {name}: {reason}." for reason in arms.independent.objections]
            notes += [f"{name}: {line}" for line in seen(arms.independent)]
        return notes

    def page(self, form: str = "text") -> str:
        """Return the table with title and notes in a format: "text", "markdown" or "html"."""
        return tables.page(self.title, self.table(form), self.notes, form)

    def __str__(self) -> str:
        return self.page()

    def _repr_markdown_(self) -> str:
        return self.page("markdown")

    def _repr_html_(self) -> str:
        return self.page("html")


def _training(independent: Run, dependent: Run) -> str:
    """Say how many utterances train in a fold of each run."""
    ours, theirs = (
        sorted({fold.facts.fold.utterances["train"] for fold in run.folds})
        for run in (independent, dependent)
    )

    def words(sizes: Sequence[int]) -> str:
        return f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"

    if ours == theirs:
        return f"In a fold of either, {words(ours)} utterances train."
    return f"In a fold, {words(ours)} utterances train in the first, {words(theirs)} in the second."


def _shared(dependent: Run) -> str:
    """Say how many test speakers of the speaker-dependent run train, and which audio is shared."""
    certificates = [leakage.from_json(fold.stored["certificate"]) for fold in dependent.folds]
    known = sum(each.speakers["|".join(PARTS[::2])].count for each in certificates)
    tested = sum(len(set(fold.test.speakers)) for fold in dependent.folds)
    lines = [f"Of the test speakers of all speaker-dependent folds, {known} of {tested} train."]
    twins = [each.audio["|".join(PARTS[::2])] for each in certificates]
    if count := sum(each.count for each in twins):
        example = next(each.examples[0] for each in twins if each.count)
        lines.append(
            f"{tables.count(count, 'recording')} {tables.are(count)} in training and test: "
            f"{example}."
        )
    return " ".join(lines)


def of_runs(runs: Sequence[Run], metric: str = "uar") -> LeakagePrice:
    """Return the price of leakage from the two runs of each model, the independent one first.

    Raises:
        SerbenchError: the metric is unknown, a run is incomplete, or the runs of a model differ in
            more than the speakers of training.
    """
    arms = tuple(map(Arms, runs[::2], runs[1::2]))
    price = LeakagePrice(arms, metric)
    for each in arms:
        each.tests  # noqa: B018 - refuse runs that cannot be compared now, not when printing
    return price
