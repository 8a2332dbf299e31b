"""Intervals, rectangles, boxes: the product of intervals [a_i, b_i] in any dimension."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from pinnsiren.domains.domain import Domain, Extent, Sides, pairs, real_number, sides_of
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Flat, Mask


@dataclass(frozen=True)
class Box(Domain):
    """The box Π [a_i, b_i]: ``Box({x: (-1, 1), y: (0, 2)})``, any dimension, coordinates in the order given.

    Args:
        extent: (lower, upper) for each coordinate, numbers (sympy's too) in its units.
        periodic: the coordinates whose ends are joined; across them the box has no faces.

    Raises:
        DomainError: an extent that is not finite, is empty, or runs backwards; coordinates that are not symbols; a
            periodic coordinate that the box has not.
    """

    extent: Extent | Mapping[sympy.Symbol, tuple[Any, Any]]
    periodic: tuple[sympy.Symbol, ...] = ()

    def __post_init__(self) -> None:
        given = pairs(self.extent, "Box", "Box({x: (-1, 1), y: (0, 2)})")
        object.__setattr__(self, "extent", tuple((c, _ends(c, ends)) for c, ends in given))
        object.__setattr__(self, "periodic", _joined(self.periodic, self.coordinates))

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return tuple(c for c, _ in self._extent)

    @property
    def lower(self) -> tuple[float, ...]:
        """The lower end along each coordinate."""
        return tuple(ends[0] for _, ends in self._extent)

    @property
    def upper(self) -> tuple[float, ...]:
        """The upper end along each coordinate."""
        return tuple(ends[1] for _, ends in self._extent)

    @property
    def bounds(self) -> Array:
        return np.array([ends for _, ends in self._extent])

    @property
    def advice(self) -> str:
        return (f"All its coordinates are periodic, so it has no boundary: put the equation on its interior, or name fewer "
                f"than {self.periodic} as periodic.")

    def sides(self, points: Array, tolerance: float) -> Sides:
        beyond = np.maximum(self.lower - points, points - self.upper)
        joined = np.array([c in self.periodic for c in self.coordinates])
        # Outside, the distance to the nearest corner, edge or face; inside, that to the nearest face.
        walls = beyond[:, ~joined]
        outside = np.linalg.norm(np.maximum(walls, 0.0), axis=1)
        distance = np.where(outside > 0, outside, walls.max(axis=1, initial=-np.inf))
        in_cell = (beyond[:, joined] <= tolerance).all(axis=1)
        return np.where(in_cell, sides_of(distance, tolerance), 1).astype(np.int8)

    def normals(self, points: Array) -> Array:
        distance = np.abs(np.hstack([points - self.lower, points - self.upper]))
        distance[:, 2 * [c in self.periodic for c in self.coordinates]] = np.inf
        upper, axis = np.divmod(np.argmin(distance, axis=1), points.shape[1])
        normals = np.zeros_like(points)
        normals[np.arange(len(points)), axis] = np.where(upper, 1.0, -1.0)
        return normals

    def interior_charts(self) -> tuple[Chart, ...]:
        lower, upper = np.array(self.lower), np.array(self.upper)

        def place(unit: Array) -> tuple[Array, None]:
            # Rounding must not put a point on the boundary.
            return np.clip(lower + unit * (upper - lower), np.nextafter(lower, upper), np.nextafter(upper, lower)), None

        return (Chart(len(lower), float(np.prod(upper - lower)), place),)

    def boundary_charts(self) -> tuple[Chart, ...]:
        return tuple(self._face_chart(axis, end) for axis, c in enumerate(self.coordinates) if c not in self.periodic
                     for end in (0, 1))

    def _face_chart(self, axis: int, end: int) -> Chart:
        bounds = self.bounds
        value = float(bounds[axis, end])
        lower, width = np.delete(bounds[:, 0], axis), np.delete(bounds[:, 1] - bounds[:, 0], axis)
        normal = np.zeros(len(bounds))
        normal[axis] = 2.0 * end - 1.0

        def place(unit: Array) -> tuple[Array, Array]:
            return np.insert(lower + unit * width, axis, value, axis=1), np.tile(normal, (len(unit), 1))

        def covers(points: Array, tolerance: float) -> Mask:
            return (np.abs(points[:, axis] - value) <= tolerance) & (self.sides(points, tolerance) <= 0)

        return Chart(len(bounds) - 1, float(np.prod(width)), place, flat=Flat(self.coordinates[axis], value, covers))

    @property
    def _extent(self) -> Extent:
        return self.extent  # type: ignore[return-value]  # as __post_init__ leaves it


def Interval(coordinate: sympy.Symbol, lower: Any, upper: Any, periodic: bool = False) -> Box:
    """The interval [lower, upper], a one-dimensional box; its boundary is its two ends, none if it is periodic."""
    return Box({coordinate: (lower, upper)}, periodic=(coordinate,) if periodic else ())


def _joined(given: Any, coordinates: tuple[sympy.Symbol, ...]) -> tuple[sympy.Symbol, ...]:
    """The periodic coordinates in the box's order."""
    names = (given,) if isinstance(given, sympy.Symbol) else given
    if not isinstance(names, (tuple, list)) or not all(c in coordinates for c in names):
        raise DomainError(f"periodic={given!r} of a box with the coordinates {coordinates}; name some of those, "
                          f"such as periodic=({coordinates[0]},).")
    return tuple(c for c in coordinates if c in names)


def _ends(coordinate: sympy.Symbol, ends: Any) -> tuple[float, float]:
    if not isinstance(ends, (tuple, list, np.ndarray, sympy.Tuple)) or len(ends) != 2:
        raise DomainError(f"the extent of {coordinate} is {ends!r}; expected (lower, upper), such as (-1, 1).")
    lower, upper = (real_number(end, f"the {name} end of {coordinate}")
                    for name, end in zip(("lower", "upper"), ends, strict=True))
    if lower > upper:
        raise DomainError(f"the extent of {coordinate} runs backwards, from {lower:g} to {upper:g}; "
                          f"swap its ends: ({upper:g}, {lower:g}).")
    if lower == upper or not np.isfinite(upper - lower):
        raise DomainError(f"the extent of {coordinate} is ({lower:g}, {upper:g}), of length {upper - lower:g}; "
                          "expected a positive finite length.")
    return lower, upper
