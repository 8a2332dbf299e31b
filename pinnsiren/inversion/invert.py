"""Full-waveform inversion: from low to high frequencies, Gauss–Newton steps on misfit plus variation, fitted to the noise.

    min_θ  Φ(m(q_θ)) + α V_p(q_θ)

First the lowest frequency alone, then each higher one with those below it: waves that are off by more than half a period pull
the wrong way. In every stage α falls from where the misfit hardly counts until Φ is what the noise leaves of it (the
discrepancy principle); in the last one p goes to its end as soon as that is reached, and α is turned so that it stays there.
Reference: Bunks et al., Geophysics 60 (1995), on frequencies; Morozov, Soviet Math. Dokl. 7 (1966), on α.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from pinnsiren.errors import SolveError
from pinnsiren.inversion.misfit import Misfit
from pinnsiren.inversion.smoothing import Variation
from pinnsiren.inversion.unknown import Unknown
from pinnsiren.inversion.velocity import Quadratic, Velocity
from pinnsiren.surveys.survey import Survey
from pinnsiren.surveys.waves import Array

FALL, SLOWER, RISE = 0.4, 0.75, 1.6  # of α, from one step to the next: far from the noise, near it, below it
EARLY = 1.6  # times the noise, where the next frequency begins
NEAR = (0.97, 1.05)  # times the noise, between which α stays
LEAST_GAIN = 1e-3  # of the objective in one step: less, and a stage ends
LARGEST = 3.0  # |log(c/c₀)|: twenty times faster or slower than known
STRONGER, WEAKER = 10.0, 0.2  # the damping's change after a step that fails or succeeds
FIRST, HIGHEST = 1e-4, 1e3  # damping, relative to the matrix


@dataclass(frozen=True)
class Progress:
    """The state after one step.

    Attributes:
        frequency: the highest one of the stage.
        misfit: root mean square of the data's residual in units of the noise: 1 is as good as the data are.
        weight: α.
        damping: of the next step; small where steps succeed.
    """

    frequency: float
    misfit: float
    weight: float
    damping: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Inverted:
    """What came out.

    Attributes:
        unknown: where.
        carrier, theta: what carries the velocity there, and its parameters.
        history: one entry for each step.
    """

    unknown: Unknown
    carrier: Velocity
    theta: Array
    history: tuple[Progress, ...] = field(repr=False)

    @property
    def q(self) -> Array:
        """log(c/c₀) at the unknown nodes, (M,)."""
        return self.carrier.values(self.theta)

    @property
    def velocity(self) -> Array:
        """c at all nodes of the grid, (n_x, n_y)."""
        return np.asarray(self.unknown.squared_slowness(self.q) ** -0.5).reshape(self.unknown.grid.shape)

    def at(self, points: Array) -> Array:
        """c at points (n, 2): (n,). Of a network its own values there, of a grid's linear between the nodes."""
        lower, upper = np.array(self.unknown.bounds).T
        inside = np.clip(points, lower, upper)
        known = np.any(inside != points, axis=1) & (not self.unknown.extended)
        q = np.where(known, 0.0, self.carrier.at(self.theta, inside))
        return np.asarray(self.unknown.medium.background(points) * np.exp(q))

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

    steps: tuple[int, int] = (8, 24)
    start: float = 0.2
    variation: Variation = field(default_factory=lambda: Variation(1.0))
    sharpened: Variation = field(default_factory=lambda: Variation(0.4))
    max_time: float = float("inf")

    def __post_init__(self) -> None:
        if min(self.steps) < 1 or self.start <= 0 or self.max_time <= 0:
            raise SolveError(f"{self}: expected one step or more, and positive numbers.")


def invert(survey: Survey, velocity: Velocity, unknown: Unknown, how: Inversion = Inversion(),
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
    frequencies, fine = survey.acquisition.frequencies, unknown
    Misfit(survey, unknown.grid).value(unknown.squared_slowness(velocity.values(theta)))  # too coarse a grid is found now
    slowest = fine.grid.slowest(float(frequencies[-1]))  # also where a lower frequency would allow more
    for count, frequency in enumerate(frequencies, start=1):
        unknown = fine.coarsened(float(frequency)) if count < len(frequencies) else fine
        velocity, theta = velocity.on(unknown, theta)
        for stage in _stage(Misfit(survey, unknown.grid, count), velocity, unknown, theta, how=how, slowest=slowest):
            theta = stage.theta
            history.append(Progress(float(frequency), stage.fit, stage.now.weight, stage.damping, time.monotonic() - began))
            if report is not None:
                report(history[-1], velocity.values(theta))
            if history[-1].seconds > how.max_time:
                return Inverted(unknown, velocity, theta, tuple(history))
    return Inverted(unknown, velocity, theta, tuple(history))


@dataclass(frozen=True, eq=False)
class Objective:
    """Φ + α V as a function of θ, with its adjoint-state gradient.

    Args:
        weight: α.
        slowest: the largest squared slowness that may be tried.
    """

    misfit: Misfit
    velocity: Velocity
    unknown: Unknown
    variation: Variation
    weight: float
    slowest: float = float("inf")

    def value(self, theta: Array) -> float:
        """Infinite where waves are slower than they may be: such a step is too long."""
        q = self.velocity.values(theta)
        if not np.all(np.isfinite(q)) or np.abs(q).max() > LARGEST:
            return float("inf")
        slowness = self.unknown.squared_slowness(q)
        if slowness.max() > self.slowest:
            return float("inf")
        return self.misfit.value(slowness) + self.weight * self.variation.value(self.unknown, q)

    def gradient(self, theta: Array) -> tuple[float, Array]:
        """Value and ∂/∂θ, by one adjoint solve for each source and frequency."""
        q = self.velocity.values(theta)
        value, slope = self.misfit.gradient(self.unknown.squared_slowness(q))
        inner = self.unknown.slope(q).T @ slope + self.weight * (self.variation.matrix(self.unknown, q) @ q)
        return value + self.weight * self.variation.value(self.unknown, q), self.velocity.pulled_back(theta, inner)

    def quadratic(self, theta: Array) -> Quadratic:
        """Its model for steps of q: Gauss–Newton's for Φ, lagged diffusivity for V."""
        q = self.velocity.values(theta)
        residual, jacobian = self.misfit.jacobian(self.unknown.squared_slowness(q), self.unknown.slope(q))
        matrix = self.weight * self.variation.matrix(self.unknown, q)
        return Quadratic(residual, jacobian, matrix, matrix @ q)


@dataclass
class _Stage:
    """The frequencies up to one of them: θ, and what is turned from step to step.

    Attributes:
        now: the objective; its weight is α.
        damping: of the next step.
        value: of the objective.
    """

    now: Objective
    theta: Array
    damping: float = FIRST
    value: float = float("nan")
    fit: float = float("nan")
    taken: bool = True
    gain: float = 0.0

    def step(self) -> None:
        """One Gauss–Newton step, damped until the objective falls; ``taken`` says whether it did."""
        q = self.now.velocity.values(self.theta)
        before = self.now.value(self.theta)
        solve = self.now.velocity.steps(self.theta, self.now.quadratic(self.theta))
        self.taken, self.gain = False, 0.0
        while not self.taken and self.damping < HIGHEST:
            trial = self.theta + solve(self.damping)
            self.value = self.now.value(trial)
            self.taken = self.value < before
            self.damping *= WEAKER if self.taken else STRONGER
            if self.taken:
                self.theta, self.gain = trial, 1 - self.value / before
        if not self.taken:
            self.damping, self.value = FIRST, before
        q = self.now.velocity.values(self.theta)
        data = self.value - self.now.weight * self.now.variation.value(self.now.unknown, q)
        self.fit = (4 * data / self.now.misfit.count) ** 0.5

    def weigh(self, factor: float) -> None:
        self.now = replace(self.now, weight=factor * self.now.weight)

    def sharpen(self, variation: Variation) -> None:
        """Another variation, of the same weighted value."""
        q = self.now.velocity.values(self.theta)
        factor = self.now.variation.value(self.now.unknown, q) / variation.value(self.now.unknown, q)
        self.now = replace(self.now, variation=variation, weight=factor * self.now.weight)


def _stage(misfit: Misfit, velocity: Velocity, unknown: Unknown, theta: Array, *, how: Inversion,
           slowest: float) -> Iterator[_Stage]:
    """The steps with all frequencies of the misfit; with all of the survey's the fit is turned to the noise, and sharpened."""
    last = misfit.frequencies == len(misfit.survey.acquisition.frequencies)
    weight = how.start * misfit.value(unknown.squared_slowness(velocity.values(theta)))
    stage = _Stage(Objective(misfit, velocity, unknown, how.variation, weight, slowest), theta)
    for _ in range(how.steps[last]):
        stage.step()
        yield stage
        if not last and (stage.fit < EARLY or (stage.gain < LEAST_GAIN and not stage.taken)):
            return
        if last and stage.fit <= NEAR[1] and stage.now.variation != how.sharpened:
            stage.sharpen(how.sharpened)
        elif stage.fit > NEAR[1]:
            stage.weigh(FALL if stage.fit > EARLY or not last else SLOWER)
        elif stage.fit < NEAR[0]:
            stage.weigh(RISE)
        elif stage.gain < LEAST_GAIN:
            return
