"""A contest: several networks or solvers begin, and the one that gets furthest goes on."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pinnsiren.errors import SolveError
from pinnsiren.model import Model
from pinnsiren.solvers.task import Solver, Step, Task

ROUND = 25  # iterations between two comparisons: after 12, tanh is still behind sines on a shock that only tanh follows


@dataclass(frozen=True, eq=False)
class Entry:
    """One way to solve a problem.

    Args:
        name: for the history.
        solver, model: who learns what.
    """

    name: str
    solver: Solver
    model: Model


class Contest(Solver):
    """After every round the entry with the worst measure is left behind, until one is left; that one goes on to its end.

    Which activation and which weights in time suit a nonlinear problem is not known before: tanh follows shocks, sines
    follow waves, causal weights follow what grows in time.

    Args:
        entries: at least one; their measures must be comparable.
        round_length: iterations that each entry has in a round.
    """

    def __init__(self, entries: Sequence[Entry], round_length: int = ROUND) -> None:
        if not entries or round_length < 1:
            raise SolveError(f"Contest was given {len(entries)} entries and rounds of {round_length} iterations; expected at "
                             "least one of each.")
        self.entries, self.round_length = tuple(entries), round_length

    def __repr__(self) -> str:
        return f"Contest({', '.join(e.name for e in self.entries)})"

    def iterate(self, task: Task) -> Iterator[Step]:
        runs = [_Run(e.name, e.solver.iterate(replace(task, model=e.model))) for e in self.entries]
        while len(runs) > 1:
            for run in runs:
                yield from run.take(self.round_length)
            worst = max(runs, key=lambda run: run.lowest)
            runs = [run for run in runs if run is not worst]
        yield from runs[0].take(None)


@dataclass
class _Run:
    name: str
    steps: Iterator[Step]
    lowest: float = math.inf

    def take(self, most: int | None) -> Iterator[Step]:
        """Its next steps, at most so many; none once it has ended."""
        for step in islice(self.steps, most):
            self.lowest = min(self.lowest, step.measure)
            yield replace(step, note=self.name)
