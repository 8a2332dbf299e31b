"""Sympy expressions as a table of plain rows and back, without eval, sympify of text, or pickle.

A row is ``[class name, *arguments]``; an integer argument is the number of an earlier row, so shared
subexpressions are written once: ``x + 2`` is ``[["Symbol", "x", {"real": true}], ["Integer", "2"], ["Add", 1, 0]]``.
Rows are rebuilt from a whitelist of classes, unevaluated, so that the expression comes back exactly as it was. The
numbers of gridded functions are arrays of the file, which a row counts from 0.
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy
from sympy.core.function import Application
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanFunction

from pinnsiren import partials, symbols
from pinnsiren.errors import StorageError
from pinnsiren.gridded import Gridded, GriddedValue, Table
from pinnsiren.storage.limits import MAXIMUM_BITS, MAXIMUM_ORDER, Limits
from pinnsiren.symbols import Field, Unknown

Row = list[Any]
Numbers = np.ndarray[Any, Any]

# numbers of their own class that carry no content
_CONSTANTS = MappingProxyType({
    type(c).__name__: c
    for c in (sympy.pi, sympy.E, sympy.I, sympy.oo, -sympy.oo, sympy.zoo, sympy.nan, sympy.true, sympy.false,
              sympy.EulerGamma, sympy.GoldenRatio, sympy.Catalan, sympy.TribonacciConstant)
})
_FUNCTION_MODULES = ("sympy.functions.elementary.", "sympy.functions.special.bessel",
                     "sympy.functions.special.error_functions", "sympy.functions.special.gamma_functions",
                     "sympy.functions.special.delta_functions", "sympy.core.mod")
_ALGEBRA = ("Add", "Mul", "Pow")
# name -> how to build it from its arguments without evaluating
_COMPOUNDS: MappingProxyType[str, Callable[..., Any]] = MappingProxyType({
    c.__name__: c
    for c in vars(sympy).values()
    if isinstance(c, type) and (
        (issubclass(c, Application) and c.__module__.startswith(_FUNCTION_MODULES))
        or (issubclass(c, (Relational, BooleanFunction)) and c not in (Relational, BooleanFunction))
        or c.__name__ in _ALGEBRA)
})
_STRUCTURES = MappingProxyType({c.__name__: c for c in (sympy.Tuple, sympy.Subs, sympy.Sum, sympy.Derivative, ExprCondPair)})
_MATRICES = MappingProxyType({c.__name__: c for c in (sympy.Matrix, sympy.ImmutableMatrix)})
_SYMBOLS = MappingProxyType({
    c.__name__: c
    for c in (sympy.Symbol, *vars(symbols).values(), *vars(partials).values())
    if isinstance(c, type) and issubclass(c, sympy.Symbol)
})


class ExpressionWriter:
    """Collects expressions as rows; equal subexpressions become one row.

    Args:
        arrays: where the numbers of gridded functions are put.
    """

    def __init__(self, arrays: list[Numbers] | None = None) -> None:
        self.rows: list[Row] = []
        self.arrays: list[Numbers] = [] if arrays is None else arrays
        self._numbers: dict[tuple[type, Any], int] = {}
        self._tables: dict[Table, list[int]] = {}

    def add(self, expression: Any) -> int:
        """Append what is missing of an expression and return the number of its row.

        Raises:
            StorageError: it holds something other than numbers, symbols, fields and elementary or Bessel functions.
        """
        key = (type(expression), sympy.ImmutableMatrix(expression)
               if isinstance(expression, sympy.MatrixBase) else expression)
        if key not in self._numbers:
            row = self._row(expression)
            self._numbers[key] = len(self.rows)
            self.rows.append(row)
        return self._numbers[key]

    def _row(self, e: Any) -> Row:
        kind: Any = type(e)
        name = kind.__name__
        if isinstance(e, sympy.Integer):
            return ["Integer", _digits(e.p)]
        if isinstance(e, sympy.Rational):
            return ["Rational", _digits(e.p), _digits(e.q)]
        if isinstance(e, sympy.Float):
            sign, mantissa, exponent, _ = e._mpf_
            return ["Float", [int(sign), _digits(mantissa), int(exponent), int(e._prec)]]
        if _CONSTANTS.get(name) == e:
            return [name]
        if _SYMBOLS.get(name) is kind:
            arguments, assumptions = e.__getnewargs_ex__()
            return [name, *map(self._argument, arguments), *([assumptions] if assumptions else [])]
        if isinstance(e, Unknown):
            return ["Unknown", _text(e.name), self.add(e.initial)]
        if isinstance(e, Field):
            declared = "Field" if e.is_real else "ComplexField"
            if e.func == _applied(e.name, len(e.args), declared):
                return [declared, _text(e.name), *map(self.add, e.args)]
        if isinstance(e, GriddedValue):
            return ["Gridded", self._table(e.table), list(e.orders), *map(self.add, e.args)]
        if _MATRICES.get(name) is kind:
            return [name, list(e.shape), *map(self.add, e)]
        if (_COMPOUNDS.get(name) or _STRUCTURES.get(name)) is kind:
            return [name, *map(self.add, e.args)]
        raise StorageError(f"{e} holds {name}, which a file cannot hold; expected numbers, symbols, fields and the "
                           "elementary, error, gamma and Bessel functions. Rewrite it in those.")

    def _table(self, table: Table) -> dict[str, Any]:
        """A gridded function's name, degree, and the places of its values and axes among the arrays."""
        if table not in self._tables:
            self._tables[table] = [len(self.arrays) + i for i in range(1 + len(table.axes))]
            self.arrays += [table.values, *table.axes]
        return {"name": _text(table.name), "degree": table.degree, "arrays": self._tables[table]}

    def _argument(self, argument: Any) -> Any:
        if isinstance(argument, str):
            return _text(argument)
        if isinstance(argument, tuple) and all(isinstance(k, int) for k in argument):
            return list(argument)
        return self.add(argument)


def read_expressions(rows: Sequence[Any], arrays: Sequence[Numbers] = ()) -> list[Any]:
    """The expression of every row.

    Args:
        arrays: the file's arrays, of which gridded functions are made.
    Raises:
        StorageError: a row names an unknown class, a row that does not come before it, arguments that its class does
            not take, or a constant or tree too large to compute with.
    """
    built: list[Any] = []
    limits = Limits()
    gridded: dict[Any, Gridded] = {}
    for number, row in enumerate(rows):
        try:
            built.append(_gridded(row, built, arrays, made=gridded) if row[0] == "Gridded" else _build(row, built))
            limits.check([k for k in row[1:] if type(k) is int], built)
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
            raise StorageError(f"expression row {number} is not valid: {str(row)[:80]} ({str(error)[:200]})") from error
    return built


def _build(row: Any, built: list[Any]) -> Any:
    name, *arguments = row
    if name == "Integer":
        return sympy.Integer(int(arguments[0]))
    if name == "Rational":
        return sympy.Rational(int(arguments[0]), int(arguments[1]))
    if name == "Float":
        return _float(*arguments[0])
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _SYMBOLS:
        return _symbol(_SYMBOLS[name], arguments, built)
    if name in _MATRICES:
        (rows, columns), *entries = arguments
        return _MATRICES[name](rows, columns, _earlier(entries, built))
    if name in ("Field", "ComplexField"):
        return _applied(_text(arguments[0]), len(arguments) - 1, name)(*_earlier(arguments[1:], built))
    if name == "Unknown":
        return Unknown(_text(arguments[0]), *_earlier(arguments[1:], built))
    if name not in _COMPOUNDS and name not in _STRUCTURES:
        raise StorageError(f"'{str(name)[:60]}' is not a class that a file may name")
    children = _earlier(arguments, built)
    if name in _ALGEBRA and not all(isinstance(c, sympy.Expr) for c in children):
        raise StorageError("its terms are not expressions")
    if name in _COMPOUNDS:
        return _COMPOUNDS[name](*children, evaluate=False)
    return _STRUCTURES[name](*children)


def _gridded(row: Any, built: list[Any], arrays: Sequence[Numbers], *, made: dict[Any, Gridded]) -> Any:
    """A gridded function at a place; ``made`` holds those of earlier rows, whose splines are then made once."""
    _, table, orders, *places = row
    numbers = table["arrays"]
    if not all(type(k) is int and 0 <= k < len(arrays) for k in numbers):
        raise StorageError("its arrays are not in the file")
    if not all(type(k) is int and 0 <= k <= MAXIMUM_ORDER for k in orders):
        raise StorageError(f"derivatives have orders up to {MAXIMUM_ORDER}")
    key = (table["name"], table["degree"], tuple(numbers))
    if key not in made:
        values, *axes = (arrays[k] for k in numbers)
        made[key] = Gridded(_text(table["name"]), tuple(axes), values, table["degree"])
    return made[key].derivative(orders)(*_earlier(places, built), evaluate=False)


def _earlier(numbers: Sequence[Any], built: list[Any]) -> list[Any]:
    if not all(type(k) is int and 0 <= k < len(built) for k in numbers):
        raise StorageError("it refers to rows that do not come before it")
    return [built[k] for k in numbers]


def _float(sign: Any, mantissa: Any, exponent: Any, precision: Any) -> Any:
    if sign not in (0, 1) or abs(int(exponent)) > MAXIMUM_BITS or not 1 <= int(precision) <= MAXIMUM_BITS:
        raise StorageError("it is not a floating-point number of reasonable size")
    return sympy.Float((sign, int(mantissa), exponent, int(mantissa).bit_length()), precision=precision)


def _symbol(kind: type, arguments: list[Any], built: list[Any]) -> Any:
    assumptions = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
    if not all(isinstance(v, bool) for v in assumptions.values()):
        raise StorageError("the assumptions on a symbol are true or false")
    values = [_text(a) if isinstance(a, str) else tuple(map(int, a)) if isinstance(a, list) else _earlier([a], built)[0]
              for a in arguments]
    return kind(*values, **assumptions)


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError as error:  # Python's own bound on the digits of an integer, against denial of service
        raise StorageError(f"a number in an expression has {int(number).bit_length()} bits; "
                           "a file holds up to 4300 digits. Round it.") from error


def _text(name: Any) -> str:
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= 200:
        raise StorageError(f"{str(name)[:40]!r} is not a name that a file can hold: 1 to 200 printable characters")
    return name


def _applied(name: str, count: int, declared: str) -> Any:
    """The function of a field, which may then be applied at any place: u(0, y)."""
    places = (sympy.Symbol(f"_{k}", real=True) for k in range(count))
    return Field(name, *places, complex=declared == "ComplexField").func
