"""Check that a feature turns each wave, on its own, into the same finite array every time."""

import concurrent.futures
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from serbench.contracts import Array, ResolvesParams, Wave
from serbench.features.extraction import as_read, reads
from serbench.features.store import check_arrays
from serbench.parameters import checked, settable
from serbench.plugins import registry
from serbench.testing import signals
from serbench.testing.checks.odd_inputs import odd_input_checks
from serbench.testing.checks.parameters import parameters_are_annotated
from serbench.testing.examination import Check, Subject, Violation
from serbench.testing.random_state import watched

TOLERANCE = 1e-3  # of an array's range: rounding differs between batches
THREADS = 4


class FeatureSubject(Subject):
    """A feature, its extractor, and the arrays that most checks use."""

    kind: ClassVar[str] = "feature"

    def new(self) -> Any:
        """Return a new extractor."""
        parameters = settable(self.target)
        parameters.pop("device", None)
        values: Any = checked(self.name, parameters, self.params)
        if isinstance(self.target, ResolvesParams):
            values = self.target.resolved(values)
        return self.target(**values)

    @cached_property
    def extractor(self) -> Any:
        """The extractor that most checks use."""
        return self.new()

    def extract(self, waves: Sequence[Wave], extractor: Any = None) -> list[Array]:
        """Extract arrays from copies of the waves; check the arrays as the harness does."""
        extractor = extractor or self.extractor
        given = [as_read(extractor, wave.copy()) for wave in waves]
        return check_arrays(self.name, extractor(given), len(waves))

    @cached_property
    def waves(self) -> Sequence[Wave]:
        """Nine utterances of different lengths."""
        return signals.utterances(3, "test").waves

    @cached_property
    def arrays(self) -> list[Array]:
        """The features of `waves`."""
        return self.extract(self.waves)


def is_made(subject: FeatureSubject) -> str:
    """The feature can be imported, takes its parameters, and has a version.

    Arrays are stored by version: changed code with the old version would read old arrays.
    """
    if not callable(subject.extractor):
        raise Violation("it cannot be called: write __call__(self, waves)")
    kind = reads(subject.target)
    given = "" if kind == "wave" else f", is given a {kind}"
    return f"version {registry.version(subject.entry, subject.target)}{given}"


def arrays(subject: FeatureSubject) -> str:
    """Each wave gives one finite array of float32 or float16.

    Arrays are stored unchanged, and one with NaN or infinity spoils a whole training.
    """
    first, seconds = subject.arrays[0], len(subject.waves[0]) / signals.RATE
    return f"{first.dtype}, {'x'.join(map(str, first.shape))} from {round(seconds, 2)} s"


def repeats_itself(subject: FeatureSubject) -> None:
    """The same waves give the same bits, even from a new extractor.

    Stored arrays are used again: a run must not depend on whether an array was stored.
    """
    for extractor in (subject.extractor, subject.new()):
        again = subject.extract(subject.waves, extractor)
        if not all(map(np.array_equal, subject.arrays, again)):
            raise Violation(
                "extracting twice gives different arrays: draw nothing at random, and keep nothing "
                "from one call to the next"
            )


def random_state(subject: FeatureSubject) -> None:
    """Extracting leaves the global random states of random, numpy and torch unchanged.

    Other code in the process draws from these states.
    """
    with watched() as touched:
        subject.extract(subject.waves, subject.new())
    if touched:
        raise Violation(
            f"it changes the global random state of {' and '.join(touched)}: draw nothing at random"
        )


def neighbours(subject: FeatureSubject) -> None:
    """Each array depends on its own wave only.

    The waves of a batch are those that are not stored yet, so batches differ between runs.
    """
    alone = [subject.extract([wave])[0] for wave in subject.waves]
    remedy = "compute each wave on its own, or keep padding out of it"
    _require_same(alone, subject.arrays, f"for a wave alone and in a batch, {{}}: {remedy}")


def _require_same(arrays: Sequence[Array], others: Sequence[Array], fault: str) -> None:
    """Refuse arrays that differ in shape, or by more than rounding; `fault` has a {} for how."""
    for array, other in zip(arrays, others, strict=True):
        if array.shape != other.shape:
            raise Violation(fault.format(f"arrays have the shapes {array.shape} and {other.shape}"))
        apart = float(np.abs(array.astype(np.float64) - other).max())
        if not apart <= TOLERANCE * (float(np.ptp(array)) or 1.0):
            raise Violation(fault.format(f"arrays differ by up to {apart:.2g}"))


def place(subject: FeatureSubject) -> None:
    """Arrays are in the order of the waves.

    Each array is stored under the digest of its wave.
    """
    backward = subject.extract(subject.waves[::-1])[::-1]
    fault = "in another order, {}: undo any sorting before returning"
    _require_same(subject.arrays, backward, fault)


def shapes(subject: FeatureSubject) -> str:
    """At most one axis of an array depends on the length of the wave.

    Models stack or pad arrays along one axis, time.
    """
    lengths = (0.5, 0.9, 2.0)
    waves = [signals.utterance(0, seconds, 7000) for seconds in lengths]
    shapes = [subject.extract([wave])[0].shape for wave in waves]
    seconds, listed = (", ".join(map(str, values)) for values in (lengths, shapes))
    fault = f"for {seconds} s its arrays have the shapes {listed}"
    if len({len(shape) for shape in shapes}) > 1:
        raise Violation(f"{fault}: give all of them the same number of axes")
    growing = [axis for axis, sizes in enumerate(zip(*shapes, strict=True)) if len({*sizes}) > 1]
    if len(growing) > 1:
        raise Violation(f"{fault}: only the time axis may grow")
    return f"axis {growing[0]} grows with time" if growing else f"always {shapes[0]}"


def _require_array(subject: FeatureSubject, wave: Wave) -> None:
    """Refuse an array whose number of axes differs from that of other arrays."""
    (array,) = subject.extract([wave])
    if array.ndim != subject.arrays[0].ndim:
        raise Violation(f"its array has the unusual shape {array.shape}")


def leaves_waves_alone(subject: FeatureSubject) -> None:
    """Extracting does not write into the waves.

    The caller uses them again.
    """
    waves = [wave.copy() for wave in subject.waves]
    subject.extractor([as_read(subject.extractor, wave) for wave in waves])
    if not all(map(np.array_equal, waves, subject.waves)):
        raise Violation(
            "it changes the waves that it is called with: write wave = wave / ..., not wave /= ..."
        )


def threads(subject: FeatureSubject) -> None:
    """Calls from several threads at once give the same arrays.

    One call can change attributes of the extractor that another call is using.
    """
    waves, arrays = [*subject.waves], subject.arrays
    remedy = "keep the data of a call in local variables"
    fault = f"called from {THREADS} threads at once, {{}}: {remedy}"
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        turns = [waves[start:] + waves[:start] for start in range(THREADS)]
        for start, threaded in enumerate(pool.map(subject.extract, turns)):
            _require_same(threaded, [*arrays[start:], *arrays[:start]], fault)


CHECKS = (
    Check(is_made),
    Check(parameters_are_annotated, (is_made,)),
    Check(arrays, (is_made,)),
    Check(repeats_itself, (arrays,)),
    Check(random_state, (arrays,)),
    Check(neighbours, (repeats_itself,)),
    Check(place, (repeats_itself,)),
    Check(shapes, (arrays,)),
    *odd_input_checks(_require_array, arrays),
    Check(leaves_waves_alone, (arrays,)),
    Check(threads, (place,)),
)
