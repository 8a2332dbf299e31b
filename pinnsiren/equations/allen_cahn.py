"""The Allen–Cahn equation u_t = ε² u_xx + r (u − u³): phases −1 and 1 and the thin walls between them.

Lengths, times and u are dimensionless; a wall is about ε √(8/r) wide.
"""

import sympy

from pinnsiren.domains import Interval
from pinnsiren.equation import Equation
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, time

WALLS = 1e-2  # relative L2: the walls are a few hundredths wide


def allen_cahn(diffusivity: float = 1e-4, rate: float = 5.0) -> Problem:
    """u_t = D u_xx + r (u − u³) on the circle [−1, 1], t in [0, 1], from u = x² cos πx; no exact solution is known.

    The initial value has a kink where the circle closes, which diffusion smooths at once.

    Args:
        diffusivity: D = ε², dimensionless.
        rate: r, dimensionless.
    Reference: Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019), sec. 3.2.
    """
    (x,), t = coordinates("x"), time("t")
    d, r, u = Parameter("diffusivity", diffusivity), Parameter("rate", rate), Field("u", x, t)
    domain = Interval(x, -1, 1, periodic=True) * Interval(t, 0, 1)
    return Problem(Equation(u.diff(t), d * u.diff(x, 2) + r * (u - u**3)).on(domain.interior),
                   Equation(u, x**2 * sympy.cos(sympy.pi * x), "initial value").on(domain.initial),
                   name="allen_cahn", tolerance=WALLS)
