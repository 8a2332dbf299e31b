"""Steady incompressible flow (u·∇)u + ∇p − Δu/Re = f, ∇·u = 0: Kovasznay's wake, the lid-driven cavity, a Stokes flow.

Velocities u and v along x and y are in units of a typical speed U, lengths in a typical length L, the pressure p in ρU², and
Re = U L / viscosity is Reynolds' number; Stokes' equations are the limit Re → 0 with p in units of viscosity · U / L.
The pressure is given at one point, for only its gradient occurs otherwise.
"""

import sympy

from pinnsiren.ansatz import Ansatz
from pinnsiren.domains import Box, PointSet
from pinnsiren.equation import Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.errors import ProblemError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, div, grad, laplacian, normal_derivative

CORNERS = 2e-2  # relative L2: the velocity jumps at two corners


def kovasznay(reynolds: float = 40.0) -> Problem:
    """The wake behind a grid of cylinders on [−½, 1] × [−½, 3/2], velocities given on the boundary: Kovasznay's exact flow.

    u = 1 − e^(λx) cos 2πy, v = λ/2π e^(λx) sin 2πy, p = (1 − e^(2λx))/2, λ = Re/2 − √(Re²/4 + 4π²).

    Args:
        reynolds: Re > 0, with the distance of the cylinders as the length; dimensionless.

    Raises:
        ProblemError: another Reynolds number.
    Reference: Kovasznay, Laminar flow behind a two-dimensional grid, Proc. Camb. Phil. Soc. 44 (1948).
    """
    x, y = coordinates("x y")
    u, v, p = _fields()
    re = _reynolds(reynolds)
    decay = re / 2 - sympy.sqrt(re**2 / 4 + 4 * sympy.pi**2)
    exact = {u: 1 - sympy.exp(decay * x) * sympy.cos(2 * sympy.pi * y),
             v: decay / (2 * sympy.pi) * sympy.exp(decay * x) * sympy.sin(2 * sympy.pi * y),
             p: (1 - sympy.exp(2 * decay * x)) / 2}
    wake = Box({x: (-0.5, 1), y: (-0.5, 1.5)})
    return Problem(Equation(_momentum(u, v, p, re), 0, "momentum").on(wake.interior),
                   Equation(div((u, v)), 0, "continuity").on(wake.interior),
                   satisfied_by(exact, (u, v), "velocity").on(wake.boundary),
                   Equation(p, 0, "pressure").on(PointSet((x, y), [[0.0, 0.0]])),
                   name="kovasznay", exact=exact)


def cavity(reynolds: float = 100.0) -> Problem:
    """The lid-driven cavity [0, 1]²: its stream function ψ, with the flow in the corners below the moving lid split off.

    u = ∂ψ/∂y, v = −∂ψ/∂x and ω = −Δψ: u·∇ω = Δω/Re, which has no pressure, with ψ = 0 on all walls, ∂ψ/∂y = 1 on the lid
    y = 1 and ∂ψ/∂n = 0 on the other walls, to which the lid's ends do not belong. At these the velocity jumps and ω is
    infinite like 1/r, so that the equation, multiplied by the squared distance of each, has finite terms. Near them the flow
    is Taylor's (see :func:`_corner_flow`), and ψ is written as that of both corners and a smoother rest. There is no exact
    solution; :mod:`pinnsiren.equations.ghia` has the table of velocities that codes are compared with.

    Args:
        reynolds: Re > 0, with the width and the speed of the lid; dimensionless.

    Raises:
        ProblemError: another Reynolds number.
    Reference: Ghia, Ghia & Shin, J. Comput. Phys. 48 (1982); Botella & Peyret, Computers & Fluids 27 (1998), who split
        corner flows off.
    """
    x, y = coordinates("x y")
    psi, rest, box = Field("psi", x, y), Field("psi_rest", x, y), Box({x: (0, 1), y: (0, 1)})
    vorticity = -laplacian(psi)
    transport = psi.diff(y) * vorticity.diff(x) - psi.diff(x) * vorticity.diff(y)
    weight = (x**2 + (1 - y) ** 2) * ((1 - x) ** 2 + (1 - y) ** 2)
    lid, walls = box.face(y, 1).where((x > 0) & (x < 1)), box.boundary.where(y < 1)
    corners = _corner_flow(x, 1 - y) + _corner_flow(1 - x, 1 - y)
    return Problem(Equation(weight * (transport - laplacian(vorticity) / _reynolds(reynolds)), 0,
                            "vorticity").on(box.interior),
                   Equation(psi, 0, "no flow through").on(box.boundary),
                   Equation(psi.diff(y), 1, "lid").on(lid),
                   Equation(normal_derivative(psi), 0, "no slip").on(walls),
                   name="cavity", tolerance=CORNERS,
                   ansatz=Ansatz({psi: corners + rest}, remark="the flow in the corners below the lid and a smoother rest"))


def stokes() -> Problem:
    """−Δu + ∇p = f, ∇·u = 0 on [−1, 1]², velocities given on the boundary; manufactured.

    u = ∂ψ/∂y, v = −∂ψ/∂x with ψ = eˣ sin 2y / 2 + cos(x + y), p = xy / (2 + x).
    """
    x, y = coordinates("x y")
    u, v, p = _fields()
    stream = sympy.exp(x) * sympy.sin(2 * y) / 2 + sympy.cos(x + y)
    exact = {u: stream.diff(y), v: -stream.diff(x), p: x * y / (2 + x)}
    square = Box({x: (-1, 1), y: (-1, 1)})
    forces = [-laplacian(w) + slope for w, slope in zip((u, v), grad(p), strict=True)]
    return Problem(satisfied_by(exact, forces, "momentum").on(square.interior),
                   Equation(div((u, v)), 0, "continuity").on(square.interior),
                   satisfied_by(exact, (u, v), "velocity").on(square.boundary),
                   Equation(p, 0, "pressure").on(PointSet((x, y), [[0.0, 0.0]])),
                   name="stokes", exact=exact)


def _reynolds(value: float) -> Parameter:
    if not value > 0:
        raise ProblemError(f"reynolds={value}; expected a number > 0 (the limit 0 is the problem 'stokes').")
    return Parameter("reynolds", value)


def _fields() -> tuple[Field, Field, Field]:
    x, y = coordinates("x y")
    return Field("u", x, y), Field("v", x, y), Field("p", x, y)


def _momentum(u: Field, v: Field, p: Field, reynolds: Parameter) -> list[sympy.Expr]:
    """(u·∇)u + ∇p − Δu/Re, one component along each coordinate."""
    x, y = coordinates("x y")
    return [u * w.diff(x) + v * w.diff(y) + slope - laplacian(w) / reynolds
            for w, slope in zip((u, v), grad(p), strict=True)]


def _corner_flow(along: sympy.Expr, below: sympy.Expr) -> sympy.Expr:
    """The stream function r f(φ) of Stokes' flow in a right-angled corner below a wall that slides with speed 1.

    f = A sin φ + C φ sin φ + D φ cos φ, with φ from the sliding wall into the fluid: f = 0 and f' = −1 there, and
    f = f' = 0 on the wall at rest, φ = π/2. Inertia matters at distances of order 1/Re.

    Args:
        along, below: distances from the wall at rest and from the sliding one.
    Reference: Taylor, On scraping viscous fluid from a plane surface (1962); Batchelor, An Introduction to Fluid Dynamics,
        §4.8.
    """
    d = 4 / (sympy.pi**2 - 4)
    a, c = -d * sympy.pi**2 / 4, d * sympy.pi / 2
    return a * below + (c * below + d * along) * sympy.atan2(below, along)
