"""Which equation is used at which node of a grid, and for which field: one for each field at every node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
        spare: used only when equations are missing at a node: an interior equation on the boundary, or a guest.
        host: of a guest, the same condition on the boundary. Where it is not used there, for an equation of fourth order
            has two conditions, it is used at the next node inside.
        offset: from the node where it is used to that where it is evaluated, in places of the list of nodes.
    """

    claim: Claim
    mask: Mask
    face: Face | None
    spare: bool = False
    host: "Candidate | None" = None
    offset: int = 0


@dataclass(frozen=True, eq=False)
class _Place:
    """A node, for messages: how many faces meet there."""

    coordinates: tuple[sympy.Symbol, ...]
    node: Array
    faces: int

    def __str__(self) -> str:
        return ", ".join(f"{c} = {v:g}" for c, v in zip(self.coordinates, self.node, strict=True))


def candidates(claim: Claim, contained: Mask, grid: TensorGrid, *, inward: bool = False) -> list[Candidate]:
    """Where an equation may be used, of the nodes (N,) that its region contains.

    Interior equations hold at nodes strictly inside, boundary equations at nodes of the faces that their region covers.
    On a face an interior equation of order ≤ 1 along the normal is a spare: at the outflow end of a first-order
    equation there is no condition.

    Args:
        inward: an equation of fourth order has two conditions on a face, and the second one is used at the next node
            inside, where the equation is not.
    """
    if grid.cut is not None:
        return [Candidate(claim, contained & (grid.sides == (-1 if claim.inside else 0)), None)]
    faces = {face: grid.on_face(face) for face in grid.faces}
    count = np.sum(list(faces.values()), axis=0) if faces else np.zeros(len(grid), int)
    if not claim.inside:
        # a face is covered if the region holds a node inside it: an edge alone belongs to the neighbouring face
        hosts = [Candidate(claim, contained & mask, face) for face, mask in faces.items()
                 if (contained & mask & (count == 1)).any()]
        return [*hosts, *(_guest(host, count, grid) for host in hosts if inward)]
    crossed, near = np.zeros(len(grid), bool), count > 0
    for face, mask in faces.items():
        if claim.along[face.axis] > 1:
            crossed |= mask
        if inward and claim.along[face.axis] > 3:
            near |= grid.next_to(face)
    return [Candidate(claim, contained & ~near, None),
            Candidate(claim, contained & (count > 0) & ~crossed, None, spare=True)]


def _guest(host: Candidate, count: Index, grid: TensorGrid) -> Candidate:
    """A boundary condition at the nodes next to those where it holds, for interior equations of order four."""
    assert host.face is not None
    step = int(np.prod(grid.shape[host.face.axis + 1:], dtype=int)) * (1 if host.face.upper else -1)
    mask = np.zeros(len(grid), bool)
    mask[np.flatnonzero(host.mask & (count == 1)) - step] = True
    return Candidate(host.claim, mask, host.face, spare=True, host=host, offset=step)


def assigned(found: Sequence[Candidate], fields: Sequence[Field], grid: TensorGrid, *,
             coordinates: tuple[sympy.Symbol, ...]) -> Index:
    """The field's place for which each candidate is used at each node, (candidates, N); −1 where it is not used.

    Where faces meet there are more equations than fields: those without derivatives come first, then those declared
    first, one for each field. Guests take what the boundary leaves over.

    Args:
        coordinates: of the grid's axes, for messages.
    Raises:
        ReferenceError: a node has too few or too many equations; the message names the place.
    """
    slots = np.full((len(found), len(grid)), -1)
    _assign(slots, found, fields, grid, nodes=np.flatnonzero(grid.sides == 0), coordinates=coordinates)
    masks = [c.mask if c.host is None else c.mask & ~np.roll(slots[_place_of(c.host, found)] >= 0, -c.offset) for c in found]
    inner = [replace(c, mask=mask) for c, mask in zip(found, masks, strict=True)]
    _assign(slots, inner, fields, grid, nodes=np.flatnonzero(grid.sides < 0), coordinates=coordinates)
    return slots


def _assign(slots: Index, found: Sequence[Candidate], fields: Sequence[Field], grid: TensorGrid, *, nodes: Index,
            coordinates: tuple[sympy.Symbol, ...]) -> None:
    """Fill the slots of some nodes, one pattern of usable candidates after another."""
    if len(nodes) == 0:
        return
    inward = any(c.host is not None for c in found)
    seconds = sum(inward and c.claim.inside and not c.spare and max(c.claim.along) > 3 for c in found)
    patterns, member = np.unique(np.stack([c.mask[nodes] for c in found], axis=1), axis=0, return_inverse=True)
    for i, pattern in enumerate(patterns):
        here = nodes[member.ravel() == i]
        usable = [int(k) for k in np.flatnonzero(pattern)]
        place = _Place(coordinates, grid.nodes[here[0]], _faces_at(grid, here[0]))
        for field, k in _matched([found[k] for k in usable], fields, place, seconds).items():
            slots[usable[k], here] = field


def _place_of(wanted: Candidate, found: Sequence[Candidate]) -> int:
    return next(k for k, c in enumerate(found) if c is wanted)


def _faces_at(grid: TensorGrid, node: int) -> int:
    """How many faces meet at a node; on the boundary of a part of a box, where edges are not told from faces, 2."""
    if grid.cut is not None:
        return 2 * int(grid.sides[node] == 0)
    return sum(int(grid.on_face(face)[node]) for face in grid.faces)


def _matched(found: Sequence[Candidate], fields: Sequence[Field], place: _Place, seconds: int) -> dict[int, int]:
    """One candidate for each field: {field's place: candidate's place}, each equation holding its field.

    Args:
        seconds: how many conditions may be left over on a face, to be used next to it.
    """
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
    if len(extra) > seconds and place.faces < 2:
        names = ", ".join(f"'{found[k].claim.name}'" for k in ranked if not found[k].spare)
        raise ReferenceError(f"at {place} the equations {names} are {len(fields) + len(extra)} conditions for "
                             f"{len(fields)} fields; expected one for each field. Remove some.")
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
