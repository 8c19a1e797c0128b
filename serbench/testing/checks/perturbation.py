"""Check that a perturbation turns a wave and a seed into the same finite wave every time."""

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from serbench.contracts import Wave
from serbench.features.perturbation import check_wave
from serbench.parameters import checked, settable
from serbench.plugins import registry
from serbench.testing import signals
from serbench.testing.checks.odd_inputs import odd_input_checks
from serbench.testing.checks.parameters import parameters_are_annotated
from serbench.testing.examination import Check, Subject, Violation
from serbench.testing.random_state import watched


class PerturbationSubject(Subject):
    """A perturbation, and the waves that most checks use."""

    kind: ClassVar[str] = "perturbation"

    def new(self) -> Any:
        """Return a new perturbation."""
        values: Any = checked(self.name, settable(self.target), self.params)
        return self.target(**values)

    @cached_property
    def perturbation(self) -> Any:
        """The perturbation that most checks use."""
        return self.new()

    def perturb(self, wave: Wave, perturbation: Any = None, seed: int = 0) -> Wave:
        """Perturb a copy of a wave, and check the result as the harness does."""
        random = np.random.Generator(np.random.PCG64(seed))
        return check_wave(self.name, (perturbation or self.perturbation)(wave.copy(), random))

    @cached_property
    def waves(self) -> list[Wave]:
        """Nine utterances of different lengths."""
        return list(signals.utterances(3, "test").waves)

    @cached_property
    def perturbed(self) -> list[Wave]:
        """The perturbed `waves`."""
        return [self.perturb(wave) for wave in self.waves]


def is_made(subject: PerturbationSubject) -> str:
    """The perturbation can be imported, takes its parameters, and has a version.

    Perturbed features are stored by version: changed code with the old version would read old ones.
    """
    if not callable(subject.perturbation):
        raise Violation("it cannot be called: write __call__(self, wave, random)")
    return f"version {registry.version(subject.entry, subject.target)}"


def waves(subject: PerturbationSubject) -> str:
    """Each wave gives one finite float32 wave that is not empty.

    Features are extracted from it as from any other wave.
    """
    before, after = (sum(map(len, waves)) for waves in (subject.waves, subject.perturbed))
    if all(map(np.array_equal, subject.waves, subject.perturbed)):
        raise Violation("it changes no wave: choose a default that has an effect")
    return f"{round(after / before, 3)} times as long"


def repeats_itself(subject: PerturbationSubject) -> None:
    """The same wave and seed give the same bits, in any order, even from a new perturbation.

    Utterances are divided among processes, and each has a seed of its own.
    """
    for perturbation in (subject.perturbation, subject.new()):
        again = [subject.perturb(wave, perturbation) for wave in subject.waves[::-1]][::-1]
        if not all(map(np.array_equal, subject.perturbed, again)):
            raise Violation(
                "perturbing twice gives different waves: draw only from the argument random, and "
                "keep nothing from one call to the next"
            )


def random_state(subject: PerturbationSubject) -> None:
    """Perturbing leaves the global random states of random, numpy and torch unchanged.

    Other code in the process draws from these states.
    """
    with watched() as touched:
        subject.perturb(subject.waves[0], subject.new())
    if touched:
        raise Violation(
            f"it changes the global random state of {' and '.join(touched)}: draw only from the "
            "argument random"
        )


def _require_wave(subject: PerturbationSubject, wave: Wave) -> None:
    subject.perturb(wave)


def leaves_waves_alone(subject: PerturbationSubject) -> None:
    """Perturbing does not write into the wave.

    The caller may use it again.
    """
    wave = subject.waves[0].copy()
    subject.perturbation(wave, np.random.Generator(np.random.PCG64(0)))
    if not np.array_equal(wave, subject.waves[0]):
        raise Violation(
            "it changes the wave that it is called with: write wave = wave * ..., not wave *= ..."
        )


CHECKS = (
    Check(is_made),
    Check(parameters_are_annotated, (is_made,)),
    Check(waves, (is_made,)),
    Check(repeats_itself, (waves,)),
    Check(random_state, (waves,)),
    *odd_input_checks(_require_wave, waves),
    Check(leaves_waves_alone, (waves,)),
)
