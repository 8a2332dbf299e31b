"""Reaction and diffusion u_t = D Δu + R(u): the travelling front of Fisher, the splitting pulses of Gray and Scott.

Lengths, times and concentrations are dimensionless.
"""

import sympy

from pinnsiren.domains import Interval
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, normal_derivative, time

PULSES = 1e-2  # relative L2


def fisher(rate: float = 12.0, diffusivity: float = 0.05) -> Problem:
    """u_t = D u_xx + r u (1 − u) on [−1, 1] × [0, 1], a front that runs to the right with 5 √(rD/6).

    u = (1 + e^ξ)⁻² with ξ = √(r/6D) x − 5/6 r t + 4: a population that fills the space.

    Args:
        rate: r of growth, dimensionless.
        diffusivity: D, dimensionless.
    Reference: Ablowitz & Zeppetella, Explicit solutions of Fisher's equation for a special wave speed, Bull. Math. Biol. 41
        (1979).
    """
    (x,), t = coordinates("x"), time("t")
    r, d, u = Parameter("rate", rate), Parameter("diffusivity", diffusivity), Field("u", x, t)
    domain = Interval(x, -1, 1) * Interval(t, 0, 1)
    exact = {u: (1 + sympy.exp(sympy.sqrt(r / (6 * d)) * x - sympy.Rational(5, 6) * r * t + 4)) ** -2}
    return Problem(Equation(u.diff(t), d * u.diff(x, 2) + r * u * (1 - u)).on(domain.interior),
                   satisfied_by(exact, u).on(domain.boundary), satisfied_by(exact, u, "initial value").on(domain.initial),
                   name="fisher", exact=exact)


def gray_scott(feed: float = 0.04, kill: float = 0.06, duration: float = 200.0) -> Problem:
    """u_t = D_u u_xx − u v² + F (1 − u), v_t = D_v v_xx + u v² − (F + k) v on [0, 1], no flux at the ends.

    v feeds on u and grows where it finds some; F feeds u and washes both away, k kills v. A spot of v at the left end
    grows and sends a pulse to the right. Times are in units of the reaction's own; no exact solution is known.

    Args:
        feed, kill: F and k, dimensionless.
        duration: the last time.
    Reference: Gray & Scott, Chem. Eng. Sci. 38 (1983); Pearson, Complex patterns in a simple system, Science 261 (1993).
    """
    (x,), t = coordinates("x"), time("t")
    u, v = Field("u", x, t), Field("v", x, t)
    f, k = Parameter("feed", feed), Parameter("kill", kill)
    domain = Interval(x, 0, 1) * Interval(t, 0, duration)
    spot = sympy.exp(-((x / sympy.Rational(1, 10)) ** 2))
    return Problem(Equation(u.diff(t), 2e-4 * u.diff(x, 2) - u * v**2 + f * (1 - u), "substrate").on(domain.interior),
                   Equation(v.diff(t), 1e-4 * v.diff(x, 2) + u * v**2 - (f + k) * v, "catalyst").on(domain.interior),
                   Equation((normal_derivative(u), normal_derivative(v)), 0, "no flux").on(domain.boundary),
                   Equation((u, v), (1 - spot / 2, spot / 2), "spot").on(domain.initial),
                   name="gray_scott", tolerance=PULSES)
