"""Expressions come back from their rows exactly; rows that pinnsiren would not write are refused."""

import json
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import And, Derivative, Eq, Float, I, Integer, Ne, Or, Piecewise, Rational, Symbol, Xor, oo, pi

from pinnsiren.errors import StorageError
from pinnsiren.partials import Partial, in_partials
from pinnsiren.storage.expressions import ExpressionWriter, read_expressions
from pinnsiren.symbols import Data, Field, Parameter, coordinates, grad, laplacian, normal_derivative, time

x, y = coordinates("x y")
t = time("t")
u = Field("u", x, y)
z = Symbol("z")

EXPRESSIONS = [
    Integer(10) ** 50, Rational(-3, 7), Float("0.1", 50), Float(1e-300), pi * sympy.E + I, oo, -oo, sympy.zoo,
    sympy.nan, sympy.EulerGamma, sympy.true, sympy.false, 2**pi, 2 ** Rational(1, 10**6), sympy.exp(-1000),
    Symbol("p", positive=True), z, x * t, Parameter("k", Rational(1, 3)) * u, Data("d") * u.diff(x),
    Partial(u, (2, 1)) ** 2, u, u.subs(x, 0), u.diff(x, x, y), Derivative(u.subs(x, 0), y), u.diff(x).subs(x, 0),
    laplacian(u) + u**3, normal_derivative(u) + 2 * u, grad(u), sympy.ImmutableMatrix([[x, 1], [u, y]]),
    sympy.Tuple(x, y), x + 2, x**y, sympy.sqrt(x**2 + y**2), sympy.exp(-(x**2) / 2), sympy.log(x), x < 1, Eq(x, 0),
    Ne(x, y), And(x > 1, Or(y < 2, sympy.Not(Eq(x, y)))), Xor(x < 1, y < 2), sympy.ITE(x < 1, y < 2, y > 3),
    Piecewise((x, x < 1), (sympy.sin(x), And(x >= 1, y < 2)), (0, True)), sympy.Max(x, y, 0), sympy.Min(x, 2), abs(x),
    sympy.sign(x), sympy.Heaviside(x), sympy.DiracDelta(x), sympy.erf(x), sympy.atan2(y, x), sympy.Mod(x, 2),
    sympy.floor(x), sympy.besselj(0, x), sympy.bessely(Rational(1, 2), x), sympy.gamma(x), sympy.conjugate(z),
    sympy.LambertW(x), sympy.Mul(2, x + y, evaluate=False), sympy.Add(x, x, evaluate=False),
    sympy.sin(0, evaluate=False),
]


def there_and_back(expression: Any) -> Any:
    writer = ExpressionWriter()
    number = writer.add(expression)
    return read_expressions(json.loads(json.dumps(writer.rows)))[number]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda e: str(e)[:40])
def test_comes_back_exactly(expression: Any) -> None:
    back = there_and_back(expression)
    assert type(back) is type(expression)
    assert back == expression
    assert sympy.srepr(back) == sympy.srepr(expression)


@pytest.mark.parametrize("name", [
    "sin", "cos", "tan", "sec", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp", "log",
    "sqrt", "cbrt", "erf", "erfc", "sinc", "ceiling", "Abs", "re", "im"])
def test_elementary_functions(name: str) -> None:
    expression = getattr(sympy, name)(z) * u
    assert there_and_back(expression) == expression


def test_rebuilt_fields_are_the_declared_ones() -> None:
    back = there_and_back(laplacian(u) + u)
    assert back.atoms(Field) == {u}
    assert in_partials(back) == in_partials(laplacian(u) + u)
    assert there_and_back(Parameter("k", 2.5)).value == 2.5
    assert there_and_back(normal_derivative(u)).free_symbols == normal_derivative(u).free_symbols


def test_shared_subexpressions_are_written_once() -> None:
    expression = x
    for _ in range(12):  # a tree of 2^12 leaves
        expression = sympy.sin(expression) * sympy.cos(expression)
    writer = ExpressionWriter()
    writer.add(expression)
    assert len(writer.rows) < 50


leaves = st.sampled_from([x, y, u, u.diff(x), Integer(2), Rational(1, 3), Float(0.7), pi, Data("a"), Parameter("k", 3)])
trees = st.recursive(leaves, lambda e: st.one_of(
    st.tuples(e, e).map(lambda p: p[0] + p[1]), st.tuples(e, e).map(lambda p: p[0] * p[1]),
    e.map(sympy.sin), e.map(lambda a: sympy.exp(-a)), e.map(lambda a: a**2),
    e.map(lambda a: sympy.Max(a, x))), max_leaves=12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(trees)
def test_any_tree_comes_back(expression: Any) -> None:
    assert there_and_back(expression) == expression


class Foreign(sympy.Function):
    """A function that no file may name."""


@pytest.mark.parametrize(("expression", "message"), [
    (Foreign(x), "holds Foreign, which a file cannot hold"),
    (sympy.Integral(x, x), "holds Integral"),
    (sympy.Function("f")(x), "holds f"),
    (sympy.Dummy("d"), "holds Dummy"),
    (Field("u\n", x), "not a name"),
    (Integer(10) ** 5000 + x, "up to 4300 digits"),
])
def test_what_a_file_cannot_hold(expression: Any, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        ExpressionWriter().add(expression)


X = ["Symbol", "x", {"real": True}]


@pytest.mark.parametrize(("rows", "message"), [
    ([["eval", "__import__('os')"]], "'eval' is not a class"),
    ([["Lambda", 0, 0]], "'Lambda' is not a class"),
    ([["Integer", "10"], ["Integer", "1000000000"], ["Pow", 0, 1]], "too large to compute"),
    ([["Integer", "10"], ["Integer", "99999"], ["Pow", 0, 1], ["Pow", 2, 1]], "too large to compute"),
    ([["Integer", "1000000000000"], ["gamma", 0]], "too large to compute"),
    ([["Integer", "9" * 5000]], "4300 digits"),
    ([["Rational", "1", "x"]], "row 0 is not valid"),
    ([X, *(["Mul", k, k] for k in range(60))], "too large when written out"),
    ([X, ["Integer", "99"], ["Tuple", 0, 1], ["Derivative", 0, 2]], "orders up to 32"),
    ([["Float", [0, "1", 10**12, 53]]], "reasonable size"),
    ([["Float", [0, "1", 0, 10**12]]], "reasonable size"),
    ([["sin", 0]], "rows that do not come before"),
    ([X, ["sin", -1]], "rows that do not come before"),
    ([X, ["sin", True]], "rows that do not come before"),
    ([X, ["sin", 0, 0]], "row 1 is not valid"),
    ([X, ["Tuple"], ["Add", 0, 1]], "terms are not expressions"),
    ([["Symbol", "x", {"real": 3}]], "true or false"),
    ([["Symbol", "x\n"]], "not a name"),
    ([["Field", "u"]], "row 0 is not valid"),
    ([X, ["Parameter", "k", 0]], "expected one finite real number"),
    ([[]], "row 0 is not valid"),
    ([None], "row 0 is not valid"),
    (["sin"], "row 0 is not valid"),
    ([[["sin"], 0]], "row 0 is not valid"),
    ([["Relational", 0, 0]], "'Relational' is not a class"),
])
def test_hostile_rows(rows: list[Any], message: str) -> None:
    with pytest.raises(StorageError, match=message):
        read_expressions(rows)
