"""Second derivatives that enter only as one sum Σ a_ij(x) ∂_i∂_j u: carried as one channel instead of many.

A network pass for the Laplacian in d dimensions then has 2 + d channels instead of 1 + 2d. Sources: Li et al.,
Nature Machine Intelligence 6 (2024), "forward Laplacian"; Dangel et al., arXiv 2505.13644, "collapsed Taylor mode".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from pinnsiren.partials import REMEMBERED, Partial, linearise, partials, skeleton
from pinnsiren.symbols import Field

Pair = tuple[int, int]


class Collapsed(sympy.Symbol):
    """Σ_p a_p(x) ∂_i∂_j u over some pairs p = (i, j), i ≤ j, as one symbol. The a_p hold no field."""

    def __new__(cls, field: Field, pairs: tuple[Pair, ...], coefficients: tuple[sympy.Expr, ...]) -> "Collapsed":
        symbol = sympy.Symbol.__xnew__(cls, f"L[{field.name}]", real=True)
        symbol.field, symbol.pairs, symbol.coefficients = field, pairs, coefficients
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.field, self.pairs, self.coefficients)

    @property
    def operator(self) -> tuple[tuple[Pair, ...], tuple[sympy.Expr, ...]]:
        """The operator without its field: fields of one network may share it."""
        return self.pairs, self.coefficients


@dataclass(frozen=True)
class Collapse:
    """Equations rewritten so that a pass carries as few channels as possible."""

    expressions: tuple[sympy.Expr, ...]

    @property
    def sums(self) -> tuple[Collapsed, ...]:
        return tuple(sorted({s for e in self.expressions for s in e.atoms(Collapsed)}, key=sympy.srepr))


def collapse(expressions: Sequence[sympy.Expr]) -> Collapse:
    """Collapse second derivatives where it saves channels, and leave the expressions as they are where it does not."""
    return _collapsed(tuple(expressions))


@lru_cache(REMEMBERED)
def _collapsed(expressions: tuple[sympy.Expr, ...]) -> Collapse:
    high = {p.field.coordinates for p in partials(expressions) if p.order > 2}
    rewritten = tuple(_collapse_one(e, high) for e in expressions)
    explicit = _second_order(rewritten)
    operators = {s.operator for e in rewritten for s in e.atoms(Collapsed)}
    if len(explicit) + len(operators) < len(_second_order(expressions)):
        return Collapse(rewritten)
    return Collapse(expressions)


def _second_order(expressions: Sequence[sympy.Expr]) -> set[tuple[Any, ...]]:
    return {(p.field.coordinates, p.orders) for p in partials(expressions) if p.order == 2}


def _collapse_one(expression: sympy.Expr, high: set[Any]) -> sympy.Expr:
    """Replace each field's second derivatives in one expression by scale · Collapsed, where they allow it."""
    thin, known = skeleton(expression)
    coefficients = {p: c for p, c in linearise(thin).items() if p.order == 2}
    if any(q.order >= 2 for c in coefficients.values() for q in c.atoms(Partial)):
        return expression  # not affine in the second derivatives
    for field in sorted({p.field for p in coefficients}, key=str):
        mine = {p: c for p, c in coefficients.items() if p.field == field}
        scale = next(iter(mine.values()))
        ratios = [sympy.cancel(c / scale) if c != scale else sympy.S.One for c in mine.values()]
        if field.coordinates in high or len(mine) < 2 or any(r.has(Partial) for r in ratios):
            continue
        symbol = Collapsed(field, tuple(_pair(p) for p in mine), tuple(r.xreplace(known) for r in ratios))
        thin = thin.xreplace(dict.fromkeys(mine, sympy.S.Zero)) + scale * symbol
    return thin.xreplace(known)


def _pair(partial: Partial) -> Pair:
    axes = [i for i, k in enumerate(partial.orders) for _ in range(k)]
    return axes[0], axes[1]
