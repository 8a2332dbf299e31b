"""Time slabs: an evolution solved window by window, each starting from where the last one ended."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from pinnsiren.errors import SolveError
from pinnsiren.model import Model
from pinnsiren.networks.slabs import Slabs
from pinnsiren.solvers.evolution import Evolution
from pinnsiren.solvers.least_squares import LeastSquares
from pinnsiren.solvers.task import GOOD_ENOUGH, Best, Solver, Step, Task

SHORTEST = 64  # slabs at most: shorter ones cost more than they gain
STRICT = 0.01  # of its share of the error that each slab aims at, since errors of early slabs grow later
FEATURES = 1200  # at most, where the length is free: a shorter slab is cheaper than more of them
CHECKS = 2000  # points at which the whole is looked at


@dataclass(frozen=True)
class Piece:
    """A slab that is solved: its ends, its fields, the estimate of their error."""

    lower: float
    upper: float
    model: Model
    estimate: float


@dataclass(frozen=True)
class TimeSlabs(Solver):
    """Solve for one slab of time after the other.

    A long evolution has more modes than one network can follow, and Newton's method finds its solution from a poor start
    only over short times. In each slab the initial conditions are the values (and first derivatives, where the problem
    has two conditions) of the slab before, at points of t = t_k.

    Args:
        count: number of equal slabs. None: as long as they can be, starting from half of the time; a slab whose estimated
            error is too large is tried again at half of its length, and the solver gives up at 1/64 of the time.
        solver: of each slab; by default least squares with chosen features. A network given to ``solve`` is each slab's
            first, and the last slab's fields are where the next one starts to learn.

    Raises:
        SolveError: a count below 1. When it runs: the problem has no time, or nothing to start from.
    Reference:
        Krishnapriyan et al., NeurIPS 2021, "sequence-to-sequence" learning; Meng et al., PPINN, CMAME 370 (2020).
    """

    count: int | None = None
    solver: Solver | None = None

    def __post_init__(self) -> None:
        if self.count is not None and (not isinstance(self.count, int) or self.count < 1):
            raise SolveError(f"TimeSlabs(count={self.count!r}): give a whole number >= 1, or None to let it choose.")
        if self.solver is not None and not isinstance(self.solver, Solver):
            raise SolveError(f"TimeSlabs(solver={self.solver!r}): give a solver, such as ps.LeastSquares().")

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.solver is None else self.solver.dtype

    def iterate(self, task: Task) -> Iterator[Step]:
        evolution = Evolution.of(task.problem)
        return self._equal(task, evolution) if self.count else self._adaptive(task, evolution)

    def _equal(self, task: Task, evolution: Evolution) -> Iterator[Step]:
        assert self.count is not None
        done: list[Piece] = []
        for lower, upper in pairwise(np.linspace(evolution.lower, evolution.upper, self.count + 1).tolist()):
            best = Best()
            for step in self._slab(task, evolution, done, (lower, upper), task.target / self.count):
                best.update(step)
                yield _whole(task, evolution, [*done, Piece(lower, upper, step.model, step.measure)], step)
            model = best.restore()
            if best.step is None or model is None:
                return
            done.append(Piece(lower, upper, model, best.step.measure))
            yield _whole(task, evolution, done, best.step)

    def _adaptive(self, task: Task, evolution: Evolution) -> Iterator[Step]:
        whole = evolution.upper - evolution.lower
        goal = task.target if task.asked else max(task.target, GOOD_ENOUGH * task.problem.tolerance)
        floor = 0.0 if task.asked else task.target
        done: list[Piece] = []
        lower, length = evolution.lower, whole / 2
        while lower < evolution.upper:
            upper = min(lower + length, evolution.upper)
            upper = evolution.upper if evolution.upper - upper < 1e-9 * whole else upper
            enough = goal * (upper - lower) / whole
            best = Best()
            for step in self._slab(task, evolution, done, (lower, upper), max(floor, STRICT * enough)):
                best.update(step)
            model = best.restore()
            if best.step is None or model is None:
                return
            piece = Piece(lower, upper, model, best.step.measure)
            if piece.estimate > enough:
                length /= 2
                if length < whole / SHORTEST or task.seconds_left < 0:
                    yield _whole(task, evolution, [*done, piece], best.step)
                    return
                continue
            done.append(piece)
            yield _whole(task, evolution, done, best.step)
            lower = upper

    def _slab(self, task: Task, evolution: Evolution, done: list[Piece], ends: tuple[float, float],
              target: float) -> Iterator[Step]:
        """The steps of one slab, within its share of the time that is left."""
        start = done[-1].model if done else None
        problem = evolution.between(*ends, start=start, seed=task.seed + len(done))
        share = min(1.0, 2 * (ends[1] - ends[0]) / (evolution.upper - ends[0]))
        inner = replace(task, problem=problem, model=_copied(task, start), target=target,
                        deadline=time.monotonic() + share * task.seconds_left if math.isfinite(task.deadline) else math.inf)
        default = LeastSquares() if self.count else LeastSquares(most_features=FEATURES)
        for step in (self.solver or default).iterate(inner):
            yield step
            if inner.seconds_left < 0:
                return


def _copied(task: Task, start: Model | None) -> Model | None:
    """The network to begin a slab with: the user's, or a copy of the last slab's; None if the solver chooses one."""
    if task.model is None:
        return None
    return copy.deepcopy(start or task.model)


def _whole(task: Task, evolution: Evolution, pieces: list[Piece], step: Step) -> Step:
    """A step of one slab as one of the whole: the last slab's fields stand for what is not yet solved.

    The errors of the slabs add up. What is not yet solved counts as wrong.
    """
    edges = [p.lower for p in pieces] + [evolution.upper]
    carried = [c.fields for c in pieces[0].model.carriers]
    networks = {fields: Slabs(fields[0].coordinates.index(evolution.time), edges, [p.model.carriers[i].network for p in pieces])
                for i, fields in enumerate(carried)}
    model = Model(networks)
    missing = (evolution.upper - pieces[-1].upper) / (evolution.upper - evolution.lower)
    residual = task.residual(model, CHECKS, seed=71)
    with torch.no_grad():
        r = residual()
    measure = sum(p.estimate for p in pieces) + (1 + missing if missing > 0 else 0)
    note = f"{len(pieces)} to {evolution.time} = {pieces[-1].upper:g}, {step.note or step.phase}"
    return Step(model, measure, 0.5 * float(r @ r), residual.root_mean_squares(r), "time slabs", note,
                estimates=step.estimates)
