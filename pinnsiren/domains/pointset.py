"""A region that is a finite set of points with data: pixels of an image, a point cloud, measurements."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from pinnsiren.domains.condition import check_condition, predicate
from pinnsiren.domains.domain import check_coordinates
from pinnsiren.domains.region import TOLERANCE, Region
from pinnsiren.errors import DataError, DomainError
from pinnsiren.sampling import Array, Mask, Points, as_points, check_request
from pinnsiren.symbols import Data

_UNIT = 1e-6  # how far from 1 a normal's length may be: float32 data pass, directions never scaled do not


@dataclass(frozen=True, init=False, eq=False)
class PointSet(Region):
    """``PointSet((x, y), points, data={d: column})``: equations hold at these points, where d has these values.

    Args:
        coordinates: d symbols.
        points: (n, d) float64, in the coordinates' units.
        data: a column (n,) for each Data symbol: the a(x) of C(a(x), Φ, ∇Φ, …) = 0; complex ones are kept as their parts.
        normals: (n, d) unit vectors, if the points are on a surface.

    Two sets are equal when all of that is. ``PointSet(coordinates, values, columns, normals)`` rebuilds one from its
    attributes.

    Raises:
        DataError: shapes that do not agree, no point, NaN or infinite values (with column and row), normals that are
            not unit vectors, keys that are not Data symbols.
    """

    coordinates: tuple[sympy.Symbol, ...]
    values: Array
    columns: tuple[tuple[Data, Array], ...]
    normals: Array | None

    def __init__(self, coordinates: Iterable[sympy.Symbol], points: ArrayLike,
                 data: Mapping[Data, ArrayLike] | Iterable[tuple[Data, ArrayLike]] = (),
                 normals: ArrayLike | None = None) -> None:
        symbols = check_coordinates([coordinates] if isinstance(coordinates, sympy.Symbol) else coordinates, "PointSet")
        values = _frozen(as_points(points, symbols))
        if len(values) == 0:
            raise DataError("PointSet was given no point; give an array (n, d) with n ≥ 1.")
        for symbol, column in zip(symbols, values.T, strict=True):
            _check_finite(column, f"coordinate {symbol}")
        set_once = object.__setattr__
        set_once(self, "coordinates", symbols)
        set_once(self, "values", values)
        set_once(self, "columns", _checked_columns(data, len(values)))
        set_once(self, "normals", None if normals is None else _checked_normals(normals, values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PointSet) and self._content == other._content

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[Any, ...]:
        return (self.coordinates, self.data, self.values.tobytes(), *(column.tobytes() for _, column in self.columns),
                None if self.normals is None else self.normals.tobytes())

    def __repr__(self) -> str:
        data = f", data of {', '.join(map(str, self.data))}" if self.columns else ""
        return f"PointSet({self.coordinates}, {len(self.values)} points{data})"

    def __len__(self) -> int:
        return len(self.values)

    def subset(self, rows: ArrayLike) -> "PointSet":
        """The points of some rows, given by their places or by a mask, with their data and normals."""
        chosen = np.asarray(rows)
        columns = [(symbol, column[chosen]) for symbol, column in self.columns]
        return PointSet(self.coordinates, self.values[chosen], columns, None if self.normals is None else self.normals[chosen])

    @property
    def domain(self) -> None:
        return None

    @property
    def dimension(self) -> int:
        return 0

    @property
    def has_normals(self) -> bool:
        return self.normals is not None

    @property
    def data(self) -> tuple[sympy.Symbol, ...]:
        return tuple(symbol for symbol, _ in self.columns)

    @property
    def points(self) -> int | None:
        return len(self.values)

    @property
    def measure(self) -> float:
        return float(len(self.values))

    @property
    def bounds(self) -> Array:
        return np.stack([self.values.min(axis=0), self.values.max(axis=0)], axis=1)

    def is_empty(self) -> bool:
        return False

    def sample(self, n: int, seed: int = 0, method: str = "sobol") -> Points:
        """n of the points, drawn without replacement, in their own order; all when there are no more than n.

        The method makes no difference: the points are given.
        """
        check_request(n, seed, method)
        if n >= len(self.values):
            chosen = np.arange(len(self.values))
        else:
            chosen = np.sort(np.random.default_rng(seed).choice(len(self.values), n, replace=False))
        return Points(self.coordinates, self.values[chosen], None if self.normals is None else self.normals[chosen],
                      {symbol: column[chosen] for symbol, column in self.columns})

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        distance, _ = self._tree.query(as_points(points, self.coordinates))
        return np.asarray(distance <= (self._tolerance if tolerance is None else tolerance))

    def normals_at(self, points: ArrayLike) -> Array:
        if self.normals is None:
            raise DomainError(f"{self} has no normals; give them: PointSet(coordinates, points, normals=array).")
        _, nearest = self._tree.query(as_points(points, self.coordinates))
        return self.normals[nearest]

    def where(self, condition: Any) -> "PointSet":
        """The points at which a condition on the coordinates and Data symbols holds.

        Raises:
            DomainError: it is not a condition, uses other symbols, or holds at no point.
        """
        symbols = (*self.coordinates, *self.data)
        holds = predicate(check_condition(condition, symbols), symbols, self._tolerance)
        kept = holds([*self.values.T, *(column for _, column in self.columns)])
        if not kept.any():
            raise DomainError(f"empty region {self}.where({condition}): it holds at none of the points; "
                              "check its signs and limits.")
        return self.subset(kept)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.values)

    @property
    def _tolerance(self) -> float:
        return float(TOLERANCE * np.ptp(self.values, axis=0).max())


def _frozen(values: ArrayLike) -> Array:
    """A float64 copy that nobody can write to: a region's hash must not change."""
    copy = np.array(values, dtype=np.float64, order="C") + 0.0  # −0.0 and 0.0 are equal, and their bytes too
    copy.flags.writeable = False
    return copy


def _check_finite(column: Array, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(column))
    if len(bad):
        raise DataError(f"{what} is {column[bad[0]]} in row {bad[0]} ({len(bad)} such rows); "
                        "expected finite numbers: remove those rows, or mend the file.")


def _checked_columns(data: Any, count: int) -> tuple[tuple[Data, Array], ...]:
    columns = []
    for symbol, given in _real_columns(data.items() if isinstance(data, Mapping) else data):
        try:
            column = _frozen(given)
        except (TypeError, ValueError) as error:
            raise DataError(f"data column {symbol} is not an array of real numbers ({error}).") from None
        if column.shape != (count,):
            raise DataError(f"data column {symbol} has shape {column.shape}; expected ({count},), one value a point.")
        _check_finite(column, f"data column {symbol}")
        columns.append((symbol, column))
    return tuple(columns)


def _real_columns(data: Iterable[tuple[Any, ArrayLike]]) -> Iterator[tuple[Data, ArrayLike]]:
    """Each column, a complex one as the two of its real and imaginary part."""
    for symbol, given in data:
        if not isinstance(symbol, Data):
            raise DataError(f"data has the key {symbol!r}; expected a symbol made by ps.Data('name').")
        if len(symbol.parts) == 2:
            yield from zip(symbol.parts, (np.real(given), np.imag(given)), strict=True)
        elif np.iscomplexobj(given):
            raise DataError(f"data column {symbol} has complex values; declare it with ps.Data('{symbol}', complex=True).")
        else:
            yield symbol, given


def _checked_normals(given: ArrayLike, values: Array) -> Array:
    try:
        normals = _frozen(given)
    except (TypeError, ValueError) as error:
        raise DataError(f"normals are not an array of real numbers ({error}).") from None
    if normals.shape != values.shape:
        raise DataError(f"normals have shape {normals.shape}; expected {values.shape}, one for each point.")
    length = np.linalg.norm(normals, axis=1)
    bad = np.flatnonzero(~(np.abs(length - 1) <= _UNIT))
    if len(bad):
        raise DataError(f"the normal in row {bad[0]} has length {length[bad[0]]:g} ({len(bad)} such rows); "
                        "expected unit vectors: divide each by its length.")
    return normals
