"""Standardise features per speaker, or over a whole set, before a model sees them.

A model cannot do this: it gets no speakers when it predicts. The harness can, but the inputs of a
test utterance then depend on other, unlabelled test utterances; `results.eligibility.sees` says so
wherever scores are shown.

Each feature value is shifted by its mean and divided by its deviation over the *material*: a
speaker's utterances within one set (training, validation, test, an extra test set), or the set.
Means are over frames if the extractor names a `time_axis`, else over utterances.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from serbench import tables
from serbench.contracts import Array
from serbench.corpus import PARTS, Corpus, Fold
from serbench.errors import CorpusError, PluginError
from serbench.files import digest
from serbench.results.config import NO_NORMALISING, require_normalising

Floats = npt.NDArray[np.float64]
Material = tuple[int, ...]
"""Positions of the utterances whose statistics standardise an utterance."""

MEMORY = 2**27  # bytes of statistics that are kept for the next utterances


class Moments(NamedTuple):
    """The statistics of each feature value, which can be merged without the values.

    Attributes:
        number: how many frames or utterances.
        mean: the mean of each value.
        squares: the sum of the squared deviations of each value from its mean.
    """

    number: int
    mean: Floats
    squares: Floats

    def merged(self, other: "Moments") -> "Moments":
        """Return the moments of both together, without cancellation.

        Source: Chan, Golub & LeVeque, Updating formulae and a pairwise algorithm for computing
        sample variances, 1979, equation 1.5.
        """
        number = self.number + other.number
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.number / number)
        between = gap**2 * (self.number * other.number / number)
        return Moments(number, mean, self.squares + other.squares + between)

    @property
    def deviation(self) -> Floats:
        """The population deviation of each value; 1 for a value that never changes.

        A value counts as constant if its variance is not larger than the rounding errors of its
        sum, as in scikit-learn's `StandardScaler`.
        """
        variance, eps = self.squares / self.number, np.finfo(np.float64).eps
        noise = self.number * eps * variance + (self.number * self.mean * eps) ** 2
        return np.where(variance <= noise, 1.0, np.sqrt(variance))


def moments(array: Array, time_axis: int | None) -> Moments:
    """Return the moments of one utterance: of its frames, or of its only value."""
    values = array.astype(np.float64)
    if time_axis is None:
        return Moments(1, values, np.zeros_like(values))
    mean = values.mean(axis=time_axis, keepdims=True)
    squares = ((values - mean) ** 2).sum(axis=time_axis)
    return Moments(values.shape[time_axis], mean.squeeze(time_axis), squares)


@dataclass(frozen=True)
class Normalisation:
    """Which utterances an utterance is standardised with.

    Attributes:
        over: "none", "speaker" or "set".
        most: how many other utterances of the speaker count; None counts all, and its own.
    """

    over: str
    most: int | None = None

    @classmethod
    def of(cls, spec: str) -> "Normalisation":
        """Return what "none", "speaker", "set" or "speaker:n=K" stands for.

        Raises:
            BadParameter: it is none of these.
        """
        require_normalising(spec)
        over, _, most = spec.partition(":n=")
        return cls(over, int(most) if most else None)

    def __bool__(self) -> bool:
        return self.over != NO_NORMALISING

    def material(self, ids: Sequence[str], speakers: Sequence[str]) -> list[Material]:
        """Return the material of each utterance of a set.

        The utterances of a speaker stand in a circle, in the order of digests of their names. With
        `most`, each takes those that follow it: `most` others, or all others if there are fewer.
        So a draw depends on names alone, and with a larger `most` an utterance keeps its others.
        """
        groups: dict[str, list[int]] = {}
        for at, speaker in enumerate(speakers):
            groups.setdefault("" if self.over == "set" else speaker, []).append(at)
        drawn: list[Material] = [()] * len(ids)
        for speaker, group in groups.items():
            circle = sorted(group, key=lambda at: digest([speaker, ids[at]]))
            whole, twice = tuple(circle), circle * 2
            for place, at in enumerate(circle):
                most = len(circle) - 1 if self.most is None else min(self.most, len(circle) - 1)
                others = tuple(twice[place + 1 : place + 1 + most])
                drawn[at] = whole if self.most is None else others
        return drawn

    def for_part(self, part: str) -> "Normalisation":
        """Return how the set `part` is standardised: only training always takes all utterances.

        Training speakers have all the material that there is; `most` asks how much of a new one is
        needed, and validation stands for new speakers.
        """
        return Normalisation(self.over) if part == "train" else self

    def require_material(self, corpus: Corpus, sets: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Refuse sets in which an utterance has no speaker, or nothing to be compared with.

        Args:
            corpus: the corpus of all sets.
            sets: the name of each set for messages, and its ids.

        Raises:
            CorpusError: a speaker is unknown, or has a single utterance in a set.
        """
        if not self:
            return
        for where, ids in sets:
            speakers = [corpus.by_id[id_].speaker for id_ in ids]
            unknown = [id_ for id_, speaker in zip(ids, speakers, strict=True) if not speaker]
            if unknown and self.over == "speaker":
                raise CorpusError(
                    f"--normalise speaker needs every speaker, but {corpus.name} does not say who "
                    f"speaks {tables.count(len(unknown), 'utterance')} of {where}, such as "
                    f"{unknown[0]}: choose --normalise set, or leave these utterances out"
                )
            counts: dict[str, int] = {}
            for speaker in speakers:
                group = "" if self.over == "set" else speaker
                counts[group] = counts.get(group, 0) + 1
            if alone := [speaker for speaker, times in counts.items() if times == 1]:
                who = f"the speaker {alone[0]} has" if self.over == "speaker" else "there is"
                raise CorpusError(
                    f"--normalise {self.over} takes two utterances or more, but {who} only one in "
                    f"{where} of {corpus.name}: "
                    + ("choose --normalise set" if self.over == "speaker" else "leave it out")
                )


def fewest(spec: str, fold: Fold, speakers: Mapping[str, str]) -> dict[str, int]:
    """Return of how many utterances each set's poorest statistics are; {} without normalisation.

    Args:
        spec: the run's `normalise`.
        fold: the fold.
        speakers: the speaker of each utterance, by id.
    """
    chosen = Normalisation.of(spec)
    counts = {}
    for part in PARTS if chosen else ():
        ids = getattr(fold, part)
        material = chosen.for_part(part).material(ids, [speakers[id_] for id_ in ids])
        counts[part] = min(map(len, material), default=0)
    return counts


class Normalised(Sequence[Array]):
    """Features that are standardised when they are accessed, in the type in which they are stored.

    Nothing is computed before, and at most twice `MEMORY` is kept: statistics that no longer fit
    are computed again.

    Args:
        name: the feature's, for messages.
        inputs: its arrays, read when indexed.
        material: of each array; see `Normalisation.material`.
        time_axis: the axis of frames; None if arrays have none.
        measured: the arrays of the same utterances whose statistics count; None are `inputs`.
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Array],
        material: Sequence[Material],
        time_axis: int | None,
        measured: Sequence[Array] | None = None,
    ):
        self._name, self._inputs, self._material = name, inputs, material
        self._time_axis, self._measured = time_axis, inputs if measured is None else measured
        size = 1
        if len(inputs):
            first = inputs[0]
            if time_axis is not None and not 0 <= time_axis < first.ndim:
                raise PluginError(
                    f"the feature {name} says that axis {time_axis} is time (time_axis), but its "
                    f"arrays have the shape {first.shape}"
                )
            size = moments(first, time_axis).mean.nbytes * 2 or 1
        kept = max(1, MEMORY // size)
        self._moments = lru_cache(kept)(self._compute)
        self._statistics = lru_cache(kept)(self._merge)

    def __len__(self) -> int:
        return len(self._inputs)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | list[Array]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        array = self._inputs[index]
        mean, deviation = self._statistics(self._material[index])
        if self._time_axis is not None:
            mean, deviation = (np.expand_dims(each, self._time_axis) for each in (mean, deviation))
        scaled = (array.astype(np.float64) - mean) / deviation
        limit = np.finfo(array.dtype).max  # of a deviation from few others may be tiny
        standardised: Array = np.clip(scaled, -limit, limit).astype(array.dtype)
        return standardised

    def _compute(self, at: int) -> Moments:
        return moments(self._measured[at], self._time_axis)

    def _merge(self, material: Material) -> tuple[Floats, Floats]:
        first, *others = material
        total = self._moments(first)
        for at in others:
            other = self._moments(at)
            if other.mean.shape != total.mean.shape:
                shapes = " and ".join(str(self._measured[each].shape) for each in (first, at))
                raise PluginError(
                    f"arrays of the feature {self._name} have the shapes {shapes}, so they cannot "
                    "be standardised: its class must say which axis is time, as in time_axis = 0"
                )
            total = total.merged(other)
        return total.mean, total.deviation
