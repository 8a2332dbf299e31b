"""From sympy to torch: the only file that knows both.

A list of expressions becomes a straight-line program. What depends on the points alone (coordinates, data, normals) is
evaluated once, when the program is bound to them; what depends on the fields is evaluated at every call.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import Any

import sympy
import torch
from torch import Tensor

from pinnsiren.bessel import bessel
from pinnsiren.errors import EquationError
from pinnsiren.exponential_integral import exponential_integral
from pinnsiren.gridded import Evaluation, GriddedValue
from pinnsiren.partials import REMEMBERED, Partial
from pinnsiren.symbols import Parameter

Value = Tensor | float
Operation = Callable[..., Any]


def _tensor(value: Any, like: Tensor) -> Tensor:
    return value if isinstance(value, Tensor) else like.new_full((), value)  # a kernel, not a copy from the host


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    like = next(v for v in values if isinstance(v, Tensor))
    return [_tensor(v, like) for v in values]


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, float):
        special = {0.5: torch.sqrt, -0.5: torch.rsqrt, -1.0: torch.reciprocal, 2.0: torch.square}.get(exponent)
        if special is not None:
            return special(base)
        return base ** (int(exponent) if exponent.is_integer() else exponent)
    return torch.pow(*_tensors([base, exponent]))


def _piecewise(*parts: Any) -> Tensor:
    """(value, condition, value, condition, …): the first value whose condition holds, NaN where none does."""
    like = next(p for p in parts if isinstance(p, Tensor)).new_zeros((), dtype=torch.float64)
    result = like + torch.nan
    for value, condition in reversed(list(zip(parts[::2], parts[1::2], strict=True))):
        value = value if isinstance(value, Tensor) else like + value
        condition = condition if isinstance(condition, Tensor) else like.new_full((), condition, dtype=torch.bool)
        result = torch.where(condition, value, result)
    return result


def _heaviside(x: Tensor, at_zero: Any = 0.5) -> Tensor:
    return torch.heaviside(x.detach(), _tensor(at_zero, x))  # its derivative is zero almost everywhere


def _pairwise(function: Callable[[Tensor, Tensor], Tensor]) -> Operation:
    return lambda *values: reduce(function, _tensors(values))


def _sinc(x: Tensor) -> Tensor:
    return torch.sinc(x / torch.pi)


def _gridded(evaluation: Evaluation) -> Operation:
    """Spline values at places that are known when the program is bound: numpy's, hence without a gradient."""
    def values(*places: Any) -> Tensor:
        like = next(p for p in places if isinstance(p, Tensor))
        at = [p.detach().cpu().numpy() if isinstance(p, Tensor) else p for p in places]
        return torch.as_tensor(evaluation(*at), dtype=like.dtype, device=like.device)

    return values


OPERATIONS: dict[str, Operation] = {
    "Add": lambda *v: reduce(operator.add, v), "Mul": lambda *v: reduce(operator.mul, v), "Pow": _power,
    "exp": torch.exp, "log": torch.log, "Abs": torch.abs, "sign": torch.sign,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "sinc": _sinc,
    "cot": lambda x: 1 / torch.tan(x), "sec": lambda x: 1 / torch.cos(x), "csc": lambda x: 1 / torch.sin(x),
    "asin": torch.asin, "acos": torch.acos, "atan": torch.atan, "acot": lambda x: torch.atan(1 / x),
    "asec": lambda x: torch.acos(1 / x), "acsc": lambda x: torch.asin(1 / x),
    "atan2": lambda y, x: torch.atan2(*_tensors([y, x])),
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh,
    "coth": lambda x: 1 / torch.tanh(x), "sech": lambda x: 1 / torch.cosh(x), "csch": lambda x: 1 / torch.sinh(x),
    "asinh": torch.asinh, "acosh": torch.acosh, "atanh": torch.atanh, "acoth": lambda x: torch.atanh(1 / x),
    "asech": lambda x: torch.acosh(1 / x), "acsch": lambda x: torch.asinh(1 / x),
    "floor": torch.floor, "ceiling": torch.ceil, "frac": lambda x: x - torch.floor(x),
    "Mod": lambda x, y: torch.remainder(*_tensors([x, y])),
    "Max": _pairwise(torch.maximum), "Min": _pairwise(torch.minimum), "Heaviside": _heaviside,
    "erf": torch.erf, "erfc": torch.erfc, "erfinv": torch.erfinv, "loggamma": torch.lgamma,
    "gamma": lambda x: torch.exp(torch.lgamma(x)) * torch.where((x < 0) & (torch.floor(x) % 2 != 0), -1.0, 1.0),
    "Ei": exponential_integral,
    "besselj": bessel("j"), "bessely": bessel("y"), "besseli": bessel("i"), "besselk": bessel("k"),
    "re": lambda x: x, "conjugate": lambda x: x, "im": torch.zeros_like,
    "Piecewise": _piecewise, "ITE": lambda c, a, b: (c & a) | (~c & b),
    "StrictLessThan": operator.lt, "LessThan": operator.le, "StrictGreaterThan": operator.gt, "GreaterThan": operator.ge,
    "Equality": operator.eq, "Unequality": operator.ne, "Not": torch.logical_not,
    "And": lambda *v: reduce(operator.and_, v), "Or": lambda *v: reduce(operator.or_, v),
}

ALGEBRA = {"Add", "Mul", "Pow", "ITE", "StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan", "Equality",
           "Unequality", "Not", "And", "Or"}


MOST_TERMS = 100_000  # of a sum: more take minutes at every evaluation


@dataclass(frozen=True)
class Instruction:
    """One operation on earlier values; arguments are places in the list of values."""

    operation: Operation
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Expressions as instructions. Values are numbered: constants, then symbols, then one for each instruction.

    Made by :func:`compile_expressions`; :meth:`bind` it to points, then call it with the fields' partials.
    """

    constants: tuple[float | bool, ...]
    symbols: tuple[sympy.Symbol, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def bind(self, columns: Mapping[sympy.Symbol, Tensor], count: int, like: Tensor) -> "Bound":
        """Evaluate all that the given columns determine.

        Args:
            columns: (n,) tensors of coordinates, data and normals.
            count: n, the number of points.
            like: gives results that are constants their dtype and device.
        """
        values: list[Any] = [*self.constants, *(columns.get(s) for s in self.symbols)]
        waiting = []
        for place, instruction in enumerate(self.instructions, start=len(values)):
            arguments = [values[a] for a in instruction.arguments]
            ready = all(a is not None for a in arguments)
            values.append(instruction.operation(*arguments) if ready else None)
            if not ready:
                waiting.append((place, instruction))
        missing = {len(self.constants) + i: s for i, s in enumerate(self.symbols) if s not in columns}
        return Bound(tuple(values), tuple(missing.items()), tuple(waiting), self.outputs, count, like.new_zeros(()))

    def __call__(self, columns: Mapping[sympy.Symbol, Tensor]) -> list[Tensor]:
        """Every expression at points: (n,) tensors, given all symbols at once."""
        like = next(iter(columns.values()))
        return self.bind(columns, len(like), like)({})


@dataclass(frozen=True)
class Bound:
    """A program at fixed points, waiting for the fields' partials there."""

    values: tuple[Any, ...]
    missing: tuple[tuple[int, sympy.Symbol], ...]
    waiting: tuple[tuple[int, Instruction], ...]
    outputs: tuple[int, ...]
    count: int
    zero: Tensor

    def __call__(self, partials: Mapping[sympy.Symbol, Tensor]) -> list[Tensor]:
        """Every expression: (n,) tensors."""
        values = list(self.values)
        for place, symbol in self.missing:
            values[place] = partials[symbol]
        for place, instruction in self.waiting:
            values[place] = instruction.operation(*(values[a] for a in instruction.arguments))
        return [(self.zero + values[o]).to(self.zero.dtype).expand(self.count) for o in self.outputs]

    def selected(self, rows: Tensor) -> "Bound":
        """The program at some of its points, by their numbers (n,): what is known there is not evaluated again."""
        needed = {*self.outputs, *(a for _, instruction in self.waiting for a in instruction.arguments)}
        values = tuple(v[rows] if k in needed and isinstance(v, Tensor) and v.shape == (self.count,) else v
                       for k, v in enumerate(self.values))
        return replace(self, values=values, count=len(rows))


def compile_expressions(expressions: Sequence[Any]) -> Program:
    """Compile expressions over plain symbols (coordinates, data, normals, partials), sharing what they share.

    Parameters are replaced by their values and constant subexpressions folded in 30 digits.

    Raises:
        EquationError: a function that has no counterpart, or a constant that is not a finite real number.
    """
    return _compiled(tuple(sympy.sympify(e) for e in expressions))


@lru_cache(REMEMBERED)
def _compiled(expressions: tuple[sympy.Expr, ...]) -> Program:
    folded: dict[Any, Any] = {}  # expressions of one problem share most of what they hold
    prepared = [_real(e, folded) for e in expressions]
    _require_known_places(prepared)
    # a sum is opaque here: what its terms share holds its index, which means nothing outside of it
    sums = {s: sympy.Dummy() for e in prepared for s in e.atoms(sympy.Sum)}
    replacements, reduced = sympy.cse([e.xreplace(sums) for e in prepared], order="none",
                                      symbols=sympy.numbered_symbols("_s", cls=sympy.Dummy))
    compiler = _Compiler(dict(replacements) | {name: s for s, name in sums.items()})
    outputs = [compiler.place(e) for e in reduced]
    return compiler.program(outputs)


def _require_known_places(expressions: Sequence[Any]) -> None:
    for value in {v for e in expressions for v in e.atoms(GriddedValue)}:
        if value.has(Partial):
            raise EquationError(f"{value} is a gridded function of a field; its places may depend on coordinates and "
                                "parameters only. Write a function of a field with elementary functions.")


def _real(expression: Any, folded: dict[Any, Any]) -> Any:
    """Parameters replaced by their values, and the largest subexpressions without symbols by numbers.

    ``folded`` keeps what was done.
    """
    return _folded(expression.xreplace({p: p.value for p in expression.atoms(Parameter)}), folded)


def _folded(node: Any, folded: dict[Any, Any]) -> Any:
    if node not in folded:
        folded[node] = _newly_folded(node, folded)
    return folded[node]


def _newly_folded(node: Any, folded: dict[Any, Any]) -> Any:
    # shared constants would otherwise become symbols of the common subexpressions, and reach torch as plain numbers
    if not node.args or isinstance(node, sympy.logic.boolalg.Boolean):
        return node
    if isinstance(node, sympy.Piecewise):
        return sympy.Piecewise(*((_folded(value, folded), condition) for value, condition in node.args))
    if not node.free_symbols:
        return node if node.is_Rational else sympy.Float(_constant(node), 17)
    arguments = [_folded(a, folded) for a in node.args]
    return node if all(a is b for a, b in zip(arguments, node.args, strict=True)) else node.func(*arguments)


class _Compiler:
    """One walk over the expressions; equal subexpressions get one place."""

    def __init__(self, shared: Mapping[sympy.Symbol, Any]) -> None:
        self.shared = shared
        self.places: dict[Any, tuple[str, int]] = {}
        self.constants: list[float | bool] = []
        self.symbols: list[sympy.Symbol] = []
        self.instructions: list[tuple[Operation, list[tuple[str, int]]]] = []

    def place(self, node: Any) -> tuple[str, int]:
        if node not in self.places:
            self.places[node] = self._new_place(node)
        return self.places[node]

    def _new_place(self, node: Any) -> tuple[str, int]:
        if node in self.shared:
            return self.place(self.shared[node])
        if not node.free_symbols:
            self.constants.append(_constant(node))
            return "constant", len(self.constants) - 1
        if isinstance(node, sympy.Symbol):
            self.symbols.append(node)
            return "symbol", len(self.symbols) - 1
        if isinstance(node, GriddedValue):
            self.instructions.append((_gridded(node._imp_), [self.place(a) for a in node.args]))
            return "instruction", len(self.instructions) - 1
        if isinstance(node, sympy.Sum):
            operation, symbols = _series(node)
            self.instructions.append((operation, [self.place(s) for s in symbols]))
            return "instruction", len(self.instructions) - 1
        name = type(node).__name__
        if name not in OPERATIONS:
            known = sorted(n for n in OPERATIONS if n not in ALGEBRA)
            raise EquationError(f"the function {name} in {node} is not supported. Rewrite it with: {', '.join(known)}.")
        arguments = [a for pair in node.args for a in pair.args] if name == "Piecewise" else node.args
        places = [self.place(a) for a in arguments]  # arguments first: instructions are in the order of evaluation
        self.instructions.append((OPERATIONS[name], places))
        return "instruction", len(self.instructions) - 1

    def program(self, outputs: Sequence[tuple[str, int]]) -> Program:
        start = {"constant": 0, "symbol": len(self.constants), "instruction": len(self.constants) + len(self.symbols)}

        def number(place: tuple[str, int]) -> int:
            return start[place[0]] + place[1]

        instructions = tuple(Instruction(f, tuple(map(number, a))) for f, a in self.instructions)
        return Program(tuple(self.constants), tuple(self.symbols), instructions, tuple(map(number, outputs)))


def _series(node: sympy.Sum) -> tuple[Operation, tuple[sympy.Symbol, ...]]:
    """A finite sum as one operation on the symbols that its terms hold besides the index, added up term by term."""
    if len(node.limits) != 1 or len(node.limits[0]) != 3 or not all(end.is_Integer for end in node.limits[0][1:]):
        raise EquationError(f"the sum {node} has other limits than two whole numbers for one index; "
                            "write sympy.Sum(term, (n, 1, 100)).")
    index, first, last = node.limits[0]
    if last - first >= MOST_TERMS:
        raise EquationError(f"the sum {node} has {last - first + 1} terms; at most {MOST_TERMS} are added up one by one.")
    term = compile_expressions([node.function])
    symbols = tuple(s for s in term.symbols if s != index)

    def added(*values: Tensor) -> Tensor:
        columns = torch.broadcast_tensors(*values)
        known = {s: c.reshape(-1) for s, c in zip(symbols, columns, strict=True)}
        like = next(iter(known.values()))
        bound = term.bind(known, len(like), like)
        terms = (bound({index: like.new_tensor(float(n))})[0] for n in range(int(first), int(last) + 1))
        return reduce(operator.add, terms).reshape(columns[0].shape)

    return added, symbols


def _constant(node: Any) -> float | bool:
    if node in (sympy.true, sympy.false):
        return bool(node)
    number = sympy.N(node, 30)
    if not (number.is_Number and number.is_real and number.is_finite):
        raise EquationError(f"the constant {node} is {number}; expected a finite real number.")
    return float(number)
