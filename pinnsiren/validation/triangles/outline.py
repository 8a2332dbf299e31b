"""The boundary of a domain of the plane as closed curves: traced from dense samples, with its corners."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pinnsiren.domains.domain import Domain
from pinnsiren.domains.region import Region
from pinnsiren.errors import ReferenceError
from pinnsiren.sampling import Array, Mask, unit_points

SAMPLES = 2**15  # of the whole boundary: chords are then off a circle by 5e-9 of its radius
REACH = 6.0  # spacings between neighbours on a curve, at most: charts that meet leave gaps of up to two
ACROSS = 3.0  # how much farther a sample with the opposite normal counts: beside an acute corner the other side is near
SMALLEST_TURN = np.radians(0.5)  # at a corner; less disappears in the error of any mesh
SHARPER = 5.0  # a corner turns so many times more than the curvature beside it
ON_CURVE = 1e-6  # of the domain's size: chords between samples lie on the boundary to this
PARTS, DIVISIONS = 64, 4  # a change between two samples is found to 64⁻⁴ of their distance


@dataclass(frozen=True, eq=False)
class Loop:
    """A closed curve through dense points (m, 2), the last joined to the first, with the domain on its left.

    Attributes:
        corners: (m,) which points are corners.
        turns: (m,) angle between the normals of a point and the next one, in radians; 0 beside corners.
    """

    points: Array
    corners: Mask
    turns: Array

    @cached_property
    def arcs(self) -> Array:
        """(m + 1,) arc length at every point, and the whole."""
        steps = np.linalg.norm(np.roll(self.points, -1, axis=0) - self.points, axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def turned(self) -> Array:
        """(m + 1,) the angle turned through up to every point, corners aside; in radians."""
        return np.concatenate([[0.0], np.cumsum(self.turns)])

    def at(self, arcs: Array) -> Array:
        """Points (n, 2) at arc lengths (n,), which run on from the end to the beginning."""
        closed = np.concatenate([self.points, self.points[:1]])
        along = np.mod(arcs, self.arcs[-1])
        return np.stack([np.interp(along, self.arcs, closed[:, i]) for i in (0, 1)], axis=1)

    def breaks(self, regions: Sequence[Region], tolerance: float) -> Array:
        """Arc lengths of the corners, and of the places between them where one region ends and another begins."""
        labels = self._labels(self.points, regions, tolerance)
        changed = (labels != np.roll(labels, -1, axis=1)).any(axis=0)
        changed &= ~(self.corners | np.roll(self.corners, -1))
        places = np.flatnonzero(changed)
        low, high = self.arcs[places], self.arcs[places + 1]
        for _ in range(DIVISIONS if len(places) else 0):
            at = low + (high - low) * np.linspace(0, 1, PARTS + 1)[1:, None]  # (parts, places)
            seen = self._labels(self.at(at.ravel()), regions, tolerance).reshape(len(regions), *at.shape)
            first = (seen != labels[:, None, places]).any(axis=0).argmax(axis=0)
            high, low = at[first, np.arange(len(places))], low + (high - low) * first / PARTS
        return np.sort(np.concatenate([self.arcs[:-1][self.corners], low]))

    @staticmethod
    def _labels(points: Array, regions: Sequence[Region], tolerance: float) -> Mask:
        return np.stack([r.contains(points, tolerance) for r in regions])


@lru_cache(maxsize=16)
def outline(domain: Domain) -> tuple[Loop, ...]:
    """The closed curves that bound a domain of the plane.

    Raises:
        ReferenceError: the samples of the boundary do not close to curves: two parts of it touch, or are too near.
    """
    points, normals = _sampled(domain)
    loops = []
    for order in _traced(points, normals, domain):
        along = np.roll(points[order], -1, axis=0) - points[order]
        outward = (normals[order] * np.stack([along[:, 1], -along[:, 0]], axis=1)).sum()
        turned = order if outward > 0 else order[::-1]
        loops.append(_with_corners(points[turned], normals[turned]))
    return tuple(loops)


def _sampled(domain: Domain) -> tuple[Array, Array]:
    """Evenly spread points of the boundary and their normals."""
    charts = domain.boundary_charts()
    spacing = sum(c.measure for c in charts) / SAMPLES
    points, normals = [], []
    for chart in charts:
        count = max(1, round(chart.measure / spacing))
        some, theirs = chart.accepted(unit_points(count, 1, method="grid"))
        assert theirs is not None
        points.append(some)
        normals.append(theirs)
    return np.concatenate(points), np.concatenate(normals)


def _traced(points: Array, normals: Array, domain: Domain) -> list[NDArray[np.intp]]:
    """Chains of points (n, 2), each followed to the nearest neighbour with a like normal until it closes."""
    count = min(8, len(points))
    distances, neighbours = cKDTree(points).query(points, k=count)
    distances = np.asarray(distances)
    reach = REACH * float(np.median(distances[:, 1]))
    along = distances * (1 + ACROSS * (1 - (normals[:, None] * normals[neighbours]).sum(axis=2)))
    order = np.argsort(along, axis=1, kind="stable")
    near = np.take_along_axis(np.where(distances <= reach, neighbours, -1), order, axis=1).tolist()
    free, chains = [True] * len(points), []
    for start in range(len(points)):
        if not free[start]:
            continue
        chain, here = [], start
        while here >= 0:
            free[here] = False
            chain.append(here)
            here = next((j for j in near[here] if j >= 0 and free[j]), -1)
        if len(chain) < count:  # left beside a curve that has passed
            continue
        if np.linalg.norm(points[chain[-1]] - points[start]) > reach:
            place = ", ".join(f"{v:.4g}" for v in points[chain[-1]])
            raise ReferenceError(f"the boundary of {domain} does not close near ({place}): parts of it touch or are nearer "
                                 f"than {reach:.2g} there. Finite elements need closed curves; leave a wider gap.")
        chains.append(np.array(chain))
    return chains


def _with_corners(points: Array, normals: Array) -> Loop:
    """A loop with a point where the tangents on both sides of a corner meet."""
    after, beyond = np.roll(points, -1, axis=0), np.roll(normals, -1, axis=0)
    gaps = np.linalg.norm(after - points, axis=1)
    gaps = np.maximum(gaps, 0.1 * np.median(gaps))
    turns = np.arccos(np.clip((normals * beyond).sum(axis=1), -1.0, 1.0))
    bend = turns / gaps
    beside = np.minimum(*(np.maximum(np.roll(bend, s), np.roll(bend, 2 * s)) for s in (-1, 1)))
    corners = turns > SMALLEST_TURN + SHARPER * beside * gaps
    places = np.flatnonzero(corners)
    apexes = np.stack([_meeting(points[i], after[i], normals[i], beyond[i]) for i in places]) if len(places) else points[:0]
    marks = np.insert(np.zeros(len(points), dtype=bool), places + 1, True)
    smooth = np.insert(np.where(corners, 0.0, turns), places + 1, 0.0)
    return Loop(np.insert(points, places + 1, apexes, axis=0), marks, smooth)


def _meeting(first: Array, second: Array, normal: Array, other: Array) -> Array:
    """Where the tangents at two points meet; half-way if that is far from both, as at a cusp."""
    normals = np.stack([normal, other])
    middle, gap = (first + second) / 2, float(np.linalg.norm(second - first))
    if abs(np.linalg.det(normals)) < 1e-3:
        return middle
    apex = np.linalg.solve(normals, np.array([normal @ first, other @ second]))
    return apex if np.linalg.norm(apex - middle) <= 5 * gap else middle
