"""Every finding about a problem: its symbols, names, fields, regions, coefficients and conditions."""

from collections.abc import Iterator
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinnsiren.check.conditions import missing_boundary, missing_initial, points_outside
from pinnsiren.check.evaluation import evaluate
from pinnsiren.check.finding import Finding
from pinnsiren.check.jumps import jumps
from pinnsiren.errors import DataError, EquationError, PinnsirenError
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.symbols import Data, Normal, Parameter

if TYPE_CHECKING:
    from pinnsiren.equation import Constraint
    from pinnsiren.problem import Problem

FEW_POINTS = 4  # fewer than this on a region of positive dimension says next to nothing about it


def findings(problem: "Problem") -> tuple[Finding, ...]:
    """Every finding about a problem, errors first."""
    found = list(_of_equations(problem))
    for part in (_of_names, _of_fields, _of_regions, points_outside, missing_initial, _of_coefficients, _of_null_space,
                 _of_contradictions, missing_boundary):
        if any(f.severity == "error" for f in found):
            break  # what follows evaluates the equations, which needs them to make sense
        found += part(problem)
    return tuple(sorted(found, key=lambda f: f.severity))


def _of_equations(problem: "Problem") -> Iterator[Finding]:
    for c in problem.constraints:
        try:
            residuals = c.residuals
        except PinnsirenError as error:
            yield Finding("error", f"equation '{c.name}': {error}")
            continue
        yield from _of_symbols(c, residuals)
        yield from _of_emptiness(c, residuals)


def _of_emptiness(constraint: "Constraint", residuals: tuple[sympy.Expr, ...]) -> Iterator[Finding]:
    """Residuals that no field can change, as the imaginary part of a complex source for a real field."""
    for r in (r for r in residuals if not partials([r])):
        yield Finding("error", f"equation '{constraint.name}' demands {r} = 0, where no field occurs. If that is the imaginary "
                               "part of an equation, declare its fields with complex=True; else leave it out.")


def _of_symbols(constraint: "Constraint", residuals: tuple[sympy.Expr, ...]) -> Iterator[Finding]:
    name, region = constraint.name, constraint.region
    where = ", ".join(map(str, region.coordinates))
    for symbol in sorted({s for r in residuals for s in r.free_symbols}, key=str):
        if isinstance(symbol, Partial):
            missing = [c for c in symbol.field.coordinates if c not in region.coordinates]
            if missing:
                yield Finding("error", f"equation '{name}' uses field {symbol.field}, but its region has only ({where}). "
                                       f"A field is used on domains of its own coordinates: add {missing[0]} to the "
                                       "domain, or declare the field without it.")
        elif isinstance(symbol, Normal):
            if not region.has_normals:
                yield Finding("error", f"equation '{name}' uses the normal {symbol}, but its region has none. "
                                       "Put it on a boundary or a face.")
        elif isinstance(symbol, Data):
            if symbol not in region.data:
                yield Finding("error", f"equation '{name}' uses the data {symbol}, but its region carries "
                                       f"{list(map(str, region.data)) or 'none'}. Put it on a PointSet with that column.")
        elif not isinstance(symbol, Parameter) and symbol not in region.coordinates:
            yield Finding("error", f"equation '{name}' uses coordinate {symbol}, but its region has ({where}). "
                                   f"Put it on a domain that has {symbol}, or remove it; "
                                   "constants are declared with ps.Parameter(name, value).")


def _of_names(problem: "Problem") -> Iterator[Finding]:
    """Fields and parameters are told apart by more than their names, but a reader and a report are not."""
    for kind, things in (("field", problem.fields), ("parameter", problem.parameters)):
        by_name: dict[str, list[Any]] = {}
        for thing in things:
            by_name.setdefault(thing.name, []).append(thing)
        for name, same in by_name.items():
            if len(same) > 1:
                what = " and ".join(str(s) if kind == "field" else f"{name} = {s.value}" for s in same)
                yield Finding("error", f"there are {len(same)} {kind}s named {name}: {what}. Give each a name of its own; "
                                       "a field is evaluated at its own coordinates, in the order of its declaration.")


def _of_coefficients(problem: "Problem") -> Iterator[Finding]:
    """sympy differentiates a jump to zero, so the flux condition at a jump of a coefficient is lost."""
    for c in problem.constraints:
        for r in c.residuals:
            slopes = linearise(r)
            highest = max((p.order for p in slopes), default=0)
            if highest < 2:
                continue
            jumping = [a for p, a in slopes.items() if p.order == highest and not a.has(Partial) and jumps(a, c.region)]
            if jumping:
                yield Finding("warning", f"equation '{c.name}' multiplies its highest derivatives by {jumping[0]}. Where that "
                                         "jumps, the equation does not say that the flux is continuous, and the solution may "
                                         "be wrong: smooth the jump, such as (1 + tanh(x/ε))/2.")


def _of_fields(problem: "Problem") -> Iterator[Finding]:
    governed = {p.field for c in problem.constraints if _is_interior(c) for p in partials(c.residuals)}
    for f in problem.fields:
        if f not in governed:
            yield Finding("error", f"field {f} has conditions on boundaries, but no equation inside. "
                                   "Put an equation for it on domain.interior or on a PointSet.")
    for f, e in (problem.exact or {}).items():
        if f not in (*problem.fields, *problem.unknowns):
            yield Finding("error", f"exact names the field {f}, which no equation uses.")
        strange = {s for s in e.free_symbols if not isinstance(s, (Data, Parameter)) and s not in problem.coordinates}
        if strange:
            yield Finding("error", f"the exact solution of {f} holds {sorted(map(str, strange))}, "
                                   "which are no coordinates of the problem.")


def _is_interior(constraint: "Constraint") -> bool:
    """Whether a region fills its space, or is a set of data points, which stands for one that does."""
    return constraint.region.domain is None or constraint.region.dimension == len(constraint.region.coordinates)


def _of_regions(problem: "Problem") -> Iterator[Finding]:
    for c in problem.constraints:
        try:
            points = c.region.sample(64, seed=0)
        except PinnsirenError as error:
            yield Finding("error", f"the region of '{c.name}': {error}")
            continue
        asked = c.points if c.points is not None else c.region.points
        if asked is not None and asked < FEW_POINTS and c.region.dimension > 0:
            yield Finding("warning", f"'{c.name}' has only {asked} points; the equation is hardly felt. Give it more, "
                                     "or leave points out.")
        columns = {**dict(zip(points.coordinates, points.values.T, strict=True)), **points.data}
        for r in c.residuals:
            try:
                known = evaluate(r.as_independent(*partials([r]), as_Add=True)[0] if partials([r]) else r, columns)
            except (EquationError, DataError) as error:
                yield Finding("error", f"equation '{c.name}': {error}")
                continue
            bad = ~np.isfinite(known)
            if bad.any():
                place = dict(zip(map(str, points.coordinates), points.values[bad][0].tolist(), strict=True))
                yield Finding("error", f"equation '{c.name}' has a term that is not finite, for instance at {place}. "
                                       "Cut the singular point out of the domain, or rewrite the term.")


def _of_null_space(problem: "Problem") -> Iterator[Finding]:
    for f in undetermined_constants(problem):
        yield Finding("warning", f"no equation sees a constant added to {f} (only its derivatives occur), so {f} is "
                                 "found up to a constant. Give its value somewhere, or its mean, if it matters.")


def undetermined_constants(problem: "Problem") -> tuple[Any, ...]:
    """The fields f such that every residual is the same for f and f + constant: a Neumann-only null space."""
    seen = {p.field for c in problem.constraints for r in c.residuals for p in partials([r]) if p.order == 0}
    return tuple(f for f in problem.fields if not any(part in seen for part in f.parts))


def _of_contradictions(problem: "Problem") -> Iterator[Finding]:
    given = [(c, f, value) for c in problem.constraints if not _is_interior(c)
             for r in c.residuals for f, value in [_dirichlet(r)] if f is not None]
    for (a, f, f_value), (b, g, g_value) in combinations(given, 2):
        if f != g:
            continue
        points = _shared_points(a, b)
        columns = dict(zip(a.region.coordinates, points.T, strict=True))
        left, right = evaluate(f_value, columns), evaluate(g_value, columns)
        apart = np.abs(left - right) > 1e-6 * (1 + np.maximum(np.abs(left), np.abs(right)))
        if apart.any():
            i = int(np.argmax(apart))
            place = ", ".join(f"{s} = {v:g}" for s, v in zip(a.region.coordinates, points[i], strict=True))
            yield Finding("warning", f"'{a.name}' and '{b.name}' give {f} the values {left[i]:g} and {right[i]:g} at "
                                     f"{place}: no continuous solution has both, and accuracy near there will be poor.")


def _dirichlet(residual: sympy.Expr) -> tuple[Any, sympy.Expr]:
    """(u, g) when a residual says u = g with no derivative, and (None, 0) otherwise."""
    used = partials([residual])
    if len(used) != 1 or used[0].order or residual.has(Normal):
        return None, sympy.S.Zero
    coefficient = linearise(residual)[used[0]]
    if coefficient.has(Partial) or coefficient == 0:
        return None, sympy.S.Zero
    return used[0].field, -residual.subs(used[0], 0) / coefficient


def _shared_points(a: "Constraint", b: "Constraint") -> np.ndarray:
    """Points that lie on both regions, among the corners of the domains and samples of the regions. (n, d)."""
    if a.region.coordinates != b.region.coordinates:
        return np.empty((0, len(a.region.coordinates)))
    candidates = [np.array(list(product(*r.domain.bounds))) for r in (a.region, b.region) if r.domain is not None]
    candidates += [r.sample(32, seed=0).values for r in (a.region, b.region)]
    points = np.concatenate(candidates)
    size = float(np.ptp(points, axis=0).max()) or 1.0
    return points[a.region.contains(points, 1e-9 * size) & b.region.contains(points, 1e-9 * size)]
