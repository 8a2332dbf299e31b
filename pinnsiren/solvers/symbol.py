"""The symbol of a problem's operator, where it has one real polynomial for all its fields: which frequencies it lets through.

An equation Σ_α a_α ∂^α u = f with constant a_α multiplies sin(w·x + b) by P(iw) = Σ_α a_α (iw)^α. With even orders alone P is
real, with odd ones imaginary; either way its real zeros are one polynomial's, the characteristic variety.
"""

import math
from collections.abc import Iterator

import sympy

from pinnsiren.equation import Constraint
from pinnsiren.model import groups
from pinnsiren.networks.variety import Term, Variety
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.symbols import Parameter, Time

SAME = 1e-12  # relative difference of coefficients that are equal but for rounding
PROBED = 6.0  # the band, radians per half-width, in which the variety must have real frequencies to be of use

Symbol = dict[tuple[int, ...], float]


def variety_of(problem: Problem) -> Variety | None:
    """The variety of a problem's equations inside its domains, in radians per half-width; None where there is none.

    All of them must be linear with constant coefficients, hold one field each, and have the same symbol up to a factor. The
    frequency in time is the one to solve for, if there is time; otherwise any that is not periodic.
    """
    together = groups(problem.carried)
    inside = interior(problem)
    if len(together) != 1 or not together[0][0].coordinates[1:] or not inside:
        return None
    half = [(b - a) / 2 for a, b in (problem.bounds[c] for c in together[0][0].coordinates)]
    symbols = [_scaled(s, half) for c in inside for r in c.residuals for s in [_symbol(r)] if s]
    governed = {p.field for c in inside for p in partials(c.residuals)}
    if len(symbols) < sum(len(c.residuals) for c in inside) or governed != set(together[0]) or not _all_same(symbols):
        return None
    terms = _real_polynomial(symbols[0])
    names = together[0][0].coordinates
    free = [i for i, c in enumerate(names) if c not in problem.periodic and any(orders[i] for orders, _ in terms)]
    along = [i for i in free if isinstance(names[i], Time)] or free
    if not terms or not along:
        return None
    found = Variety(tuple(terms), tuple(along))
    return found if found.exists([PROBED] * len(names)) else None


def satisfies_itself(problem: Problem) -> bool:
    """Whether features can satisfy the equations inside by themselves: there is a variety, and there are no sources."""
    return variety_of(problem) is not None and not has_sources(problem)


def interior(problem: Problem) -> list[Constraint]:
    """The constraints on regions that fill their domains; point sets apart."""
    return [c for c in problem.constraints if c.region.domain is not None and c.region.dimension == len(c.region.coordinates)]


def has_sources(problem: Problem) -> bool:
    """Whether an equation inside the domains has a term without fields."""
    return any(known(r) != 0 for c in interior(problem) for r in c.residuals)


def known(residual: sympy.Expr) -> sympy.Expr:
    """The part of a linear residual that holds no field."""
    return residual.xreplace(dict.fromkeys(residual.atoms(Partial), sympy.S.Zero))


def _symbol(residual: sympy.Expr) -> Symbol | None:
    """a_α by α, if the residual is linear with constant coefficients in one field."""
    slopes = {p: a.xreplace({q: q.value for q in a.atoms(Parameter)}) for p, a in linearise(residual).items()}
    if len({p.field for p in slopes}) != 1 or any(a.free_symbols for a in slopes.values()):
        return None
    return {p.orders: float(a) for p, a in slopes.items() if a != 0} or None


def _scaled(symbol: Symbol, half: list[float]) -> Symbol:
    """In coordinates whose box is [−1, 1]^d, with coefficients of size one."""
    found = {o: a * math.prod(h**-k for h, k in zip(half, o, strict=True)) for o, a in symbol.items()}
    size = max(map(abs, found.values()))
    return {o: a / size for o, a in found.items()}


def _all_same(symbols: list[Symbol]) -> bool:
    """Whether all are equal but for a sign."""
    first, place = symbols[0], next(iter(symbols[0]))
    return all(set(s) == set(first) and all(abs(s[o] - sign * first[o]) <= SAME for o in first)
               for s in symbols for sign in [math.copysign(1.0, s.get(place, 1.0) * first[place])])


def _real_polynomial(symbol: Symbol) -> list[Term]:
    """The terms of P(iw), or of P(iw)/i; none where it is neither real nor imaginary."""
    if len({sum(o) % 2 for o in symbol}) != 1:
        return []
    return list(_signed(symbol))


def _signed(symbol: Symbol) -> Iterator[Term]:
    for orders, a in sorted(symbol.items()):
        yield orders, a * (-1.0) ** (sum(orders) // 2)
