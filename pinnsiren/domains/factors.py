"""What products with an interval share: which factors fit together, their charts, and sides along the interval."""

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Flat, Mask
from pinnsiren.symbols import RangedParameter, Time

if TYPE_CHECKING:
    from pinnsiren.domains.box import Box
    from pinnsiren.domains.domain import Sides


def is_slicing(coordinate: sympy.Symbol) -> bool:
    """Whether a coordinate numbers slices of a domain: time and parameters do, across which there are no faces."""
    return isinstance(coordinate, (Time, RangedParameter))


def check_factors(first: Any, interval: Any) -> None:
    """Refuse a product whose second factor is no interval, or whose factors share a coordinate or a time.

    Args:
        first: a domain or a region.
    Raises:
        DomainError: they do not fit.
    """
    from pinnsiren.domains.box import Box  # a domain knows products: imported when used
    if not isinstance(interval, Box) or len(interval.coordinates) != 1:
        raise DomainError(f"a * b was given {interval!r} as its second factor; expected an interval such as "
                          "ps.Interval(t, 0, 1). Multiply by several one after the other.")
    (c,) = interval.coordinates
    if c in first.coordinates:
        raise DomainError(f"a * b has the coordinate {c} in both factors; give the interval one of its own.")
    earlier = [s for s in first.coordinates if isinstance(s, Time)]
    if earlier and isinstance(c, Time):
        raise DomainError(f"a * b has the times {earlier[0]} and {c}; a domain has one time.")
    if isinstance(first, Box) and earlier:
        raise DomainError(f"a * b has the time {earlier[0]} in its first factor, which is a Box; make time a factor of its "
                          f"own, after space: space * Interval({earlier[0]}, 0, 1).")


def times(chart: Chart, interval: "Box") -> Chart:
    """The equal-measure chart of piece × interval from that of a piece; normals are 0 along the interval."""
    (along,) = interval.interior_charts()
    m, keep, flat = chart.dimension, chart.keep, chart.flat

    def place(unit: Array) -> tuple[Array, Array | None]:
        points, normals = chart.place(unit[:, :m])
        return np.hstack([points, along.place(unit[:, m:])[0]]), padded(normals)

    def kept(points: Array, normals: Array | None) -> Mask:
        assert keep is not None
        return keep(points[:, :-1], None if normals is None else normals[:, :-1])

    def covers(points: Array, tolerance: float) -> Mask:
        assert flat is not None
        return flat.covers(points[:, :-1], tolerance)

    return Chart(m + 1, chart.measure * along.measure, place, None if keep is None else kept,
                 None if flat is None else Flat(flat.coordinate, flat.value, covers))


def placed(chart: Chart, value: float, normal: Array | None = None) -> Chart:
    """The piece × {value}, all of it with one normal or none."""
    keep = chart.keep

    def place(unit: Array) -> tuple[Array, Array | None]:
        points = np.pad(chart.place(unit)[0], ((0, 0), (0, 1)), constant_values=value)
        return points, None if normal is None else np.tile(normal, (len(unit), 1))

    def kept(points: Array, normals: Array | None) -> Mask:
        assert keep is not None
        return keep(points[:, :-1], None)

    return Chart(chart.dimension, chart.measure, place, None if keep is None else kept)


def padded(vectors: Array | None) -> Array | None:
    """Vectors (n, d) with a last component 0."""
    return None if vectors is None else np.pad(vectors, ((0, 0), (0, 1)))


def across(interval: "Box", points: Array, tolerance: float, size: float) -> "Sides":
    """Sides (n,) of an interval at points (n, 1).

    One of time or a parameter has no ends: −1 within it, +1 beyond. Its unit is not that of space, so its tolerance is
    the same share of its length as ``tolerance`` is of the space's ``size``.
    """
    if not is_slicing(interval.coordinates[0]):
        return interval.sides(points, tolerance)
    length = interval.upper[0] - interval.lower[0]
    return np.where(interval.sides(points, tolerance / size * length) <= 0, -1, 1).astype(np.int8)
