"""The biharmonic equation ΔΔw = q of thin plates: clamped, simply supported, and as two equations of second order.

Kirchhoff's plate: w is the deflection, q the load divided by the bending stiffness D = E h³ / 12(1 − ν²). Lengths are in
half-widths of the plate, so that it is [−1, 1]², and deflections in any unit. Loads are derived by sympy from the deflection.
Reference: Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells, 2nd ed., ch. 4 to 6.
"""

import sympy

from pinnsiren.domains import Box
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.errors import ProblemError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, laplacian, normal_derivative


def biharmonic_clamped(skew: float = 1.0) -> Problem:
    """ΔΔw = q on [−1, 1]², w = ∂w/∂n = 0 on its edges: a clamped plate under an uneven load.

    w = (1 − x²)² (1 − y²)² e^(sx) cos(s(x + 2y)/2).

    Args:
        skew: s, how uneven the load is; dimensionless, 0 for the even one.
    """
    x, y = coordinates("x y")
    w, plate = Field("w", x, y), Box({x: (-1, 1), y: (-1, 1)})
    exact = {w: _clamped(skew)}
    return Problem(satisfied_by(exact, laplacian(laplacian(w)), "load").on(plate.interior),
                   Equation(w, 0, "deflection").on(plate.boundary),
                   Equation(normal_derivative(w), 0, "slope").on(plate.boundary),
                   name="biharmonic_clamped", exact=exact)


def biharmonic_supported(waves_x: int = 1, waves_y: int = 2) -> Problem:
    """ΔΔw = q on [−1, 1]², w = Δw = 0 on its edges: Navier's simply supported plate under a sine load.

    w = sin(m π (x + 1)/2) sin(n π (y + 1)/2) is one term of Navier's series for any load.

    Args:
        waves_x, waves_y: m and n, half waves along each side; whole numbers ≥ 1.

    Raises:
        ProblemError: other numbers.
    """
    w, exact, plate = _supported(waves_x, waves_y)
    return Problem(satisfied_by({w: exact}, laplacian(laplacian(w)), "load").on(plate.interior),
                   Equation(w, 0, "deflection").on(plate.boundary),
                   Equation(laplacian(w), 0, "moment").on(plate.boundary),
                   name="biharmonic_supported", exact={w: exact})


def biharmonic_supported_mixed(waves_x: int = 1, waves_y: int = 2) -> Problem:
    """Δw = m, Δm = q on [−1, 1]², w = m = 0 on its edges: Navier's plate in second-order equations.

    Args:
        waves_x, waves_y: see :func:`biharmonic_supported`.
    """
    w, deflection, plate = _supported(waves_x, waves_y)
    m = Field("m", *w.coordinates)
    exact = {w: deflection, m: laplacian(deflection, w.coordinates)}
    return Problem(Equation(laplacian(w), m, "moment").on(plate.interior),
                   satisfied_by(exact, laplacian(m), "load").on(plate.interior),
                   Equation((w, m), (0, 0), "support").on(plate.boundary),
                   name="biharmonic_supported_mixed", exact=exact)


def _clamped(skew: float) -> sympy.Expr:
    x, y = coordinates("x y")
    s = Parameter("skew", skew)
    return (1 - x**2) ** 2 * (1 - y**2) ** 2 * sympy.exp(s * x) * sympy.cos(s * (x + 2 * y) / 2)


def _supported(waves_x: int, waves_y: int) -> tuple[Field, sympy.Expr, Box]:
    if min(waves_x, waves_y) < 1 or int(waves_x) != waves_x or int(waves_y) != waves_y:
        raise ProblemError(f"waves_x={waves_x}, waves_y={waves_y}; expected whole numbers ≥ 1, "
                           "for other sines do not vanish on the edges.")
    x, y = coordinates("x y")
    m, n = Parameter("waves_x", waves_x), Parameter("waves_y", waves_y)
    half = sympy.pi / 2
    deflection = sympy.sin(m * half * (x + 1)) * sympy.sin(n * half * (y + 1))
    return Field("w", x, y), deflection, Box({x: (-1, 1), y: (-1, 1)})
