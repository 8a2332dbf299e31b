"""The eikonal equation |∇T| v = 1: first arrivals of waves of speed v(x) > 0, and distances where v = 1.

A point source has T ≈ r/v near it, so that its problems are solved for N in T = T₀(1 + N), T₀ = r/v(source). Signed distances
φ have |∇φ| = 1, φ = 0 and ∂φ/∂n = 1 on a surface; they are smooth only so far as no two places of the surface are nearest, so
their problems end before that. Where waves leave the domain nothing is given, and the equation is put on the boundary too:
points inside alone leave a fit free in the corners.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import matplotlib.cbook
import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pinnsiren.ansatz import Ansatz, factored
from pinnsiren.domains import Box, Disc, Domain, PointSet, Polygon
from pinnsiren.domains.implicit import Region
from pinnsiren.equation import Constraint, Equation
from pinnsiren.errors import ProblemError
from pinnsiren.gridded import Gridded
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, grad, normal_derivative

Array = NDArray[np.float64]

DEGREE = 111.2  # km along a meridian
TERRAIN = 5e-3  # relative L2: travel times over real ground have kinks, where waves meet behind mountains
KINKS = 1e-2  # relative L2: distances have kinks, outside of their domains but near, or in their second derivatives
VERTICES = ((-0.5, -0.4), (0.4, -0.5), (0.6, 0.1), (0.0, 0.5), (-0.6, 0.2))


def eikonal_constant(speed: float = 1.0, source_x: float = 0.2, source_y: float = -0.3) -> Problem:
    """|∇T| v = 1 on [−1, 1]² from a point source, v constant: T = r/v."""
    v = Parameter("speed", _positive(speed))
    x, y = coordinates("x y")
    source = {x: source_x, y: source_y}
    exact = sympy.sqrt(sum((c - _exact(p)) ** 2 for c, p in source.items())) / v
    return _from_point(_square(), source, v, "eikonal_constant", exact=exact)


def eikonal_gradient(gradient: float = 0.5, source_x: float = 0.2, source_y: float = -0.3) -> Problem:
    """|∇T| v = 1 on [−1, 1]² from a point source, v = 1 + g (y + 1): T = arccosh(1 + g²r²/(2 v v₀))/|g|.

    Reference: Fomel, Luo & Zhao, J. Comput. Phys. 228 (2009), sec. 4. Of rays that leave the square and come back, as they do
    from sources near the fast side, this is the exact solution too, but first arrivals within the square are later.
    """
    if gradient == 0:
        raise ProblemError("eikonal_gradient has gradient=0; give another, or take eikonal_constant.")
    x, y = coordinates("x y")
    source, g = {x: source_x, y: source_y}, Parameter("gradient", gradient)
    v = 1 + g * (y + 1)
    _positive(min(1.0, 1 + 2 * gradient), "gradient", gradient)
    start = v.subs(y, _exact(source_y))
    r = sympy.sqrt(sum((c - _exact(p)) ** 2 for c, p in source.items()))
    # arccosh(1 + 2q²) = 2 asinh q, which loses no digits near the source
    exact = 2 / abs(g) * sympy.asinh(abs(g) * r / (2 * sympy.sqrt(v * start)))
    return _from_point(_square(), source, v, "eikonal_gradient", exact=exact)


def eikonal_terrain(source_x: float = 12.0, source_y: float = 16.0, smoothing: float = 1.0) -> Problem:
    """Hours on foot from a place in the hills of Jacksboro, Tennessee, at |∇T| v = 1 with v from the slope.

    The elevation model of matplotlib's sample data (30 km × 32 km, every 80 m) is smoothed by a Gaussian. A path of slope s
    is walked at W(s) = 6 exp(−3.5 |s + 0.05|) km/h; v is the mean of there and back, 2/v = 1/W(|∇z|) + 1/W(−|∇z|), so that it
    does not depend on the direction. Given on the model's grid and interpolated by splines.

    Args:
        source_x, source_y: km east and north of the south-west corner.
        smoothing: standard deviation of the Gaussian in km, at least 0.1.

    Reference: Tobler, Three presentations on geographical analysis and modeling, NCGIA report 93-1 (1993).
    """
    if not smoothing >= 0.1:
        raise ProblemError(f"eikonal_terrain has smoothing={smoothing:g} km; expected at least 0.1 km, as the model's spacing.")
    east, north, height = _elevation()
    spacing = float(east[1] - east[0]), float(north[1] - north[0])
    sigma = [smoothing / d for d in spacing]
    rises = [gaussian_filter(height, sigma, order=[int(i == k) for i in (0, 1)], mode="nearest") / spacing[k] for k in (0, 1)]
    slope = np.hypot(*rises)
    speed = 2 / sum(1 / (6 * np.exp(-3.5 * np.abs(s + 0.05))) for s in (slope, -slope))
    x, y = coordinates("x y")
    area = Box({x: (0, float(east[-1])), y: (0, float(north[-1]))})
    v = Gridded("v", (east, north), speed)(x, y)
    return _from_point(area, {x: source_x, y: source_y}, v, "eikonal_terrain", tolerance=TERRAIN,
                       remark=f"km and hours; elevation smoothed over {smoothing:g} km")


def eikonal_distance_polygon(start: float = 0.15) -> Problem:
    """|∇φ| = 1 around a convex pentagon in [−1, 1]²: the distance from it, beyond the curve where that is ``start``.

    At corners of the pentagon itself rays fan out as from point sources; around its parallel curve, on which φ and
    ∂φ/∂n = −1 are given, φ has continuous first derivatives. Its second ones jump where the nearest place passes from an edge
    to a corner.

    Args:
        start: between 0.05 and 0.3.
    """
    if not 0.05 <= start <= 0.3:
        raise ProblemError(f"eikonal_distance_polygon has start={start:g}; expected a distance from 0.05 to 0.3.")
    x, y = coordinates("x y")
    fat, phi = _parallel(Polygon((x, y), VERTICES), start), Field("phi", x, y)
    around = _square() - fat
    rim = around.boundary.where((abs(x) < 1) & (abs(y) < 1))
    return Problem(
        *_closed(Equation(_slope(phi), 1, name="eikonal"), around), Equation(phi, _exact(start), name="start").on(rim),
        Equation(normal_derivative(phi), -1, name="slope").on(rim), name="eikonal_distance_polygon",
        exact={phi: _beyond(x, y, [tuple(map(_exact, v)) for v in VERTICES])}, tolerance=KINKS,
        # Newton's method needs a slope to start from
        ansatz=Ansatz({phi: sympy.sqrt(x**2 + y**2) + Field("N_phi", x, y)}, (), "distance from the centre + N"))


def eikonal_distance_3d(shape: Literal["torus", "sphere"] = "torus", width: float = 0.25) -> Problem:
    """|∇φ| = 1 with φ = 0, ∂φ/∂n = 1 on a torus or sphere: its signed distance, in the shell |φ| ≤ width · radius.

    The torus has the radii 0.7 and 0.3, the sphere 0.6.

    Args:
        shape: "torus" or "sphere".
        width: of the shell, between 0 and 0.9: further inside the distance has kinks.
    """
    if not 0 < width <= 0.9:
        raise ProblemError(f"eikonal_distance_3d has width={width:g}; expected a part of the radius, above 0 and up to 0.9.")
    x, y, z = coordinates("x y z")
    ring, radius = (sympy.Rational(7, 10), sympy.Rational(3, 10)) if shape == "torus" else (0, sympy.Rational(6, 10))
    square = (sympy.sqrt(x**2 + y**2) - ring) ** 2 + z**2
    w, reach = _exact(width), 1.05 * float(radius) * (1 + width)
    box = {c: (-far, far) for c, far in zip((x, y, z), (float(ring) + reach, float(ring) + reach, reach), strict=True)}
    # (1 − w)r ≤ q ≤ (1 + w)r as one inequality in q²
    shell = Region((square - radius**2 * (1 + w**2)) ** 2 <= (2 * w * radius**2) ** 2, box)
    surface, phi = Region(square <= radius**2, box).boundary, Field("phi", x, y, z)
    return Problem(
        *_closed(Equation(_slope(phi), 1, name="eikonal"), shell), Equation(phi, 0, name="surface").on(surface),
        Equation(normal_derivative(phi), 1, name="slope").on(surface), name="eikonal_distance_3d",
        exact={phi: sympy.sqrt(square) - radius}, tolerance=KINKS,
        ansatz=_grown(phi, (square - radius**2) / (2 * radius), "surface"))


def _from_point(domain: Domain, source: Mapping[sympy.Symbol, float], speed: Any, name: str, *,
                exact: Any = None, **more: Any) -> Problem:
    """|∇T|² v² = 1 in a domain and T = 0 at the source, to be solved for N in T = T₀(1 + N)."""
    place = [list(source.values())]
    if not (np.isfinite(place).all() and domain.contains(place, 1e-9 * domain.size)[0]):
        ranges = ", ".join(f"{c} from {a:g} to {b:g}" for c, (a, b) in zip(domain.coordinates, domain.bounds, strict=True))
        raise ProblemError(f"{name} has its source at {dict(source)}; expected a place in the domain: {ranges}.")
    arrival = Field("T", *source)
    return Problem(
        *_closed(Equation(_slope(arrival) * speed**2, 1, name="eikonal"), domain),
        Equation(arrival, 0, name="source").on(PointSet(tuple(source), place)), name=name,
        exact=None if exact is None else {arrival: exact}, ansatz=factored(arrival, source, speed, ("source",)), **more)


def _closed(equation: Equation, domain: Domain) -> tuple[Constraint, Constraint]:
    """An equation inside a domain and on its boundary."""
    return equation.on(domain.interior), replace(equation, name=f"{equation.name} on the boundary").on(domain.boundary)


def _slope(field: Field) -> sympy.Expr:
    """|∇T|²: a polynomial, where the root's derivative would be singular at ∇T = 0."""
    return sympy.Add(*[g**2 for g in grad(field)])


def _grown(phi: Field, start: sympy.Expr, satisfied: str) -> Ansatz:
    """φ = φ₀(1 + N): φ₀ is zero on the surface, and says on which side of it φ is positive."""
    new = Field(f"N_{phi.name}", *phi.coordinates)
    return Ansatz({phi: start * (1 + new)}, (satisfied,), "approximate distance × (1 + N)")


def _parallel(polygon: Polygon, away: float) -> Domain:
    """All places within a distance of a convex polygon: its edges moved outwards, with discs at its corners."""
    corners = np.array(polygon.vertices)
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    moved = np.stack([corners + away * np.roll(normals, 1, axis=0), corners + away * normals], axis=1)
    fat: Domain = Polygon(polygon.coordinates, moved.reshape(-1, 2))
    for corner in corners.tolist():
        fat = fat | Disc(dict(zip(polygon.coordinates, corner, strict=True)), away)
    return fat


def _beyond(x: sympy.Symbol, y: sympy.Symbol, corners: list[Any]) -> sympy.Expr:
    """The distance from a convex polygon, outside of it: to a corner in the sector between two edges' normals, else to an edge.

    Args:
        corners: in counterclockwise order.
    """
    pieces, lines = [], []
    for before, here, after in zip([corners[-1], *corners], corners, [*corners[1:], corners[0]], strict=False):
        arriving, leaving = (sympy.Matrix(b) - sympy.Matrix(a) for a, b in ((before, here), (here, after)))
        away = sympy.Matrix([x, y]) - sympy.Matrix(here)
        pieces.append((sympy.sqrt(away.dot(away)), (away.dot(arriving) > 0) & (away.dot(leaving) < 0)))
        lines.append(away.dot(sympy.Matrix([leaving[1], -leaving[0]])) / sympy.sqrt(leaving.dot(leaving)))
    return sympy.Piecewise(*pieces, (sympy.Max(*lines), True))


def _elevation() -> tuple[Array, Array, Array]:
    """Kilometres east and north of the corner, (n,) and (m,), and the elevation (n, m) in km."""
    with np.load(str(matplotlib.cbook.get_sample_data("jacksboro_fault_dem.npz", asfileobj=False))) as model:
        rows, top, bottom = model["elevation"], float(model["ymin"]), float(model["ymax"])
        step = float(model["dx"])
    columns = DEGREE * step * np.cos(np.radians((top + bottom) / 2)) * np.arange(rows.shape[1])
    return columns, DEGREE * step * np.arange(rows.shape[0]), rows[::-1].T / 1000.0


def _square() -> Box:
    x, y = coordinates("x y")
    return Box({x: (-1, 1), y: (-1, 1)})


def _exact(number: float) -> sympy.Rational:
    return sympy.nsimplify(number, rational=True)


def _positive(speed: float, name: str = "speed", given: float | None = None) -> float:
    if not (np.isfinite(speed) and speed > 0):
        raise ProblemError(f"{name}={speed if given is None else given:g} makes the speed {speed:g} somewhere in the domain; "
                           "expected a speed > 0 everywhere.")
    return speed
