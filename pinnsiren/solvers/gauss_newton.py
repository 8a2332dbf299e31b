"""Gauss–Newton on all parameters: every step solves the linearised least-squares problem, damped as little as it allows."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.last_layer import LastLayer
from pinnsiren.model import Model, parameter_vector, set_parameters
from pinnsiren.networks import LinearOutput
from pinnsiren.residual import Residual
from pinnsiren.solvers.adaptive import Adaptive, redraw, require_adaptive
from pinnsiren.solvers.causal import causal_factors, require_strength
from pinnsiren.solvers.damping import SQUARES, Proposal, damped_steps, fitting
from pinnsiren.solvers.estimate import balanced_scales, judge, row_scales
from pinnsiren.solvers.linearised import Linearised
from pinnsiren.solvers.snapshot import Snapshot, plain, tensors
from pinnsiren.solvers.task import Solver, Step, Task

DECADES = 16  # of the damping, below the sum of the squared singular values
BACK = 2  # decades below the last damping at which the next search starts
FALLEN, ADVANCED = 0.67, 1.1  # factors on the estimate and on the reach of causal weights that count as progress
COARSE = 1e-5  # an estimated error down to which a Jacobian and normal equations in float32 find steps that are as good
NEARBY = 0.1  # of a step: where the residual is taken for its second derivative along it
FELT = 0.5  # mean weight of the rows above which steps bend: below, later times are not felt yet, and bending doubled the way
BENDING = 0.75  # of a step: twice an acceleration above this is not used
MOST_POINTS = 2048  # at each step for networks of which P × P numbers do not fit: a step then takes seconds
PRECISE = 1e-6  # an estimated error below which squaring the condition number would cost needed digits


@dataclass(frozen=True)
class GaussNewton(Solver):
    """Regularised Gauss–Newton with new points at every step, in float64.

    Of the steps p(λ) on a grid of λ it takes the longest whose actual reduction of ½‖r‖² is at least ``ratio`` of the
    predicted one. New points follow the residual: without that, layers and fronts stay unseen for long.

    Args:
        iterations: at most so many.
        rows_per_parameter: how many points are sampled, in parameters of the network; at most 2048 where the square of the
            parameters does not fit into the memory limit.
        ratio: actual over predicted reduction that a step must reach.
        patience: iterations within which the estimate on held-out points must fall by a third, or causal weights must reach
            a tenth further; else it has stalled.
        resample: draw new points at every step.
        adaptive: how new points follow the residual: "rad" draws half of them with its density (:func:`concentrated`), "r3"
            keeps those where it is large (:func:`retained`), None spreads them evenly.
        momentum: μ in p(λ) = argmin ‖J p + r‖² + λ ‖p − μ p_before‖², from 0 to 1; pays where rows are few.
        accelerate: let steps bend with the residual's second derivative along them (geodesic acceleration); in the norm "l2".
        causal: ε of :func:`causal_factors`, or None for equal weights at all times.
        hold_out: keep a fifth of every data set to measure by; False fits all data and measures by the same.

    Raises:
        SolveError: a number out of its range.
    References:
        Webb, Jerad & Cartis, arXiv 2607.02194 (the ratio rule); Levenberg, Quart. Appl. Math. 2 (1944); Goldshlager,
        Abrahamsen & Lin, J. Comput. Phys. 516 (2024), SPRING (the momentum); Transtrum & Sethna, arXiv 1201.5885 (the
        acceleration).
    """

    iterations: int = 1000
    rows_per_parameter: float = 3.0
    ratio: float = 0.1
    patience: int = 80
    resample: bool = True
    adaptive: Adaptive | None = "rad"
    momentum: float = 0.0
    accelerate: bool = True
    causal: float | None = None
    hold_out: bool = True

    def __post_init__(self) -> None:
        require_strength(self.causal, "GaussNewton")
        require_adaptive(self.adaptive, "GaussNewton")
        if self.iterations < 1 or self.patience < 1 or not self.rows_per_parameter > 0 or not 0 < self.ratio < 1:
            raise SolveError(f"{self} has a number out of its range: iterations and patience are 1 or more, "
                             "rows_per_parameter is positive, ratio is between 0 and 1.")
        if not 0 <= self.momentum < 1:
            raise SolveError(f"GaussNewton(momentum={self.momentum}): give a number from 0 to below 1.")

    def iterate(self, task: Task) -> Iterator[Step]:
        model = task.require_model("GaussNewton")
        points = self._points(sum(p.numel() for p in model.parameters()), task.memory_limit)
        residual = task.residual(model, points, seed=11, part="fitted" if self.hold_out else "all", shared=True)
        kept = task.state or _start(residual)  # scales are those of the features at the start
        scales, residual = kept["scales"], residual.weighted(kept["emphasis"])
        if kept["points"] is not None:
            residual = residual.placed([{k: tensors(v).to(model.reference) for k, v in zip(s.columns, c, strict=True)}
                                        for s, c in zip(residual.samples, kept["points"], strict=True)])
        held_out = task.residual(model, max(64, points // 2), seed=12, part="held out" if self.hold_out else "all",
                                 shared=True)
        progress = _Progress(self.patience, list(kept["lowest"]), list(kept["furthest"]))
        search = _Search(self, model, task.memory_limit, task.products)
        search.restore(kept)
        for iteration in range(kept["iteration"], self.iterations + 1):
            estimate, loss, residuals = judge(held_out, scales, task.effects, waves=task.waves, noise_counts=task.data_decide)
            state = {**kept, "iteration": iteration, "points": self._kept_points(residual), "lowest": list(progress.lowest),
                     "furthest": list(progress.furthest)}
            yield Step(model, estimate, loss, residuals, "Gauss–Newton",
                       snapshot=Snapshot(self, partial(search.state, state)))
            progress.take(estimate, search.reach)
            if estimate <= task.target or progress.has_stalled or iteration == self.iterations:
                return
            if self.resample:
                residual = redraw(self.adaptive)(residual, task.seed + 100 + iteration)
            if not search.advance(residual, progress.lowest[-1]) and not self.resample:
                return

    def _kept_points(self, residual: Residual) -> Any:
        """The points, where the next ones come from these; None where they follow from the iteration's number."""
        if self.adaptive != "r3" or not self.resample:
            return None
        return [[plain(v) for v in columns.values()] for columns in residual.columns()]

    def _points(self, parameters: int, memory_limit: float) -> int:
        """As many for each parameter as was asked for; so few that their JJᵀ fits where the network's JᵀJ does not."""
        most = fitting(memory_limit, SQUARES)
        wanted = max(1, int(self.rows_per_parameter * parameters))
        return wanted if parameters <= most else min(wanted, most, MOST_POINTS)


@dataclass
class _Progress:
    """Whether the work still pays.

    Args:
        patience: iterations that count.
        lowest: the lowest estimate up to each iteration.
        furthest: the largest reach of causal weights up to each.
    """

    patience: int
    lowest: list[float] = field(default_factory=list)
    furthest: list[float] = field(default_factory=list)

    def take(self, estimate: float, reach: float) -> None:
        """One more iteration."""
        self.lowest.append(min([estimate, *self.lowest[-1:]]))
        self.furthest.append(max([reach, *self.furthest[-1:]]))

    @property
    def has_stalled(self) -> bool:
        """The estimate fell by less than a third, and the equations are felt at no more times than before.

        While causal weights leave later times out, the fields are nothing there, and so is an estimate for all times.
        """
        if len(self.lowest) <= self.patience:
            return False
        falls = self.lowest[-1] <= FALLEN * self.lowest[-1 - self.patience]
        return not falls and self.furthest[-1] < ADVANCED * self.furthest[-1 - self.patience]


class _Search:
    """The search for the longest step that pays; it remembers the damping and the step of the last time.

    With ``products`` in float32 the Jacobian, its products and factorisations are in it while the estimate is above ``COARSE``;
    the residual, what a step is judged by, and the parameters stay in float64.
    """

    def __init__(self, solver: GaussNewton, model: Model, memory_limit: float, products: torch.dtype | None) -> None:
        self.solver, self.model, self.memory_limit, self.products = solver, model, memory_limit, products
        self.decade, self.last = 0, torch.zeros_like(parameter_vector(model))
        self.reach = 0.0  # mean weight of the rows in the last step: below 1 where later times are not felt yet

    def state(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """What the search remembers, beside what others keep."""
        return {**others, "decade": self.decade, "reach": self.reach, "last": plain(self.last)}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Remember what was kept; nothing at the start."""
        if "last" in kept:
            self.decade, self.reach, self.last = kept["decade"], kept["reach"], tensors(kept["last"]).to(self.last)

    def advance(self, residual: Residual, estimate: float) -> bool:
        """Take the longest step that pays; whether there is one."""
        drift, ranks = self.solver.momentum * self.last, residual.ranks
        system = Linearised.of(residual, self.memory_limit, self.products if estimate > COARSE else None)
        factors = self._factors(residual, system.r)
        system = system.weighted(factors)
        target = system.r + system.forward(drift) if bool(drift.any()) else system.r
        before = residual.half_square(system.r)
        drifted = before - residual.half_square(target)
        squares = all(c.norm == "l2" for s in residual.samples for c in s.group.constraints)  # others' weights follow r
        bends = self.solver.accelerate and squares and self.reach > FELT
        steps = damped_steps(system, target, precise=estimate < PRECISE, memory_limit=self.memory_limit)
        for decade in range(self.decade, DECADES + 1):
            found = steps.step(steps.size * 10.0 ** (decade - DECADES))
            if not ranks.every(found is not None) or found is None:
                continue
            p = ranks.same(found.step.to(drift)) + drift
            if bends:
                p = p + ranks.same(self._bend(system, residual, found, p=p, factors=factors))
            set_parameters(self.model, system.theta + p)
            reduction = before - residual.half_square(self._rows(residual, factors))
            predicted = drifted + ranks.first(found.gain)
            if math.isfinite(reduction) and reduction >= self.solver.ratio * predicted > 0:
                self.decade, self.last = max(0, decade - BACK), p
                return True
        set_parameters(self.model, system.theta)
        self.last = torch.zeros_like(system.theta)
        return False

    def _factors(self, residual: Residual, r: Tensor) -> Tensor:
        """The causal weights of the rows, whose mean is remembered."""
        strength, ranks = self.solver.causal, residual.ranks
        factors = torch.ones_like(r) if strength is None else causal_factors(residual, r, strength)
        reached, rows = ranks.sum(torch.stack([factors.sum(), factors.new_tensor(len(factors))]))[0].tolist()
        self.reach = reached / rows
        return factors

    def _bend(self, system: Linearised, residual: Residual, found: Proposal, *, p: Tensor, factors: Tensor) -> Tensor:
        """Half of the acceleration a = argmin ‖J a + r''(p, p)‖² + λ‖a‖², by which the way bends that keeps to the valley.

        r''(p, p), the second derivative of r along p, is taken from one residual nearby. 0 where a is not small beside p: there
        its expansion means nothing.
        """
        set_parameters(self.model, system.theta + NEARBY * p)
        second = 2 / NEARBY * ((self._rows(residual, factors) - system.r) / NEARBY - system.forward(p))
        a = found.correction(second).to(p)
        return 0.5 * a if bool(2 * a.norm() <= BENDING * p.norm()) else torch.zeros_like(p)

    def _rows(self, residual: Residual, factors: Tensor) -> Tensor:
        """(R,), at the model's present parameters."""
        with torch.no_grad():
            return residual() * factors


def _start(residual: Residual) -> dict[str, Any]:
    """What is kept of the start, before the first iteration."""
    scales = feature_scales(residual)
    emphasis = {name: 1 / s**2 for name, s in balanced_scales(residual, scales).items()}
    return {"scales": scales, "emphasis": emphasis, "points": None, "iteration": 0, "lowest": [], "furthest": []}


def feature_scales(residual: Residual) -> dict[str, float]:
    """S_m of each constraint for a network with a linear output (see :func:`row_scales`); 1 for any other."""
    if not all(isinstance(c.network, LinearOutput) for c in residual.model.carriers):
        return dict.fromkeys(residual.blocks, 1.0)
    layer = LastLayer(residual)
    return row_scales(layer.rows(layer.jets(layer.coefficients())), residual.ranks)
