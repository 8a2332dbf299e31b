"""Signed distance from points of a surface: find Φ with Φ = 0 and ∇Φ = n at the points, and ‖∇Φ‖ = 1 around them.

An experiment of the SIREN paper (Sitzmann et al., NeurIPS 2020, sec. 4.2): its loss and later ones, as equations, beside one
of our own that is linear. The eikonal equation ‖∇Φ‖ = 1 with Φ = 0 on a surface has one solution in the viscosity sense, the
distance from it, and that can be computed from oriented points: Φ = d and ∇Φ = ∇d on a grid are linear equations.
"""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import sympy

from pinnsiren.domains import Box, PointSet
from pinnsiren.equation import Constraint, Equation, Norm
from pinnsiren.errors import DataError, ProblemError
from pinnsiren.problem import Problem
from pinnsiren.signals.distances import lattice_distances
from pinnsiren.signals.noise import without_noise
from pinnsiren.signals.normals import with_estimated_normals
from pinnsiren.signals.points import FEWEST, PointCloud
from pinnsiren.signals.shapes import Shape
from pinnsiren.signals.shapes import shape as shape_of
from pinnsiren.symbols import Data, Field, Normal, Parameter, coordinates, grad, laplacian

Loss = Literal["distance", "paper", "hotspot", "digs", "steik"]

TOLERANCE = 1e-2  # relative L2 over the box: of distances that have a kink on the medial axis
JUDGED = 20_000  # places with the true distance
SLOPES = 0.1  # weight of slopes beside distances: the lattice's spacing over the box, and some more
L1: Norm = "l1"
ORIGINAL = tuple(Data(f"original_{c}") for c in "xyz")
DISTANCE = Data("distance")

SURFACE, OFF, TURNED, EIKONAL, SHARPNESS = 3e3, 1e2, 1e2, 50.0, 100  # of the SIREN paper


def sdf(shape: str = "torus", loss: Loss = "distance", points: int = 100_000, size: int = 64, oriented: bool = True,
        noise: float = 0.0, seed: int = 0) -> Problem:
    """Signed distance of a body from points on its surface: Φ = 0 and ∇Φ = n there, ‖∇Φ‖ = 1 around.

    Args:
        shape: "sphere", "torus", "box", "csg", "gyroid"; "airplane", "ant", "nut", which ship in pyvista; or the path of a
            file of points or triangles. It is centred in [−1, 1]³ and scaled into it with a margin of a tenth.
        loss: "distance", linear equations from distances to the points, which solve makes windows for; or what is lowered by
            Adam: "paper" (Sitzmann et al.), "hotspot", "digs", "steik". See :func:`constraints_of`.
        points: on the surface, and around it.
        size: of the grid on which "distance" has equations, along each coordinate.
        oriented: whether the points come with their normals. Without them "distance" estimates normals, and the other losses
            leave that term out.
        noise: standard deviation of what is added to each coordinate, in units of [−1, 1]³.
        seed: of the points.

    Raises:
        ProblemError: a loss that is not known. DataError: points that cannot be used.
    """
    if loss not in get_args(Loss):
        raise ProblemError(f"loss={loss!r} is not known; choose one of {', '.join(get_args(Loss))}.")
    if points < FEWEST:
        raise DataError(f"points={points}; give at least {FEWEST}, a surface cannot be told from fewer.")
    body = shape_of(shape, points, seed)
    cloud = body.sample(points, seed)
    cloud = cloud if noise == 0 else cloud.with_noise(noise, seed)
    cloud = cloud if oriented else cloud.without_normals()
    if cloud.dimension != 3:
        raise DataError(f"{shape} holds points (x, y); sdf takes points (x, y, z). For curves see constraints_of in "
                        "pinnsiren.equations.signed_distance.")
    u = Field("u", *coordinates("x y z"))
    judged = _judged(body, u)
    return Problem(*constraints_of(u, cloud, loss, size), name="sdf", exact=None if judged is None else {u: DISTANCE},
                   compared=judged, tolerance=TOLERANCE, remark=_remark(body, cloud))


def constraints_of(u: Field, cloud: PointCloud, loss: Loss = "distance", size: int = 64) -> list[Constraint]:
    """The equations of a loss for a cloud in [−1, 1]^d. All of "distance" are linear; those of the others have the norm l1, so
    that their gradient is that of the sums of absolute values which the papers lower:

    - "distance": u = 0 and ∇u = n on the points, u = d and ∇u = ∇d at the cells' middles of a grid of ``size``^d, d being
      :func:`~pinnsiren.signals.distances.lattice_distances`. Points that are noisy for their spacing are smoothed before, see
      :func:`~pinnsiren.signals.noise.without_noise`: of noisy points the nearest is too near.
    - "paper": 3e3 |u| + 1e2 (1 − cos(∇u, n)) on the points, 1e2 e^{−100|u|} + 50 |‖∇u‖ − 1| around.
    - "hotspot" adds λ² ½ e^{−2λ|u|} (‖∇u‖² + 1), λ = 30 a Parameter to be raised from 4. Its e^{−λ|u|} is heat that the surface
      gives off, and the integral its energy.
    - "digs" adds τ |Δu|, "steik" τ |∇uᵀ H ∇u| / ‖∇u‖², H the Hessian; τ = 100 a Parameter to be lowered to 0.

    References: Sitzmann et al., NeurIPS 2020, eq. 6; Wang et al., HotSpot, arXiv 2411.14628; Ben-Shabat et al., DiGS,
    CVPR 2022; Yang et al., StEik, NeurIPS 2023.
    """
    if loss == "distance":
        return list(_linear(u, cloud if cloud.normals is not None else with_estimated_normals(cloud), size))
    return list(_eikonal(u, cloud, loss))


def _linear(u: Field, cloud: PointCloud, size: int) -> Iterator[Constraint]:
    clean = without_noise(cloud)
    found = lattice_distances(clean, size)
    d, slopes = Data("d"), [Data(f"d_{c}") for c in u.coordinates]
    grid = PointSet(u.coordinates, found.points, {d: found.values, **dict(zip(slopes, found.slopes.T, strict=True))})
    surface = _surface(u, clean)
    yield Equation(u, 0, name="surface").on(surface)
    yield Equation(grad(u), [Normal(c) for c in u.coordinates], name="normals").on(surface, weight=SLOPES)
    yield Equation(u, d, name="distances").on(grid)
    yield Equation(grad(u), slopes, name="slopes").on(grid, weight=SLOPES)


def _eikonal(u: Field, cloud: PointCloud, loss: Loss) -> Iterator[Constraint]:
    surface = _surface(u, cloud)
    around = Box(dict.fromkeys(u.coordinates, (-1, 1))).interior
    slope = sympy.sqrt(sum((g**2 for g in grad(u)), start=sympy.S.Zero))
    n = len(cloud)
    yield Equation(u, 0, name="surface").on(surface, weight=SURFACE, norm=L1)
    if cloud.normals is not None:
        along = sum((Normal(c) * g for c, g in zip(u.coordinates, grad(u), strict=True)), start=sympy.S.Zero)
        yield Equation(1 - along / slope, name="normals").on(surface, weight=TURNED, norm=L1)
    yield Equation(sympy.exp(-SHARPNESS * sympy.Abs(u)), name="off the surface").on(around, weight=OFF, norm=L1, points=n)
    yield Equation(slope, 1, name="eikonal").on(around, weight=EIKONAL, norm=L1, points=n)
    if loss != "paper":
        yield Equation(_more(u, loss), name=loss).on(around, norm=L1, points=n)


def _more(u: Field, loss: Loss) -> sympy.Expr:
    """What later papers add, not negative, and τ or λ with it."""
    slopes = list(grad(u))
    square = sum((g**2 for g in slopes), start=sympy.S.Zero)
    if loss == "hotspot":
        heat = Parameter("absorption", 30)
        return heat**2 * sympy.exp(-2 * heat * sympy.Abs(u)) * (square + 1) / 2
    tau = Parameter("tau", 100)
    if loss == "digs":
        return tau * laplacian(u)
    bent = sum((a * b * u.diff(x, y) for a, x in zip(slopes, u.coordinates, strict=True)
                for b, y in zip(slopes, u.coordinates, strict=True)), start=sympy.S.Zero)
    return tau * bent / square


def _surface(u: Field, cloud: PointCloud) -> PointSet:
    """The points with their places in the source's frame as data, from which :func:`frame_of` has that frame again."""
    if len(u.coordinates) != cloud.dimension:
        raise DataError(f"{u} for points in {cloud.dimension} dimensions; give a field with a coordinate for each.")
    original = cloud.original(cloud.points)
    return cloud.point_set(u.coordinates, dict(zip(ORIGINAL, original.T, strict=False)))


def frame_of(problem: Problem) -> tuple[np.ndarray, float]:
    """Centre and scale of the cloud that a problem was made for: original = scale · x + centre, also of a loaded one.

    Raises:
        ProblemError: see :func:`points_of`.
    """
    surface = points_of(problem)
    x, columns = surface.values, dict(surface.columns)
    original = np.stack([columns[d] for d in ORIGINAL[:x.shape[1]]], axis=1)
    low, high = x.argmin(axis=0)[0], x.argmax(axis=0)[0]
    scale = float((original[high, 0] - original[low, 0]) / (x[high, 0] - x[low, 0]))
    return np.asarray((original - scale * x).mean(axis=0)), scale


def points_of(problem: Problem) -> PointSet:
    """The points of the surface that a problem was made for.

    Raises:
        ProblemError: none of its point sets has the columns of the original places.
    """
    for c in problem.constraints:
        if isinstance(c.region, PointSet) and ORIGINAL[0] in c.region.data:
            return c.region
    raise ProblemError("the problem has no points with the columns original_x, …; it was not made by sdf or constraints_of.")


def _judged(body: Shape, u: Field) -> PointSet | None:
    """Places all over the box with the true distance; None where that is not known."""
    if not body.is_closed:
        return None
    places = np.random.default_rng(20_261).uniform(-1, 1, (JUDGED, len(u.coordinates)))
    return PointSet(u.coordinates, places, {DISTANCE: body.distance(places)})


def _remark(body: Shape, cloud: PointCloud) -> str:
    known = "" if body.is_closed else "; not a closed surface: there is no true distance to compare with"
    return f"{len(cloud)} points of {body.name}, one unit is {cloud.scale:.4g} of the source's{known}"
