"""Whether an expression jumps within a region: looked at on both sides of where its cases meet."""

from typing import TYPE_CHECKING

import numpy as np
import sympy

from pinnsiren.check.evaluation import evaluate
from pinnsiren.errors import EquationError
from pinnsiren.sampling import Array

if TYPE_CHECKING:
    from pinnsiren.domains.region import Region

PROBES = 64  # points that are moved to where two cases meet
NEWTON = 8
APART = 1e-6  # of the region's size: how far to each side one looks
JUMP = 1e-3  # of the expression's size: far above its change over that distance


def jumps(expression: sympy.Expr, region: "Region") -> bool:
    """Whether a field-free expression is discontinuous somewhere in a region; true where that cannot be evaluated.

    Cases meet where a comparison of a Piecewise holds with =, and where the argument of sign or Heaviside is 0.
    """
    if expression.has(sympy.floor, sympy.ceiling, sympy.frac, sympy.Mod):
        return True
    gaps = {r.lhs - r.rhs for p in expression.atoms(sympy.Piecewise) for _, condition in p.args
            for r in condition.atoms(sympy.core.relational.Relational)}
    gaps |= {f.args[0] for f in expression.atoms(sympy.sign, sympy.Heaviside)}
    try:
        return any(_jumps_across(gap, expression, region) for gap in gaps)
    except EquationError:
        return True


def _jumps_across(gap: sympy.Expr, expression: sympy.Expr, region: "Region") -> bool:
    """Whether an expression differs on both sides of gap = 0, at points of it that Newton's method finds."""
    points = region.sample(PROBES, seed=3).values
    step = APART * float(np.ptp(region.bounds, axis=1).max())
    slopes = [sympy.diff(gap, c) for c in region.coordinates]
    for _ in range(NEWTON):
        gradient = np.stack([_at(s, points, region) for s in slopes], axis=1)
        square = (gradient**2).sum(axis=1)
        with np.errstate(all="ignore"):
            points = points - np.nan_to_num(_at(gap, points, region) / square)[:, None] * gradient
            normals = np.nan_to_num(gradient / np.sqrt(square)[:, None])
    there = (np.abs(_at(gap, points, region)) <= 1e-3 * step * np.sqrt(square)) & region.contains(points, step)
    if not there.any():
        return False
    above, below = (_at(expression, points[there] + s * normals[there], region) for s in (step, -step))
    size = np.nanmax(np.abs(_at(expression, region.sample(PROBES, seed=3).values, region)), initial=0.0)
    return bool((np.abs(above - below) > JUMP * max(size, float(np.nanmax(np.abs(above), initial=0.0)))).any())


def _at(expression: sympy.Expr, points: Array, region: "Region") -> Array:
    return evaluate(expression, dict(zip(region.coordinates, points.T, strict=True)))
