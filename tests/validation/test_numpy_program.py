"""Bound programs on numpy arrays give what torch gives."""

import numpy as np
import pytest
import sympy
import torch

from pinnsiren.compile import compile_expressions
from pinnsiren.validation.finite_difference.numpy_program import SMALL, on_arrays

x, s, t = sympy.symbols("x s t")
PLACES = torch.linspace(-0.9, 0.9, 7, dtype=torch.float64)


def bound(*expressions, places=PLACES):
    return compile_expressions(expressions).bind({x: places}, len(places), places)


@pytest.mark.parametrize("expression", [
    s + x * t - 2 * s * x, s**2 + s**3 / x, sympy.sqrt(2 + s), 1 / (3 + s), (2 + s)**x, 2**s, sympy.exp(s) * sympy.log(2 + s),
    sympy.Abs(s) + sympy.sign(s), sympy.sin(s * t) * sympy.cos(x) + sympy.tan(s), sympy.sinh(s) - sympy.cosh(s) * sympy.tanh(s),
    sympy.asin(s / 2) + sympy.acos(s / 2) + sympy.atan(s), sympy.Integer(3), x**2, t])
def test_operations_are_those_of_torch(expression) -> None:
    program, values = bound(expression, s * x), np.linspace(-0.7, 0.8, 7)
    found = on_arrays(program)({s: values, t: np.float64(0.3)})
    expected = program({s: torch.from_numpy(values), t: torch.tensor(0.3, dtype=torch.float64)})
    for a, b in zip(found, expected, strict=True):
        assert a.shape == (7,) and a.dtype == float
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-14, atol=1e-15)


def test_what_is_undefined_is_nan_without_a_warning() -> None:
    found, = on_arrays(bound(sympy.log(s) + sympy.sqrt(s)))({s: np.linspace(-1.0, -0.5, 7)})
    assert np.isnan(found).all()


def test_torch_keeps_many_points_and_what_numpy_has_under_another_name() -> None:
    assert on_arrays(bound(s * x, places=torch.zeros(SMALL + 1, dtype=torch.float64))) is None
    assert on_arrays(bound(sympy.Piecewise((s, s > 0), (x, True)))) is None
    assert on_arrays(bound(sympy.besselj(0, x) * s)) is not None  # known at the places
