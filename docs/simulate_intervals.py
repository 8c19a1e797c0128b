"""Simulate how often intervals cover the truth, and how often tests see what is not there.

Usage: python docs/simulate_intervals.py [--corpora 2000]

Writes docs/intervals.json, docs/intervals.png and the table in docs/comparing.md. Minutes on one
core: everything is computed on the confusion matrices of speakers, by the functions that
`serbench score` and `serbench compare` call, many corpora in one matrix product.

A simulated speaker has 60 utterances on average, of six labels of unequal frequency: 60 times a
draw from a gamma distribution with a standard deviation of a half, then Poisson. The share of each
label that a model gets is its skill plus a deviation of the speaker, skewed (a few speakers are
hard), half of its variance common to both models; what is wrong goes to labels that the speaker
draws from a Dirichlet distribution. The deviations have mean 0 and do not depend on how much a
speaker says, so the truth, the scores of infinitely many speakers, is known exactly.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench import tables
from serbench.metrics import intervals, significance
from serbench.metrics.classification import METRICS, Floats, Matrix, PerClass, per_class

HERE = Path(__file__).resolve().parent
SPEAKERS = (10, 24, 91)  # as in IEMOCAP, RAVDESS, CREMA-D
METRIC_NAMES = ("uar", "f1")
COUNTS = np.array([6.0, 10.0, 14.0, 14.0, 10.0, 6.0])  # utterances of a speaker, by label
SKILL = np.array([0.70, 0.65, 0.70, 0.50, 0.50, 0.55])  # of a model, by label
BLOCK = 50  # corpora that share the draws of one bootstrap
RESAMPLES = 1000
NAIVE = 400  # resamples of the bootstrap that only serves to be seen failing
EXCHANGES = 999
START = "<!-- made by docs/simulate_intervals.py -->"
END = "<!-- end -->"


@dataclass(frozen=True)
class Effect:
    """How much speakers differ.

    Attributes:
        name: as in the table.
        deviation: standard deviation, over speakers, of the share that is right.
        favourites: of the Dirichlet distribution of wrong labels; smaller is more lopsided.
    """

    name: str
    deviation: float
    favourites: float


EFFECTS = (
    Effect("none", 0.0, 1e6),
    Effect("moderate", 0.05, 5.0),
    Effect("large", 0.10, 2.0),  # RAVDESS has about 0.11
)


@dataclass(frozen=True)
class Models:
    """Two models: what each gets of every label, and how much of a speaker's deviation is its own.

    Attributes:
        name: as in the table.
        skills: (2, labels).
        own: (2,), of the deviation that the two models do not share, how much each has.
    """

    name: str
    skills: Floats
    own: Floats

    def truth(self) -> Floats:
        """The scores of both with infinitely many speakers: (2, metrics)."""
        labels = len(COUNTS)
        wrong = (1 - self.skills)[..., None] / (labels - 1) * (1 - np.eye(labels))
        expected = COUNTS[:, None] * (wrong + self.skills[..., None] * np.eye(labels))
        return scores(expected)


ALIKE = Models("alike", np.stack([SKILL, SKILL]), np.ones(2))
# the same scores, but good at other labels, and the second the same for every speaker but for what
# is hard for both: answers cannot simply be exchanged
UNLIKE = Models("unlike", np.stack([SKILL, SKILL[::-1]]), np.array([1.0, 0.0]))
PAIRS = (ALIKE, UNLIKE)


def better(gain: float) -> Models:
    """Two models of which the first gets so much more of every label."""
    return Models("better", np.stack([SKILL + gain / 2, SKILL - gain / 2]), np.ones(2))


def draw(
    rng: np.random.Generator, models: Models, effect: Effect, speakers: int, corpora: int
) -> Matrix:
    """Confusion matrices of both models: (speakers, corpora, 2, labels, labels)."""
    shape, labels = (speakers, corpora), len(COUNTS)
    said = rng.poisson(COUNTS * rng.gamma(4, 1 / 4, (*shape, 1)))  # (speakers, corpora, labels)
    common, own = _deviations(rng, (*shape, 1)), _deviations(rng, (*shape, 2))
    ease = math.sqrt(0.5) * effect.deviation * (common + own * models.own)
    right = (models.skills + ease[..., None]).clip(0, 1)  # (speakers, corpora, 2, labels)
    favourites = rng.dirichlet(np.full(labels, effect.favourites), shape)
    wrong = favourites[:, :, None, :] * (1 - np.eye(labels))
    wrong /= wrong.sum(axis=-1, keepdims=True)
    rates = (1 - right)[..., None] * wrong[:, :, None] + right[..., None] * np.eye(labels)
    return rng.multinomial(said[:, :, None], rates)


def _deviations(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Skewed to the left, between -3.8 and 1.9, mean 0, variance 1."""
    return (rng.beta(4, 2, shape) - 4 / 6) / math.sqrt(8 / (6 * 6 * 7))


def blocks(
    models: Models, effect: Effect, speakers: int, corpora: int, seed: int
) -> Iterator[tuple[int, Matrix]]:
    """Corpora, a block at a time, each with a seed of its own for what is drawn from it."""
    for start in range(0, corpora, BLOCK):
        rng = np.random.default_rng([seed, EFFECTS.index(effect), speakers, start])
        yield start, draw(rng, models, effect, speakers, min(BLOCK, corpora - start))


def scores(confusions: Matrix | PerClass) -> Floats:
    """UAR and macro F1, (..., 2), of matrices that have every label: both in one pass."""
    labels = per_class(confusions)
    return np.stack([labels.recall.mean(axis=-1), labels.f1.mean(axis=-1)], axis=-1)


def naive(confusions: Matrix, seed: int) -> Floats:
    """Percentile intervals by bootstrap over utterances, as if all were independent.

    Args:
        confusions: (corpora, labels, labels), of all speakers.
        seed: of the draws.

    Returns:
        (2, corpora, metrics), low and high.
    """
    flat = confusions.reshape(len(confusions), -1)
    utterances = flat.sum(axis=-1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(utterances, flat / utterances[:, None], (NAIVE, len(flat)))
    resampled = scores(drawn.reshape(NAIVE, *confusions.shape))
    return np.quantile(resampled, (0.025, 0.975), axis=0)


def coverage(
    models: Models, effect: Effect, speakers: int, corpora: int, seed: int = 0
) -> dict[str, dict[str, float]]:
    """For each metric how often intervals cover the truth, and how often the test sees something.

    Returns:
        Shares of the corpora: "single" and "naive" of the first model's score, "paired" and
        "jackknife" of the difference, "found" of p-values up to 5 %.
    """
    totals: dict[str, Floats] = {}
    for start, drawn in blocks(models, effect, speakers, corpora, seed):
        for kind, hits in _hits(drawn, models.truth(), start).items():
            totals[kind] = totals.get(kind, np.zeros(len(METRIC_NAMES))) + hits.sum(axis=0)
    return {
        metric: {kind: float(hits[at]) / corpora for kind, hits in totals.items()}
        for at, metric in enumerate(METRIC_NAMES)
    }


def _hits(drawn: Matrix, truth: Floats, seed: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Of each corpus and metric: intervals cover, and the test finds a difference."""
    both = drawn.swapaxes(1, 2)  # (speakers, 2, corpora, labels, labels)
    gain = truth[0] - truth[1]
    low, high = intervals.bootstrap(both, _score_and_gain, resamples=RESAMPLES, seed=seed)
    lowest, highest = naive(both[:, 0].sum(axis=0), seed)
    below, above = jackknife(both)
    pvalues = significance.pvalues(both[:, 0], both[:, 1], scores, resamples=EXCHANGES, seed=seed)
    return {
        "single": (low[0] <= truth[0]) & (truth[0] <= high[0]),
        "naive": (lowest <= truth[0]) & (truth[0] <= highest),
        "paired": (low[1] <= gain) & (gain <= high[1]),
        "jackknife": (below <= gain) & (gain <= above),
        "found": pvalues <= 0.05,
    }


def _score_and_gain(sums: PerClass) -> Floats:
    both = scores(sums)  # (resamples, 2, corpora, metrics)
    return np.stack([both[:, 0], both[:, 0] - both[:, 1]], axis=1)


def jackknife(both: Matrix) -> Floats:
    """Intervals of the difference by leaving out a speaker at a time: (2, corpora, metrics).

    The difference -+ Student's quantile times its standard error: another way, to compare with.
    """
    speakers, whole = len(both), both.sum(axis=0)
    difference = scores(whole[0]) - scores(whole[1])
    rest = scores(whole - both)
    error = np.sqrt((speakers - 1) * (rest[:, 0] - rest[:, 1]).var(axis=0))
    reach = intervals.student_quantile(0.975, speakers - 1) * error
    return np.stack([difference - reach, difference + reach])


def power(effect: Effect, speakers: int, corpora: int, seed: int = 1) -> dict[str, float]:
    """Whether the detectable difference is detected: by models that are that much apart in UAR.

    Returns:
        "gain": the true difference, which is what models that are alike have as the median of their
        detectable differences; "found": how often the test sees it.
    """
    alike = np.concatenate([one for _, one in blocks(ALIKE, effect, speakers, corpora, seed)], 1)
    uar = METRICS["uar"].compute
    gain = float(
        np.median(
            [
                significance.detectable_difference(*pair, uar)
                for pair in alike.transpose(1, 2, 0, 3, 4)
            ]
        )
    )
    found = 0
    for start, drawn in blocks(better(gain), effect, speakers, corpora, seed + 1):
        pvalues = significance.pvalues(
            drawn[:, :, 0], drawn[:, :, 1], uar, resamples=EXCHANGES, seed=start
        )
        found += int((pvalues <= 0.05).sum())
    return {"gain": gain, "found": found / corpora}


def simulate(corpora: int) -> list[dict[str, Any]]:
    """Every setting, a row each metric."""
    rows: list[dict[str, Any]] = []
    for effect in EFFECTS:
        for speakers in SPEAKERS:
            found = {models.name: coverage(models, effect, speakers, corpora) for models in PAIRS}
            detected = power(effect, speakers, corpora)
            for metric in METRIC_NAMES:
                row: dict[str, Any] = {
                    "effect": effect.name,
                    "speakers": speakers,
                    "metric": metric,
                    "single": found["alike"][metric]["single"],
                    "naive": found["alike"][metric]["naive"],
                }
                for name, shares in found.items():
                    row[f"paired, {name}"] = shares[metric]["paired"]
                    row[f"jackknife, {name}"] = shares[metric]["jackknife"]
                    row[f"found, {name}"] = shares[metric]["found"]
                if metric == "uar":
                    row |= {"detectable": detected["gain"], "detected": detected["found"]}
                rows.append(row)
            print(rows[-2:], file=sys.stderr, flush=True)
    return rows


LABELS = {
    "naive": "over utterances",
    "single": "one run",
    "paired, alike": "difference, alike",
    "paired, unlike": "difference, unlike",
    "found, alike": "test, alike",
    "found, unlike": "test, unlike",
}


TABLE = {
    "bootstrap over utterances": ("naive",),
    "interval of a run": ("single",),
    "of a difference": ("paired, alike", "paired, unlike"),
    "false alarms": ("found, alike", "found, unlike"),
    "detected": ("detected",),
}


def table(rows: list[dict[str, Any]], corpora: int) -> str:
    """The range of each share over speakers, metrics and pairs as Markdown, in %, and its error."""
    cells = []
    for effect in EFFECTS:
        cells.append([effect.name])
        rows_of = [row for row in rows if row["effect"] == effect.name]
        for kinds in TABLE.values():
            shares = [row[kind] for row in rows_of for kind in kinds if kind in row]
            cells[-1].append(f"{100 * min(shares):.1f}-{100 * max(shares):.1f}")
    errors = [100 * math.sqrt(share * (1 - share) / corpora) for share in (0.95, 0.8)]
    return (
        f"{tables.table(['speaker effect', *TABLE], cells, 'markdown')}\n\n"
        f"Ranges over 10, 24 and 91 speakers, UAR and F1, of {corpora} corpora each; the standard "
        f"error is {errors[0]:.1f} near 5 or 95, and {errors[1]:.1f} near 80."
    )


def figure(rows: list[dict[str, Any]], corpora: int, path: Path) -> None:
    """Coverage and false alarms by number of speakers, a column a speaker effect."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    size = {"figsize": (9, 5.4), "dpi": 100, "layout": "constrained"}
    canvas, axes = pyplot.subplots(2, len(EFFECTS), sharex=True, sharey="row", **size)
    panels = (
        (("naive", "single", "paired, alike", "paired, unlike"), (93, 97), "interval covers, %"),
        (("found, alike", "found, unlike"), (3, 7), "false alarms of the test, %"),
    )
    for column, effect in enumerate(EFFECTS):
        for axis, (kinds, band, label) in zip(axes[:, column], panels, strict=True):
            axis.axhspan(*band, color="0.9")
            _lines(axis, [row for row in rows if row["effect"] == effect.name], kinds, corpora)
            axis.set_xscale("log")
            axis.set_xticks(SPEAKERS, map(str, SPEAKERS))
            axis.minorticks_off()
            if not column:
                axis.set_ylabel(label)
        axes[0, column].set_title(f"speaker effect: {effect.name}")
        axes[1, column].set_xlabel("speakers")
    for axis in axes[:, 0]:
        axis.legend(fontsize="small", loc="lower left" if axis is axes[0, 0] else "upper right")
    canvas.savefig(path, metadata={"Software": None})
    pyplot.close(canvas)


def _lines(axis: Any, rows: list[dict[str, object]], kinds: Sequence[str], corpora: int) -> None:
    """UAR solid, F1 dashed, with bars of two Monte-Carlo standard errors."""
    for color, kind in enumerate(kinds):
        for shift, (metric, style) in enumerate((("uar", "-"), ("f1", "--"))):
            shares = np.array([row[kind] for row in rows if row["metric"] == metric])
            axis.errorbar(
                np.array(SPEAKERS) * (1 + 0.03 * (2 * color + shift - len(kinds))),
                100 * shares,
                200 * np.sqrt(shares * (1 - shares) / corpora),
                linestyle=style,
                color=f"C{color}",
                label=LABELS[kind] if metric == "uar" else None,
            )


def main(corpora: int) -> None:
    """Simulate, and write what was found."""
    rows = simulate(corpora)
    facts = {"corpora": corpora, "resamples": RESAMPLES, "exchanges": EXCHANGES, "rows": rows}
    (HERE / "intervals.json").write_text(json.dumps(facts, indent=1) + "\n")
    figure(rows, corpora, HERE / "intervals.png")
    page = HERE / "comparing.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    whole = f"{before}{START}\n\n{table(rows, corpora)}\n\n{END}{after}"
    page.write_text(whole, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Simulate intervals and tests over speakers.")
    parser.add_argument("--corpora", type=int, default=2000, help="of each setting")
    main(parser.parse_args().corpora)
