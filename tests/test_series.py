"""Finite sums in compiled expressions: a series is one operation, added up term by term."""

import math

import numpy as np
import pytest
import sympy
import torch

from pinnsiren.compile import compile_expressions
from pinnsiren.errors import EquationError
from pinnsiren.partials import Partial
from pinnsiren.storage.expressions import ExpressionWriter, read_expressions
from pinnsiren.symbols import Field, Parameter, coordinates

x, y = coordinates("x y")
n = sympy.Symbol("n", integer=True)
POINTS = np.random.default_rng(0).random((50, 2))
COLUMNS = {x: torch.tensor(POINTS[:, 0]), y: torch.tensor(POINTS[:, 1])}
SERIES = sympy.Sum(sympy.exp(-n * y) * sympy.sin(n * sympy.pi * x) / n, (n, 1, 40))


def values(expression, columns=COLUMNS):
    return compile_expressions([expression])(columns)[0].numpy()


def test_a_sum_is_the_sum_of_its_terms() -> None:
    a, b = POINTS.T
    expected = sum(np.exp(-k * b) * np.sin(k * np.pi * a) / k for k in range(1, 41))
    np.testing.assert_allclose(values(SERIES), expected, atol=1e-14)
    program = compile_expressions([SERIES])
    assert len(program.instructions) == 1


def test_its_derivatives_are_those_of_its_terms() -> None:
    for c, pull in ((x, lambda k, a, b: k * np.pi * np.cos(k * np.pi * a)), (y, lambda k, a, b: -k * np.sin(k * np.pi * a))):
        a, b = POINTS.T
        expected = sum(np.exp(-k * b) * pull(k, a, b) / k for k in range(1, 41))
        np.testing.assert_allclose(values(sympy.diff(SERIES, c)), expected, atol=1e-12)


def test_what_surrounds_it_and_what_it_shares_does_not_matter() -> None:
    shared = sympy.exp(-n * y)  # occurs in both sums, with an index that means something in each only
    quotient = sympy.sin(x) + sympy.Sum(n * shared, (n, 0, 5)) / sympy.Sum(shared, (n, 0, 5)) ** 2
    _, b = POINTS.T
    above, below = (sum(k**m * np.exp(-k * b) for k in range(6)) for m in (1, 0))
    np.testing.assert_allclose(values(quotient), np.sin(POINTS[:, 0]) + above / below**2, rtol=1e-13)


def test_nested_sums_parameters_and_fields_in_the_terms() -> None:
    m, k, u = sympy.Symbol("m", integer=True), Parameter("k", 0.5), Partial(Field("u", x, y), (0, 0))
    double = sympy.Sum(sympy.Sum(x**m, (m, 0, 2)) * (k * u) ** n, (n, 0, 3))
    a = POINTS[:, 0]
    field = torch.linspace(0, 1, 50, dtype=torch.float64)
    expected = (1 + a + a**2) * sum((field.numpy() / 2) ** j for j in range(4))
    np.testing.assert_allclose(values(double, COLUMNS | {u: field}), expected, rtol=1e-13)


def test_a_sum_of_one_number_is_a_number() -> None:
    constant = sympy.Sum(1 / n**2, (n, 1, 1000))
    np.testing.assert_allclose(values(x + constant), POINTS[:, 0] + sum(1 / k**2 for k in range(1, 1001)), rtol=1e-13)
    assert math.isclose(float(constant.evalf()), math.pi**2 / 6, rel_tol=1e-3)


@pytest.mark.parametrize("limits", [[(n, 1, sympy.oo)], [(n, 1, y)], [(n, 1, 2), (sympy.Symbol("m"), 1, 2)]])
def test_other_limits_are_refused(limits) -> None:
    with pytest.raises(EquationError, match=r"other limits than two whole numbers for one index; write sympy.Sum"):
        compile_expressions([x * sympy.Sum(x * n, *limits)])


def test_a_sum_that_would_never_end_is_refused() -> None:
    with pytest.raises(EquationError, match="1000000000000 terms; at most 100000"):
        compile_expressions([sympy.Sum(x**n, (n, 1, 10**12))])


def test_a_file_holds_sums() -> None:
    writer = ExpressionWriter()
    place = writer.add(SERIES)
    assert read_expressions(writer.rows)[place] == SERIES
