"""Full-waveform inversion as the SIREN paper has it: the fields of all sources and the medium are unknown together.

Time convention e^{+iωt}: outgoing waves are e^{−ikr}.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
import sympy

from pinnsiren.ansatz import Ansatz, point_source_field
from pinnsiren.ansatz.ansatz import new_field
from pinnsiren.check.evaluation import evaluate
from pinnsiren.complex_parts import real_and_imaginary
from pinnsiren.domains import Box, PointSet
from pinnsiren.equation import Constraint, Equation
from pinnsiren.errors import ProblemError
from pinnsiren.pml import PML
from pinnsiren.problem import Problem
from pinnsiren.surveys import Acquisition, Inclusion, Medium, Survey, recorded
from pinnsiren.symbols import Data, Field, coordinates, grad

BOX = ((-1.0, 1.0), (-1.0, 1.0))
THICKNESS, STRENGTH = 0.5, 5.0  # of the layers
SOURCE_VARIANCE = 1e-4  # of the SIREN paper's source
UNKNOWN = 0.75  # the medium is known where |x| or |y| is larger
SPACING = 0.02  # of a grid that may invert the data
CONTINUED = (0.25, 0.5, 1.0)  # frequencies, of the highest: from low to high
FIRM = 16.0  # of the equations beside data in units of their noise: the edge of a medium is no better in a thousand sines
VARIATION = 5e3  # weight of the variation of log c, beside data in units of their noise
TOLERANCE = 0.1  # relative L2 of the squared slowness: about the mean square error of the velocity that the paper has
SHOWN = 61  # points along each side of the square where the medium is compared
SIDE = 0.45  # of the square on which sources and receivers stand
DISC = 0.4  # diameter

TRUE = Data("true m")
SOURCE = (Data("source x"), Data("source y"))  # of what receivers record: carried for whoever looks at the problem

Shape = Literal["square", "disc"]


def fwi(model: Shape = "square", sources: int = 5, receivers: int = 30, frequency: float = 20, noise: float = 0.01,
        seed: int = 0) -> Problem:
    """The SIREN paper's inverse Helmholtz problem: a medium in [−1, 1]² from the waves of 5 sources at 30 receivers.

    Fields are the medium's squared slowness m, and for each source and frequency the scattered wave u, the total one less the
    incident one v in m = 1: with the PML's stretching e, (∂ᵢ (e/eᵢ²) ∂ᵢ + e k² m) u = −e k² (m − 1) v. Sources stand in a
    row below an inclusion in which waves are twice as fast, receivers on the three other sides; 1 % of noise. Where |x| or |y|
    is above 0.75 the medium is known, m = 1. Data come from finite differences (:func:`pinnsiren.surveys.recorded`).

    Args:
        model: a square 0.6 wide, or a disc 0.4 across.
        sources, receivers: their numbers, at least 1 and 3.
        frequency: the highest k where m = 1; a quarter and half of it are used besides.
        noise: of the data, relative to their root mean square.
        seed: of the noise.
    """
    survey = paper_survey(model, sources, receivers, frequency, noise, seed)
    medium = paper_medium(model)
    x, y = coordinates("x y")
    box, m = Box({x: BOX[0], y: BOX[1]}), Field("m", x, y)
    constraints: list[Constraint] = []
    fields: dict[Field, sympy.Expr] = {m: sympy.exp(-2 * _inside((x, y)) * new_field(m))}
    for i, k in enumerate(map(float, survey.acquisition.frequencies)):
        pml = PML(box, THICKNESS, STRENGTH, k)
        for j in range(sources):
            u = Field(f"u{i + 1}_{j + 1}", x, y, complex=True)
            constraints += _state(u, m, pml, survey, (i, j))
            fields[u] = pml.decay * new_field(u)
    constraints.append(Equation(grad(sympy.log(m) / 2, (x, y)), 0, "variation").on(box.interior, weight=VARIATION, norm="l1"))
    return Problem(*constraints, name="fwi", exact={m: TRUE}, tolerance=TOLERANCE, compared=_compared((x, y), survey, medium),
                   ansatz=Ansatz(fields, remark="log c = cut-off × new field, u = decay × new field"),
                   remark=f"velocity: {model} of velocity 2 in velocity 1")


def _compared(symbols: tuple[sympy.Symbol, ...], survey: Survey, medium: Medium) -> PointSet:
    """A grid on the physical square with the true medium."""
    axes = [a + (b - a) * (np.arange(SHOWN) + 0.5) / SHOWN for a, b in survey.acquisition.physical]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes)], axis=1)
    return PointSet(symbols, points, {TRUE: medium.squared_slowness(points)})


def _state(u: Field, m: Field, pml: PML, survey: Survey, place: tuple[int, int]) -> list[Constraint]:
    """What holds for one source and frequency: its waves, weighted beside data in units of their noise."""
    (i, j), symbols, k = place, pml.coordinates, float(pml.wavenumber)
    incident = _incident(dict(zip(symbols, survey.acquisition.sources[j], strict=True)), k)
    seen, deviation = Data("scattered", complex=True), float(survey.deviations[i])
    receivers, source = survey.acquisition.receivers, survey.acquisition.sources[j]
    columns = {seen: _scattered(survey, i, j, incident, symbols)}
    columns |= {symbol: np.full(len(receivers), at) for symbol, at in zip(SOURCE, source, strict=True)}
    data = PointSet(symbols, receivers, columns)
    left, size = pml.conservative(u) + k**2 * pml.jacobian * (m * u + (m - 1) * incident), deviation / survey.noise
    name = f"{i + 1}, {j + 1}"
    return [Equation(left / (k**2 * size), 0, f"waves {name}").on(pml.box.interior, weight=(FIRM / survey.noise) ** 2),
            Equation(u / size, 0, f"end {name}").on(pml.box.boundary, weight=1 / survey.noise**2),
            Equation((u - seen) / deviation, 0, f"data {name}").on(data, weight=float(len(data)))]


@lru_cache(4)
def paper_survey(model: Shape = "square", sources: int = 5, receivers: int = 30, frequency: float = 20, noise: float = 0.01,
                 seed: int = 0, shares: tuple[float, ...] = CONTINUED) -> Survey:
    """The data of :func:`fwi`.

    Args:
        shares: the frequencies, in units of ``frequency``.

    Raises:
        ProblemError: too few sources or receivers, or waves that the layers do not absorb. DataError: a noise that is none.
    """
    if sources < 1 or receivers < 3:
        raise ProblemError(f"fwi(sources={sources}, receivers={receivers}); expected at least 1 source and 3 receivers.")
    back = float(np.exp(-2 * min(shares) * frequency * STRENGTH * THICKNESS / 3))
    if not back < 0.5:
        raise ProblemError(f"fwi(frequency={frequency}); expected a positive wavenumber, such as 20.")
    if back > noise:
        raise ProblemError(f"fwi(frequency={frequency}, noise={noise}): at the lowest, {min(shares) * frequency:g}, the "
                           f"absorbing layers send {back:.1%} of a wave back, more than the noise; take a higher one.")
    row = [(float(x), -SIDE) for x in np.linspace(-SIDE, SIDE, sources + 2)[1:-1]]
    frequencies = [share * frequency for share in shares]
    acquisition = Acquisition(BOX, row, _around(receivers), frequencies, amplitude=1 + 1j, variance=SOURCE_VARIANCE,
                              thickness=THICKNESS, strength=STRENGTH)
    return recorded(paper_medium(model), acquisition, noise=noise, seed=seed, spacing=min(SPACING, 0.4 / frequency))


def paper_medium(model: Shape) -> Inclusion:
    return Inclusion(model, 0.6 if model == "square" else DISC)


def _around(count: int) -> list[tuple[float, float]]:
    """Evenly along three sides of a square, from below on the left to below on the right."""
    along = (np.arange(count) + 0.5) / count * 3
    places = []
    for s in along:
        side, t = int(s), (s - int(s)) * 2 * SIDE - SIDE
        places.append([(-SIDE, t), (t, SIDE), (SIDE, -t)][side])
    return [(float(a), float(b)) for a, b in places]


def _scattered(survey: Survey, frequency: int, source: int, incident: sympy.Expr,
               symbols: tuple[sympy.Symbol, ...]) -> np.ndarray:
    """What the receivers recorded, less the incident wave."""
    places = dict(zip(symbols, survey.acquisition.receivers.T, strict=True))
    re, im = (evaluate(part, places) for part in real_and_imaginary(incident))
    return np.asarray(survey.data[frequency, source] - (re + 1j * im))


def _incident(place: dict[sympy.Symbol, float], k: float) -> sympy.Expr:
    """The field of the paper's Gaussian source, (1 + i) e^{−k²σ/2} (i/4) H₀⁽²⁾(kr), where nothing of the source is left."""
    return point_source_field(place, k, amplitude=float(np.exp(-(k**2) * SOURCE_VARIANCE / 2)) * (1 + sympy.I))


def _inside(symbols: tuple[sympy.Symbol, ...]) -> sympy.Expr:
    """Π (1 − (x/0.75)⁸) where both |x| and |y| are below 0.75, else 0."""
    x, y = symbols
    edge = sympy.nsimplify(UNKNOWN)
    within = sympy.And(sympy.Abs(x) < edge, sympy.Abs(y) < edge)
    return sympy.Piecewise(((1 - (x / edge) ** 8) * (1 - (y / edge) ** 8), within), (0, True))
