"""The weak form of a boundary-value problem in the plane: derived from the equations as they are, with its derivative."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from pinnsiren.compile import Program, compile_expressions
from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.region import Interior, Region
from pinnsiren.equation import Constraint
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, linearise
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.exact import columns_of
from pinnsiren.validation.reference import Array

PROBES = 64  # points at which coefficients are looked at
PARALLEL = 1e-8  # relative: a flux in the direction of the conormal, up to rounding
SEED = 5

Jet = tuple[Partial, Partial, Partial]


@dataclass(frozen=True)
class Condition:
    """A condition B = 0 on a part of the boundary.

    A value is given where B has no derivatives; the program then is [g] with u = g. Else B = B₁·∇u + B₀(u) gives a flux,
    and the program is [B₁ (2), B₀, ∂B₀/∂u]; B₁ is parallel to A n, so that n·A∇u = −λ B₀ with A n = λ B₁.
    """

    name: str
    region: Region
    is_value: bool
    program: Program


@dataclass(frozen=True)
class WeakForm:
    """∫ −(A∇u)·∇v − (div A)·∇u v + G(x, u, ∇u) v + ∮ n·A∇u v = 0 for all v, for the equation A : ∇∇u + G(x, u, ∇u) = 0.

    Attributes:
        partials: u, ∂u/∂x, ∂u/∂y.
        program: [A₁₁, A₁₂, A₂₂, (div A)₁, (div A)₂, G, ∂G/∂u, ∂G/∂u_x, ∂G/∂u_y].
    """

    domain: Domain
    partials: Jet
    program: Program
    conditions: tuple[Condition, ...]


def weak_form(problem: Problem) -> WeakForm:
    """The weak form of a problem in one real field that fits (see :func:`unfit`).

    Raises:
        ReferenceError: it does not fit.
    """
    reason = unfit(problem)
    if reason:
        raise ReferenceError(f"no finite elements: {reason}.")
    (inside,) = (c for c in problem.constraints if _is_inside(c))
    domain = inside.region.domain
    assert domain is not None
    field = problem.carried[0]
    jet = (_partial(field, domain, 0, 0), _partial(field, domain, 1, 0), _partial(field, domain, 0, 1))
    return WeakForm(domain, jet, compile_expressions(_interior(inside.residuals[0], jet, domain)),
                    tuple(_condition(c, jet) for c in problem.constraints if not _is_inside(c)))


def unfit(problem: Problem) -> str | None:
    """Why these finite elements cannot solve a problem, or None."""
    domains = {c.region.domain for c in problem.constraints}
    if problem.unknowns or problem.ranges:
        return "finite elements need all scalars and parameters as numbers: validate(solution.at(k=…))"
    if None in domains or problem.data:
        return "the equations hold on sets of data points, and finite elements need equations on a whole domain"
    domain = next(iter(domains))
    if len(domains) > 1 or domain is None:
        return "finite elements are made for one domain that all equations share"
    if len(domain.coordinates) != 2 or domain.sliced or domain.periodic:
        return "finite elements here have two space coordinates that do not repeat, and no time"
    if isinstance(domain, Box):
        return "on a box grids serve better than finite elements; ps.Chebyshev() or ps.FiniteDifference()"
    if len(problem.carried) != 1 or set(problem.carried[0].coordinates) != set(domain.coordinates):
        return f"finite elements here solve for one real field of all coordinates, and the problem has {problem.fields}"
    inside = [c for c in problem.constraints if _is_inside(c)]
    scalar = all(len(c.residuals) == 1 for c in problem.constraints)
    if len(inside) != 1 or not isinstance(inside[0].region, Interior) or not scalar:
        return "finite elements need one scalar equation on all of the interior, and scalar conditions on the boundary"
    reason = _unfit_inside(inside[0], domain)
    return reason or next((r for c in problem.constraints if c not in inside if (r := _unfit_condition(c, inside[0]))), None)


def _unfit_inside(constraint: Constraint, domain: Domain) -> str | None:
    slopes = linearise(constraint.residuals[0])
    if max((p.order for p in slopes), default=0) != 2:
        return f"finite elements need an equation of second order, and '{constraint.name}' is not"
    if any(_depends(a) for p, a in slopes.items() if p.order == 2):
        return f"finite elements need second derivatives with known coefficients, and in '{constraint.name}' they depend on u"
    points = constraint.region.sample(PROBES, seed=SEED)
    a, b, c = _evaluated(_tensor(slopes, domain), points)
    if not np.all(a * c - b**2 > 0):
        return f"finite elements need an elliptic equation, and '{constraint.name}' is not one throughout"
    return None


def _unfit_condition(constraint: Constraint, inside: Constraint) -> str | None:
    domain = inside.region.domain
    assert domain is not None
    slopes = linearise(constraint.residuals[0])
    highest = max((p.order for p in slopes), default=0)
    if highest > 1 or any(_depends(a) for p, a in slopes.items() if p.order == highest):
        return f"finite elements need conditions u = g or a ∂u/∂n + b(u) = g, and '{constraint.name}' is none"
    if highest == 0:
        return None
    points = constraint.region.sample(PROBES, seed=SEED)
    assert points.normals is not None
    (n0, n1), second = points.normals.T, linearise(inside.residuals[0])
    a, b, c = _evaluated(_tensor(second, domain), points)
    b0, b1 = _evaluated([_slope(slopes, domain, 1, 0), _slope(slopes, domain, 0, 1)], points)
    flux = np.stack([a * n0 + b * n1, b * n0 + c * n1])
    across = np.abs(flux[0] * b1 - flux[1] * b0)
    if not np.all(across <= PARALLEL * np.hypot(*flux) * np.hypot(b0, b1)) or not np.all(np.hypot(b0, b1) > 0):
        return (f"finite elements need the flux n·A∇u of the equation inside, and '{constraint.name}' gives a derivative in "
                "another direction")
    return None


def _interior(residual: sympy.Expr, jet: Jet, domain: Domain) -> list[sympy.Expr]:
    slopes, (x, y) = linearise(residual), domain.coordinates
    a, b, c = _tensor(slopes, domain)
    rest = residual.xreplace({p: sympy.S.Zero for p in slopes if p.order == 2})
    divergence = [sympy.diff(a, x) + sympy.diff(b, y), sympy.diff(b, x) + sympy.diff(c, y)]
    return [a, b, c, *divergence, rest, *(sympy.diff(rest, p) for p in jet)]


def _condition(constraint: Constraint, jet: Jet) -> Condition:
    residual = constraint.residuals[0]
    slopes = linearise(residual)
    first = [p for p in slopes if p.order == 1]
    rest = residual.xreplace(dict.fromkeys(first, sympy.S.Zero))
    if not first:
        given = [-rest.xreplace({jet[0]: sympy.S.Zero}) / sympy.diff(rest, jet[0])]
        return Condition(constraint.name, constraint.region, True, compile_expressions(given))
    flux = [sympy.simplify(a) if (a := slopes.get(p, sympy.S.Zero)).atoms(Partial) else a for p in jet[1:]]
    return Condition(constraint.name, constraint.region, False,
                     compile_expressions([*flux, rest, sympy.diff(rest, jet[0])]))


def _is_inside(constraint: Constraint) -> bool:
    return constraint.region.dimension == len(constraint.region.coordinates)


def _depends(coefficient: sympy.Expr) -> bool:
    return bool(coefficient.atoms(Partial)) and bool(sympy.simplify(coefficient).atoms(Partial))


def _partial(field: Field, domain: Domain, *orders: int) -> Partial:
    """∂^α u with α in the order of the domain's coordinates."""
    return Partial(field, [orders[domain.coordinates.index(c)] for c in field.coordinates])


def _slope(slopes: Mapping[Partial, sympy.Expr], domain: Domain, *orders: int) -> sympy.Expr:
    """The coefficient of ∂^α u, simplified where a partial has to cancel."""
    field = next(iter(slopes)).field
    found = slopes.get(_partial(field, domain, *orders), sympy.S.Zero)
    return sympy.simplify(found) if found.atoms(Partial) else found


def _tensor(slopes: Mapping[Partial, sympy.Expr], domain: Domain) -> list[sympy.Expr]:
    """A₁₁, A₁₂, A₂₂ of a linearised equation."""
    return [_slope(slopes, domain, 2, 0), _slope(slopes, domain, 1, 1) / 2, _slope(slopes, domain, 0, 2)]


def _evaluated(expressions: list[sympy.Expr], points: Points) -> list[Array]:
    return [v.numpy() for v in compile_expressions(expressions)(columns_of(points))]
