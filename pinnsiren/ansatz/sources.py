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
SOFTENING = 1e-4  # of the source's standard deviation, added to r in quadrature: r = 0 gives a number, wrong by its square


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
    r = sympy.sqrt(square + sympy.nsimplify(SOFTENING, rational=True) ** 2 * width)
    return amplitude * sympy.exp(-k**2 * width / 2) * (_free(r, k, len(at), time_sign) + _near(r, k, width, len(at)))


def _free(r: sympy.Expr, k: sympy.Expr, dimension: int, sign: int) -> sympy.Expr:
    """G: outgoing, Δ G + k² G = δ."""
    if dimension == 1:
        return sign * sympy.I / (2 * k) * sympy.exp(-sign * sympy.I * k * r)
    if dimension == 2:
        hankel = sympy.hankel2 if sign == 1 else sympy.hankel1
        return sign * sympy.I / 4 * hankel(0, k * r)
    return -sympy.exp(-sign * sympy.I * k * r) / (4 * sympy.pi * r)


def _near(r: sympy.Expr, k: sympy.Expr, width: sympy.Expr, dimension: int) -> sympy.Expr:
    """½ ∫₀^σ e^{k²s/2} (2πs)^{−d/2} e^{−r²/2s} ds = ½ (2π)^{−d/2} Σ (k²/2)ⁿ/n! J_n, J_n = ∫₀^σ s^{n−d/2} e^{−r²/2s} ds."""
    reach = lowest(k**2 * width / 2)
    terms = next(n for n in range(2, 40) if reach**n / factorial(n) < ROUNDING)
    integrals = _integrals(r**2 / 2, width, dimension, terms)
    series = sympy.Add(*[(k**2 / 2) ** n / sympy.factorial(n) * integrals[n] for n in range(terms)])
    return series / (2 * (2 * sympy.pi) ** sympy.Rational(dimension, 2))


def _integrals(a: sympy.Expr, width: sympy.Expr, dimension: int, count: int) -> list[sympy.Expr]:
    """∫₀^σ s^ν e^{−a/s} ds for ν = n − d/2, n = 0 …: (ν + 1) J_ν = σ^{ν+1} e^{−a/σ} − a J_{ν−1}, by parts."""
    if dimension == 2:
        nu, current = -sympy.S.One, -sympy.Ei(-a / width)
    else:
        nu, current = -sympy.Rational(3, 2), sympy.sqrt(sympy.pi / a) * sympy.erfc(sympy.sqrt(a / width))
    found = [current]
    while len(found) < count + 1:
        nu += 1
        current = (width ** (nu + 1) * sympy.exp(-a / width) - a * current) / (nu + 1)
        found.append(current)
    return found[1:] if dimension == 1 else found[:count]
