"""Smooth functions that are zero on a domain's boundary and positive inside: approximate distances, by R-functions.

R-functions join the functions of two domains into that of their union or intersection, without the kinks of max and min:
a ∧ b = a + b − √(a² + b²) is positive where both are, and its normal derivative on the boundary stays 1.
"""

from functools import reduce

import numpy as np
import sympy

from pinnsiren.ansatz.edges import from_edges, half_planes, is_convex
from pinnsiren.domains.ball import Ball
from pinnsiren.domains.box import Box
from pinnsiren.domains.csg import Difference, Intersection, Union
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.implicit import Implicit
from pinnsiren.domains.polygon import Polygon
from pinnsiren.domains.product import Product
from pinnsiren.errors import DomainError
from pinnsiren.pml import exact

PROBES = 4096  # points at which the largest value is looked for
BOUNDARY_PROBES = 1024  # points that tell which bounds of a region cut it


def distance(domain: Domain) -> sympy.Expr:
    """φ > 0 inside, 0 on the boundary, < 0 outside, with ∂φ/∂n = −1 on smooth parts of the boundary.

    Its second derivatives are infinite at corners. Across time (or a parameter) there is no boundary.

    Args:
        domain: made of boxes, balls, convex polygons and regions by one expression, by CSG and products.

    Raises:
        DomainError: another kind of domain, such as a mesh.

    Reference: Rvachev & Sheiko, Appl. Mech. Rev. 48 (1995); Sukumar & Srivastava, CMAME 389 (2022).
    """
    match domain:
        case Ball():
            square = sympy.Add(*[(c - exact(v)) ** 2 for c, v in zip(domain.coordinates, domain.bounds.mean(axis=1).tolist(),
                                                                     strict=True)])
            radius = exact(domain.radius)
            return (radius**2 - square) / (2 * radius)
        case Box():
            return reduce(_and, _slabs(domain))
        case Product():
            return reduce(_and, [distance(domain.space), *(_slabs(domain.interval) if _has_ends(domain) else ())])
        case Difference():
            return _and(distance(domain.left), -distance(domain.right))
        case Intersection():
            return _and(distance(domain.left), distance(domain.right))
        case Union():
            return -_and(-distance(domain.left), -distance(domain.right))
        case Polygon() if is_convex(domain):
            return reduce(_and, half_planes(domain))
        case Implicit():
            return _normalised(domain)
    raise DomainError(f"no smooth distance is known for {domain}; there is one for boxes, balls, convex polygons, regions by "
                      "one expression, and what is made of them by -, &, | and *.")


def vanishing(domain: Domain) -> sympy.Expr:
    """φ > 0 inside and 0 on the boundary, of largest value about 1: as smooth as can be, for u = g + φ N.

    Made of the same domains as :func:`distance`, and of any polygons.

    Where the boundaries of two parts cross from inside, as the sides of a box do, the product of their functions does what
    an R-function does, and is smooth at corners. Outside of the domain its sign means nothing.

    Raises:
        DomainError: see :func:`distance`.
    """
    inside = _within(domain)
    values = sympy.lambdify(domain.coordinates, inside, "numpy")(*domain.interior.sample(PROBES, seed=0).values.T)
    top = float(np.max(values))
    # two digits are enough for a scale, and they keep the expression readable
    return inside / sympy.Rational(f"{top:.1e}") if abs(top - 1) > 0.05 else inside


def _within(domain: Domain) -> sympy.Expr:
    match domain:
        case Box():
            return sympy.Mul(*[4 * s / (exact(b) - exact(a)) for s, (a, b) in zip(_slabs(domain), _walls(domain), strict=True)])
        case Product():
            ends = _within(domain.interval) if _has_ends(domain) else sympy.S.One
            return _within(domain.space) * ends
        case Difference():
            cut = domain.right
            return _within(domain.left) * (from_edges(cut) if isinstance(cut, Polygon) else -distance(cut))
        case Intersection():
            return _within(domain.left) * _within(domain.right)
        case Polygon():
            return sympy.Mul(*half_planes(domain)) if is_convex(domain) else from_edges(domain)
    return distance(domain)


def _and(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return a + b - sympy.sqrt(a**2 + b**2)


def _walls(box: Box) -> list[tuple[float, float]]:
    return [(a, b) for c, a, b in zip(box.coordinates, box.lower, box.upper, strict=True) if c not in box.periodic]


def _slabs(box: Box) -> list[sympy.Expr]:
    """(x − a)(b − x)/(b − a) for each coordinate with walls."""
    walled = [c for c in box.coordinates if c not in box.periodic]
    if not walled:
        raise DomainError(f"{box} is periodic in all coordinates: it has no boundary, and no distance from it.")
    return [(c - exact(a)) * (exact(b) - c) / (exact(b) - exact(a)) for c, (a, b) in zip(walled, _walls(box), strict=True)]


def _has_ends(domain: Product) -> bool:
    return not set(domain.interval.coordinates) & {*domain.sliced, *domain.interval.periodic}


def _normalised(domain: Implicit) -> sympy.Expr:
    """f/√(f² + |∇f|²) of the inequality f ≥ 0, and the bounds where they cut the domain."""
    relation = domain.condition
    inside = relation.gts - relation.lts
    slopes = [sympy.diff(inside, c) for c in domain.coordinates if c not in domain.sliced]
    level = inside / sympy.sqrt(inside**2 + sympy.Add(*[s**2 for s in slopes]))
    points = domain.boundary.sample(BOUNDARY_PROBES, seed=0).values
    ends, tolerance = domain.bounds, 1e-9 * domain.size
    for i, c in enumerate(domain.coordinates):
        for end, sign in zip(ends[i].tolist(), (1, -1), strict=True):
            if c not in domain.sliced and (np.abs(points[:, i] - end) <= tolerance).any():
                level = _and(level, sign * (c - exact(end)))
    return level
