"""The default: what ``solve`` does when it is not told how. The rule is written down in ``docs/how-it-works.md``."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from pinnsiren.model import Model, groups
from pinnsiren.networks import LinearOutput, Siren
from pinnsiren.solvers.adam import Adam
from pinnsiren.solvers.gauss_newton import GaussNewton
from pinnsiren.solvers.least_squares import LeastSquares
from pinnsiren.solvers.sequence import Sequence
from pinnsiren.solvers.task import Best, Solver, Step, Task

GOOD_ENOUGH = 0.1  # of the problem's tolerance: an estimated error from least squares that needs no Gauss–Newton
WIDTH, LAYERS = 32, 2  # of the network for Gauss–Newton: its steps cost the cube of about width²
START_BAND = 6.0  # twice the first layer's band: from 30 it does not converge
MOST_PARAMETERS = 4000  # for which a Gauss–Newton step takes seconds


@dataclass(frozen=True)
class Automatic(Solver):
    """Least squares with chosen features; where their estimated error stays above ``good_enough`` of the problem's
    tolerance, Gauss–Newton on all layers of a small SIREN.

    With a network of the user's: least squares for its output layer, then Gauss–Newton if it has at most
    ``most_parameters`` parameters, and Adam if it has more.
    """

    good_enough: float = GOOD_ENOUGH
    most_parameters: int = MOST_PARAMETERS

    def iterate(self, task: Task) -> Iterator[Step]:
        if task.model is not None:
            yield from self._for_network(task.model).iterate(task)
            return
        best = Best()
        for step in LeastSquares().iterate(task):
            step = replace(step, phase="automatic", note=f"least squares, {step.note}")
            best.update(step)
            yield step
        found = best.restore()
        enough = max(self.good_enough * task.problem.tolerance, task.target)
        if found is None or best.step is None or best.step.measure <= enough:
            return
        task.model = self._network(task)
        for step in GaussNewton().iterate(task):
            yield replace(step, phase="automatic", note=step.phase)

    def _for_network(self, model: Model) -> Solver:
        if sum(p.numel() for p in model.parameters()) > self.most_parameters:
            return Adam()
        if all(isinstance(c.network, LinearOutput) for c in model.carriers):
            return Sequence(LeastSquares(), GaussNewton())
        return GaussNewton()

    def _network(self, task: Task) -> Model:
        """A small SIREN that starts slow: Gauss–Newton raises frequencies where the residual asks for them."""
        box = task.problem.bounds
        return Model({fields: Siren(len(fields[0].coordinates), len(fields), WIDTH, LAYERS,
                                    omega0=[START_BAND * len(fields[0].coordinates) / 2] + [1.0] * (LAYERS - 1),
                                    box=[box[c] for c in fields[0].coordinates], seed=task.seed,
                                    dtype=task.dtype or torch.float64, device=task.device)
                      for fields in groups(task.problem.fields)})
