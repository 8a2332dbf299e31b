"""Windows: many small networks side by side, blended by a partition of unity. For fields with more detail than one
dense least-squares solve can hold."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.errors import DataError, SolveError
from pinnsiren.jets import Channels, Orders, Weight, operator_weights
from pinnsiren.networks.initialisation import centre_and_half_width, require_sizes
from pinnsiren.networks.network import Network, Trace

Operator = Mapping[Orders, Weight]  # Σ_α weight_α(x) ∂^α; weights are numbers or columns (n, 1)

CHUNK = 2**23  # numbers held at once while a jet is evaluated: 64 MB in float64
LOWEST = 0.3  # radians per cell: slow enough that a few waves span polynomials, which a coarse solve needs
TOLERANCE = 1e-6  # cells that a point may lie outside the box by rounding


class Windows(Network):
    """Φ(x) = Σ_w ψ_w(x) Σ_k c_wk s_k(ξ_w(x)): a window ψ_w on each node of a regular grid, times its own combination of
    sines that all windows share.

    ξ_w = (x − x_w)/H is measured in cells from the node x_w, ψ_w = Π_i (1 − S(|ξ_w,i|)) lives on the cells around it,
    and S is the smoothstep polynomial of degree 2p + 1, so ψ is C^p and Σ_w ψ_w = 1. The s_k are the constant 1 and
    sin(ω·ξ), cos(ω·ξ) for ω on the midpoints of a regular grid over half of the band. On a photograph's gradients a
    regular grid reached 50 dB where frequencies drawn at random reached 34: random ones leave gaps in the band.

    The parameters are the coefficients (windows, features, outputs), 0 to begin with; see the solver ``MatrixFree``.

    Args:
        inputs, outputs: numbers of coordinates and of fields.
        cells: of the grid, one number for each coordinate; nodes are one more.
        features: wanted in each window; the grid of frequencies gives about as many (see the attribute).
        band: largest angular frequency, radians per half-width of the box; one, or one for each coordinate.
        box: bounds (d, 2); the fields live there and nowhere else.
        smoothness: p. Derivatives of order p + 1 jump on the cells' faces. On images 1 was best for first derivatives,
            3 for second ones.
        dtype, device: of the parameters.

    Attributes:
        features: number of sines and the constant in each window.
        frequencies: (features, d), radians per cell; 0 for the constant, those of the cosines, the same for the sines.
        lower, size: (d,), the box's corner and the cells' size.

    Raises:
        SolveError: a size below 1, or a band that is not positive. DomainError: bounds that are none.
    Reference:
        Babuška & Melenk, The partition of unity method, Int. J. Numer. Meth. Eng. 40 (1997).
    """

    frequencies: Tensor
    steps: Tensor
    lower: Tensor
    size: Tensor

    def __init__(self, inputs: int, outputs: int, cells: Sequence[int], features: int, band: float | Sequence[float], *,
                 box: Sequence[Sequence[float]] | Tensor, smoothness: int = 3, dtype: torch.dtype = torch.float64,
                 device: torch.device | str = "cpu") -> None:
        super().__init__()
        require_sizes("Windows", inputs=inputs, outputs=outputs, features=features, smoothness=smoothness,
                      **{f"cells[{i}]": n for i, n in enumerate(cells)})
        self.inputs, self.outputs, self.smoothness, self._asked = inputs, outputs, smoothness, features
        self.cells = tuple(cells)
        self.band = [float(band)] * inputs if isinstance(band, (int, float)) else [float(b) for b in band]
        if len(self.cells) != inputs or len(self.band) != inputs:
            raise SolveError(f"Windows of {inputs} inputs was given cells={self.cells} and band={self.band}; "
                             "give one for each input.")
        if not all(math.isfinite(b) and b > 0 for b in self.band):
            raise SolveError(f"Windows was given band={band!r}; expected positive numbers.")
        frequencies = _frequencies([2 * b / n for b, n in zip(self.band, self.cells, strict=True)], features)
        centre, half_width = centre_and_half_width(box, inputs)
        counts = torch.tensor(self.cells, dtype=torch.float64)
        self.features = len(frequencies)
        self.coefficients = nn.Parameter(torch.zeros(self.windows, self.features, outputs, dtype=torch.float64))
        for name, values in (("frequencies", frequencies), ("lower", centre - half_width),
                             ("size", 2 * half_width / counts), ("steps", smoothstep(smoothness))):
            self.register_buffer(name, values)
        self.to(dtype=dtype, device=device)

    @property
    def nodes(self) -> tuple[int, ...]:
        """Windows along each coordinate."""
        return tuple(n + 1 for n in self.cells)

    @property
    def windows(self) -> int:
        """Number of windows."""
        return math.prod(self.nodes)

    @property
    def corners(self) -> tuple[tuple[int, ...], ...]:
        """The 2^d corners of a cell, as steps to its nodes."""
        return tuple(product((0, 1), repeat=self.inputs))

    def locate(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The cell of each point, (n, d) whole numbers, and the place in it, (n, d) in [0, 1].

        Raises:
            DataError: a point outside the box.
        """
        places = (points - self.lower) / self.size
        counts = places.new_tensor(self.cells)
        outside = ((places < -TOLERANCE) | (places > counts + TOLERANCE)).any(dim=1)
        if bool(outside.any()):
            raise DataError(f"point {points[outside][0].tolist()} is outside the box of this Windows network, "
                            f"{self.spec()[1]['box']}; make it with a box that holds all points.")
        cell = torch.minimum((places + TOLERANCE).floor().clamp_min(0), counts - 1)
        return cell.long(), (places - cell).clamp(0, 1)

    def numbers(self, cell: Tensor) -> Tensor:
        """The windows at the corners of each cell: (n, 2^d), in the order of ``corners``."""
        nodes = cell[:, None, :] + torch.tensor(self.corners, device=cell.device)
        number = nodes[..., 0]
        for i in range(1, self.inputs):
            number = number * self.nodes[i] + nodes[..., i]
        return number

    def basis(self, place: Tensor, corner: Sequence[int], operators: Sequence[Operator]) -> Tensor:
        """Operators applied to every ψ_w s_k of the window at one corner of the points' cells.

        With s^(β) = ω^β sin(ω·ξ + b + |β|π/2), Leibniz' rule gives
        Σ_α a_α ∂^α(ψ s) = Σ_β (Σ_α a_α C(α, β) ∂^{α−β} ψ) s^(β): few products of points × features.

        Args:
            place: (n, d) from ``locate``.
            operators: with respect to the points' own coordinates.

        Returns:
            (operators, n, features).
        """
        local = place - place.new_tensor([float(c) for c in corner])
        waves = self._waves(local)
        found = []
        for operator in operators:
            parts = self._leibniz(local, operator)
            rows = torch.zeros_like(waves[0])
            for parity in (0, 1):
                chosen = [beta for beta in parts if sum(beta) % 2 == parity]
                if chosen:
                    along = torch.stack([self._power(beta) for beta in chosen])
                    rows.addcmul_(torch.stack([parts[beta] for beta in chosen], dim=1) @ along, waves[parity])
            found.append(rows)
        return torch.stack(found)

    def jet(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        self.check(points, channels)
        cell, place = self.locate(points)
        operators = operators_of(channels, coefficients, points)
        parts = [[self._leibniz(place - place.new_tensor(corner), operator) for operator in operators]
                 for corner in self.corners]
        orders = list(dict.fromkeys(beta for operator in parts[0] for beta in operator))
        derivatives = self._in_cells(cell, place, orders)
        total = []
        for c in range(len(operators)):
            total.append(torch.stack([parts[k][c][beta][:, None] * derivatives[:, k, orders.index(beta)]
                                      for k in range(len(self.corners)) for beta in parts[k][c]]).sum(0))
        return torch.stack(total)

    @torch.no_grad()
    def trace(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Trace:
        return WindowsTrace(self, points, channels, coefficients)

    def spec(self) -> tuple[str, dict[str, Any]]:
        lower, width = self.lower.double(), self.size.double() * torch.tensor(self.cells, device=self.size.device)
        return "Windows", {"inputs": self.inputs, "outputs": self.outputs, "cells": list(self.cells),
                           "features": self._asked, "band": self.band, "smoothness": self.smoothness,
                           "box": torch.stack([lower, lower + width], dim=1).tolist(),
                           "dtype": str(self.coefficients.dtype).removeprefix("torch.")}

    def _in_cells(self, cell: Tensor, place: Tensor, orders: Sequence[Orders]) -> Tensor:
        """Derivatives β of Σ_k c_wk s_k, without signs, for the windows on the corners of each point's cell.

        Turned to the cell's first corner, the waves of all windows around are the same: one product for each cell.

        Returns:
            (n, 2^d, orders, outputs).
        """
        windows = self.numbers(cell)
        turned = torch.stack([self._turned(corner, orders) for corner in self.corners])
        order = torch.argsort(windows[:, 0])
        counts = torch.unique_consecutive(windows[order, 0], return_counts=True)[1].tolist()
        found = []
        most = max(1, CHUNK // self.features)
        for chosen in (part for some in torch.split(order, counts) for part in torch.split(some, most)):
            own = torch.stack([turned[k, :, w] for k, w in enumerate(windows[chosen[0]].tolist())])
            matrix = own.permute(2, 0, 1, 3).reshape(self.features, -1)
            found.append((self._waves(place[chosen])[0] @ matrix).view(-1, *own.shape[:2], self.outputs))
        if not found:
            return place.new_zeros(0, len(self.corners), len(orders), self.outputs)
        return torch.cat(found)[torch.argsort(order)]

    def _turned(self, corner: Sequence[int], orders: Sequence[Orders]) -> Tensor:
        """Coefficients of derivatives β with respect to waves around the first corner of the cell: (orders, windows,
        features, outputs). cos ω(t − c) = cos ωc cos ωt + sin ωc sin ωt, and so on."""
        half = self.features // 2
        one, cosine, sine = self.coefficients.split([1, half, half], dim=1)
        angle = (self.frequencies[1:1 + half] @ self.frequencies.new_tensor(corner))[:, None]
        c, s = torch.cos(angle), torch.sin(angle)
        even = torch.cat([one, c * cosine - s * sine, s * cosine + c * sine], dim=1)
        odd = torch.cat([0 * one, s * cosine + c * sine, s * sine - c * cosine], dim=1)
        return torch.stack([self._power(beta)[:, None] * (odd if sum(beta) % 2 else even) for beta in orders])

    def _waves(self, local: Tensor) -> tuple[Tensor, Tensor]:
        """1, cos(ω·ξ), sin(ω·ξ) and their derivatives with respect to ω·ξ, each (n, features)."""
        angle = local @ self.frequencies[1:1 + self.features // 2].T
        sine, cosine, one = torch.sin(angle), torch.cos(angle), local.new_ones(len(local), 1)
        return torch.cat([one, cosine, sine], dim=1), torch.cat([0 * one, -sine, cosine], dim=1)

    def _leibniz(self, local: Tensor, operator: Operator) -> dict[Orders, Tensor]:
        """Σ_α a_α C(α, β) ∂^{α−β} ψ, signs of the sines' derivatives included: (n,) for each β."""
        parts: dict[Orders, Tensor] = {}
        for alpha, weight in operator.items():
            scale = math.prod(float(h) ** -k for h, k in zip(self.size, alpha, strict=True))
            for beta in product(*(range(k + 1) for k in alpha)):
                factor = scale * math.prod(math.comb(a, b) for a, b in zip(alpha, beta, strict=True))
                window = self.window(local, [a - b for a, b in zip(alpha, beta, strict=True)])
                sign = (-1) ** (sum(beta) // 2)  # sin'' = −sin
                part = factor * sign * window * (weight[:, 0] if isinstance(weight, Tensor) else weight)
                parts[beta] = parts[beta] + part if beta in parts else part
        return parts

    def window(self, local: Tensor, orders: Sequence[int]) -> Tensor:
        """∂^orders of ψ with respect to ξ, (n,)."""
        value = torch.ones_like(local[:, 0])
        for t, order in zip(local.unbind(1), orders, strict=True):
            step = _polynomial(self.steps, t.abs(), order) * torch.sign(t) ** order
            value = value * (1 - step if order == 0 else -step)
        return value

    def _power(self, orders: Orders) -> Tensor:
        """ω^orders, (features,)."""
        power = torch.ones_like(self.frequencies[:, 0])
        for omega, order in zip(self.frequencies.unbind(1), orders, strict=True):
            power = power * omega**order
        return power


class WindowsTrace(Trace):
    """The basis at some points. Its rows are dense, (n, P): for few windows only."""

    def __init__(self, network: Windows, points: Tensor, channels: Channels, coefficients: Sequence[Tensor]) -> None:
        network.check(points, channels)
        cell, place = network.locate(points)
        self._network, self._windows = network, network.numbers(cell)
        operators = operators_of(channels, coefficients, points)
        self._rows = [network.basis(place, corner, operators) for corner in network.corners]
        self.jet = network.jet(points, channels, coefficients)

    @torch.no_grad()
    def pullback(self, cotangent: Tensor) -> Tensor:
        n = cotangent.shape[1]
        rows = cotangent.new_zeros(n, *self._network.coefficients.shape)
        for k, basis in enumerate(self._rows):
            rows[torch.arange(n), self._windows[:, k]] += torch.einsum("cnk,cno->nko", basis, cotangent)
        return rows.flatten(1)


def operators_of(channels: Channels, coefficients: Sequence[Tensor], like: Tensor) -> list[Operator]:
    """Every channel of a pass as an operator."""
    found: list[Operator] = [{orders: 1.0} for orders in channels.carried]
    for pairs, weights in zip(channels.operators, operator_weights(channels, coefficients, like), strict=True):
        units = [[channels.unit(i), channels.unit(j)] for i, j in pairs]
        found.append({tuple(map(sum, zip(*u, strict=True))): w for u, w in zip(units, weights, strict=True)})
    return found


def smoothstep(p: int) -> Tensor:
    """Coefficients of the polynomial S of degree 2p + 1, lowest first: S' ∝ t^p (1 − t)^p, S(0) = 0, S(1) = 1."""
    whole = (2 * p + 1) * math.comb(2 * p, p)
    rise = [(-1) ** k * math.comb(p, k) * whole // (p + k + 1) for k in range(p + 1)]  # whole numbers all
    return torch.tensor([0] * (p + 1) + rise, dtype=torch.float64)


def _polynomial(coefficients: Tensor, t: Tensor, order: int) -> Tensor:
    """A derivative of Σ_k a_k t^k, by Horner's rule."""
    value = torch.zeros_like(t)
    for k in range(len(coefficients) - 1, order - 1, -1):
        value = value * t + coefficients[k] * math.perm(k, order)
    return value


def _frequencies(band: Sequence[float], features: int) -> Tensor:
    """0 for the constant, then twice half of the band, for cosines and for sines.

    A few lowest frequencies, and the midpoints of a grid, even numbers of them in proportion to the band. The other
    half of the band holds the same functions.
    """
    spacing = (math.prod(2 * b for b in band) / features) ** (1 / len(band))
    counts = [2 * max(1, round(b / spacing)) for b in band]
    axes = [(torch.arange(n, dtype=torch.float64) + 0.5) * (2 * b / n) - b for n, b in zip(counts, band, strict=True)]
    grid = torch.cartesian_prod(*axes).reshape(-1, len(band))
    star = LOWEST * torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)] * len(band))
    star = star.reshape(-1, len(band))
    half = torch.cat([star[:len(star) // 2], grid[:len(grid) // 2]])
    return torch.cat([torch.zeros(1, len(band), dtype=torch.float64), half, half])
