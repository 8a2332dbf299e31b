"""The default: what ``solve`` does when it is not told how. The rule is written down in ``docs/how-it-works.md``."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from pinnsiren.model import Model, groups
from pinnsiren.networks import Constant, LinearOutput, Network, Siren, Windows
from pinnsiren.problem import Problem
from pinnsiren.solvers.adam import Adam
from pinnsiren.solvers.bands import Band, length_scales
from pinnsiren.solvers.gauss_newton import GaussNewton
from pinnsiren.solvers.least_squares import SIZES, LeastSquares
from pinnsiren.solvers.matrix_free import MatrixFree
from pinnsiren.solvers.output_layer import BYTES
from pinnsiren.solvers.sequence import Sequence
from pinnsiren.solvers.task import Best, Solver, Step, Task
from pinnsiren.symbols import Field, Unknown

GOOD_ENOUGH = 0.1  # of the problem's tolerance: an estimated error from least squares that needs no Gauss–Newton
START_BAND = 6.0  # twice the first layer's band: from 30 it does not converge
WIDTH, LAYERS = 32, 2  # of the network for Gauss–Newton: its steps cost the cube of about width²
MOST_PARAMETERS = 4000  # for which a Gauss–Newton step takes seconds
COPIES = 6  # of rows × features that a least-squares solve holds: jets, their scaled rows, the factorisation
WINDOWED = 3  # dimensions up to which windows are affordable


@dataclass(frozen=True)
class Automatic(Solver):
    """Least squares with chosen features; where their estimated error stays above ``good_enough`` of the problem's
    tolerance, Gauss–Newton on all layers of a small SIREN.

    Where data have more rows, or length scales more modes, than one dense network can follow: windows, for linear
    problems in up to three dimensions, and Adam on the SIREN paper's network for others.

    With a network of the user's: least squares for its output layer, then Gauss–Newton if it has at most
    ``most_parameters`` parameters, and Adam if it has more; matrix-free least squares if it is made of windows.
    """

    good_enough: float = GOOD_ENOUGH
    most_parameters: int = MOST_PARAMETERS

    def iterate(self, task: Task) -> Iterator[Step]:
        if task.model is not None:
            yield from self._for_network(task.model).iterate(task)
        elif not _is_dense(task):
            yield from self._for_many_rows(task).iterate(task)
        else:
            yield from self._dense(task)

    def _dense(self, task: Task) -> Iterator[Step]:
        best = Best()
        for step in LeastSquares().iterate(task):
            step = replace(step, phase="automatic", note=f"least squares, {step.note}")
            best.update(step)
            yield step
        share = 1.0 if task.has_data else self.good_enough  # noise is not fitted better by more work
        enough = max(share * task.problem.tolerance, task.target)
        if best.step is None or best.step.measure <= enough:
            return
        best.restore()
        task.model = _siren(task, WIDTH, LAYERS, task.dtype or torch.float64)
        for step in GaussNewton().iterate(task):
            yield replace(step, phase="automatic", note=step.phase)

    def _for_many_rows(self, task: Task) -> Solver:
        problem = task.problem
        if (problem.is_linear and len(problem.coordinates) <= WINDOWED and len(groups(problem.carried)) == 1
                and all(c.norm == "l2" for c in problem.constraints)):
            return MatrixFree()
        task.model = _siren(task, 256, 4, task.dtype or torch.float32, omega0=30.0)
        return Adam(batch=8192)

    def _for_network(self, model: Model) -> Solver:
        if all(isinstance(c.network, Windows) for c in model.carriers):
            return MatrixFree()
        if sum(p.numel() for p in model.parameters()) > self.most_parameters:
            return Adam()
        if all(isinstance(c.network, LinearOutput) for c in model.carriers):
            return Sequence(LeastSquares(), GaussNewton())
        return GaussNewton()


def _is_dense(task: Task) -> bool:
    """Whether a dense network can follow the problem: its data fit beside the most features, and its scales need no more."""
    rows = sum((c.region.points or 0) * len(c.residuals) for c in task.problem.constraints)
    return rows * SIZES[-1] * COPIES * BYTES <= task.memory_limit and _modes(task.problem) <= SIZES[-1]


def _modes(problem: Problem) -> float:
    """How many sines the problem's own length scales need; 1 in dimensions where nothing is affordable anyway."""
    scales = length_scales(problem)
    if len(problem.coordinates) > WINDOWED or not scales:
        return 1.0
    return Band(tuple(scales.get(c, 1.0) for c in problem.coordinates)).modes


def _siren(task: Task, width: int, layers: int, dtype: torch.dtype, omega0: float | None = None) -> Model:
    """A SIREN for each group of fields; without ω0 one that starts slow: frequencies rise where the residual asks."""
    box = task.problem.bounds
    networks: dict[tuple[Field, ...], Network] = {}
    for fields in groups(task.problem.carried):
        own = fields[0].coordinates
        if not own:
            networks[fields] = Constant(len(fields), [float(c.initial) for c in fields if isinstance(c, Unknown)],
                                        dtype=dtype, device=task.device)
            continue
        slow = [START_BAND * len(own) / 2] + [1.0] * (layers - 1)  # the first layer's weights are U(±1/d)
        networks[fields] = Siren(len(own), len(fields), width, layers, omega0=omega0 or slow, box=[box[c] for c in own],
                                 seed=task.seed, dtype=dtype, device=task.device)
    return Model(networks)
