"""Values of known expressions, with numpy: what the equations give, before any field is there."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from pinnsiren.errors import DataError, EquationError
from pinnsiren.symbols import Normal, Parameter

REMEMBERED = 256  # functions: the coefficients of several fields are often the same


def evaluate(expression: sympy.Expr, columns: dict[sympy.Symbol, np.ndarray]) -> np.ndarray:
    """A field-free expression at points, with numpy: (n,) float64."""
    return evaluate_together([expression], columns)[0]


def evaluate_together(expressions: Sequence[sympy.Expr], columns: dict[sympy.Symbol, np.ndarray]) -> np.ndarray:
    """Field-free expressions at points, what they share once: (their number, n) float64."""
    wanted = [e.xreplace({p: p.value for p in e.atoms(Parameter)}) for e in expressions]
    arguments = sorted(set().union(*(e.free_symbols for e in wanted)), key=str)
    count = len(next(iter(columns.values())))
    if any(isinstance(s, Normal) for s in arguments):
        return np.zeros((len(wanted), count))  # normals are unit vectors: they make nothing infinite
    try:
        call = _callable(tuple(arguments), tuple(wanted))
        with np.errstate(all="ignore"):
            found = [np.asarray(values) for values in call(*(columns[s] for s in arguments))]
        if any(map(np.iscomplexobj, found)):
            raise TypeError("its values are complex")
        return np.stack([np.broadcast_to(values.astype(float), (count,)) for values in found])
    except DataError:  # of a gridded function, which says itself what is wrong
        raise
    except (NameError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        terms = ", ".join(map(str, expressions))
        raise EquationError(f"the term {terms} has no real values: {type(error).__name__} {error}. Write it with real "
                            "elementary functions, and look for divisions by zero and for sympy.I.") from error


@lru_cache(REMEMBERED)
def _callable(arguments: tuple[sympy.Symbol, ...], expressions: tuple[sympy.Expr, ...]) -> Callable[..., Any]:
    call: Callable[..., Any] = sympy.lambdify(arguments, expressions, ["scipy", "numpy"], dummify=True, cse=True)
    return call
