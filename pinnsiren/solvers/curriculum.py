"""Curriculum in time: the same network learns a short evolution first, then longer ones."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from pinnsiren.errors import SolveError
from pinnsiren.solvers.evolution import Evolution
from pinnsiren.solvers.task import Best, Solver, Step, Task


@dataclass(frozen=True)
class Curriculum(Solver):
    """Solve on [0, T/K], [0, 2T/K], …, [0, T], each from the fields that the one before left.

    Args:
        solver: of every stage, such as ``GaussNewton()``; networks keep the scale of the whole time.
        stages: K.

    Raises:
        SolveError: not a solver, or fewer than one stage. When it runs: the problem has no time, or nothing to start from.
    Reference:
        Krishnapriyan et al., Characterizing possible failure modes in physics-informed neural networks, NeurIPS 2021.
    """

    solver: Solver
    stages: int = 4

    def __post_init__(self) -> None:
        if not isinstance(self.solver, Solver):
            raise SolveError(f"Curriculum was given {self.solver!r}; expected a solver, as in Curriculum(GaussNewton(), 4).")
        if not isinstance(self.stages, int) or self.stages < 1:
            raise SolveError(f"Curriculum(stages={self.stages!r}): give a whole number >= 1.")

    @property
    def dtype(self) -> torch.dtype:
        return self.solver.dtype

    def iterate(self, task: Task) -> Iterator[Step]:
        evolution = Evolution.of(task.problem)
        for stage in range(1, self.stages + 1):
            upper = evolution.lower + (evolution.upper - evolution.lower) * stage / self.stages
            share = task.seconds_left / (self.stages + 1 - stage)
            inner = replace(task, problem=evolution.between(evolution.lower, upper),
                            deadline=time.monotonic() + share if math.isfinite(share) else math.inf)
            missing = 2 - stage / self.stages if stage < self.stages else 0  # what is not yet learnt counts as wrong
            best = Best()
            for step in self.solver.iterate(inner):
                best.update(step)
                yield replace(step, measure=step.measure + missing, phase=f"curriculum {stage}/{self.stages}", note=step.phase)
                if inner.seconds_left < 0:
                    break
            task.model = best.restore() or task.model
