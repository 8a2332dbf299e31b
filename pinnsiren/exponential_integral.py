"""The exponential integral Ei of torch tensors, differentiable; torch has none.

It occurs in the field of a Gaussian source, which is evaluated once for each set of points, so that the way through the CPU
costs little.
"""

from typing import Any

import scipy.special
import torch
from torch import Tensor


class _Ei(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.as_tensor(scipy.special.expi(x.detach().cpu().double().numpy())).to(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = gradients[0] * torch.exp(x) / x
        return slope


def exponential_integral(x: Tensor) -> Tensor:
    """Ei(x) = −∫_{−x}^∞ e^{−t}/t dt (DLMF 6.2.5), elementwise; Ei' = eˣ/x."""
    value: Tensor = _Ei.apply(x)  # type: ignore[no-untyped-call]
    return value
