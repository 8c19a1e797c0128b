"""Count the floating-point operations of an encoder with a head."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.func import functional_call

from serbench import Array
from serbench_torch import flop_counting
from serbench_transformers.finetuning.network import Network


def flops(network: Network, inputs: Sequence[Array], *, training: bool) -> float:
    """Count the floating-point operations of learning once from waves, or of scoring them.

    Stems are computed once, so learning does not count them. Layers that LayerDrop skips or that
    checkpointing computes twice count once.

    The network must be in evaluation mode, on any device, and does not change.
    """
    weights = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    on_meta = {
        f"network.{name}": tensor.detach().to("meta").requires_grad_(tensor.requires_grad)
        for name, tensor in weights.items()
    }
    parts = _Parts(network)

    def count(wave: Array) -> float:
        prepared = network.encoder.preprocess(wave).to("meta")

        def compute_stem() -> Tensor:
            stem: Tensor = functional_call(parts, on_meta, (prepared, True))
            return stem

        stem = compute_stem()
        rest = flop_counting.flops(lambda: functional_call(parts, on_meta, (stem, False)), training)
        return rest if training else rest + flop_counting.flops(compute_stem, training)

    return sum(map(count, inputs))  # one by one: padding is not counted


class _Parts(nn.Module):
    """The two parts of a network: the stem, and the rest."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, part: Tensor, stem: bool) -> Tensor:
        output: Tensor = self.network.stems([part])[0] if stem else self.network([part])
        return output
