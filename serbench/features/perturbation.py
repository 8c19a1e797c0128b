"""Perturb waves as test conditions do: "noise:snr=10" names a perturbation and its parameters."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from serbench import contracts
from serbench.contracts import Wave
from serbench.errors import PluginError, SerbenchError
from serbench.parameters import checked, parse_all, settable, typed
from serbench.plugins import registry
from serbench.plugins.guarded_import import guarded


@dataclass(frozen=True)
class Perturber:
    """A perturbation with its parameters."""

    spec: str  # its only spelling, without defaults: "noise:snr=10.0"
    version: str
    perturbation: contracts.Perturbation = field(repr=False)
    name: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)  # with defaults

    def __call__(self, wave: Wave, key: str) -> Wave:
        """Return the perturbed wave; `key` identifies the utterance, and seeds the randomness.

        Raises:
            PluginError: the perturbation breaks its contract.
        """
        seed = hashlib.sha256(f"{self.spec}\n{key}".encode()).digest()
        random = np.random.Generator(np.random.PCG64(int.from_bytes(seed)))
        return check_wave(self.spec, self.perturbation(wave, random))


def find(text: str) -> Perturber:
    """Return a perturbation as users type it: "telephone", "noise:snr=10", "my_ser:Echo:gain=0.5".

    Raises:
        SerbenchError: the name or a parameter is unknown, a value is out of range, or a package is
            missing.
    """
    name, given = parse(text)
    entry = registry.find("perturbation", name)
    target = registry.load(entry)
    version, allowed = registry.version(entry, target), settable(target)
    values = checked(name, allowed, given)
    with guarded(f"{text} cannot be made", passing=(SerbenchError,)):
        perturbation = target(**values)
    changed = [typed(*pair) for pair in sorted(values.items()) if pair[1] != allowed[pair[0]][1]]
    spec = ":".join([name, *([",".join(changed)] if changed else [])])
    return Perturber(spec, version, perturbation, name, values)


def parse(text: str) -> tuple[str, Mapping[str, object]]:
    """Return the name and the parameters of a perturbation; the name may be an import path.

    >>> parse("my_ser:Echo:gain=0.5")
    ('my_ser:Echo', {'gain': 0.5})

    Raises:
        BadParameter: a parameter has no "=".
    """
    name, colon, rest = text.partition(":")
    if name not in registry.installed().entries["perturbation"]:
        attribute, more, params = rest.partition(":")
        if colon and "=" not in attribute:
            name, colon, rest = f"{name}:{attribute}", more, params
    return name, parse_all(rest.split(",")) if colon else {}


def check_wave(name: str, wave: object) -> Wave:
    """Return a wave from a perturbation.

    Raises:
        PluginError: it is not a finite float32 array of one axis with at least one sample.
    """
    if not isinstance(wave, np.ndarray):
        raise PluginError(f"perturbation {name} made a {type(wave).__name__}, not an array")
    if wave.dtype != np.float32 or wave.ndim != 1 or not wave.size or not np.isfinite(wave).all():
        raise PluginError(
            f"perturbation {name} made an array of type {wave.dtype} and shape {wave.shape} that "
            "is not a finite float32 wave of at least one sample; this is a fault of the plugin "
            "that offers it"
        )
    return wave
