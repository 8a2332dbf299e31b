"""The equations of a problem as rows on a grid: which equation holds at which node, its residual and its Jacobian."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sympy
import torch
from scipy import sparse

from pinnsiren.compile import Program, compile_expressions
from pinnsiren.domains.region import Region
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, linearise
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Normal
from pinnsiren.validation.finite_difference.grid import Face, TensorGrid
from pinnsiren.validation.finite_difference.stencils import Array

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

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

    @property
    def order(self) -> int:
        return max((p.order for p in self.partials), default=0)

    def order_along(self, coordinate: sympy.Symbol) -> int:
        """The highest derivative along one coordinate."""
        return max((p.orders[p.field.coordinates.index(coordinate)] for p in self.partials), default=0)


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
        nodes: (n,) indices into the grid's nodes.
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
    """Put the equations on a grid, one row for each field at each node.

    Interior equations hold at nodes strictly inside, boundary equations at nodes of the faces that their region covers.
    On a face without enough boundary conditions, such as the outflow end of a first-order equation, an interior
    equation of order ≤ 1 along the face's normal is used as well. Where faces meet there are more equations than
    fields: those without derivatives come first, then those declared first, one for each field.

    Args:
        accuracy: order of finite differences to use in place of the grid's own rule (to precondition).
    Raises:
        ReferenceError: a node has too few or too many equations; the message names the place.
    """
    candidates = _candidates(problem, equations, grid)
    used = np.flatnonzero(grid.sides <= 0)
    patterns, member = np.unique(np.stack([c.mask[used] for c in candidates], axis=1), axis=0, return_inverse=True)
    slots = np.full((len(candidates), len(grid)), -1)
    for i, pattern in enumerate(patterns):
        here = used[member.ravel() == i]
        found = list(np.flatnonzero(pattern))
        place = _Place(problem.coordinates, grid.nodes[here[0]], _faces_at(grid, here[0]))
        for field, k in _matched([candidates[k] for k in found], problem.fields, place).items():
            slots[found[k], here] = field
    needed = {_orders(p, problem) for e in equations for p in e.partials}
    matrices = {orders: grid.partial(orders, accuracy) for orders in needed}
    blocks = [_block(c, slot, problem, grid=grid, matrices=matrices)
              for c, slot in zip(candidates, slots, strict=True) if (slot >= 0).any()]
    return System(grid, problem.fields, tuple(blocks))


@dataclass(frozen=True, eq=False)
class _Candidate:
    """An equation that may be used at the nodes of a mask; normals are those of the face, if any."""

    equation: RowEquation
    mask: Mask
    face: Face | None
    spare: bool = False  # an interior equation on the boundary, used only when conditions are missing there


@dataclass(frozen=True, eq=False)
class _Place:
    """A node, for messages: how many faces meet there."""

    coordinates: tuple[sympy.Symbol, ...]
    node: Array
    faces: int

    def __str__(self) -> str:
        return ", ".join(f"{c} = {v:g}" for c, v in zip(self.coordinates, self.node, strict=True))


def _candidates(problem: Problem, equations: Sequence[RowEquation], grid: TensorGrid) -> list[_Candidate]:
    nodes, faces = grid.nodes, {face: grid.on_face(face) for face in grid.faces}
    count = np.sum(list(faces.values()), axis=0)
    size = float(np.ptp(nodes, axis=0).max())
    found = []
    for equation in equations:
        order = [problem.coordinates.index(c) for c in equation.region.coordinates]
        contained = equation.region.contains(nodes[:, order], ON_BOUNDARY * size)
        if grid.cut is not None:
            found.append(_Candidate(equation, contained & (grid.sides == (-1 if equation.inside else 0)), None))
            continue
        if equation.inside:
            found.append(_Candidate(equation, contained & (count == 0), None))
            crossed = np.zeros(len(grid), bool)
            for face, mask in faces.items():
                if equation.order_along(problem.coordinates[face.axis]) > 1:
                    crossed |= mask
            found.append(_Candidate(equation, contained & (count > 0) & ~crossed, None, spare=True))
            continue
        for face, mask in faces.items():
            # a face is covered if the region holds a node inside it: an edge alone belongs to the neighbouring face
            if (contained & mask & (count == 1)).any():
                found.append(_Candidate(equation, contained & mask, face))
    return found


def _faces_at(grid: TensorGrid, node: int) -> int:
    """How many faces meet at a node; on the boundary of a part of a box, where edges are not told from faces, 2."""
    if grid.cut is not None:
        return 2 * int(grid.sides[node] == 0)
    return sum(int(grid.on_face(face)[node]) for face in grid.faces)


def _matched(candidates: Sequence[_Candidate], fields: Sequence[Field], place: _Place) -> dict[int, int]:
    """One candidate for each field: {field's place: candidate's place}, each equation holding its field."""
    ranked = sorted(range(len(candidates)), key=lambda k: (candidates[k].spare, _is_differential(candidates[k]), k))
    match: dict[int, int] = {}
    left_over = []
    for k in ranked:
        if len(match) == len(fields) or not _augment(k, candidates, fields, match=match, visited=set()):
            left_over.append(k)
    if len(match) < len(fields):
        missing = ", ".join(str(f) for i, f in enumerate(fields) if i not in match)
        names = ", ".join(f"'{candidates[k].equation.name}'" for k in ranked) or "none"
        raise ReferenceError(f"at {place} there are {len(match)} usable equations for {len(fields)} fields (found: "
                             f"{names}); expected one for each field: {missing} has none. Add a condition there.")
    extra = [k for k in left_over if not candidates[k].spare]
    if extra and place.faces < 2:
        names = ", ".join(f"'{candidates[k].equation.name}'" for k in ranked if not candidates[k].spare)
        raise ReferenceError(f"at {place} the equations {names} are {len(fields) + len(extra)} conditions for "
                             f"{len(fields)} fields; expected one for each field. Remove some, or write an equation of "
                             "fourth order as two of second order with one more field.")
    return match


def _is_differential(candidate: _Candidate) -> bool:
    return candidate.equation.order > 0


def _augment(k: int, candidates: Sequence[_Candidate], fields: Sequence[Field], *,
             match: dict[int, int], visited: set[int]) -> bool:
    """Match candidate k with a field that it holds, moving earlier ones if needed (Kuhn's algorithm)."""
    held: dict[int, int] = {}  # each field's highest derivative here
    for p in candidates[k].equation.partials:
        held[fields.index(p.field)] = max(p.order, held.get(fields.index(p.field), 0))
    # a free field first, and that of the highest derivative, so that the diagonal is strong enough to be a pivot
    for field in sorted(held, key=lambda f: (f in match, -held[f], f)):
        if field in visited:
            continue
        visited.add(field)
        if field not in match or _augment(match[field], candidates, fields, match=match, visited=visited):
            match[field] = k
            return True
    return False


def _orders(partial: Partial, problem: Problem) -> tuple[int, ...]:
    """A multi-index in the order of the problem's coordinates, which is that of the grid's axes."""
    return tuple(partial.orders[partial.field.coordinates.index(c)] for c in problem.coordinates)


def _block(candidate: _Candidate, slot: Index, problem: Problem, *, grid: TensorGrid,
           matrices: Mapping[tuple[int, ...], sparse.csr_matrix]) -> Block:
    nodes = np.flatnonzero(slot >= 0)
    columns: dict[sympy.Symbol, torch.Tensor] = {}
    for i, c in enumerate(problem.coordinates):
        columns[c] = torch.from_numpy(grid.nodes[nodes, i].copy())
        if candidate.face is not None:
            normal = float(candidate.face.normal(grid.dimension)[i])
            columns[Normal(c)] = torch.full((len(nodes),), normal, dtype=torch.float64)
    operators = {p: matrices[_orders(p, problem)][nodes] for p in candidate.equation.partials}
    return Block(candidate.equation, nodes, slot[nodes] * len(grid) + nodes, columns, operators)
