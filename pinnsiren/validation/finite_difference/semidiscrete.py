"""An evolution problem with space on a grid: ordinary differential equations y' = G(t, y) for values at nodes.

Level k is ∂_t^k of all fields at all nodes, field by field; the stacked vector z holds level after level. Of z some
entries are the state y; the others follow from it step by step: boundary values from conditions, the highest level from
the rates.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy
import torch
from scipy import sparse
from scipy.sparse.linalg import splu

from pinnsiren.compile import Bound, compile_expressions
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.symbols import Normal
from pinnsiren.validation.finite_difference.evolution_form import EvolutionForm
from pinnsiren.validation.finite_difference.grid import TensorGrid
from pinnsiren.validation.finite_difference.laws import Law, laws
from pinnsiren.validation.finite_difference.linear import Solve, singular
from pinnsiren.validation.finite_difference.matching import Index
from pinnsiren.validation.finite_difference.numpy_program import NumpyProgram, on_arrays
from pinnsiren.validation.finite_difference.stencils import Array

Matrices = Mapping[tuple[int, ...], sparse.csr_matrix]


@dataclass(frozen=True, eq=False)
class Sample:
    """An expression F over partials at some nodes, compiled with its slopes, as a function of z and of time.

    Attributes:
        places: where the values of each partial's level and field begin in z.
        operators: the rows (n, N) of each partial's differentiation matrix.
        value, slopes: F and all ∂F/∂(∂^α u), waiting for the partials and the time.
        matrix: ∂F/∂z where it is the same for all z and times; then ``value`` is F(z = 0), and waits for the time only.
        moving: whether anything depends on time.
    """

    partials: tuple[Partial, ...]
    places: tuple[int, ...]
    operators: tuple[sparse.csr_matrix, ...]
    value: Bound
    slopes: Bound
    time: sympy.Symbol
    moving: bool
    matrix: sparse.csr_matrix | None = None

    def __call__(self, z: Array, t: float) -> Array:
        """F, (n,)."""
        jet = {} if self.matrix is not None else self._jet(z)
        if self._small is not None:
            value = self._small({self.time: np.float64(t), **jet})[0]
        else:
            value = self.value(self._instant(t) | {p: torch.from_numpy(v) for p, v in jet.items()})[0].numpy()
        return np.asarray(value if self.matrix is None else value + self.matrix @ z)

    @cached_property
    def _small(self) -> NumpyProgram | None:
        return on_arrays(self.value)

    def jacobian(self, z: Array, t: float) -> sparse.csr_matrix:
        """∂F/∂z: (n, len(z))."""
        if self.matrix is not None:
            return self.matrix
        slopes = self.slopes(self._instant(t) | {p: torch.from_numpy(v) for p, v in self._jet(z).items()})
        rows, columns, weights = self._entries
        values = weights * np.concatenate([np.empty(0), *(s.numpy() for s in slopes)])[rows]
        return sparse.csr_matrix((values, (rows % max(1, self.value.count), columns)), shape=(self.value.count, len(z)))

    @cached_property
    def _entries(self) -> tuple[Index, Index, Array]:
        """Rows, columns and weights of all operators' entries, one below the other; columns are those of z."""
        rows, columns, weights = [np.empty(0, np.intp)], [np.empty(0, np.intp)], [np.empty(0)]
        for i, (place, operator) in enumerate(zip(self.places, self.operators, strict=True)):
            part = operator.tocoo()
            rows.append(np.asarray(part.row + i * self.value.count, np.intp))
            columns.append(np.asarray(part.col + place, np.intp))
            weights.append(part.data)
        return np.concatenate(rows), np.concatenate(columns), np.concatenate(weights)

    def _instant(self, t: float) -> dict[sympy.Symbol, torch.Tensor]:
        return {self.time: torch.tensor(t, dtype=torch.float64)}

    def _jet(self, z: Array) -> dict[sympy.Symbol, Array]:
        return {p: operator @ z[place:place + operator.shape[1]]
                for p, place, operator in zip(self.partials, self.places, self.operators, strict=True)}


class Step(ABC):
    """One step from the state to all of z. Implementations are frozen dataclasses."""

    @property
    @abstractmethod
    def samples(self) -> tuple[Sample, ...]:
        """What it evaluates."""

    @abstractmethod
    def fill(self, z: Array, t: float) -> None:
        """Set the entries that the step gives."""

    @abstractmethod
    def spread(self, z: Array, t: float, map: sparse.csr_matrix) -> sparse.csr_matrix:
        """The derivative of z by the state with the rows of these entries, given that of what comes before."""


@dataclass(frozen=True, eq=False)
class Rate(Step):
    """∂_t^m u at nodes of the interior: the values of a sample."""

    places: Index
    sample: Sample

    @property
    def samples(self) -> tuple[Sample, ...]:
        return (self.sample,)

    def fill(self, z: Array, t: float) -> None:
        z[self.places] = self.sample(z, t)

    def spread(self, z: Array, t: float, map: sparse.csr_matrix) -> sparse.csr_matrix:
        return map + _at(self.places, map.shape[0]) @ (self.sample.jacobian(z, t) @ map)


@dataclass(frozen=True, eq=False)
class Closure(Step):
    """Boundary values x of one level, from conditions that are linear in them: A x = −r, r the residuals at x = 0.

    Attributes:
        places: (n,) of x in z.
        conditions: samples whose rows are the residuals, one after the other.
        constant: b ↦ A⁻¹b where A is the same at all times; else None.
    """

    places: Index
    conditions: tuple[Sample, ...]
    constant: Solve | None

    @property
    def samples(self) -> tuple[Sample, ...]:
        return self.conditions

    def fill(self, z: Array, t: float) -> None:
        z[self.places] = 0
        right = np.concatenate([s(z, t) for s in self.samples])
        z[self.places] = -self._solve(z, t)(right)

    def spread(self, z: Array, t: float, map: sparse.csr_matrix) -> sparse.csr_matrix:
        right = sparse.csc_matrix(_stacked(self.samples, z, t) @ map)
        near = np.flatnonzero(np.diff(right.indptr))  # few of the state's entries lie near enough to a boundary to matter
        if len(near) == 0:
            return map
        found = sparse.csr_matrix(self._solve(z, t)(right[:, near].toarray()))
        return map - _at(self.places, map.shape[0]) @ found @ _at(near, map.shape[1]).T

    def _solve(self, z: Array, t: float) -> Solve:
        return self.constant or _inverse(_stacked(self.samples, z, t)[:, self.places])


@dataclass(frozen=True, eq=False)
class SemiDiscrete:
    """y' = G(t, y) for the values at nodes that have a rate.

    Attributes:
        state: (len(y),) the places of y in z.
        steps: from the state to all of z, in the order in which they are taken.
        levels: how many levels z has.
    """

    form: EvolutionForm
    grid: TensorGrid
    state: Index
    steps: tuple[Step, ...]
    levels: int

    @cached_property
    def level_size(self) -> int:
        return len(self.form.fields) * len(self.grid)

    @cached_property
    def start(self) -> Array:
        """y at the first time."""
        z = np.zeros(self.levels * self.level_size)
        columns = {c: torch.from_numpy(self.grid.nodes[:, i].copy()) for i, c in enumerate(self.form.axes)}
        for p, value in zip(self.form.initial, compile_expressions(list(self.form.initial.values()))(columns), strict=True):
            place = self._place(p)
            z[place:place + len(self.grid)] = value.numpy()
        return z[self.state]

    def all_levels(self, t: float, y: Array) -> Array:
        """z at a state."""
        z = np.zeros(self.levels * self.level_size)
        z[self.state] = y
        for step in self.steps:
            step.fill(z, t)
        return z

    def rate(self, t: float, y: Array) -> Array:
        """G(t, y)."""
        if self.affine is None:
            return self.all_levels(t, y)[self.state + self.level_size]
        matrix, offset = self.affine
        return matrix @ y + offset

    @cached_property
    def affine(self) -> tuple[sparse.csr_matrix, Array] | None:
        """A and b where G(t, y) = A y + b at all times: one product instead of many."""
        if any(s.matrix is None or s.moving for step in self.steps for s in step.samples):
            return None
        t, origin = self.form.span[0], np.zeros(len(self.state))
        offset = self.all_levels(t, origin)[self.state + self.level_size]
        return self.jacobian(t, origin), offset

    def values(self, t: float, y: Array) -> Array:
        """All fields at all nodes, (fields, N)."""
        return self.all_levels(t, y)[:self.level_size].reshape(len(self.form.fields), len(self.grid))

    def jacobian(self, t: float, y: Array) -> sparse.csr_matrix:
        """∂G/∂y."""
        z = self.all_levels(t, y)
        map = sparse.csr_matrix(_at(self.state, len(z)))
        for step in self.steps:
            map = sparse.csr_matrix(step.spread(z, t, map))
        return sparse.csr_matrix(map[self.state + self.level_size])

    def _place(self, partial: Partial) -> int:
        return _place(partial, self.form, self.grid)


def semidiscretise(form: EvolutionForm, grid: TensorGrid, closed: Sequence[int] = ()) -> SemiDiscrete:
    """Put an evolution problem on a grid in space.

    Args:
        closed: levels, besides those whose derivatives in space the rates use, of which all boundary values are wanted.
    Raises:
        ReferenceError: a node has too few or too many conditions, or conditions are not linear in the fields.
    """
    found = laws(form, grid)
    highest = max(form.orders.values())
    inside = [law for law in found if law.face is None]
    sides = [law for law in found if law.face is not None]
    wanted = {0, *closed, *(form.order_in_time(p) for p in partials(form.rates.values()) if any(form.orders_in_space(p)))}
    given = {law: {k: _repeated(form, law.residual, k - law.order) for k in range(law.order, highest + 1)
                   if k == law.order or k in wanted} for law in sides}
    conditions = [residual for by_level in given.values() for residual in by_level.values()]
    used = {form.orders_in_space(p) for p in partials([*form.rates.values(), *conditions])}
    matrices = {orders: grid.partial(orders) for orders in used}

    def closures(*, top: bool) -> list[Step]:
        """The conditions level by level; those of a field's highest level come after the rates."""
        levels = [[law for law in sides if k in given[law] and (k >= form.orders[form.fields[law.field]]) == top]
                  for k in range(highest + 1)]
        return [_closure([(law, given[law][k]) for law in at_level], k, form, grid=grid, matrices=matrices)
                for k, at_level in enumerate(levels) if at_level]

    rates = [Rate(_places(law, law.order, form, grid), sample(law.residual, law, form, grid=grid, matrices=matrices))
             for law in inside]
    state = [_places(law, k, form, grid) for k in range(highest) for law in found if law.order > k]
    return SemiDiscrete(form, grid, np.concatenate(state), (*closures(top=False), *rates, *closures(top=True)), highest + 1)


def sample(expression: sympy.Expr, law: Law, form: EvolutionForm, *, grid: TensorGrid, matrices: Matrices) -> Sample:
    """Compile an expression over partials at a law's nodes; what depends on places alone is evaluated once.

    Args:
        matrices: the differentiation matrix (N, N) of every multi-index in space that the partials have.
    """
    columns = {c: torch.from_numpy(grid.nodes[law.at, i].copy()) for i, c in enumerate(form.axes)}
    if law.face is not None:
        normal = (*law.face.normal(grid.dimension), 0.0)
        columns |= {Normal(c): torch.full((len(law.at),), float(n), dtype=torch.float64)
                    for c, n in zip((*form.axes, form.time), normal, strict=True)}
    slopes = linearise(expression)
    like, count = torch.zeros((), dtype=torch.float64), len(law.at)

    def bound(expressions: Sequence[sympy.Expr]) -> Bound:
        return compile_expressions(expressions).bind(columns, count, like)

    general = Sample(tuple(slopes), tuple(_place(p, form, grid) for p in slopes),
                     tuple(matrices[form.orders_in_space(p)][law.at] for p in slopes), bound([expression]),
                     bound(list(slopes.values())), form.time, moving=expression.has(form.time))
    if any(s.has(form.time, Partial) for s in slopes.values()):
        return general
    at_zero = expression.xreplace(dict.fromkeys(slopes, sympy.S.Zero))
    size = (max(form.orders.values()) + 1) * len(form.fields) * len(grid)
    return replace(general, value=bound([at_zero]), matrix=general.jacobian(np.zeros(size), form.span[0]))


def _repeated(form: EvolutionForm, residual: sympy.Expr, times: int) -> sympy.Expr:
    for _ in range(times):
        residual = form.later(residual)
    return residual


def _closure(conditions: Sequence[tuple[Law, sympy.Expr]], level: int, form: EvolutionForm, *,
             grid: TensorGrid, matrices: Matrices) -> Closure:
    for law, residual in conditions:
        above = [p for p in partials([residual]) if form.order_in_time(p) > level]
        if above or any(s.has(Partial) for s in linearise(residual).values()):
            raise ReferenceError(f"the boundary condition {law.residual} = 0 is not linear in the fields, or joins rates of "
                                 "different order; grids eliminate boundary values by linear conditions")
    places = np.concatenate([_places(law, level, form, grid) for law, _ in conditions])
    samples = tuple(sample(r, law, form, grid=grid, matrices=matrices) for law, r in conditions)
    closure = Closure(places, samples, None)
    if any(s.matrix is None for s in samples):
        return closure
    z = np.zeros((max(form.orders.values()) + 1) * len(form.fields) * len(grid))
    return Closure(places, samples, closure._solve(z, form.span[0]))


def _stacked(samples: Sequence[Sample], z: Array, t: float) -> sparse.csr_matrix:
    return sparse.csr_matrix(sparse.vstack([s.jacobian(z, t) for s in samples]))


def _inverse(matrix: sparse.csr_matrix) -> Solve:
    """b ↦ A⁻¹b, (n,) or (n, k): boundary values from their conditions."""
    diagonal = matrix.diagonal()
    if matrix.nnz == np.count_nonzero(diagonal) and np.all(diagonal != 0):
        return lambda b: (b.T / diagonal).T
    try:
        factors = splu(sparse.csc_matrix(matrix))
    except RuntimeError as error:  # "Factor is exactly singular"
        raise singular() from error
    return lambda b: factors.solve(b)


def _places(law: Law, level: int, form: EvolutionForm, grid: TensorGrid) -> Index:
    return (level * len(form.fields) + law.field) * len(grid) + law.unknowns


def _place(partial: Partial, form: EvolutionForm, grid: TensorGrid) -> int:
    return (form.order_in_time(partial) * len(form.fields) + form.fields.index(partial.field)) * len(grid)


def _at(places: Index, size: int) -> sparse.csr_matrix:
    """(size, n): puts n values at their places."""
    return sparse.csr_matrix((np.ones(len(places)), (places, np.arange(len(places)))), shape=(size, len(places)))
