"""The Korteweg–de Vries equation u_t + 6 u u_x + u_xxx = 0: solitons, which keep their shape and pass through each other.

Lengths, times and u are dimensionless: u is the elevation of shallow water seen from a frame that moves with long waves.
"""

import sympy

from pinnsiren.domains import Interval
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, time


def kdv_soliton(speed: float = 4.0) -> Problem:
    """One soliton on [−5, 5] × [0, 1], moving to the right: u = c/2 sech²(√c/2 (x + 2 − ct)).

    Args:
        speed: c > 0, dimensionless; the height is c/2, the width about 2/√c.
    """
    (x,), t = coordinates("x"), time("t")
    c = Parameter("speed", speed)
    exact = c / (2 * sympy.cosh(sympy.sqrt(c) / 2 * (x + 2 - c * t)) ** 2)
    return _between_ends(exact, (-5, 5), name="kdv_soliton")


def kdv_two_solitons(fast: float = 1.6, slow: float = 1.0) -> Problem:
    """A tall soliton overtakes a low one on [−8, 8] × [0, 1]: u = 2 ∂²/∂x² log τ by Hirota's method.

    τ = 1 + e^(θ₁) + e^(θ₂) + ((k₁ − k₂)/(k₁ + k₂))² e^(θ₁ + θ₂) with θ_i = k_i (x − x_i) − k_i³ t.

    Args:
        fast, slow: k₁ and k₂, dimensionless; the speeds are k_i², the heights k_i²/2.
    Reference: Hirota, Exact solution of the Korteweg–de Vries equation for multiple collisions of solitons, Phys. Rev.
        Lett. 27 (1971).
    """
    (x,), t = coordinates("x"), time("t")
    k1, k2 = Parameter("fast", fast), Parameter("slow", slow)
    first, second = (sympy.exp(k * (x - start) - k**3 * t) for k, start in ((k1, -3), (k2, 0)))
    tau = 1 + first + second + ((k1 - k2) / (k1 + k2)) ** 2 * first * second
    exact = 2 * (tau * tau.diff(x, 2) - tau.diff(x) ** 2) / tau**2
    return _between_ends(exact, (-8, 8), name="kdv_two_solitons")


def _between_ends(exact: sympy.Expr, ends: tuple[float, float], name: str) -> Problem:
    """On a finite interval: u at both ends and u_x at the right one, where the waves u_xxx that run to the left come from."""
    (x,), t = coordinates("x"), time("t")
    u, domain = Field("u", x, t), Interval(x, ends[0], ends[1]) * Interval(t, 0, 1)
    return Problem(Equation(u.diff(t) + 6 * u * u.diff(x) + u.diff(x, 3), 0).on(domain.interior),
                   satisfied_by({u: exact}, u, "ends").on(domain.boundary),
                   satisfied_by({u: exact}, u.diff(x), "slope").on(domain.face(x, ends[1])),
                   Equation(u, exact.subs(t, 0), "initial value").on(domain.initial), name=name, exact={u: exact})
