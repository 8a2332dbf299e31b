"""The exact output layer: one least-squares solve when the problem is linear, Newton's method when it is not.

Without a network it also finds one: random sine features whose law is chosen by the residual on points that were never
fitted, over cheap trials, and whose number grows while that pays.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch

from pinnsiren.domains import PointSet
from pinnsiren.last_layer import linear_outputs, unknowns
from pinnsiren.model import Model
from pinnsiren.networks import Cornered
from pinnsiren.residual import Residual
from pinnsiren.solvers.bands import Band
from pinnsiren.solvers.estimate import ROWS_PER_PROBE, judge, probe_band, probes_in
from pinnsiren.solvers.features import CHEAP, Features
from pinnsiren.solvers.in_pieces import gram_bytes
from pinnsiren.solvers.output_layer import OutputLayer
from pinnsiren.solvers.task import ROWS_PER_UNKNOWN, Solver, Step, Task

HELD_OUT = 0.3  # of the number of fitted points
SIZES = (300, 600, 1200, 2400, 4000)
MANY = (8000, 12000, 16000)  # by the normal equations, minutes each, where the tolerance is not met
SMALL_SIZES = (20, 40, 80, 160)  # before these, for data alone
UNINFORMED = 0.3  # an estimated error above it says nothing about the band
EXHAUSTED = 3.0  # features for each sine that a band needs: with so many, more of them in this band are of no use
BEHIND = 10.0  # a family of laws whose next estimate is expected to be so many times the best one's is given up
GAIN = 2.0  # twice the features must have lowered the estimate by this to be worth doubling again …
GOOD = 1e-5  # … and by its cube where the estimate is below this already
CLIMBED = 1200  # features up to which the band is improved step by step; beyond, each trial takes many seconds
BRIEF = 1200  # features of a nonlinear problem that take seconds: beyond, Gauss–Newton is faster unless they nearly do
FINE = 1e-8  # an estimate at which costly networks are not made larger still
ENOUGH = 0.5  # of the problem's tolerance: an estimate that does not need more features than a dense matrix holds


@dataclass(frozen=True)
class Trial:
    """One network with its output layer solved."""

    model: Model
    band: Band
    estimate: float  # of the relative error of the fields
    loss: float
    residuals: Mapping[str, float]
    seconds: float
    scales: Mapping[str, float]  # of each constraint's rows: the size that a unit feature gives them
    dense_bytes: float  # memory that its rows take as one matrix

    @property
    def features(self) -> int:
        """Unknown coefficients for each field."""
        return max(map(unknowns, linear_outputs(self.model)))

    def step(self) -> Step:
        on_variety = {0.0: "", 1.0: ", which satisfy the equations inside"}.get(self.band.share, ", some of which do")
        corners = ", some of corners" if any(isinstance(c.network, Cornered) for c in self.model.carriers) else ""
        note = f"{self.features} features{on_variety}{corners}"
        return Step(self.model, self.estimate, self.loss, self.residuals, "least squares", note)


@dataclass
class Family:
    """The search among laws with one share of features on the variety: what the last size gave.

    Args:
        features: what they may use beside their band.
        share: see :class:`Band`.
        ranked: the trials of the last size, best first.
        previous: the lowest estimate of the sizes before.
        loss: the lowest so far.
        gain: the factor by which the last size lowered the residual's norm.
    """

    features: Features
    share: float
    ranked: list[Trial] = field(default_factory=list)
    previous: float = math.inf
    loss: float = math.inf
    gain: float = math.inf
    levels: int = 0

    def take(self, trials: list[Trial]) -> None:
        """Trials of the next size."""
        self.previous = min(self.previous, self.estimate)
        self.ranked, self.levels = sorted(trials, key=lambda t: t.estimate), self.levels + 1
        lowest = min(t.loss for t in trials)
        self.gain, self.loss = (math.sqrt(self.loss / lowest) if lowest > 0 else math.inf), min(self.loss, lowest)

    @property
    def estimate(self) -> float:
        return self.ranked[0].estimate if self.ranked else math.inf

    @property
    def expected(self) -> float:
        """The estimate of the next size, should it fall as from the last to this."""
        return self.estimate * min(1.0, self.estimate / self.previous)

    def has_stalled(self, growth: float, is_linear: bool) -> bool:
        """Whether ``growth`` times the features gained too little to be worth more; 300 and 600 are always tried.

        The estimate may be low by luck with few features; so for a linear problem, where more of them cost one solve, the
        residual must have gained as little.
        """
        gain = (GAIN if self.estimate > GOOD else GAIN**3) ** math.log2(growth)
        stays = self.levels > 2 and self.estimate * gain > self.previous and self.previous < UNINFORMED
        return stays and not (is_linear and self.gain >= gain)


@dataclass(frozen=True)
class LeastSquares(Solver):
    """Solve for the last layer exactly.

    Args:
        newton_steps: at most so many for each network; a linear problem takes one.
        tolerance: Newton ends when an iteration changes the residual by less than this share.
        most_features: networks are grown to at most so many for each field.
        brief: leave to another solver what takes long: more than 600 features where the estimate says nothing yet, and more
            than 1200 where it is above the problem's tolerance.

    Reference: Igelnik & Pao, IEEE Trans. Neural Networks 6 (1995), random features; the rule for the band and the
    number of features is described in ``docs/how-it-works.md``.
    """

    newton_steps: int = 20
    tolerance: float = 1e-3
    most_features: int = MANY[-1]
    brief: bool = False

    def iterate(self, task: Task) -> Iterator[Step]:
        best = None
        for best in self._search(task) if task.model is None else [self._trial(task, task.model, Band(()), start=None)]:
            yield best.step()
        if best is not None and task.has_data:
            yield self._refitted(task, best).step()

    def _search(self, task: Task) -> Iterator[Trial]:
        """Trials over bands, cheap networks first; the better ones again with more features."""
        families = [Family(f, share) for f in Features.all_of(task.problem) for share in f.shares]
        last = SIZES[0] / 2
        best: Trial | None = None
        latest = 0.0
        for size in self._sizes(task):
            if best is not None and task.seconds_left < (size / last) ** 3 * latest:  # what the factorisation will take
                return
            if best is not None and self.brief and not _may_be_brief(task, best, size):
                return
            dense = best is None or self._is_dense(task, size, best)
            if not dense and not (_in_pieces(task) and best and self._is_worth_pieces(task, families, best)):
                return
            latest = 0.0
            for family in _promising(families, size):
                trials: list[Trial] = []
                for better in self._level(task, family, size, best=best, trials=trials):
                    best = better
                    yield best
                if not trials or best is None or best.estimate <= (task.target if size < 2 * CHEAP else max(task.target, FINE)):
                    return
                family.take(trials)
                latest = max(latest, family.ranked[0].seconds)
            lowest = math.inf if best is None else best.estimate
            linear = task.problem.is_linear
            families = [f for f in families if not f.has_stalled(size / last, linear) and f.expected < BEHIND * lowest]
            if not families:
                return
            last = size

    def _level(self, task: Task, family: Family, size: int, *, best: Trial | None, trials: list[Trial]) -> Iterator[Trial]:
        """Try every band of the pool, then climb from the best one; yields each trial that is the best so far."""
        seen: set[Band] = set()
        features = family.features
        waiting = self._pool(family, size)
        while waiting:
            band = waiting.pop(0)
            known = band in seen or (size > CLIMBED and any(band.is_near(b) for b in seen))
            if known or not (best is None or self._fits(task, size, trials)):
                continue
            seen.add(band)
            trial = self._trial(task, features.model(task, band, size), band, start=best, features=features)
            trials.append(trial)
            if best is None or trial.estimate < best.estimate:
                best = trial
                yield trial
            if trial.estimate <= (task.target if size <= 2 * CHEAP else max(task.target, FINE)):
                return
            if not waiting and size <= CLIMBED and min(t.estimate for t in trials) < UNINFORMED:
                leader = min(trials, key=lambda t: t.estimate)
                waiting = [b for b in leader.band.neighbours(size > CHEAP) if b not in seen]

    def _fits(self, task: Task, size: int, trials: list[Trial]) -> bool:
        """Whether another trial of this size fits into the time that is left."""
        slowest = max((t.seconds for t in trials), default=0.0)
        return task.seconds_left > 1.2 * slowest

    def _pool(self, family: Family, size: int) -> list[Band]:
        """Bands to try with ``size`` features: all that it fits as long as nothing is known, then the best.

        With very many features one band only, as much wider as they allow.
        """
        features, ranked = family.features, family.ranked
        exhausted = {t.band for t in ranked if t.features > EXHAUSTED * features.modes(t.band)}
        if size in MANY and family.estimate < UNINFORMED:
            best = ranked[0]
            growth = (size / best.features) ** (1 / features.dimension(best.band))
            return [best.band.wider() if best.band in exhausted else best.band.wider(growth)]
        if family.estimate < UNINFORMED:
            return [ranked[0].band, ranked[0].band.wider(), *(t.band for t in ranked[1:2])]
        new = [b for b in features.pool(size, family.share) if b not in exhausted]
        if size in MANY:
            return new[:1]
        return [t.band for t in ranked[:1]] + new or features.candidates(family.share)[:1]

    def _sizes(self, task: Task) -> Iterator[int]:
        """Numbers of features; those beyond what dense matrices hold only where the normal equations fit into memory.

        Where there is nothing but data, or data decide on a field, their number bounds that of the features.
        """
        fitted = task.parts["fitted"].constraints
        sets = [(c.region.points, len(c.residuals)) for c in fitted if isinstance(c.region, PointSet) or not task.data_decide]
        if all(n is not None for n, _ in sets):
            most = sum((n or 0) * k for n, k in sets) / (ROWS_PER_UNKNOWN * len(task.problem.carried))
            yield from [s for s in (*SMALL_SIZES, *SIZES) if s <= most] or [max(1, int(most))]
            return
        for size in (s for s in (*SIZES, *(MANY if _in_pieces(task) else ())) if s <= self.most_features):
            if size == SIZES[0] or not _in_pieces(task) or gram_bytes(task.problem, size) <= task.memory_limit:
                yield size

    def _is_worth_pieces(self, task: Task, families: list[Family], best: Trial) -> bool:
        """Whether the minutes of the normal equations may pay: not where the error is small enough, nor where features that
        resolve every scale of the problem know nothing yet."""
        if best.estimate >= UNINFORMED:
            features = families[0].features
            return features.modes(features.candidates(best.band.share)[0]) > best.features / EXHAUSTED
        return best.estimate > ENOUGH * task.problem.tolerance

    def _is_dense(self, task: Task, size: int, known: Trial) -> bool:
        """Whether the rows of so many features fit into memory, and are factorised themselves, going by those of a trial."""
        return size not in MANY and known.dense_bytes * (size / known.features) ** 2 <= task.memory_limit

    def _trial(self, task: Task, model: Model, band: Band, *, start: Trial | None, features: Features | None = None) -> Trial:
        """Solve a network's output layer, and estimate the error on points that were not fitted."""
        began = time.monotonic()
        on_variety = features is not None and band.share == 1
        points = task.points_for(max(map(unknowns, linear_outputs(model))), on_variety=on_variety)
        inside, idle = (None, frozenset()) if features is None else (features.inside(band), features.idle)
        method = "edges" if on_variety else "sobol"  # where a variety leaves all to the boundaries
        residual = task.residual(model, points, seed=1, part="fitted", inside=inside, idle=idle, method=method, shared=True)
        layer = self._layer(task, residual)
        scales = layer.solve(start.model if start else task.start)
        held_out = task.residual(model, max(64, int(HELD_OUT * points), _telling(task)), seed=2, part="held out", shared=True)
        estimate, loss, residuals = judge(held_out, scales, task.effects, waves=task.waves, noise_counts=task.data_decide)
        seconds = task.ranks.first(time.monotonic() - began)  # trials are chosen by it, on all ranks alike
        return Trial(model, band, estimate, loss, residuals, seconds, scales, layer.dense_bytes)

    def _refitted(self, task: Task, best: Trial) -> Trial:
        """The chosen network fitted once more, to all data; its estimate stays that of the fit to a part of them."""
        residual = task.residual(best.model, task.points_for(best.features), seed=1, shared=True)
        self._layer(task, residual).solve(best.model)
        with torch.no_grad():
            r = residual()
        return replace(best, estimate=math.nextafter(best.estimate, 0.0), loss=residual.half_square(r),
                       residuals=residual.root_mean_squares(r))

    def _layer(self, task: Task, residual: Residual) -> OutputLayer:
        return OutputLayer(residual, self.newton_steps, self.tolerance, task.memory_limit, task.deadline)


def _may_be_brief(task: Task, best: Trial, size: int) -> bool:
    """Whether so many features are few, or as good as certain to be enough."""
    return size <= CHEAP or best.estimate < (UNINFORMED if size <= BRIEF else task.problem.tolerance)


def _in_pieces(task: Task) -> bool:
    """Whether the normal equations can be summed over pieces of the points: for linear problems."""
    return task.problem.is_linear and all(c.norm == "l2" for c in task.problem.constraints)


def _telling(task: Task) -> int:
    """Points that show errors which are free waves, so many as these have probes; 0 where there are no such waves."""
    if not task.waves:
        return 0
    fields = [f for f in task.problem.carried if f.coordinates]
    halves = {c: (upper - lower) / 2 for c, (lower, upper) in task.problem.bounds.items()}
    inside = max(len(c.residuals) for c in task.problem.constraints)
    return ROWS_PER_PROBE * probes_in(probe_band(task.waves, halves)) * len(fields) // inside


def _promising(families: list[Family], size: int) -> list[Family]:
    """The families to try with so many features: all while that is cheap, then those that may overtake the best.

    As long as nothing is known, the first, and those that are clearly better.
    """
    if size <= CHEAP:
        return families
    leader = min(families, key=lambda f: f.expected)
    if size in MANY:
        return [leader]
    if leader.estimate >= UNINFORMED:
        return [f for f in families if f is families[0] or f.estimate < families[0].estimate / 2]
    return [f for f in families if f is leader or (f.estimate < UNINFORMED and f.expected < BEHIND * leader.expected)]
