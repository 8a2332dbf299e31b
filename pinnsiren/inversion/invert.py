"""Full-waveform inversion: from low to high frequencies, Gauss–Newton steps on misfit plus variation, fitted to the noise.

    min_θ  Φ(m(q_θ)) + α V_p(q_θ)

First the lowest frequency alone, then each higher one with those below it: waves that are off by more than half a period pull
the wrong way. In every stage α falls from where the misfit hardly counts until Φ is what the noise leaves of it (the discrepancy
principle); in the last one it is turned so that it stays there, and p goes to its end.
Reference: Bunks et al., Geophysics 60 (1995), on frequencies; Morozov, Soviet Math. Dokl. 7 (1966), on α.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pinnsiren.errors import SolveError
from pinnsiren.inversion.misfit import Misfit
from pinnsiren.inversion.smoothing import Variation
from pinnsiren.inversion.unknown import Unknown
from pinnsiren.inversion.velocity import Quadratic, Velocity
from pinnsiren.surveys.survey import Survey
from pinnsiren.surveys.waves import Array

SHORTEST = 2.0**-8  # of a step
FALL, RISE = 0.6, 1.25  # of α, from one step to the next
EARLY = 2.0  # times the noise, where the next frequency begins
NEAR = (0.94, 1.1)  # times the noise, where α stays
LEAST_GAIN = 1e-4  # of the objective in one step
DAMPINGS = (0.0, 1e-4, 1e-2)  # tried one after the other where a step does not lower the objective


@dataclass(frozen=True)
class Progress:
    """The state after one step.

    Attributes:
        frequency: the highest one of the stage.
        misfit: root mean square of the data's residual in units of the noise: 1 is as good as the data are.
        weight: α.
        length: of the step, 0 where none was found.
    """

    frequency: float
    misfit: float
    weight: float
    length: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Inverted:
    """What came out.

    Attributes:
        unknown: where, with q in it.
        q: log(c/c₀) at the unknown nodes, (M,).
        theta: the parameters that gave it.
        history: one entry for each step.
    """

    unknown: Unknown
    q: Array
    theta: Array
    history: tuple[Progress, ...] = field(repr=False)

    @property
    def velocity(self) -> Array:
        """c at all nodes of the grid, (n_x, n_y)."""
        return np.asarray(self.unknown.squared_slowness(self.q) ** -0.5).reshape(self.unknown.grid.shape)

    @property
    def misfit(self) -> float:
        """Of the data, in units of their noise."""
        return self.history[-1].misfit

    @property
    def seconds(self) -> float:
        return self.history[-1].seconds


@dataclass(frozen=True)
class Inversion:
    """How :func:`invert` goes on.

    Args:
        steps: at most so many at each frequency but the last, and in the last.
        start: the share of the misfit that α V is made to be at the beginning of each stage, V being near 1.
        variation: until the last stage fits.
        sharpened: then; the same as ``variation`` for no change.
        max_time: seconds after which no further step begins.

    Raises:
        SolveError: numbers that are not positive.
    """

    steps: tuple[int, int] = (15, 30)
    start: float = 0.2
    variation: Variation = Variation(1.0)
    sharpened: Variation = Variation(0.4)
    max_time: float = float("inf")

    def __post_init__(self) -> None:
        if min(self.steps) < 1 or self.start <= 0 or self.max_time <= 0:
            raise SolveError(f"{self}: expected one step or more, and positive numbers.")


def invert(survey: Survey, velocity: Velocity, unknown: Unknown, how: Inversion = Inversion(),  # noqa: B008 - frozen
           report: Callable[[Progress, Array], None] | None = None) -> Inverted:
    """Find the velocity from recorded waves.

    Args:
        unknown: where; its grid solves for the waves.
        velocity: what carries it there.
        report: called after each step, with q.

    Raises:
        SolveError: the grid is too coarse for the highest frequency at the start.
    """
    began, theta, history = time.monotonic(), velocity.start(), []
    highest = survey.acquisition.frequencies
    Misfit(survey, unknown.grid).value(unknown.squared_slowness(velocity.values(theta)))  # too coarse a grid is found now
    for stage in range(1, len(highest) + 1):
        last = stage == len(highest)
        for theta, misfit, weight, length in _stage(Misfit(survey, unknown.grid, stage), velocity, unknown, theta, how, last):
            history.append(Progress(float(highest[stage - 1]), misfit, weight, length, time.monotonic() - began))
            if report is not None:
                report(history[-1], velocity.values(theta))
            if history[-1].seconds > how.max_time:
                return Inverted(unknown, velocity.values(theta), theta, tuple(history))
    return Inverted(unknown, velocity.values(theta), theta, tuple(history))


def _stage(misfit: Misfit, velocity: Velocity, unknown: Unknown, theta: Array, how: Inversion,
           last: bool) -> Iterator[tuple[Array, float, float, float]]:
    """Gauss–Newton steps with the lowest frequencies: θ, the misfit over the noise, α, the step's length."""
    variation, weight = how.variation, 0.0
    for _ in range(how.steps[last]):
        q = velocity.values(theta)
        residual, jacobian = misfit.jacobian(unknown.squared_slowness(q), unknown.slope(q))
        before = 0.5 * float(residual @ residual)
        weight = weight or how.start * before
        matrix = weight * variation.matrix(unknown, q)
        quadratic = Quadratic(residual, jacobian, matrix, matrix @ q)
        objective = Objective(misfit, velocity, unknown, variation, weight)
        now = before + weight * variation.value(unknown, q)
        theta, after, length = _shortened(objective, theta, now, quadratic)
        fit = (2 * (after - weight * variation.value(unknown, velocity.values(theta))) / (misfit.count / 2)) ** 0.5
        yield theta, fit, weight, length
        small = now - after < LEAST_GAIN * now
        if not last:
            if small or fit < EARLY**0.5:
                return
            weight *= FALL
        elif fit**2 > NEAR[1]:
            if small and length == 0:
                return
            weight *= FALL
        elif fit**2 < NEAR[0]:
            weight *= RISE
        elif variation != how.sharpened:
            weight *= variation.value(unknown, velocity.values(theta)) / how.sharpened.value(unknown, velocity.values(theta))
            variation = how.sharpened
        elif small:
            return


@dataclass(frozen=True, eq=False)
class Objective:
    """Φ + α V as a function of θ, with its adjoint-state gradient."""

    misfit: Misfit
    velocity: Velocity
    unknown: Unknown
    variation: Variation
    weight: float

    def value(self, theta: Array) -> float:
        """Infinite where the velocities are too low for the grid."""
        q = self.velocity.values(theta)
        if not np.all(np.isfinite(q)) or np.abs(q).max() > LARGEST:
            return float("inf")
        try:
            return self.misfit.value(self.unknown.squared_slowness(q)) + self.weight * self.variation.value(self.unknown, q)
        except SolveError:  # a step into media that the grid does not resolve is too long, and is shortened
            return float("inf")

    def gradient(self, theta: Array) -> tuple[float, Array]:
        """Value and ∂/∂θ, by one adjoint solve for each source and frequency."""
        q = self.velocity.values(theta)
        value, slope = self.misfit.gradient(self.unknown.squared_slowness(q))
        inner = self.unknown.slope(q).T @ slope + self.weight * (self.variation.matrix(self.unknown, q) @ q)
        return value + self.weight * self.variation.value(self.unknown, q), self.velocity.pulled_back(theta, inner)


LARGEST = 3.0  # |log(c/c₀)|: twenty times faster or slower than known


def _shortened(objective: Objective, theta: Array, now: float, quadratic: Quadratic) -> tuple[Array, float, float]:
    """θ after a step that lowers the objective, the objective there, and the step's length; θ itself and 0 if there is none."""
    for damping in DAMPINGS:
        step, length = objective.velocity.step(theta, quadratic, damping), 1.0
        while length >= SHORTEST:
            after = objective.value(theta + length * step)
            if after < now:
                return theta + length * step, after, length
            length /= 2
    return theta, now, 0.0
