"""An evolution problem as rates: every equation solved for its field's highest derivative in time, by sympy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy

from pinnsiren.domains.box import Box
from pinnsiren.domains.instants import Initial
from pinnsiren.domains.product import Product
from pinnsiren.domains.region import Region, Where
from pinnsiren.equation import Constraint
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, partials
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Time

HIGHEST_ORDER = 2  # of the derivatives in time


@dataclass(frozen=True)
class Condition:
    """A residual on a part of the lateral boundary."""

    name: str
    region: Region
    residual: sympy.Expr


@dataclass(frozen=True, eq=False)
class EvolutionForm:
    """∂_t^m u = F(x, t, u, ∂_t^(m−1) u, their derivatives in space) for every field, with what holds at the edges.

    Attributes:
        space: the box, without time.
        orders: m, 1 or 2, for each field.
        rates: F over partials whose order in time is below their field's m.
        conditions: on the lateral boundary, over partials.
        initial: the values of ∂_t^k u, k < m, at the first time: expressions in the space coordinates.
    """

    space: Box
    time: Time
    span: tuple[float, float]
    orders: Mapping[Field, int]
    rates: Mapping[Field, sympy.Expr]
    conditions: tuple[Condition, ...]
    initial: Mapping[Partial, sympy.Expr]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(self.orders)

    @property
    def axes(self) -> tuple[sympy.Symbol, ...]:
        """The space coordinates, in the order of the box."""
        return self.space.coordinates

    def order_in_time(self, partial: Partial) -> int:
        return partial.orders[partial.field.coordinates.index(self.time)]

    def orders_in_space(self, partial: Partial) -> tuple[int, ...]:
        """A multi-index in the order of the box."""
        return tuple(partial.orders[partial.field.coordinates.index(c)] for c in self.axes)

    def later(self, expression: sympy.Expr) -> sympy.Expr:
        """The total derivative in time of an expression over partials: ∂/∂t, and ∂^α u becomes ∂_t ∂^α u."""
        moved = [sympy.diff(expression, p) * derived(p, self.time) for p in partials([expression])]
        return sympy.Add(sympy.diff(expression, self.time), *moved)


def derived(partial: Partial, coordinate: sympy.Symbol) -> Partial:
    """The derivative of a partial along one coordinate."""
    place = partial.field.coordinates.index(coordinate)
    return Partial(partial.field, [k + (i == place) for i, k in enumerate(partial.orders)])


def evolution_form(problem: Problem) -> EvolutionForm:
    """The rates, conditions and initial values of a problem in real fields on Box × time.

    Raises:
        ReferenceError: it is no such problem; the message says what stands in the way, as half a sentence.
    """
    domain = _product(problem)
    time = domain.interval.coordinates[0]
    inside = [c for c in problem.constraints if c.region == domain.interior]
    start = [c for c in problem.constraints if isinstance(c.region, Initial)]
    sides = [c for c in problem.constraints if c.region.has_normals]
    for c in problem.constraints:
        if c not in (*inside, *start, *sides):
            raise ReferenceError(f"'{c.name}' is put on {_kind(c.region)}; stepping in time takes equations on the whole "
                                 "interior, on the lateral boundary, and on all of the domain's initial region")
        if isinstance(c.region, Where) and time in c.region.condition.free_symbols:
            raise ReferenceError(f"'{c.name}' holds on a part of the boundary that changes with {time}; stepping in time "
                                 "takes conditions that hold from the first to the last time")
    residuals = [r for c in inside for r in c.residuals]
    orders = {f: _order_in_time(f, residuals, time) for f in problem.fields}
    rates = _rates(residuals, orders, time)
    lower, upper = (float(end) for end in domain.interval.bounds[0])
    return EvolutionForm(_box(domain), time, (lower, upper), orders, rates,
                         tuple(Condition(c.name, c.region, r) for c in sides for r in c.residuals),
                         _initial_values(start, orders, time))


def _product(problem: Problem) -> Product:
    """The one space × time that all constraints share."""
    if problem.unknowns or problem.ranges:
        raise ReferenceError("it looks for unknown scalars, or holds for a range of parameters; stepping in time takes "
                             "numbers: validate(solution.at(k=…))")
    if problem.data or any(c.region.domain is None for c in problem.constraints):
        raise ReferenceError("equations hold on sets of data points, and stepping in time takes them on a whole domain")
    domains = {c.region.domain for c in problem.constraints}
    domain = next(iter(domains))
    if len(domains) > 1 or not isinstance(domain, Product) or domain.time is None or not isinstance(domain.space, Box):
        raise ReferenceError("stepping in time is made for one Box × time, Box({x: (0, 1)}) * Interval(t, 0, 1) with "
                             "t = ps.time('t'), that all equations share")
    if domain.time in domain.periodic:
        raise ReferenceError(f"it repeats in {domain.time}, and stepping in time takes an initial value")
    short = [f for f in problem.fields if set(f.coordinates) != set(domain.coordinates)]
    if short:
        raise ReferenceError(f"all fields must depend on all coordinates {domain.coordinates}, and {short[0]} does not")
    return domain


def _box(domain: Product) -> Box:
    assert isinstance(domain.space, Box)
    return domain.space


def _kind(region: Region) -> str:
    return f"a part of the {type(region.region).__name__.lower()}" if isinstance(region, Where) else f"{region}"


def _order_in_time(field: Field, residuals: Sequence[sympy.Expr], time: sympy.Symbol) -> int:
    """The highest derivative in time of a field in the interior equations; it must be that of the field alone."""
    place = field.coordinates.index(time)
    found = [p for p in partials(residuals) if p.field == field]
    order = max((p.orders[place] for p in found), default=0)
    if order == 0:
        raise ReferenceError(f"no equation has a time derivative of {field}: it follows from a constraint, as a pressure "
                             "does, and only rates can be stepped")
    if order > HIGHEST_ORDER:
        raise ReferenceError(f"{field} has a time derivative of order {order}; orders 1 and 2 can be stepped: write the "
                             "equation as several of lower order")
    mixed = [p for p in found if p.orders[place] == order and p.order > order]
    if mixed:
        raise ReferenceError(f"the highest time derivative of {field} occurs differentiated in space, as {mixed[0]}; "
                             "stepping in time takes equations that give it at each point")
    return order


def _rates(residuals: Sequence[sympy.Expr], orders: Mapping[Field, int], time: sympy.Symbol) -> dict[Field, sympy.Expr]:
    """Solve the residuals, linear in the highest time derivatives, for them."""
    wanted = [Partial(f, [m * (c == time) for c in f.coordinates]) for f, m in orders.items()]
    if len(residuals) != len(wanted):
        raise ReferenceError(f"there are {len(residuals)} interior equations for {len(wanted)} fields; stepping in time "
                             "takes one for each")
    solved = _linear(residuals, wanted)
    if solved is None:
        raise ReferenceError(f"the equations do not give {', '.join(map(str, wanted))}: they are not linear in them, or do "
                             "not tell them apart")
    return dict(zip(orders, solved, strict=True))


def _linear(residuals: Sequence[sympy.Expr], wanted: Sequence[Partial]) -> list[sympy.Expr] | None:
    """The solution of residuals = 0 for the wanted symbols, in which they must be linear; None if there is none."""
    matrix = sympy.Matrix([[sympy.diff(r, w) for w in wanted] for r in residuals])
    if any(sympy.simplify(entry).has(*wanted) for entry in matrix if entry.has(*wanted)):
        return None
    if sympy.simplify(matrix.det()) == 0:
        return None
    known = sympy.Matrix([r.xreplace(dict.fromkeys(wanted, sympy.S.Zero)) for r in residuals])
    return list(-matrix.LUsolve(known)) if len(wanted) > 1 else [-known[0] / matrix[0]]


def _initial_values(constraints: Sequence[Constraint], orders: Mapping[Field, int],
                    time: sympy.Symbol) -> dict[Partial, sympy.Expr]:
    """Solve the initial conditions for every field, then for its first time derivative where that is needed."""
    start = sympy.S.Zero
    if constraints:
        region = constraints[0].region
        assert isinstance(region, Initial)
        start = sympy.Float(region.instant) if region.instant else sympy.S.Zero
    residuals = [r.xreplace({time: start}) for c in constraints for r in c.residuals]
    known: dict[Partial, sympy.Expr] = {}
    for level in range(HIGHEST_ORDER):
        wanted = [Partial(f, [level * (c == time) for c in f.coordinates]) for f, m in orders.items() if m > level]
        now = [r for r in residuals if any(r.has(w) for w in wanted) and not _looks_ahead(r, level, time)]
        residuals = [r for r in residuals if r not in now]
        solved = _linear([_with_known(r, known) for r in now], wanted) if len(now) == len(wanted) else None
        if solved is None or partials(solved):
            raise ReferenceError(f"the initial conditions do not give {', '.join(p.name for p in wanted) or 'the fields'} at "
                                 f"the first time: there are {len(now)} for {len(wanted)}; a field of second order in time "
                                 "needs its value and its first time derivative on .initial")
        known |= dict(zip(wanted, solved, strict=True))
        if all(m <= level + 1 for m in orders.values()):
            break
    if residuals:
        raise ReferenceError(f"an initial condition says {residuals[0]} = 0, which the others and the orders in time do not "
                             "leave open")
    return known


def _looks_ahead(residual: sympy.Expr, level: int, time: sympy.Symbol) -> bool:
    return any(p.orders[p.field.coordinates.index(time)] > level for p in partials([residual]))


def _with_known(residual: sympy.Expr, known: Mapping[Partial, sympy.Expr]) -> sympy.Expr:
    """Replace known initial values, and their derivatives in space."""
    found = {}
    for p in partials([residual]):
        for base, value in known.items():
            ahead = [k - b for k, b in zip(p.orders, base.orders, strict=True)] if p.field == base.field else []
            pairs = [(c, k) for c, k in zip(p.field.coordinates, ahead, strict=False) if k]
            if ahead and min(ahead) >= 0 and not any(isinstance(c, Time) for c, _ in pairs):
                found[p] = sympy.diff(value, *pairs) if pairs else value
    return residual.xreplace(found)
