"""Splitting complex expressions agrees with complex arithmetic at random points."""

import cmath

import pytest
import sympy

from pinnsiren.complex_parts import in_real_fields, is_real, real_and_imaginary
from pinnsiren.errors import EquationError
from pinnsiren.symbols import Data, Field, coordinates

I = sympy.I  # noqa: E741
x, y = coordinates("x y")
Z = x + I * (y**2 + 1)

EXPRESSIONS = [
    Z, Z**3, 1 / Z, Z**-2, sympy.sqrt(Z), Z**sympy.Rational(2, 3), Z**Z, 2**Z, sympy.exp(I * 3 * x), sympy.exp(Z) * y,
    sympy.sin(Z),
    sympy.cos(Z), sympy.sinh(Z), sympy.cosh(Z), sympy.tan(Z), sympy.tanh(Z), sympy.log(Z), sympy.conjugate(Z) * x, sympy.re(Z),
    sympy.im(Z) * I, sympy.Abs(Z), sympy.arg(Z), sympy.hankel1(0, y + 1), sympy.hankel2(2, y + 1) * Z,
    sympy.Piecewise((Z**2, x > sympy.Rational(1, 2)), (I * x, True)),
    (1 + I) * (x + I) * (y - 2 * I) / (3 - I * x), x * y + I**2,
    sympy.sqrt(x**2 + 1) * I,
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("place", [(0.3, 0.7), (0.9, 0.2)])
def test_parts_are_those_of_complex_arithmetic(expression, place) -> None:
    re, im = real_and_imaginary(expression)
    assert is_real(re)
    assert is_real(im)
    names = {"arg": cmath.phase, "re": lambda z: complex(z).real, "im": lambda z: complex(z).imag,
             "conjugate": lambda z: complex(z).conjugate()}
    at = dict(zip((x, y), place, strict=True))
    if expression.has(sympy.Piecewise, sympy.hankel1, sympy.hankel2):
        expected = complex(expression.subs(at).evalf())
    else:
        expected = complex(sympy.lambdify((x, y), expression, [names, "scipy", "numpy"])(*map(complex, place)))
    found = complex(float(re.subs(at).evalf()), float(im.subs(at).evalf()))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_a_complex_field_becomes_two_real_ones() -> None:
    u = Field("u", x, y, complex=True)
    u_re, u_im = u.parts
    re, im = real_and_imaginary(in_real_fields(u.diff(x, 2) + (4 - 3 * I) * u))
    assert sympy.expand(re - (u_re.diff(x, 2) + 4 * u_re + 3 * u_im)) == 0
    assert sympy.expand(im - (u_im.diff(x, 2) + 4 * u_im - 3 * u_re)) == 0
    size, rest = real_and_imaginary(in_real_fields(u * sympy.conjugate(u)))
    assert sympy.expand(size - u_re**2 - u_im**2) == 0
    assert sympy.expand(rest) == 0


def test_complex_data_have_two_real_columns() -> None:
    d = Data("d", complex=True)
    assert real_and_imaginary(I * d) == (-d.parts[1], d.parts[0])
    assert Data("e").parts == (Data("e"),)


def test_a_function_without_a_rule_is_named() -> None:
    with pytest.raises(EquationError, match="asin.*not supported"):
        real_and_imaginary(sympy.asin(Z))
    with pytest.raises(EquationError, match="complex argument"):
        real_and_imaginary(sympy.hankel1(0, Z))
