"""Constructive solid geometry: a − b, a & b, a | b of any two domains, with their exact boundaries and normals.

Sets are regularised: of a touching or coinciding pair of faces what has the domain on one side only is boundary, once;
what has it on both sides or on none is not. So a box minus a box that shares three of its faces is an L-shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Self

import numpy as np
import sympy

from pinnsiren.domains.domain import Domain, Sides
from pinnsiren.domains.region import PROBE, TOLERANCE
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Mask

_ORTHANTS_UP_TO = 8  # dimensions: 2^8 directions decide every corner where axis-parallel faces meet
_RANDOM_DIRECTIONS = 32  # pairs, for curved and slanted faces that meet


@dataclass(frozen=True)
class Combination(Domain):
    """What the three have in common: two operands in the same coordinates, which it shares with them.

    Raises:
        DomainError: a and b have different coordinates.
    """

    left: Domain
    right: Domain

    sign: ClassVar[str]

    def __post_init__(self) -> None:
        _check(self.left, self.right, self.sign)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return self.left.coordinates

    @property
    def sliced(self) -> tuple[sympy.Symbol, ...]:
        return self.left.sliced

    @property
    def periodic(self) -> tuple[sympy.Symbol, ...]:
        return joined(self.left, self.right, self.sign)

    def during(self, lower: float, upper: float) -> Self:
        return type(self)(self.left.during(lower, upper), self.right.during(lower, upper))


@dataclass(frozen=True)
class Difference(Combination):
    """a − b: the closure of the points inside a and outside b."""

    sign = "-"

    @property
    def bounds(self) -> Array:
        return self.left.bounds

    def sides(self, points: Array, tolerance: float) -> Sides:
        a, b = self.left.sides(points, tolerance), self.right.sides(points, tolerance)
        return _decided(self, points, tolerance, np.maximum(a, -b), (a == 0) & (b == 0))

    def normals(self, points: Array) -> Array:
        return _normals(self, points, -1.0)

    def interior_charts(self) -> tuple[Chart, ...]:
        return _on_side(self, self.left.interior_charts(), self.right, 1)

    def slice_charts(self, instant: float) -> tuple[Chart, ...]:
        return _on_side(self, self.left.slice_charts(instant), self.right, 1)

    def boundary_charts(self) -> tuple[Chart, ...]:
        return (*_surviving(self, self.left.boundary_charts(), self.right, 1),
                *_on_side(self, [c.flipped() for c in self.right.boundary_charts()], self.left, -1))


@dataclass(frozen=True)
class Intersection(Combination):
    """a & b: the closure of the points inside both."""

    sign = "&"

    @property
    def bounds(self) -> Array:
        lower = np.maximum(self.left.bounds[:, 0], self.right.bounds[:, 0])
        upper = np.minimum(self.left.bounds[:, 1], self.right.bounds[:, 1])
        return np.stack([lower, np.maximum(lower, upper)], axis=1)

    def sides(self, points: Array, tolerance: float) -> Sides:
        a, b = self.left.sides(points, tolerance), self.right.sides(points, tolerance)
        return _decided(self, points, tolerance, np.maximum(a, b), (a == 0) & (b == 0))

    def normals(self, points: Array) -> Array:
        return _normals(self, points, 1.0)

    def interior_charts(self) -> tuple[Chart, ...]:
        a, b = self.left.interior_charts(), self.right.interior_charts()
        if sum(c.measure for c in a) <= sum(c.measure for c in b):  # fewer trials are refused
            return _on_side(self, a, self.right, -1)
        return _on_side(self, b, self.left, -1)

    def slice_charts(self, instant: float) -> tuple[Chart, ...]:
        return _on_side(self, self.left.slice_charts(instant), self.right, -1)

    def boundary_charts(self) -> tuple[Chart, ...]:
        return (*_surviving(self, self.left.boundary_charts(), self.right, -1),
                *_on_side(self, self.right.boundary_charts(), self.left, -1))


@dataclass(frozen=True)
class Union(Combination):
    """a | b: the points in a or b."""

    sign = "|"

    @property
    def bounds(self) -> Array:
        return np.stack([np.minimum(self.left.bounds[:, 0], self.right.bounds[:, 0]),
                         np.maximum(self.left.bounds[:, 1], self.right.bounds[:, 1])], axis=1)

    def sides(self, points: Array, tolerance: float) -> Sides:
        a, b = self.left.sides(points, tolerance), self.right.sides(points, tolerance)
        return _decided(self, points, tolerance, np.minimum(a, b), (a == 0) & (b == 0))

    def normals(self, points: Array) -> Array:
        return _normals(self, points, 1.0)

    def interior_charts(self) -> tuple[Chart, ...]:
        return (*self.left.interior_charts(), *_on_side(self, self.right.interior_charts(), self.left, 1))

    def slice_charts(self, instant: float) -> tuple[Chart, ...]:
        return (*self.left.slice_charts(instant), *_on_side(self, self.right.slice_charts(instant), self.left, 1))

    def boundary_charts(self) -> tuple[Chart, ...]:
        return (*_surviving(self, self.left.boundary_charts(), self.right, 1),
                *_on_side(self, self.right.boundary_charts(), self.left, 1))


def _check(left: Domain, right: Domain, sign: str) -> None:
    for operand in (left, right):
        if not isinstance(operand, Domain):
            raise DomainError(f"a {sign} b was given {operand!r}; expected two domains such as Box and Disc.")
    if left.coordinates != right.coordinates:
        raise DomainError(f"a {sign} b of a domain in {left.coordinates} and one in {right.coordinates}; "
                          "give both the same coordinates in the same order.")
    if left.sliced != right.sliced:
        raise DomainError(f"a {sign} b of a domain with slices along {left.sliced} and one with {right.sliced}: in a Box time "
                          "is a coordinate like another. Write both as space * Interval(t, …).")
    joined(left, right, sign)


def joined(left: Domain, right: Domain, sign: str) -> tuple[sympy.Symbol, ...]:
    """The periodic coordinates of left ∘ right.

    A coordinate that both join at the same ends stays joined, and one that only the larger joins where the other domain
    lies strictly between its ends.

    Raises:
        DomainError: the ends of a joined coordinate would not match.
    """
    kept = []
    for i, c in enumerate(left.coordinates):
        a, b = left.bounds[i], right.bounds[i]
        joins = c in left.periodic, c in right.periodic
        same = all(joins) and np.array_equal(a, b)
        within = ((joins == (True, False) and sign != "&" and a[0] < b[0] and b[1] < a[1])
                  or (joins == (False, True) and sign == "|" and b[0] < a[0] and a[1] < b[1]))
        if any(joins) and not same and not within:
            raise DomainError(f"a {sign} b with {c} periodic: {left} and {right} do not repeat alike. Make both periodic over "
                              f"the same ends of {c}, or keep the other domain strictly between them.")
        kept += [c] if any(joins) else []
    return tuple(kept)


def _on_side(domain: Domain, charts: Sequence[Chart], other: Domain, side: int) -> tuple[Chart, ...]:
    """What of some charts lies strictly inside (−1) or outside (+1) another domain, and not on its boundary."""
    tolerance = TOLERANCE * domain.size
    return tuple(c.only(lambda points, normals: other.sides(points, tolerance) == side) for c in charts)


def _surviving(domain: Domain, charts: Sequence[Chart], other: Domain, side: int) -> tuple[Chart, ...]:
    """What of ∂a is boundary of the result: on the right side of b, or on ∂b with the result on its inner side only.

    Pieces that ∂a and ∂b share are counted here, with a; ``_on_side`` leaves them out of b's.
    """
    step, tolerance = PROBE * domain.size, TOLERANCE * domain.size

    def keep(points: Array, normals: Array | None) -> Mask:
        assert normals is not None
        where = other.sides(points, tolerance)
        kept = where == side
        shared = np.flatnonzero(where == 0)
        below, above = (points[shared] + s * normals[shared] for s in (-step, step))
        kept[shared] = (domain.sides(below, tolerance) == -1) & (domain.sides(above, tolerance) == 1)
        return kept

    return tuple(c.only(keep) for c in charts)


def _decided(domain: Domain, points: Array, tolerance: float, sides: Sides, shared: Mask) -> Sides:
    """Sides by the operands' sides; points on both boundaries by looking around them.

    Where two faces meet, the operands' signs do not tell whether the result is on both sides, on one, or on none.
    """
    places = np.flatnonzero(shared)
    if len(places) == 0:
        return sides
    reach = max(PROBE * max(domain.size, np.finfo(float).tiny), 10 * tolerance)
    directions = _directions(points.shape[1])
    directions[:, [c in domain.sliced for c in domain.coordinates]] = 0.0  # slices are looked at one by one
    around = _wrapped(domain, (points[places, None, :] + reach * directions).reshape(-1, points.shape[1]))
    seen = domain.sides(around, 0.0).reshape(len(places), -1)
    inside, outside = (seen == -1).any(axis=1), (seen == 1).any(axis=1)
    sides[places] = np.where(inside & outside, 0, np.where(inside, -1, 1))
    return sides


def _wrapped(domain: Domain, points: Array) -> Array:
    """Points with their periodic coordinates brought back between the ends."""
    axes = [i for i, c in enumerate(domain.coordinates) if c in domain.periodic]
    lower, upper = domain.bounds[axes].T
    points[:, axes] = lower + np.mod(points[:, axes] - lower, upper - lower)
    return points


def _directions(dimension: int) -> Array:
    """Directions in which to look around a point: one into each orthant, none along a diagonal, and random pairs."""
    random = np.random.default_rng(0).standard_normal((_RANDOM_DIRECTIONS, dimension))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    if dimension > _ORTHANTS_UP_TO:
        return np.concatenate([random, -random])
    orthants = np.array(list(product((-1.0, 1.0), repeat=dimension))) * (1 + 0.1 * np.arange(dimension))
    return np.concatenate([orthants / np.linalg.norm(orthants[0]), random, -random])


def _normals(domain: Combination, points: Array, flip: float) -> Array:
    """Normals of the operand on whose boundary a point is; on both, a's if the result is on its inner side."""
    step, tolerance = PROBE * domain.size, TOLERANCE * domain.size
    use_a = domain.left.sides(points, tolerance) == 0
    both = np.flatnonzero(use_a & (domain.right.sides(points, tolerance) == 0))
    across = step * domain.left.normals(points[both])
    use_a[both] = domain.sides(points[both] - across, tolerance) < domain.sides(points[both] + across, tolerance)
    normals = np.empty_like(points)
    normals[use_a] = domain.left.normals(points[use_a])
    normals[~use_a] = 0.0 + flip * domain.right.normals(points[~use_a])
    return normals
