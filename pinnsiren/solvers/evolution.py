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
from pinnsiren.equation import Constraint, Equation
from pinnsiren.errors import DomainError, SolveError
from pinnsiren.jets import Channels
from pinnsiren.model import Model
from pinnsiren.partials import partials
from pinnsiren.problem import Problem
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
        if not any(orders for _, orders in _starts(problem, times[0])):
            raise SolveError(f"no equation inside the domain has a derivative with respect to {times[0]}, so nothing is "
                             "carried from one time to the next; use another solver.")
        if any(_is_a(c.region, Final) for c in problem.constraints):
            raise SolveError("the problem has a condition at its final time, so it cannot be solved forwards in time alone.")
        lower, upper = problem.bounds[times[0]]
        return cls(problem, times[0], lower, upper)

    def between(self, lower: float, upper: float, start: Model | None = None, seed: int = 0) -> Problem:
        """The problem on lower ≤ t ≤ upper.

        Initial conditions stay as they are if ``start`` is None. Otherwise the values of ``start`` at t = lower take their
        place, those of ∂_t^k u for all k below the highest derivative with respect to time of u in the equations.

        Raises:
            DomainError: a region that cannot be cut in time, such as one of a Box with faces across time.
        """
        found: list[Constraint] = []
        for c in self.problem.constraints:
            if isinstance(c.region, PointSet | PointSetProduct):
                cut = _cut(c.region, lower, upper)
                found += [] if cut is None else [replace(c, region=cut)]
            elif start is None or not _is_a(c.region, Initial):
                found.append(replace(c, region=restricted(c.region, lower, upper)))
        if start is not None:
            found += self._continued(found, start, seed)
        return self.problem.with_constraints(found)

    def _continued(self, cut: Sequence[Constraint], start: Model, seed: int) -> Iterator[Constraint]:
        """∂_t^k u = what ``start`` has, at points of the first time."""
        domain = next(c.region.domain for c in cut if _fills(c) and c.region.domain is not None)
        region = Initial(domain)
        points = region.sample(STARTS * (len(region.coordinates) - 1)**2, seed=seed)
        for u, orders in _starts(self.problem, self.time):
            for order in range(orders):
                name = f"{u.name}_{order * self.time.name}" if order else u.name
                column = Data(f"given {name}")
                values = self._values(start, u, order, points.values, region.coordinates)
                given = PointSet(region.coordinates, points.values, data={column: values})
                yield Equation(u.diff(self.time, order) if order else u, column, f"{name} at the start").on(given)

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


def _starts(problem: Problem, time: sympy.Symbol) -> list[tuple[Field, int]]:
    """How many conditions each field starts from: the order of its highest derivative with respect to time, inside."""
    used = partials([r for c in problem.constraints if _fills(c) for r in c.residuals])
    return [(u, max((p.orders[u.coordinates.index(time)] for p in used if p.field == u and time in u.coordinates), default=0))
            for u in problem.carried]


def _fills(constraint: Constraint) -> bool:
    """Whether a constraint holds throughout a domain."""
    return constraint.region.domain is not None and constraint.region.dimension == len(constraint.region.coordinates)


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
