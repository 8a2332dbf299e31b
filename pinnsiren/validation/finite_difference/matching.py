"""Which equation is used at which node of a grid, and for which field: one for each field at every node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sympy

from pinnsiren.errors import ReferenceError
from pinnsiren.symbols import Field
from pinnsiren.validation.finite_difference.grid import Face, TensorGrid
from pinnsiren.validation.finite_difference.stencils import Array

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Claim:
    """What the choice of nodes asks about an equation.

    Attributes:
        name: the constraint's, for messages.
        inside: whether it holds in the interior rather than on a boundary.
        along: its highest derivative along each axis of the grid.
        holds: for the place of each field that it may be used for, the highest derivative of it.
    """

    name: str
    inside: bool
    along: tuple[int, ...]
    holds: Mapping[int, int]

    @property
    def order(self) -> int:
        return max(self.holds.values(), default=0)


@dataclass(frozen=True, eq=False)
class Candidate:
    """An equation that may be used at the nodes of a mask; normals are those of the face, if any.

    Attributes:
        spare: an interior equation on the boundary, used only when conditions are missing there.
    """

    claim: Claim
    mask: Mask
    face: Face | None
    spare: bool = False


@dataclass(frozen=True, eq=False)
class _Place:
    """A node, for messages: how many faces meet there."""

    coordinates: tuple[sympy.Symbol, ...]
    node: Array
    faces: int

    def __str__(self) -> str:
        return ", ".join(f"{c} = {v:g}" for c, v in zip(self.coordinates, self.node, strict=True))


def candidates(claim: Claim, contained: Mask, grid: TensorGrid) -> list[Candidate]:
    """Where an equation may be used, of the nodes (N,) that its region contains.

    Interior equations hold at nodes strictly inside, boundary equations at nodes of the faces that their region covers.
    On a face an interior equation of order ≤ 1 along the normal is a spare: at the outflow end of a first-order
    equation there is no condition.
    """
    if grid.cut is not None:
        return [Candidate(claim, contained & (grid.sides == (-1 if claim.inside else 0)), None)]
    faces = {face: grid.on_face(face) for face in grid.faces}
    count = np.sum(list(faces.values()), axis=0) if faces else np.zeros(len(grid), int)
    if not claim.inside:
        # a face is covered if the region holds a node inside it: an edge alone belongs to the neighbouring face
        return [Candidate(claim, contained & mask, face) for face, mask in faces.items()
                if (contained & mask & (count == 1)).any()]
    crossed = np.zeros(len(grid), bool)
    for face, mask in faces.items():
        if claim.along[face.axis] > 1:
            crossed |= mask
    return [Candidate(claim, contained & (count == 0), None),
            Candidate(claim, contained & (count > 0) & ~crossed, None, spare=True)]


def assigned(found: Sequence[Candidate], fields: Sequence[Field], grid: TensorGrid, *,
             coordinates: tuple[sympy.Symbol, ...]) -> Index:
    """The field's place for which each candidate is used at each node, (candidates, N); −1 where it is not used.

    Where faces meet there are more equations than fields: those without derivatives come first, then those declared
    first, one for each field.

    Args:
        coordinates: of the grid's axes, for messages.
    Raises:
        ReferenceError: a node has too few or too many equations; the message names the place.
    """
    used = np.flatnonzero(grid.sides <= 0)
    patterns, member = np.unique(np.stack([c.mask[used] for c in found], axis=1), axis=0, return_inverse=True)
    slots = np.full((len(found), len(grid)), -1)
    for i, pattern in enumerate(patterns):
        here = used[member.ravel() == i]
        usable = [int(k) for k in np.flatnonzero(pattern)]
        place = _Place(coordinates, grid.nodes[here[0]], _faces_at(grid, here[0]))
        for field, k in _matched([found[k] for k in usable], fields, place).items():
            slots[usable[k], here] = field
    return slots


def _faces_at(grid: TensorGrid, node: int) -> int:
    """How many faces meet at a node; on the boundary of a part of a box, where edges are not told from faces, 2."""
    if grid.cut is not None:
        return 2 * int(grid.sides[node] == 0)
    return sum(int(grid.on_face(face)[node]) for face in grid.faces)


def _matched(found: Sequence[Candidate], fields: Sequence[Field], place: _Place) -> dict[int, int]:
    """One candidate for each field: {field's place: candidate's place}, each equation holding its field."""
    ranked = sorted(range(len(found)), key=lambda k: (found[k].spare, found[k].claim.order > 0, k))
    match: dict[int, int] = {}
    left_over = []
    for k in ranked:
        if len(match) == len(fields) or not _augment(k, found, match=match, visited=set()):
            left_over.append(k)
    if len(match) < len(fields):
        missing = ", ".join(str(f) for i, f in enumerate(fields) if i not in match)
        names = ", ".join(f"'{found[k].claim.name}'" for k in ranked) or "none"
        raise ReferenceError(f"at {place} there are {len(match)} usable equations for {len(fields)} fields (found: "
                             f"{names}); expected one for each field: {missing} has none. Add a condition there.")
    extra = [k for k in left_over if not found[k].spare]
    if extra and place.faces < 2:
        names = ", ".join(f"'{found[k].claim.name}'" for k in ranked if not found[k].spare)
        raise ReferenceError(f"at {place} the equations {names} are {len(fields) + len(extra)} conditions for "
                             f"{len(fields)} fields; expected one for each field. Remove some, or write an equation of "
                             "fourth order as two of second order with one more field.")
    return match


def _augment(k: int, found: Sequence[Candidate], *, match: dict[int, int], visited: set[int]) -> bool:
    """Match candidate k with a field that it holds, moving earlier ones if needed (Kuhn's algorithm)."""
    held = found[k].claim.holds
    # a free field first, and that of the highest derivative, so that the diagonal is strong enough to be a pivot
    for field in sorted(held, key=lambda f: (f in match, -held[f], f)):
        if field in visited:
            continue
        visited.add(field)
        if field not in match or _augment(match[field], found, match=match, visited=visited):
            match[field] = k
            return True
    return False
