"""The field of a point source or a Gaussian one in a uniform medium, in closed form."""

from collections.abc import Mapping
from math import factorial
from typing import Any, Literal

import sympy

from pinnsiren.ansatz.known import squared_distance
from pinnsiren.errors import EquationError
from pinnsiren.pml import exact, lowest, positive
from pinnsiren.symbols import Parameter, RangedParameter

WIDEST = 1.0  # of k²σ/2: the series below then needs 17 terms; wider sources are no point-like ones
ROUNDING = 1e-17
SOFTENING = 1e-6  # of the source's standard deviation, added to r in quadrature, so that r = 0 gives a number


def point_source_field(at: Mapping[sympy.Symbol, Any], wavenumber: Any, *, amplitude: Any = 1, variance: float = 0.0,
                       time_sign: Literal[1, -1] = 1) -> sympy.Expr:
    """The outgoing u with Δu + k²u = A δ_σ(x − s) in free space, in one to three dimensions.

    δ_σ is the unit Gaussian of the given variance (in each coordinate), δ itself for 0. Where the source has died away,
    u = A e^{−k²σ/2} G with G = (i/2k) e^{−ikr}, (i/4) H₀⁽²⁾(kr), −e^{−ikr}/(4πr). Near it, from ∂u/∂σ = ½Δu,

        u = A e^{−k²σ/2} (G + ½ ∫₀^σ e^{k²s/2} δ_s ds),

    and the integral is a power series in k²σ/2 of exponential integrals. It is exact everywhere; with a variance it is smooth.

    Args:
        at: s, a number for each coordinate.
        wavenumber: k > 0, a number or a Parameter.
        amplitude: A, a complex number or an expression of parameters.
        variance: σ ≥ 0, in squared length; k²σ/2 ≤ 1.
        time_sign: 1 for e^{+iωt}, −1 for e^{−iωt}.

    Raises:
        EquationError: more than three coordinates, k ≤ 0, or a source wider than about a quarter of a wavelength.
    """
    if not 1 <= len(at) <= 3:
        raise EquationError(f"a source at {dict(at)}; expected one to three coordinates.")
    if time_sign not in (1, -1):
        raise EquationError(f"time_sign={time_sign!r}; give 1 for fields ∝ e^(+iωt), or -1 for e^(-iωt).")
    k = sympy.sympify(exact(wavenumber))
    if k.free_symbols - k.atoms(Parameter, RangedParameter) or lowest(k) <= 0:
        raise EquationError(f"the wavenumber of the source's field is {wavenumber}; expected a positive number or a Parameter.")
    square = squared_distance(at)
    if variance == 0:
        return amplitude * _free(sympy.sqrt(square), k, len(at), time_sign)
    width = exact(positive(variance, "the variance of the source"))
    if lowest(k**2 * width / 2) > WIDEST:
        raise EquationError(f"a source of variance {variance:g} at the wavenumber {lowest(k):g}; with k²σ/2 > {WIDEST:g} it is "
                            "no point-like source: solve for its field without this ansatz.")
    softened = square + sympy.nsimplify(SOFTENING, rational=True) ** 2 * width
    free = _free(sympy.sqrt(softened), k, len(at), time_sign)
    return amplitude * sympy.exp(-k**2 * width / 2) * (free + _near(softened, k, width, len(at)))


def _free(r: sympy.Expr, k: sympy.Expr, dimension: int, sign: int) -> sympy.Expr:
    """G: outgoing, Δ G + k² G = δ."""
    if dimension == 1:
        return sign * sympy.I / (2 * k) * sympy.exp(-sign * sympy.I * k * r)
    if dimension == 2:
        hankel = sympy.hankel2 if sign == 1 else sympy.hankel1
        return sign * sympy.I / 4 * hankel(0, k * r)
    return -sympy.exp(-sign * sympy.I * k * r) / (4 * sympy.pi * r)


def _near(square: sympy.Expr, k: sympy.Expr, width: sympy.Expr, dimension: int) -> sympy.Expr:
    """½ ∫₀^σ e^{k²s/2} (2πs)^{−d/2} e^{−r²/2s} ds = ½ (2π)^{−d/2} σ^{1−d/2} Σ (k²σ/2)ⁿ/n! I_n(r²/2σ), r² the ``square``.

    I_n = ∫₀¹ t^ν e^{−z/t} dt with ν = n − d/2; by parts (ν + 1) I_n = e^{−z} − z I_{n−1}. So the sum is P(z) e^{−z} + Q(z) I,
    with polynomials P and Q and the first of the integrals: I = −Ei(−z) for ν = −1, √(π/z) erfc √z for ν = −3/2.
    """
    z, kappa = sympy.Dummy("z"), k**2 * width / 2
    nu = sympy.Rational(-3, 2) if dimension != 2 else -sympy.S.One
    p, q, n = sympy.Poly(0, z), sympy.Poly(1, z), nu + sympy.Rational(dimension, 2)
    first, second = sympy.Poly(0, z), sympy.Poly(0, z)
    reach = lowest(kappa)
    while n < 2 or reach ** int(n) / factorial(int(n)) > ROUNDING:
        if n >= 0:
            weight = kappa**n / sympy.factorial(n)
            first, second = first + weight * p, second + weight * q
        nu, n = nu + 1, n + 1
        p, q = (1 - sympy.Poly(z, z) * p) * (1 / (nu + 1)), sympy.Poly(-z, z) * q * (1 / (nu + 1))
    start = -sympy.Ei(-z) if dimension == 2 else sympy.sqrt(sympy.pi / z) * sympy.erfc(sympy.sqrt(z))
    series = sympy.horner(first) * sympy.exp(-z) + sympy.horner(second) * start
    scale = width ** (1 - sympy.Rational(dimension, 2)) / (2 * (2 * sympy.pi) ** sympy.Rational(dimension, 2))
    return scale * series.subs(z, square / (2 * width))
