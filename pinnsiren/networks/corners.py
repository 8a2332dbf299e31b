"""Singular functions of corners beside random sines: what a solution of a second-order equation is like in a sector.

With the complex place z = x̃ + iỹ in a corner's own frame, seen along its bisector, solutions of equations whose principal
part is the Laplacian behave as sums of

    ζ^a (log ζ)^c z̄^b,    ζ = z / (1 − q z),    c ∈ {0, 1},

real and imaginary part each. All with b = 0 are harmonic. With 1/q outside of the domain the cut of ζ^a and log ζ ends
there: it is the segment from the corner to 1/q; with q = 0 it is the ray that continues the bisector backwards.

References: Grisvard, Elliptic Problems in Nonsmooth Domains (1985), ch. 5; Fix, Gulati & Wakoff, J. Comput. Phys. 13 (1973).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.jets import Channels, operator_weights
from pinnsiren.networks.fourier import Fourier
from pinnsiren.networks.initialisation import linear
from pinnsiren.networks.network import LinearOutput, Trace

Spec = tuple[str, dict[str, Any]]
Derivative = dict[int, tuple[Tensor, Tensor]]  # by power beyond a: the coefficients of ζ^(a + k) log ζ and of ζ^(a + k)

POLE = 1 / 3  # power of the least number: |z| that stands for 0, where log z is not defined, and of which z⁻³ is a number


class CornerFunction(NamedTuple):
    """One ζ^a (log ζ)^c z̄^b.

    Args:
        vertex: (x, y), in the coordinates' units.
        bisector: direction of the sector's middle, in radians.
        power, conjugate, logarithm: a > 0, b ≥ 0 and c.
        length: z is in units of it.
        cut: 1/q: where the cut ends, in the coordinates' units from the vertex backwards along the bisector; inf for nowhere.
    """

    vertex: tuple[float, float]
    bisector: float
    power: float
    conjugate: int = 0
    logarithm: bool = False
    length: float = 1.0
    cut: float = math.inf


class Cornered(LinearOutput):
    """Σ_k c_k φ_k + c_0 over the features of a Fourier network and those of corners; only the c are parameters.

    Args:
        base: a Fourier network of two inputs, or what its ``spec()`` gave. Its mirrors hold for the corners' functions, too:
            these are then given for one of each set of mirrored corners.
        functions: of the corners, two features each.

    Attributes:
        centre, half_width: (2,), of the base's box.

    Raises:
        SolveError: a base of another kind or with other inputs, or a power that is not positive.
    """

    centre: Tensor
    half_width: Tensor

    def __init__(self, base: Fourier | Spec, functions: Sequence[CornerFunction | Sequence[Any]]) -> None:
        super().__init__()
        self.base = _frozen(base if isinstance(base, Fourier) else _built(base))
        self.functions = tuple(CornerFunction(tuple(f[0]), *f[1:]) for f in functions)
        if self.base.inputs != 2 or not all(f.power > 0 and f.conjugate >= 0 and f.length > 0 and f.cut > 0
                                            for f in self.functions):
            raise SolveError(f"Cornered was given a base of {self.base.inputs} inputs and {self.functions}; expected 2 inputs, "
                             "and functions whose powers, lengths and cuts are positive.")
        self.inputs, self.outputs, self.mirrors = 2, self.base.outputs, self.base.mirrors
        self.register_buffer("centre", self.base.centre)
        self.register_buffer("half_width", self.base.half_width)
        images = [_Frames.of(self.functions)]
        for axis, place, _ in self.mirrors:
            wall = float(self.centre[axis] + place * self.half_width[axis])
            images += [i.reflected(axis, wall) for i in images]
        self._images = images
        width = self.base.output.in_features + 2 * len(self.functions) * len(images)
        zero = torch.zeros(self.outputs, width + 1, dtype=torch.float64)
        self.output = linear(zero[:, 1:], zero[:, 0]).to(self.centre)

    def hidden(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        self.check(points, channels)
        smooth = self.base.hidden(points, channels, coefficients).unflatten(2, (len(self._images), -1))
        singular = [_jet(i, points, channels, coefficients) for i in self._images]
        return torch.cat([smooth, torch.stack(singular, dim=2)], dim=3).flatten(2)

    def jet(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        jet = self.hidden(points, channels, coefficients) @ self.output.weight.T
        return torch.cat([jet[:1] + self.output.bias, jet[1:]])

    @torch.no_grad()
    def trace(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Trace:
        return _CorneredTrace(self, self.hidden(points, channels, coefficients))

    def spec(self) -> Spec:
        return "Cornered", {"base": self.base.spec(), "functions": [list(f) for f in self.functions]}


class _CorneredTrace(Trace):
    """The features at some points: rows of the output layer are nothing else."""

    def __init__(self, network: Cornered, hidden: Tensor) -> None:
        self._hidden = hidden
        jet = hidden @ network.output.weight.T
        self.jet = torch.cat([jet[:1] + network.output.bias, jet[1:]])

    @torch.no_grad()
    def pullback(self, cotangent: Tensor) -> Tensor:
        weight = torch.einsum("cno,cnf->nof", cotangent, self._hidden)
        return torch.cat([weight.flatten(1), cotangent[0]], dim=1)


@dataclass(frozen=True)
class _Frames:
    """Functions as tensors, each (K,): z = along · ((x, y) − vertex), along complex and of the size 1/length."""

    vertex: Tensor  # (K, 2)
    along: Tensor  # (K, 2), complex
    q: Tensor
    power: Tensor
    conjugate: Tensor
    logarithm: Tensor

    @classmethod
    def of(cls, functions: Sequence[CornerFunction]) -> "_Frames":
        def column(values: list[Any]) -> Tensor:
            return torch.tensor(values, dtype=torch.float64)

        turn = torch.exp(-1j * column([f.bisector for f in functions])) / column([f.length for f in functions])
        return cls(column([f.vertex for f in functions]).reshape(-1, 2), torch.stack([turn, 1j * turn], dim=1),
                   column([-f.length / f.cut for f in functions]), column([f.power for f in functions]),
                   column([f.conjugate for f in functions]), column([f.logarithm for f in functions]))

    def reflected(self, axis: int, wall: float) -> "_Frames":
        """The functions whose values at a point are those of these at its mirror image in x_axis = wall."""
        vertex, along = self.vertex.clone(), self.along.clone()
        vertex[:, axis] = 2 * wall - vertex[:, axis]
        along[:, axis] *= -1
        return _Frames(vertex, along, self.q, self.power, self.conjugate, self.logarithm)

    def to(self, like: Tensor) -> "_Frames":
        """In the dtype and on the device of a real tensor."""
        kind = torch.complex64 if like.dtype == torch.float32 else torch.complex128
        return _Frames(self.vertex.to(like), self.along.to(device=like.device, dtype=kind),
                       *(t.to(like) for t in (self.q, self.power, self.conjugate, self.logarithm)))


def _jet(frames: _Frames, points: Tensor, channels: Channels, coefficients: Sequence[Tensor]) -> Tensor:
    """The functions' jet: all real parts, then all imaginary parts, (C, n, 2K)."""
    own = frames.to(points)
    values = _Values(own, points)
    found = {orders: values.partial(orders) for orders in _wanted(channels)}
    jet = [found[orders] for orders in channels.carried]
    for pairs, weights in zip(channels.operators, operator_weights(channels, coefficients, points), strict=True):
        jet.append(torch.stack([w * found[(2 - i - j, i + j)] for (i, j), w in zip(pairs, weights, strict=True)]).sum(0))
    complete = torch.stack(jet)
    return torch.cat([complete.real, complete.imag], dim=2)


def _wanted(channels: Channels) -> set[tuple[int, ...]]:
    return {*channels.carried, *((2 - i - j, i + j) for pairs in channels.operators for i, j in pairs)}


class _Values:
    """The functions' derivatives at some points, powers and logarithms computed once."""

    def __init__(self, frames: _Frames, points: Tensor) -> None:
        self._frames = frames
        away = points[:, None, :] - frames.vertex
        z = (away * frames.along).sum(dim=2)
        vertex = torch.finfo(points.dtype).tiny ** POLE
        self._z = torch.where(z.abs() < vertex, torch.full_like(z, vertex), z)
        self._zeta = self._z / (1 - frames.q * self._z)
        self._log = torch.log(self._zeta)
        self._power = torch.exp(frames.power * self._log)
        self._along: dict[int, Tensor] = {}
        self._powers = {1: self._zeta, -1: 1 / self._zeta}
        self._conjugates = [torch.ones_like(z)]
        for _ in range(int(frames.conjugate.max())):
            self._conjugates.append(self._conjugates[-1] * self._z.conj())

    def partial(self, orders: tuple[int, ...]) -> Tensor:
        """∂_x^p ∂_y^q of every function, complex (n, K): (α ∂ + ᾱ ∂̄)^p (β ∂ + β̄ ∂̄)^q, α and β the slopes of z."""
        alpha, beta = self._frames.along.unbind(1)
        total = torch.zeros_like(self._z)
        for i, j in itertools.product(range(orders[0] + 1), range(orders[1] + 1)):
            weight = (math.comb(orders[0], i) * alpha ** i * alpha.conj() ** (orders[0] - i)
                      * math.comb(orders[1], j) * beta ** j * beta.conj() ** (orders[1] - j))
            total = total + weight * self._holomorphic(i + j) * self._antiholomorphic(sum(orders) - i - j)
        return total

    def _holomorphic(self, m: int) -> Tensor:
        """∂_z^m of ζ^a (log ζ)^c."""
        if m not in self._along:
            total = torch.zeros_like(self._zeta)
            for k, (with_log, plain) in _derivative(self._frames, m).items():
                part = with_log * self._log + plain
                total = total + (part * self._whole(k) if k else part)
            self._along[m] = self._power * total
        return self._along[m]

    def _whole(self, k: int) -> Tensor:
        """ζ^k, k ≠ 0: by products, for a complex pow takes as long as ten."""
        if k not in self._powers:
            self._powers[k] = self._whole(k - 1 if k > 0 else k + 1) * self._powers[1 if k > 0 else -1]
        return self._powers[k]

    def _antiholomorphic(self, m: int) -> Tensor:
        """∂_z̄^m of z̄^b."""
        b, found = self._frames.conjugate, torch.zeros_like(self._z)
        for k in range(m, len(self._conjugates)):
            found = torch.where(b == k, math.perm(k, m) * self._conjugates[k - m], found)
        return found


def _derivative(frames: _Frames, m: int) -> Derivative:
    """∂_z^m (ζ^a (log ζ)^c) by ∂ζ/∂z = (1 + q ζ)²: at each step (e ζ^(e−1) log ζ + ζ^(e−1)) (1 + 2qζ + q²ζ²)."""
    one = torch.ones_like(frames.power)
    terms: Derivative = {0: (frames.logarithm, one - frames.logarithm)}
    for _ in range(m):
        new: Derivative = {}
        for k, (with_log, plain) in terms.items():
            slope = (frames.power + k) * with_log, (frames.power + k) * plain + with_log
            for shift, factor in ((-1, one), (0, 2 * frames.q), (1, frames.q**2)):
                before = new.get(k + shift, (torch.zeros_like(one), torch.zeros_like(one)))
                new[k + shift] = before[0] + factor * slope[0], before[1] + factor * slope[1]
        terms = {k: pair for k, pair in new.items() if any(bool((t != 0).any()) for t in pair)} or {0: (0 * one, 0 * one)}
    return terms


def _frozen(network: Fourier) -> Fourier:
    """The network with its parameters turned into constants."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach())
    return network


def _built(spec: Spec) -> Fourier:
    from pinnsiren.networks import build  # imported when used: that module imports this one

    network = build(*spec)
    if not isinstance(network, Fourier):
        raise SolveError(f"Cornered was given a base {spec[0]}; expected a Fourier network.")
    return network
