"""The references on grids that a user can name: finite differences of order 2, 4, 6, and Chebyshev collocation."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.validation.finite_difference.fit import (
    bounds_of,
    circles_of,
    domain_of,
    finite_difference_grid,
    most,
    parts,
    require_fit,
    unfit,
    unknowns,
)
from pinnsiren.validation.finite_difference.grid import spectral_grid
from pinnsiren.validation.finite_difference.refinement import refined
from pinnsiren.validation.finite_difference.stencils import ORDERS
from pinnsiren.validation.reference import Reference, ReferenceSolution

# (order, cells) and nodes that are tried, by dimension; the last ones take seconds
CELLS = {1: ((2, 64), (4, 128), (6, 256)), 2: ((2, 32), (4, 64), (6, 96), (6, 160)), 3: ((2, 16), (4, 24), (4, 32))}
CELLS_ON_PARTS = {1: (64, 128), 2: (32, 64, 128, 256), 3: (16, 24, 32)}
NODES = {1: (12, 20, 32, 64, 128, 256), 2: (12, 20, 32, 44, 60), 3: (8, 12, 16, 24)}
FASTEST_SPECTRAL = 0.1  # ratio of successive differences: one lucky coincidence of two grids must not claim convergence


@dataclass(frozen=True)
class FiniteDifference(Reference):
    """Finite differences of the problem's own equations on a uniform grid of its box, 1 to 3 dimensions.

    On a domain made of boxes, such as an L-shape, they have order 2, with values given on the boundary.

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
        return unfit(problem, whole=False)

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        if self.cells is not None:
            possible = [(p, self.cells) for p in ORDERS if self.order in (None, p) and self.cells >= 4 * (p + 2)]
        else:
            possible = list(CELLS[len(problem.coordinates)])
            divided = parts(domain_of(problem)) or 1
            if divided > 1:  # faces inside the bounding box have to lie on the lines of all three grids
                wanted = CELLS_ON_PARTS[len(problem.coordinates)]
                possible = [(2, 4 * divided * ceil(cells / 4 / divided)) for cells in wanted]
            elif self.order is not None:
                possible = [(self.order, max(cells, 4 * (self.order + 2))) for _, cells in possible]
        for order, cells in dict.fromkeys(possible):
            if self.cells is not None or unknowns(problem, cells + 1) <= most(problem, dense=False):
                yield FiniteDifference(order, cells)

    def cost(self, problem: Problem) -> float:
        order, cells = self._decided()
        count = unknowns(problem, cells + 1)
        return 0.1 + (4e-9 * count**2 if len(problem.coordinates) == 3 else 1e-7 * order * count**1.4)

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Solve on grids with cells, cells/2 and cells/4."""
        order, cells = self._decided()
        require_fit(problem, cells + 1, whole=False, dense=False)
        grids = [finite_difference_grid(problem, n, order) for n in (cells, cells // 2, cells // 4)]
        across = " × ".join([str(cells)] * len(problem.coordinates))
        return refined(problem, grids, points, fastest=2.0**-order,
                        description=f"finite differences of order {order} on {across} cells")

    def _decided(self) -> tuple[int, int]:
        if self.order is None or self.cells is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.order, self.cells


@dataclass(frozen=True)
class Chebyshev(Reference):
    """Chebyshev collocation of the problem's own equations on its box, 1 to 3 dimensions: spectral where smooth.

    Along a periodic coordinate it is Fourier collocation, on an odd number of nodes.

    Args:
        nodes: along each coordinate, at least 8; None tries more and more.

    Raises:
        ReferenceError: too few nodes.
    Reference: Trefethen, Spectral Methods in MATLAB, ch. 6, 7.
    """

    nodes: int | None = None

    def __post_init__(self) -> None:
        if self.nodes is not None and self.nodes < 8:
            raise ReferenceError(f"Chebyshev(nodes={self.nodes}) is too coarse to estimate its own error; "
                                 "expected at least 8.")

    def unfit(self, problem: Problem) -> str | None:
        return unfit(problem, whole=True)

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        for nodes in NODES[len(problem.coordinates)] if self.nodes is None else (self.nodes,):
            if self.nodes is not None or unknowns(problem, nodes) <= most(problem, dense=True):
                yield Chebyshev(nodes)

    def cost(self, problem: Problem) -> float:
        count = unknowns(problem, self._decided())
        return 0.1 + (6e-9 * count**2 if len(problem.coordinates) == 3 else 4e-11 * float(count) ** 3)

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Solve on grids with n, 3n/4 and 9n/16 nodes."""
        nodes = self._decided()
        require_fit(problem, nodes, whole=True, dense=True)
        grids = [spectral_grid(bounds_of(problem), n, circles_of(problem))
                 for n in (nodes, round(nodes * 3 / 4), round(nodes * 9 / 16))]
        across = " × ".join([str(nodes)] * len(problem.coordinates))
        return refined(problem, grids, points, fastest=FASTEST_SPECTRAL,
                        description=f"Chebyshev collocation on {across} nodes")

    def _decided(self) -> int:
        if self.nodes is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.nodes
