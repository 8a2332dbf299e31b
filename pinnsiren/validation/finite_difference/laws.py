"""Which equation gives a field at each node of a grid in space: its rate inside, a condition on the faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from pinnsiren.errors import ReferenceError
from pinnsiren.partials import partials
from pinnsiren.validation.finite_difference.evolution_form import Condition, EvolutionForm
from pinnsiren.validation.finite_difference.grid import Face, TensorGrid
from pinnsiren.validation.finite_difference.matching import Candidate, Claim, Index, Mask, assigned, candidates

ON_FACE = 1e-9  # of the box's size: nodes lie on faces to rounding


@dataclass(frozen=True, eq=False)
class Law:
    """An equation that gives ∂_t^order of one field at some nodes, and with it the lower derivatives their rates.

    Attributes:
        field: its place among the form's fields.
        order: 0 for a condition on values or fluxes, 1 where the boundary has its own rate, m inside.
        residual: the condition, over partials; inside the rate itself.
        face: where the condition holds; None inside.
        at: the nodes where it is evaluated.
        unknowns: the nodes where it gives the field: the same ones, or, for the second condition at one end of a line,
            the neighbours.
    """

    field: int
    order: int
    residual: sympy.Expr
    face: Face | None
    at: Index
    unknowns: Index


def laws(form: EvolutionForm, grid: TensorGrid) -> tuple[Law, ...]:
    """One law for each field at every node, those of the interior first.

    Raises:
        ReferenceError: a node has too few or too many conditions; a condition of higher order in time than the rates.
    """
    claimed: list[tuple[Condition | None, Candidate]] = []
    everywhere = np.ones(len(grid), bool)
    for i, f in enumerate(form.fields):
        along = _along([form.rates[f]], form)
        claim = Claim(f"the rate of {f}", True, along, {i: max(1, *along)})
        claimed += [(None, c) for c in candidates(claim, everywhere, grid)]
    for condition in form.conditions:
        claim = Claim(condition.name, False, _along([condition.residual], form), _holds(condition, form))
        claimed += [(condition, c) for c in candidates(claim, _contained(condition, form, grid), grid)]
    moved = _moved_inward(claimed, form, grid)
    first = [k for k in range(len(claimed)) if k not in moved]
    slots = assigned([claimed[k][1] for k in first], form.fields, grid, coordinates=form.axes)
    taken = {(field, node) for field, _, node in moved.values()}
    found = []
    for k, slot in zip(first, slots, strict=True):
        for field in np.unique(slot[slot >= 0]):
            nodes = np.array([n for n in np.flatnonzero(slot == field).tolist() if (int(field), n) not in taken], np.intp)
            found.append(_law(claimed[k], int(field), form, at=nodes, unknowns=nodes))
    found += [_law(claimed[k], field, form, at=np.array([end]), unknowns=np.array([node]))
              for k, (field, end, node) in moved.items()]
    return tuple(found)


def _law(claimed: tuple[Condition | None, Candidate], field: int, form: EvolutionForm, *, at: Index, unknowns: Index) -> Law:
    condition, candidate = claimed
    f = form.fields[field]
    if condition is None:
        return Law(field, form.orders[f], form.rates[f], None, at, unknowns)
    order = max((form.order_in_time(p) for p in partials([condition.residual])), default=0)
    if order > form.orders[f]:
        raise ReferenceError(f"'{condition.name}' has a time derivative of order {order}, and the equations inside have "
                             f"order {form.orders[f]} for {f}; differentiate no further on the boundary than inside")
    return Law(field, order, condition.residual, candidate.face, at, unknowns)


def _along(expressions: Sequence[sympy.Expr], form: EvolutionForm) -> tuple[int, ...]:
    """The highest derivative along each axis."""
    used = [form.orders_in_space(p) for p in partials(expressions)]
    return tuple(max((orders[i] for orders in used), default=0) for i in range(len(form.axes)))


def _holds(condition: Condition, form: EvolutionForm) -> dict[int, int]:
    found: dict[int, int] = {}
    for p in partials([condition.residual]):
        place = form.fields.index(p.field)
        found[place] = max(p.order, found.get(place, 0))
    return found


def _contained(condition: Condition, form: EvolutionForm, grid: TensorGrid) -> Mask:
    """(N,) which nodes the condition's region holds, at the middle of the time as at any other."""
    columns = {c: grid.nodes[:, i] for i, c in enumerate(form.axes)} | {form.time: np.full(len(grid), sum(form.span) / 2)}
    points = np.stack([columns[c] for c in condition.region.coordinates], axis=1)
    return condition.region.contains(points, ON_FACE * form.space.size)


def _moved_inward(claimed: Sequence[tuple[Condition | None, Candidate]], form: EvolutionForm,
                  grid: TensorGrid) -> dict[int, tuple[int, int, int]]:
    """On a line, the second and third condition of one field at an end: {candidate: (field, end, node that it gives)}.

    An equation of third or fourth order in space needs as many conditions, and has two at one end or at both. The one
    that is left out of the matching gives the neighbour's value, where the rate is then not used.
    """
    if grid.dimension > 1:
        return {}
    moved: dict[int, tuple[int, int, int]] = {}
    for i, f in enumerate(form.fields):
        (order,) = _along([form.rates[f]], form)
        own = [k for k, (c, candidate) in enumerate(claimed) if c is not None and set(candidate.claim.holds) == {i}]
        if len(own) > order:
            continue  # the matching will say that there are too many
        for face in grid.faces:
            here = sorted((k for k in own if claimed[k][1].face == face), key=lambda k: claimed[k][1].claim.order)
            end, inward = (len(grid) - 1, -1) if face.upper else (0, 1)
            moved |= {k: (i, end, end + j * inward) for j, k in enumerate(here) if j}
    return moved
