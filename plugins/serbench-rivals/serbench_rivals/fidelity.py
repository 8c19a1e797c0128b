"""How near a model of this package is to the published system that it stands for."""

from dataclasses import dataclass
from typing import Literal

Fidelity = Literal["faithful", "from the abstract", "not reproducible"]
"""How much of a published system a model keeps.

- "faithful": published code is followed; what deviates from it is listed.
- "from the abstract": the idea is kept, the sizes are ours, since the paper's could not be read.
- "not reproducible": the published system needs what nobody can get; the model is the nearest one
  that can be trained.
"""


@dataclass(frozen=True)
class System:
    """A published system, and the model that stands for it.

    Attributes:
        model: the model's name.
        title: the system's name, for tables.
        source: authors, venue, arXiv number, and public code if there is any.
        reported: what Table III of the paper says of the system.
        fidelity: how much of the system the model keeps.
        weights: the pretrained weights that the model starts from.
        choices: everything that is ours, a sentence each: what the source leaves open, and what
            deviates from it.
        modality: what the model is given of an utterance.
    """

    model: str
    title: str
    source: str
    reported: str
    fidelity: Fidelity
    weights: str
    choices: tuple[str, ...]
    modality: str = "speech"

    def facts(self) -> dict[str, object]:
        """Return the facts that `describe` adds about every model of this package."""
        return {"fidelity": self.fidelity, "our_choices": list(self.choices)}
