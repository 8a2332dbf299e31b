"""Which frequencies a problem needs: the length scales of its data and of its operator, per coordinate.

A feature sin(w·x̂ + b) lives in coordinates x̂ scaled to [−1, 1]; a *band* is the largest |w_i| of each coordinate. A sine
of n periods across the domain needs a band of nπ.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import sympy

from pinnsiren.check import evaluate, evaluate_together
from pinnsiren.domains import PointSet
from pinnsiren.domains.lattice import Lattice
from pinnsiren.equation import Constraint
from pinnsiren.partials import REMEMBERED, Partial, linearise, partials, skeleton
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.signals.bands import band as signal_band
from pinnsiren.symbols import Data, Field, Normal, Time

Scales = dict[sympy.Symbol, float]

LADDER = (3.0, 6.0, 12.0, 24.0, 48.0)
OWN = (1.0, 1.3, 2.0)  # factors on the problem's own length scales
MOST = 40  # features for each sine that a band needs: beyond, they are as good as dependent
NEAR = 1.1  # factor between widths that are as good as equal
NARROWEST = 2.0  # below, sines are too close to polynomials for double precision
SAMPLES = 2**14  # places at which known functions are looked at: narrow ones fill a small part of a domain
FEWER = 1024  # places at which coefficients are
NOISE = 1e-6  # a spread below this part of the slope is rounding: sin(πx) on x = ±1


@dataclass(frozen=True)
class Band:
    """A law for random frequencies: the largest of each coordinate, and how many coordinates a feature depends on.

    Args:
        widths: largest angular frequency per half-width of the domain, in the order of ``problem.coordinates``.
        interactions: coordinates of each feature, chosen at random; None for all. In high dimension most solutions
            are sums of functions of few coordinates, which these features catch with far fewer.
        share: part of the features whose frequencies lie on the operator's variety (see ``symbol``), where it has one.
    """

    widths: tuple[float, ...]
    interactions: int | None = None
    share: float = 0.0

    @property
    def modes(self) -> float:
        """About how many sines resolve this band on the box: Π max(1, 2β/π), for each choice of coordinates."""
        each = [max(1.0, 2 * w / math.pi) for w in self.widths]
        d, q = len(each), self.interactions or len(each)
        return math.comb(d, q) * math.prod(each) ** (q / d)

    def fits(self, features: int) -> bool:
        """Whether that many features can resolve the band and are not far too many for it."""
        return self.modes <= features <= MOST * self.modes

    def neighbours(self, isotropic: bool = False) -> list["Band"]:
        """The band made wider and narrower: along all coordinates, and along each unless only the former is wanted."""
        everywhere = range(len(self.widths))
        if isotropic:
            return [self._scaled(f, everywhere) for f in (1.25, 0.8)]
        ways = [everywhere] + ([range(i, i + 1) for i in everywhere] if len(self.widths) in (2, 3) else [])
        return [self._scaled(f, way) for way in ways for f in (1.5, 0.67)]

    def is_near(self, other: "Band") -> bool:
        """Whether no width differs by a tenth: two networks of thousands of features find the same there."""
        same = (self.interactions, self.share) == (other.interactions, other.share)
        return same and all(max(v, w) < NEAR * min(v, w) for v, w in zip(self.widths, other.widths, strict=True))

    def wider(self, factor: float = 1.3) -> "Band":
        return self._scaled(factor, range(len(self.widths)))

    def _scaled(self, factor: float, way: range) -> "Band":
        widths = tuple(max(NARROWEST, w * (factor if i in way else 1.0)) for i, w in enumerate(self.widths))
        return replace(self, widths=widths)


def candidates(problem: Problem) -> list[Band]:
    """Bands to try: those around the problem's own scales, and a ladder of equal ones, in time as fast as waves are."""
    names, own, paces = problem.coordinates, length_scales(problem), wave_paces(problem)
    around = [tuple(max(factor * own.get(c, 0.0), LADDER[0]) for c in names) for factor in OWN] if own else []
    rungs = [tuple(max(NARROWEST, rung * paces.get(c, 1.0)) for c in names) for rung in LADDER]
    widths = list(dict.fromkeys([*around, *rungs]))
    orders = (1, 2, None) if len(names) > 3 else (None,)
    return [Band(w, q) for q in orders for w in widths]


def length_scales(problem: Problem) -> Scales:
    """The angular frequency of the problem's known functions, per coordinate and half-width of the domain.

    For each known term g (forcing, boundary values, coefficients) it is √(mean (∂_i g)² / mean (g − ḡ)²), the root mean
    square of its spectrum; for an operator a ∂_i² u + c u with ac > 0 it is √(c/a), the wavenumber of its free waves.
    """
    half = {c: (b - a) / 2 for c, (a, b) in problem.bounds.items()}
    found: Scales = {}
    for constraint in problem.constraints:
        for scales in (data_scales(constraint), wave_scales(constraint)):
            for symbol, frequency in scales.items():
                found[symbol] = max(found.get(symbol, 0.0), frequency * half[symbol])
    return {c: f for c, f in found.items() if f > 0}


@lru_cache(REMEMBERED)
def signal_scales(constraint: Constraint) -> Scales:
    """For fields that are given at all points of a regular grid, such as an image's pixels: the angular frequency per
    half-width of it below which 95 % of the energy of these values lies, along each coordinate. Empty for other constraints.
    """
    region = constraint.region
    lattice = Lattice.of(region.values) if isinstance(region, PointSet) else None
    if lattice is None or math.prod(lattice.counts) != region.points:
        return {}
    points, found = region.sample(math.prod(lattice.counts)), Scales()
    columns = dict(zip(points.coordinates, points.values.T, strict=True)) | dict(points.data)
    for residual in constraint.residuals:
        known = _at_zero(residual)
        if known.has(Data) and not known.has(Normal) and all(p.order == 0 for p in partials([residual])):
            grid = np.empty(lattice.counts)
            grid[lattice.places(points.values)] = evaluate(known, columns)
            for symbol, frequency in zip(points.coordinates, signal_band(grid, range(grid.ndim)), strict=True):
                found[symbol] = max(found.get(symbol, 0.0), frequency)
    return {c: f for c, f in found.items() if f > 0}


@lru_cache(REMEMBERED)
def data_scales(constraint: Constraint) -> Scales:
    """Of a constraint's known functions, along each coordinate, per unit of it."""
    points, found = constraint.region.sample(SAMPLES if constraint.region.dimension else 1, seed=0), Scales()
    for residual in constraint.residuals:
        for symbol, frequency in _of_data(residual, points).items():
            if np.isfinite(frequency):
                found[symbol] = max(found.get(symbol, 0.0), frequency)
    return found


def _of_data(residual: sympy.Expr, points: Points) -> Scales:
    """Scales of the field-free part of a residual; on a boundary only along it."""
    known = _at_zero(residual)
    slopes = [sympy.diff(known, c) for c in points.coordinates]
    if known.has(Data, Normal) or any(s.has(sympy.Derivative, sympy.DiracDelta, sympy.Subs) for s in slopes):
        return {}
    columns = dict(zip(points.coordinates, points.values.T, strict=True))
    values, *rows = evaluate_together([known, *slopes], columns)
    gradient = np.stack(rows)
    if points.normals is not None:
        gradient = gradient - points.normals.T * (points.normals.T * gradient).sum(axis=0)
    spread = float(np.sqrt(np.mean((values - values.mean()) ** 2)))
    if not spread > NOISE * float(np.abs(gradient).max(initial=0.0)):
        return {}
    return dict(zip(points.coordinates, np.sqrt(np.mean(gradient**2, axis=1)) / spread, strict=True))


def _at_zero(residual: sympy.Expr) -> sympy.Expr:
    """F(0); where that is not finite, the terms without partials."""
    thin, parts = skeleton(residual)
    at_zero = thin.xreplace(dict.fromkeys(thin.atoms(Partial), sympy.S.Zero)).xreplace(parts)
    if at_zero.has(sympy.zoo, sympy.oo, sympy.nan):
        return residual.as_independent(*partials([residual]), as_Add=True)[0]
    return at_zero


@lru_cache(REMEMBERED)
def wave_scales(constraint: Constraint, resting: frozenset[Field] = frozenset()) -> Scales:
    """√(c/a) along each coordinate, per unit of it, where a constraint holds a ∂_i² u + c u with ac > 0.

    Args:
        resting: fields that are taken as 0 in the coefficients of the others.
    """
    points, found = constraint.region.sample(FEWER, seed=0), Scales()
    for residual in constraint.residuals:
        for symbol, frequency in _of_waves(residual, points, resting).items():
            if np.isfinite(frequency) and frequency > 0:
                found[symbol] = max(found.get(symbol, 0.0), frequency)
    return found


def _of_waves(residual: sympy.Expr, points: Points, resting: frozenset[Field]) -> Scales:
    zero = {p: sympy.S.Zero for p in partials([residual]) if p.field in resting}
    slopes = {p: a.xreplace(zero) for p, a in linearise(residual).items() if p not in zero}
    coefficients = {p: a for p, a in slopes.items() if not a.has(Partial, Normal, Data)}
    columns = dict(zip(points.coordinates, points.values.T, strict=True))
    found: Scales = {}
    for value in (p for p in coefficients if p.order == 0):
        for p, a in coefficients.items():
            if p.field == value.field and p.order == 2 and max(p.orders) == 2:
                with np.errstate(all="ignore"):  # a may vanish, as where a field is switched off
                    ratio = np.nan_to_num(evaluate(coefficients[value], columns) / evaluate(a, columns), posinf=0.0, neginf=0.0)
                symbol = p.field.coordinates[p.orders.index(2)]
                found[symbol] = float(np.sqrt(max(float(np.median(ratio)), 0.0)))
    return found


def wave_paces(problem: Problem) -> Scales:
    """c T/L for each time t of an equation a ∂_t² u − b ∂_x² u = …: the band in t of waves whose band in x is 1.

    T and L are half-widths of the domain, c² is the mean of b/a, and the fastest direction counts. Empty where there are none.
    """
    half = {c: (b - a) / 2 for c, (a, b) in problem.bounds.items()}
    found: Scales = {}
    for constraint in problem.constraints:
        for (t, x), speed in wave_speeds(constraint).items():
            found[t] = max(found.get(t, 0.0), speed * half[t] / half[x])
    return found


@lru_cache(REMEMBERED)
def wave_speeds(constraint: Constraint) -> dict[tuple[sympy.Symbol, sympy.Symbol], float]:
    """The root mean square of c in a constraint that holds a (∂_t² u − c² ∂_x² u), by (t, x)."""
    found: dict[tuple[sympy.Symbol, sympy.Symbol], float] = {}
    points = constraint.region.sample(FEWER, seed=0)
    columns = dict(zip(points.coordinates, points.values.T, strict=True))
    for residual in constraint.residuals:
        seconds = {p: a for p, a in linearise(residual).items()
                   if p.order == 2 and 2 in p.orders and not a.has(Partial, Normal, Data)}
        for later, a in seconds.items():
            t = later.field.coordinates[later.orders.index(2)]
            for p, b in seconds.items():
                x = p.field.coordinates[p.orders.index(2)]
                if p.field == later.field and isinstance(t, Time) and not isinstance(x, Time):
                    with np.errstate(all="ignore"):  # a may vanish
                        square = np.nan_to_num(-evaluate(b, columns) / evaluate(a, columns), posinf=0.0, neginf=0.0).mean()
                    found |= {(t, x): float(np.sqrt(square))} if square > 0 else {}
    return found
