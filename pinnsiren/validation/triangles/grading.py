"""Smaller triangles towards places on the boundary around which the solution's derivatives grow without bound.

Around a place that opens with the angle ω, u = smooth + c r^λ with λ = π/ω between like conditions and π/2ω where a value gives
way to a flux. Triangles of size h (r/R)^{1−μ} with μ < λ/2 keep the order of quadratic elements, with a few times as many
triangles within R.

Reference: Raugel, C. R. Acad. Sci. Paris A 286 (1978); Grisvard, Elliptic problems in nonsmooth domains, §8.4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnsiren.domains.region import Region
from pinnsiren.sampling import Array
from pinnsiren.validation.triangles.outline import ON_CURVE, Loop

INWARDS = 0.1  # radians beyond π: smaller corners are those of polygons that stand for curves
SMOOTH = 2.0  # λ from which quadratic elements of even size lose at most a little
SHARE = 0.45  # of λ: μ
FARTHEST = 0.25  # of the domain's length: R
HALF = 0.45  # of the pieces beside it: R
NEAREST = 1e-5  # of the domain's length, the smallest triangle
GROWTH = 0.4  # of triangles with the distance from the place


@dataclass(frozen=True)
class Focus:
    """A place towards which triangles become smaller.

    Args:
        place: (x, y).
        power: μ, below 1.
        reach: R, in the coordinates' units.
        smallest: the size of the last triangles.
    """

    place: tuple[float, float]
    power: float
    reach: float
    smallest: float

    def sizes(self, r: Array, h: float) -> Array:
        """What triangles at distances r have, where those beyond R have the size h."""
        graded = np.minimum(h * (np.maximum(r, self.smallest) / self.reach) ** (1 - self.power), self.smallest + GROWTH * r)
        return np.where(r < self.reach, np.clip(graded, self.smallest, h), h)

    def distances(self, h: float) -> Array:
        """Those of nodes along a curve, from the place on up to R."""
        found = [self.smallest]
        while True:
            step = float(self.sizes(np.array(found[-1]), h))
            if found[-1] + 1.5 * step >= self.reach:
                return np.array([*found, self.reach])
            found.append(found[-1] + step)


def foci(loop: Loop, breaks: Array, regions: Sequence[Region], values: Sequence[bool], length: float) -> list[Focus | None]:
    """What each break of a loop is to triangles: None where a solution is smooth.

    Args:
        breaks: arc lengths of corners, and of ends of conditions.
        regions: of the conditions, and whether each is for a value.
        length: of the domain.
    """
    whole, look = float(loop.arcs[-1]), 10 * ON_CURVE * length
    found: list[Focus | None] = []
    gaps = np.diff(np.append(breaks, breaks[:1] + whole))
    for arc, beside in zip(breaks, np.minimum(gaps, np.roll(gaps, 1)), strict=True):
        at = loop.at(arc + look * np.array([-2.0, -1.0, 1.0, 2.0]))
        before, after = at[1] - at[0], at[3] - at[2]
        turn = math.atan2(before[0] * after[1] - before[1] * after[0], float(before @ after))
        kinds = [any(v and bool(r.contains(p[None], ON_CURVE * length)[0]) for r, v in zip(regions, values, strict=True))
                 for p in at[1:3]]
        opening = math.pi - turn
        exponent = math.pi / opening / (1 if kinds[0] == kinds[1] else 2)
        reach, smallest = min(FARTHEST * length, HALF * float(beside)), NEAREST * length
        rough = exponent < SMOOTH and (kinds[0] != kinds[1] or opening > math.pi + INWARDS)
        x, y = loop.at(np.array([arc]))[0].tolist()
        found.append(Focus((x, y), SHARE * exponent, reach, smallest) if rough and reach > 10 * smallest else None)
    return found


def graded_sizes(places: Sequence[Focus], points: Array, h: float) -> Array:
    """The size (n,) that triangles at points (n, 2) have by all places."""
    result = np.full(len(points), h)
    for focus in places:
        result = np.minimum(result, focus.sizes(np.linalg.norm(points - np.array(focus.place), axis=1), h))
    return result
