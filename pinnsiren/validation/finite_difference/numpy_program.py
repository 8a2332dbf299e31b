"""Bound programs on numpy arrays: for small ones an operation of torch costs several times its arithmetic."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from torch import Tensor

from pinnsiren.compile import OPERATIONS, Bound, Operation

Array = NDArray[np.float64]

SMALL = 4000  # points; beyond, arithmetic counts and torch has it on all cores

_NAMED: Mapping[str, Operation] = {
    "Add": lambda *v: reduce(operator.add, v), "Mul": lambda *v: reduce(operator.mul, v), "Pow": operator.pow,
    "exp": np.exp, "log": np.log, "Abs": np.abs, "sign": np.sign, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh}
ON_ARRAYS: Mapping[Operation, Operation] = {OPERATIONS[name]: operation for name, operation in _NAMED.items()}


@dataclass(frozen=True)
class NumpyProgram:
    """A bound program of a few operations that numpy has under the same name."""

    values: tuple[Any, ...]
    missing: tuple[tuple[int, sympy.Symbol], ...]
    waiting: tuple[tuple[int, Operation, tuple[int, ...]], ...]
    outputs: tuple[int, ...]
    count: int

    def __call__(self, partials: Mapping[sympy.Symbol, Array | np.float64]) -> list[Array]:
        """Every expression: (n,), not to be written to. What is undefined is NaN, without a warning, as in torch."""
        values = list(self.values)
        for place, symbol in self.missing:
            values[place] = partials[symbol]
        with np.errstate(all="ignore"):
            for place, operation, arguments in self.waiting:
                values[place] = operation(*[values[a] for a in arguments])
        return [np.broadcast_to(np.asarray(values[o], dtype=float), (self.count,)) for o in self.outputs]


def on_arrays(bound: Bound) -> NumpyProgram | None:
    """The same program for arrays; None where it has other operations, or many points."""
    if bound.count > SMALL or any(i.operation not in ON_ARRAYS for _, i in bound.waiting):
        return None
    values = tuple(v.numpy() if isinstance(v, Tensor) else v for v in bound.values)
    waiting = tuple((place, ON_ARRAYS[i.operation], i.arguments) for place, i in bound.waiting)
    return NumpyProgram(values, bound.missing, waiting, bound.outputs, bound.count)
