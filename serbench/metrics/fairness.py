"""Measure gaps in scores between groups of utterances, such as sexes, and gaps due to chance.

A gap between groups is never zero, even if a model treats all alike: few speakers differ by chance.
So each gap comes with the gaps of a simulation in which the groups are dealt at random.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.errors import BadParameter
from serbench.metrics import intervals
from serbench.metrics.classification import Floats, Labels, PerClass, confusion, per_class

SIMULATIONS = 2_000


@dataclass(frozen=True)
class GroupScore:
    """The score of a group's utterances.

    Attributes:
        group: the group's name.
        score: of its utterances pooled.
        interval: 95 %, by bootstrap over its speakers.
        speakers: how many of the speakers have utterances in the group.
        utterances: how many utterances.
    """

    group: str
    score: float
    interval: intervals.Interval
    speakers: int
    utterances: int


@dataclass(frozen=True)
class Gap:
    """The difference between the groups with the highest and the lowest score.

    Attributes:
        highest: the group with the highest score.
        lowest: the group with the lowest score.
        gap: the difference of their scores.
        interval: 95 % of this difference, by bootstrap over all speakers; a speaker in both groups
            is drawn for both; nan if one of the groups has a single speaker.
        by_chance: the median gap of the simulation.
        most_by_chance: the gap that 95 % of the simulations do not exceed.
        p: the share of simulations with a gap at least as large, at least 1 / (simulations + 1).
    """

    highest: str
    lowest: str
    gap: float
    interval: intervals.Interval
    by_chance: float
    most_by_chance: float
    p: float


@dataclass(frozen=True)
class Groups:
    """Utterances with their groups.

    Attributes:
        truth: (utterances,), positions in the labels.
        prediction: (utterances,), positions in the labels.
        speakers: one per utterance.
        groups: the group of each utterance.
        n_labels: how many labels there are.
        metric: computes scores (...) from the counts of each label (..., 3, labels).
    """

    truth: Labels
    prediction: Labels
    speakers: Sequence[str]
    groups: Sequence[str]
    n_labels: int
    metric: Callable[[PerClass], Floats]

    @property
    def names(self) -> list[str]:
        """The names of the groups, sorted."""
        return sorted(set(self.groups))

    def scores(self) -> list[GroupScore]:
        """Return the score of each group."""
        speakers, groups = np.array(self.speakers), np.array(self.groups)
        rows = []
        for name in self.names:
            is_in = groups == name
            confusions = intervals.speaker_confusions(
                self.truth[is_in],
                self.prediction[is_in],
                speakers[is_in].tolist(),
                self.n_labels,
            )
            rows.append(
                GroupScore(
                    group=name,
                    score=float(self.metric(per_class(confusions.sum(axis=0)))),
                    interval=intervals.speaker_interval(confusions, self.metric),
                    speakers=len(confusions),
                    utterances=int(confusions.sum()),
                )
            )
        return rows

    def gap(self, simulations: int = SIMULATIONS, seed: int = 0) -> Gap:
        """Return the gap between the best and the worst group, and the gaps that arise by chance.

        The simulation keeps all predictions, and so the accuracy. If every speaker is in one group,
        it deals the groups to the speakers at random; else it deals the groups of each speaker's
        utterances of each label to these utterances at random. Source: Good, Permutation tests,
        2000, with speakers as exchangeable units.

        Args:
            simulations: how many.
            seed: seed of the simulations.

        Raises:
            BadParameter: there are fewer than two groups, or no simulation.
        """
        names, scores = self.names, self.scores()
        if len(names) < 2 or simulations < 1:
            raise BadParameter(f"a gap needs two groups and a simulation, not {names}")
        best, *_, worst = sorted(range(len(names)), key=lambda at: -scores[at].score)
        gaps = self._simulated(simulations, np.random.default_rng(seed))
        gap = scores[best].score - scores[worst].score
        at_least = int((gaps >= gap - 1e-12).sum())
        by_chance, most = np.quantile(gaps, (0.5, 0.95))
        return Gap(
            highest=names[best],
            lowest=names[worst],
            gap=gap,
            interval=(
                self._interval(best, worst)
                if min(scores[best].speakers, scores[worst].speakers) > 1
                else intervals.Interval(math.nan, math.nan)
            ),
            by_chance=float(by_chance),
            most_by_chance=float(most),
            p=(at_least + 1) / (simulations + 1),
        )

    def _codes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Return each utterance's speaker and group as positions, and the number of speakers."""
        speakers, of_speaker = np.unique(np.array(self.speakers), return_inverse=True)
        _, of_group = np.unique(np.array(self.groups), return_inverse=True)
        return of_speaker, of_group, len(speakers)

    def _interval(self, best: int, worst: int) -> intervals.Interval:
        of_speaker, of_group, n_speakers = self._codes()
        cells = (n_speakers, len(self.names), self.n_labels, self.n_labels)
        counts = np.zeros(cells, np.int64)
        np.add.at(counts, (of_speaker, of_group, self.truth, self.prediction), 1)
        difference = intervals.differences(self.metric)
        low, high = intervals.bootstrap(counts[:, [best, worst]], difference)
        return intervals.Interval(float(low), float(high))

    def _simulated(self, simulations: int, rng: np.random.Generator) -> Floats:
        """Return the gap of each simulation, (simulations,)."""
        of_speaker, of_group, n_speakers = self._codes()
        first = np.zeros(n_speakers, np.int64)
        first[of_speaker] = of_group
        by_speaker = bool((first[of_speaker] == of_group).all())
        stratum = of_speaker * self.n_labels + self.truth
        in_order = np.argsort(stratum, kind="stable")
        gaps = np.empty(simulations)
        for at in range(simulations):
            if by_speaker:
                dealt = rng.permutation(first)[of_speaker]
            else:
                dealt = np.empty_like(of_group)
                dealt[in_order] = of_group[np.lexsort((rng.random(len(stratum)), stratum))]
            scores = self.metric(per_class(self._by_group(dealt)))
            gaps[at] = np.nanmax(scores) - np.nanmin(scores)
        return gaps

    def _by_group(self, of_group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return one confusion matrix per group, (groups, labels, labels)."""
        return np.stack(
            [
                confusion(
                    self.truth[of_group == at], self.prediction[of_group == at], self.n_labels
                )
                for at in range(len(self.names))
            ]
        )
