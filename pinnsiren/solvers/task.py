"""What a solver is given, what it gives back at each iteration, and what it is."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import sympy
import torch

from pinnsiren.domains import PointSet, Region
from pinnsiren.errors import SolveError
from pinnsiren.formulation import Effect
from pinnsiren.model import Model, parameter_vector, set_parameters
from pinnsiren.problem import Problem
from pinnsiren.ranks import ALONE, Ranks
from pinnsiren.residual import Residual
from pinnsiren.solvers.bands import wave_scales
from pinnsiren.solvers.snapshot import Snapshot, plain, tensors
from pinnsiren.symbols import Field

ROWS_PER_UNKNOWN = 2.7  # of a least-squares fit
AROUND = 1.6  # times as many where boundaries need a large part: on a variety, which they alone tell apart, and from 3D on
GOOD_ENOUGH = 0.1  # of the problem's tolerance: an estimated error that costs no further minutes, where no target is given
AT_REST = 64  # points of a constraint that the model satisfies by itself: to see that it does
INTERIOR_SHARE = {1: 0.9, 2: 0.75, 3: 0.65}  # of the points go inside the domains, the rest around; 1/2 from 4D on
FLAT = 2  # dimensions up to which boundaries need few points
HELD_OUT = 5  # one in so many points of a data set is held out while networks are chosen
FEWEST = 10  # a data set of fewer points is used whole

TOLD = ("measure", "loss", "phase", "note", "iteration", "estimates")  # of a step, beside its fields and residuals

Part = Literal["all", "fitted", "held out"]


@dataclass
class Task:
    """A solve under way: the problem, and what the user fixed or left to the solver.

    Args:
        problem: what to solve.
        model: the neural fields, or None for a solver that chooses its own network; the latest one.
        points: points in all, or by constraint name, or None to let the solver choose.
        target: the relative error estimate at which to stop; dimensionless.
        deadline: on the clock of ``time.monotonic``, seconds.
        memory_limit: for matrices, bytes.
        effects: of the fields on those that were declared, see :attr:`Formulation.effects`.
        ranks: the processes of this solve, all with the same task.
        state: what a :class:`Snapshot` of the same solver kept, to go on from; ``model`` is then as it was there.
        products: precision of large matrix products where less than that of the fields will do; None for theirs.
        asked: whether the user gave the target: costly methods then go on to it, else they end where the tolerance is met well.
        start: fields around which Newton's method may begin, carried by another model; None for constant ones.
    """

    problem: Problem
    model: Model | None = None
    points: int | Mapping[str, int] | None = None
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype | None = None
    target: float = 1e-11
    deadline: float = float("inf")
    memory_limit: float = 4e9
    effects: Mapping[Field, Effect] = field(default_factory=dict)
    ranks: Ranks = ALONE
    state: Mapping[str, Any] | None = None
    products: torch.dtype | None = None
    asked: bool = False
    start: Model | None = None

    @property
    def seconds_left(self) -> float:
        """Until the deadline, on the clock of the first rank: all have to decide alike."""
        return math.inf if math.isinf(self.deadline) else self.ranks.first(self.deadline - time.monotonic())

    def residual(self, model: Model, points: int, *, seed: int = 0, part: Part = "all",
                 inside: float | None = None, idle: frozenset[str] = frozenset(), method: str = "sobol",
                 shared: bool = False) -> Residual:
        """The problem's residual for a model at about ``points`` points, unless the user fixed their number.

        Args:
            part: which points of the data sets; regions are sampled anew for each seed anyway.
            inside, idle: see :meth:`counts`.
            method: of sampling, see :func:`~pinnsiren.sampling.unit_points`.
            shared: only this rank's share of the points. Who asks for it has to sum over ``residual.ranks``.
        """
        problem = self.parts[part]
        counts = self.counts(points, problem, inside=inside, idle=idle)
        return Residual.sampled(problem, model, counts, seed=self.seed + seed, method=method,
                                ranks=self.ranks if shared else ALONE)

    @property
    def has_data(self) -> bool:
        """Whether some points of data sets are held out."""
        return self.parts["fitted"] is not self.problem

    @cached_property
    def data_decide(self) -> bool:
        """Whether data decide on fields that the equations leave open, as on an unknown coefficient: then noise in them is
        followed by whatever can follow it, and held-out values tell how much a fit may bend."""
        inside = [c for c in self.problem.constraints if not isinstance(c.region, PointSet)
                  and c.region.dimension == len(c.region.coordinates)]
        equations = {c.region.domain: 0 for c in inside}
        for c in inside:
            equations[c.region.domain] += len(c.residuals)
        return self.has_data and sum(bool(f.coordinates) for f in self.problem.carried) > max(equations.values(), default=0)

    @cached_property
    def waves(self) -> dict[sympy.Symbol, float]:
        """The angular frequency of free waves along each coordinate, where there are some."""
        found: dict[sympy.Symbol, float] = {}
        for c in self.problem.constraints:
            for symbol, frequency in wave_scales(c).items():
                found[symbol] = max(found.get(symbol, 0.0), frequency)
        return found

    @cached_property
    def parts(self) -> dict[Part, Problem]:
        """The problem with all points of its data sets, with those to fit, and with those to judge by.

        Without holding out, a network that passes through noisy data would look perfect.
        """
        if not any(isinstance(c.region, PointSet) and len(c.region) >= FEWEST for c in self.problem.constraints):
            return dict.fromkeys(("all", "fitted", "held out"), self.problem)

        def part(held: bool) -> Problem:
            return self.problem.with_constraints(replace(c, region=_part(c.region, self.seed, held))
                                                 for c in self.problem.constraints)

        return {"all": self.problem, "fitted": part(held=False), "held out": part(held=True)}

    def counts(self, points: int, problem: Problem | None = None, *, inside: float | None = None,
               idle: frozenset[str] = frozenset()) -> dict[str, int]:
        """Points by constraint name: the user's numbers, or a share of ``points``.

        A share ``inside``, by default nine tenths in 1D, three quarters in 2D, two thirds in 3D, goes inside, shared equally;
        the rest on boundaries, by their measure. A number in ``points`` by name comes first, then the constraint's own;
        point sets are used whole. Constraints that are ``idle``, since the model satisfies them by itself, get a few.
        """
        if isinstance(self.points, int):
            points = self.points
        given = dict(self.points) if isinstance(self.points, Mapping) else {}
        problem = problem or self.problem
        strange = set(given) - {c.name for c in self.problem.constraints}
        if strange:
            raise SolveError(f"points names the constraints {sorted(strange)}; "
                             f"the problem has {[c.name for c in self.problem.constraints]}.")
        numbers = [*given.values(), *([self.points] if isinstance(self.points, int) else [])]
        if any(not isinstance(n, (int, np.integer)) or n < 1 for n in numbers):
            raise SolveError(f"points={self.points}; give whole numbers >= 1, or None to let the solver choose.")
        return {c.name: given.get(c.name) or c.points or c.region.points or share
                for c, share in zip(problem.constraints, _shares(problem, points, inside, idle), strict=True)}

    def points_for(self, features: int, *, on_variety: bool = False) -> int:
        """Points in all for so many features of each field: where an equation joins several, it gives a row for all of them.

        More in three dimensions: with 1.35 inside for each feature a wave over a sea floor was four times less accurate. Fewer
        where data decide on a field: there features are few for the data's sake, and more rows of equations tell no more.
        """
        if self.data_decide:
            return int(ROWS_PER_UNKNOWN * features)
        inside: dict[Region, int] = {}
        for c in self.problem.constraints:
            if c.region.domain is not None and c.region.dimension == len(c.region.coordinates):
                inside[c.region] = inside.get(c.region, 0) + len(c.residuals)
        fields = sum(bool(f.coordinates) for f in self.problem.carried)
        around = AROUND if on_variety or len(self.problem.coordinates) > FLAT else 1.0
        return int(around * ROWS_PER_UNKNOWN * features * max(1.0, fields / max(inside.values(), default=fields)))

    def require_model(self, solver: str) -> Model:
        """The model, for solvers that need one.

        Raises:
            SolveError: there is none.
        """
        if self.model is None:
            raise SolveError(f"{solver} needs a network; give solve(…, network=ps.Siren(…)).")
        return self.model


@dataclass(frozen=True)
class Step:
    """One iteration's outcome.

    Args:
        model: the neural fields after it; the loop keeps those with the lowest ``measure``.
        measure: what the solver lowers, comparable within one ``phase``.
        loss: ½‖r‖² with the problem's weights.
        residuals: root mean square of each constraint, in the units of its equation.
        phase: which solver, and what it is doing.
        note: anything to tell the user once.
        iteration: the solver's own count, or None to count items.
        estimates: whether ``measure`` estimates the relative error of the fields; else it is only a loss.
        snapshot: how to go on from here later; None where the solver would begin anew.
    """

    model: Model
    measure: float
    loss: float
    residuals: Mapping[str, float]
    phase: str
    note: str = ""
    iteration: int | None = None
    estimates: bool = True
    snapshot: Snapshot | None = None


class Best:
    """The fields with the lowest measure so far, with a copy of their parameters. A new phase starts anew."""

    def __init__(self) -> None:
        self.step: Step | None = None
        self.parameters: torch.Tensor | None = None

    def update(self, step: Step) -> bool:
        """Keep a step if it is the best of its phase; whether it is."""
        if not math.isfinite(step.measure):
            return False
        if self.step is not None and self.step.phase == step.phase and step.measure >= self.step.measure:
            return False
        self.step, self.parameters = step, parameter_vector(step.model).clone()
        return True

    def record(self) -> dict[str, Any] | None:
        """Everything but the model, as plain values; None if there was no step."""
        if self.step is None or self.parameters is None:
            return None
        told = {name: getattr(self.step, name) for name in TOLD}
        return {**told, "residuals": dict(self.step.residuals), "parameters": plain(self.parameters)}

    @classmethod
    def of(cls, record: Mapping[str, Any] | None, model: Model | None) -> "Best":
        """What :meth:`record` told, with a model of the same networks."""
        best = cls()
        if record is not None and model is not None:
            best.step = Step(model, **{name: record[name] for name in (*TOLD, "residuals")})
            best.parameters = tensors(record["parameters"]).to(model.reference)
        return best

    def restore(self) -> Model | None:
        """The best model, its parameters as they were then; None if there was none."""
        if self.step is None or self.parameters is None:
            return None
        set_parameters(self.step.model, self.parameters)
        return self.step.model


class Solver(ABC):
    """A method that lowers the residual of a task, one iteration at a time."""

    @property
    def dtype(self) -> torch.dtype:
        """The precision that the method works in unless the user asks for another."""
        return torch.float64

    def chosen(self, task: Task) -> "Solver":
        """The solver that does the work: itself, unless it chooses among others by the task."""
        return self

    @abstractmethod
    def iterate(self, task: Task) -> Iterator[Step]:
        """Iterate until done; the caller may stop at any item. The first item is the state at the start."""


def _part(points: Region, seed: int, held: bool) -> Region:
    """The points of a data set that are held out, or the others, the same for equal sets; other regions as they are."""
    if not isinstance(points, PointSet) or len(points) < FEWEST:
        return points
    order = np.random.default_rng(seed).permutation(len(points))
    count = len(points) // HELD_OUT
    return points.subset(np.sort(order[:count] if held else order[count:]))


def inside_share(problem: Problem) -> float:
    """The part of the points that goes inside the domains unless a solver says otherwise."""
    return INTERIOR_SHARE.get(len(problem.coordinates), 0.5)


def _shares(problem: Problem, points: int, inner: float | None, idle: frozenset[str]) -> list[int]:
    """Each constraint's share of the points (see :meth:`Task.counts`)."""
    counted = [c for c in problem.constraints if c.points is None and c.region.points is None]
    resting = {c.region for c in counted if c.name in idle} - {c.region for c in counted if c.name not in idle}
    regions = {c.region: c.region for c in counted if c.region not in resting}
    inside = [r for r in regions if r.dimension == len(r.coordinates)]
    around = {r: r.measure for r in regions if 0 < r.dimension < len(r.coordinates)}
    inner = inside_share(problem) if inner is None else inner
    shares = {r: inner * points / len(inside) for r in inside}
    shares |= {r: (1 - inner) * points * m / sum(around.values()) for r, m in around.items()}
    shares |= dict.fromkeys(resting, float(AT_REST))
    return [max(8, round(shares[c.region])) if c.region in shares else max(1, round(c.region.measure))
            for c in problem.constraints]
