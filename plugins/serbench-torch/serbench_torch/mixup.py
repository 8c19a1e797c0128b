"""Mixup: learn from weighted means of two utterances and of their labels."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from serbench import BadParameter


@dataclass(frozen=True)
class Mixup:
    """Means of an utterance and another one of its batch, with weights from Beta(alpha, alpha).

    After Zhang et al., *mixup: Beyond Empirical Risk Minimization* (ICLR 2018). Each pair has its
    own weight, as in their formula; PANNs (Kong et al. 2020) use alpha = 1.

    Attributes:
        alpha: the larger, the closer to 1/2 are the weights.

    Raises:
        BadParameter: alpha is not greater than 0.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise BadParameter(f"alpha={self.alpha} of mixup must be greater than 0")

    def __call__(
        self, inputs: Tensor, targets: Tensor, random: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return mixed inputs and their soft targets, both of the given shapes.

        Args:
            inputs: (utterances, ...), all of one size.
            targets: (utterances, labels), shares that sum to 1, such as
                `torch.nn.functional.one_hot(truth, labels).float()`. `cross_entropy` takes the
                soft targets as they are.
            random: the only source of randomness; see `SpecAugment`.
        """
        partners = torch.from_numpy(random.permutation(len(inputs)))
        weights = torch.from_numpy(random.beta(self.alpha, self.alpha, len(inputs)))
        return _mixed(inputs, partners, weights), _mixed(targets, partners, weights)


def _mixed(values: Tensor, partners: Tensor, weights: Tensor) -> Tensor:
    shape = (len(values), *[1] * (values.ndim - 1))
    own = weights.to(values.device, values.dtype).reshape(shape)
    return own * values + (1 - own) * values[partners.to(values.device)]
