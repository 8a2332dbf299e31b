"""Changes of variables that a solve starts from: fields written in new ones, u = g + φ N, by substitution in sympy."""

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from pinnsiren.symbols import Field


@dataclass(frozen=True, eq=False)
class Ansatz:
    """How fields are written in those that networks carry.

    Args:
        fields: for each field that is replaced, an expression of new fields and coordinates.
        satisfied: names of the constraints that then hold identically, whatever the new fields are.
        remark: a sentence that says what was done, for reports.
    """

    fields: Mapping[Field, sympy.Expr]
    satisfied: tuple[str, ...] = ()
    remark: str = ""
