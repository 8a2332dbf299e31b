"""The exact output layer: one least-squares solve when the problem is linear, Newton's method when it is not.

Without a network it also finds one: random sine features whose band is chosen by the residual on points that were never
fitted, over cheap trials, and whose number grows while that pays.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnsiren.last_layer import LastLayer, Rows, jets_of, linear_outputs, stack
from pinnsiren.model import Model, groups
from pinnsiren.networks import Fourier
from pinnsiren.residual import norm_weights
from pinnsiren.solvers.bands import Band, candidates
from pinnsiren.solvers.estimate import balanced_scales, judge, ridge_solve, row_factors, row_scales
from pinnsiren.solvers.task import Solver, Step, Task

ROWS_PER_FEATURE = 2.7
HELD_OUT = 0.3  # of the number of fitted points
SIZES = (300, 600, 1200, 2400, 4000)
SMALL_SIZES = (20, 40, 80, 160)  # before these, for data alone
UNINFORMED = 0.3  # an estimated error above it says nothing about the band
GAIN = 2.0  # twice the features must have lowered the estimate by this to be worth doubling again …
GOOD = 1e-5  # … and by its cube where the estimate is below this already
FINE = 1e-8  # an estimate at which costly networks are not made larger still
CHEAP = 600  # features up to which bands are searched coordinate by coordinate
BYTES = 8
REWEIGHTINGS = 20  # of the rows, for norms other than l2


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

    def step(self) -> Step:
        features = max(n.output.in_features for n in linear_outputs(self.model))
        return Step(self.model, self.estimate, self.loss, self.residuals, "least squares", f"{features} features")


@dataclass(frozen=True)
class LeastSquares(Solver):
    """Solve for the last layer exactly.

    Args:
        newton_steps: at most so many for each network; a linear problem takes one.
        tolerance: Newton ends when an iteration changes the residual by less than this share.

    Reference: Igelnik & Pao, IEEE Trans. Neural Networks 6 (1995), random features; the rule for the band and the
    number of features is described in ``docs/how-it-works.md``.
    """

    newton_steps: int = 20
    tolerance: float = 1e-3

    def iterate(self, task: Task) -> Iterator[Step]:
        best = None
        for best in self._search(task) if task.model is None else [self._trial(task, task.model, Band(()), start=None)]:
            yield best.step()
        if best is not None and task.has_data:
            yield self._refitted(task, best).step()

    def _search(self, task: Task) -> Iterator[Trial]:
        """Trials over bands, cheap networks first; the better ones again with more features."""
        everything, best, previous = candidates(task.problem), None, math.inf
        ranked: list[Trial] = []
        for level, size in enumerate(self._sizes(task)):
            trials: list[Trial] = []
            for step in self._level(task, self._pool(everything, ranked, size), size, best=best, trials=trials):
                best = step
                yield best
            if not trials or best is None:
                return
            ranked = sorted(trials, key=lambda t: t.estimate)
            if self._is_enough(task, best, ranked[0], previous, level) or (size >= 2 * CHEAP and best.estimate <= FINE):
                return
            previous = min(previous, ranked[0].estimate)

    def _level(self, task: Task, pool: list[Band], size: int, *, best: Trial | None,
               trials: list[Trial]) -> Iterator[Trial]:
        """Try every band of the pool, then climb from the best one; yields each trial that is the best so far."""
        seen: set[Band] = set()
        waiting = list(pool)
        while waiting:
            band = waiting.pop(0)
            if band in seen or not self._fits(task, size, trials):
                continue
            seen.add(band)
            trial = self._trial(task, self._network(task, band, size), band, start=best)
            trials.append(trial)
            if best is None or trial.estimate < best.estimate:
                best = trial
                yield trial
            if trial.estimate <= (task.target if size <= 2 * CHEAP else max(task.target, FINE)):
                return
            if not waiting and min(t.estimate for t in trials) < UNINFORMED:
                leader = min(trials, key=lambda t: t.estimate)
                waiting = [b for b in leader.band.neighbours(size > CHEAP) if b not in seen]

    def _fits(self, task: Task, size: int, trials: list[Trial]) -> bool:
        """Whether another trial of this size fits into the time that is left."""
        slowest = max((t.seconds for t in trials), default=0.0)
        return task.seconds_left > 1.2 * slowest

    def _is_enough(self, task: Task, best: Trial, latest: Trial, previous: float, level: int) -> bool:
        if best.estimate <= task.target:
            return True
        gain = GAIN if best.estimate > GOOD else GAIN**3
        stalled = level > 1 and latest.estimate * gain > previous and previous < UNINFORMED
        return stalled or task.seconds_left < 8 * latest.seconds

    def _pool(self, everything: list[Band], ranked: list[Trial], size: int) -> list[Band]:
        """Bands to try with ``size`` features: all that it fits as long as nothing is known, then the best."""
        if ranked and ranked[0].estimate < UNINFORMED:
            return [ranked[0].band, ranked[0].band.wider(), *(t.band for t in ranked[1:2])]
        return [t.band for t in ranked[:1]] + [b for b in everything if b.fits(size)] or everything[:1]

    def _sizes(self, task: Task) -> Iterator[int]:
        """Numbers of features that memory allows: rows × features × (channels + factors) doubles.

        Where there is nothing but data, their number bounds that of the features.
        """
        fields = len(task.problem.fields)
        sets = [(c.region.points, len(c.residuals)) for c in task.parts["fitted"].constraints]
        if all(n is not None for n, _ in sets):
            most = sum((n or 0) * k for n, k in sets) / (ROWS_PER_FEATURE * fields)
            yield from [s for s in (*SMALL_SIZES, *SIZES) if s <= most] or [max(1, int(most))]
            return
        for size in SIZES:
            rows = ROWS_PER_FEATURE * size * fields * max(1, len(task.problem.constraints) / 2)
            if size == SIZES[0] or rows * size * fields * 6 * BYTES <= task.memory_limit:
                yield size

    def _network(self, task: Task, band: Band, size: int) -> Model:
        box = task.problem.bounds
        dtype = task.dtype or torch.float64
        widths = dict(zip(task.problem.coordinates, band.widths, strict=True))
        return Model({fields: Fourier(len(own), len(fields), size, [widths[c] for c in own],
                                      interactions=None if band.interactions is None else min(band.interactions, len(own)),
                                      box=[box[c] for c in own], seed=task.seed + size, dtype=dtype, device=task.device)
                      for fields in groups(task.problem.carried) for own in [fields[0].coordinates]})

    def _trial(self, task: Task, model: Model, band: Band, *, start: Trial | None) -> Trial:
        """Solve a network's output layer, and estimate the error on points that were not fitted."""
        began = time.monotonic()
        features = max(n.output.in_features for n in linear_outputs(model))
        points = int(ROWS_PER_FEATURE * features)
        residual = task.residual(model, points, seed=1, part="fitted")
        layer = LastLayer(residual)
        scales = self._solve(layer, start.model if start else None)
        held_out = task.residual(model, max(64, int(HELD_OUT * points)), seed=2, part="held out")
        estimate, loss, residuals = judge(held_out, scales)
        return Trial(model, band, estimate, loss, residuals, time.monotonic() - began, scales)

    def _refitted(self, task: Task, best: Trial) -> Trial:
        """The chosen network fitted once more, to all data; its estimate stays that of the fit to a part of them."""
        features = max(n.output.in_features for n in linear_outputs(best.model))
        residual = task.residual(best.model, int(ROWS_PER_FEATURE * features), seed=1)
        self._solve(LastLayer(residual), best.model)
        with torch.no_grad():
            r = residual()
        return replace(best, estimate=math.nextafter(best.estimate, 0.0), loss=0.5 * float(r @ r),
                       residuals=residual.root_mean_squares(r))

    def _solve(self, layer: LastLayer, start: Model | None) -> dict[str, float]:
        """Newton's iteration on the fields; the first linearisation may be around another model's fields."""
        jets = layer.zero() if start is None or layer.is_linear else jets_of(start, layer.residual)
        rows = layer.rows(jets)
        scales = row_scales(rows)
        factors = row_factors(layer.residual, balanced_scales(layer.residual, scales))
        coefficients = self._fitted(layer, rows, factors)
        norms = {c.name: c.norm for s in layer.residual.samples for c, _ in s.group.components() if c.norm != "l2"}
        for _ in range(REWEIGHTINGS if norms else 0):
            values = layer.values(layer.jets(coefficients))
            robust = {name: factors[name] * norm_weights(values[name], norm) for name, norm in norms.items()}
            coefficients = self._fitted(layer, rows, {**factors, **robust})
        layer.write(coefficients)
        return scales

    def _fitted(self, layer: LastLayer, rows: Mapping[str, Rows], factors: Mapping[str, float | Tensor]) -> list[Tensor]:
        coefficients = layer.split(ridge_solve(*stack(rows, factors)))
        return coefficients if layer.is_linear else self._newton(layer, coefficients, factors)

    def _newton(self, layer: LastLayer, coefficients: list[Tensor],
                factors: Mapping[str, float | Tensor]) -> list[Tensor]:
        """Further Newton steps within one network, with a line search on the residual's norm."""
        jets = layer.jets(coefficients)
        norm = _norm(layer.values(jets), factors)
        for _ in range(self.newton_steps):
            target = layer.split(ridge_solve(*stack(layer.rows(jets), factors)))
            for length in (1.0, 0.5, 0.25, 0.1, 0.03, 0.01):
                trial = [c + length * (t - c) for c, t in zip(coefficients, target, strict=True)]
                trial_jets = layer.jets(trial)
                trial_norm = _norm(layer.values(trial_jets), factors)
                if trial_norm < norm:
                    break
            else:
                return coefficients
            gain = 1 - trial_norm / norm
            coefficients, jets, norm = trial, trial_jets, trial_norm
            if gain < self.tolerance:
                break
        return coefficients


def _norm(values: Mapping[str, Tensor], factors: Mapping[str, float | Tensor]) -> float:
    total = math.sqrt(sum(float((v * factors[name]).square().sum()) for name, v in values.items()))
    return total if math.isfinite(total) else math.inf
