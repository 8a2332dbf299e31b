"""A sympy condition on coordinates, such as (x > 0) & Eq(y, 1), as a numpy predicate with a sensible tolerance."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction, to_nnf

from pinnsiren.errors import DomainError
from pinnsiren.symbols import Parameter

Columns = Sequence[NDArray[np.float64]]
Holds = Callable[[Columns], NDArray[np.bool_]]

REMEMBERED = 256  # predicates: each takes tens of milliseconds to make, and is asked for at every sample


def check_condition(condition: Any, symbols: Sequence[sympy.Symbol]) -> sympy.Basic:
    """A condition as a sympy Boolean over some symbols (and Parameters).

    Raises:
        DomainError: not a condition, or one with other symbols.
    """
    if isinstance(condition, (bool, np.bool_)):
        return sympy.true if condition else sympy.false
    if not isinstance(condition, (Relational, BooleanFunction, BooleanAtom)):
        raise DomainError(f"where({condition!r}) was not given a condition; expected a comparison such as "
                          "x > 0, sympy.Eq(x, 0), or several joined by & and |.")
    unknown = {s for s in condition.free_symbols if not isinstance(s, Parameter)} - set(symbols)
    unknown |= condition.atoms(AppliedUndef)
    if unknown:
        raise DomainError(f"where({condition}) uses {', '.join(sorted(map(str, unknown)))}; "
                          f"the region has {', '.join(map(str, symbols))}. Use only those.")
    return condition


@lru_cache(REMEMBERED)
def predicate(condition: sympy.Basic, symbols: tuple[sympy.Symbol, ...], tolerance: float) -> Holds:
    """A function from columns (n,), one for each symbol, to (n,) bool.

    Each comparison of g = lhs − rhs with 0 counts |g| ≤ tolerance·Σ|∂g/∂x_i| as equality: points within a distance
    of about ``tolerance`` of the surface g = 0. So x >= 0 accepts x = −1e-17 and x > 0 refuses x = 1e-17, and a
    condition and its negation share no point.
    """
    values = {s: s.value for s in condition.atoms(Parameter)}
    # Real stand-ins: the derivative of Abs(x) is only simple when x is known to be real.
    stand_ins = {s: sympy.Dummy(f"x{i}", real=True) for i, s in enumerate(symbols)}
    plain = to_nnf(condition.xreplace(values | stand_ins), simplify=False)
    return _compiled(plain, tuple(stand_ins.values()), tolerance)


def _compiled(condition: Any, symbols: tuple[sympy.Symbol, ...], tolerance: float) -> Holds:
    if isinstance(condition, BooleanAtom):
        truth = bool(condition)
        return lambda columns: np.full(len(columns[0]), truth)
    if isinstance(condition, (sympy.And, sympy.Or)):
        parts = [_compiled(part, symbols, tolerance) for part in condition.args]
        join = np.logical_and if isinstance(condition, sympy.And) else np.logical_or
        return lambda columns: join.reduce([part(columns) for part in parts])
    if isinstance(condition, Relational):
        return _comparison(condition, symbols, tolerance)
    raise DomainError(f"where(…) holds {condition}, which is not a comparison; write one such as x > 0.")


def _comparison(relation: Any, symbols: tuple[sympy.Symbol, ...], tolerance: float) -> Holds:
    gap = relation.lhs - relation.rhs
    slopes = [sympy.diff(gap, s) for s in symbols]
    # floor, sign and their like have no derivative to scale by: they are compared exactly
    slopes = [0 if s.has(sympy.Derivative, sympy.Subs, sympy.DiracDelta) else sympy.Abs(s) for s in slopes]
    evaluate = sympy.lambdify(symbols, [gap, sympy.Add(*slopes)], modules=["scipy", "numpy"], cse=True, dummify=True)
    kind = relation.func

    def holds(columns: Columns) -> NDArray[np.bool_]:
        with np.errstate(all="ignore"):  # outside the domain of log or sqrt a comparison is nan, hence false
            g, slope = (np.broadcast_to(v, columns[0].shape) for v in evaluate(*columns))
            band = tolerance * np.nan_to_num(slope, nan=0.0, posinf=0.0)
            verdict = _VERDICTS[kind](g, band)
        return np.asarray(verdict, dtype=bool)

    return holds


_VERDICTS: dict[Any, Callable[[Any, Any], Any]] = {
    sympy.Eq: lambda g, band: np.abs(g) <= band,
    sympy.Ne: lambda g, band: np.abs(g) > band,
    sympy.Ge: lambda g, band: g >= -band,
    sympy.Gt: lambda g, band: g > band,
    sympy.Le: lambda g, band: g <= band,
    sympy.Lt: lambda g, band: g < -band,
}
