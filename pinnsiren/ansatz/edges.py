"""Smooth functions that vanish on the edges of a polygon."""

import numpy as np
import sympy

from pinnsiren.domains.polygon import Polygon
from pinnsiren.domains.rings import edges_of, signed_area
from pinnsiren.errors import DomainError
from pinnsiren.pml import exact
from pinnsiren.sampling import Array

MOST = 24  # edges: the expression grows as their square


def is_convex(polygon: Polygon) -> bool:
    """Whether a polygon has no holes and turns to one side at all its vertices."""
    edge = np.roll(_corners(polygon), -1, axis=0) - _corners(polygon)
    following = np.roll(edge, -1, axis=0)
    turns = edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]
    return not polygon.holes and bool((turns >= 0).all() or (turns <= 0).all())


def half_planes(polygon: Polygon) -> list[sympy.Expr]:
    """The distances from the lines through the edges of a convex polygon, positive inside."""
    corners = _corners(polygon)
    anticlockwise = corners if signed_area(corners) > 0 else corners[::-1]
    return [_line(polygon, edge) for edge in edges_of([anticlockwise])]


def from_edges(polygon: Polygon) -> sympy.Expr:
    """φ > 0 off the edges, 0 on them, with |∂φ/∂n| = 1 there: the distances φ_i from all edges joined to 1/Σ(1/φ_i).

    Its second derivatives are infinite at vertices, and it has a kink across edges, as a distance without sign has.

    Raises:
        DomainError: more than 24 edges.

    Reference: Sukumar & Srivastava, CMAME 389 (2022), eqs. (6)–(8), for an edge and for the R-equivalence that joins them.
    """
    edges = edges_of([np.array(ring) for ring in (polygon.vertices, *polygon.holes)])
    if len(edges) > MOST:
        raise DomainError(f"a polygon with {len(edges)} edges; a smooth function that vanishes on all of them is made for up "
                          f"to {MOST}. Leave its values to the solve (ansatz=False).")
    parts = [_segment(polygon, edge) for edge in edges]
    # Π φ_i / Σ_i Π_{j≠i} φ_j, which is defined on the edges too
    others = [sympy.Mul(*(q for q in parts if q is not p)) for p in parts]
    return sympy.Mul(*parts) / sympy.Add(*others)


def _corners(polygon: Polygon) -> Array:
    return np.array(polygon.vertices)


def _line(polygon: Polygon, edge: Array) -> sympy.Expr:
    """The distance from the line through an edge, positive to its left."""
    (x, y), ((x0, y0), (x1, y1)) = polygon.coordinates, edge.tolist()
    along = exact(x1) - exact(x0), exact(y1) - exact(y0)
    return (along[0] * (y - exact(y0)) - along[1] * (x - exact(x0))) / sympy.sqrt(along[0] ** 2 + along[1] ** 2)


def _segment(polygon: Polygon, edge: Array) -> sympy.Expr:
    """√(f² + ((√(t² + f⁴) − t)/2)²), f the distance from the line and t = (L²/4 − |x − c|²)/L > 0 on the disc over the edge."""
    (x, y), ((x0, y0), (x1, y1)) = polygon.coordinates, edge.tolist()
    x0, y0, x1, y1 = map(exact, (x0, y0, x1, y1))
    square = (x1 - x0) ** 2 + (y1 - y0) ** 2
    f = _line(polygon, edge)
    t = (square / 4 - (x - (x0 + x1) / 2) ** 2 - (y - (y0 + y1) / 2) ** 2) / sympy.sqrt(square)
    return sympy.sqrt(f**2 + (sympy.sqrt(t**2 + f**4) - t) ** 2 / 4)
