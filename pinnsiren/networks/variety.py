"""Frequencies at which a differential operator with constant coefficients vanishes: its characteristic variety.

P(∂) sin(w·x + b) = 0 for every b exactly where the operator's symbol P(iw) is 0: |w| = k for Helmholtz' equation,
ω = ±c|κ| for the wave equation, ω = −c·κ for advection. Sines with such frequencies satisfy the equation by themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnsiren.errors import SolveError

REAL = 1e-6  # a root's imaginary part beside its size: above the rounding of a double root, below anything meant
FEWEST = 0.02  # of the draws must have a real root, else the variety is as good as empty in the band
BATCH = 1024
SEARCHED = (6.0, 12.0, 24.0, 48.0, 96.0, 192.0)  # bands in which the variety's extent is looked for
POLISH = 3  # Newton steps on each root, to full precision

Term = tuple[tuple[int, ...], float]


@dataclass(frozen=True)
class Variety:
    """{w real: Q(w) = Σ_α a_α Π_i w_i^α_i = 0}, w in radians per half-width of the box.

    Args:
        terms: (α, a_α), at least one of positive order.
        along: the coordinates whose frequency may be solved for when the others are given.

    Raises:
        SolveError: no such coordinate, one that Q does not hold, or terms of different lengths.
    """

    terms: tuple[Term, ...]
    along: tuple[int, ...]

    def __post_init__(self) -> None:
        lengths = {len(orders) for orders, _ in self.terms}
        if len(lengths) != 1 or not self.along or not all(0 <= i < max(lengths) and self._degree(i) for i in self.along):
            raise SolveError(f"a variety was given the terms {self.terms} to solve for the coordinates {self.along}; expected "
                             "pairs (orders, coefficient), one order a coordinate, and coordinates that occur in them.")

    @property
    def dimension(self) -> int:
        """Number of coordinates d; the variety has d − 1 dimensions."""
        return len(self.terms[0][0])

    def value(self, frequencies: Tensor) -> Tensor:
        """Q at (n, d), (n,)."""
        return sum((a * _monomial(frequencies, orders) for orders, a in self.terms), frequencies.new_zeros(len(frequencies)))

    def draw(self, count: int, band: Sequence[float], generator: torch.Generator, *,
             periodic: Sequence[bool] | None = None) -> Tensor:
        """Random frequencies on the variety, (count, d), float64.

        One coordinate of ``along`` is chosen at random; the others' frequencies are uniform in the ellipsoid with half-axes
        ``band``, as far as the variety reaches (along periodic coordinates multiples of π), and the chosen one is one of the
        real roots, at random.

        Raises:
            SolveError: next to no draw has a real root.
        """
        found: list[Tensor] = []
        accepted = tried = 0
        reached = torch.tensor([min(b, end or b) for b, end in zip(band, self.extent(), strict=True)], dtype=torch.float64)
        while accepted < count:
            batch = self._batch(reached, generator, periodic or [False] * self.dimension)
            found.append(batch)
            accepted, tried = accepted + len(batch), tried + BATCH
            if accepted < FEWEST * tried:
                raise SolveError(f"the operator's variety has next to no real frequencies in the band {tuple(band)}; "
                                 "use free ones.")
        return torch.cat(found)[:count]

    def extent(self) -> tuple[float, ...]:
        """The largest frequency along each coordinate, found by draws from wider and wider bands; inf where it has no end."""
        found = torch.zeros(self.dimension, dtype=torch.float64)
        for band in SEARCHED:
            batch = self._batch(torch.full((self.dimension,), band, dtype=torch.float64), torch.Generator().manual_seed(1),
                                [False] * self.dimension)
            if len(batch) < 2 * FEWEST * BATCH:
                break  # the band holds little of it: what was found so far is all
            found = torch.maximum(found, batch.abs().amax(dim=0))
        return tuple(math.inf if w >= 0.9 * SEARCHED[-1] else float(w) for w in found)

    def exists(self, band: Sequence[float]) -> bool:
        """Whether a fair part of the draws in a band has a real root."""
        batch = self._batch(torch.tensor(band, dtype=torch.float64), torch.Generator().manual_seed(0), [False] * self.dimension)
        return len(batch) >= 2 * FEWEST * BATCH

    def _batch(self, band: Tensor, generator: torch.Generator, periodic: Sequence[bool]) -> Tensor:
        """Those of BATCH draws that have a real root."""
        chosen = torch.tensor(self.along)[torch.randint(len(self.along), (BATCH,), generator=generator)]
        pick = torch.rand(BATCH, generator=generator, dtype=torch.float64)
        given = _in_ellipsoid(BATCH, band, generator, chosen)
        for i, wraps in enumerate(periodic):
            if wraps:
                given[:, i] = on_lattice(given[:, i])
        frequencies = given.clone()
        valid = torch.zeros(BATCH, dtype=torch.bool)
        for axis in self.along:
            mine = chosen == axis
            frequencies[mine, axis], valid[mine] = self._roots(given[mine], axis, pick[mine])
        return frequencies[valid]

    def _roots(self, given: Tensor, axis: int, pick: Tensor) -> tuple[Tensor, Tensor]:
        """A real root of Q in w_axis for the other frequencies given, (n,), and whether there is one, (n,)."""
        degree = self._degree(axis)
        coefficients = given.new_zeros(len(given), degree + 1)
        for orders, a in self.terms:
            others = tuple(0 if i == axis else k for i, k in enumerate(orders))
            coefficients[:, orders[axis]] += a * _monomial(given, others)
        size = coefficients.abs().amax(dim=1)
        proper = coefficients[:, -1].abs() > 1e-12 * size
        companion = given.new_zeros(len(given), degree, degree)
        companion[:, 1:, :-1] = torch.eye(degree - 1, dtype=given.dtype)
        companion[:, :, -1] = -coefficients[:, :-1] / torch.where(proper, coefficients[:, -1], 1.0)[:, None]
        roots = torch.linalg.eigvals(companion)
        real = (roots.imag.abs() <= REAL * (roots.abs() + 1)) & proper[:, None]
        number = (pick * real.sum(dim=1)).long()  # of the real roots, in the order found
        place = ((real.cumsum(dim=1) == number[:, None] + 1) & real).long().argmax(dim=1)
        root = roots.real[torch.arange(len(given)), place]
        return _polished(root, coefficients), real.any(dim=1)

    def _degree(self, axis: int) -> int:
        return max(orders[axis] for orders, _ in self.terms)


def on_lattice(frequencies: Tensor) -> Tensor:
    """The nearest multiples of π, which make a sine periodic across the box: 2π over two half-widths."""
    return (frequencies / math.pi).round() * math.pi


def periodic_band(band: float) -> float:
    """The half-width of a uniform law whose nearest multiples of π are equally likely up to ``band``, and up to π at least."""
    return math.pi * (max(1, math.floor(band / math.pi + 1e-9)) + 0.5)


def _in_ellipsoid(count: int, band: Tensor, generator: torch.Generator, left_out: Tensor) -> Tensor:
    """Points uniform in the ellipsoid Σ (w_i/band_i)² ≤ 1 over all coordinates but one, which is 0: (count, d)."""
    direction = torch.randn(count, len(band), generator=generator, dtype=torch.float64)
    direction[torch.arange(count), left_out] = 0
    radius = torch.rand(count, 1, generator=generator, dtype=torch.float64) ** (1 / max(1, len(band) - 1))
    length = direction.norm(dim=1, keepdim=True)
    return radius * direction / torch.where(length > 0, length, 1.0) * band


def _monomial(frequencies: Tensor, orders: Sequence[int]) -> Tensor:
    product = torch.ones_like(frequencies[:, 0])
    for i, k in enumerate(orders):
        product = product * frequencies[:, i] ** k
    return product


def _polished(root: Tensor, coefficients: Tensor) -> Tensor:
    """Newton's steps on Σ_k coefficients[:, k] root^k; none where the slope is lost, at a double root."""
    for _ in range(POLISH):
        value, slope = torch.zeros_like(root), torch.zeros_like(root)
        for k in range(coefficients.shape[1] - 1, -1, -1):
            slope = slope * root + value
            value = value * root + coefficients[:, k]
        step = value / torch.where(slope == 0, 1.0, slope)
        root = torch.where(step.abs() <= 1e-6 * (root.abs() + 1), root - step, root)
    return root
