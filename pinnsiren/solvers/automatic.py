"""The default: what ``solve`` does when it is not told how. The rule is written down in ``docs/how-it-works.md``."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from pinnsiren.domains import PointSet
from pinnsiren.domains.lattice import Lattice
from pinnsiren.model import Model, groups
from pinnsiren.networks import MLP, Constant, LinearOutput, Network, Siren, Windows
from pinnsiren.problem import Problem
from pinnsiren.solvers.adam import Adam
from pinnsiren.solvers.bands import Band, length_scales
from pinnsiren.solvers.contest import Contest, Entry
from pinnsiren.solvers.continuation import Continuation
from pinnsiren.solvers.evolution import evolves
from pinnsiren.solvers.gauss_newton import GaussNewton
from pinnsiren.solvers.least_squares import MANY, SIZES, UNINFORMED, LeastSquares
from pinnsiren.solvers.matrix_free import MatrixFree
from pinnsiren.solvers.output_layer import BYTES
from pinnsiren.solvers.projection import VariableProjection
from pinnsiren.solvers.sequence import Sequence
from pinnsiren.solvers.slabs import TimeSlabs
from pinnsiren.solvers.states import states_of
from pinnsiren.solvers.symbol import satisfies_itself
from pinnsiren.solvers.task import GOOD_ENOUGH, Best, Solver, Step, Task
from pinnsiren.symbols import Field, Time, Unknown

Fields = tuple[Field, ...]
Bounds = list[tuple[float, float]]

WIDTH, LAYERS = 20, 3  # of networks for Gauss–Newton: 900 parameters, whose steps take a third of a second
WIDER = 26  # where the user asks for more than the tolerance does: twice the time a step, a third of the error on Burgers
SLOW = 2.0  # of the first sine layer: frequencies rise where the residual asks, and from 6 or 30 often nothing converges
CAUSAL = 10.0  # ε of the causal weights; fields and residuals are near 1 after balancing
MOST_PARAMETERS = 4000  # for which a Gauss–Newton step takes seconds
PIXELS = 1000  # of grids, from which on windows follow them without asking whether something smoother does
COPIES = 6  # of rows × features that a least-squares solve holds: jets, their scaled rows, the factorisation
WINDOWED = 3  # dimensions up to which windows are affordable


@dataclass(frozen=True)
class Automatic(Solver):
    """Least squares with chosen features; where their estimated error stays above ``good_enough`` of the problem's
    tolerance, Gauss–Newton on all layers of a small network, with causal weights for evolutions, else the best of a contest;
    where the estimate of an evolution stays above the tolerance, least squares on slabs of time.

    Several fields that share an unknown coefficient, and are linear in each: :class:`VariableProjection`.

    Where data have more rows, or length scales more modes, than one dense network can follow, and where nothing is known
    but values on a regular grid of a thousand points and more: windows, for linear problems in up to three dimensions, and
    Adam on the SIREN paper's network for others.

    With a network of the user's: least squares for its output layer, then Gauss–Newton if it has at most
    ``most_parameters`` parameters, and Adam if it has more; matrix-free least squares if it is made of windows.
    """

    good_enough: float = GOOD_ENOUGH
    most_parameters: int = MOST_PARAMETERS

    def iterate(self, task: Task) -> Iterator[Step]:
        chosen = self.chosen(task)
        yield from self._dense(task) if chosen is self else chosen.iterate(task)

    def chosen(self, task: Task) -> Solver:
        if task.model is not None:
            return self._for_network(task.model)
        if states_of(task.problem) is not None:
            return VariableProjection()
        return self if _is_dense(task) else self._for_many_rows(task)

    def _dense(self, task: Task) -> Iterator[Step]:
        best = Best()
        for step in self._stages(task, best):
            step = replace(step, phase="automatic")
            best.update(step)
            yield step

    def _stages(self, task: Task, best: Best) -> Iterator[Step]:
        """Least squares, then Gauss–Newton or slabs of time: the next where those before it are not good enough."""
        followers = list(self._followers(task))
        alone = not followers or math.isinf(task.deadline)
        marches = not task.problem.is_linear and evolves(task.problem)
        first = LeastSquares(brief=marches)
        yield from _named(first, task if alone else replace(task, deadline=time.monotonic() + task.seconds_left / 2))
        for f in followers:
            if best.step is None:
                return
            if best.step.measure <= f.enough:
                continue
            yield from _named(f.solver, replace(task, target=f.target))

    def _followers(self, task: Task) -> Iterator["_Follower"]:
        """What may come after least squares.

        Gauss–Newton is not for linear waves: where thousands of features with their best coefficients miss them, a network of a
        thousand parameters gained nothing in minutes. Nor is it for values on a grid: where nothing foretells those held out,
        nothing smooth is to be found, and windows meet them all. Layers, corners and nonlinear problems it may take further.
        Nonlinear evolutions it follows with causal weights: without them it finds fields of small residual that left the
        solution early, which no estimate from residuals tells. Slabs of time do nothing for sines that satisfy the equations at
        all times.
        """
        linear, marches, tolerance = task.problem.is_linear, evolves(task.problem), task.problem.tolerance
        share = 1.0 if task.has_data else self.good_enough  # noise is not fitted better by more work
        good = task.target if task.asked else max(share * tolerance, task.target)
        if _is_grid_alone(task.problem):
            yield _Follower(MatrixFree(), task.target, UNINFORMED)
        elif marches and not linear:
            yield _Follower(Contest(causal_entries(task)), good, good)
            yield _Follower(Contest(entries(task)), good, tolerance)
        elif not linear or not (marches or task.waves):
            if not linear and any(p.value != 0 for p in task.problem.parameters):
                yield _Follower(Continuation(), good, UNINFORMED)
            yield _Follower(Contest([*entries(task), *causal_entries(task)]), good, good)
        if marches and not satisfies_itself(task.problem):
            yield _Follower(TimeSlabs(), task.target, tolerance)

    def _for_many_rows(self, task: Task) -> Solver:
        if _windows_fit(task.problem):
            return MatrixFree()
        task.model = _paper(task)
        return Adam(batch=8192)

    def _for_network(self, model: Model) -> Solver:
        if all(isinstance(c.network, Windows) for c in model.carriers):
            return MatrixFree()
        if sum(p.numel() for p in model.parameters()) > self.most_parameters:
            return Adam()
        if all(isinstance(c.network, LinearOutput) for c in model.carriers):
            return Sequence(LeastSquares(), GaussNewton())
        return GaussNewton()


@dataclass(frozen=True)
class _Follower:
    """A solver that begins unless the lowest estimate so far is ``enough``, and ends at its ``target``."""

    solver: Solver
    target: float
    enough: float


def _named(solver: Solver, task: Task) -> Iterator[Step]:
    """A solver's steps, each with a note that says whose it is."""
    for step in solver.iterate(task):
        yield replace(step, note=", ".join(filter(None, (step.phase, step.note))))


def _is_dense(task: Task) -> bool:
    """Whether a dense network can follow the problem: its data fit beside the most features, and its scales need no more."""
    if _is_grid_alone(task.problem) and _pixels(task.problem) >= PIXELS:
        return False
    rows = sum((c.region.points or 0) * len(c.residuals) for c in task.problem.constraints)
    most = MANY[0] if task.problem.is_linear else SIZES[-1]
    return rows * SIZES[-1] * COPIES * BYTES <= task.memory_limit and _modes(task.problem) <= most


def _is_grid_alone(problem: Problem) -> bool:
    """Whether nothing is known but values at the points of regular grids, such as an image's pixels.

    Neighbouring pixels say little about each other: on a photograph of 64² a dense network whose size held-out pixels chose
    reached 23 dB in 32 s, windows 127 dB in 2 s.
    """
    regions = [c.region for c in problem.constraints if isinstance(c.region, PointSet)]
    if len(regions) < len(problem.constraints) or not _windows_fit(problem):
        return False
    most = max(map(len, regions))
    return any(Lattice.of(r.values) is not None for r in regions if len(r) >= most / 2)


def _pixels(problem: Problem) -> int:
    return sum(c.region.points or 0 for c in problem.constraints)


def _windows_fit(problem: Problem) -> bool:
    """Whether windows can carry the fields: linear least squares for one network, in few dimensions."""
    return (problem.is_linear and len(problem.coordinates) <= WINDOWED and len(groups(problem.carried)) == 1
            and all(c.norm == "l2" for c in problem.constraints))


def _modes(problem: Problem) -> float:
    """How many sines the problem's own length scales need.

    1 in dimensions where nothing is affordable anyway, and where sines satisfy the equations by themselves: few suffice.
    """
    scales = length_scales(problem)
    if len(problem.coordinates) > WINDOWED or not scales or satisfies_itself(problem):
        return 1.0
    return Band(tuple(scales.get(c, 1.0) for c in problem.coordinates)).modes


def entries(task: Task) -> list[Entry]:
    """The small networks for Gauss–Newton."""
    def sines(fields: Fields, box: Bounds, periodic: list[bool]) -> Network:
        return Siren(len(box), len(fields), _width(task), LAYERS, omega0=[SLOW * len(box) / 2] + [1.0] * (LAYERS - 1), box=box,
                     periodic=periodic, seed=task.seed, dtype=task.dtype or torch.float64, device=task.device)

    solver = _gauss_newton(task)
    return [Entry("tanh", solver, _model(task, _tanh(task))), Entry("sines", solver, _model(task, sines))]


def causal_entries(task: Task) -> list[Entry]:
    """The one with weights in time, where there is time: fronts and pulses are followed by tanh, and missed by sines."""
    if not any(isinstance(c, Time) for c in task.problem.coordinates):
        return []
    return [Entry("tanh, causal", replace(_gauss_newton(task), causal=CAUSAL), _model(task, _tanh(task)))]


def _width(task: Task) -> int:
    return WIDER if task.asked else WIDTH


def _gauss_newton(task: Task) -> GaussNewton:
    """With more points and more patience where the user asks for more than the tolerance does."""
    return GaussNewton(rows_per_parameter=4.0, patience=150) if task.asked else GaussNewton()


def _tanh(task: Task) -> Callable[[Fields, Bounds, list[bool]], Network]:
    def make(fields: Fields, box: Bounds, periodic: list[bool]) -> Network:
        return MLP(len(box), len(fields), _width(task), LAYERS, box=box, periodic=periodic, seed=task.seed,
                   dtype=task.dtype or torch.float64, device=task.device)

    return make


def _paper(task: Task) -> Model:
    """The SIREN paper's network, for first-order methods."""
    def paper(fields: Fields, box: Bounds, periodic: list[bool]) -> Network:
        return Siren(len(box), len(fields), 256, 4, omega0=30.0, box=box, periodic=periodic, seed=task.seed,
                     dtype=task.dtype or torch.float32, device=task.device)

    return _model(task, paper)


def _model(task: Task, make: Callable[[Fields, Bounds, list[bool]], Network]) -> Model:
    """A network for each group of fields, and a constant for each unknown scalar."""
    bounds, periodic = task.problem.bounds, task.problem.periodic
    networks: dict[Fields, Network] = {}
    for fields in groups(task.problem.carried):
        own = fields[0].coordinates
        if own:
            networks[fields] = make(fields, [bounds[c] for c in own], [c in periodic for c in own])
        else:
            networks[fields] = _constant(task, fields)
    return Model(networks)


def _constant(task: Task, fields: Fields) -> Network:
    values = [float(c.initial) for c in fields if isinstance(c, Unknown)]
    return Constant(len(fields), values, dtype=task.dtype or torch.float64, device=task.device)
