"""What evaluating the expressions of a file may cost: a file must not be able to fill the memory or stop the clock."""

from collections.abc import Sequence
from math import log2
from typing import Any

import sympy

from pinnsiren.errors import StorageError

MAXIMUM_BITS = 1 << 17  # of an exact constant: 10**30000 passes, 10**10**9 would fill the memory when evaluated
MAXIMUM_NODES = 10_000_000  # of an expression written out as a tree; shared rows can hide 2**60 of them
MAXIMUM_ORDER = 32  # of a derivative


class Limits:
    """Bounds for each row of a table of expressions, kept while it is built from the first row to the last."""

    def __init__(self) -> None:
        self._bits: list[float | None] = []  # that a constant's exact value may need; None: the row holds a symbol
        self._nodes: list[int] = []

    def check(self, children: Sequence[int], built: Sequence[Any]) -> None:
        """Bound the newest expression of ``built``, made of the earlier ones that ``children`` number.

        Raises:
            StorageError: it is a constant, a tree or a derivative larger than the limits of this file.
        """
        expression = built[-1]
        self._nodes.append(1 + sum(self._nodes[k] for k in children))
        if self._nodes[-1] > MAXIMUM_NODES:
            raise StorageError("it is too large when written out")
        if isinstance(expression, sympy.Derivative) and not expression.derivative_count <= MAXIMUM_ORDER:
            raise StorageError(f"derivatives have orders up to {MAXIMUM_ORDER}")
        self._bits.append(_bits(expression, [(built[k], self._bits[k]) for k in children]))
        if (self._bits[-1] or 0.0) > MAXIMUM_BITS:
            raise StorageError("it is a constant too large to compute with")


def _bits(expression: Any, children: Sequence[tuple[Any, float | None]]) -> float | None:
    """log2 of a bound on a constant, its reciprocal and its denominator."""
    if isinstance(expression, sympy.Rational):
        return float(max(int(expression.p).bit_length(), int(expression.q).bit_length()))
    if isinstance(expression, sympy.Float):
        return float(abs(expression._mpf_[2] + expression._mpf_[3]))
    if not children:
        return 2.0 if isinstance(expression, sympy.Basic) and not expression.is_Symbol else None
    bits = [b for _, b in children if b is not None]
    if len(bits) < len(children):
        return None
    if isinstance(expression, sympy.Pow):
        exponent = children[1][0]
        magnitude = abs(float(exponent)) if isinstance(exponent, sympy.Rational) else 2.0 ** min(bits[1], 64)
        return bits[0] * max(magnitude, 1.0)
    if isinstance(expression, (sympy.gamma, sympy.loggamma, sympy.polygamma)):
        return float(2.0 ** min(sum(bits), 64))  # n! has about n log2 n bits
    return sum(bits) if isinstance(expression, sympy.Mul) else max(bits) + log2(1 + len(bits))
