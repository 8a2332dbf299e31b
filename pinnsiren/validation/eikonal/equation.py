"""Which problems ask for first arrivals: |∇T| = s(x) in whatever form it is written, with T given where waves start."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnsiren.compile import Program, compile_expressions
from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.region import Interior, Region
from pinnsiren.equation import Constraint
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field, Normal
from pinnsiren.validation.exact import columns_of
from pinnsiren.validation.reference import Array

SAMPLES = 200
SEED = 20_263
RIGHT = 1e-9  # of an equation's own size: rounding


@dataclass(frozen=True)
class Given:
    """T = value on a region: where waves start."""

    name: str
    region: Region
    value: sympy.Expr


@dataclass(frozen=True)
class Eikonal:
    """|∇T|² = s² in a domain, with T given on some regions.

    Attributes:
        equation: the interior residual as declared, over partials.
        squares: what s² may be; one of them satisfies the equation.
    """

    field: Field
    domain: Domain
    equation: sympy.Expr
    squares: tuple[sympy.Expr, ...]
    given: tuple[Given, ...]

    def slowness(self, points: Points) -> Array:
        """s > 0 (n,) at points of the domain.

        Raises:
            ReferenceError: no s > 0 satisfies the equation somewhere: the speed is zero, negative or not finite there.
        """
        columns = columns_of(points)
        first, *others = partials([self.equation])
        best, worst = np.full(len(points), np.nan), np.full(len(points), np.inf)
        for values in self._squares(columns):
            slow = values.abs().sqrt()
            left, slope = self._put_in(columns | dict.fromkeys(others, 0 * slow) | {first: slow})
            size = (slope.abs() * slow).numpy()
            wrong = np.nan_to_num(np.abs(left.numpy()) / np.where(size > 0, size, 1.0), nan=np.inf)
            better = (wrong < worst) & (values > 0).numpy() & np.isfinite(values.numpy())
            best, worst = np.where(better, slow.numpy(), best), np.where(better, wrong, worst)
        bad = ~(worst <= RIGHT)
        if bad.any():
            place = ", ".join(f"{c} = {v:.4g}" for c, v in zip(points.coordinates, points.values[np.argmax(bad)], strict=True))
            raise ReferenceError(f"no slope |∇{self.field.name}| > 0 satisfies {self.equation} = 0 at {place}; the speed must "
                                 "be positive and finite in the whole domain.")
        return best

    @cached_property
    def _squares(self) -> Program:
        return compile_expressions(self.squares)

    @cached_property
    def _put_in(self) -> Program:
        """The equation and its derivative with respect to the first partial."""
        return compile_expressions([self.equation, sympy.diff(self.equation, partials([self.equation])[0])])


def eikonal_of(problem: Problem) -> Eikonal:
    """The problem as an eikonal problem.

    Raises:
        ReferenceError: it is none; the message says why, without a full stop.
    """
    if problem.unknowns or problem.ranges or problem.periodic:
        raise ReferenceError("fast sweeping is for problems without unknown numbers, ranges of parameters and periodic "
                             "coordinates; fix parameters by problem.at(k=…)")
    inside = [c for c in problem.constraints if c.region.dimension == len(problem.coordinates)]
    if len(problem.fields) != 1 or len(inside) != 1 or not isinstance(inside[0].region, Interior):
        raise ReferenceError("fast sweeping is for one eikonal equation |∇T| = s on the whole interior of one domain")
    (field,), domain = problem.fields, inside[0].region.domain
    wanted = {Partial(field, row) for row in np.eye(len(field.coordinates), dtype=int)}
    residuals = inside[0].residuals
    if len(residuals) != 1 or set(partials(residuals)) != wanted or not 1 <= len(wanted) <= 3:
        raise ReferenceError("fast sweeping is for an eikonal equation |∇T| = s in 1 to 3 coordinates")
    squares = _squared_slowness(residuals[0])
    if problem.data and any(e.atoms(*map(type, problem.data)) for e in residuals):
        raise ReferenceError("fast sweeping needs the speed as an expression, not as data at points")
    given = tuple(g for c in problem.constraints if c is not inside[0] for g in _given(c, field))
    if not given:
        raise ReferenceError(f"nowhere is {field.name} itself given, from where waves could start")
    found = Eikonal(field, domain, residuals[0], squares, given)
    _require_outgoing(problem, found, inside[0])
    if not isinstance(domain, Box):
        _require_surrounded(found)
    return found


def _squared_slowness(residual: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """Every s² with which |∇T|² = s² solves a residual that depends on ∇T by its length alone."""
    square = sympy.Dummy("q", positive=True)
    first, *others = partials([residual])
    rest = square - sympy.Add(*[p**2 for p in others])
    along = sympy.expand(residual.xreplace({first: sympy.sqrt(rest)}))
    if along.has(Partial):
        along = sympy.simplify(along)
    if along.has(Partial):
        raise ReferenceError("fast sweeping is for equations that hold ∇T by its length |∇T| alone")
    try:
        return tuple(s for s in sympy.solve(along, square) if not s.has(square))
    except NotImplementedError:
        raise ReferenceError(f"fast sweeping could not solve {residual} = 0 for |∇T|; write it as |∇T|² = s²") from None


def _given(constraint: Constraint, field: Field) -> list[Given]:
    """T = g for each residual that gives T itself; those that hold derivatives are left to be checked."""
    found = []
    for residual in constraint.residuals:
        own = Partial(field, [0] * len(field.coordinates))
        if set(partials([residual])) == {own} and not residual.has(Normal):
            slope = linearise(residual)[own]
            if slope.has(Partial):
                raise ReferenceError(f"'{constraint.name}' does not give {field.name} by a linear equation")
            found.append(Given(constraint.name, constraint.region, sympy.simplify(-residual.subs(own, 0) / slope)))
    return found


def _require_outgoing(problem: Problem, found: Eikonal, inside: Constraint) -> None:
    """Conditions on derivatives must say what holds anyway: on its source a wave leaves the boundary, ∇T = −s n."""
    for constraint in problem.constraints:
        rates = [r for r in constraint.residuals if any(p.order for p in partials([r]))]
        if not rates or set(rates) <= set(inside.residuals):  # what holds inside may be put on the boundary too
            continue
        points = constraint.region.sample(SAMPLES, seed=SEED)
        columns = columns_of(points)
        if points.normals is not None and constraint.region.domain == found.domain:
            leaving = -found.slowness(points)[:, None] * points.normals
            for p in partials(rates):
                column = leaving[:, p.orders.index(1)] if p.order == 1 else 0 * leaving[:, 0]
                columns[p] = columns[points.coordinates[0]].new_tensor(column)
            if all(float(v.abs().max()) <= RIGHT for v in compile_expressions(rates)(columns)):
                continue
        raise ReferenceError(f"'{constraint.name}' gives derivatives of {found.field.name} other than those of first arrivals, "
                             "which leave their source at a right angle into the domain")


def _require_surrounded(found: Eikonal) -> None:
    """On a domain that is no box its whole boundary, but for parts on the sides of the bounding box, is a source."""
    domain = found.domain
    points = domain.boundary.sample(SAMPLES, seed=SEED).values
    near = 1e-9 * domain.size
    free = np.all(np.abs(points[:, :, None] - domain.bounds[None]) > near, axis=(1, 2))
    for given in found.given:
        if given.region.domain is not None:
            free &= ~given.region.contains(points, near)
    if free.any():
        raise ReferenceError(f"rays may leave the domain through its boundary at {points[np.argmax(free)].tolist()}, where "
                             f"{found.field.name} is not given; fast sweeping is for boxes, and for other domains with "
                             f"{found.field.name} given on their boundary")
