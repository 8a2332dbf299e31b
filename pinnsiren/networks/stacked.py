"""Many networks of one architecture at once: each has parameters of its own and an equal share of the points.

Weights then have one dimension more, (B, width, fan-in), and of N = B n points the i-th belongs to network i // n. A layer is
one batched product for all channels, networks and points; what happens in between is the same as for one network.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnsiren.errors import DataError
from pinnsiren.jets import Channels, Rule, Weights
from pinnsiren.networks.layers import Layers, embedded
from pinnsiren.sine import rule_for


def stacked(layers: Layers, points: Tensor, channels: Channels, weights: Weights, *, output: tuple[Tensor, ...]) -> Tensor:
    """The jet of all networks, (C, N, outputs), or of their features; differentiable in every network's parameters.

    Args:
        layers: V_l (B, width, fan-in), e_l (B, width).
        points: x̂, (N, d), those of the first network first.
        output: W (B, outputs, width) and b (B, outputs); nothing for the features.

    Raises:
        DataError: points that cannot be shared equally.
    """
    count = len(layers.weights[0])
    if len(points) % count:
        raise DataError(f"{len(points)} points cannot be shared by {count} networks; give the same number to each.")
    rule = rule_for(layers.activation, channels)
    jet = embedded(layers, points, channels, weights)
    for weight, bias in zip(layers.weights, layers.biases, strict=True):
        jet = _Layer.apply(jet, weight, bias, rule, channels, weights)  # type: ignore[no-untyped-call]
    if output:
        jet = _Layer.apply(jet, *output, None, channels, weights)  # type: ignore[no-untyped-call]
    return jet


class _Layer(torch.autograd.Function):
    """One layer of all networks: the jet of f(V a + e), or of V a + e where there is no rule for f."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, rule: Rule | None, channels: Channels,
                weights: Weights) -> Tensor:
        ctx.rule, ctx.channels, ctx.weights = rule, channels, weights
        shared = inputs.view(len(inputs), len(weight), -1, inputs.shape[2])
        z = torch.matmul(shared, weight.transpose(1, 2))
        z[0] += bias[:, None]
        z = z.flatten(1, 2)
        if rule is None:
            ctx.save_for_backward(shared, weight)
            return z
        jet, *rest = rule.forward(z, channels, weights)
        ctx.save_for_backward(shared, weight, z, jet, *rest)
        return jet

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        shared, weight, *saved = ctx.saved_tensors
        signal = cotangent
        if ctx.rule is not None:  # a rule may write into the cotangent, which is autograd's
            signal = ctx.rule.backward(cotangent.clone(), saved[0], tuple(saved[1:]), channels=ctx.channels,
                                       weights=ctx.weights)
        signal = signal.reshape(*shared.shape[:3], -1)
        down = torch.matmul(signal, weight).flatten(1, 2) if ctx.needs_input_grad[0] else None
        return down, torch.matmul(signal.transpose(2, 3), shared).sum(0), signal[0].sum(1), None, None, None
