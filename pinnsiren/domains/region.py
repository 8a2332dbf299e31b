"""Where an equation holds: regions Ω_m, and those of a domain: its interior, boundary, faces, and parts of them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import ArrayLike

from pinnsiren.domains.condition import Holds, check_condition, predicate
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Mask, Points, accepted_fraction, allot, as_points, check_request, draw

if TYPE_CHECKING:
    from pinnsiren.domains.box import Box
    from pinnsiren.domains.domain import Domain
    from pinnsiren.domains.parametric import PointSetProduct, RegionProduct
    from pinnsiren.domains.part import BoundaryOf

TOLERANCE = 1e-10  # relative to the domain's size: above rounding, far below any detail of a region
PROBE = 1e-6  # relative to the domain's size: how far from a point one looks to tell its two sides apart
_TRIALS = 2**14  # for the measure of a piece that is known by rejection: right to about 1e-3 of it
_TRIALS_IF_EMPTY = 2**18  # before a region is called empty: it holds less than about 1e-5 of its domain


class Region(ABC):
    """A set Ω_m on which an equation holds. Implementations are frozen dataclasses, equal when their attributes are."""

    # Attributes of some implementations and computed by others, so known to type checkers only: a property here would
    # be taken for the default value of a dataclass's attribute.
    if TYPE_CHECKING:
        @property
        def domain(self) -> "Domain | None":
            """The domain that the region belongs to; None for a finite set of points."""

        @property
        def coordinates(self) -> tuple[sympy.Symbol, ...]:
            """The d coordinates, in the order of the columns of an array of points."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d inside a domain, d − 1 on its boundary, 0 for points."""

    @property
    @abstractmethod
    def has_normals(self) -> bool:
        """Whether its points come with outward unit normals."""

    @property
    @abstractmethod
    def data(self) -> tuple[sympy.Symbol, ...]:
        """The Data symbols whose values travel with its points."""

    @property
    @abstractmethod
    def points(self) -> int | None:
        """The number of points of a finite set; None for a region that has as many as one asks for."""

    @property
    @abstractmethod
    def measure(self) -> float:
        """Length, area, volume …; the number of points for points. To about 1e-3 where it is found by rejection."""

    @property
    @abstractmethod
    def bounds(self) -> Array:
        """(d, 2): a box around it, lower and upper, in the coordinates' units."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether no point was found in it."""

    @abstractmethod
    def sample(self, n: int, seed: int = 0, method: str = "sobol") -> Points:
        """n points, spread evenly over its measure: "sobol" (scrambled), "uniform" (independent) or "grid";
        "edges" has half of them moved towards its pieces' edges.

        Raises:
            DomainError: the region is empty, n < 1, or the method is not known.
        """

    @abstractmethod
    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        """Whether points (n, d) lie on the (closed) region, within a distance ``tolerance``: (n,) bool.

        Args:
            tolerance: in the coordinates' units; by default 1e-10 of the domain's size.
        """

    @abstractmethod
    def normals_at(self, points: ArrayLike) -> Array:
        """Outward unit normals (n, d) at points (n, d) of the region; on an edge, those of one of its faces.

        Raises:
            DomainError: the region has no normals.
        """

    @abstractmethod
    def where(self, condition: Any) -> "Region":
        """The part where a sympy condition on the coordinates holds; Eq holds within 1e-10 of the domain's size.

        Raises:
            DomainError: it is not a condition, or uses other symbols.
        """

    def __mul__(self, interval: "Box") -> "RegionProduct | PointSetProduct":
        """The region with every value of a parameter: ``region * Interval(k, 1, 2)``."""
        from pinnsiren.domains.parametric import region_product  # these are regions themselves: imported when used
        return region_product(self, interval)


class PartOfDomain(Region):
    """A region that equal-measure charts cover. Its implementations say which ones, and which points lie on it."""

    @abstractmethod
    def charts(self) -> tuple[Chart, ...]:
        """Charts whose accepted points cover the region once."""

    @property
    def data(self) -> tuple[sympy.Symbol, ...]:
        return ()

    @property
    def points(self) -> int | None:
        return None

    @property
    def bounds(self) -> Array:
        return _domain(self).bounds

    @cached_property
    def measures(self) -> tuple[float, ...]:
        """The accepted measure of each chart."""
        charts = self.charts()
        found = tuple(c.measure * accepted_fraction(c, _TRIALS) for c in charts)
        if any(found):
            return found
        return tuple(c.measure * accepted_fraction(c, _TRIALS_IF_EMPTY) for c in charts)

    @property
    def measure(self) -> float:
        return float(sum(self.measures))

    def is_empty(self) -> bool:
        return not any(self.measures)

    def sample(self, n: int, seed: int = 0, method: str = "sobol") -> Points:
        check_request(n, seed, method)
        if self.is_empty():
            raise DomainError(f"empty region {self}: no point of it was found. {_advice(self)}")
        charts = self.charts()
        counts = allot(n, np.array(self.measures), seed)
        drawn = [draw(chart, int(count), measure / chart.measure, seed=(seed, i), method=method)
                 for i, (chart, count, measure) in enumerate(zip(charts, counts, self.measures, strict=True)) if count]
        normals = [some for _, some in drawn if some is not None]
        return Points(self.coordinates, np.concatenate([some for some, _ in drawn]),
                      np.concatenate(normals) if normals else None)

    def where(self, condition: Any) -> "Where":
        return Where(self, condition)


@dataclass(frozen=True)
class Interior(PartOfDomain):
    """The open domain Ω. Its ``contains`` asks about the closed one, as a grid does."""

    domain: "Domain"

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return self.domain.coordinates

    @property
    def dimension(self) -> int:
        return len(self.domain.coordinates)

    @property
    def has_normals(self) -> bool:
        return False

    def charts(self) -> tuple[Chart, ...]:
        return self.domain.interior_charts()

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        return self.domain.contains(points, _tolerance(self.domain, tolerance))

    def normals_at(self, points: ArrayLike) -> Array:
        raise DomainError(f"{self} has no normals; use the boundary or a face of the domain.")


@dataclass(frozen=True)
class OnBoundary(PartOfDomain):
    """What lies on ∂Ω, with outward unit normals."""

    domain: "Domain"

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return self.domain.coordinates

    @property
    def dimension(self) -> int:
        return len(self.domain.coordinates) - 1

    @property
    def has_normals(self) -> bool:
        return True

    def normals_at(self, points: ArrayLike) -> Array:
        return self.domain.normals(as_points(points, self.coordinates))


@dataclass(frozen=True)
class Boundary(OnBoundary):
    """∂Ω with outward unit normals."""

    def charts(self) -> tuple[Chart, ...]:
        return self.domain.boundary_charts()

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        at = as_points(points, self.coordinates)
        return self.domain.sides(at, _tolerance(self.domain, tolerance)) == 0

    def of(self, primitive: "Domain") -> "BoundaryOf":
        """The part that lies on the boundary of a primitive: ``(square - disc).boundary.of(disc)``.

        Raises:
            DomainError: the primitive has other coordinates than the domain, and than the space of a space × time.
        """
        from pinnsiren.domains.part import BoundaryOf
        return BoundaryOf(self.domain, primitive)


@dataclass(frozen=True)
class Face(OnBoundary):
    """The flat part of ∂Ω in the plane coordinate = value, with outward unit normals.

    Raises:
        DomainError: no face of the domain lies there.
    """

    coordinate: sympy.Symbol
    value: float

    def __post_init__(self) -> None:
        from pinnsiren.domains.faces import place_of_face
        object.__setattr__(self, "value", place_of_face(self.domain, self.coordinate, self.value))

    def charts(self) -> tuple[Chart, ...]:
        tolerance = _tolerance(self.domain)
        return tuple(c for c in self.domain.boundary_charts() if c.flat is not None
                     and c.flat.coordinate == self.coordinate and abs(c.flat.value - self.value) <= tolerance)

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        at, tolerance = as_points(points, self.coordinates), _tolerance(self.domain, tolerance)
        covered = [c.flat.covers(at, tolerance) for c in self.charts() if c.flat is not None]
        return (self.domain.sides(at, tolerance) == 0) & np.logical_or.reduce(covered)

    def normals_at(self, points: ArrayLike) -> Array:
        at = as_points(points, self.coordinates)
        normals = np.zeros_like(at)
        axis = self.coordinates.index(self.coordinate)
        step = PROBE * self.domain.size * np.eye(at.shape[1])[axis]
        # On an edge one of the two steps may slide along another face, but never to the wrong side of this one.
        tolerance = _tolerance(self.domain)
        rise = self.domain.sides(at + step, tolerance) - self.domain.sides(at - step, tolerance)
        normals[:, axis] = np.where(rise >= 0, 1.0, -1.0)
        return normals


@dataclass(frozen=True)
class Where(PartOfDomain):
    """The part of a region where a condition on its coordinates holds."""

    region: PartOfDomain
    condition: sympy.Basic

    def __post_init__(self) -> None:
        condition = check_condition(self.condition, self.region.coordinates)
        if isinstance(self.region, Where):  # one flat form, so that equal parts are equal objects
            condition = sympy.And(self.region.condition, condition)
            object.__setattr__(self, "region", self.region.region)
        object.__setattr__(self, "condition", condition)

    @property
    def domain(self) -> "Domain":
        return _domain(self.region)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return self.region.coordinates

    @property
    def dimension(self) -> int:
        return self.region.dimension

    @property
    def has_normals(self) -> bool:
        return self.region.has_normals

    def charts(self) -> tuple[Chart, ...]:
        holds = self._predicate(_tolerance(self.domain))
        return tuple(c.only(lambda points, normals: holds(list(points.T))) for c in self.region.charts())

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        at, tolerance = as_points(points, self.coordinates), _tolerance(self.domain, tolerance)
        return self.region.contains(at, tolerance) & self._predicate(tolerance)(list(at.T))

    def normals_at(self, points: ArrayLike) -> Array:
        return self.region.normals_at(points)

    def _predicate(self, tolerance: float) -> Holds:
        return predicate(self.condition, self.coordinates, tolerance)


def _domain(region: PartOfDomain) -> "Domain":
    domain = region.domain
    assert domain is not None
    return domain


def _tolerance(domain: "Domain", given: float | None = None) -> float:
    return TOLERANCE * domain.size if given is None else given


def _advice(region: PartOfDomain) -> str:
    if not isinstance(region, Where):
        return _domain(region).advice
    if region.condition == sympy.false:
        return "Its condition is False; note that x == 0 compares symbols: write sympy.Eq(x, 0)."
    if region.condition.has(sympy.Eq):
        return "An equality has no volume: write domain.face(x, 0), use a boundary that it covers, or an inequality."
    return "Check that its condition holds somewhere on the region."
