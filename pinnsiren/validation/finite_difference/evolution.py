"""The references for evolution problems that a user can name: the method of lines on grids in space."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnsiren.compile import compile_expressions
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.finite_difference.evolution_form import EvolutionForm, evolution_form
from pinnsiren.validation.finite_difference.grid import TensorGrid, spectral_grid, uniform_grid
from pinnsiren.validation.finite_difference.history import History
from pinnsiren.validation.finite_difference.refinement import estimated_error
from pinnsiren.validation.finite_difference.semidiscrete import semidiscretise
from pinnsiren.validation.finite_difference.stencils import ORDERS
from pinnsiren.validation.finite_difference.stepping import evolve
from pinnsiren.validation.reference import Array, Reference, ReferenceSolution, combined

# (order, cells) and nodes that are tried, by the dimension of space
CELLS = {1: ((2, 64), (4, 128), (6, 128), (4, 512), (4, 2048), (4, 4096)),
         2: ((2, 32), (4, 48), (6, 64), (4, 96), (4, 192), (4, 320)), 3: ((2, 16), (4, 24), (4, 32))}
NODES = {1: (16, 24, 32, 48, 64, 128, 256), 2: (16, 24, 32, 48), 3: (8, 12, 16)}
LARGEST = {1: 50_000, 2: 500_000, 3: 300_000}  # values at nodes of a grid that are stepped in about a minute
LARGEST_SPECTRAL = 3_000  # with dense matrices
TOLERANCE = 1e-10  # of a time step on the finest grid; scipy's integrators take no less than 2e-14
FASTEST_SPECTRAL = 0.1  # ratio of successive differences: one lucky coincidence of two grids must not claim convergence
EPSILON = float(np.finfo(float).eps)
BETWEEN = 4096  # places at which the first values are compared with the given ones
KEPT = (1.0, 0.75, 0.5)  # share of the instants kept on the three grids


@dataclass(frozen=True)
class MethodOfLines(Reference):
    """Finite differences in space and scipy's integrators in time, for evolution problems on Box × time.

    Every interior equation is solved for its highest derivative in time, of order 1 or 2; boundary conditions eliminate
    the nodes on faces; the rates are stepped explicitly (DOP853) or, where stability would ask for many steps,
    implicitly (Radau) with their exact Jacobian.

    Args:
        order: 2, 4 or 6 in space; None tries them from cheap to accurate. Order 6 is for periodic coordinates and for
            diffusion: near the ends of an interval its one-sided stencils make waves grow.
        cells: along each coordinate, at least 4 (order + 2), for the coarsest of the three grids has a quarter; None
            tries more and more.

    Raises:
        ReferenceError: another order, or too few cells.
    Reference: Hairer & Wanner, Solving Ordinary Differential Equations I, II.5 (DOP853) and II, IV.8 (Radau IIA).
    """

    order: int | None = None
    cells: int | None = None

    def __post_init__(self) -> None:
        if self.order is not None and self.order not in ORDERS:
            raise ReferenceError(f"MethodOfLines(order={self.order!r}); expected one of {ORDERS}, or None.")
        require_cells("MethodOfLines", self.order or min(ORDERS), self.cells)

    def unfit(self, problem: Problem) -> str | None:
        return unfit(problem) or (_grows(problem) if self.order == 6 else None)

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        possible = list(CELLS[len(require_form(problem).axes)])
        if self.cells is not None:
            possible = [(p, self.cells) for p in ORDERS if self.order in (None, p) and self.cells >= 4 * (p + 2)]
        elif self.order is not None:
            possible = [(self.order, max(cells, 4 * (self.order + 2))) for _, cells in possible]
        for order, cells in dict.fromkeys(possible):
            if self.order is None and order == 6 and _grows(problem):
                continue
            if self.cells is not None or nodes_of(problem, cells + 1) <= LARGEST[len(problem.coordinates) - 1]:
                yield MethodOfLines(order, cells)

    def cost(self, problem: Problem) -> float:
        order, cells = self._decided()
        count = nodes_of(problem, cells + 1)
        return 0.5 + (2e-3 * count if len(problem.coordinates) == 2 else 5e-7 * order * cells * count)

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Step on grids with cells, cells/2 and cells/4, the coarser ones with larger tolerances."""
        order, cells = self._decided()
        form = require_form(problem)
        require_size(problem, cells + 1, LARGEST[len(form.axes)])
        grids = [uniform_grid(form.space.bounds, n, order, circles(form)) for n in (cells, cells // 2, cells // 4)]
        across = " × ".join([str(cells)] * len(form.axes))
        return compared(problem, histories(form, grids, 2.0**order), points, fastest=2.0**-order, rounding=cells * EPSILON,
                        description=f"the method of lines with finite differences of order {order} on {across} cells")

    def _decided(self) -> tuple[int, int]:
        if self.order is None or self.cells is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.order, self.cells


@dataclass(frozen=True)
class SpectralLines(Reference):
    """The method of lines with Chebyshev collocation in space, Fourier collocation along periodic coordinates.

    Args:
        nodes: along each coordinate, at least 8; None tries more and more.

    Raises:
        ReferenceError: too few nodes.
    Reference: Trefethen, Spectral Methods in MATLAB, ch. 8, 10.
    """

    nodes: int | None = None

    def __post_init__(self) -> None:
        if self.nodes is not None and self.nodes < 8:
            raise ReferenceError(f"SpectralLines(nodes={self.nodes}) is too coarse to estimate its own error; "
                                 "expected at least 8.")

    def unfit(self, problem: Problem) -> str | None:
        return unfit(problem) or _crowded(problem)

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        for nodes in NODES[len(require_form(problem).axes)] if self.nodes is None else (self.nodes,):
            if self.nodes is not None or nodes_of(problem, nodes) <= LARGEST_SPECTRAL:
                yield SpectralLines(nodes)

    def cost(self, problem: Problem) -> float:
        count = nodes_of(problem, self._decided())
        return 0.5 + 5e-3 * count + 2e-6 * count**2

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Step on grids with n, 3n/4 and 9n/16 nodes, the coarser ones with larger tolerances."""
        nodes = self._decided()
        form = require_form(problem)
        require_size(problem, nodes, LARGEST_SPECTRAL)
        grids = [spectral_grid(form.space.bounds, n, circles(form))
                 for n in (nodes, round(nodes * 3 / 4), round(nodes * 9 / 16))]
        across = " × ".join([str(nodes)] * len(form.axes))
        return compared(problem, histories(form, grids, 1 / FASTEST_SPECTRAL), points, fastest=FASTEST_SPECTRAL,
                        rounding=nodes**2 * EPSILON,
                        description=f"the method of lines with spectral collocation on {across} nodes")

    def _decided(self) -> int:
        if self.nodes is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.nodes


def histories(form: EvolutionForm, grids: Sequence[TensorGrid], coarser: float) -> list[History]:
    """The problem stepped on each grid; the tolerance grows by a factor from each to the next, the instants get fewer."""
    return [evolve(semidiscretise(form, grid), tolerance=TOLERANCE * coarser**i, kept=kept)
            for i, (grid, kept) in enumerate(zip(grids, KEPT, strict=True))]


def unfit(problem: Problem) -> str | None:
    """Why a problem cannot be stepped in time, or None."""
    try:
        form = evolution_form(problem.real)
    except ReferenceError as error:
        return str(error)
    if len(form.axes) > len(CELLS):
        return f"stepping in time is made for 1 to 3 dimensions of space, and the problem has {len(form.axes)}"
    return None


def require_form(problem: Problem) -> EvolutionForm:
    """The rates of a problem that fits.

    Raises:
        ReferenceError: it does not.
    """
    reason = unfit(problem)
    if reason:
        raise ReferenceError(f"no evolution reference: {reason}.")
    return evolution_form(problem.real)


def compared(problem: Problem, histories: Sequence[History], points: Points, *,
             fastest: float, rounding: float, description: str) -> ReferenceSolution:
    """The first, finest history as the reference, its error estimated from all three at some points, and at the first time.

    ``rounding`` of the derivatives, n² ε for collocation on n nodes, is below what the three can tell.
    """
    def at_points(history: History, field: Field, at: Points) -> Array:
        return combined([history(history.form.fields.index(part), at) for part in field.parts])

    error = {}
    for field in problem.fields:
        fine, middle, coarse = (at_points(h, field, points) for h in histories)
        start = math.hypot(*(_initial_error(histories[0], part) for part in field.parts))
        size = float(np.sqrt(np.mean(np.abs(fine) ** 2))) or 1.0
        error[field] = max(estimated_error(fine, middle, coarse, fastest=fastest), start / size) + rounding
    return ReferenceSolution(description, error, lambda field, at: at_points(histories[0], field, at))


def _initial_error(history: History, field: Field) -> float:
    """Root mean square of what is missing at the first time between the nodes: grids that all overlook it may well agree."""
    form = history.form
    start = form.space.interior.sample(BETWEEN, seed=0)
    at = Points((*start.coordinates, form.time), np.column_stack([start.values, np.full(len(start), form.span[0])]))
    columns = {c: torch.from_numpy(v) for c, v in zip(start.coordinates, np.ascontiguousarray(start.values.T), strict=True)}
    value = form.initial[Partial(field, (0,) * len(field.coordinates))]
    given = compile_expressions([value])(columns)[0].expand(len(start)).numpy()
    return float(np.sqrt(np.mean((history(form.fields.index(field), at) - given) ** 2)))


def circles(form: EvolutionForm) -> tuple[bool, ...]:
    """Which axes are periodic."""
    return tuple(c in form.space.periodic for c in form.axes)


def nodes_of(problem: Problem, nodes: int) -> int:
    """Values of all fields on a grid with so many nodes along each coordinate of space."""
    return len(problem.carried) * int(nodes ** (len(problem.coordinates) - 1))


def require_cells(kind: str, order: int, cells: int | None) -> None:
    """Raise a ReferenceError if a quarter of the cells is too coarse for finite differences of an order."""
    least = 4 * (order + 2)
    if cells is not None and cells < least:
        raise ReferenceError(f"{kind}(cells={cells}) is too coarse to estimate its own error; expected at least {least} "
                             f"cells for order {order}.")


def require_size(problem: Problem, nodes: int, most: int) -> None:
    """Raise a ReferenceError if a grid would take minutes."""
    if nodes_of(problem, nodes) > most:
        raise ReferenceError(f"a grid of {nodes} nodes along each of {len(problem.coordinates) - 1} coordinates has "
                             f"{nodes_of(problem, nodes)} values; at most {most} can be stepped; choose fewer.")


def _grows(problem: Problem) -> str | None:
    """Why stencils of order 6 would not be stable: an axis with ends, and a field that does not diffuse along it."""
    form = require_form(problem)
    for f, rate in form.rates.items():
        used = [form.orders_in_space(p) for p in partials([rate]) if p.field == f and not form.order_in_time(p)]
        for axis, circle in enumerate(circles(form)):
            if not circle and (form.orders[f] > 1 or all(orders[axis] != 2 for orders in used)):
                return (f"finite differences of order 6 make waves grow at the ends of {form.axes[axis]}, and {f} has no "
                        "diffusion there that damps them; take order 4, or SpectralLines")
    return None


def _crowded(problem: Problem) -> str | None:
    """Why collocation would not be stable: two conditions at one end, of which one gives the neighbouring node."""
    form = require_form(problem)
    for f, rate in form.rates.items():
        for p in partials([rate]):
            for c, k, circle in zip(form.axes, form.orders_in_space(p), circles(form), strict=True):
                if k > 2 and not circle:
                    return (f"spectral collocation is stable with up to second derivatives along {c}, which has ends, and the "
                            f"rate of {f} has {p.name}; take MethodOfLines, or make {c} periodic")
    return None
