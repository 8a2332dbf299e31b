"""Whether an expression jumps within a region: looked at on both sides of where its cases meet."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import sympy
from sympy.core.relational import Relational

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
    try:
        # each case distinction by itself first: they are small, and mostly continuous
        suspects = [p for p in expression.atoms(sympy.Piecewise, sympy.sign, sympy.Heaviside) if _jumps_alone(p, region)]
        return any(_jumps_across(gap, expression, region) for p in suspects for gap in _gaps(p))
    except EquationError:
        return True


@lru_cache(maxsize=256)
def _jumps_alone(part: sympy.Expr, region: "Region") -> bool:
    return any(_jumps_across(gap, part, region) for gap in _gaps(part))


def _gaps(part: sympy.Expr) -> set[sympy.Expr]:
    """What is 0 where the cases of a Piecewise, sign or Heaviside meet."""
    if not isinstance(part, sympy.Piecewise):
        return {part.args[0]}
    return {r.lhs - r.rhs for _, condition in part.args for r in condition.atoms(Relational)}


def _jumps_across(gap: sympy.Expr, expression: sympy.Expr, region: "Region") -> bool:
    """Whether an expression differs on both sides of gap = 0, at points of it that Newton's method finds."""
    start = region.sample(PROBES, seed=3).values
    step = APART * float(np.ptp(region.bounds, axis=1).max())
    slopes = [sympy.diff(gap, c) for c in region.coordinates]
    points = start
    for _ in range(NEWTON):
        gradient = np.stack([_at(s, points, region) for s in slopes], axis=1)
        square = (gradient**2).sum(axis=1)
        with np.errstate(all="ignore"):
            points = points - np.nan_to_num(_at(gap, points, region) / square)[:, None] * gradient
            normals = np.nan_to_num(gradient / np.sqrt(square)[:, None])
    there = (np.abs(_at(gap, points, region)) <= 1e-3 * step * np.sqrt(square)) & region.contains(points, step)
    sides = [points[there] + s * normals[there] for s in (step, -step)]
    if not there.any():
        return False
    values = _at(expression, np.concatenate([*sides, start]), region)
    above, below, _ = np.split(values, [len(sides[0]), 2 * len(sides[0])])
    return bool((np.abs(above - below) > JUMP * np.nanmax(np.abs(values))).any())


def _at(expression: sympy.Expr, points: Array, region: "Region") -> Array:
    return evaluate(expression, dict(zip(region.coordinates, points.T, strict=True)))
