"""What values a problem gives to its fields on boundaries and at the first instant, read from its equations."""

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.instants import Initial
from pinnsiren.domains.part import BoundaryOf
from pinnsiren.domains.product import Product
from pinnsiren.domains.region import Boundary, Face
from pinnsiren.equation import Constraint
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Normal

Wall = tuple[sympy.Symbol, float]


@dataclass(frozen=True)
class Value:
    """∂^m f/∂t^m = g for one real part f of a field, on one region.

    Args:
        field: the real part.
        order: m; 0 except for initial conditions.
        expression: g.
        constraint: the one that says so.
    """

    field: Field
    order: int
    expression: sympy.Expr
    constraint: Constraint


def given_values(problem: Problem) -> list[Value]:
    """The values of fields on boundaries, their faces and primitives, and at the start, of domains that their equations fill.

    A constraint counts only if all its equations give values: one that holds more cannot be left out of the solve. Nor does
    one with another norm than ‖·‖₂: it asks for values that bear outliers, hence are not exact.
    """
    filled = {(p.field, c.region.domain) for c in problem.real.constraints if c.region.domain is not None
              and c.region.dimension == len(c.region.coordinates) for r in c.residuals for p in partials([r])}
    found = []
    for c in problem.real.constraints:
        values = list(_values(c))
        if c.norm == "l2" and len(values) == len(c.residuals) and all((v.field, c.region.domain) in filled for v in values):
            found += values
    return found


def _values(constraint: Constraint) -> Iterator[Value]:
    region = constraint.region
    for residual in constraint.residuals:
        used = partials([residual])
        if len(used) != 1 or residual.has(Normal) or not isinstance(region, (Boundary, BoundaryOf, Face, Initial)):
            return
        (partial,) = used
        slope = linearise(residual)[partial]
        order = _order(partial, region.domain if isinstance(region, Initial) else None)
        if order is None or slope.has(Partial) or slope == 0:
            return
        yield Value(partial.field, order, -residual.subs(partial, 0) / slope, constraint)


def _order(partial: Partial, instant_of: Domain | None) -> int | None:
    """The order in time of a partial that has none in space: 0 or, at an instant, 1; None for others."""
    if partial.order == 0:
        return 0
    if instant_of is None or partial.order > 1:
        return None
    return 1 if dict(zip(partial.field.coordinates, partial.orders, strict=True)).get(instant_of.time) == 1 else None


def space_of(domain: Domain) -> Domain:
    """The space of space × time, and any other domain itself."""
    return domain.space if isinstance(domain, Product) and domain.sliced == domain.interval.coordinates else domain


def walls_of(value: Value) -> tuple[Wall, ...] | None:
    """The faces of a box that a boundary value is given on: (coordinate, end); None if it is something else."""
    region = value.constraint.region
    if isinstance(region, Face):
        return ((region.coordinate, region.value),)
    box = space_of(region.domain) if region.domain is not None else None
    if not isinstance(box, Box) or not isinstance(region, Boundary):
        return None
    return tuple((c, end) for c, *ends in zip(box.coordinates, box.lower, box.upper, strict=True) for end in ends
                 if c not in box.periodic)
