"""A problem solved on three grids: the finest is the reference, the others tell its error."""

from collections.abc import Sequence

import numpy as np

from pinnsiren.check import undetermined_constants
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.finite_difference.assembly import RowEquation, System, discretise, row_equations
from pinnsiren.validation.finite_difference.grid import TensorGrid
from pinnsiren.validation.finite_difference.stationary import GridSolution, solve_system
from pinnsiren.validation.finite_difference.stencils import Array
from pinnsiren.validation.reference import ReferenceSolution, combined, in_order, relative_l2, without_mean

# Roache takes 1.25 from three grids in the asymptotic range, 3 from two; the coarsest here is not quite in that range
SAFETY = 2.0
SLOWEST = 0.7  # larger ratios of differences are no convergence: the estimate then is 5 times the last difference


def estimated_error(fine: Array, middle: Array, coarse: Array, *, fastest: float) -> float:
    """Relative L2 error of ``fine`` from its differences to two coarser solutions at the same points.

    With d₁ = ‖fine − middle‖, d₂ = ‖middle − coarse‖ and ρ = d₁/d₂, differences that go on shrinking by ρ sum to
    d₁ ρ/(1 − ρ): Richardson's d₁/(2^q − 1) for the observed order q = −log₂ ρ. The observed ρ is used where it is
    slower than the scheme's own (corner singularities), never where it is faster.

    Args:
        fine, middle, coarse: (m,) values at the same points.
        fastest: the smallest ρ to believe: 2^−p for a scheme of order p on halved grids.
    Reference: Roache, Quantification of uncertainty in computational fluid dynamics, Annu. Rev. Fluid Mech. 29 (1997).
    """
    first, second = relative_l2(fine - middle, fine), relative_l2(middle - coarse, fine)
    ratio = float(np.clip(first / second, fastest, SLOWEST)) if second > 0 else fastest
    return SAFETY * first * ratio / (1 - ratio)


def refined(problem: Problem, grids: Sequence[TensorGrid], points: Points, *,
            fastest: float, description: str) -> ReferenceSolution:
    """The solution on the first, finest grid, with its error estimated from all three at some interior points.

    Args:
        fastest: the smallest ratio of successive differences to believe, see :func:`estimated_error`.
    Raises:
        ReferenceError: too few or too many conditions somewhere, a singular system, no convergence, no solution.
    """
    real = problem.real
    equations = row_equations(real)
    free = undetermined_constants(real)
    solved = [solve_system(discretise(real, equations, grid), free, _rough(real, equations, grid))
              for grid in grids]

    def at_points(grid: TensorGrid, solution: GridSolution, field: Field, points: Points) -> Array:
        return combined([grid.interpolate(solution.values[real.fields.index(part)], in_order(points, problem))
                         for part in field.parts])

    _require_compatible(solved, free)
    error = {}
    for field in problem.fields:
        fine, middle, coarse = (without_mean(at_points(g, s, field, points), free_constant=field.parts[0] in free)
                                for g, s in zip(grids, solved, strict=True))
        rounding = max(float(solved[0].rounding[real.fields.index(part)]) for part in field.parts)
        error[field] = (estimated_error(fine, middle, coarse, fastest=fastest)
                        + rounding + float(np.finfo(float).eps))

    def values(field: Field, at: Points) -> Array:
        return at_points(grids[0], solved[0], field, at)

    return ReferenceSolution(description, error, values)


def _rough(problem: Problem, equations: Sequence[RowEquation], grid: TensorGrid) -> System | None:
    """Second-order differences on the same nodes where direct factors of the scheme itself would fill up: in space."""
    if grid.dimension < 3 or grid.axes[0].order == 2:
        return None
    return discretise(problem, equations, grid, accuracy=2)


def _require_compatible(solved: Sequence[GridSolution], free: Sequence[Field]) -> None:
    """The constants that had to be added to the interior equations must vanish as the grid is refined."""
    fine, middle = solved[0], solved[1]
    for k, field in enumerate(free):
        now, before = abs(float(fine.imbalance[k])), abs(float(middle.imbalance[k]))
        if now > 0.8 * before and now > 1e-9 * float(np.abs(fine.values).max()):
            raise ReferenceError(f"no solution exists: {field} is determined up to a constant only, and its equation "
                                 f"inside does not balance its boundary conditions (a constant {now:.3g} is missing "
                                 "inside; expected 0). Check the forcing against the boundary fluxes.")
