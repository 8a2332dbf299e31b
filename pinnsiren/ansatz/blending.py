"""Functions with given values on a boundary: transfinite interpolation on boxes, inverse distances elsewhere."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import sympy

from pinnsiren.ansatz.distance import distance, vanishing
from pinnsiren.ansatz.given import Value, Wall
from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.part import BoundaryOf
from pinnsiren.domains.product import Product
from pinnsiren.domains.region import Boundary, Face
from pinnsiren.errors import DomainError
from pinnsiren.pml import exact

PROBES = 1024  # points inside at which a piece's distance must have one sign


def blended(box: Box, walls: Mapping[Wall, sympy.Expr]) -> sympy.Expr:
    """A function with given values on faces of a box, made of these values alone: transfinite interpolation.

    Coordinate after coordinate, what is missing on its two faces is added, blended linearly between them; if the values
    agree on edges, that changes nothing on the faces before.
    """
    found = sympy.S.Zero
    for c, lower, upper in zip(box.coordinates, map(exact, box.lower), map(exact, box.upper), strict=True):
        mine = {exact(end): value for (coordinate, end), value in walls.items() if coordinate == c}
        missing = {end: (value - found).subs(c, end) for end, value in mine.items()}
        width = upper - lower
        share = {lower: (upper - c) / width, upper: (c - lower) / width} if len(mine) == 2 else dict.fromkeys(mine, 1)
        found += sympy.Add(*[share[end] * rest for end, rest in missing.items()])
    return found


def walls_factor(box: Box, walls: Iterable[Wall]) -> sympy.Expr:
    """Π over the walls' coordinates of 4 (x − a)(b − x)/(b − a)², or (x − a)/(b − a) where only one face is among them."""
    factors: list[sympy.Expr] = []
    for c, a, b in zip(box.coordinates, map(exact, box.lower), map(exact, box.upper), strict=True):
        ends = {exact(end) for coordinate, end in walls if coordinate == c}
        factors += [inward / (b - a) for end, inward in ((a, c - a), (b, b - c)) if end in ends]
        factors += [sympy.Integer(4)] if len(ends) == 2 else []
    return sympy.Mul(*factors)


def mixed(space: Domain, pieces: Sequence[tuple[sympy.Expr, sympy.Expr]]) -> tuple[sympy.Expr, sympy.Expr]:
    """G = Σ (g_i/φ_i) / Σ (1/φ_i) and φ = Π φ_i of pieces (g_i, φ_i); G = g where all have the same value."""
    values, distances = zip(*pieces, strict=True)
    product = sympy.Mul(*dict.fromkeys(distances))
    if len(set(values)) == 1:
        return values[0], product
    weights = [sympy.Mul(*(d for j, d in enumerate(distances) if j != i)) for i in range(len(distances))]
    return sympy.Add(*[w * g for w, g in zip(weights, values, strict=True)]) / sympy.Add(*weights), product


def piece(space: Domain, value: Value) -> sympy.Expr:
    """A smooth function that vanishes on the part of the boundary that has a value, and is positive inside.

    Raises:
        DomainError: there is none, for instance because that part's continuation runs through the inside.
    """
    match value.constraint.region:
        case Boundary():
            return vanishing(space)
        case Face(coordinate=c, value=v):
            found = c - exact(v)
        case BoundaryOf(primitive=primitive):
            found = distance(primitive.space if isinstance(primitive, Product) and primitive.coordinates != space.coordinates
                             else primitive)
        case region:
            raise DomainError(f"values on {type(region).__name__} are not built in")
    inside = sympy.lambdify(space.coordinates, found, "numpy")(*space.interior.sample(PROBES, seed=0).values.T)
    if np.ptp(np.sign(inside)) > 0:
        raise DomainError(f"the surface of '{value.constraint.name}' continues through the inside of {type(space).__name__}")
    return found * int(np.sign(inside[0]))
