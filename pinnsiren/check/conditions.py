"""Whether a problem has the initial and boundary conditions that its equations need."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import sympy

from pinnsiren.check.finding import Finding
from pinnsiren.domains.instants import Final, Initial
from pinnsiren.domains.pointset import PointSet
from pinnsiren.domains.region import Face, Region, Where
from pinnsiren.errors import DomainError
from pinnsiren.partials import partials
from pinnsiren.symbols import Field, Time

if TYPE_CHECKING:
    from pinnsiren.equation import Constraint
    from pinnsiren.problem import Problem

PROBES = 256  # points of a boundary at which conditions are looked for


def missing_initial(problem: "Problem") -> Iterator[Finding]:
    """Fields with an m-th derivative in time and fewer than m conditions at an instant.

    Where data are given, they may take the place of initial conditions: then it is a warning.
    """
    severity: Literal["error", "warning"] = "warning" if any(c.region.domain is None for c in problem.constraints) else "error"
    for field in problem.fields:
        times = [c for c in field.coordinates if isinstance(c, Time) and c not in problem.periodic]
        for t in times:
            needed, given = _time_orders(problem, field, t)
            if len(given) >= needed and (needed < 2 or max(given) >= needed - 1):
                continue
            highest = sympy.Derivative(field, (t, needed)) if needed > 1 else sympy.Derivative(field, t)
            found = "none is" if not given else f"only that of {field} is" if needed == 2 else f"{len(given)} are"
            lacking = field if not given else sympy.Derivative(field, t)
            yield Finding(severity, f"the equations hold {highest}, which needs {needed} initial condition{'s' * (needed > 1)} "
                                    f"for {field}; {found} given. Add ps.Equation({lacking.doit()}, …).on(domain.initial).")


def _time_orders(problem: "Problem", field: Field, t: sympy.Symbol) -> tuple[int, list[int]]:
    """The highest derivative in time inside, and that of every condition at an instant that holds the field."""
    axis = field.coordinates.index(t)
    needed, given = 0, []
    for c in problem.constraints:
        for r in c.residuals:
            orders = [p.orders[axis] for p in partials([r]) if p.field == field]
            if orders and _is_instant(c.region):
                given.append(max(orders))
            elif orders and _fills(c.region):
                needed = max(needed, *orders)
    return needed, given


def missing_boundary(problem: "Problem") -> Iterator[Finding]:
    """Fields whose boundary has in part fewer conditions than their equations' order in space asks for.

    One for two derivatives. Fields of coupled equations are counted together: w = −Δu, Δw = f takes two for u as well.
    """
    for fields, region in _systems(problem):
        wanted = sum(_order(problem, f) // 2 for f in fields)
        place = _free_place(problem, fields, region, wanted) if wanted else None
        if place:
            found, where = place
            names = ", ".join(map(str, fields))
            few = f"only {found} of {wanted} conditions for {names} hold" if found else f"no condition for {names} holds"
            yield Finding("warning", f"{few} on the boundary at {where}, where the equations have second derivatives: "
                                     "the solution may not be determined. Add what is missing.")


def _systems(problem: "Problem") -> Iterator[tuple[list[Field], Region]]:
    """Fields that equations inside join, with the region of one of these."""
    inside = [c for c in problem.constraints if _fills(c.region)]
    left = {f for c in inside for f in _fields_of(c)}
    for field in (f for f in problem.fields if f in left):
        if field not in left:
            continue
        joined = {field}
        while (more := {f for c in inside if joined & _fields_of(c) for f in _fields_of(c)} | joined) != joined:
            joined = more
        left -= joined
        yield ([f for f in problem.fields if f in joined],
               next(c.region for c in inside if field in _fields_of(c)))


def _fields_of(constraint: "Constraint") -> set[Field]:
    return {p.field for p in partials(constraint.residuals)}


def _order(problem: "Problem", field: Field) -> int:
    """The highest derivative of a field along one coordinate of space, in equations inside."""
    space = [i for i, c in enumerate(field.coordinates) if not isinstance(c, Time)]
    used = [p for c in problem.constraints if _fills(c.region) for p in partials(c.residuals) if p.field == field]
    return max((p.orders[i] for p in used for i in space), default=0)


def _free_place(problem: "Problem", fields: Sequence[Field], region: Region, wanted: int) -> tuple[int, str] | None:
    """How many conditions hold at a point of the boundary that has too few, and its place; None if there is none.

    Where some part has more (Cauchy data), another may do with less.
    """
    if region.domain is None:
        return None
    try:
        boundary = region.domain.boundary
        if boundary.is_empty():
            return None
        sampled = boundary.sample(PROBES, seed=0)
    except DomainError:  # a domain that is periodic along all coordinates has no boundary
        return None
    across_time = [i for i, c in enumerate(region.coordinates) if isinstance(c, Time)]
    lateral = np.ones(len(sampled), bool) if sampled.normals is None else ~sampled.normals[:, across_time].any(axis=1)
    points = sampled.values[lateral]
    size = float(np.ptp(region.domain.bounds, axis=1).max())
    conditions = np.zeros(len(points), int)
    for c in problem.constraints:
        if _fields_of(c) & set(fields) and not _fills(c.region) and c.region.coordinates == region.coordinates:
            conditions += len(c.residuals) * c.region.contains(points, 1e-9 * size)
    bare = conditions < wanted
    if not bare.any() or conditions.max(initial=0) > wanted:
        return None
    first = int(np.argmin(conditions))
    return int(conditions[first]), ", ".join(f"{s} = {v:.3g}" for s, v in zip(region.coordinates, points[first], strict=True))


def points_outside(problem: "Problem") -> Iterator[Finding]:
    """Points of data sets and sources that lie in none of the problem's domains."""
    domains = {c.region.domain for c in problem.constraints if c.region.domain is not None}
    for c in problem.constraints:
        same = [d for d in domains if set(d.coordinates) == set(c.region.coordinates)]
        if not isinstance(c.region, PointSet) or not same:
            continue
        inside = np.zeros(len(c.region), bool)
        for d in same:
            columns = [c.region.coordinates.index(s) for s in d.coordinates]
            inside |= d.contains(c.region.values[:, columns], 1e-9 * d.size)
        if not inside.all():
            first = c.region.values[~inside][0]
            place = ", ".join(f"{s} = {v:.4g}" for s, v in zip(c.region.coordinates, first, strict=True))
            yield Finding("error", f"{int((~inside).sum())} of {len(inside)} points of '{c.name}' lie outside the domain, the "
                                   f"first at {place}. Move them inside, enlarge the domain, or leave them out.")


def _fills(region: Region) -> bool:
    return region.domain is not None and region.dimension == len(region.coordinates)


def _is_instant(region: Region) -> bool:
    """Whether a region lies at one time: an initial or final one, a face across time, or a part of these."""
    while isinstance(region, Where):
        region = region.region
    return isinstance(region, (Initial, Final)) or (isinstance(region, Face) and isinstance(region.coordinate, Time))
