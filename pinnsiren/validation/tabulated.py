"""Reference values from a table: another program's, a paper's or a measurement's, as CSV, NPZ, HDF5 or arrays."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from pinnsiren.errors import DataError, ReferenceError
from pinnsiren.gridded import Evaluation, Table
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.columns import Columns, read_columns
from pinnsiren.validation.reference import Array, Reference, ReferenceSolution, combined, in_order, relative_l2

SAME = 1e-9  # of the table's size: places that count as one
MOST_DIGITS = 12  # after the point; a table with more was not rounded by hand
CUBIC = 3


@dataclass(frozen=True, eq=False)
class Tabulated(Reference):
    """Values of the fields at given places.

    Scattered points, one row each, are compared with the solution at those points alone; so is a rectilinear grid that does
    not cover the domain. A grid that does, in up to three dimensions, is interpolated by cubic splines.

    Args:
        source: a file name ending in .csv, .npz, .h5 or .hdf5, or the columns themselves, {x: array, u: array}. Columns are
            called as the problem's coordinates and fields. All have the same length n, or coordinates have their axes
            (n_i,) and fields arrays (n_1, …) in the order of the problem's coordinates. In a CSV the first line holds the
            names, and lines that start with # are left out. A complex field u has one complex column, or u_re and u_im.
        error: relative L2 error of the values, dimensionless; by default what rounding to the digits that they have left.
        names: of columns that are called otherwise: {u: "potential (V)"}.

    Raises:
        ReferenceError: an error that is negative. When used: DataError for a file that cannot be read, columns that have
            other lengths or NaN, and points outside the domain.
    """

    source: str | Path | Mapping[Any, ArrayLike] | None = None
    error: float | None = None
    names: Mapping[Any, str] | None = None

    def __post_init__(self) -> None:
        if self.error is not None and not (isinstance(self.error, (int, float)) and 0 <= self.error < math.inf):
            raise ReferenceError(f"Tabulated(error={self.error!r}); give the relative error of its values, such as 1e-4.")

    def __str__(self) -> str:
        return f"Tabulated({self.label!r})"

    @property
    def label(self) -> str:
        """How reports call it: the file's name, or "arrays"."""
        return Path(self.source).name if isinstance(self.source, (str, Path)) else "arrays"

    def unfit(self, problem: Problem) -> str | None:
        if self.source is None:
            return "no table of values is given: validate(solution, Tabulated('values.csv'))"
        wanted = [*map(str, problem.coordinates), *(f.name for f in problem.fields)]
        missing = [n for n in wanted if n not in self._columns(problem)]
        if missing:
            return (f"the table {self.label} has no column {missing[0]!r}; it has {', '.join(self._raw)}. Rename its columns, "
                    "or say what they are called: Tabulated(…, names={u: 'potential'})")
        return None

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        yield self

    def cost(self, problem: Problem) -> float:
        return 0.0

    def places(self, problem: Problem) -> Points | None:
        reason = self.unfit(problem)
        if reason:
            raise ReferenceError(f"{self} cannot be the reference: {reason}.")
        rows = _rows(self._columns(problem), problem, self.label)
        _require_inside(rows.points, problem, self.label)
        return None if rows.axes is not None and _covers(rows.axes, problem) else Points(problem.coordinates, rows.points)

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """The table's values; of a grid's interpolation the error is estimated from every second node."""
        everywhere = self.places(problem) is None
        rows = _rows(self._columns(problem), problem, self.label)
        values = _interpolated(rows, problem) if everywhere else _looked_up(rows, problem, self.label)
        error = {}
        for field in problem.fields:
            own = _rounding(rows.values[field]) if self.error is None else float(self.error)
            error[field] = own + (_spline_error(rows, field) if everywhere else 0.0)
        across = " × ".join(str(len(a)) for a in rows.axes) if rows.axes is not None else str(len(rows.points))
        return ReferenceSolution(f"the table {self.label}, {across} points", error, values)

    def _columns(self, problem: Problem) -> Columns:
        """Columns under the problem's own names."""
        called = {_name(k): v for k, v in (self.names or {}).items()}
        found = {}
        for name in [*map(str, problem.coordinates), *(f.name for f in problem.fields)]:
            given = called.get(name, name)
            parts = [f"{given}_re", f"{given}_im"]
            if given in self._raw:
                found[name] = self._raw[given]
            elif all(p in self._raw for p in parts):
                found[name] = combined([self._raw[p] for p in parts])
        return found

    @cached_property
    def _raw(self) -> Columns:
        if isinstance(self.source, Mapping):
            return {_name(k): np.asarray(v) for k, v in self.source.items()}
        return read_columns(Path(str(self.source)))


@dataclass(frozen=True, eq=False)
class _Rows:
    """The table as scattered points, and as a grid if they make a full one.

    Attributes:
        points: (n, d) in the order of the problem's coordinates.
        values: (n,) of each field.
        axes: of the grid, on which the points run with the last axis fastest; None if they are scattered.
    """

    points: Array
    values: Mapping[Field, Array]
    axes: tuple[Array, ...] | None


def _rows(columns: Columns, problem: Problem, label: str) -> _Rows:
    coordinates = [_numbers(columns[str(c)], f"column {c} of the table {label}") for c in problem.coordinates]
    fields = {f: _numbers(columns[f.name], f"column {f.name} of the table {label}") for f in problem.fields}
    shape = tuple(map(len, coordinates))
    if all(v.shape == shape for v in fields.values()) and len(shape) > 1:
        if any((np.diff(a) <= 0).any() for a in coordinates):
            raise DataError(f"the axes of the table {label} do not increase; sort them, and the values with them.")
        return _Rows(np.array(list(product(*coordinates))), {f: v.ravel() for f, v in fields.items()}, tuple(coordinates))
    lengths = {str(n): v.shape for n, v in [*zip(problem.coordinates, coordinates, strict=True), *fields.items()]}
    if len(set(lengths.values())) > 1 or len(next(iter(lengths.values()))) != 1:
        raise DataError(f"the columns of the table {label} have the shapes {lengths}; expected one length n, or axes (n_i,) of "
                        f"the coordinates and fields of shape {shape}.")
    points = np.stack(coordinates, axis=1)
    axes = tuple(np.unique(c) for c in coordinates)
    if math.prod(map(len, axes)) != len(points) or len(np.unique(points, axis=0)) < len(points):
        return _Rows(points, fields, None)
    order = np.lexsort(points.T[::-1])
    return _Rows(points[order], {f: v[order] for f, v in fields.items()}, axes)


def _name(key: Any) -> str:
    return key.name if isinstance(key, Field) else str(key)


def _numbers(column: Array, what: str) -> Array:
    if column.dtype.kind not in "biufc" or column.size == 0:
        raise DataError(f"{what} holds no numbers, but {column.dtype} of shape {column.shape}.")
    if not np.isfinite(column).all():
        place = np.argwhere(~np.isfinite(column))[0].tolist()
        raise DataError(f"{what} holds {column[tuple(place)]} in row {', '.join(map(str, place))}, counted from 0; leave such "
                        "rows out.")
    return column if column.dtype.kind == "c" else column.astype(np.float64)


def _require_inside(points: Array, problem: Problem, label: str) -> None:
    """Every point lies in a region where an equation holds inside; sets of data points have no outside."""
    filling = [c.region for c in problem.constraints if c.region.dimension == len(problem.coordinates)
               and set(c.region.coordinates) == set(problem.coordinates)]
    if not filling:
        return
    size = float(np.ptp([problem.bounds[c] for c in problem.coordinates], axis=1).max())
    inside = np.zeros(len(points), bool)
    for region in filling:
        order = [problem.coordinates.index(c) for c in region.coordinates]
        inside |= region.contains(points[:, order], SAME * size)
    if not inside.all():
        row = int(np.argmin(inside))
        place = ", ".join(f"{c} = {v:g}" for c, v in zip(problem.coordinates, points[row], strict=True))
        raise DataError(f"{int((~inside).sum())} of {len(points)} points of the table {label} lie outside the domain, the "
                        f"first at {place} (row {row}, counted from 0). Leave them out, or check units and columns.")


def _covers(axes: tuple[Array, ...], problem: Problem) -> bool:
    """Whether a grid that splines can follow reaches round the whole domain."""
    bounds = [problem.bounds[c] for c in problem.coordinates]
    return len(axes) <= 3 and all(len(a) > CUBIC and a[0] <= low + SAME * (high - low) and a[-1] >= high - SAME * (high - low)
                                  for a, (low, high) in zip(axes, bounds, strict=True))


def _interpolated(rows: _Rows, problem: Problem) -> Callable[[Field, Points], Array]:
    splines = {f: _spline(rows, v) for f, v in rows.values.items()}
    return lambda field, at: splines[field](in_order(at, problem))


def _spline(rows: _Rows, values: Array, step: int = 1) -> Callable[[Array], Array]:
    """Cubic splines through every node, or every second one; of complex values by their parts."""
    assert rows.axes is not None
    every = tuple(slice(None, None, step) for _ in rows.axes)
    grid = values.reshape(tuple(map(len, rows.axes)))[every]
    axes = tuple(a[::step] for a in rows.axes)
    found = [Evaluation(Table("table", axes, part), (0,) * len(axes))
             for part in ([grid.real, grid.imag] if np.iscomplexobj(grid) else [grid])]
    return lambda points: combined([part(*points.T) for part in found])


def _spline_error(rows: _Rows, field: Field) -> float:
    """Of interpolation: splines through every second node are 16 times as wrong as those through all; 1/8 is on the safe side.

    A grid that is too coarse for that may be all wrong: 1.
    """
    assert rows.axes is not None
    if any(len(a) // 2 <= CUBIC for a in rows.axes):
        return 1.0
    ends = np.all([p <= a[(len(a) - 1) // 2 * 2] for p, a in zip(rows.points.T, rows.axes, strict=True)], axis=0)
    values = rows.values[field]
    coarse = _spline(rows, values, step=2)(rows.points[ends])
    return relative_l2(coarse - values[ends], values) / 8


def _looked_up(rows: _Rows, problem: Problem, label: str) -> Callable[[Field, Points], Array]:
    tree, size = cKDTree(rows.points), float(np.ptp(rows.points, axis=0).max()) or 1.0

    def values(field: Field, at: Points) -> Array:
        distance, nearest = tree.query(in_order(at, problem))
        if np.max(distance, initial=0.0) > SAME * size:
            raise ReferenceError(f"the table {label} has values at its own points only, and was asked for others.")
        return rows.values[field][nearest]

    return values


def _rounding(values: Array) -> float:
    """Half a unit of the last digit that the values have, relative to their size; that of floats if they have all digits."""
    parts = np.concatenate([values.real, values.imag]) if np.iscomplexobj(values) else values
    size = float(np.sqrt(np.mean(np.abs(values) ** 2))) or 1.0
    for digits in range(MOST_DIGITS + 1):
        if np.all(np.abs(np.round(parts, digits) - parts) <= 4 * np.finfo(float).eps * np.abs(parts)):
            return 0.5 * 10.0**-digits / size
    return float(np.finfo(float).eps)
