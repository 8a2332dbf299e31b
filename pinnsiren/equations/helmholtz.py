"""Helmholtz's equation Δu + k² m u = f: time-harmonic waves in a medium of squared slowness m, open or closed.

Open problems have the time convention e^{+iωt}: outgoing waves are e^{−ikr}.
"""

from typing import Any

import sympy
from scipy.special import h2vp, hankel2, jv, jvp

from pinnsiren.ansatz import Ansatz, cut_off, distance, kinked, outgoing, point_source_field
from pinnsiren.domains import Box, Disc, Domain
from pinnsiren.equation import Equation
from pinnsiren.pml import PML
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, coordinates, laplacian

SOURCE_VARIANCE = 1e-4  # of the SIREN paper's source: a standard deviation of 0.01
SOURCE_REACH = 0.06  # six standard deviations: beyond, nothing of the source is left
TOLERANCE = 5e-3  # relative L2, for waves in open domains


def helmholtz_sine(a1: float = 1, a2: float = 4, k: float = 1) -> Problem:
    """Δu + k²u = f on [−1, 1]², u = sin a₁πx sin a₂πy."""
    x, y = coordinates("x y")
    u = Field("u", x, y)
    exact = sympy.sin(Parameter("a1", a1) * sympy.pi * x) * sympy.sin(Parameter("a2", a2) * sympy.pi * y)
    square, wavenumber = Box({x: (-1, 1), y: (-1, 1)}), Parameter("k", k)

    def left(v: Any) -> sympy.Expr:
        return laplacian(v, (x, y)) + wavenumber**2 * v

    return Problem(Equation(left(u), sympy.simplify(left(exact))).on(square.interior),
                   Equation(u, exact).on(square.boundary), name="helmholtz_sine", exact={u: exact})


def helmholtz_cavity(k: float = 20, modes: int = 3) -> Problem:
    """Δu + k²u = 0 in the cavity [0, 1]², driven through x = 0: u = Σ sin nπy sin γ(1−x)/(n sin γ), γ² = k² − n²π².

    Modes with nπ < k travel between the walls, the others decay from the opening.
    """
    x, y = coordinates("x y")
    u = Field("u", x, y)
    wavenumber = Parameter("k", k)
    cavity = Box({x: (0, 1), y: (0, 1)})

    def mode(n: int) -> sympy.Expr:
        square = wavenumber**2 - (n * sympy.pi) ** 2
        gamma, sine = (sympy.sqrt(square), sympy.sin) if k > n * sympy.pi else (sympy.sqrt(-square), sympy.sinh)
        return sympy.sin(n * sympy.pi * y) / n * sine(gamma * (1 - x)) / sine(gamma)

    exact = sympy.Add(*[mode(n) for n in range(1, 2 * modes, 2)])
    opening = sympy.Add(*[sympy.sin(n * sympy.pi * y) / n for n in range(1, 2 * modes, 2)])
    walls = [Equation(u, 0).on(cavity.face(c, end)) for c, end in ((x, 1), (y, 0), (y, 1))]
    return Problem(Equation(laplacian(u) + wavenumber**2 * u, 0).on(cavity.interior),
                   Equation(u, opening, name="opening").on(cavity.face(x, 0)), *walls,
                   name="helmholtz_cavity", exact={u: exact})


def helmholtz_point_source(k: float = 20, strength: float = 5, order: float = 2) -> Problem:
    """The SIREN paper's Helmholtz problem: a Gaussian source (1 + i) in a uniform medium, [−1, 1]² with a PML of width ½.

    Exact in the physical square [−½, ½]². The source's field, cut off at ½, is split off: u = χ u_known + decay · N.
    """
    pml, u = _paper(k, strength, order)
    known = _source_field(pml, k)
    waves = Equation(pml.conservative(u) + k**2 * pml.jacobian * u, _source(pml), name="waves").on(pml.box.interior)
    return _judged(pml, "helmholtz_point_source", [waves], exact={u: known},
                   ansatz=outgoing(u, pml, cut_off(_centre(pml), 0.5) * known))


def helmholtz_square(k: float = 20, slowness: float = 0.25, width: float = 0.6) -> Problem:
    """The SIREN paper's source in the middle of a square of squared slowness ¼, 0.6 wide; outside 1, with its PML."""
    pml, u = _paper(k)
    x, y = pml.coordinates
    level = distance(Box({x: (-width / 2, width / 2), y: (-width / 2, width / 2)}))
    known = cut_off(_centre(pml), width / 2) * _source_field(pml, k * slowness**0.5)
    waves = _in_two_media(pml, u, k=k, level=level, slowness=slowness)
    return _judged(pml, "helmholtz_square", waves, ansatz=_with_inclusion(u, pml, level, known))


def helmholtz_disc(k: float = 20, slowness: float = 0.25, radius: float = 0.1) -> Problem:
    """The SIREN paper's source in the middle of a disc of squared slowness ¼ and radius 0.1; outside 1, with its PML.

    Exact in the physical square: u = source + β J₀(k₁r) in the disc, k₁ = k√m, and γ H₀⁽²⁾(kr) around it.
    """
    pml, u = _paper(k)
    level, inner = distance(Disc(_centre(pml), radius)), k * slowness**0.5
    known = _source_field(pml, inner)
    waves = _in_two_media(pml, u, k=k, level=level, slowness=slowness)
    return _judged(pml, "helmholtz_disc", waves, exact={u: _disc_field(pml, known, k, inner, radius)},
                   ansatz=_with_inclusion(u, pml, level, cut_off(_centre(pml), 0.5) * known))


def helmholtz_scattering(k: float = 20, slowness: float = 1.5, radius: float = 0.25) -> Problem:
    """The plane wave e^{−ikx}, scattered by a disc that it enters: u is the scattered field, on [−1, 1]² with a PML of width ½.

    (Δ + k²m)u = −k²(m − 1) e^{−ikx}, m the squared slowness of the disc. Exact in the physical square: sums over
    H_n⁽²⁾(kr) cos nθ outside and J_n(k√m r) cos nθ inside.
    """
    pml, u = _paper(k)
    x, y = pml.coordinates
    level = distance(Disc(_centre(pml), radius))
    incident = sympy.exp(-sympy.I * k * x)
    waves = _in_two_media(pml, u, k=k, level=level, slowness=slowness, driven=-k**2 * (slowness - 1) * incident)
    return _judged(pml, "helmholtz_scattering", waves, source=False, ansatz=_with_inclusion(u, pml, level, 0),
                   exact={u: _scattered_by_disc(x, y, incident, k=k, slowness=slowness, radius=radius)})


def _paper(k: float, strength: float = 5, order: float = 2) -> tuple[PML, Field]:
    x, y = coordinates("x y")
    return PML(Box({x: (-1, 1), y: (-1, 1)}), 0.5, strength, k, order), Field("u", x, y, complex=True)


def _judged(pml: PML, name: str, waves: list[Any], *, source: bool = True, **known: Any) -> Problem:
    """The problem with u = 0 behind the layers, compared where the field is physical and away from a source."""
    (u,) = {f for c in waves for f in c.equation.lhs.atoms(Field)}
    place: Domain = pml.physical - Disc(_centre(pml), SOURCE_REACH) if source else pml.physical
    return Problem(*waves, Equation(u, 0).on(pml.box.boundary), name=name, tolerance=TOLERANCE, compared=place.interior,
                   layer=pml, **known)


def _in_two_media(pml: PML, u: Field, *, k: float, level: sympy.Expr, slowness: float, driven: Any = None) -> list[Any]:
    """The waves where level ≥ 0 and around, driven by the source, or by an expression where level ≥ 0.

    Two equations and not one with a jump in it: each gets its points, however small the inclusion.
    """
    domain = pml.box.interior
    around = pml.conservative(u) + k**2 * pml.jacobian * u
    within, without = (_source(pml), _source(pml)) if driven is None else (driven, 0)
    return [Equation(laplacian(u) + k**2 * slowness * u, within, name="inside").on(domain.where(level >= 0)),
            Equation(around, without, name="around").on(domain.where(level < 0))]


def _with_inclusion(u: Field, pml: PML, level: sympy.Expr, known: Any) -> Ansatz:
    """u = known + decay · (N + max(0, φ)² M), φ the level: the second derivatives jump with the medium."""
    free = outgoing(u, pml, known)
    (smooth,) = free.carried
    return free.then(kinked(smooth, level))


def _centre(pml: PML) -> dict[sympy.Symbol, float]:
    return dict.fromkeys(pml.coordinates, 0.0)


def _source(pml: PML) -> sympy.Expr:
    x, y = pml.coordinates
    v = sympy.nsimplify(SOURCE_VARIANCE, rational=True)
    return (1 + sympy.I) * sympy.exp(-(x**2 + y**2) / (2 * v)) / (2 * sympy.pi * v)


def _source_field(pml: PML, k: float) -> sympy.Expr:
    return point_source_field(_centre(pml), k, amplitude=1 + sympy.I, variance=SOURCE_VARIANCE)


def _disc_field(pml: PML, known: sympy.Expr, k: float, inner: float, radius: float) -> sympy.Expr:
    """The source's field with what the disc's edge adds, so that u and ∂u/∂r go on across it."""
    x, y = pml.coordinates
    r = sympy.sqrt(x**2 + y**2)
    scale = (1 + 1j) * 0.25j * float(sympy.exp(-(inner**2) * SOURCE_VARIANCE / 2))
    source, slope = scale * hankel2(0, inner * radius), scale * inner * h2vp(0, inner * radius)
    beta, gamma = _matched((source, slope), inside=(jv(0, inner * radius), inner * jvp(0, inner * radius)),
                           outside=(hankel2(0, k * radius), k * h2vp(0, k * radius)))
    return sympy.Piecewise((known + beta * sympy.besselj(0, inner * r), r < radius), (gamma * sympy.hankel2(0, k * r), True))


def _scattered_by_disc(x: sympy.Symbol, y: sympy.Symbol, incident: sympy.Expr, *, k: float, slowness: float,
                       radius: float) -> sympy.Expr:
    """Σ_n (2 − δ_{n0}) (−i)ⁿ cos nθ {b_n H_n(kr) outside, c_n J_n(k₁r) inside, less the incident wave}.

    Reference: Bohren & Huffman, Absorption and Scattering of Light by Small Particles, ch. 8, for a cylinder.
    """
    r, theta, inner = sympy.sqrt(x**2 + y**2), sympy.atan2(y, x), k * slowness**0.5
    terms = int(max(k, inner) * radius) + 16  # J_n(z) falls faster than any power once n > z: below 1e-12 of the first
    outside, inside = [], []
    for n in range(terms):
        c, b = _matched((-jv(n, k * radius), -k * jvp(n, k * radius)),
                        inside=(jv(n, inner * radius), inner * jvp(n, inner * radius)),
                        outside=(hankel2(n, k * radius), k * h2vp(n, k * radius)))
        weight = (1 if n == 0 else 2) * (-sympy.I) ** n * sympy.cos(n * theta)
        outside.append(b * weight * sympy.hankel2(n, k * r))
        inside.append(c * weight * sympy.besselj(n, inner * r))
    return sympy.Piecewise((sympy.Add(*inside) - incident, r < radius), (sympy.Add(*outside), True))


def _matched(known: tuple[Any, Any], *, inside: tuple[Any, Any], outside: tuple[Any, Any]) -> tuple[sympy.Expr, sympy.Expr]:
    """(a, b) such that known + a · inside = b · outside, in value and slope; as sympy numbers."""
    determinant = inside[1] * outside[0] - inside[0] * outside[1]
    a = (known[0] * outside[1] - known[1] * outside[0]) / determinant
    b = (known[0] * inside[1] - known[1] * inside[0]) / determinant
    return sympy.sympify(complex(a)), sympy.sympify(complex(b))
