"""Products of a region with an interval, for parametric problems: every point with every value of the parameter."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike

from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.factors import across, check_factors, times
from pinnsiren.domains.pointset import PointSet
from pinnsiren.domains.region import TOLERANCE, PartOfDomain, Region
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Mask, Points, as_points, check_request, unit_points


@dataclass(frozen=True)
class RegionProduct(PartOfDomain):
    """region × interval, made by ``region * Interval(k, 1, 2)``: boundaries stay boundaries, with their normals.

    Args:
        region: a region of a domain; of a PointSet one makes a :class:`PointSetProduct`.
        interval: an Interval of another coordinate.

    Raises:
        DomainError: the factors are others, or share a coordinate.
    """

    region: PartOfDomain
    interval: Box

    def __post_init__(self) -> None:
        if not isinstance(self.region, PartOfDomain):
            raise DomainError(f"RegionProduct was given {self.region!r}; expected a region of a domain, such as "
                              "domain.interior. Write region * Interval(k, 1, 2), which takes point sets too.")
        check_factors(self.region, self.interval)

    @property
    def domain(self) -> Domain:
        domain = self.region.domain
        assert domain is not None
        return domain * self.interval

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return (*self.region.coordinates, *self.interval.coordinates)

    @property
    def dimension(self) -> int:
        return self.region.dimension + 1

    @property
    def has_normals(self) -> bool:
        return self.region.has_normals

    def charts(self) -> tuple[Chart, ...]:
        return tuple(times(c, self.interval) for c in self.region.charts())

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        at, size = as_points(points, self.coordinates), self.domain.size
        allowed = TOLERANCE * size if tolerance is None else tolerance
        return self.region.contains(at[:, :-1], tolerance) & (across(self.interval, at[:, -1:], allowed, size) <= 0)

    def normals_at(self, points: ArrayLike) -> Array:
        at = as_points(points, self.coordinates)
        return np.pad(self.region.normals_at(at[:, :-1]), ((0, 0), (0, 1)))


@dataclass(frozen=True)
class PointSetProduct(Region):
    """points × parameters, made by ``points * Interval(k, 1, 2)``: the data hold for every value of the parameters.

    A sample draws a point of the set, with its data, and values of the parameters for each of its rows.

    Args:
        region: the points.
        parameters: an Interval of another coordinate, or a Box of several.

    Raises:
        DomainError: the factors are others, or share a coordinate.
    """

    region: PointSet
    parameters: Box

    def __post_init__(self) -> None:
        if not isinstance(self.region, PointSet) or not isinstance(self.parameters, Box):
            raise DomainError(f"PointSetProduct was given {self.region!r} and {self.parameters!r}; expected a PointSet and "
                              "an Interval or Box.")
        for c, ends in zip(self.parameters.coordinates, self.parameters.bounds, strict=True):
            check_factors(self.region, Box({c: tuple(ends)}))

    @property
    def domain(self) -> None:
        return None

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return (*self.region.coordinates, *self.parameters.coordinates)

    @property
    def dimension(self) -> int:
        return len(self.parameters.coordinates)

    @property
    def has_normals(self) -> bool:
        return self.region.has_normals

    @property
    def data(self) -> tuple[sympy.Symbol, ...]:
        return self.region.data

    @property
    def points(self) -> int | None:
        return None

    @property
    def measure(self) -> float:
        return self.region.measure * self.parameters.interior.measure

    @property
    def bounds(self) -> Array:
        return np.vstack([self.region.bounds, self.parameters.bounds])

    def is_empty(self) -> bool:
        return False

    def sample(self, n: int, seed: int = 0, method: str = "sobol") -> Points:
        check_request(n, seed, method)
        unit = unit_points(n, 1 + self.dimension, seed=seed, method=method)
        rows = (unit[:, 0] * len(self.region)).astype(int)
        (along,) = self.parameters.interior_charts()
        normals = self.region.normals
        return Points(self.coordinates, np.hstack([self.region.values[rows], along.place(unit[:, 1:])[0]]),
                      None if normals is None else self._padded(normals[rows]),
                      {symbol: column[rows] for symbol, column in self.region.columns})

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        at, d = as_points(points, self.coordinates), len(self.region.coordinates)
        allowed = TOLERANCE * self.parameters.size if tolerance is None else tolerance
        return self.region.contains(at[:, :d], tolerance) & (self.parameters.sides(at[:, d:], allowed) <= 0)

    def normals_at(self, points: ArrayLike) -> Array:
        at, d = as_points(points, self.coordinates), len(self.region.coordinates)
        return self._padded(self.region.normals_at(at[:, :d]))

    def where(self, condition: Any) -> "PointSetProduct":
        """The points of the set at which a condition on its own coordinates and data holds, with all parameters."""
        return PointSetProduct(self.region.where(condition), self.parameters)

    def _padded(self, normals: Array) -> Array:
        return np.pad(normals, ((0, 0), (0, self.dimension)))


def region_product(region: Region, interval: Box) -> RegionProduct | PointSetProduct:
    """region × interval, of the kind that suits the region."""
    if isinstance(region, PointSet):
        return PointSetProduct(region, interval)
    if isinstance(region, PointSetProduct):
        check_factors(region, interval)
        both = zip((*region.parameters.coordinates, *interval.coordinates),
                   np.vstack([region.parameters.bounds, interval.bounds]).tolist(), strict=True)
        return PointSetProduct(region.region, Box(dict(both)))
    if isinstance(region, PartOfDomain):
        return RegionProduct(region, interval)
    raise DomainError(f"{region!r} * {interval!r}: expected a region of a domain or a PointSet.")
