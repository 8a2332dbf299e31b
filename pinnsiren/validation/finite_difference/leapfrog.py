"""Leapfrog: central differences in time for wave equations, of order 2, or of order 4 by the modified equation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import sympy
from scipy import sparse

from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.finite_difference.evolution import (
    EPSILON,
    LARGEST,
    circles,
    compared,
    nodes_of,
    require_cells,
    require_form,
    require_size,
    unfit,
)
from pinnsiren.validation.finite_difference.evolution_form import EvolutionForm
from pinnsiren.validation.finite_difference.grid import TensorGrid, uniform_grid
from pinnsiren.validation.finite_difference.history import WINDOW, History, Instants, instants_for
from pinnsiren.validation.finite_difference.laws import laws
from pinnsiren.validation.finite_difference.semidiscrete import Sample, SemiDiscrete, sample, semidiscretise
from pinnsiren.validation.finite_difference.stencils import Array
from pinnsiren.validation.finite_difference.stepping import require_bounded, spectral_radius
from pinnsiren.validation.reference import Reference, ReferenceSolution

ORDERS = (2, 4)
CELLS = {1: ((2, 128), (4, 128), (4, 512), (4, 2048)), 2: ((2, 64), (4, 64), (4, 128), (4, 256), (4, 400)),
         3: ((2, 16), (4, 24), (4, 48))}
# Δt √λ for −λ the largest eigenvalue in space: 2 − 2 cos θ = (Δt²λ) − (Δt²λ)²/12 must have a real θ
STABLE = {2: 2.0, 4: sqrt(12.0)}
# Of that: the estimate of λ comes from below, and coefficients may change. Order 2 errs least with long steps, for its errors
# in time and space cancel; order 4 takes shorter ones, so that there are enough instants to interpolate between.
COURANT = {2: 0.8, 4: 0.4}
PRODUCTS = 100  # with the matrix, to estimate λ


@dataclass(frozen=True)
class Leapfrog(Reference):
    """Central differences in space and time for u_tt = F(x, t, u, ∇u, ∇²u) on Box × time, of order 2 or 4 in both.

    Order 2: u⁺ = 2u − u⁻ + Δt² F. Order 4 adds Δt⁴/12 ∂_t²F, with ∂_t²F by sympy from the equation itself.
    The time step comes from the largest eigenvalue in space, so a variable speed is nothing special.

    Args:
        order: 2 or 4; None tries both. Damping −a(x) u_t is possible with order 2.
        cells: along each coordinate, at least 4 (order + 2), for the coarsest of the three grids has a quarter; None
            tries more and more.

    Raises:
        ReferenceError: another order, or too few cells.
    Reference: Dablain, The application of high-order differencing to the scalar wave equation, Geophysics 51 (1986).
    """

    order: int | None = None
    cells: int | None = None

    def __post_init__(self) -> None:
        if self.order is not None and self.order not in ORDERS:
            raise ReferenceError(f"Leapfrog(order={self.order!r}); expected one of {ORDERS}, or None.")
        require_cells("Leapfrog", self.order or min(ORDERS), self.cells)

    def unfit(self, problem: Problem) -> str | None:
        return unfit(problem) or _no_wave(require_form(problem), self.order or min(ORDERS))

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        form = require_form(problem)
        possible = list(CELLS[len(form.axes)])
        if self.cells is not None:
            possible = [(p, self.cells) for p in ORDERS if self.order in (None, p) and self.cells >= 4 * (p + 2)]
        elif self.order is not None:
            possible = [(self.order, max(cells, 4 * (self.order + 2))) for _, cells in possible]
        for order, cells in dict.fromkeys(possible):
            affordable = self.cells is not None or nodes_of(problem, cells + 1) <= LARGEST[len(form.axes)]
            if affordable and _no_wave(form, order) is None:
                yield Leapfrog(order, cells)

    def cost(self, problem: Problem) -> float:
        order, cells = self._decided()
        count = nodes_of(problem, cells + 1)
        return 0.5 + (2e-3 * count if len(problem.coordinates) == 2 else 3e-7 * order * cells * count)

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Step on grids with cells, cells/2 and cells/4, each with its own time step."""
        order, cells = self._decided()
        form = require_form(problem)
        reason = _no_wave(form, order)
        if reason:
            raise ReferenceError(f"no leapfrog: {reason}.")
        require_size(problem, cells + 1, LARGEST[len(form.axes)])
        grids = [uniform_grid(form.space.bounds, n, order, circles(form)) for n in (cells, cells // 2, cells // 4)]
        across = " × ".join([str(cells)] * len(form.axes))
        return compared(problem, [leap(form, grid, order) for grid in grids], points, fastest=2.0**-order,
                        rounding=cells * EPSILON, description=f"leapfrog of order {order} on {across} cells")

    def _decided(self) -> tuple[int, int]:
        if self.order is None or self.cells is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.order, self.cells


def leap(form: EvolutionForm, grid: TensorGrid, order: int) -> History:
    """Step a wave equation from the first to the last time with a uniform step.

    Raises:
        ReferenceError: the values are not finite: the scheme is unstable, or the solution is.
    """
    wave = _Wave.of(form, grid, order)
    first, last = form.span
    with np.errstate(all="ignore"):  # what overflows is found below
        count, every = _steps(wave, last - first)
        step = (last - first) / count
        u, v = np.split(wave.system.start, 2)
        before, now = u, wave.first(u, v, step)
        kept = [wave.values(first, u)]
        for k in range(1, count + 1):
            t = first + k * step
            if k % every == 0:
                kept.append(wave.values(t, now))
            if k < count:
                before, now = now, wave.next(t, now, before, step)
    instants, values = Instants(form.span, len(kept), graded=False), np.stack(kept)
    require_bounded(values, instants.times)
    return History(form, grid, instants, values)


def _steps(wave: "_Wave", duration: float) -> tuple[int, int]:
    """How many steps, and how many from one kept instant to the next."""
    longest = COURANT[wave.order] * STABLE[wave.order] / sqrt(spectral_radius(wave.stiffness, PRODUCTS))
    wanted = instants_for(wave.system.form, wave.system.grid, share=1.0, graded=False).count - 1
    count = max(ceil(duration / longest), WINDOW)
    every = max(1, count // wanted)
    return every * ceil(count / every), every


@dataclass(frozen=True, eq=False)
class _Wave:
    """u'' = G(t, u) − a u' for values u (n,) at the nodes that have a rate, and the derivatives that order 4 needs.

    Attributes:
        stiffness: ∂G/∂u at the first time.
        damping: a, (n,).
        affine: b where G(t, u) = ∂G/∂u u + b at all times, else None.
        third, fourth: ∂_t G and ∂_t² G as functions of z; empty for order 2.
    """

    order: int
    system: SemiDiscrete
    stiffness: sparse.csr_matrix
    damping: Array
    affine: Array | None
    third: tuple[Sample, ...]
    fourth: tuple[Sample, ...]

    @classmethod
    def of(cls, form: EvolutionForm, grid: TensorGrid, order: int) -> "_Wave":
        once = {f: form.later(rate) for f, rate in form.rates.items()}
        twice = {f: form.later(rate) for f, rate in once.items()}
        system = semidiscretise(form, grid, closed=(1, 2) if order == 4 else ())
        jacobian = system.jacobian(form.span[0], system.start)
        n = len(system.state) // 2
        third, fourth = (_sampled(e, form, grid) if order == 4 else () for e in (once, twice))
        offset = None if system.affine is None else system.affine[1][n:]
        return cls(order, system, sparse.csr_matrix(jacobian[n:, :n]), -jacobian[n:, n:].diagonal(), offset, third, fourth)

    def values(self, t: float, u: Array) -> Array:
        return self.system.values(t, np.concatenate([u, np.zeros_like(u)]))

    def second(self, t: float, u: Array) -> Array:
        """G(t, u)."""
        if self.affine is not None:
            return np.asarray(self.stiffness @ u + self.affine)
        return self.system.rate(t, np.concatenate([u, np.zeros_like(u)]))[len(u):]

    def first(self, u: Array, v: Array, step: float) -> Array:
        """u after the first step, by Taylor's series up to the order of the scheme."""
        t = self.system.form.span[0]
        w = self.second(t, u) - self.damping * v
        found = u + step * v + step**2 / 2 * w
        if self.order == 4:
            z = self.system.all_levels(t, np.concatenate([u, v]))
            found += step**3 / 6 * _joined(self.third, z, t) + step**4 / 24 * _joined(self.fourth, z, t)
        return np.asarray(found)

    def next(self, t: float, u: Array, before: Array, step: float) -> Array:
        """u one step later than t."""
        w = self.second(t, u)
        if self.order == 2:
            half = step / 2 * self.damping
            return (2 * u - (1 - half) * before + step**2 * w) / (1 + half)
        if self.affine is not None:
            q = self.stiffness @ w
        else:
            v = (u - before) / step + step / 2 * w  # right to Δt², and multiplied by Δt⁴
            q = _joined(self.fourth, self.system.all_levels(t, np.concatenate([u, v])), t)
        return np.asarray(2 * u - before + step**2 * w + step**4 / 12 * q)


def _sampled(expressions: Mapping[Field, sympy.Expr], form: EvolutionForm, grid: TensorGrid) -> tuple[Sample, ...]:
    """An expression for each field at the nodes of its interior laws, in the order of the state."""
    matrices = {orders: grid.partial(orders) for orders in {form.orders_in_space(p) for p in partials(expressions.values())}}
    return tuple(sample(expressions[form.fields[law.field]], law, form, grid=grid, matrices=matrices)
                 for law in laws(form, grid) if law.face is None)


def _joined(samples: tuple[Sample, ...], z: Array, t: float) -> Array:
    return np.concatenate([s(z, t) for s in samples])


def _no_wave(form: EvolutionForm, order: int) -> str | None:
    """Why leapfrog of an order does not fit, or None."""
    slow = [f for f, m in form.orders.items() if m != 2]
    if slow:
        return f"leapfrog is made for equations of second order in time, and {slow[0]} has a first one; take MethodOfLines"
    for condition in form.conditions:
        if any(form.order_in_time(p) for p in partials([condition.residual])):
            return f"leapfrog takes boundary conditions without time derivatives, and '{condition.name}' has one"
    for f, rate in form.rates.items():
        for p, slope in linearise(rate).items():
            if form.order_in_time(p) and (order == 4 or p.order > 1 or p.field != f or slope.has(Partial, form.time)):
                return (f"leapfrog of order {order} takes no term with {p.name}"
                        + ("; order 2 takes damping −a(x) u_t" if order == 4 else ", only damping −a(x) u_t"))
    return None
