"""Linear elasticity −∇·σ = f, σ = λ (∇·u) I + μ (∇u + ∇uᵀ): a manufactured field, Lamé's cylinder, Kirsch's hole.

The Navier–Cauchy equations in two dimensions for the displacements u and v along x and y. Lamé's parameters follow from
Young's modulus E and Poisson's ratio ν: μ = E / 2(1 + ν), and λ = Eν / (1 + ν)(1 − 2ν) in plane strain (no strain across the
plane), λ = Eν / (1 − ν²) in plane stress (no stress across it). Stresses, E and tractions share one unit; displacements
have that of the coordinates. A traction condition is σn = t with the outward normal n.
Reference: Timoshenko & Goodier, Theory of Elasticity, 3rd ed., §28 (cylinder), §35 (hole).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import sympy

from pinnsiren.domains import Box, Disc, Domain
from pinnsiren.equation import Constraint, Equation
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.errors import ProblemError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Normal, Parameter, coordinates, div

Plane = Literal["strain", "stress"]


@dataclass(frozen=True)
class Material:
    """Lamé's parameters λ and μ of a plane problem; in units of stress."""

    lame: sympy.Expr
    shear: sympy.Expr

    @classmethod
    def of(cls, young: float, poisson: float, plane: Plane) -> "Material":
        """From E > 0 in units of stress, and −1 < ν < ½, dimensionless.

        Raises:
            ProblemError: another E or ν, or a plane that is neither "strain" nor "stress".
        """
        if plane not in get_args(Plane):
            raise ProblemError(f"plane={plane!r}; choose 'strain' (thick bodies) or 'stress' (thin sheets).")
        if not young > 0 or not -1 < poisson < 0.5:
            raise ProblemError(f"young={young}, poisson={poisson}; expected E > 0 and −1 < ν < 0.5. "
                               "At ν = 0.5 a body is incompressible, and pressure is a field of its own.")
        e, nu = Parameter("young", young), Parameter("poisson", poisson)
        lame = e * nu / ((1 + nu) * (1 - 2 * nu)) if plane == "strain" else e * nu / (1 - nu**2)
        return cls(lame, e / (2 * (1 + nu)))

    @property
    def kolosov(self) -> sympy.Expr:
        """Kolosov's constant κ: 3 − 4ν in plane strain, (3 − ν)/(1 + ν) in plane stress; dimensionless."""
        return (self.lame + 3 * self.shear) / (self.lame + self.shear)

    def stress(self, u: sympy.Expr, v: sympy.Expr) -> sympy.Matrix:
        """σ, (2, 2), of displacements u and v."""
        x, y = coordinates("x y")
        gradient = sympy.Matrix([[u.diff(x), u.diff(y)], [v.diff(x), v.diff(y)]])
        return self.lame * gradient.trace() * sympy.eye(2) + self.shear * (gradient + gradient.T)

    def traction(self, u: sympy.Expr, v: sympy.Expr) -> sympy.Matrix:
        """σn, (2,), with the outward unit normal n of the region that it is used on."""
        return self.stress(u, v) * sympy.Matrix([Normal(c) for c in coordinates("x y")])

    def force(self, u: sympy.Expr, v: sympy.Expr) -> sympy.Matrix:
        """−∇·σ, (2,): the body force that keeps displacements u and v in balance."""
        rows = self.stress(u, v)
        return -sympy.Matrix([div(rows.row(i), coordinates("x y")) for i in range(2)])


def elasticity_square(young: float = 1.0, poisson: float = 0.3, plane: Plane = "strain") -> Problem:
    """−∇·σ = f on [−1, 1]², displacements given on the left and lower edges, tractions on the others; manufactured.

    u = eˣ sin(2y)/2, v = cos(x + 2y) + xy²/(1 + x² + y²).

    Args:
        young: E, in units of stress.
        poisson: ν, between −1 and ½.
        plane: "strain" or "stress".
    """
    x, y = coordinates("x y")
    u, v, square = Field("u", x, y), Field("v", x, y), Box({x: (-1, 1), y: (-1, 1)})
    material = Material.of(young, poisson, plane)
    exact = {u: sympy.exp(x) * sympy.sin(2 * y) / 2, v: sympy.cos(x + 2 * y) + x * y**2 / (1 + x**2 + y**2)}
    held = square.boundary.where(sympy.Eq(x, -1) | sympy.Eq(y, -1))
    pulled = square.boundary.where((x > -1) & (y > -1))
    return Problem(satisfied_by(exact, material.force(u, v), "balance").on(square.interior),
                   satisfied_by(exact, (u, v), "displacement").on(held),
                   satisfied_by(exact, material.traction(u, v), "traction").on(pulled),
                   name="elasticity_square", exact=exact)


def elasticity_cylinder(inner: float = 0.5, outer: float = 1.0, pressure: float = 0.1, young: float = 1.0,
                        poisson: float = 0.3) -> Problem:
    """∇·σ = 0 in a quarter of a thick-walled cylinder under internal pressure, plane strain: Lamé's solution.

    σn = −p n inside, σn = 0 outside; by symmetry no normal displacement and no shear on the two cuts.
    u_r = A r + B / r with A = p a² / 2(λ + μ)(b² − a²) and B = p a² b² / 2μ(b² − a²).

    Args:
        inner, outer: a < b, radii in the unit of length.
        pressure: p, in units of stress.
        young: E, in units of stress.
        poisson: ν, between −1 and ½.

    Raises:
        ProblemError: radii that are not 0 < a < b, or no such material.
    """
    if not 0 < inner < outer:
        raise ProblemError(f"inner={inner}, outer={outer}; expected radii 0 < inner < outer.")
    x, y = coordinates("x y")
    u, v, material = Field("u", x, y), Field("v", x, y), Material.of(young, poisson, "strain")
    a, b, p = sympy.nsimplify(inner), sympy.nsimplify(outer), Parameter("pressure", pressure)
    squares = x**2 + y**2
    push = p * a**2 / (2 * (b**2 - a**2))
    stretch = push / (material.lame + material.shear) + push * b**2 / (material.shear * squares)
    bore = Disc({x: 0, y: 0}, inner)
    wall = (Disc({x: 0, y: 0}, outer) & Box({x: (0, outer), y: (0, outer)})) - bore
    middle = (a + b) ** 2 / 4
    traction, curved = material.traction(u, v), wall.boundary.where((x > 0) & (y > 0))
    return Problem(Equation(material.force(u, v), 0, "balance").on(wall.interior),
                   Equation(traction, [-p * Normal(x), -p * Normal(y)], "bore").on(curved.where(squares < middle)),
                   Equation(traction, 0, "rim").on(curved.where(squares > middle)),
                   *_cuts(u, v, traction, wall),
                   name="elasticity_cylinder", exact={u: x * stretch, v: y * stretch})


def elasticity_hole(size: float = 3.0, tension: float = 0.1, young: float = 1.0, poisson: float = 0.3) -> Problem:
    """∇·σ = 0 around a circular hole in a sheet under tension along x, plane stress: Kirsch's solution, a quarter of it.

    The hole has radius 1 and no traction; the outer edges have the tractions of the infinite sheet; by symmetry no normal
    displacement and no shear on the two cuts. The stress at the top of the hole is three times the tension.

    Args:
        size: length of the quarter's sides, in radii of the hole; more than 1.
        tension: T at infinity, in units of stress.
        young: E, in units of stress.
        poisson: ν, between −1 and ½.

    Raises:
        ProblemError: a sheet that is not larger than the hole, or no such material.
    Reference: Kirsch 1898; displacements as in Szabó & Babuška, Finite Element Analysis (1991), sec. 4.2.
    """
    if not size > 1:
        raise ProblemError(f"size={size}; expected more than 1, the radius of the hole.")
    x, y = coordinates("x y")
    u, v, material = Field("u", x, y), Field("v", x, y), Material.of(young, poisson, "stress")
    exact = dict(zip((u, v), _kirsch(material, Parameter("tension", tension)), strict=True))
    sheet = Box({x: (0, size), y: (0, size)}) - Disc({x: 0, y: 0}, 1)
    traction, inside = material.traction(u, v), sympy.nsimplify((1 + size) / 2)
    curved = sheet.boundary.where((x > 0) & (y > 0) & (x**2 + y**2 < inside**2))
    edges = sheet.boundary.where(sympy.Eq(x, size) | sympy.Eq(y, size))
    return Problem(Equation(material.force(u, v), 0, "balance").on(sheet.interior),
                   Equation(traction, 0, "hole").on(curved),
                   satisfied_by(exact, traction, "tension").on(edges),
                   *_cuts(u, v, traction, sheet),
                   name="elasticity_hole", exact=exact)


def _cuts(u: Field, v: Field, traction: sympy.Matrix, body: Domain) -> tuple[Constraint, Constraint]:
    """Symmetry across x = 0 and y = 0: no displacement across a cut, no traction along it."""
    x, y = coordinates("x y")
    return (Equation((u, traction[1]), 0, "symmetry in x").on(body.face(x, 0)),
            Equation((v, traction[0]), 0, "symmetry in y").on(body.face(y, 0)))


def _kirsch(material: Material, tension: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Displacements around a hole of radius 1 under tension T along x at infinity.

    u = T/8μ [(κ+1) r cos θ + 2((1+κ) cos θ + cos 3θ)/r − 2 cos 3θ/r³],
    v = T/8μ [(κ−3) r sin θ + 2((1−κ) sin θ + sin 3θ)/r − 2 sin 3θ/r³].
    """
    x, y = coordinates("x y")
    kappa, squares = material.kolosov, x**2 + y**2
    cosine, sine = x**3 - 3 * x * y**2, 3 * x**2 * y - y**3  # r³ cos 3θ and r³ sin 3θ
    factor = tension / (8 * material.shear)
    u = (kappa + 1) * x + 2 * ((1 + kappa) * x + cosine / squares) / squares - 2 * cosine / squares**3
    v = (kappa - 3) * y + 2 * ((1 - kappa) * y + sine / squares) / squares - 2 * sine / squares**3
    return factor * u, factor * v
