"""An equation as an algebraic expression in the partial derivatives of its fields.

``in_partials`` turns sympy's ``Derivative(u(x, y), (x, 2)) + u(x, y)**3`` into ``u_xx + u**3``, where ``u_xx`` and ``u``
are plain symbols. Linearity, linearisation and compilation are questions about that polynomial-like form.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from pinnsiren.errors import EquationError
from pinnsiren.symbols import Field

REMEMBERED = 2048  # expressions whose answers are kept: the same equations are compiled for every network that is tried
PROBE_DIGITS = 30  # of a slope at one place: half of them are far above rounding


class Partial(sympy.Symbol):
    """∂^α u as a symbol: a field and a multi-index α, one order for each of the field's coordinates."""

    def __new__(cls, field: Field, orders: Iterable[int]) -> "Partial":
        orders = tuple(int(k) for k in orders)
        letters = "".join(c.name * k for c, k in zip(field.coordinates, orders, strict=True))
        symbol = sympy.Symbol.__xnew__(cls, f"{field.name}_{letters}" if letters else field.name, real=True)
        symbol.field, symbol.orders = field, orders
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.field, self.orders)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.field, self.orders), {}

    @property
    def order(self) -> int:
        """|α|, the total number of differentiations."""
        return sum(self.orders)

    @property
    def derivative(self) -> sympy.Expr:
        """The same partial as sympy writes it: Derivative(u(x, y), (x, 2))."""
        pairs = [(c, k) for c, k in zip(self.field.coordinates, self.orders, strict=True) if k]
        return sympy.Derivative(self.field, *pairs) if pairs else self.field


def in_partials(expression: Any) -> sympy.Expr:
    """Rewrite an expression over :class:`Partial` symbols.

    Raises:
        EquationError: a derivative of something that is not a field, or a field evaluated elsewhere than at its own
            coordinates, such as u(0, y).
    """
    return _in_partials(sympy.sympify(expression))


@lru_cache(REMEMBERED)
def _in_partials(expression: sympy.Expr) -> sympy.Expr:
    expression = expression.doit()
    found: dict[sympy.Expr, Partial] = {}
    for derivative in expression.atoms(sympy.Derivative):
        field = derivative.expr
        if not isinstance(field, Field):
            raise EquationError(f"{derivative} differentiates {field}, which is not a Field; "
                                "declare it with ps.Field, or give its expression.")
        _require_own_place(field)
        counts = dict(derivative.variable_count)
        found[derivative] = Partial(field, [counts.get(c, 0) for c in field.coordinates])
    flat = expression.xreplace(found)
    for call in flat.atoms(AppliedUndef):
        if not isinstance(call, Field):
            raise EquationError(f"{call} is an unknown function; declare it with ps.Field('{call.func}', …).")
        _require_own_place(call)
    flat = flat.xreplace({f: Partial(f, [0] * len(f.args)) for f in flat.atoms(Field)})
    if flat.has(sympy.Subs, sympy.Integral):
        raise EquationError(f"{expression} holds an unevaluated substitution or integral; write it without one.")
    return flat


def partials(expressions: Iterable[sympy.Expr]) -> tuple[Partial, ...]:
    """Every partial that some expressions use, in a fixed order."""
    return tuple(sorted({p for e in expressions for p in _partials_in(e)}, key=lambda p: (p.field.name, p.order, p.name)))


def linearise(expression: sympy.Expr) -> dict[Partial, sympy.Expr]:
    """∂F/∂(∂^α u) for every partial in F: the coefficients of F's Fréchet derivative."""
    return {p: slope(expression, p) for p in partials([expression])}


@lru_cache(REMEMBERED)
def slope(expression: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """∂F/∂s for a partial, or another symbol that stands for some."""
    thin, known = skeleton(expression, type(symbol))  # type: ignore[arg-type]
    return sympy.diff(thin, symbol).xreplace(known)


@lru_cache(REMEMBERED)
def _partials_in(expression: sympy.Expr) -> frozenset[Partial]:
    return frozenset(expression.atoms(Partial))


@lru_cache(REMEMBERED)
def skeleton(expression: sympy.Expr, kind: type = Partial) -> tuple[sympy.Expr, Mapping[sympy.Dummy, sympy.Expr]]:
    """An expression with one symbol for each of its largest parts without partials, and these parts.

    ``skeleton.xreplace(parts)`` gives it back. What asks how it depends on partials need not look into coefficients and
    sources, which may be a thousand times as long.
    """
    thick: dict[Any, bool] = {}
    names: dict[sympy.Expr, sympy.Dummy] = {}

    def holds(e: Any) -> bool:
        if e not in thick:
            thick[e] = isinstance(e, kind) or any(holds(a) for a in e.args)
        return thick[e]

    def named(e: sympy.Expr) -> sympy.Expr:
        return e if not e.args else names.setdefault(e, sympy.Dummy(f"known{len(names)}", real=True))

    def thin(e: Any) -> Any:
        if not holds(e):
            return named(e) if isinstance(e, sympy.Expr) and e.free_symbols else e
        if not e.args:
            return e
        if isinstance(e, (sympy.Add, sympy.Mul)):
            given = [a for a in e.args if not holds(a)]
            return e.func(thin(e.func(*given)), *[thin(a) for a in e.args if holds(a)])
        return e.func(*map(thin, e.args))

    found = thin(expression)
    return found, MappingProxyType({symbol: e for e, symbol in names.items()})


def is_linear(expression: sympy.Expr) -> bool:
    """Whether an expression over partials is affine in them: no coefficient of its linearisation changes with one."""
    return not any(changes_with(a, p) for a in linearise(expression).values() for p in a.atoms(Partial))


def changes_with(expression: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether an expression depends on a symbol that it holds: x − x (sin² y + cos² y) does not depend on x.

    A slope that is not zero at some place answers that at once; only a slope that is zero at two places, one of them near the
    origin, is simplified, which takes minutes for long expressions.
    """
    change = slope(expression, symbol)
    if change == 0:
        return False
    for scale in (1, sympy.Rational(1, 7)):
        place = {s: scale * sympy.Rational(13 + 7 * i, 29 + 5 * i) for i, s in enumerate(sorted(change.free_symbols, key=str))}
        size = abs(sympy.N(change.xreplace(place), PROBE_DIGITS))
        if size.is_number and size.is_finite and size > sympy.Float(10) ** (-PROBE_DIGITS // 2):
            return True
    return bool(sympy.simplify(change) != 0)


def _require_own_place(field: Field) -> None:
    if not all(isinstance(a, sympy.Symbol) for a in field.args) or len(set(field.args)) < len(field.args):
        raise EquationError(f"{field} is evaluated away from its own coordinates; "
                            "put the equation on the region where they have those values, e.g. domain.face(x, 0).")
