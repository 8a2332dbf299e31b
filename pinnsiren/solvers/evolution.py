"""A problem on a part of its time: the same equations on a slab, started from fields that are known at its first time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy
import torch

from pinnsiren.domains import PointSet, Region
from pinnsiren.domains.instants import Final, Initial
from pinnsiren.domains.parametric import PointSetProduct, RegionProduct
from pinnsiren.domains.product import restricted
from pinnsiren.domains.region import Where
from pinnsiren.errors import DomainError, SolveError
from pinnsiren.jets import Channels
from pinnsiren.model import Model
from pinnsiren.partials import partials
from pinnsiren.problem import Constraint, Equation, Problem
from pinnsiren.symbols import Data, Field, Time

STARTS = 400  # points at which a slab's start is given, for each dimension of space squared: as many as features follow


@dataclass(frozen=True)
class Evolution:
    """A problem that starts from given fields and goes on in time.

    Args:
        problem: its fields all depend on time.
        time: its time coordinate.
        lower, upper: first and last time, in its unit.
    """

    problem: Problem
    time: sympy.Symbol
    lower: float
    upper: float

    @classmethod
    def of(cls, problem: Problem) -> "Evolution":
        """Raises: SolveError: the problem is none; the message says why."""
        times = [c for c in problem.coordinates if isinstance(c, Time)]
        if len(times) != 1:
            raise SolveError("the problem has no time to divide; declare it with t = ps.time('t') and put the equations on "
                             "space * ps.Interval(t, 0, 1).")
        still = [f for f in problem.carried if times[0] not in f.coordinates]
        if still:
            raise SolveError(f"{still[0]} does not depend on {times[0]}, so it must be found for all times at once; use "
                             "another solver, such as GaussNewton.")
        if not any(_is_a(c.region, Initial) for c in problem.constraints):
            raise SolveError("the problem has no condition on domain.initial, so there is nothing to start from.")
        if any(_is_a(c.region, Final) for c in problem.constraints):
            raise SolveError("the problem has a condition at its final time, so it cannot be solved forwards in time alone.")
        lower, upper = problem.bounds[times[0]]
        return cls(problem, times[0], lower, upper)

    def between(self, lower: float, upper: float, start: Model | None = None, seed: int = 0) -> Problem:
        """The problem on lower ≤ t ≤ upper.

        Initial conditions stay as they are if ``start`` is None. Otherwise they are replaced by the values of ``start`` at
        t = lower and, for each field with an initial derivative, those of its derivative.

        Raises:
            DomainError: a region that cannot be cut in time, such as one of a Box with faces across time.
        """
        found: list[Constraint] = []
        for c in self.problem.constraints:
            region = c.region if isinstance(c.region, PointSet | PointSetProduct) else restricted(c.region, lower, upper)
            if isinstance(c.region, PointSet | PointSetProduct):
                cut = _cut(c.region, lower, upper)
                found += [] if cut is None else [replace(c, region=cut)]
            elif start is None or not _is_a(c.region, Initial):
                found.append(replace(c, region=region))
            else:
                found += self._continued(c, region, start, seed)
        return self.problem.with_constraints(found)

    def _continued(self, condition: Constraint, region: Region, start: Model, seed: int) -> Iterator[Constraint]:
        """The conditions that take the place of an initial one: ∂_t^k u = what ``start`` has, for each u and k in it."""
        space = len(region.coordinates) - 1
        points = region.sample(condition.points or STARTS * space**2, seed=seed)
        wanted = dict.fromkeys((p.field, p.orders[p.field.coordinates.index(self.time)])
                               for p in partials(condition.residuals) if self.time in p.field.coordinates)
        for u, order in wanted:
            column = Data(f"{u.name}_{order}")
            values = self._values(start, u, order, points.values, region.coordinates)
            lhs = u.diff(self.time, order) if order else u
            given = PointSet(region.coordinates, points.values, data={column: values})
            yield replace(condition, equation=Equation(lhs, column), region=given, points=None,
                          name=f"{condition.name}, {u.name}" if len(wanted) > 1 else condition.name)

    def _values(self, model: Model, u: Field, order: int, points: np.ndarray, names: Sequence[sympy.Symbol]) -> np.ndarray:
        carrier = next(c for c in model.carriers if u in c.fields)
        orders = tuple(order * int(c == self.time) for c in carrier.coordinates)
        inputs = torch.as_tensor(points[:, [names.index(c) for c in carrier.coordinates]]).to(model.reference)
        channels = Channels(len(orders), (orders,))
        with torch.no_grad():
            jet = carrier.network.jet(inputs, channels)
        return jet[channels.index(orders), :, carrier.fields.index(u)].double().cpu().numpy()


def evolves(problem: Problem) -> bool:
    """Whether a problem can be solved slab by slab."""
    try:
        evolution = Evolution.of(problem)
        evolution.between(evolution.lower, evolution.upper)
    except (SolveError, DomainError):
        return False
    return True


def _cut(points: PointSet | PointSetProduct, lower: float, upper: float) -> Region | None:
    """The points within a slab; None if there are none."""
    inner = points.region if isinstance(points, PointSetProduct) else points
    time = next((i for i, c in enumerate(inner.coordinates) if isinstance(c, Time)), None)
    if time is None:
        raise DomainError(f"{points} has no time among its coordinates, so it belongs to no slab of time.")
    inside = (inner.values[:, time] >= lower) & (inner.values[:, time] <= upper)
    if not inside.any():
        return None
    part = inner.subset(inside)
    return replace(points, region=part) if isinstance(points, PointSetProduct) else part


def _is_a(region: Region, kind: type[Region]) -> bool:
    """Whether a region, or what it is a part or a product of, is of a kind."""
    while isinstance(region, Where | RegionProduct):
        region = region.region
    return isinstance(region, kind)
