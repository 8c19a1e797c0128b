"""Adam without torch's imports for `torch.compile`, which take two seconds in every fold."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma and Ba 2015) with a constant learning rate, in one pass over memory.

    Results are those of `torch.optim.Adam(fused=True)` bit for bit, since both call the same
    function; but instances of `torch.optim`'s classes import `torch._dynamo`. Use `torch.optim`
    for groups of parameters or a scheduler.

    Args:
        parameters: the parameters to train.
        lr: the learning rate.
        betas: the decay of the gradients' running mean and mean square.
        eps: added to the root of the mean square.
        clip_value: the largest absolute value of a gradient; larger ones are cut. None cuts none.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        clip_value: float | None = None,
    ) -> None:
        self._parameters = list(parameters)
        self._lr, self._betas, self._eps, self._clip_value = lr, betas, eps, clip_value
        self._means = [torch.zeros_like(each) for each in self._parameters]
        self._squares = [torch.zeros_like(each) for each in self._parameters]
        self._steps = [torch.zeros((), device=each.device) for each in self._parameters]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Remove the gradients, or with `set_to_none=False` set them to 0."""
        for each in self._parameters:
            if set_to_none:
                each.grad = None
            elif each.grad is not None:
                each.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return the state in the layout of `torch.optim.Adam`."""
        tensors = zip(self._steps, self._means, self._squares, strict=True)
        names = ("step", "exp_avg", "exp_avg_sq")
        return {"state": {n: dict(zip(names, row, strict=True)) for n, row in enumerate(tensors)}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""
        for position, kept in state["state"].items():
            self._steps[position].copy_(kept["step"])
            self._means[position].copy_(kept["exp_avg"])
            self._squares[position].copy_(kept["exp_avg_sq"])

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter; all must have gradients."""
        gradients = [each.grad for each in self._parameters if each.grad is not None]
        if self._clip_value is not None:
            for gradient in gradients:
                gradient.clamp_(-self._clip_value, self._clip_value)
        adam(
            list[Tensor](self._parameters),
            gradients,
            self._means,
            self._squares,
            max_exp_avg_sqs=[],
            state_steps=self._steps,
            fused=True,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=self._lr,
            weight_decay=0.0,
            eps=self._eps,
            maximize=False,
        )


Optimizer = Adam | torch.optim.Optimizer
