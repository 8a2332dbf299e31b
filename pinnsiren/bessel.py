"""Bessel functions of torch tensors, of any real order, differentiable in their argument.

torch has orders 0 and 1 without derivatives; scipy has all of them. They occur in coefficients and exact solutions, which
are evaluated once for each set of points, so that the way through the CPU costs little.
"""

from collections.abc import Callable
from typing import Any

import scipy.special
import torch
from torch import Tensor

KINDS = {"j": scipy.special.jv, "y": scipy.special.yv, "i": scipy.special.iv, "k": scipy.special.kv}
# f_ν' = (a f_{ν−1} + b f_{ν+1}) / 2;  DLMF 10.6.1 and 10.29.1
SLOPES = {"j": (1, -1), "y": (1, -1), "i": (1, 1), "k": (-1, -1)}


class _Bessel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kind: str, order: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.kind, ctx.order = kind, order
        return torch.as_tensor(KINDS[kind](order, x.detach().cpu().double().numpy())).to(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        a, b = SLOPES[ctx.kind]
        below, above = bessel(ctx.kind)(ctx.order - 1, x), bessel(ctx.kind)(ctx.order + 1, x)
        slope = (a * below + b * above) / 2
        return gradients[0] * slope, None, None


def bessel(kind: str) -> Callable[[float, Tensor], Tensor]:
    """J ("j"), Y ("y"), I ("i") or K ("k") as a function of (order, x); the order is one number."""

    def function(order: float, x: Tensor) -> Tensor:
        value: Tensor = _Bessel.apply(x, kind, order)  # type: ignore[no-untyped-call]
        return value

    return function
