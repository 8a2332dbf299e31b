"""Inverse problems: a diffusivity, a wave speed, the strength of a source and a conductivity, from noisy measurements.

The measurements are made here, from exact solutions: values at random places with normally distributed errors, whose standard
deviation is a share of the root mean square of the values. Seeds are arguments, so that the same data come again.
"""

from collections.abc import Mapping

import numpy as np
import sympy

from pinnsiren.check.evaluation import evaluate
from pinnsiren.domains import Box, Interval, PointSet, Region
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.errors import ProblemError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Data, Field, Parameter, Unknown, coordinates, laplacian, time

NOISY = 5e-3  # relative L2 of a field that noisy data fix: well above what the noise leaves
COARSE = 5e-2  # of a coefficient that they fix by their slope


def measured(field: Field, exact: Mapping[Field, sympy.Expr], where: Region, *,
             count: int, noise: float, seed: int) -> PointSet:
    """Values of a field at random places of a region, with errors, in a data column with the name "measured".

    Args:
        field: what is measured.
        exact: the fields' values, expressions in coordinates and parameters.
        where: the places are uniformly distributed over it.
        count: of measurements, ≥ 1.
        noise: standard deviation of their errors, relative to the root mean square of the values; dimensionless, ≥ 0.
        seed: of places and errors.

    Raises:
        ProblemError: another count or noise.
    """
    if count < 1 or not 0 <= noise < 1:
        raise ProblemError(f"count={count}, noise={noise}; expected at least one measurement, and errors of 0 ≤ noise < 1.")
    places = where.sample(count, seed=seed, method="uniform")
    values = evaluate(exact[field], dict(zip(places.coordinates, places.values.T, strict=True)))
    spread = noise * float(np.sqrt(np.mean(values**2)))
    errors = np.random.default_rng(seed).normal(scale=spread, size=count)
    return PointSet(places.coordinates, places.values, {Data("measured"): values + errors})


def unknown_diffusivity(true: float = 0.1, noise: float = 0.01, count: int = 20_000, seed: int = 0) -> Problem:
    """u_t = D u_xx in a rod whose ends are cooled to 0: D from temperatures with 1 % noise.

    u = e^(−π²Dt) sin πx + e^(−4π²Dt) sin(2πx)/2 on [0, 1] × [0, 3]. Temperatures are measured from t = 1 on: in the first
    relaxation time 1/π²D they hardly depend on D. With n measurements of noise s the best standard error of D is about
    0.66 s/√n of it, 5e-5 with the defaults.

    Args:
        true: D; in length² / time. The search starts from 0.3.
        noise: of the temperatures, relative to their root mean square.
        count: of measurements.
        seed: of measurements.
    """
    (x,), t = coordinates("x"), time("t")
    u, diffusivity, d = Field("u", x, t), Unknown("D", 0.3), Parameter("true", true)
    exact = {u: sympy.exp(-sympy.pi**2 * d * t) * sympy.sin(sympy.pi * x)
             + sympy.exp(-4 * sympy.pi**2 * d * t) * sympy.sin(2 * sympy.pi * x) / 2}
    rod = Interval(x, 0, 1) * Interval(t, 0, 3)
    late = Box({x: (0, 1), t: (1, 3)}).interior
    return Problem(Equation(u.diff(t), diffusivity * u.diff(x, 2), "heat").on(rod.interior),
                   Equation(u, 0, "ends").on(rod.boundary),
                   Equation(u, exact[u].subs(t, 0), "start").on(rod.initial),
                   Equation(u, Data("measured"), "measurements").on(
                       measured(u, exact, late, count=count, noise=noise, seed=seed)),
                   name="unknown_diffusivity", exact={**exact, diffusivity: d}, tolerance=NOISY)


def unknown_speed(true: float = 2.0, noise: float = 0.01, count: int = 4000, seed: int = 0) -> Problem:
    """u_tt = c² u_xx on a string held at its ends: c from displacements with 1 % noise.

    u = sin πx cos πct + sin(4πx) cos(4πct)/2 on [0, 1] × [0, 1].

    Args:
        true: c; in length / time. The search starts from 1.
        noise: of the displacements, relative to their root mean square.
        count: of measurements.
        seed: of measurements.
    """
    (x,), t = coordinates("x"), time("t")
    u, speed, c = Field("u", x, t), Unknown("c", 1.0), Parameter("true", true)
    exact = {u: sympy.sin(sympy.pi * x) * sympy.cos(sympy.pi * c * t)
             + sympy.sin(4 * sympy.pi * x) * sympy.cos(4 * sympy.pi * c * t) / 2}
    string = Interval(x, 0, 1) * Interval(t, 0, 1)
    data = measured(u, exact, string.interior, count=count, noise=noise, seed=seed)
    return Problem(Equation(u.diff(t, 2), speed**2 * u.diff(x, 2), "wave").on(string.interior),
                   Equation(u, 0, "ends").on(string.boundary),
                   Equation(u, exact[u].subs(t, 0), "start").on(string.initial),
                   Equation(u.diff(t), 0, "at rest").on(string.initial),
                   Equation(u, Data("measured"), "measurements").on(data),
                   name="unknown_speed", exact={**exact, speed: c}, tolerance=NOISY)


def unknown_source(true: float = 3.0, noise: float = 0.01, count: int = 1000, seed: int = 0) -> Problem:
    """−Δu = q f on [−1, 1]², u = 0 on the boundary: the strength q of a source of known shape from values with 1 % noise.

    u = q (1 − x²)(1 − y²) e^(x/2) cos y, which gives f. The problem is linear in u and q together.

    Args:
        true: q; in the unit of u / length².
        noise: of the values, relative to their root mean square.
        count: of measurements.
        seed: of measurements.
    """
    x, y = coordinates("x y")
    u, strength, q = Field("u", x, y), Unknown("q", 1.0), Parameter("true", true)
    shape = (1 - x**2) * (1 - y**2) * sympy.exp(x / 2) * sympy.cos(y)
    exact = {u: q * shape}
    square = Box({x: (-1, 1), y: (-1, 1)})
    data = measured(u, exact, square.interior, count=count, noise=noise, seed=seed)
    return Problem(Equation(-laplacian(u), -strength * laplacian(shape, (x, y)), "balance").on(square.interior),
                   Equation(u, 0, "boundary").on(square.boundary),
                   Equation(u, Data("measured"), "measurements").on(data),
                   name="unknown_source", exact={**exact, strength: q}, tolerance=NOISY)


def unknown_conductivity(noise: float = 0.01, count: int = 2000, seed: int = 0) -> Problem:
    """−(k u')' = f on [0, 1] with f, u(0), u(1) and the flux at 0 known: the conductivity k(x), a field, from u with 1 % noise.

    k = 1 + sin(2πx)/2 + x/2, u = x + sin(πx)/4. The equation fixes the flux k u', the data u: k is found where u' ≠ 0, and its
    error is that of u', many times that of u.

    Args:
        noise: of u, relative to its root mean square.
        count: of measurements.
        seed: of measurements.
    """
    (x,) = coordinates("x")
    u, k, rod = Field("u", x), Field("k", x), Interval(x, 0, 1)
    exact = {u: x + sympy.sin(sympy.pi * x) / 4, k: 1 + sympy.sin(2 * sympy.pi * x) / 2 + x / 2}
    data = measured(u, exact, rod.interior, count=count, noise=noise, seed=seed)
    return Problem(satisfied_by(exact, -(k * u.diff(x)).diff(x), "balance").on(rod.interior),
                   satisfied_by(exact, u, "ends").on(rod.boundary),
                   satisfied_by(exact, k * u.diff(x), "flux").on(rod.face(x, 0)),
                   Equation(u, Data("measured"), "measurements").on(data),
                   name="unknown_conductivity", exact=exact, tolerance=COARSE)
