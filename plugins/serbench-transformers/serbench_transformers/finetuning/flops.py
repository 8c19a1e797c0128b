"""How much arithmetic an encoder with a head needs for utterances of given lengths."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.func import functional_call

from serbench.contracts import Array
from serbench_torch import counting
from serbench_transformers.finetuning.network import Network


def flops(network: Network, inputs: Sequence[Array], *, training: bool) -> float:
    """Floating-point operations of learning once from waves, or of scoring them.

    Learning begins at what no epoch changes, which is computed once. LayerDrop skips layers now
    and then, and checkpointing computes them twice; neither is counted.

    Args:
        network: on any device, in evaluation mode; it stays as it is.
        inputs: waves, each (samples,) at 16 kHz.
        training: gradients too.
    """
    weights = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    blank = {
        f"network.{name}": each.detach().to("meta").requires_grad_(each.requires_grad)
        for name, each in weights.items()
    }
    parts = _Parts(network)

    def of(wave: Array) -> float:
        prepared = network.encoder.preprocess(wave).to("meta")

        def stem() -> Tensor:
            made: Tensor = functional_call(parts, blank, (prepared, True))
            return made

        made = stem()
        rest = counting.flops(lambda: functional_call(parts, blank, (made, False)), training)
        return rest if training else rest + counting.flops(stem, training)

    # one by one: padding, where there is any, is no work that had to be done
    return sum(map(of, inputs))


class _Parts(nn.Module):
    """The two parts of a network: what no epoch changes, and the rest."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, given: Tensor, first: bool) -> Tensor:
        made: Tensor = self.network.stems([given])[0] if first else self.network([given])
        return made
