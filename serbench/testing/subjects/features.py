"""A feature under examination: its extractor, and what it makes of synthetic utterances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from serbench.contracts import Array, Entry, Resolves, Wave
from serbench.features.store import check_arrays
from serbench.plugins import registry
from serbench.specs import checked, parameters
from serbench.testing import signals
from serbench.testing.examination import Violation


@dataclass
class Extracting:
    """A feature's entry and parameters.

    Attributes:
        name: of the feature.
        params: as a user would give them.
    """

    name: str
    params: Mapping[str, object]

    @cached_property
    def entry(self) -> Entry:
        """What its plugin says of it."""
        return registry.find("feature", self.name)

    @cached_property
    def target(self) -> Any:
        """What its entry points to."""
        return registry.load(self.entry)

    def new(self) -> Any:
        """An extractor."""
        known = parameters(self.target)
        known.pop("device", None)
        values: Mapping[str, object] = checked(self.name, known, self.params)
        if isinstance(self.target, Resolves):
            values = self.target.resolved(values)
        return self.target(**values)

    def require_callable(self) -> None:
        """Refuse an extractor that cannot be called.

        Raises:
            Violation: it has no `__call__`.
        """
        if not callable(self.extractor):
            raise Violation("it cannot be called: write __call__(self, waves)")

    @cached_property
    def extractor(self) -> Any:
        """The one that most checks ask."""
        return self.new()

    def of(self, waves: Sequence[Wave], extractor: Any = None) -> list[Array]:
        """What it makes of copies of the waves, checked as the harness checks it."""
        ask = extractor or self.extractor
        return check_arrays(self.name, ask([wave.copy() for wave in waves]), len(waves))

    @cached_property
    def waves(self) -> Sequence[Wave]:
        """Nine utterances of unlike lengths."""
        return signals.spoken(3, "test").waves

    @cached_property
    def arrays(self) -> list[Array]:
        """What it makes of them."""
        return self.of(self.waves)
