"""A family of problems with one structure: the same equations everywhere, other data at the points of each instance.

The equations are formulated and compiled once. An instance is then its point sets, with their data columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sympy
import torch
from torch import Tensor

from pinnsiren.ansatz import Ansatz, chosen
from pinnsiren.domains import PointSet, Region
from pinnsiren.errors import DataError, ProblemError
from pinnsiren.formulation import Formulation, formulate
from pinnsiren.model import Model, groups
from pinnsiren.networks import Network
from pinnsiren.problem import Problem
from pinnsiren.residual import Group, Residual
from pinnsiren.solvers.task import Task
from pinnsiren.symbols import Data, Field, Unknown

Columns = Mapping[sympy.Symbol, Tensor]  # of coordinates, data and normals, each (n,)

POINTS = 256  # of each instance where regions are sampled and nobody says how many


@dataclass(frozen=True, eq=False)
class Instance:
    """One member of a family, as it is trained on.

    Args:
        columns: its points and data, for each sample of the residual.
        places, values: all that could be seen of it, (n, d) and (n, c).
    """

    columns: Sequence[Columns]
    places: Tensor
    values: Tensor

    @property
    def counts(self) -> list[int]:
        """How many points each sample has."""
        return [len(next(iter(c.values()))) for c in self.columns]


@dataclass(frozen=True)
class Family:
    """``Family(instance)``: instance(0), instance(1), … are problems that differ in the data of their point sets alone.

    Args:
        instance: from a number to a problem; the same number gives the same problem every time.
        observed: the Data symbols that an encoder sees; all in one point set. By default all that point sets carry.
        ansatz: how the fields are written in those that networks carry, as in :func:`pinnsiren.solve`: by default the first
            problem's own, else hard conditions where they pay; False for none.
        points: for each instance, in all or by constraint name, where regions are not point sets.

    Raises:
        ProblemError: instance(0) is no problem, has unknown scalars, or has fields of different coordinates.
        DataError: no point set that carries all of the observed data.
    """

    instance: Callable[[int], Problem]
    observed: tuple[Data, ...] = ()
    ansatz: Ansatz | bool | None = None
    points: int | Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if not self.observed:
            sets = [c.region for c in self.first.constraints if isinstance(c.region, PointSet)]
            found = dict.fromkeys(d for s in sets for d, _ in s.columns)
            object.__setattr__(self, "observed", tuple(found))
        if not self.observed:
            raise DataError("the problems of the family carry no data, so that nothing tells one from another; put what varies "
                            "into the columns of a PointSet: PointSet((x, y), points, data={f: values}).")
        observed_set(self.first, self.observed)
        _ = self.fields

    @cached_property
    def first(self) -> Problem:
        """instance(0), whose equations all others share."""
        return self._made(0)

    @cached_property
    def formulation(self) -> Formulation:
        """What is solved in place of the first problem."""
        return formulated(self.first, self.ansatz)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What the network carries, in the order of its outputs."""
        return carried_fields(self.formulation.problem)

    def problem(self, number: int) -> Problem:
        """An instance.

        Raises:
            ProblemError: it has another structure than the first.
        """
        if number == 0:
            return self.first
        made = self._made(number)
        _require_alike(made, self.first, number)
        return made

    def residual(self, network: Network) -> Residual:
        """r(θ) of the first instance, compiled for a network: ``residual.placed(columns)`` is that of others."""
        solved = self.formulation.problem
        counts = Task(solved, points=self.points).counts(POINTS)
        return Residual.sampled(solved, Model({self.fields: network}), counts)

    def member(self, number: int, residual: Residual) -> Instance:
        """An instance at its points, whose columns ``residual.placed`` takes.

        Raises:
            ProblemError: it has another structure than the first.
        """
        problem = self.problem(number)
        regions = {c.name: c.region for c in problem.constraints}
        placed = [_placed(s.group, [regions[c.name] for c in s.group.constraints], number) for s in residual.samples]
        places, values = seen(observed_set(problem, self.observed), self.observed, residual.model.reference)
        return Instance(residual.columns_at(placed, seed=number), places, values)

    def _made(self, number: int) -> Problem:
        made = self.instance(number)
        if not isinstance(made, Problem):
            raise ProblemError(f"instance({number}) of the family is a {type(made).__name__}; expected a ps.Problem(…).")
        return made


def observed_set(problem: Problem, observed: tuple[Data, ...]) -> PointSet:
    """The point set of a problem that carries the observed data.

    Raises:
        DataError: there is none.
    """
    for c in problem.constraints:
        if isinstance(c.region, PointSet) and set(observed) <= set(c.region.data):
            return c.region
    names = ", ".join(map(str, observed))
    raise DataError(f"no point set of the problem carries {names}; an encoder sees what one PointSet has: "
                    f"PointSet((x, y), points, data={{{names}: …}}).")


def seen(points: PointSet, observed: tuple[Data, ...], like: Tensor) -> tuple[Tensor, Tensor]:
    """Places (n, d) and values (n, c) of a point set.

    Raises:
        DataError: data that it does not carry.
    """
    columns = dict(points.columns)
    missing = [d for d in observed if d not in columns]
    if missing:
        raise DataError(f"{points} has no data for {missing[0]}; an encoder of this space needs "
                        f"{', '.join(map(str, observed))} at each point.")
    values = torch.stack([torch.as_tensor(columns[d].copy()) for d in observed], dim=1)
    return torch.as_tensor(points.values.copy()).to(like), values.to(like)


def formulated(problem: Problem, ansatz: Ansatz | bool | None) -> Formulation:
    """A problem with the ansatz that ``solve`` gives to it where the network is given."""
    used = ansatz if isinstance(ansatz, Ansatz) else None
    if ansatz is None or ansatz is True:
        used = problem.ansatz or chosen(problem)
    return formulate(problem, used)


def carried_fields(problem: Problem) -> tuple[Field, ...]:
    """The fields of a formulated problem, which one network carries.

    Raises:
        ProblemError: unknown scalars, or fields of different coordinates.
    """
    if any(isinstance(f, Unknown) for f in problem.carried):
        raise ProblemError("the problems of the family have unknown scalars; a space gives fields only. Make each a field, or "
                           "find it afterwards: ps.solve(problem, network=space.network(…)).")
    together = groups(problem.carried)
    if len(together) > 1:
        raise ProblemError("the fields of the family have different coordinates, so one network cannot carry them all: "
                           f"{', '.join(str(f) for f in problem.carried)}. Train a space for each.")
    return together[0]


def _placed(group: Group, regions: list[Region], number: int) -> Group:
    """A group at the points of another instance."""
    if any(r != regions[0] for r in regions):
        raise ProblemError(f"instance {number} of the family puts {', '.join(c.name for c in group.constraints)} on different "
                           "points; in instance 0 they share theirs. Share them in all, or in none.")
    return replace(group, region=regions[0], count=regions[0].points or group.count)


def _require_alike(problem: Problem, first: Problem, number: int) -> None:
    """Raise unless two problems differ in the points and data of their point sets alone."""
    start = f"instance {number} of the family has another structure than instance 0: "
    advice = ". Write what varies as ps.Data, with its values in the columns of a PointSet."
    names, expected = ([c.name for c in p.constraints] for p in (problem, first))
    if names != expected:
        raise ProblemError(f"{start}its constraints are {names}, and were {expected}{advice}")
    for c, other in zip(problem.constraints, first.constraints, strict=True):
        if c.equation != other.equation:
            raise ProblemError(f"{start}'{c.name}' reads {c.equation.lhs} = {c.equation.rhs}, and was {other.equation.lhs} = "
                               f"{other.equation.rhs}{advice}")
        if (c.weight, c.norm) != (other.weight, other.norm):
            raise ProblemError(f"{start}'{c.name}' has weight {c.weight:g} and norm {c.norm}, and had {other.weight:g} and "
                               f"{other.norm}{advice}")
        if isinstance(c.region, PointSet) and isinstance(other.region, PointSet):
            if (c.region.coordinates, c.region.data) != (other.region.coordinates, other.region.data):
                raise ProblemError(f"{start}'{c.name}' is on {c.region}, and was on {other.region}{advice}")
        elif c.region != other.region:
            raise ProblemError(f"{start}'{c.name}' is on {c.region}, and was on {other.region}{advice}")
