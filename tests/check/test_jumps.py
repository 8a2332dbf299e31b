"""Coefficients that jump are told from those that only have a kink."""

import pytest
import sympy

import pinnsiren as ps
from pinnsiren.check.jumps import jumps
from pinnsiren.pml import PML

x, y = ps.coordinates("x y")
SQUARE = ps.Box({x: (-1, 1), y: (-1, 1)})
DISC = x**2 + y**2 < sympy.Rational(1, 4)


@pytest.mark.parametrize("expression", [
    sympy.Piecewise((2, DISC), (1, True)), sympy.Heaviside(x - y), 3 + sympy.sign(x), sympy.floor(3 * x),
    sympy.exp(x) * sympy.Piecewise((x, y > 0), (x + 1, True)),
])
def test_jumps_are_found(expression: sympy.Expr) -> None:
    assert jumps(expression, SQUARE.interior)


@pytest.mark.parametrize("expression", [
    sympy.Piecewise((sympy.Rational(5, 4) - x**2 - y**2, DISC), (1, True)), (x - y) * sympy.Heaviside(x - y), x * sympy.sign(x),
    sympy.Piecewise((2, x > 3), (1, True)), x * y, PML(SQUARE, 0.5, 5, 20).decay,
])
def test_kinks_and_jumps_elsewhere_are_none(expression: sympy.Expr) -> None:
    assert not jumps(expression, SQUARE.interior)


def test_what_has_no_values_counts_as_a_jump() -> None:
    assert jumps(sympy.Piecewise((sympy.zeta(x + 3), x > 0), (1, True)) * sympy.DiracDelta(x), SQUARE.interior)


def test_a_layer_gives_no_warning_and_a_medium_that_jumps_does() -> None:
    u, layer = ps.Field("u", x, y, complex=True), PML(SQUARE, 0.5, 5, 20)
    rim = ps.Equation(u, 0).on(SQUARE.boundary)
    smooth = ps.Problem(ps.Equation(layer.laplacian(u) + 400 * u, 1).on(SQUARE.interior), rim)
    assert smooth.check() == ()
    jumping = ps.Problem(ps.Equation(sympy.Piecewise((2, DISC), (1, True)) * ps.laplacian(u), 1).on(SQUARE.interior), rim)
    assert any("multiplies its highest derivatives" in f.message for f in jumping.check())
