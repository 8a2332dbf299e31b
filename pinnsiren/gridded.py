"""A known function that is given on a grid: a sympy function whose values and derivatives are those of a spline."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import NdBSpline, make_interp_spline
from sympy.core.function import FunctionClass

from pinnsiren.errors import DataError, EquationError

Array = NDArray[np.float64]

DEGREES = (1, 3, 5)
BEYOND = 1e-6  # of an axis's largest value: how far outside the grid counts as on its edge; float32 rounds by 6e-8


@dataclass(frozen=True, eq=False)
class Table:
    """Values on a rectilinear grid, and the spline through them. Equal when all of their numbers are.

    Args:
        name: how it prints; a Python name.
        axes: for each of 1 to 3 coordinates its increasing grid values (n_i,), in the coordinate's unit.
        values: (n_1, …, n_d) in the function's own unit.
        degree: of the spline in each coordinate: 1, 3 or 5; it has degree − 1 continuous derivatives.

    Raises:
        DataError: another degree, axes that do not increase or are too short for it, values of another shape, NaN.
    """

    name: str
    axes: tuple[Array, ...]
    values: Array
    degree: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise DataError(f"Gridded(name, …): the name is {self.name!r}; give a text such as 'v'.")
        if self.degree not in DEGREES:
            raise DataError(f"gridded function '{self.name}' has degree={self.degree!r}; expected one of {DEGREES}.")
        values = _numbers(self.values, f"the values of '{self.name}'")
        if values.ndim not in (1, 2, 3):
            raise DataError(f"the values of '{self.name}' have shape {values.shape}; expected 1 to 3 dimensions.")
        axes = tuple(self._axis(a, i) for i, a in enumerate(self.axes))
        if values.shape != tuple(map(len, axes)):
            raise DataError(f"the values of '{self.name}' have shape {values.shape}, and its axes have "
                            f"{tuple(map(len, axes))} values; expected values[i, j, …] at (axes[0][i], axes[1][j], …).")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "axes", axes)

    def _axis(self, given: ArrayLike, place: int) -> Array:
        what = f"axis {place} of '{self.name}'"
        axis = _numbers(given, what)
        if axis.ndim != 1 or len(axis) <= self.degree:
            raise DataError(f"{what} has shape {axis.shape}; expected at least {self.degree + 1} values for a spline of "
                            f"degree {self.degree}.")
        if not (np.diff(axis) > 0).all():
            i = int(np.argmin(np.diff(axis)))
            raise DataError(f"{what} does not increase: {axis[i]:g} is followed by {axis[i + 1]:g}. Sort it, and the "
                            "values with it.")
        return axis

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """Of all that the function is made of."""
        found = hashlib.sha256(repr((self.name, self.degree, self.values.shape)).encode())
        for array in (*self.axes, self.values):
            found.update(array.tobytes())
        return found.hexdigest()

    @cached_property
    def spline(self) -> NdBSpline:
        """The tensor product of not-a-knot splines through all values."""
        knots, coefficients = [], self.values
        for i, axis in enumerate(self.axes):
            along = make_interp_spline(axis, coefficients, k=self.degree, axis=i)
            knots.append(along.t)
            coefficients = np.moveaxis(along.c, 0, i)  # the spline keeps the axis that it runs along in front
        return NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), self.degree)


@dataclass(frozen=True)
class Evaluation:
    """∂^α of a table's spline as a numpy function of its coordinates, one array or number for each."""

    table: Table
    orders: tuple[int, ...]

    def __call__(self, *places: Any) -> Array:
        """Values in the shape that the places broadcast to.

        Raises:
            DataError: a place outside the grid; the message names its range.
        """
        columns = np.broadcast_arrays(*(np.asarray(p, dtype=np.float64) for p in places))
        inside = [self._on_grid(c, i) for i, c in enumerate(columns)]
        flat = np.stack([c.ravel() for c in inside], axis=1)
        return np.asarray(self.table.spline(flat, nu=self.orders)).reshape(columns[0].shape)

    def _on_grid(self, column: Array, place: int) -> Array:
        axis = self.table.axes[place]
        low, high = float(axis[0]), float(axis[-1])
        slack = BEYOND * max(abs(low), abs(high))
        beyond = column[(column < low - slack) | (column > high + slack)]
        if beyond.size:
            raise DataError(f"the gridded function '{self.table.name}' is needed at {beyond.flat[0]:g} along its coordinate "
                            f"{place + 1}, and is given from {low:g} to {high:g}. Give values on a larger grid, or "
                            "solve on a smaller domain.")
        return np.clip(column, low, high)


class Gridded(FunctionClass):
    """A known function a(x, y) given on a rectilinear grid, for use in equations: ``v = Gridded("v", (xs, ys), values)``.

    ``v(x, y)`` is a sympy expression; its values and its derivatives are those of a spline through the given values.
    It may be put at any places that depend on coordinates and parameters alone, such as v(x, 2*y). Two of them are equal
    when their names and numbers are.

    Args:
        name: how it prints; a Python name.
        axes: for each of 1 to 3 coordinates its increasing grid values (n_i,), in the coordinate's unit.
        values: (n_1, …, n_d), values[i, j] at (xs[i], ys[j]), in the function's own unit.
        degree: of the spline: 1, 3 or 5. It needs degree + 1 values along each axis, and derivatives of higher order
            than its degree are zero.

    Raises:
        DataError: axes that do not increase or are too short, values of another shape, NaN or infinite values; and on
            evaluation a point outside the grid.
    """

    table: Table
    orders: tuple[int, ...]

    def __new__(mcs, name: str, axes: Sequence[ArrayLike], values: ArrayLike, degree: int = 3) -> "Gridded":
        table = Table(name, axes, values, degree)  # type: ignore[arg-type]  # as __post_init__ makes them
        return mcs._made(table, (0,) * table.values.ndim)

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__(nargs=len(self.orders))

    @classmethod
    def _made(cls, table: Table, orders: tuple[int, ...]) -> "Gridded":
        # the class's own name is that of the function in numpy code, where 'gamma' or 'v' may already mean something
        name = f"{table.name}_{''.join(map(str, orders))}_{table.digest[:12]}"
        content = {"table": table, "orders": orders, "nargs": len(orders), "_imp_": Evaluation(table, orders)}
        made: Gridded = type.__new__(cls, name, (GriddedValue,), content)
        return made

    def derivative(self, orders: Sequence[int]) -> "Gridded":
        """∂^α of this function, which is a gridded function too."""
        made = Gridded._made(self.table, tuple(a + int(b) for a, b in zip(self.orders, orders, strict=True)))
        Gridded.__init__(made)  # as calling Gridded does; the class itself makes values
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gridded) and (self.table, self.orders) == (other.table, other.orders)

    def __hash__(self) -> int:
        return hash((self.table, self.orders))


class GriddedValue(sympy.Function):
    """A gridded function, or a partial derivative of one, at a place: v(x, y)."""

    is_real = True
    is_finite = True

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        if len(arguments) != len(cls.orders):
            raise EquationError(f"the gridded function '{cls.table.name}' has {len(cls.orders)} coordinates, and was given "
                                f"{arguments}; give one place for each.")
        return super().__new__(cls, *arguments, **options)

    def fdiff(self, argindex: int = 1) -> Any:
        """The derivative with respect to one argument, counted from 1."""
        one = [int(i == argindex - 1) for i in range(len(self.orders))]
        if self.orders[argindex - 1] >= self.table.degree:
            return sympy.S.Zero
        return type(self).derivative(one)(*self.args)

    @property
    def as_written(self) -> sympy.Expr:
        """An undefined function that prints as this one should: v(x, y), v_x(x, y)."""
        letters = [a.name if isinstance(a, sympy.Symbol) else str(i + 1) for i, a in enumerate(self.args)]
        label = "".join(letter * k for letter, k in zip(letters, self.orders, strict=True))
        return sympy.Function(f"{self.table.name}_{label}" if label else self.table.name)(*self.args)

    def _sympystr(self, printer: Any, **options: Any) -> Any:
        return printer._print(self.as_written, **options)

    _latex = _pretty = _mathml_presentation = _sympystr


def _numbers(given: ArrayLike, what: str) -> Array:
    """A read-only float64 copy, or a DataError that says what is wrong."""
    try:
        numbers = np.array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} are not real numbers ({error}); give an array of floats.") from None
    if not np.isfinite(numbers).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(numbers))[0])
        raise DataError(f"{what} hold {numbers[place]} at index {place}; expected finite numbers. Fill the gap, or cut "
                        "the grid before it.")
    numbers.flags.writeable = False
    return numbers
