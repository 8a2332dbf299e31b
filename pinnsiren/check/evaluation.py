"""Values of known expressions, with numpy: what the equations give, before any field is there."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from pinnsiren.errors import DataError, EquationError
from pinnsiren.symbols import Normal, Parameter

REMEMBERED = 256  # functions: the coefficients of several fields are often the same


def evaluate(expression: sympy.Expr, columns: dict[sympy.Symbol, np.ndarray]) -> np.ndarray:
    """A field-free expression at points, with numpy: (n,) float64."""
    expression = expression.xreplace({p: p.value for p in expression.atoms(Parameter)})
    arguments = sorted(expression.free_symbols, key=str)
    count = len(next(iter(columns.values())))
    if any(isinstance(s, Normal) for s in arguments):
        return np.zeros(count)  # normals are unit vectors: they make nothing infinite
    try:
        call = _callable(tuple(arguments), expression)
        with np.errstate(all="ignore"):
            values = np.asarray(call(*(columns[s] for s in arguments)))
        if np.iscomplexobj(values):
            raise TypeError("its values are complex")
        return np.broadcast_to(values.astype(float), (count,))
    except DataError:  # of a gridded function, which says itself what is wrong
        raise
    except (NameError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise EquationError(f"the term {expression} has no real values: {type(error).__name__} {error}. Write it with real "
                            "elementary functions, and look for divisions by zero and for sympy.I.") from error


@lru_cache(REMEMBERED)
def _callable(arguments: tuple[sympy.Symbol, ...], expression: sympy.Expr) -> Callable[..., Any]:
    call: Callable[..., Any] = sympy.lambdify(arguments, expression, ["scipy", "numpy"], dummify=True, cse=True)
    return call
