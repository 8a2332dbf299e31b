"""Manufactured solutions: an equation whose right-hand side sympy derives from the solution that it shall have."""

from collections.abc import Mapping
from typing import Any

import sympy

from pinnsiren.equation import Equation
from pinnsiren.symbols import Field


def satisfied_by(exact: Mapping[Field, Any], left: Any, name: str | None = None) -> Equation:
    """L(u) = L(u*): the equation with a given left side that a chosen u* satisfies.

    Args:
        exact: u*, an expression for each field.
        left: L(u), an expression in the fields, or a vector of them; it may hold normals.
        name: of the equation.
    Reference: Roache, Code verification by the method of manufactured solutions, J. Fluids Eng. 124 (2002).
    """
    parts = list(left) if isinstance(left, (sympy.MatrixBase, tuple, list)) else [left]
    return Equation(parts, [part.subs(dict(exact)).doit() for part in parts], name)
