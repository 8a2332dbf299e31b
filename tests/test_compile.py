"""Compiled expressions against sympy's own numerical evaluation, function by function."""

import math

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.bessel import bessel
from pinnsiren.compile import compile_expressions

x, y = ps.coordinates("x y")
POINTS = torch.tensor([[0.31, 0.72], [0.9, 0.15], [0.55, 0.4]], dtype=torch.float64)
ANYWHERE = torch.tensor([[-1.3, 0.72], [0.9, -2.15], [0.0, 0.4], [2.5, 0.0]], dtype=torch.float64)

ON_UNIT_INTERVAL = [
    sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.sec, sympy.csc, sympy.asin, sympy.acos, sympy.atan, sympy.acot,
    sympy.sinh, sympy.cosh, sympy.tanh, sympy.coth, sympy.sech, sympy.csch, sympy.asinh, sympy.atanh, sympy.asech,
    sympy.acsch, sympy.exp, sympy.log, sympy.sqrt, sympy.cbrt, sympy.Abs, sympy.sign, sympy.floor, sympy.ceiling,
    sympy.frac, sympy.erf, sympy.erfc, sympy.erfinv, sympy.gamma, sympy.loggamma, sympy.sinc, sympy.re, sympy.conjugate,
    sympy.Heaviside,
]
ABOVE_ONE = [sympy.acosh, sympy.asec, sympy.acsc, sympy.acoth]
OF_TWO = [
    sympy.Max(x, y, sympy.Rational(1, 2)), sympy.Min(x, 1 - y), sympy.atan2(y, x), sympy.Mod(3 * x, y + 1), x**y, x**-2, 2**x,
    x ** sympy.Rational(-1, 2), sympy.Piecewise((x, x < y), (y**2, x < 1), (0, True)), sympy.Piecewise((1, y > x), (x, True)),
    sympy.Piecewise((1, sympy.ITE(x < y, x > 0, y > 1)), (sympy.Rational(1, 10), True)),
    sympy.Piecewise((x, (x < y) & ~sympy.Eq(x, 0) | (y >= 1)), (3, sympy.Ne(x, 1)), (4, True)),
    sympy.besselj(0, 3 * x), sympy.bessely(1, x + 1), sympy.besselj(sympy.Rational(5, 2), x + 1), sympy.besseli(0, x),
    sympy.besselk(2, x + 1), sympy.Heaviside(x - y, 0), sympy.pi * sympy.sqrt(2) * x + sympy.E, sympy.Float("1e-30") * x,
]


def numerically(expression, points):
    exact = [{x: sympy.Float(float(a), 30), y: sympy.Float(float(b), 30)} for a, b in points]
    return [float(sympy.N(expression.subs(place), 30)) for place in exact]


@pytest.mark.parametrize("expression", [f(x) for f in ON_UNIT_INTERVAL] + [f(1 + x) for f in ABOVE_ONE] + OF_TWO, ids=str)
def test_functions_agree_with_sympy(expression) -> None:
    (value,) = compile_expressions([expression])({x: POINTS[:, 0], y: POINTS[:, 1]})
    np.testing.assert_allclose(value, numerically(expression, POINTS), rtol=1e-13)


@pytest.mark.parametrize("expression", [sympy.gamma(x + sympy.Rational(1, 3)), sympy.acot(x + y), sympy.sign(x),
                                        sympy.Mod(x, 2), sympy.Heaviside(x, sympy.Rational(1, 2)), sympy.Abs(x) ** 3], ids=str)
def test_functions_of_negative_numbers_and_zero(expression) -> None:
    (value,) = compile_expressions([expression])({x: ANYWHERE[:, 0], y: ANYWHERE[:, 1]})
    np.testing.assert_allclose(value, numerically(expression, ANYWHERE), rtol=1e-12)


def test_parameters_are_replaced_and_constants_broadcast() -> None:
    k = ps.Parameter("k", 2.5)
    values = compile_expressions([k * x, sympy.S(3), k])({x: POINTS[:, 0]})
    np.testing.assert_allclose(values[0], 2.5 * POINTS[:, 0])
    assert [tuple(v.shape) for v in values] == [(3,)] * 3
    assert float(values[2][1]) == 2.5


def test_shared_subexpressions_are_evaluated_once() -> None:
    shared = sympy.exp(sympy.sin(x) * y)
    one, two = compile_expressions([shared]), compile_expressions([shared + 1, shared * x, sympy.cos(shared)])
    names = [i.operation for i in two.instructions]
    assert names.count(torch.exp) == 1
    assert len(two.instructions) == len(one.instructions) + 3


def test_what_the_points_determine_is_evaluated_once() -> None:
    u = sympy.Symbol("u", real=True)
    bound = compile_expressions([sympy.exp(x) * u + sympy.sin(x * y)]).bind({x: POINTS[:, 0], y: POINTS[:, 1]}, 3, POINTS)
    assert len(bound.waiting) == 2  # the product with u, and the sum
    value = bound({u: POINTS[:, 1]})[0]
    np.testing.assert_allclose(value, POINTS[:, 0].exp() * POINTS[:, 1] + (POINTS[:, 0] * POINTS[:, 1]).sin(), rtol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(dtype) -> None:
    columns = {x: POINTS[:, 0].to(dtype), y: POINTS[:, 1].to(dtype)}
    for expression in [sympy.Piecewise((1, x > y), (2, True)), sympy.Max(x, 1), sympy.besselj(0, x), sympy.S(2), x**y]:
        assert compile_expressions([expression])(columns)[0].dtype == dtype


@pytest.mark.parametrize("kind", ["j", "y", "i", "k"])
@pytest.mark.parametrize("order", [0, 1, 2.5])
def test_bessel_functions_are_differentiable(kind, order) -> None:
    z = torch.tensor([0.4, 1.7, 3.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: bessel(kind)(order, a), (z,))


def test_unsupported_functions_and_constants_are_named() -> None:
    with pytest.raises(ps.EquationError, match="the function zeta in .* is not supported"):
        compile_expressions([sympy.zeta(x)])
    with pytest.raises(ps.EquationError, match="expected a finite real number"):
        compile_expressions([sympy.I * x])
    with pytest.raises(ps.EquationError, match="expected a finite real number"):
        compile_expressions([x + sympy.oo * sympy.Symbol("a") * 0 + sympy.zoo])


def test_values_far_from_one_keep_their_digits() -> None:
    (value,) = compile_expressions([sympy.sqrt(2) * 10**12 * x])({x: POINTS[:, 0]})
    assert math.isclose(float(value[0]), math.sqrt(2) * 1e12 * 0.31, rel_tol=1e-15)
