"""Hard conditions: u = G + φ τ N, where G has the given boundary and initial values, φ is 0 on the boundary, τ at the start."""

from collections.abc import Mapping
from itertools import groupby

import sympy

from pinnsiren.ansatz.ansatz import IDENTICAL, Ansatz, new_field, violated
from pinnsiren.ansatz.blending import blended, mixed, piece, walls_factor
from pinnsiren.ansatz.given import Value, Wall, given_values, space_of, walls_of
from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.instants import Initial
from pinnsiren.errors import DomainError, ProblemError
from pinnsiren.gridded import GriddedValue
from pinnsiren.pml import exact
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field

BLENDED_DIMENSIONS = 3

Form = tuple[sympy.Expr, sympy.Expr]  # (G, φ τ)


def dirichlet(problem: Problem) -> Ansatz:
    """u = G + φ N with the boundary values of every field that has some, on whole boundaries or on faces of boxes.

    On a box (or box × time) G blends the values of the faces (transfinite interpolation) and φ = Π (x − a)(b − x) over the
    faces that have values, of largest value 1. On other domains φ is a smooth function that vanishes on the boundary (see
    :func:`pinnsiren.ansatz.vanishing`), and G is the expression g that was given there; several, on pieces with distances φ_i,
    are weighted with 1/φ_i.

    Raises:
        ProblemError: no boundary value can be built in; the message says why.

    Reference: Gordon & Hall, Numer. Math. 21 (1973), for the blending; Sukumar & Srivastava, CMAME 389 (2022).
    """
    return _hard(problem, boundary=True, start=False)


def initial(problem: Problem) -> Ansatz:
    """u = u₀ + τ N, or u₀ + t v₀ + τ² N where u_t is given too, for every field that has initial values; τ = t/T.

    Raises:
        ProblemError: no initial value can be built in.
    """
    return _hard(problem, boundary=False, start=True)


def conditions(problem: Problem) -> Ansatz:
    """Boundary and initial values at once: u = G + φ τ N, G with both.

    Where they contradict each other, as a hot body with cold sides does at the start, some are left to the solve:
    ``satisfied`` of the ansatz names those that are built in, each verified at sampled points.

    Raises:
        ProblemError: none can be built in.
    """
    return _hard(problem, boundary=True, start=True)


def chosen(problem: Problem) -> Ansatz | None:
    """The hard conditions that ``solve`` uses when it is not told: those that pay and hold no formula for the inside.

    Boundary values on boxes make least squares 10 to 10⁸ times as accurate (Poisson, two scales), those for first-order
    evolution about 10 times. Two initial conditions are left to the solve: N = (u − u₀ − t v₀)/t² is as large as u_tt, and
    least squares for it fails where u oscillates often. So are boundaries in more than three dimensions, where blending has
    3^d terms. On curved domains only constant values are built in: a formula g there also has values inside, and to use them
    would be to use what the user may know of the solution. Nor are they where a domain is given by numbers on a grid, as by a
    fitted distance: such a factor has kinks in the middle of the domain, and N has them too (in a ball: 44 % instead of 1e-4).

    Returns:
        None if nothing is left.
    """
    if len(problem.fields) > 1 and not problem.is_linear:
        return None  # products of blended values swell: Kovasznay's flow took 84 s instead of 11, and was as accurate
    second = any(v.order > 0 for v in given_values(problem))
    few = len(problem.coordinates) <= BLENDED_DIMENSIONS
    try:
        ansatz = _hard(problem, boundary=few, start=not second, only_traces=True)
    except ProblemError:
        return None
    equations = [r for c in problem.constraints for r in c.equation.residuals]
    by_numbers = any(e.has(GriddedValue) for e in ansatz.fields.values()) and not any(r.has(GriddedValue) for r in equations)
    return None if by_numbers else ansatz


def _hard(problem: Problem, *, boundary: bool, start: bool, only_traces: bool = False) -> Ansatz:
    """All values of the kinds wanted; less those that contradict others, the worst first, until the rest hold."""
    values = [v for v in given_values(problem) if (start if isinstance(v.constraint.region, Initial) else boundary)]
    reasons: list[str] = [] if values else ["no field has a value on a whole boundary, a face or an initial instant"]
    while values:
        ansatz, kept = _built(problem, values, reasons, only_traces)
        names = {v.constraint.name for v in kept}
        if not ansatz.fields:
            break
        misses = violated(ansatz, problem, names)
        worst = max(misses, key=lambda name: misses[name])
        if misses[worst] <= IDENTICAL:
            return Ansatz(ansatz.fields, tuple(n for n in misses), f"hard values on {', '.join(misses)}")
        reasons.append(f"'{worst}' contradicts the others (by {misses[worst]:.1e})")
        values = [v for v in kept if v.constraint.name != worst]
    raise ProblemError(f"no hard conditions for the problem: {'; '.join(dict.fromkeys(reasons))}. "
                       "Leave the conditions to the solve (ansatz=False).")


def _built(problem: Problem, values: list[Value], reasons: list[str], only_traces: bool) -> tuple[Ansatz, list[Value]]:
    """The ansatz from some values, and those of them that it uses."""
    fields: dict[Field, sympy.Expr] = {}
    used: list[Value] = []
    for field in problem.fields:
        parts = [_part(f, values, reasons, only_traces) for f in field.parts]
        factors = {form[1] for form, _ in parts}
        if len(factors) > 1:  # real and imaginary part with values in different places
            reasons.append(f"the real and the imaginary part of {field.name} have values in different places")
            continue
        if any(mine for _, mine in parts):
            known = sympy.Add(*[unit * form[0] for unit, (form, _) in zip((1, sympy.I), parts, strict=False)])
            fields[field] = known + factors.pop() * new_field(field)
            used += [v for _, mine in parts for v in mine]
    complete = {name for name, group in groupby(sorted(used, key=_name), key=_name)
                if len(list(group)) == sum(_name(v) == name for v in values)}
    return Ansatz(fields), [v for v in used if _name(v) in complete]


def _part(part: Field, values: list[Value], reasons: list[str], only_traces: bool) -> tuple[Form, list[Value]]:
    """(G, φτ) of one real part, and the values that they hold; (0, 1) without any."""
    mine = [v for v in values if v.field == part]
    if not mine:
        return (sympy.S.Zero, sympy.S.One), []
    domain = mine[0].constraint.region.domain
    assert domain is not None
    mine = [v for v in mine if v.constraint.region.domain == domain]
    start = {v.order: v for v in mine if isinstance(v.constraint.region, Initial)}
    start = {m: start[m] for m in range(len(start)) if all(n in start for n in range(m + 1))}
    sides = [v for v in mine if not isinstance(v.constraint.region, Initial)]
    try:
        known, factor = _on_boundary(domain, sides, only_traces)
    except DomainError as error:
        reasons.append(str(error))
        known, factor, sides = sympy.S.Zero, sympy.S.One, []
    known, late = _from_start(domain, {m: v.expression for m, v in start.items()}, known)
    return (known, factor * late), [*sides, *start.values()]


def _on_boundary(domain: Domain, sides: list[Value], only_traces: bool) -> Form:
    if not sides:
        return sympy.S.Zero, sympy.S.One
    space = space_of(domain)
    walls: dict[Wall, sympy.Expr] = {}
    for v in sides:
        walls = {**dict.fromkeys(walls_of(v) or (), v.expression), **walls}
    if isinstance(space, Box) and all(walls_of(v) is not None for v in sides):
        return blended(space, walls), walls_factor(space, walls)
    inside = {v.expression for v in sides if v.expression.free_symbols & set(space.coordinates)}
    if only_traces and inside:
        raise DomainError(f"the value {inside.pop()} on the boundary of {type(space).__name__} is a formula for the inside too")
    return mixed(space, [(v.expression, piece(space, v)) for v in sides])


def _from_start(domain: Domain, given: Mapping[int, sympy.Expr], known: sympy.Expr) -> Form:
    """The known part with the values, and slopes in time, at the first instant; and τ^m, m their number."""
    t = domain.time
    if t is None or not given:
        return known, sympy.S.One
    first, last = (exact(float(end)) for end in domain.bounds[domain.coordinates.index(t)])
    missing = [(value - sympy.diff(known, t, order)).subs(t, first) for order, value in sorted(given.items())]
    known += sympy.Add(*[(t - first) ** order * rest for order, rest in enumerate(missing)])
    return known, ((t - first) / (last - first)) ** len(missing)


def _name(value: Value) -> str:
    return value.constraint.name
