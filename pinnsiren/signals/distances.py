"""Signed distances from a cloud of oriented points, on a grid around it: data of a linear problem."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from pinnsiren.errors import DataError
from pinnsiren.sampling import Array, Mask
from pinnsiren.signals.points import PointCloud, PointCloudWarning

NEAR = 8  # points around a place that decide on which side it is
RIDGE = 1e-3  # of the spread of neighbours: where they lie on one line, normals do not say how the surface bends across it
MOST_BENT = 0.3  # slope of the bent surface above which it is no longer one sheet over its disc
TINY = 1e-12
CHUNK = 100_000  # places at once
TORN = 0.1  # share of places outside that are inside by the normals: some normals may be wrong, of so many there is a hole
SMOOTH = 0.95  # cosine between normals of neighbours below which there is an edge between them
APART = 0.8  # of a grid's spacing: neighbours both further than that from the surface are on one side; ½, and some for errors
RADIUS = 6  # a disc reaches to its so-many-th neighbour: random points on a plane leave no hole then


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances and their slopes at places.

    Args:
        points: (n, d). values: (n,) signed, negative inside, in the cloud's unit. slopes: (n, d), ∇ of that: unit vectors.
    """

    points: Array
    values: Array
    slopes: Array


def nearest_distances(cloud: PointCloud, points: Array) -> Distances:
    """Signed distances of points (n, d) from the surface through a cloud's oriented points.

    With p the nearest point of the cloud, n its normal, x − p = s n + t, t ⊥ n, and S the slope of the normals around p, the
    surface near p is −½ tᵀS t high, and the distance s + ½ tᵀ S (1 + s S)⁻¹ t: exact for planes, of third order in the
    spacing of the points on curved surfaces, where |x − p| is too large by t²/2s. Beyond a disc around p that reaches to its
    sixth neighbour, as outside of edges, it is √(s² + (|t| − δ)²).

    The side is that of Σ n·(x − p)/|x − p|² over the eight nearest: where sharp edges meet, their mean normal decides, as it
    does for triangles (Bærentzen & Aanæs, IEEE TVCG 11, 2005).

    Raises:
        DataError: a cloud without normals.
    """
    if cloud.normals is None:
        raise DataError(f"the cloud {cloud.name} has no normals, so that its sides are not known; estimate them with "
                        "pinnsiren.signals.with_estimated_normals(cloud).")
    reach, bend = _discs(cloud)
    parts = [_near(cloud, reach, bend, some) for some in np.array_split(points, max(1, len(points) // CHUNK))]
    return Distances(points, np.concatenate([p.values for p in parts]), np.concatenate([p.slopes for p in parts]))


def _near(cloud: PointCloud, reach: Array, bend: Array, points: Array) -> Distances:
    assert cloud.normals is not None
    far, near = cloud.nearest(points, NEAR)
    difference = points[:, None, :] - cloud.points[near]
    votes = np.einsum("nki,nki->nk", difference, cloud.normals[near]) / np.maximum(far, TINY) ** 2
    side = np.where(votes.sum(axis=1) < 0, -1.0, 1.0)
    p, n = near[:, 0], cloud.normals[near[:, 0]]
    s = np.einsum("ni,ni->n", difference[:, 0], n)
    t = difference[:, 0] - s[:, None] * n
    length = np.linalg.norm(t, axis=1)
    beyond = np.maximum(length - reach[p], 0.0)
    stretch = np.eye(points.shape[1]) + s[:, None, None] * bend[p]
    along = np.linalg.solve(stretch, np.einsum("nij,nj->ni", bend[p], t)[..., None])[..., 0]
    high = 0.5 * np.einsum("ni,ni->n", t, along)
    smooth = (beyond == 0) & (np.abs(high) < MOST_BENT * length) & (np.linalg.det(stretch) > 0)
    values = np.where(smooth, np.abs(s + high), np.hypot(s, beyond))
    slopes = np.where(smooth[:, None], np.where(side * (s + high) < 0, -1.0, 1.0)[:, None] * (n + along),
                      side[:, None] * (s[:, None] * n + t * (beyond / np.maximum(length, TINY))[:, None]))
    size = np.linalg.norm(slopes, axis=1, keepdims=True)
    return Distances(points, side * values, np.where(size > TINY, slopes / np.maximum(size, TINY), n))


def lattice_distances(cloud: PointCloud, size: int) -> Distances:
    """Signed distances at the middles of size^d equal cells of [−1, 1]^d.

    Two neighbours on this grid cannot be on different sides where both are further than half a spacing from the surface (0.8 is
    asked for). So all that hang together in this way are on one side: that of the majority; outside where they reach the walls.
    Where a tenth of the latter are inside by the normals there is a hole in the surface: they keep their sides, with a warning.
    """
    if not isinstance(size, int) or size < 2:
        raise DataError(f"a grid of {size!r} points along each coordinate; give a whole number of at least 2.")
    d = cloud.dimension
    axis = -1 + 2 * (np.arange(size) + 0.5) / size
    points = np.stack([g.ravel() for g in np.meshgrid(*[axis] * d, indexing="ij")], axis=1)
    found = nearest_distances(cloud, points)
    values = found.values.reshape((size,) * d)
    side, inside = _agreed(np.sign(values), np.abs(values) > 2 * APART / size)
    if inside:
        warnings.warn(f"{cloud.name}: {inside:.0%} of the places that are not cut off from the outside are inside by the "
                      f"normals: the points leave a hole wider than {2 / size:.2g}, and where the surface is in it is a guess. "
                      "Give points there, or fill it in a mesh editor.", PointCloudWarning, stacklevel=2)
    side = side.ravel()
    turned = np.where(side * found.values < 0, -1.0, 1.0)
    return Distances(points, turned * found.values, turned[:, None] * found.slopes)


def _discs(cloud: PointCloud) -> tuple[Array, Array]:
    """Around each point the radius (n,) of its disc, and the slope S (n, d, d) of the normals in it, symmetric.

    A disc reaches to the sixth neighbour; to half of the nearest, with S = 0, where normals turn sharply, lest it overhang an
    edge.
    """
    assert cloud.normals is not None
    far, near = cloud.nearest(cloud.points, RADIUS + 1)
    normals, own = cloud.normals[near[:, 1:]], cloud.normals
    t = cloud.points[near[:, 1:]] - cloud.points[:, None]
    t -= np.einsum("nki,ni->nk", t, own)[..., None] * own[:, None]
    turn = normals - np.einsum("nki,ni->nk", normals, own)[..., None] * own[:, None]
    spread = np.einsum("nki,nkj->nij", t, t)
    level = np.einsum("nii->n", spread)[:, None, None]
    flat = level * np.einsum("ni,nj->nij", own, own) + RIDGE * level * np.eye(own.shape[1]) + TINY * np.eye(own.shape[1])
    slope = np.linalg.solve(spread + flat, np.einsum("nki,nkj->nij", t, turn))
    edge = np.einsum("nki,ni->nk", normals, own).min(axis=1) < SMOOTH
    bend = np.where(edge[:, None, None], 0.0, 0.5 * (slope + slope.transpose(0, 2, 1)))
    return np.where(edge, 0.5 * far[:, 1], far[:, -1]), bend


def _agreed(side: Array, far: Mask) -> tuple[Array, float]:
    """Sides on a grid, one for each connected piece of the places that are far from the surface; and which share of those that
    hang together with the walls is inside by its own side, where that is so much that the places keep their sides, or 0."""
    found: Any = ndimage.label(far)
    labels, count = np.asarray(found[0]).ravel(), int(found[1])
    votes = np.bincount(labels, side.ravel(), minlength=count + 1)
    walls = np.zeros(side.shape, dtype=bool)
    for i in range(side.ndim):
        walls[(slice(None),) * i + (0,)] = walls[(slice(None),) * i + (-1,)] = True
    around = np.isin(labels, np.unique(labels[(walls & far).ravel()])).reshape(side.shape) & far
    inside = float(np.mean(side[around] < 0)) if around.any() else 0.0
    torn = TORN < inside < 0.5
    agreed = np.where(votes < 0, -1.0, 1.0)[labels].reshape(side.shape)
    agreed = np.where(around, side if torn else 1.0, agreed)
    return np.asarray(np.where(far, agreed, side)), inside if torn else 0.0
