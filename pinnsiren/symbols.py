"""The words of an equation: coordinates, fields, parameters, data, and the operators of vector calculus.

Everything here is plain sympy: a field is an applied function, an operator returns an expression, and what is
written with them can be differentiated, substituted and printed like any other expression.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sympy
from sympy.core.function import AppliedUndef, UndefinedFunction

from pinnsiren.errors import EquationError


class Time(sympy.Symbol):
    """A coordinate that knows it is time: space operators leave it alone."""


class Parameter(sympy.Symbol):
    """A named constant of the problem, replaced by its value when the equations are compiled.

    ``Parameter(name, low, high)`` is a :class:`RangedParameter` instead: one solve for all values of a range.

    Args:
        name: how it prints, and how ``--set name=value`` finds it.
        value: a finite real number, in whatever unit the equations use.

    Raises:
        EquationError: the value is not a finite number.
    """

    def __new__(cls, name: str, value: float, high: float | None = None) -> Any:
        if high is not None:
            return RangedParameter(name, value, high)
        symbol = sympy.Symbol.__xnew__(cls, name, real=True)
        symbol.value = _finite(value, name)
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.value)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.value), {}


class RangedParameter(sympy.Symbol):
    """A parameter that takes every value of [low, high]: one more coordinate of all fields, sampled over its range.

    Made by ``Parameter(name, low, high)``. The solution is then evaluated at a value: ``solution(u, points, k=7.5)``.

    Raises:
        EquationError: an end that is not finite, or low ≥ high.
    """

    def __new__(cls, name: str, low: float, high: float) -> "RangedParameter":
        symbol = sympy.Symbol.__xnew__(cls, name, real=True)
        symbol.low, symbol.high = _finite(low, name), _finite(high, name)
        if not symbol.low < symbol.high:
            raise EquationError(f"Parameter('{name}', {low}, {high}) has an empty range; give low < high, "
                                "or one value for a constant.")
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.low, self.high)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.low, self.high), {}


class Data(sympy.Symbol):
    """A symbol whose values travel with a point set: the a(x) of C(a(x), Φ, ∇Φ, …) = 0.

    Args:
        name: how it prints.
        complex: whether its values are complex numbers; its :attr:`parts` are then two real Data.
    """

    def __new__(cls, name: str, complex: bool = False) -> "Data":
        return super().__new__(cls, name, **({"complex": True} if complex else {"real": True}))

    @property
    def parts(self) -> tuple["Data", ...]:
        """Real and imaginary part of complex data; the symbol itself if it is real."""
        return (self,) if self.is_real else (Data(f"{self.name}_re"), Data(f"{self.name}_im"))

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return ((self.name,) if self.is_real else (self.name, sympy.true)), {}


class Normal(sympy.Symbol):
    """The component of the outward unit normal along one coordinate, on a boundary. Dimensionless."""

    def __new__(cls, coordinate: sympy.Symbol) -> "Normal":
        symbol = sympy.Symbol.__xnew__(cls, f"n_{coordinate.name}", real=True)
        symbol.coordinate = coordinate
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.coordinate)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.coordinate,), {}


class Field(AppliedUndef):
    """An unknown function Φ of its coordinates: ``Field("u", x, y)`` is the expression u(x, y).

    Args:
        name: how it prints.
        coordinates: the real symbols it depends on, at least one, all different.
        complex: whether its values are complex numbers; networks then carry its :attr:`parts`, two real fields.

    Raises:
        EquationError: no coordinate, a repeated one, or something that is not a symbol.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> "Field":
        if cls not in (Field, Unknown):  # u.func(...), as sympy rebuilds an expression
            return AppliedUndef.__new__(cls, *arguments, **options)
        name, *coordinates = arguments
        kind = {"complex": True} if options.pop("complex", False) else {"real": True}
        if options:
            raise EquationError(f"field {name!r} was given {sorted(options)}; Field takes a name and coordinates.")
        if not isinstance(name, str) or not name:
            raise EquationError(f"Field(name, *coordinates): the name is {name!r}; give a text such as 'u'.")
        if not coordinates or not all(isinstance(c, sympy.Symbol) for c in coordinates):
            raise EquationError(f"field '{name}' was given {tuple(coordinates)}; "
                                "expected the symbols that ps.coordinates or ps.time returned.")
        if len(set(coordinates)) < len(coordinates):
            raise EquationError(f"field '{name}' names a coordinate twice: {tuple(coordinates)}.")
        made: Field = UndefinedFunction(name, bases=(Field,), **kind)(*coordinates)
        return made

    @property
    def name(self) -> str:
        return str(self.func.__name__)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """The symbols that the field depends on, in the order of its declaration."""
        return tuple(self.args)

    @property
    def parts(self) -> tuple["Field", ...]:
        """Real and imaginary part of a complex field, u = u_re + i u_im; the field itself if it is real."""
        if self.is_real:
            return (self,)
        return Field(f"{self.name}_re", *self.args), Field(f"{self.name}_im", *self.args)


class Unknown(Field):
    """A scalar that the solve finds, such as a wave speed or the strength of a source: a field without coordinates.

    Args:
        name: how it prints.
        initial: where the search starts; in the unit that the equations give it. It matters for nonlinear problems.

    Raises:
        EquationError: no name, or an initial value that is not a finite number.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> "Unknown":
        if cls is not Unknown:
            made: Unknown = AppliedUndef.__new__(cls, *arguments, **options)
            return made
        return cls._declared(*arguments, **options)

    @classmethod
    def _declared(cls, name: str, initial: float = 1.0) -> "Unknown":
        if not isinstance(name, str) or not name:
            raise EquationError(f"Unknown(name, initial): the name is {name!r}; give a text such as 'c'.")
        made: Unknown = UndefinedFunction(name, bases=(Unknown,), real=True, initial=_finite(initial, name))()
        return made

    @property
    def initial(self) -> sympy.Expr:
        """The value from which the search starts."""
        return self.func.initial

    def _sympystr(self, printer: Any) -> str:
        return self.name

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = str(printer._print(sympy.Symbol(self.name)))
        return text if exp is None else f"{text}^{{{exp}}}"


def coordinates(names: str) -> tuple[sympy.Symbol, ...]:
    """Real symbols from a text such as ``"x y"`` or ``"x, y"``; always a tuple."""
    parts = names.replace(",", " ").split()
    if not parts:
        raise EquationError("coordinates('') names no coordinate; write coordinates('x y').")
    return tuple(sympy.Symbol(part, real=True) for part in parts)


def time(name: str) -> Time:
    """One real symbol that knows it is time."""
    return Time(name, real=True)


def space_coordinates(expression: Any) -> tuple[sympy.Symbol, ...]:
    """The space coordinates of the fields in an expression, in the order of their declaration."""
    parts = list(expression) if isinstance(expression, (sympy.MatrixBase, Sequence)) else [expression]
    fields = sorted({f for part in parts for f in sympy.sympify(part).atoms(Field)},
                    key=lambda f: (-len(f.args), f.name))
    if not fields:
        raise EquationError(f"{expression} has no field, so its coordinates are not known; "
                            "name them: laplacian(f, (x, y)).")
    space = tuple(c for c in fields[0].coordinates if not isinstance(c, Time))
    strange = {c for f in fields for c in f.args if isinstance(c, sympy.Symbol) and not isinstance(c, Time)}
    if not strange <= set(space):
        raise EquationError(f"the fields of {expression} live on different coordinates; name those meant: grad(f, (x, y)).")
    return space


def grad(expression: Any, along: Iterable[sympy.Symbol] | None = None) -> sympy.Matrix:
    """∇f = (∂f/∂x_1, …, ∂f/∂x_d), a column, over the field's space coordinates unless ``along`` names others."""
    along = space_coordinates(expression) if along is None else tuple(along)
    return sympy.Matrix([sympy.diff(expression, c) for c in along])


def div(vector: Any, along: Iterable[sympy.Symbol] | None = None) -> sympy.Expr:
    """∇·v = Σ ∂v_i/∂x_i of a vector with one component a coordinate.

    Raises:
        EquationError: the number of components is not that of the coordinates.
    """
    components = list(vector)
    along = space_coordinates(components) if along is None else tuple(along)
    if len(components) != len(along):
        raise EquationError(f"div of {len(components)} components over the coordinates {along}: give one component for each.")
    return sympy.Add(*[sympy.diff(v, c) for v, c in zip(components, along, strict=True)])


def laplacian(expression: Any, along: Iterable[sympy.Symbol] | None = None) -> sympy.Expr:
    """Δf = Σ ∂²f/∂x_i², over the field's space coordinates unless ``along`` names others."""
    along = space_coordinates(expression) if along is None else tuple(along)
    return sympy.Add(*[sympy.diff(expression, c, 2) for c in along])


def normal_derivative(expression: Any, along: Iterable[sympy.Symbol] | None = None) -> sympy.Expr:
    """∂f/∂n = n·∇f with the outward unit normal n of the region that the equation is put on."""
    along = space_coordinates(expression) if along is None else tuple(along)
    return sympy.Add(*[Normal(c) * sympy.diff(expression, c) for c in along])


def _finite(value: Any, name: str) -> sympy.Expr:
    number = sympy.sympify(value)
    if not (number.is_number and number.is_real and number.is_finite):
        raise EquationError(f"'{name}' was given {value!r}; expected one finite real number.")
    return number
