"""Equations over partials: exact rewriting, linearity as sympy finds it, and the Fréchet derivative."""

import pytest
import sympy

import pinnsiren as ps
from pinnsiren.partials import Partial, in_partials, is_linear, linearise, partials

x, y = ps.coordinates("x y")
u, v = ps.Field("u", x, y), ps.Field("v", x, y)
u0, ux, uxx, uxy, uyy = (Partial(u, o) for o in [(0, 0), (1, 0), (2, 0), (1, 1), (0, 2)])


def test_derivatives_become_symbols() -> None:
    assert in_partials(u.diff(x, y) + u**3 - u.diff(x) * y) == uxy + u0**3 - ux * y
    assert in_partials(ps.div((1 + u) * ps.grad(u))) == sympy.sympify(
        ux**2 + Partial(u, (0, 1)) ** 2 + (1 + u0) * uxx + (1 + u0) * uyy)


def test_a_partial_gives_back_its_derivative() -> None:
    assert uxy.derivative == u.diff(x, y)
    assert u0.derivative == u


def test_partials_have_an_order_that_does_not_depend_on_the_expression() -> None:
    assert partials([uyy + u0, ux]) == partials([ux + u0, uyy]) == (u0, ux, uyy)


@pytest.mark.parametrize(("expression", "linear"), [
    (ps.laplacian(u) + sympy.sin(x) * u - 3, True),
    (ps.div((1 + x**2) * ps.grad(u)) - v, True),
    ((u + 1) ** 2 - u**2, True),  # only after expansion
    (u**2 * (sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1) + v, True),  # only after simplification
    (u * v, False),
    (u.diff(x) * u, False),
    (sympy.Abs(u), False),
    (sympy.exp(u) - 1, False),
])
def test_linearity(expression, linear) -> None:
    assert is_linear(in_partials(expression)) is linear


def test_linearisation_is_the_frechet_derivative() -> None:
    f = u.diff(x, 2) * u + sympy.sin(u.diff(y)) * x
    direction, eps = sympy.sin(x + 2 * y), sympy.Symbol("eps")
    base = sympy.exp(x * y)
    exact = f.subs(u, base + eps * direction).doit().diff(eps).subs(eps, 0)
    found = sum(a * p.derivative.subs(u, direction).doit() for p, a in linearise(in_partials(f)).items())
    found = found.xreplace({p: p.derivative.subs(u, base).doit() for p in partials([in_partials(f)])})
    assert sympy.simplify(exact - found) == 0


@pytest.mark.parametrize("expression", [u.subs(x, 0), u.subs(x, 0) + u, sympy.Function("g")(x),
                                        sympy.Function("g")(x).diff(x), sympy.Subs(u.diff(x), x, 1)])
def test_what_is_not_at_its_own_place_is_refused(expression) -> None:
    with pytest.raises(ps.EquationError):
        in_partials(expression)
