"""Complex equations as pairs of real ones: u = u_re + i u_im by substitution, then real and imaginary part of the rest.

sympy's own ``as_real_imag`` leaves Piecewise, Hankel functions and powers of long sums as they are; here every function that
an equation may use has its rule, and what has none is an error.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sympy

from pinnsiren.errors import EquationError
from pinnsiren.symbols import Data, Field

Pair = tuple[sympy.Expr, sympy.Expr]

REMEMBERED = 256  # expressions whose parts are kept

_COMPLEX = (sympy.hankel1, sympy.hankel2, sympy.functions.elementary.exponential.exp_polar)


def in_real_fields(expression: Any) -> Any:
    """An expression with every complex field written as u_re + i u_im, and complex data likewise."""
    found = [a for a in expression.atoms(Field, Data) if not a.is_real]
    if not found:
        return expression
    return expression.subs({a: a.parts[0] + sympy.I * a.parts[1] for a in found}).doit()


def is_real(expression: sympy.Expr) -> bool:
    """Whether an expression over real symbols holds nothing that makes it complex."""
    return not (expression.has(sympy.I, *_COMPLEX) or any(not d.is_real for d in expression.atoms(Data)))


@lru_cache(REMEMBERED)
def real_and_imaginary(expression: sympy.Expr) -> Pair:
    """(Re e, Im e) of an expression whose symbols are real, except for complex Data.

    Raises:
        EquationError: a function without a rule for complex arguments.
    """
    return _Splitter().split(expression)


class _Splitter:
    """One walk over an expression; equal subexpressions are split once."""

    def __init__(self) -> None:
        self.known: dict[sympy.Expr, Pair] = {}
        self.real: dict[Any, bool] = {}

    def is_real(self, e: Any) -> bool:
        """As :func:`is_real`, each part looked at once."""
        if e not in self.real:
            complex_itself = e is sympy.I or isinstance(e, _COMPLEX) or (isinstance(e, Data) and not e.is_real)
            self.real[e] = not complex_itself and all(self.is_real(a) for a in e.args)
        return self.real[e]

    def split(self, e: sympy.Expr) -> Pair:
        if e not in self.known:
            self.known[e] = self._new(e)
        return self.known[e]

    def _new(self, e: sympy.Expr) -> Pair:
        if self.is_real(e):
            return _real_form(e), sympy.S.Zero
        if e is sympy.I:
            return sympy.S.Zero, sympy.S.One
        if isinstance(e, Data):
            return e.parts[0], e.parts[1]
        if isinstance(e, sympy.Add):
            parts = [self.split(a) for a in e.args]
            return sympy.Add(*[a for a, _ in parts]), sympy.Add(*[b for _, b in parts])
        if isinstance(e, sympy.Mul):
            return self._product(e)
        if isinstance(e, sympy.Pow):
            return self._power(*e.as_base_exp())
        if isinstance(e, sympy.Piecewise):
            branches = [(self.split(value), condition) for value, condition in e.args]
            re, im = (sympy.Piecewise(*((pair[i], c) for pair, c in branches)) for i in (0, 1))
            return re, im
        if isinstance(e, (sympy.hankel1, sympy.hankel2)):
            order, argument = e.args
            if not self.is_real(argument):
                raise EquationError(f"{e} has a complex argument; only Hankel functions of real arguments are supported.")
            sign = 1 if isinstance(e, sympy.hankel1) else -1
            return sympy.besselj(order, argument), sign * sympy.bessely(order, argument)
        rule = _RULES.get(type(e))
        if rule is None:
            raise EquationError(f"{e.func} of the complex argument {e.args[0] if e.args else e} is not supported; write it "
                                f"with one of {', '.join(sorted(f.__name__ for f in _RULES))}, or with real arguments.")
        return rule(*self.split(e.args[0]))

    def _product(self, e: sympy.Mul) -> Pair:
        real = [a for a in e.args if self.is_real(a)]
        re, im = sympy.S.One, sympy.S.Zero
        for factor in (a for a in e.args if a not in real):
            a, b = self.split(factor)
            re, im = re * a - im * b, re * b + im * a
        scale = sympy.Mul(*map(_real_form, real))
        return scale * re, scale * im

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> Pair:
        if isinstance(exponent, sympy.Integer):
            a, b = self.split(base)
            if exponent < 0:
                size = a**2 + b**2
                a, b = a / size, -b / size
            re, im = sympy.S.One, sympy.S.Zero
            for _ in range(abs(int(exponent))):
                re, im = re * a - im * b, re * b + im * a
            return re, im
        if base == sympy.E:
            return _exp(*self.split(exponent))
        logarithm = (sympy.log(base), sympy.S.Zero) if self.is_real(base) and base.is_positive else _log(*self.split(base))
        (a, b), (p, q) = logarithm, self.split(exponent)
        return _exp(p * a - q * b, p * b + q * a)


def _real_form(e: sympy.Expr) -> sympy.Expr:
    """A real expression without the functions that are trivial on real numbers."""
    return e.replace(lambda n: isinstance(n, (sympy.re, sympy.conjugate)), lambda n: n.args[0]).replace(
        lambda n: isinstance(n, sympy.im), lambda n: sympy.S.Zero)


def _exp(a: sympy.Expr, b: sympy.Expr) -> Pair:
    size = sympy.exp(a)
    return size * sympy.cos(b), size * sympy.sin(b)


def _log(a: sympy.Expr, b: sympy.Expr) -> Pair:
    return sympy.log(a**2 + b**2) / 2, sympy.atan2(b, a)


def _ratio(top: Pair, bottom: Pair) -> Pair:
    (a, b), (c, d) = top, bottom
    size = c**2 + d**2
    return (a * c + b * d) / size, (b * c - a * d) / size


def _sin(a: sympy.Expr, b: sympy.Expr) -> Pair:
    return sympy.sin(a) * sympy.cosh(b), sympy.cos(a) * sympy.sinh(b)


def _cos(a: sympy.Expr, b: sympy.Expr) -> Pair:
    return sympy.cos(a) * sympy.cosh(b), -sympy.sin(a) * sympy.sinh(b)


def _sinh(a: sympy.Expr, b: sympy.Expr) -> Pair:
    return sympy.sinh(a) * sympy.cos(b), sympy.cosh(a) * sympy.sin(b)


def _cosh(a: sympy.Expr, b: sympy.Expr) -> Pair:
    return sympy.cosh(a) * sympy.cos(b), sympy.sinh(a) * sympy.sin(b)


_RULES: dict[type, Callable[[sympy.Expr, sympy.Expr], Pair]] = {
    sympy.exp: _exp, sympy.log: _log, sympy.sin: _sin, sympy.cos: _cos, sympy.sinh: _sinh, sympy.cosh: _cosh,
    sympy.tan: lambda a, b: _ratio(_sin(a, b), _cos(a, b)), sympy.tanh: lambda a, b: _ratio(_sinh(a, b), _cosh(a, b)),
    sympy.conjugate: lambda a, b: (a, -b), sympy.re: lambda a, b: (a, sympy.S.Zero), sympy.im: lambda a, b: (b, sympy.S.Zero),
    sympy.Abs: lambda a, b: (sympy.sqrt(a**2 + b**2), sympy.S.Zero),
    sympy.arg: lambda a, b: (sympy.atan2(b, a), sympy.S.Zero),
}
