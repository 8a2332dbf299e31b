"""Products of a domain with an interval: space × time, and cylinders; and the same region on a slab of time.

Time (and a parameter) numbers slices Ω(t) of a domain: there are no faces across it, the boundary is the lateral one,
∪ ∂Ω(t) × {t} with the normals of ∂Ω(t), and what holds at one time is put on ``.initial`` and ``.final``.
"""

from dataclasses import dataclass, replace

import numpy as np
import sympy

from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain, Sides, slab
from pinnsiren.domains.factors import across, check_factors, is_slicing, placed, times
from pinnsiren.domains.instants import Final, Initial
from pinnsiren.domains.parametric import PointSetProduct, RegionProduct
from pinnsiren.domains.part import BoundaryOf
from pinnsiren.domains.pointset import PointSet
from pinnsiren.domains.region import TOLERANCE, Boundary, Face, Interior, Region, Where
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Flat, Mask
from pinnsiren.symbols import Time


@dataclass(frozen=True)
class Product(Domain):
    """space × interval: ``space * Interval(t, 0, 1)``; the coordinates are the space's, then the interval's.

    When the interval's is a ``ps.time`` (or a Parameter), the boundary is lateral: ∂space × interval, with the normals of
    ∂space and 0 along the interval. Otherwise the product is a cylinder, and its two ends belong to its boundary.

    Args:
        space: any domain; it may be a product itself.
        interval: an Interval of another coordinate.

    Raises:
        DomainError: the second factor is no Interval, both have a coordinate in common, or both have a time.
    """

    space: Domain
    interval: Box

    def __post_init__(self) -> None:
        if not isinstance(self.space, Domain):
            raise DomainError(f"a * b was given {self.space!r}; expected a domain and an Interval.")
        check_factors(self.space, self.interval)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return (*self.space.coordinates, *self.interval.coordinates)

    @property
    def bounds(self) -> Array:
        return np.vstack([self.space.bounds, self.interval.bounds])

    @property
    def sliced(self) -> tuple[sympy.Symbol, ...]:
        return (*self.space.sliced, *(c for c in self.interval.coordinates if is_slicing(c)))

    @property
    def periodic(self) -> tuple[sympy.Symbol, ...]:
        return (*self.space.periodic, *self.interval.periodic)

    @property
    def advice(self) -> str:
        return self.space.advice

    def sides(self, points: Array, tolerance: float) -> Sides:
        along = across(self.interval, points[:, -1:], tolerance, self.size)
        return np.maximum(self.space.sides(points[:, :-1], tolerance), along)

    def normals(self, points: Array) -> Array:
        lateral = np.pad(self.space.normals(points[:, :-1]), ((0, 0), (0, 1)))
        if not self._ends:
            return lateral
        tolerance = TOLERANCE * self.size
        at_end = (self.interval.sides(points[:, -1:], tolerance) == 0) & (self.space.sides(points[:, :-1], tolerance) != 0)
        outward = np.zeros_like(points)
        outward[:, -1:] = self.interval.normals(points[:, -1:])
        return np.where(at_end[:, None], outward, lateral)

    def interior_charts(self) -> tuple[Chart, ...]:
        return tuple(times(c, self.interval) for c in self.space.interior_charts())

    def boundary_charts(self) -> tuple[Chart, ...]:
        return (*(times(c, self.interval) for c in self.space.boundary_charts()),
                *(self._end(c, sign) for sign in self._ends for c in self.space.interior_charts()))

    def slice_charts(self, instant: float) -> tuple[Chart, ...]:
        if self.interval.coordinates[0] == self.time:
            return tuple(placed(c, instant) for c in self.space.interior_charts())
        return tuple(times(c, self.interval) for c in self.space.slice_charts(instant))

    def during(self, lower: float, upper: float) -> "Product":
        (c,) = self.interval.coordinates
        if c == self.time:
            return replace(self, interval=Box({c: slab(self, lower, upper)}))
        return replace(self, space=self.space.during(lower, upper))

    def extruded(self, primitive: Domain) -> Domain:
        if primitive.coordinates == self.coordinates:
            return primitive
        return Product(self.space.extruded(primitive), self.interval)

    @property
    def _ends(self) -> tuple[int, ...]:
        """−1 and 1 for the two ends of a cylinder; none for time, parameters and periodic coordinates."""
        (c,) = self.interval.coordinates
        return () if is_slicing(c) or c in self.interval.periodic else (-1, 1)

    def _end(self, chart: Chart, sign: int) -> Chart:
        value = (self.interval.lower if sign < 0 else self.interval.upper)[0]

        def covers(points: Array, tolerance: float) -> Mask:
            return (np.abs(points[:, -1] - value) <= tolerance) & self.space.contains(points[:, :-1], tolerance)

        normal = np.eye(len(self.coordinates))[-1] * sign
        return replace(placed(chart, value, normal), flat=Flat(self.coordinates[-1], value, covers))


def restricted(region: Region, lower: float, upper: float) -> Region:
    """The same region on the slab of time lower ≤ t ≤ upper; an initial or final region becomes the slab's own.

    Args:
        lower, upper: times within those of the region's domain, in the unit of time.
    Raises:
        DomainError: the region's domain has no time (see :class:`Product`), the slab is not within it, or no point of a
            PointSet is.
    """
    match region:
        case Interior() | Boundary() | Face() | Initial() | Final():
            return replace(region, domain=region.domain.during(lower, upper))
        case Where():
            return restricted(region.region, lower, upper).where(region.condition)
        case RegionProduct():
            return restricted(region.region, lower, upper) * region.interval
        case PointSetProduct():
            return replace(region, region=region.region.where(_within(region.region, lower, upper)))
        case BoundaryOf():
            return replace(region, domain=region.domain.during(lower, upper), primitive=region.primitive.during(lower, upper))
        case PointSet():
            return region.where(_within(region, lower, upper))
    raise DomainError(f"restricted was given {region!r}; expected a region of a domain with time, or a PointSet.")


def _within(points: PointSet, lower: float, upper: float) -> sympy.Basic:
    t = next((c for c in points.coordinates if isinstance(c, Time)), None)
    if t is None:
        raise DomainError(f"a slab of time was asked of {points}, which has no time among its coordinates.")
    return sympy.And(t >= lower, t <= upper)
