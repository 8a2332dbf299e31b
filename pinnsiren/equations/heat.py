"""The heat equation u_t = α Δu: decaying modes on a line, a spreading spot in the plane.

Lengths are in units of a typical length L, times in units of L² / (a typical diffusivity): α is dimensionless.
"""

import sympy

from pinnsiren.domains import Box, Interval
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, laplacian, time


def heat_1d(diffusivity: float = 0.1) -> Problem:
    """u_t = α u_xx on [0, 1] × [0, 1], two decaying modes: u = e^(−απ²t) sin πx + ½ e^(−9απ²t) sin 3πx.

    Args:
        diffusivity: α, dimensionless.
    """
    (x,), t = coordinates("x"), time("t")
    a, u = Parameter("diffusivity", diffusivity), Field("u", x, t)
    domain = Interval(x, 0, 1) * Interval(t, 0, 1)
    exact = sum(sympy.exp(-a * (k * sympy.pi) ** 2 * t) * sympy.sin(k * sympy.pi * x) / n for k, n in ((1, 1), (3, 2)))
    return Problem(Equation(u.diff(t), a * u.diff(x, 2)).on(domain.interior), Equation(u, 0).on(domain.boundary),
                   Equation(u, exact.subs(t, 0), "initial value").on(domain.initial), name="heat_1d", exact={u: exact})


def heat_2d(diffusivity: float = 0.1, width: float = 0.3) -> Problem:
    """u_t = α Δu on [−1, 1]² × [0, 1], a spot that spreads: u = w²/s exp(−r² / 2s) with s = w² + 2αt.

    Args:
        diffusivity: α, dimensionless.
        width: w, the spot's standard deviation at the beginning, in the unit of x.
    """
    x, y = coordinates("x y")
    t = time("t")
    a, w, u = Parameter("diffusivity", diffusivity), Parameter("width", width), Field("u", x, y, t)
    domain = Box({x: (-1, 1), y: (-1, 1)}) * Interval(t, 0, 1)
    s = w**2 + 2 * a * t
    exact = w**2 / s * sympy.exp(-(x**2 + y**2) / (2 * s))
    return Problem(Equation(u.diff(t), a * laplacian(u)).on(domain.interior), satisfied_by({u: exact}, u).on(domain.boundary),
                   Equation(u, exact.subs(t, 0), "initial value").on(domain.initial), name="heat_2d", exact={u: exact})
