"""What a feature must do: one finite array a wave, made of that wave alone, always the same."""

import concurrent.futures

import numpy as np

from serbench.contracts import Array, Wave
from serbench.plugins import registry
from serbench.testing import signals
from serbench.testing.checks.parameters import require_parameters
from serbench.testing.examination import Check, Violation, blaming
from serbench.testing.random_state import watched
from serbench.testing.subjects.features import Extracting

SHORT, LONG = 0.1, 30  # seconds
TOLERANCE = 1e-3  # of an array's range: rounding of other batches
THREADS = 4


def is_made(extracting: Extracting) -> str:
    """It is imported, takes its parameters, and has a version.

    The version is part of what finds a stored array: without a new one, old numbers come back.
    """
    extracting.require_callable()
    return f"version {registry.version(extracting.entry, extracting.target)}"


def parameters_are_annotated(extracting: Extracting) -> str:
    """Every parameter of the constructor has a default and an annotation that the default fits.

    --param checks values against them; what has neither, no user can set, and no run records.
    """
    return require_parameters(extracting.name, extracting.target)


def arrays(extracting: Extracting) -> str:
    """One finite array of float32 (or float16) a wave.

    They are stored as they come, and one that is not finite spoils a whole training.
    """
    first = extracting.arrays[0]
    return f"{first.dtype}, {'x'.join(map(str, first.shape))} of {_seconds(extracting.waves[0])} s"


def _seconds(wave: Wave) -> float:
    return round(len(wave) / signals.RATE, 2)


def repeats_itself(extracting: Extracting) -> None:
    """The same waves give the same arrays, to the last bit, from a new extractor too.

    It is extracted once and then read: who begins with an empty store must get the same.
    """
    other = extracting.of(extracting.waves, extracting.new())
    for again in (extracting.of(extracting.waves), other):
        if not all(map(np.array_equal, extracting.arrays, again)):
            raise Violation(
                "extracted twice, arrays differ: draw nothing at random, and keep nothing from "
                "one call to the next"
            )


def random_state(extracting: Extracting) -> None:
    """It leaves the global random states of random, numpy and torch as they were.

    Whoever seeds them changes what others in the process draw.
    """
    with watched() as touched:
        extracting.of(extracting.waves, extracting.new())
    if touched:
        raise Violation(
            f"it changes the global random state of {' and '.join(touched)}: a feature needs none"
        )


def neighbours(extracting: Extracting) -> None:
    """An array depends on its own wave only, not on the others in the batch.

    Which utterances are extracted together depends on what was stored before.
    """
    for wave, among in zip(extracting.waves, extracting.arrays, strict=True):
        (alone,) = extracting.of([wave])
        remedy = "compute each wave on its own, or keep padding out of it"
        _same(alone, among, f"of a wave alone and among others {{}}: {remedy}")


def _same(first: Array, other: Array, said: str) -> None:
    """Refuse arrays that differ in shape, or by more than rounding explains."""
    if first.shape != other.shape:
        raise Violation(said.format(f"arrays have the shapes {first.shape} and {other.shape}"))
    apart = float(np.abs(first.astype(np.float64) - other).max())
    if not apart <= TOLERANCE * (float(np.ptp(first)) or 1.0):
        raise Violation(said.format(f"arrays differ by up to {apart:.2g}"))


def place(extracting: Extracting) -> None:
    """Arrays come in the order of the waves.

    An array is stored under its wave's digest: another order gives utterances away to each other.
    """
    back = extracting.of(extracting.waves[::-1])[::-1]
    for forth, turned in zip(extracting.arrays, back, strict=True):
        remedy = "undo any sorting before returning"
        _same(forth, turned, f"in another order, {{}}: {remedy}")


def shapes(extracting: Extracting) -> str:
    """Whatever the length of a wave, at most one axis of its array changes its size.

    Models stack or pad along one axis, time; everything else must be the same size.
    """
    lengths = (0.5, 0.9, 2.0)
    found = [extracting.of([signals.utterance(0, seconds, 7000)])[0].shape for seconds in lengths]
    if len({len(shape) for shape in found}) > 1:
        raise Violation(
            f"of {_listed(lengths)} s its arrays have the shapes {_listed(found)}: "
            "give all of them the same number of axes"
        )
    changing = [axis for axis, sizes in enumerate(zip(*found, strict=True)) if len({*sizes}) > 1]
    if len(changing) > 1:
        raise Violation(
            f"of {_listed(lengths)} s its arrays have the shapes {_listed(found)}: only the axis "
            "of time may grow"
        )
    return f"axis {changing[0]} grows with time" if changing else f"always {found[0]}"


def _listed(values: object) -> str:
    return ", ".join(map(str, values))  # type: ignore[call-overload]


def short_input(extracting: Extracting) -> None:
    """It takes a wave of 0.1 s.

    Trimming leaves such utterances, and one of them stops an extraction.
    """
    _survives(extracting, signals.utterance(0, SHORT, 7001), "0.1 s: pad what is shorter")


def long_input(extracting: Extracting) -> None:
    """It takes a wave of 30 s.

    IEMOCAP has some of 34 s.
    """
    _survives(extracting, signals.long(0, LONG, 7002), "30 s: work in parts where memory is short")


def silent_input(extracting: Extracting) -> None:
    """It takes digital silence.

    CREMA-D has a silent recording, and no test utterance may be left out.
    """
    _survives(extracting, signals.silent(), "silence: add a small number before a log or division")


def constant_input(extracting: Extracting) -> None:
    """It takes a signal that is one value all the time.

    Such recordings have no variance to divide by.
    """
    remedy = "add a small number before dividing by a deviation"
    _survives(extracting, signals.constant(), f"a constant signal: {remedy}")


def _survives(extracting: Extracting, wave: Wave, said: str) -> None:
    """Refuse an error, or an array of another kind than usual."""
    with blaming(f"for {said}"):
        (made,) = extracting.of([wave])
        if made.ndim != extracting.arrays[0].ndim:
            raise Violation(f"its array has the shape {made.shape}")


def leaves_waves_alone(extracting: Extracting) -> None:
    """It does not write into the waves that it is given.

    They are shared with whoever comes next.
    """
    given = [wave.copy() for wave in extracting.waves]
    extracting.extractor(given)
    if not all(map(np.array_equal, given, extracting.waves)):
        raise Violation(
            "the waves are changed once it is done: write wave = wave / ..., not wave /= ..."
        )


def threads(extracting: Extracting) -> None:
    """Called from several threads at once, it gives the same.

    Extraction may use threads; what an extractor keeps in itself between lines is then another's.
    """
    waves = [*extracting.waves]
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        turns = [waves[start:] + waves[:start] for start in range(THREADS)]
        for start, made in enumerate(pool.map(extracting.of, turns)):
            expected = [*extracting.arrays[start:], *extracting.arrays[:start]]
            for there, here in zip(made, expected, strict=True):
                remedy = "keep what a call works with in local variables"
                _same(there, here, f"called from {THREADS} threads at once, {{}}: {remedy}")


CHECKS = (
    Check(is_made),
    Check(parameters_are_annotated, (is_made,)),
    Check(arrays, (is_made,)),
    Check(repeats_itself, (arrays,)),
    Check(random_state, (arrays,)),
    Check(neighbours, (repeats_itself,)),
    Check(place, (repeats_itself,)),
    Check(shapes, (arrays,)),
    Check(short_input, (arrays,)),
    Check(long_input, (arrays,)),
    Check(silent_input, (arrays,)),
    Check(constant_input, (arrays,)),
    Check(leaves_waves_alone, (arrays,)),
    Check(threads, (place,)),
)
