"""Burgers' equation u_t + u u_x = ν u_xx: a sine that steepens to a shock, with Cole and Hopf's exact solution.

Lengths, times and u are dimensionless; 1/ν is Reynolds' number.
"""

import math

import sympy

from pinnsiren.domains import Interval
from pinnsiren.equation import Equation
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, time

# of the trapezoidal rule, in standard deviations · √2 of the heat kernel. The integrands are entire and at their peaks
# wider than 0.35, so the rule errs by e^(−(0.35 · 2π/h)²/2), 1e-17; a rule twice as coarse errs by 1e-4.
STEP = 0.25
TAIL = 6.0  # beyond the farthest peak: e^(−36)
SHOCK = 1e-2  # relative L2: the layer is a few thousandths wide


def burgers(viscosity: float = 0.01 / math.pi) -> Problem:
    """u_t + u u_x = ν u_xx on [−1, 1] × [0, 1] from −sin πx with u = 0 at the ends: a shock at x = 0 from t = 1/π on.

    Cole and Hopf's substitution u = −2ν φ_x / φ makes it the heat equation for φ, hence

        u = −∫ sin π(x − s) f(x − s) e^(−s²/4νt) ds / ∫ f(x − s) e^(−s²/4νt) ds,    f(y) = e^(−cos πy / 2πν).

    Both integrals are taken over z = s / 2√(νt) by the trapezoidal rule, which is exact to rounding.

    Args:
        viscosity: ν, dimensionless; 3e-4 is about the smallest for which f does not overflow.
    Reference: Basdevant et al., Spectral and finite difference solutions of the Burgers equation, Computers & Fluids 14
        (1986); Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019).
    """
    (x,), t = coordinates("x"), time("t")
    nu, u = Parameter("viscosity", viscosity), Field("u", x, t)
    domain = Interval(x, -1, 1) * Interval(t, 0, 1)
    return Problem(Equation(u.diff(t) + u * u.diff(x), nu * u.diff(x, 2)).on(domain.interior),
                   Equation(u, 0).on(domain.boundary),
                   Equation(u, -sympy.sin(sympy.pi * x), "initial value").on(domain.initial),
                   name="burgers", exact={u: _cole_hopf(x, t, viscosity)}, tolerance=SHOCK)


def _cole_hopf(x: sympy.Symbol, t: sympy.Symbol, viscosity: float) -> sympy.Expr:
    """The quotient of two sums over z = j h. Peaks lie where |s| ≤ t, for |u| ≤ 1: at |z| ≤ √t / 2√ν."""
    count = math.ceil((1 / (2 * math.sqrt(viscosity)) + TAIL) / STEP)
    j = sympy.Symbol("j", integer=True)
    z = sympy.Float(STEP) * j
    y = sympy.pi * (x - sympy.Float(2 * math.sqrt(viscosity)) * z * sympy.sqrt(t))
    weight = sympy.exp(-(z**2) - sympy.cos(y) / sympy.Float(2 * math.pi * viscosity))
    return -sympy.Sum(sympy.sin(y) * weight, (j, -count, count)) / sympy.Sum(weight, (j, -count, count))
