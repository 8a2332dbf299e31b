"""Advection u_t + c u_x = 0: what flows in, and waves round a circle that networks find hard.

Lengths are in units of a typical length L, times in units of L / (a typical speed): c is dimensionless.
"""

import sympy

from pinnsiren.domains import Interval
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, time


def advection_inflow(speed: float = 1.0, width: float = 0.15) -> Problem:
    """u_t + c u_x = 0 on [0, 1] × [0, 1], a pulse that flows in at x = 0: u = exp(−(x − ct + ½)² / 2w²).

    There is a condition at the inflow x = 0 only; at x = 1 the equation itself says what leaves.

    Args:
        speed: c > 0, dimensionless.
        width: w, the pulse's standard deviation, in the unit of x.
    """
    (x,), t = coordinates("x"), time("t")
    c, w, u = Parameter("speed", speed), Parameter("width", width), Field("u", x, t)
    domain = Interval(x, 0, 1) * Interval(t, 0, 1)
    exact = sympy.exp(-((x - c * t + sympy.Rational(1, 2)) ** 2) / (2 * w**2))
    return Problem(Equation(u.diff(t) + c * u.diff(x), 0).on(domain.interior),
                   satisfied_by({u: exact}, u).on(domain.face(x, 0)),
                   Equation(u, exact.subs(t, 0), "initial value").on(domain.initial), name="advection_inflow", exact={u: exact})


def advection_periodic(speed: float = 30.0) -> Problem:
    """u_t + c u_x = 0 on a circle of length 2π, t in [0, 1]: u = sin(x − ct).

    For c = 30 it runs five times round: the convection problem at which plain physics-informed networks fail.

    Args:
        speed: c, dimensionless.
    Reference: Krishnapriyan et al., Characterizing possible failure modes in physics-informed neural networks,
        NeurIPS 2021.
    """
    (x,), t = coordinates("x"), time("t")
    c, u = Parameter("speed", speed), Field("u", x, t)
    domain = Interval(x, 0, 2 * sympy.pi, periodic=True) * Interval(t, 0, 1)
    return Problem(Equation(u.diff(t) + c * u.diff(x), 0).on(domain.interior),
                   Equation(u, sympy.sin(x), "initial value").on(domain.initial),
                   name="advection_periodic", exact={u: sympy.sin(x - c * t)})
