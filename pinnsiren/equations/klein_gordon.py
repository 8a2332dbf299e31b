"""The nonlinear Klein–Gordon equation u_tt − c² u_xx + γ u³ = f: waves that are pulled back to rest.

Lengths, times and u are dimensionless.
"""

import sympy

from pinnsiren.domains import Interval
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, time


def klein_gordon(speed: float = 1.0, strength: float = 1.0) -> Problem:
    """u_tt − c² u_xx + γ u³ = f on [0, 1] × [0, 1], f such that u = x cos 5πt + (xt)³.

    Args:
        speed: c, dimensionless.
        strength: γ of the cubic term, dimensionless.
    Reference: Wang, Teng & Perdikaris, Understanding and mitigating gradient flow pathologies in physics-informed neural
        networks, SIAM J. Sci. Comput. 43 (2021), sec. 4.2.
    """
    (x,), t = coordinates("x"), time("t")
    c, gamma, u = Parameter("speed", speed), Parameter("strength", strength), Field("u", x, t)
    domain = Interval(x, 0, 1) * Interval(t, 0, 1)
    exact = {u: x * sympy.cos(5 * sympy.pi * t) + (x * t) ** 3}
    return Problem(satisfied_by(exact, u.diff(t, 2) - c**2 * u.diff(x, 2) + gamma * u**3).on(domain.interior),
                   satisfied_by(exact, u).on(domain.boundary), satisfied_by(exact, u, "initial value").on(domain.initial),
                   satisfied_by(exact, u.diff(t), "initial rate").on(domain.initial), name="klein_gordon", exact=exact)
