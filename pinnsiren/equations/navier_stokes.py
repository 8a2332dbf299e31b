"""Steady incompressible flow (u·∇)u + ∇p − Δu/Re = f, ∇·u = 0: Kovasznay's wake, the lid-driven cavity, a Stokes flow.

Velocities u and v along x and y are in units of a typical speed U, lengths in a typical length L, the pressure p in ρU², and
Re = U L / viscosity is Reynolds' number; Stokes' equations are the limit Re → 0 with p in units of viscosity · U / L.
The pressure is given at one point, for only its gradient occurs otherwise.
"""

import sympy

from pinnsiren.domains import Box, PointSet
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.problem import Equation, Problem
from pinnsiren.symbols import Field, Parameter, coordinates, div, grad, laplacian


def kovasznay(reynolds: float = 40.0) -> Problem:
    """The wake behind a grid of cylinders on [−½, 1] × [−½, 3/2], velocities given on the boundary: Kovasznay's exact flow.

    u = 1 − e^(λx) cos 2πy, v = λ/2π e^(λx) sin 2πy, p = (1 − e^(2λx))/2, λ = Re/2 − √(Re²/4 + 4π²).

    Args:
        reynolds: Re, with the distance of the cylinders as the length; dimensionless.
    Reference: Kovasznay, Laminar flow behind a two-dimensional grid, Proc. Camb. Phil. Soc. 44 (1948).
    """
    x, y = coordinates("x y")
    u, v, p = _fields()
    re = Parameter("reynolds", reynolds)
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
    """The lid-driven cavity [0, 1]²: u = 1 on the lid y = 1, no slip on the other walls, which do not belong to it.

    In the upper corners the velocity jumps and the pressure is infinite, like 1/distance. There is no exact solution; see
    :mod:`pinnsiren.equations.ghia` for the table that codes are compared with.

    Args:
        reynolds: Re, with the width and the speed of the lid; dimensionless.
    Reference: Ghia, Ghia & Shin, J. Comput. Phys. 48 (1982).
    """
    x, y = coordinates("x y")
    u, v, p = _fields()
    box = Box({x: (0, 1), y: (0, 1)})
    return Problem(Equation(_momentum(u, v, p, Parameter("reynolds", reynolds)), 0, "momentum").on(box.interior),
                   Equation(div((u, v)), 0, "continuity").on(box.interior),
                   Equation((u, v), (1, 0), "lid").on(box.face(y, 1).where((x > 0) & (x < 1))),
                   Equation((u, v), 0, "walls").on(box.boundary.where(y < 1)),
                   Equation(p, 0, "pressure").on(PointSet((x, y), [[0.5, 0.0]])),
                   name="cavity", tolerance=CORNERS)


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


CORNERS = 5e-2  # relative L2: the pressure at the corners is infinite


def _fields() -> tuple[Field, Field, Field]:
    x, y = coordinates("x y")
    return Field("u", x, y), Field("v", x, y), Field("p", x, y)


def _momentum(u: Field, v: Field, p: Field, reynolds: Parameter) -> list[sympy.Expr]:
    """(u·∇)u + ∇p − Δu/Re, one component along each coordinate."""
    x, y = coordinates("x y")
    return [u * w.diff(x) + v * w.diff(y) + slope - laplacian(w) / reynolds
            for w, slope in zip((u, v), grad(p), strict=True)]
