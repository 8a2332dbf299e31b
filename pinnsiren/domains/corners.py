"""The corners of a domain of the plane: where straight edges of its primitives meet, and the sector that it fills there."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from pinnsiren.domains.box import Box
from pinnsiren.domains.csg import Combination
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.polygon import Polygon
from pinnsiren.sampling import Array

NEAR = 1e-5  # of the domain's size: the distance at which a place is looked around
SAME = 1e-8  # of the domain's size, and in radians: places and angles that are one


@dataclass(frozen=True)
class Sector:
    """The points v + r (cos θ, sin θ) with start < θ < start + opening, for small r.

    Args:
        vertex: v, in the coordinates' units.
        start: the direction of the edge with the domain on its left, in radians.
        opening: ω, between 0 and 2π: larger than π where the domain is re-entrant, π where the boundary runs straight on.
    """

    vertex: tuple[float, float]
    start: float
    opening: float

    @property
    def bisector(self) -> float:
        """The direction of the middle, in radians."""
        return self.start + self.opening / 2

    @property
    def is_straight(self) -> bool:
        return abs(self.opening - math.pi) <= 100 * SAME


@lru_cache(maxsize=16)
def sectors_of(domain: Domain) -> tuple[Sector, ...]:
    """The sectors that a domain of the plane fills at the ends and crossings of its primitives' straight edges.

    Primitives are boxes and polygons; places on curves are left out. Where two sectors share a vertex, each counts. Straight
    ones are among them: there conditions on the boundary may change.
    """
    if len(domain.coordinates) != 2 or domain.periodic:
        return ()
    edges = edges_of(domain)
    return tuple(s for place in _meetings(edges, SAME * domain.size) for s in _around(domain, place, edges))


def edges_of(domain: Domain) -> Array:
    """(m, 2, 2) start and end of every straight edge of the primitives, whether it is boundary or not."""
    match domain:
        case Combination():
            return np.concatenate([edges_of(domain.left), edges_of(domain.right)])
        case Box():
            (a, b), (c, d) = domain.bounds
            ring = np.array([(a, c), (b, c), (b, d), (a, d)])
            return np.stack([ring, np.roll(ring, -1, axis=0)], axis=1)
        case Polygon():
            return domain.edges
    return np.empty((0, 2, 2))


def reentry(domain: Domain, sector: Sector) -> float:
    """How far from the vertex, backwards along the bisector, the domain begins again; inf where it does not."""
    distances = domain.size * np.linspace(0.0, 1.0, 2001)[1:]
    back = -np.array([math.cos(sector.bisector), math.sin(sector.bisector)])
    inside = domain.sides(np.array(sector.vertex) + distances[:, None] * back, 0.0) == -1
    return float(distances[inside.argmax()]) if inside.any() else math.inf


def _meetings(edges: Array, tolerance: float) -> Array:
    """The ends of edges, and the places where two of them cross; each once, (n, 2)."""
    start, along = edges[:, 0], edges[:, 1] - edges[:, 0]
    lengths = np.linalg.norm(along, axis=1)
    places = [edges.reshape(-1, 2)]
    for i in range(len(edges) - 1):
        a, d, others = start[i], along[i], slice(i + 1, None)
        turn = _cross(d, along[others])
        crossing = np.abs(turn) > SAME * lengths[i] * lengths[others]
        apart, turn = (start[others] - a)[crossing], turn[crossing]
        s, t = _cross(apart, along[others][crossing]) / turn, _cross(apart, d) / turn
        places.append(a + s[(s > 0) & (s < 1) & (t > 0) & (t < 1), None] * d)
    found = np.concatenate(places)
    again = cKDTree(found).query_pairs(tolerance, output_type="ndarray")
    return np.delete(found, again[:, 1], axis=0)


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _around(domain: Domain, place: Array, edges: Array) -> list[Sector]:
    """The sectors that the domain fills around a place where edges meet."""
    angles = _directions(place, edges, SAME * domain.size)
    gaps = np.mod(np.roll(angles, -1) - angles, 2 * math.pi) if len(angles) > 1 else np.full(len(angles), 2 * math.pi)
    middles = angles + gaps / 2
    look = place + NEAR * domain.size * np.stack([np.cos(middles), np.sin(middles)], axis=1)
    inside = domain.sides(look, 0.0) == -1
    found = []
    for first in np.flatnonzero(inside & ~np.roll(inside, 1)):
        along = np.roll(inside, -first)
        count = len(along) if along.all() else int(along.argmin())
        opening = float(np.roll(gaps, -first)[:count].sum())
        found.append(Sector((float(place[0]), float(place[1])), float(angles[first]), opening))
    return found


def _directions(place: Array, edges: Array, tolerance: float) -> Array:
    """The angles, from 0 to 2π and increasing, at which edges (m, 2, 2) leave a place that they hold."""
    start, along = edges[:, 0], edges[:, 1] - edges[:, 0]
    t = np.clip(((place - start) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)
    through = np.linalg.norm(start + t[:, None] * along - place, axis=1) <= tolerance
    ends = edges[through].reshape(-1, 2) - place
    ends = ends[np.linalg.norm(ends, axis=1) > tolerance]
    angles = np.sort(np.mod(np.arctan2(ends[:, 1], ends[:, 0]), 2 * math.pi))
    return angles[np.mod(angles - np.roll(angles, 1), 2 * math.pi) > SAME] if len(angles) > 1 else angles
