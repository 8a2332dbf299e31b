"""The Poisson–Boltzmann equation −Δu + κ² sinh u = f: the electric potential in a salt solution, around charged particles.

u is the potential in units of kT/e (25.7 mV at 25 °C) and κ the inverse Debye length: a salt of two ions of charge ±1 has the
charge density −2 c e sinh u, and small potentials decay like e^(−κr). Lengths are in half-widths of the domain.
Reference: Russel, Saville & Schowalter, Colloidal Dispersions (1989), ch. 4.
"""

from functools import reduce

import sympy

from pinnsiren.domains import Box, Disc, Domain
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, laplacian

PARTICLES = ((-0.45, -0.35, 0.25), (0.4, -0.5, 0.2), (0.1, 0.45, 0.3))  # (x, y, radius), none touching another or the edges


def poisson_boltzmann_square(kappa: float = 2.0) -> Problem:
    """−Δu + κ² sinh u = f on [−1, 1]², u = eˣ sin 3y + xy²/(1 + x² + y²); manufactured, |u| up to 3.

    Args:
        kappa: κ, half-widths of the square in a Debye length; dimensionless.
    """
    x, y = coordinates("x y")
    u, square = Field("u", x, y), Box({x: (-1, 1), y: (-1, 1)})
    exact = {u: sympy.exp(x) * sympy.sin(3 * y) + x * y**2 / (1 + x**2 + y**2)}
    return Problem(satisfied_by(exact, _balance(u, kappa), "charge").on(square.interior),
                   satisfied_by(exact, u, "potential").on(square.boundary),
                   name="poisson_boltzmann_square", exact=exact)


def poisson_boltzmann_perforated(kappa: float = 2.0, zeta: float = 2.0) -> Problem:
    """−Δu + κ² sinh u = f between three particles at the potential ζ in a square; manufactured.

    u = ζ − (2 − cos x cos y − x/2)/5 Π_i log(r_i/a_i), with the particles' radii a_i and the distances r_i from their centres:
    near a particle potentials are logarithms.

    Args:
        kappa: κ, half-widths of the square in a Debye length; dimensionless.
        zeta: ζ, potential of the particles; in units of kT/e.
    """
    x, y = coordinates("x y")
    u, potential, liquid = Field("u", x, y), Parameter("zeta", zeta), _liquid()
    logarithms = [sympy.log(((x - p) ** 2 + (y - q) ** 2) / a**2) / 2 for p, q, a in PARTICLES]
    exact = {u: potential - (2 - sympy.cos(x) * sympy.cos(y) - x / 2) / 5 * sympy.Mul(*logarithms)}
    wall = sympy.Eq(sympy.Abs(x), 1) | sympy.Eq(sympy.Abs(y), 1)
    return Problem(satisfied_by(exact, _balance(u, kappa), "charge").on(liquid.interior),
                   Equation(u, potential, "particles").on(liquid.boundary.where((sympy.Abs(x) < 1) & (sympy.Abs(y) < 1))),
                   satisfied_by(exact, u, "wall").on(liquid.boundary.where(wall)),
                   name="poisson_boltzmann_perforated", exact=exact)


def _balance(u: sympy.Expr, kappa: float) -> sympy.Expr:
    return -laplacian(u) + Parameter("kappa", kappa) ** 2 * sympy.sinh(u)


def _liquid() -> Domain:
    """The square less the particles."""
    x, y = coordinates("x y")
    square: Domain = Box({x: (-1, 1), y: (-1, 1)})
    return reduce(lambda rest, particle: rest - Disc({x: particle[0], y: particle[1]}, particle[2]), PARTICLES, square)
