"""Draw the first weights of a network of ReLU layers."""

import torch
from torch import nn


def kaiming(network: nn.Module, last: nn.Module, generator: torch.Generator) -> None:
    """Give all real layers their first values, drawing from `generator` only (He et al. 2015).

    Batch norm starts as the identity, biases as 0, recurrent layers uniform as torch does it.

    Args:
        network: a network whose weights have memory, but no values.
        last: its last layer, after which no ReLU halves the mean square.
        generator: a generator on the CPU.
    """
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_parameters()
        elif isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            gain = 1.0 if layer is last else 2.0
            deviation = (gain / layer.weight[0].numel()) ** 0.5
            nn.init.normal_(layer.weight, 0.0, deviation, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.GRU):
            bound = layer.hidden_size**-0.5
            for weights in layer.parameters():
                nn.init.uniform_(weights, -bound, bound, generator=generator)
