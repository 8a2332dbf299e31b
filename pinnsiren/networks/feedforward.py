"""Networks of feed-forward layers with a linear output: their jets, the gradient of these, and per-point rows.

A network says only what its layers are; everything here follows from that.
"""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pinnsiren.activations import Activation
from pinnsiren.jets import Channels, Weights, operator_weights, slice_weights
from pinnsiren.networks.adjoint import Output, is_cheaper, swept
from pinnsiren.networks.layers import Layers, Signal, Tape, backward, composed, forward
from pinnsiren.networks.network import LinearOutput, Trace
from pinnsiren.networks.stacked import stacked

POINTS_AT_ONCE = 256  # whose outer products are formed in the cache before they go to their rows


class FeedForward(LinearOutput):
    """z_l = ω_l (W_l a_{l−1} + b_l), a_l = f(z_l), and a linear output. Every network made of it is final.

    Attributes:
        layers: the hidden layers' W_l and b_l.
        centre, half_width: (d,), of the box that is scaled to [−1, 1]^d inside.
        omega0: ω_l, (layers,), or None where all are 1.
        circles: places of the coordinates that the first layer sees as (cos πx̂, sin πx̂).
        fused: whether jets go through the activation by compiled kernels, see :mod:`pinnsiren.fused`; for long runs.
    """

    circles: tuple[int, ...] = ()
    fused: bool = False
    layers: nn.ModuleList
    centre: Tensor
    half_width: Tensor
    omega0: Tensor | None

    @property
    @abstractmethod
    def activation(self) -> Activation:
        """f, the same in every hidden layer."""

    @property
    def repeats(self) -> list[bool] | None:
        """Whether the first layer sees a circle in place of each coordinate; None where it does in place of none."""
        return [i in self.circles for i in range(self.inputs)] if self.circles else None

    def jet(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        return self._run(points, channels, coefficients, output=(self.output.weight, self.output.bias))

    def hidden(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        return self._run(points, channels, coefficients, output=())

    @torch.no_grad()
    def trace(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Trace:
        self.check(points, channels)
        return FeedForwardTrace(self, points, channels, operator_weights(channels, coefficients, points))

    def common_spec(self) -> dict[str, Any]:
        """The box and dtype, as plain values."""
        centre, half = self.centre.double(), self.half_width.double()
        return {"box": torch.stack([centre - half, centre + half], dim=1).tolist(),
                "dtype": str(self.output.weight.dtype).removeprefix("torch.")}

    def scaled(self, points: Tensor) -> Tensor:
        """x̂ = (x − centre) / half width, (n, d)."""
        return (points - self.centre) / self.half_width

    def tensors(self) -> Layers:
        """The hidden layers as plain tensors, frequencies multiplied in: V_l = ω_l W_l, e_l = ω_l b_l."""
        linear = [(layer.weight, layer.bias) for layer in self.layers]
        if self.omega0 is not None:
            linear = [(omega * w, omega * b) for omega, (w, b) in zip(self.omega0, linear, strict=True)]
        weights, biases = zip(*linear, strict=True)
        return Layers(self.activation, self.half_width, weights, biases, self.circles, self.fused)

    def _run(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor], *,
             output: Output | tuple[()]) -> Tensor:
        self.check(points, channels)
        layers, scaled = self.tensors(), self.scaled(points)
        weights = operator_weights(channels, coefficients, points)
        if layers.weights[0].dim() == 3:  # in the place of its parameters are those of many networks
            return stacked(layers, scaled, channels, weights, output=output)
        if torch.compiler.is_compiling():
            return _combine(composed(layers, scaled, channels, weights), output)
        if output and is_cheaper(channels, self.outputs):
            return swept(layers, output, scaled, channels)
        if not torch.is_grad_enabled():
            return _without_tapes(layers, scaled, channels, weights, output=output)
        jet: Tensor = _Pass.apply(  # type: ignore[no-untyped-call]
            layers, channels, weights, scaled, *layers.weights, *layers.biases, *output)
        return jet


class FeedForwardTrace(Trace):
    """The tapes of a pass, and the rows that one reverse pass over them gives. It holds while θ does not change."""

    def __init__(self, network: FeedForward, points: Tensor, channels: Channels, weights: Weights) -> None:
        self._network, self._channels, self._layers = network, channels, network.tensors()
        self._blocks = self._layers.blocks(points, channels)
        scaled = network.scaled(points)
        self._tapes = [forward(self._layers, scaled[b], channels, slice_weights(weights, b)) for b in self._blocks]
        output = (network.output.weight, network.output.bias)
        self.jet = torch.cat([_combine(tape.features, output) for tape in self._tapes], dim=1)

    @torch.no_grad()
    def pullback(self, cotangent: Tensor) -> Tensor:
        places = parameter_slices(self._network)
        rows = cotangent.new_empty(cotangent.shape[1], sum(p.numel() for p in self._network.parameters()))
        for block, tape in zip(self._blocks, self._tapes, strict=True):
            self._write(rows[block], tape, cotangent[:, block], places=places)
        return rows

    def _write(self, rows: Tensor, tape: Tape, cotangent: Tensor, *, places: dict[str, slice]) -> None:
        _outer(cotangent, tape.features, out=rows[:, places["output.weight"]])
        rows[:, places["output.bias"]] = cotangent[0]
        incoming = torch.matmul(cotangent, self._network.output.weight)
        omega0 = self._network.omega0
        spare = torch.empty_like(incoming)
        for signal in backward(self._layers, tape, self._channels, cotangent=incoming, spare=spare):
            weight = rows[:, places[f"layers.{signal.layer}.weight"]]
            bias = rows[:, places[f"layers.{signal.layer}.bias"]]
            omega = 1.0 if omega0 is None else omega0[signal.layer]  # V = ω W and e = ω b
            scaled = signal.cotangent * omega
            if signal.inputs is None:
                _first_rows(scaled, self._layers, tape, self._channels, out=weight)
            else:
                _outer(scaled, signal.inputs, out=weight)
            bias.copy_(scaled[0])
            if "omega0" in places:
                own_weight, own_bias = self._network.layers[signal.layer].parameters()
                along = weight @ own_weight.flatten() + bias @ own_bias
                rows[:, places["omega0"]][:, signal.layer] = along / omega


class _Pass(torch.autograd.Function):
    """The jet of a feed-forward network and the gradient of its tensors: all V_l, all e_l, the output's if given."""

    @staticmethod
    def forward(ctx: Any, layers: Layers, channels: Channels, weights: Weights, points: Tensor,
                *tensors: Tensor) -> Tensor:
        output = tensors[2 * len(layers.weights):]
        jet = points.new_empty(len(channels), len(points), len(output[0]) if output else layers.width)
        blocks = layers.blocks(points, channels)
        kept: list[Tensor] = []
        for block in blocks:
            tape = forward(layers, points[block], channels, slice_weights(weights, block))
            jet[:, block] = _combine(tape.features, output)
            kept.extend(chain(*tape.saved))
        ctx.layers, ctx.channels, ctx.weights, ctx.blocks = layers, channels, weights, blocks
        ctx.lengths = [len(saved) for saved in tape.saved]
        # Through autograd's own store: it frees the tapes after the gradient, and sees parameters changed in between.
        ctx.save_for_backward(points, *tensors, *kept)
        return jet

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        layers, channels, count = ctx.layers, ctx.channels, len(ctx.lengths)
        points, *rest = ctx.saved_tensors
        end = len(rest) - sum(ctx.lengths) * len(ctx.blocks)
        tensors, kept = rest[:end], iter(rest[end:])
        gradients = [torch.zeros_like(tensor) for tensor in tensors]
        buffers = layers.buffers(ctx.blocks, channels)
        for block in ctx.blocks:
            saved = tuple(tuple(islice(kept, length)) for length in ctx.lengths)
            tape = Tape(points[block], slice_weights(ctx.weights, block), saved)
            incoming, spare = (buffer[:tape.features.numel()].view_as(tape.features) for buffer in buffers)
            _uncombine(cotangent[:, block], tape.features, tensors[2 * count:], into=gradients[2 * count:],
                       out=incoming)
            for signal in backward(layers, tape, channels, cotangent=incoming, spare=spare):
                into = gradients[signal.layer], gradients[count + signal.layer]
                _accumulate(signal, layers, tape, channels, into=into)
        return None, None, None, None, *gradients


def _without_tapes(layers: Layers, points: Tensor, channels: Channels, weights: Weights, *,
                   output: tuple[Tensor, ...]) -> Tensor:
    """The jet where nobody asks for a gradient: each block's tape is forgotten at once, which saves memory and time."""
    return torch.cat([_combine(forward(layers, points[block], channels, slice_weights(weights, block)).features, output)
                      for block in layers.blocks(points, channels)], dim=1)


def parameter_slices(network: nn.Module) -> dict[str, slice]:
    """Where each named parameter lies in ``torch.nn.utils.parameters_to_vector(network.parameters())``."""
    slices, start = {}, 0
    for name, parameter in network.named_parameters():
        slices[name] = slice(start, start + parameter.numel())
        start += parameter.numel()
    return slices


def _combine(features: Tensor, output: tuple[Tensor, ...]) -> Tensor:
    """The linear output of the features' jet, its constant in the value only; the features where there is none."""
    if not output:
        return features
    weight, bias = output
    jet = torch.matmul(features, weight.T)
    return torch.cat([jet[:1] + bias, jet[1:]])


def _uncombine(cotangent: Tensor, features: Tensor, output: Sequence[Tensor], *, into: Sequence[Tensor],
               out: Tensor) -> None:
    """The features' cotangent, and the output's gradient added to what it is so far."""
    if not output:
        out.copy_(cotangent)
        return
    into[0].addmm_(cotangent.flatten(0, 1).T, features.flatten(0, 1))
    into[1].add_(cotangent[0].sum(0))
    torch.matmul(cotangent, output[0], out=out)


def _accumulate(signal: Signal, layers: Layers, tape: Tape, channels: Channels, *, into: tuple[Tensor, Tensor]) -> None:
    """Add a block's share of ∂/∂V and ∂/∂e."""
    weight, bias = into
    bias.add_(signal.cotangent[0].sum(0))
    if signal.inputs is not None:
        weight.addmm_(signal.cotangent.flatten(0, 1).T, signal.inputs.flatten(0, 1))
        return
    weight.addmm_(signal.cotangent[0].T, tape.points)
    for total, i in zip(signal.cotangent[1:].sum(1), channels.firsts, strict=True):  # a list as index is sent to a GPU
        weight[:, i].add_(total / layers.half_width[i])


def _first_rows(cotangent: Tensor, layers: Layers, tape: Tape, channels: Channels, *, out: Tensor) -> None:
    """Rows of the first layer's weight, whose input jet is x̂ and the unit vectors / half width: (n, width · d)."""
    rows = out.view(len(out), layers.width, tape.points.shape[1])
    torch.mul(cotangent[0].unsqueeze(2), tape.points.unsqueeze(1), out=rows)
    for g, i in zip(cotangent[1:], channels.firsts, strict=True):
        rows[:, :, i].add_(g / layers.half_width[i])


def _outer(cotangent: Tensor, inputs: Tensor, *, out: Tensor) -> None:
    """Rows Σ_c cotangent_c ⊗ inputs_c of a weight: (K, n, o), (K, n, i) -> (n, o·i)."""
    rows = out.view(len(out), cotangent.shape[2], inputs.shape[2])
    left, right = cotangent.permute(1, 2, 0), inputs.transpose(0, 1)
    scratch = rows.new_empty(min(len(rows), POINTS_AT_ONCE), *rows.shape[1:])
    for start in range(0, len(rows), POINTS_AT_ONCE):
        some = slice(start, start + POINTS_AT_ONCE)
        product = torch.bmm(left[some], right[some], out=scratch[:len(rows[some])])
        rows[some].copy_(product)
