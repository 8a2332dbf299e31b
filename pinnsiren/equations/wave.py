"""The wave equation u_tt = ∇·(c² ∇u): standing and travelling waves, a drop in two dimensions, long waves over a sea floor.

Space is in units of a typical length L, time in units of L / c: speeds are dimensionless. Each problem has two initial
conditions, for u and for u_t.
"""

import matplotlib.cbook
import numpy as np
import sympy
from scipy.ndimage import gaussian_filter
from scipy.special import j1, jn_zeros

from pinnsiren.domains import Box, Domain, Interval
from pinnsiren.equation import Constraint, Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.errors import ProblemError
from pinnsiren.gridded import Gridded
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.symbols import Field, Parameter, coordinates, div, grad, laplacian, normal_derivative, time

FADED = 1e-17  # of the largest coefficient: what a series may leave out
DROP = 1e-2  # relative L2: the wave is a few hundredths wide on a domain of size 2
SEA = 2e-2  # relative L2: the waves get short where the sea is shallow
HALF = 35.0  # km: the half width of the part of the sea, which is the unit of length
METRES = 1e3  # in a kilometre
DEGREE = 111.2  # km of latitude
SHALLOWEST = 40.0  # m: land beyond the part that is used, before smoothing


def wave_1d(speed: float = 2.0) -> Problem:
    """u_tt = c² u_xx on [0, 1] × [0, 1], two standing waves: u = sin πx cos cπt + ½ sin 4πx cos 4cπt.

    For c = 2 it is Wave1d-C of PINNacle (Hao et al., arXiv 2306.08827), four periods in x and eight in t.

    Args:
        speed: c, dimensionless.
    """
    (x,), t = coordinates("x"), time("t")
    c, u = Parameter("speed", speed), Field("u", x, t)
    domain = Interval(x, 0, 1) * Interval(t, 0, 1)
    exact = sum(sympy.sin(k * sympy.pi * x) * sympy.cos(k * c * sympy.pi * t) / a for k, a in ((1, 1), (4, 2)))
    return Problem(Equation(u.diff(t, 2), c**2 * u.diff(x, 2)).on(domain.interior), Equation(u, 0).on(domain.boundary),
                   *_at_start(u, exact, domain), name="wave_1d", exact={u: exact})


def wave_travelling(speed: float = 1.0, width: float = 0.1) -> Problem:
    """u_tt = c² u_xx on [−1, 1] × [0, 1], d'Alembert's pulse that runs to the right: u = exp(−(x + ½ − ct)² / 2w²).

    Args:
        speed: c, dimensionless.
        width: w, the standard deviation, in the unit of x.
    """
    (x,), t = coordinates("x"), time("t")
    c, w, u = Parameter("speed", speed), Parameter("width", width), Field("u", x, t)
    domain = Interval(x, -1, 1) * Interval(t, 0, 1)
    exact = sympy.exp(-((x + sympy.Rational(1, 2) - c * t) ** 2) / (2 * w**2))
    return Problem(Equation(u.diff(t, 2), c**2 * u.diff(x, 2)).on(domain.interior),
                   satisfied_by({u: exact}, u).on(domain.boundary), *_at_start(u, exact, domain),
                   name="wave_travelling", exact={u: exact})


def wave_gaussian(variance: float = 5e-4, amplitude: float = 0.02) -> Problem:
    """u_tt = Δu on [−1, 1]² × [0, 0.4] from a resting Gaussian drop, u = A exp(−r² / 2v): the SIREN paper's wave.

    The paper gives no boundary condition. Before t = 0.4 the wave is within r < 0.4 + 7 √v, and beyond it is zero to
    rounding, so u = 0 on the boundary changes nothing. Exact in the plane is

        u = A v ∫₀^∞ e^(−vκ²/2) cos(κt) J₀(κr) κ dκ.

    The same drop in a disc of radius 1 with u = 0 on its circle is Fourier–Bessel's series over the zeros κ_n of J₀,

        u = Σ 2 A v e^(−vκ_n²/2) / J₁(κ_n)² cos(κ_n t) J₀(κ_n r),

    which differs from the integral only by what has travelled to the circle, e^(−(1 − t)²/2v) < 1e−150. Each of its terms
    satisfies the wave equation, and 130 of them are the drop to rounding.

    Args:
        variance: v, in the squared unit of x; at most 1e-3, so that nothing arrives at the boundary.
        amplitude: A, in the unit of u.
    Reference: Sitzmann et al., NeurIPS 2020, sec. 4.3; Watson, Theory of Bessel Functions, ch. XVIII.
    """
    x, y = coordinates("x y")
    t = time("t")
    u, domain = Field("u", x, y, t), Box({x: (-1, 1), y: (-1, 1)}) * Interval(t, 0, 0.4)
    drop = amplitude * sympy.exp(-(x**2 + y**2) / (2 * variance))
    return Problem(Equation(u.diff(t, 2), laplacian(u)).on(domain.interior), Equation(u, 0).on(domain.boundary),
                   Equation(u, drop, "drop").on(domain.initial), Equation(u.diff(t), 0, "at rest").on(domain.initial),
                   name="wave_gaussian", exact={u: _rings(variance, amplitude, (x, y), t)}, tolerance=DROP)


def wave_bathymetry(east: float = -0.6, north: float = -0.6, width: float = 0.15, smoothing: float = 3.0) -> Problem:
    """u_tt = ∇·(h ∇u) on [−1, 1]² × [0, 1]: long waves over the real sea floor west of Juan de Fuca Strait.

    The depth h is that of matplotlib's sample data (every 2.5 km), of which a corner of 70 km × 70 km is all water, 41 m to
    1440 m deep; it is smoothed by a Gaussian and interpolated by splines. A hump of the surface is let go at rest; the
    sides reflect, ∂u/∂n = 0, as the walls of a basin. There is no exact solution. Lengths are in units of 35 km, depths in
    km, times in units of 35 km / √(g · 1 km) = 353 s, so that the speed is √h.

    Args:
        east, north: of the hump's middle, in the unit of length.
        width: the hump's standard deviation, in the unit of length.
        smoothing: standard deviation of the Gaussian in km, at least 1.
    Reference: Lamb, Hydrodynamics, sec. 193 (variable depth).
    """
    if not smoothing >= 1:
        raise ProblemError(f"wave_bathymetry has smoothing={smoothing:g} km; expected at least 1 km, for the floor is known "
                           "every 2.5 km.")
    x, y = coordinates("x y")
    t = time("t")
    u, h = Field("u", x, y, t), Gridded("h", *_depth(smoothing))(x, y)
    domain = Box({x: (-1, 1), y: (-1, 1)}) * Interval(t, 0, 1)
    hump = sympy.exp(-((x - east) ** 2 + (y - north) ** 2) / (2 * width**2))
    return Problem(Equation(u.diff(t, 2), div(h * grad(u))).on(domain.interior),
                   Equation(normal_derivative(u), 0, "walls").on(domain.boundary),
                   Equation(u, hump, "hump").on(domain.initial), Equation(u.diff(t), 0, "at rest").on(domain.initial),
                   name="wave_bathymetry", tolerance=SEA, remark=f"depth smoothed over {smoothing:g} km")


def _depth(smoothing: float) -> tuple[tuple[Array, Array], Array]:
    """The places (n,) and (m,) of the model east and north, in units of 35 km from the middle, and its depth (n, m) in km."""
    with np.load(matplotlib.cbook.get_sample_data("topobathy.npz", asfileobj=False)) as model:
        height, longitude, latitude = (model[k].astype(np.float64) for k in ("topo", "longitude", "latitude"))
    corner = np.array([longitude[0], latitude[0]])
    km = DEGREE * np.array([np.cos(np.radians(corner[1])), 1.0])
    columns, rows = (km[0] * (longitude - corner[0]), km[1] * (latitude - corner[1]))
    floor = np.maximum(-height.T, SHALLOWEST) / METRES
    smooth = gaussian_filter(floor, [smoothing / columns[1], smoothing / rows[1]], mode="nearest")
    inside = columns <= 2 * HALF + 3 * columns[1], rows <= 2 * HALF + 3 * rows[1]
    return (columns[inside[0]] / HALF - 1, rows[inside[1]] / HALF - 1), smooth[np.ix_(*inside)]


def _rings(variance: float, amplitude: float, plane: tuple[sympy.Symbol, ...], t: sympy.Symbol) -> sympy.Expr:
    """Fourier–Bessel's series of a Gaussian drop in the unit disc."""
    highest = np.sqrt(-2 * np.log(FADED) / variance)
    zeros = jn_zeros(0, int(highest / np.pi) + 1)  # they are π apart
    weights = 2 * amplitude * variance * np.exp(-variance * zeros**2 / 2) / j1(zeros) ** 2
    r, n = sympy.sqrt(sum(c**2 for c in plane)), sympy.Symbol("n", integer=True)
    numbers = (np.arange(1.0, len(zeros) + 1),)
    weight, zero = (Gridded(name, numbers, values, degree=1)(n) for name, values in (("a", weights), ("kappa", zeros)))
    return sympy.Sum(weight * sympy.cos(zero * t) * sympy.besselj(0, zero * r), (n, 1, len(zeros)))


def _at_start(u: Field, exact: sympy.Expr, domain: Domain) -> tuple[Constraint, Constraint]:
    """u and u_t at the first time, as a solution has them."""
    t = domain.time
    return (Equation(u, exact.subs(t, 0), "initial value").on(domain.initial),
            Equation(u.diff(t), exact.diff(t).subs(t, 0), "initial rate").on(domain.initial))
