"""References on a box from three grids: finite differences of order 2, 4, 6, and Chebyshev collocation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinnsiren.check import undetermined_constants
from pinnsiren.domains.box import Box
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.finite_difference.assembly import RowEquation, System, discretise, row_equations
from pinnsiren.validation.finite_difference.grid import TensorGrid, chebyshev_grid, uniform_grid
from pinnsiren.validation.finite_difference.stationary import GridSolution, solve_system
from pinnsiren.validation.finite_difference.stencils import ORDERS, Array
from pinnsiren.validation.reference import Reference, ReferenceSolution, in_order, relative_l2, without_mean

SAFETY = 2.0  # Roache takes 1.25 from three grids in the asymptotic range, 3 from two; coarse grids are not quite there
SLOWEST = 0.7  # larger ratios of successive differences are not convergence: the estimate then is 5 times the difference
FASTEST_SPECTRAL = 0.1  # so that one lucky coincidence of two grids does not claim convergence
ROUNDING_SAFETY = 10.0  # the last correction is a sample of the rounding error, not a bound
LARGEST = {1: 200_000, 2: 300_000, 3: 40_000}  # unknowns whose sparse factors take a minute and 2 GB at most
LARGEST_DENSE = 6_000  # unknowns of collocation in one and two dimensions: 300 MB, 10 s
CELLS = {1: ((2, 64), (4, 128), (6, 256)), 2: ((2, 32), (4, 64), (6, 96), (6, 160)), 3: ((2, 16), (4, 24), (4, 32))}
NODES = {1: (12, 20, 32, 64, 128, 256), 2: (12, 20, 32, 44, 60), 3: (8, 12, 16, 24)}


@dataclass(frozen=True)
class FiniteDifference(Reference):
    """Finite differences of the problem's own equations on a uniform grid of its box, 1 to 3 dimensions.

    Args:
        order: 2, 4 or 6; None tries them from cheap to accurate.
        cells: along each coordinate, at least 4 (order + 2), for the coarsest of the three grids has a quarter; None
            tries more and more.

    Raises:
        ReferenceError: another order, or too few cells.
    """

    order: int | None = None
    cells: int | None = None

    def __post_init__(self) -> None:
        if self.order is not None and self.order not in ORDERS:
            raise ReferenceError(f"FiniteDifference(order={self.order!r}); expected one of {ORDERS}, or None.")
        least = 4 * ((self.order or min(ORDERS)) + 2)
        if self.cells is not None and self.cells < least:
            raise ReferenceError(f"FiniteDifference(cells={self.cells}) is too coarse to estimate its own error; "
                                 f"expected at least {least} cells for order {self.order or min(ORDERS)}.")

    def unfit(self, problem: Problem) -> str | None:
        return _unfit(problem)

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        if self.cells is not None:
            possible = [(p, self.cells) for p in ORDERS if self.order in (None, p) and self.cells >= 4 * (p + 2)]
        else:
            possible = list(CELLS[len(problem.coordinates)])
            if self.order is not None:
                possible = [(self.order, max(cells, 4 * (self.order + 2))) for _, cells in possible]
        for order, cells in dict.fromkeys(possible):
            if self.cells is not None or _unknowns(problem, cells + 1) <= _most(problem, dense=False):
                yield FiniteDifference(order, cells)

    def cost(self, problem: Problem) -> float:
        order, cells = self._decided()
        unknowns = _unknowns(problem, cells + 1)
        return 0.1 + (4e-9 * unknowns**2 if len(problem.coordinates) == 3 else 1e-7 * order * unknowns**1.4)

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Solve on grids with cells, cells/2 and cells/4."""
        order, cells = self._decided()
        bounds = _bounds(problem)
        grids = [uniform_grid(bounds, n, order) for n in (cells, cells // 2, cells // 4)]
        _require_affordable(problem, cells + 1, dense=False)
        across = " × ".join([str(cells)] * len(bounds))
        return _refined(problem, grids, points, fastest=2.0**-order,
                        description=f"finite differences of order {order} on {across} cells")

    def _decided(self) -> tuple[int, int]:
        if self.order is None or self.cells is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.order, self.cells


@dataclass(frozen=True)
class Chebyshev(Reference):
    """Chebyshev collocation of the problem's own equations on its box, 1 to 3 dimensions: spectral for smooth solutions.

    Args:
        nodes: along each coordinate, at least 8; None tries more and more.

    Raises:
        ReferenceError: too few nodes.
    Reference: Trefethen, Spectral Methods in MATLAB, ch. 6, 7.
    """

    nodes: int | None = None

    def __post_init__(self) -> None:
        if self.nodes is not None and self.nodes < 8:
            raise ReferenceError(f"Chebyshev(nodes={self.nodes}) is too coarse to estimate its own error; expected at least 8.")

    def unfit(self, problem: Problem) -> str | None:
        return _unfit(problem)

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        for nodes in NODES[len(problem.coordinates)] if self.nodes is None else (self.nodes,):
            if self.nodes is not None or _unknowns(problem, nodes) <= _most(problem, dense=True):
                yield Chebyshev(nodes)

    def cost(self, problem: Problem) -> float:
        unknowns = _unknowns(problem, self._decided())
        return 0.1 + (6e-9 * unknowns**2 if len(problem.coordinates) == 3 else 4e-11 * float(unknowns) ** 3)

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Solve on grids with n, 3n/4 and 9n/16 nodes."""
        nodes = self._decided()
        bounds = _bounds(problem)
        grids = [chebyshev_grid(bounds, n) for n in (nodes, round(nodes * 3 / 4), round(nodes * 9 / 16))]
        _require_affordable(problem, nodes, dense=True)
        across = " × ".join([str(nodes)] * len(bounds))
        return _refined(problem, grids, points, fastest=FASTEST_SPECTRAL,
                        description=f"Chebyshev collocation on {across} nodes")

    def _decided(self) -> int:
        if self.nodes is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.nodes


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


def _refined(problem: Problem, grids: Sequence[TensorGrid], points: Points, *,
             fastest: float, description: str) -> ReferenceSolution:
    equations = row_equations(problem)
    free = undetermined_constants(problem)
    solved = [solve_system(discretise(problem, equations, grid), free, _rough(problem, equations, grid)) for grid in grids]
    _require_compatible(solved, free)
    error = {}
    for i, field in enumerate(problem.fields):
        fine, middle, coarse = (
            without_mean(g.interpolate(s.values[i], in_order(points, problem)), free_constant=field in free)
            for g, s in zip(grids, solved, strict=True))
        error[field] = (estimated_error(fine, middle, coarse, fastest=fastest)
                        + ROUNDING_SAFETY * float(solved[0].rounding[i]) + float(np.finfo(float).eps))

    def values(field: Field, at: Points) -> Array:
        return grids[0].interpolate(solved[0].values[problem.fields.index(field)], in_order(at, problem))

    return ReferenceSolution(description, error, values)


def _rough(problem: Problem, equations: Sequence[RowEquation], grid: TensorGrid) -> System | None:
    """Second-order differences on the same nodes where direct factors of the scheme itself would fill up: in space."""
    if grid.dimension < 3 or grid.axes[0].order == 2:
        return None
    return discretise(problem, equations, grid, accuracy=2)


def _bounds(problem: Problem) -> Array:
    """The box that all equations share, (d, 2), in the order of the problem's coordinates."""
    reason = _unfit(problem)
    domain = problem.constraints[0].region.domain
    if reason or domain is None:
        raise ReferenceError(f"no grid reference: {reason}.")
    return domain.bounds[[domain.coordinates.index(c) for c in problem.coordinates]]


def _unfit(problem: Problem) -> str | None:
    domains = {c.region.domain for c in problem.constraints}
    if None in domains or problem.data:
        return "the equations hold on sets of data points, and a grid needs equations on a whole box"
    if len(domains) != 1 or not all(isinstance(d, Box) for d in domains):
        return ("grids are made for one Interval or Box that all equations share, and the problem lives on "
                + " and ".join(sorted(map(repr, domains))))
    if len(problem.coordinates) > 3:
        return f"grids have 1 to 3 dimensions, and the problem has {len(problem.coordinates)}"
    short = [f for f in problem.fields if set(f.coordinates) != set(problem.coordinates)]
    if short:
        return f"all fields must depend on all coordinates {problem.coordinates}, and {short[0]} does not"
    return None


def _unknowns(problem: Problem, nodes: int) -> int:
    return len(problem.fields) * nodes ** len(problem.coordinates)


def _most(problem: Problem, *, dense: bool) -> int:
    dimension = len(problem.coordinates)
    return LARGEST_DENSE if dense and dimension < 3 else LARGEST[dimension]


def _require_affordable(problem: Problem, nodes: int, *, dense: bool) -> None:
    unknowns, most = _unknowns(problem, nodes), _most(problem, dense=dense)
    if unknowns > most:
        raise ReferenceError(f"a grid of {nodes} nodes along each of {len(problem.coordinates)} coordinates has {unknowns} unknowns, "
                             f"and at most {most} can be solved for; choose fewer cells or nodes.")


def _require_compatible(solved: Sequence[GridSolution], free: Sequence[Field]) -> None:
    """The constants that had to be added to the interior equations must vanish as the grid is refined."""
    fine, middle = solved[0], solved[1]
    for k, field in enumerate(free):
        now, before = abs(float(fine.imbalance[k])), abs(float(middle.imbalance[k]))
        if now > 0.8 * before and now > 1e-9 * float(np.abs(fine.values).max()):
            raise ReferenceError(f"no solution exists: {field} is determined up to a constant only, and its equation inside does not "
                                 f"balance its boundary conditions (a constant {now:.3g} is missing inside; expected 0). "
                                 "Check the forcing against the boundary fluxes.")
