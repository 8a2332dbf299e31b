"""What the equations leave open — nothing, a constant, a harmonic function — and comparing without it."""

from enum import StrEnum

import numpy as np
import sympy

from pinnsiren.check import undetermined_constants
from pinnsiren.domains.lattice import Lattice, without_harmonic
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array, Points
from pinnsiren.symbols import Field


class NullSpace(StrEnum):
    """Functions that can be added to a field without any equation noticing, as a report names them."""

    NONE = ""
    CONSTANT = "a constant"
    HARMONIC = "a harmonic function"


def null_space(problem: Problem, field: Field) -> NullSpace:
    """The null space of a field, as far as it is known by name.

    Harmonic functions are free where nothing but Laplacians is given, at points that have no boundary.
    """
    if field not in undetermined_constants(problem):
        return NullSpace.NONE
    own = [(c, r) for c in problem.constraints for r in c.residuals if any(p.field == field for p in partials([r]))]
    only_data = all(c.region.domain is None for c, _ in own)
    if only_data and len(field.coordinates) == 2 and all(_sees_only_laplacian(r, field) for _, r in own):
        return NullSpace.HARMONIC
    return NullSpace.CONSTANT


def _sees_only_laplacian(residual: sympy.Expr, field: Field) -> bool:
    slopes = {p: c for p, c in linearise(residual).items() if p.field == field}
    pure = {Partial(field, orders) for orders in np.eye(len(field.coordinates), dtype=int) * 2}
    first, *others = slopes.values()
    return set(slopes) == pure and all(sympy.simplify(c - first) == 0 for c in others)


def determined(difference: Array, kind: NullSpace, points: Points) -> Array:
    """The part of a difference of two fields, (n,) at points, that the equations determine.

    Of a constant the mean is removed; of harmonic functions, on a full grid of points, what :func:`without_harmonic`
    removes, and at other points only the mean.
    """
    if kind is NullSpace.NONE:
        return difference
    lattice = Lattice.of(points.values) if kind is NullSpace.HARMONIC else None
    if lattice is None or np.prod(lattice.counts) != len(points) or min(lattice.counts) < 3:
        return np.asarray(difference - difference.mean())
    places = lattice.places(points.values)
    grid = np.empty(lattice.counts)
    grid[places] = difference
    return without_harmonic(grid, lattice.spacing)[places]
