"""The equations of a problem as rows on a grid: which equation holds at which node, its residual and its Jacobian."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
import torch
from scipy import sparse

from pinnsiren.compile import Program, compile_expressions
from pinnsiren.domains.region import Region
from pinnsiren.partials import Partial, linearise
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Normal
from pinnsiren.validation.finite_difference.grid import TensorGrid
from pinnsiren.validation.finite_difference.matching import Candidate, Claim, Index, Mask, assigned, candidates
from pinnsiren.validation.finite_difference.stencils import Array

ON_BOUNDARY = 1e-9  # of the domain's size: nodes lie on faces to rounding


@dataclass(frozen=True)
class RowEquation:
    """One scalar equation F(x, {∂^α u}) = 0 on a region, compiled together with ∂F/∂(∂^α u).

    The program's first value is F, the others follow ``partials``.
    """

    name: str
    region: Region
    partials: tuple[Partial, ...]
    program: Program

    @property
    def inside(self) -> bool:
        """Whether it holds in the interior rather than on a boundary."""
        return self.region.dimension == len(self.region.coordinates)


def row_equations(problem: Problem) -> tuple[RowEquation, ...]:
    """Every scalar equation of a problem, in the order of declaration."""
    rows = []
    for constraint in problem.constraints:
        for expression in constraint.residuals:
            slopes = linearise(expression)
            program = compile_expressions([expression, *slopes.values()])
            rows.append(RowEquation(constraint.name, constraint.region, tuple(slopes), program))
    return tuple(rows)


@dataclass(frozen=True, eq=False)
class Block:
    """One equation at the nodes where it is used.

    Attributes:
        nodes: (n,) where it is evaluated, indices into the grid's nodes.
        rows: (n,) places in the system: slot · N + node, the slot being the field that the equation is matched with.
        columns: coordinates and normals at these nodes, (n,) float64.
        operators: the rows (n, N) of each partial's differentiation matrix.
    """

    equation: RowEquation
    nodes: Index
    rows: Index
    columns: Mapping[sympy.Symbol, torch.Tensor]
    operators: Mapping[Partial, sparse.csr_matrix]


@dataclass(frozen=True, eq=False)
class System:
    """F(u) = 0 for the values u (fields · N,) of all fields at all nodes, field by field."""

    grid: TensorGrid
    fields: tuple[Field, ...]
    blocks: tuple[Block, ...]

    @property
    def size(self) -> int:
        return len(self.fields) * len(self.grid)

    @property
    def inside(self) -> Mask:
        """(size,) which rows hold an equation of the interior."""
        mask = np.zeros(self.size, bool)
        for block in self.blocks:
            mask[block.rows] = block.equation.inside
        return mask

    @property
    def unused(self) -> Index:
        """Rows of nodes outside the domain: their unknowns are zero."""
        return np.flatnonzero(np.tile(self.grid.sides > 0, len(self.fields)))

    def residual(self, u: Array) -> Array:
        """F(u), (size,)."""
        out = np.empty(self.size)
        for block in self.blocks:
            out[block.rows] = self._evaluate(block, u)[0].numpy()
        out[self.unused] = u[self.unused]
        return out

    def jacobian(self, u: Array) -> sparse.csc_matrix:
        """∂F/∂u, (size, size): Σ diag(∂F/∂(∂^α u)) times the rows of ∂^α's matrix."""
        unused = self.unused
        rows, columns, values = [unused], [unused], [np.ones(len(unused))]
        for block in self.blocks:
            slopes = self._evaluate(block, u)[1:]
            for p, slope in zip(block.equation.partials, slopes, strict=True):
                part = sparse.diags(slope.numpy()).dot(block.operators[p]).tocoo()
                rows.append(block.rows[part.row])
                columns.append(part.col + self.fields.index(p.field) * len(self.grid))
                values.append(part.data)
        where = (np.concatenate(rows), np.concatenate(columns))
        return sparse.coo_matrix((np.concatenate(values), where), shape=(self.size, self.size)).tocsc()

    def _evaluate(self, block: Block, u: Array) -> list[torch.Tensor]:
        n = len(self.grid)
        jet: dict[sympy.Symbol, torch.Tensor] = {}
        for p, operator in block.operators.items():
            start = self.fields.index(p.field) * n
            jet[p] = torch.from_numpy(operator @ u[start:start + n])
        return block.equation.program({**block.columns, **jet})


def discretise(problem: Problem, equations: Sequence[RowEquation], grid: TensorGrid,
               accuracy: int | None = None) -> System:
    """Put the equations on a grid, one row for each field at each node (see :func:`assigned`).

    Args:
        accuracy: order of finite differences to use in place of the grid's own rule (to precondition).
    Raises:
        ReferenceError: a node has too few or too many equations; the message names the place.
    """
    found = [(e, c) for e in equations for c in candidates(_claim(e, problem), _contained(e, problem, grid), grid, inward=True)]
    slots = assigned([c for _, c in found], problem.fields, grid, coordinates=problem.coordinates)
    needed = {_orders(p, problem) for e in equations for p in e.partials}
    matrices = {orders: grid.partial(orders, accuracy) for orders in needed}
    blocks = [_block(e, c, slot, problem=problem, grid=grid, matrices=matrices)
              for (e, c), slot in zip(found, slots, strict=True) if (slot >= 0).any()]
    return System(grid, problem.fields, tuple(blocks))


def _contained(equation: RowEquation, problem: Problem, grid: TensorGrid) -> Mask:
    """(N,) which nodes the equation's region contains, up to rounding."""
    order = [problem.coordinates.index(c) for c in equation.region.coordinates]
    return equation.region.contains(grid.nodes[:, order], ON_BOUNDARY * float(np.ptp(grid.nodes, axis=0).max()))


def _claim(equation: RowEquation, problem: Problem) -> Claim:
    holds: dict[int, int] = {}
    for p in equation.partials:
        place = problem.fields.index(p.field)
        holds[place] = max(p.order, holds.get(place, 0))
    along = tuple(max((_orders(p, problem)[i] for p in equation.partials), default=0)
                  for i in range(len(problem.coordinates)))
    return Claim(equation.name, equation.inside, along, holds)


def _orders(partial: Partial, problem: Problem) -> tuple[int, ...]:
    """A multi-index in the order of the problem's coordinates, which is that of the grid's axes."""
    return tuple(partial.orders[partial.field.coordinates.index(c)] for c in problem.coordinates)


def _block(equation: RowEquation, used: Candidate, slot: Index, *, problem: Problem, grid: TensorGrid,
           matrices: Mapping[tuple[int, ...], sparse.csr_matrix]) -> Block:
    places, face = np.flatnonzero(slot >= 0), used.face
    nodes = places + used.offset
    columns: dict[sympy.Symbol, torch.Tensor] = {}
    for i, c in enumerate(problem.coordinates):
        columns[c] = torch.from_numpy(grid.nodes[nodes, i].copy())
        if face is not None:
            columns[Normal(c)] = torch.full((len(nodes),), float(face.normal(grid.dimension)[i]), dtype=torch.float64)
    operators = {p: matrices[_orders(p, problem)][nodes] for p in equation.partials}
    return Block(equation, nodes, slot[places] * len(grid) + places, columns, operators)
