"""Which frequencies a problem needs: the length scales of its data and of its operator, per coordinate.

A feature sin(w·x̂ + b) lives in coordinates x̂ scaled to [−1, 1]; a *band* is the largest |w_i| of each coordinate. A sine
of n periods across the domain needs a band of nπ.
"""

from collections.abc import Mapping

import numpy as np
import sympy

from pinnsiren.check import evaluate
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Constraint, Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Data, Normal

Band = dict[sympy.Symbol, float]

LADDER = (3.0, 6.0, 12.0, 24.0, 48.0)
NARROWEST = 2.0  # below, sines are too close to polynomials for double precision
SAMPLES = 1024


def candidates(problem: Problem) -> list[Band]:
    """Bands to try: a ladder of equal ones, and those around the problem's own scales."""
    own = length_scales(problem)
    ladder = [dict.fromkeys(problem.coordinates, rung) for rung in LADDER]
    if not own:
        return ladder
    return ladder + [{c: max(factor * own.get(c, 0.0), LADDER[0]) for c in problem.coordinates} for factor in (1.0, 1.3, 2.0)]


def length_scales(problem: Problem) -> Band:
    """The angular frequency of the problem's known functions, per coordinate and half-width of the domain.

    For each known term g (forcing, boundary values, coefficients) it is √(mean (∂_i g)² / mean (g − ḡ)²), the root mean
    square of its spectrum; for an operator a ∂_i² u + c u with ac > 0 it is √(c/a), the wavenumber of its free waves.
    """
    half = {c: (b - a) / 2 for c, (a, b) in problem.bounds.items()}
    found: Band = {}
    for constraint in problem.constraints:
        points = constraint.region.sample(SAMPLES if constraint.region.dimension else 1, seed=0)
        columns = {**dict(zip(points.coordinates, points.values.T, strict=True)), **points.data}
        for residual in constraint.residuals:
            for symbol, frequency in {**_of_data(residual, columns), **_of_waves(residual, constraint, points)}.items():
                if np.isfinite(frequency):
                    found[symbol] = max(found.get(symbol, 0.0), frequency * half[symbol])
    return {c: f for c, f in found.items() if f > 0}


def _of_data(residual: sympy.Expr, columns: Mapping[sympy.Symbol, np.ndarray]) -> Band:
    known = residual.as_independent(*partials([residual]), as_Add=True)[0] if residual.has(Partial) else residual
    found: Band = {}
    if known.has(Data, Normal):
        return found
    values = evaluate(known, dict(columns))
    spread = float(np.sqrt(np.mean((values - values.mean()) ** 2)))
    for symbol in (s for s in columns if not isinstance(s, Data) and known.has(s)):
        slope = sympy.diff(known, symbol)
        if not slope.has(sympy.Derivative, sympy.DiracDelta, sympy.Subs) and spread > 0:
            found[symbol] = float(np.sqrt(np.mean(evaluate(slope, dict(columns)) ** 2))) / spread
    return found


def _of_waves(residual: sympy.Expr, constraint: Constraint, points: Points) -> Band:
    coefficients = {p: a for p, a in linearise(residual).items() if not a.has(Partial, Normal, Data)}
    columns = dict(zip(points.coordinates, points.values.T, strict=True))
    found: Band = {}
    for value in (p for p in coefficients if p.order == 0):
        for p, a in coefficients.items():
            if p.field == value.field and p.order == 2 and max(p.orders) == 2:
                ratio = evaluate(coefficients[value] / a, columns)
                symbol = p.field.coordinates[p.orders.index(2)]
                found[symbol] = float(np.sqrt(max(float(np.max(ratio)), 0.0)))
    return found


def neighbours(band: Band, isotropic: bool = False) -> list[Band]:
    """The band made wider and narrower: along all coordinates, and along each unless only the former is wanted."""
    if isotropic:
        return [{c: max(NARROWEST, b * f) for c, b in band.items()} for f in (1.25, 0.8)]
    ways = [tuple(band)] + ([(c,) for c in band] if len(band) > 1 else [])
    return [{c: max(NARROWEST, b * (f if c in way else 1.0)) for c, b in band.items()} for way in ways for f in (1.5, 0.67)]
