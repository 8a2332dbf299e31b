"""What a domain Ω is: a closed set with an inside, a boundary and an outside, and charts that cover its pieces."""

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from pinnsiren.domains.region import Boundary, Face, Interior
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Mask, as_points
from pinnsiren.symbols import Time

if TYPE_CHECKING:
    from pinnsiren.domains.box import Box
    from pinnsiren.domains.csg import Difference, Intersection, Union
    from pinnsiren.domains.instants import Final, Initial
    from pinnsiren.domains.product import Product

_GIVE_TIME = "give it one as a factor: space * ps.Interval(t, 0, 1) with t = ps.time('t')."

Sides = NDArray[np.int8]
Extent = tuple[tuple[sympy.Symbol, tuple[float, float]], ...]


class Domain(ABC):
    """A bounded domain Ω of ℝ^d. Implementations are frozen dataclasses, equal when their attributes are.

    Some coordinates have no faces: a periodic one joins its ends, and time (or a parameter) numbers slices Ω(t), which a
    domain names in ``sliced``. Then ∂Ω is the lateral boundary, ∪ ∂Ω(t) × {t}, with the normals of ∂Ω(t).

    A new domain is one new file: it says on which side of its boundary a point lies, gives normals, and covers its
    inside and its boundary by equal-measure charts. Sampling, faces, conditions and CSG follow from that.
    ``Class(*attributes)`` builds an equal domain from the dataclass's attributes, which is how files store one.
    """

    @property
    @abstractmethod
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """The d coordinates, in the order of the columns of an array of points."""

    @property
    @abstractmethod
    def bounds(self) -> Array:
        """(d, 2): a box around the domain, lower and upper, in the coordinates' units."""

    @abstractmethod
    def sides(self, points: Array, tolerance: float) -> Sides:
        """On which side of ∂Ω points (n, d) lie: −1 inside, 0 within a distance ``tolerance`` of ∂Ω, +1 outside.

        The first and the last slice, and the ends of a periodic coordinate, are inside.
        """

    @abstractmethod
    def normals(self, points: Array) -> Array:
        """Outward unit normals (n, d) at points (n, d) of ∂Ω; on an edge, those of one of its faces."""

    @abstractmethod
    def interior_charts(self) -> tuple[Chart, ...]:
        """Charts of dimension d whose accepted points fill the open domain once."""

    @abstractmethod
    def boundary_charts(self) -> tuple[Chart, ...]:
        """Charts of dimension d − 1, with outward normals, whose accepted points cover ∂Ω once."""

    @property
    def sliced(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates that number slices of the domain: its time and its parameters."""
        return ()

    @property
    def periodic(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates whose ends are joined."""
        return ()

    @property
    def time(self) -> sympy.Symbol | None:
        """The time that numbers its slices; None if the domain has none."""
        return next((c for c in self.sliced if isinstance(c, Time)), None)

    def slice_charts(self, instant: float) -> tuple[Chart, ...]:
        """Charts of dimension d − 1 whose accepted points fill the slice Ω(t) × {t}, for a domain with time."""
        raise DomainError(f"a slice was asked of {self}, which has no time; {_GIVE_TIME}")

    def during(self, lower: float, upper: float) -> "Domain":
        """The slab lower ≤ t ≤ upper of a domain with time.

        Raises:
            DomainError: there is no time, or the slab is not within it.
        """
        raise DomainError(f"a slab of time was asked of {self}, which has no time; {_GIVE_TIME}")

    def extruded(self, primitive: "Domain") -> "Domain":
        """A domain of the space of a product times the same interval; any other domain as it is."""
        return primitive

    @property
    def size(self) -> float:
        """The longest side of ``bounds``, time and parameters aside: the length that tolerances are relative to."""
        sides = self.bounds[:, 1] - self.bounds[:, 0]
        return float(sides[[c not in self.sliced for c in self.coordinates]].max())

    @property
    def advice(self) -> str:
        """What to look at when a region of the domain turns out empty."""
        return "Check that the domains that it is made of overlap as meant."

    def contains(self, points: ArrayLike, tolerance: float = 0.0) -> Mask:
        """Whether points (n, d) lie in the closed domain, or within a distance ``tolerance`` of it: (n,) bool.

        Raises:
            DataError: the points have another shape.
        """
        return self.sides(as_points(points, self.coordinates), tolerance) <= 0

    @property
    def interior(self) -> Interior:
        """The open domain, as a region to put equations on."""
        return Interior(self)

    @property
    def boundary(self) -> Boundary:
        """∂Ω with outward normals."""
        return Boundary(self)

    @property
    def initial(self) -> "Initial":
        """Ω at its first time, to put initial conditions on.

        Raises:
            DomainError: the domain has no time.
        """
        from pinnsiren.domains.instants import Initial
        return Initial(self)

    @property
    def final(self) -> "Final":
        """Ω at its last time.

        Raises:
            DomainError: the domain has no time.
        """
        from pinnsiren.domains.instants import Final
        return Final(self)

    def face(self, coordinate: sympy.Symbol, value: float) -> Face:
        """The flat part of ∂Ω in the plane coordinate = value.

        Raises:
            DomainError: no face lies there; the message names those that there are.
        """
        return Face(self, coordinate, value)

    # Imported when used: products and the CSG classes are domains themselves.
    def __mul__(self, interval: "Box") -> "Product":
        from pinnsiren.domains.product import Product
        return Product(self, interval)

    def __sub__(self, other: "Domain") -> "Difference":
        from pinnsiren.domains.csg import Difference
        return Difference(self, other)

    def __and__(self, other: "Domain") -> "Intersection":
        from pinnsiren.domains.csg import Intersection
        return Intersection(self, other)

    def __or__(self, other: "Domain") -> "Union":
        from pinnsiren.domains.csg import Union
        return Union(self, other)


def slab(domain: Domain, lower: float, upper: float) -> tuple[float, float]:
    """The ends of a slab of a domain's time, checked to be within it.

    Raises:
        DomainError: it is not, or is empty.
    """
    assert domain.time is not None
    first, last = domain.bounds[domain.coordinates.index(domain.time)]
    lower, upper = real_number(lower, "the slab's lower end"), real_number(upper, "the slab's upper end")
    rounding = 1e-12 * (last - first)
    if not first - rounding <= lower < upper <= last + rounding:
        raise DomainError(f"the slab ({lower:g}, {upper:g}) is not within the time ({first:g}, {last:g}) of {domain}.")
    return lower, upper


def sides_of(distance: Array, tolerance: float) -> Sides:
    """The sign of a signed distance (negative inside), 0 within the tolerance."""
    return np.where(np.abs(distance) <= tolerance, 0, np.sign(distance)).astype(np.int8)


def real_number(value: Any, what: str) -> float:
    """A finite float from a Python, numpy or sympy number.

    Raises:
        DomainError: anything else.
    """
    if isinstance(value, (numbers.Real, np.number, sympy.Expr)):
        number = sympy.sympify(value)
        if number.is_number and number.is_real and number.is_finite:
            return float(number)
    raise DomainError(f"{what} is {value!r}; expected a finite real number such as 1, 0.5 or sympy.pi "
                      "(of a Parameter, give its value).")


def check_coordinates(coordinates: Iterable[Any], what: str) -> tuple[sympy.Symbol, ...]:
    """Coordinates as a tuple of different symbols, at least one.

    Raises:
        DomainError: none, one that is not a symbol, or one that is named twice.
    """
    symbols = tuple(coordinates)
    if not symbols:
        raise DomainError(f"{what} has no coordinate; name at least one.")
    for s in symbols:
        if not isinstance(s, sympy.Symbol):
            raise DomainError(f"{what} has the coordinate {s!r}; expected symbols from ps.coordinates or ps.time.")
    if len(set(symbols)) < len(symbols):
        raise DomainError(f"{what} names a coordinate twice: {symbols}; give each once.")
    return symbols


def pairs(given: Any, what: str, example: str) -> tuple[tuple[Any, Any], ...]:
    """(coordinate, entry) pairs from a mapping, or from such pairs themselves, which is how attributes hold them."""
    entries = tuple(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(entries, (tuple, list)) or not all(isinstance(e, (tuple, list)) and len(e) == 2 for e in entries):
        raise DomainError(f"{what} was given {given!r}; expected an entry for each coordinate, such as {example}.")
    check_coordinates([c for c, _ in entries], what)
    return tuple((c, entry) for c, entry in entries)
