"""Whether points and features can follow the waves or the data of a problem: numbers for a warning before all computing."""

import math
from collections.abc import Mapping, Sequence

import sympy

from pinnsiren.equation import Constraint
from pinnsiren.model import Model
from pinnsiren.networks import Fourier
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.spectrum import band
from pinnsiren.problem import Problem
from pinnsiren.solvers.bands import signal_scales, wave_scales
from pinnsiren.solvers.symbol import interior, known
from pinnsiren.solvers.task import Task

PER_WAVELENGTH = 2.0  # points or features along a wavelength: Nyquist's, below which nothing can be told

START = 0.3  # of the highest frequency needed, at the start of a network that learns its own

Scales = Mapping[sympy.Symbol, float]


def unresolved(problem: Problem, points: int | Mapping[str, int] | None = None, model: Model | None = None) -> str | None:
    """A sentence with numbers where the waves of an equation are too short for the points or the network; None if not.

    A wave of an operator a ∂_i² u + c u with ac > 0 has the angular frequency √(c/a) along x_i. It needs two points a
    wavelength inside (unless all features satisfy the equation by themselves), and two features.

    Args:
        points: in all or by constraint name, as the user gave them; None for those that the solver chooses.
        model: the user's network; None for the solver's.
    """
    half = {c: (b - a) / 2 for c, (a, b) in problem.bounds.items()}
    for constraint in interior(problem):
        chosen = isinstance(points, Mapping) and constraint.name not in points and constraint.points is None
        given = constraint.points if points is None else Task(problem, points=points).counts(0).get(constraint.name)
        if model is None and (chosen or given is None):
            continue  # both are the solver's
        scales = {c: w * half[c] for c, w in wave_scales(constraint).items() if w * half[c] > math.pi}
        if not scales:
            continue
        along = max(scales, key=scales.__getitem__)
        length = 2 * math.pi * half[along] / scales[along]
        waves = (f"the waves of '{constraint.name}' are {length:.3g} long, {2 * half[along] / length:.3g} across the domain "
                 f"along {along}")
        trouble = _of_points(constraint, None if chosen else given, scales, model) or _of_features(model, scales)
        if trouble:
            return f"{waves}: {trouble}"
    return _of_signals(problem, model)


def _of_signals(problem: Problem, model: Model | None) -> str | None:
    """Of networks that learn their frequencies, for data on grids."""
    for constraint in problem.constraints if model is not None else ():
        for carrier in model.carriers if model is not None else ():
            names, scales = carrier.coordinates, signal_scales(constraint)
            if isinstance(carrier.network, FeedForward) and not isinstance(carrier.network, Fourier) and scales:
                trouble = _of_start(carrier.network, {names.index(c): w for c, w in scales.items()}, names)
                if trouble:
                    return f"95 % of the energy of the data of '{constraint.name}' needs more than it has: {trouble}"
    return None


def _of_points(constraint: Constraint, count: int | None, scales: Scales, model: Model | None) -> str | None:
    if count is None or (model is not None and _satisfies(model) and not any(known(r) for r in constraint.residuals)):
        return None
    needed = math.prod(PER_WAVELENGTH * w / math.pi for w in scales.values())  # w/π waves across the box
    if count >= needed:
        return None
    each = PER_WAVELENGTH * (count / needed) ** (1 / len(scales))
    return (f"{count} points inside are {each:.2g} a wavelength, and fewer than {PER_WAVELENGTH:g} tell nothing. Give at least "
            f"{math.ceil(needed)} points, better four times as many, or leave points out.")


def _of_features(model: Model | None, scales: Scales) -> str | None:
    for carrier in model.carriers if model is not None else ():
        network, names = carrier.network, carrier.coordinates
        if not isinstance(network, FeedForward) or not set(scales) <= set(names):
            continue
        if not isinstance(network, Fourier):
            trouble = _of_start(network, {names.index(c): w for c, w in scales.items()}, names)
            if trouble:
                return trouble
            continue
        reach = network.frequencies.abs().amax(dim=0).tolist()
        for c, w in scales.items():
            if reach[names.index(c)] < 0.7 * w:  # a wave may run along other coordinates, but then not everywhere
                return (f"the network's frequencies reach {reach[names.index(c)]:.3g} radians per half-width along {c}, the "
                        f"waves have {w:.3g}. Give a wider band, or leave the network out.")
        needed = math.prod(PER_WAVELENGTH * w / math.pi for w in scales.values())
        if network.output.in_features < needed and not _satisfies(model):
            return (f"the network has {network.output.in_features} features, and so many waves need about {math.ceil(needed)}. "
                    "Give more, or Windows, or leave the network out.")
    return None


def _of_start(network: FeedForward, scales: Mapping[int, float], names: Sequence[sympy.Symbol]) -> str | None:
    """Of a network that learns its frequencies: those far above the ones that it starts with it learns slowly or never."""
    have = band(network)
    place = min(scales, key=lambda i: have[i] / scales[i])
    if have[place] >= START * scales[place]:
        return None
    return (f"the network starts with frequencies up to {have[place]:.3g} radians per half-width along {names[place]}, "
            f"{scales[place]:.3g} are needed, and it learns such slowly or never. ps.diagnose(network, problem) says which "
            "omega0 starts there; or leave the network out.")


def _satisfies(model: Model | None) -> bool:
    """Whether all features satisfy the equations inside."""
    return model is not None and all(isinstance(c.network, Fourier) and c.network.variety is not None and c.network.share == 1
                                     for c in model.carriers if c.coordinates)
