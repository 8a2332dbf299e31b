"""Which singular functions a problem's solution may hold at the corners of its domain, and where its conditions change.

In a sector of opening ω a second-order equation whose principal part is the Laplacian has solutions r^λ sin λθ and r^λ cos λθ
with λ = kπ/ω between conditions of one kind (values, or slopes), and λ = (k − ½)π/ω between conditions of two kinds. Where λ is
whole, r^λ (log r sin λθ + θ cos λθ) takes their place as soon as the data do not fit together: −Δu = 1 with u = 0 on a square.
Terms of lower order and coefficients that vary add z^(λ+j) z̄^b to z^λ.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import sympy

from pinnsiren.domains.corners import NEAR, Sector, edges_of, reentry, sectors_of
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.region import TOLERANCE
from pinnsiren.equation import Constraint
from pinnsiren.model import groups
from pinnsiren.networks.corners import CornerFunction
from pinnsiren.networks.network import Mirror
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.symbols import Parameter

DEGREE = 9.0  # of the functions, a + b: what is left is as smooth as r^9, and sines follow it
SLOW_DEGREE = 6.0  # where there are lower orders or variable coefficients: many more functions for each degree
MOST = 80  # functions; those of the lowest degree come first
WHOLE = 1e-7  # how near λ is to a whole number that it stands for
PLACES = 65  # along an edge, between which conditions are seen to change
HALVINGS = 50

Kinds = frozenset[int]  # 0: values are given, 1: slopes


def singular_functions(problem: Problem, mirrors: Sequence[Mirror] = ()) -> tuple[CornerFunction, ...]:
    """Functions for the corners between straight edges of a domain of the plane, the most singular first.

    None where fields have other coordinates than two of space, where an equation's second derivatives are not a multiple of the
    Laplacian, and at corners beside which a boundary has no condition.

    Args:
        mirrors: middle planes of the domain's box. Of corners that are each other's images one is chosen.
    """
    inside = [c for c in problem.constraints if c.region.domain is not None and c.region.dimension == 2]
    together = groups(problem.carried)
    if len(together) != 1 or len(together[0][0].coordinates) != 2 or not inside or problem.periodic:
        return ()
    if not all(_is_laplacian(c) for c in inside):
        return ()
    pure = all(_has_no_lower_orders(c) for c in inside)
    found = {f: None for d in {c.region.domain: None for c in inside} if d is not None
             for s, kinds in _corners(problem, d) for f in _functions(d, s, kinds, pure)}
    if together[0][0].coordinates != inside[0].region.coordinates:
        found = dict.fromkeys(f._replace(vertex=f.vertex[::-1], bisector=math.pi / 2 - f.bisector) for f in found)
    chosen = _without_images(sorted(found, key=lambda f: f.power + f.conjugate), problem, mirrors)
    return tuple(chosen[:MOST])


def _slopes(residual: sympy.Expr) -> dict[Partial, sympy.Expr]:
    """What each partial is multiplied by, constant parameters at their values."""
    slopes = linearise(residual)
    values = {k: sympy.Float(k.value) for a in slopes.values() for k in a.atoms(Parameter)}
    return {p: a.xreplace(values) for p, a in slopes.items()}


def _is_laplacian(constraint: Constraint) -> bool:
    """Whether second derivatives enter each residual as a (∂_x² + ∂_y²) of fields, and none of higher order."""
    for residual in constraint.residuals:
        slopes = _slopes(residual)
        if any(p.order > 2 for p in slopes) or not any(p.order == 2 for p in slopes):
            return False
        for field in {p.field for p in slopes}:
            xx, xy, yy = (next((a for p, a in slopes.items() if p.field == field and p.orders == orders), sympy.S.Zero)
                          for orders in ((2, 0), (1, 1), (0, 2)))
            if not ((xx - yy).is_zero and xy.is_zero):  # sympy's 2 and 2.0 are not equal
                return False
    return True


def _has_no_lower_orders(constraint: Constraint) -> bool:
    """Whether each residual is a number times the Laplacian, but for its source."""
    return all(p.order == 2 and not a.free_symbols for r in constraint.residuals for p, a in _slopes(r).items())


def _corners(problem: Problem, domain: Domain) -> Iterator[tuple[Sector, tuple[Kinds, Kinds]]]:
    """The sectors at whose vertex a solution may be singular, with the kinds of conditions on both edges."""
    sectors = sectors_of(domain)
    for s in sectors:
        turns = s.start, s.start + s.opening
        beside = np.array(s.vertex) + NEAR * domain.size * np.array([(math.cos(t), math.sin(t)) for t in turns])
        first, second = _kinds(problem, domain, beside)
        if first and second and not (s.is_straight and first == second):
            yield s, (first, second)
    vertices = np.array([s.vertex for s in sectors]).reshape(-1, 2)
    for place, start, kinds in _changes(problem, domain):
        if not len(vertices) or np.linalg.norm(vertices - place, axis=1).min() > NEAR * domain.size:
            yield Sector((float(place[0]), float(place[1])), start, math.pi), kinds


def _kinds(problem: Problem, domain: Domain, points: Array) -> list[Kinds]:
    """Which kinds of conditions hold at points of the boundary; empty where there is none."""
    found: list[set[int]] = [set() for _ in points]
    for c in problem.constraints:
        if c.region.domain is not None and c.region.dimension == 1 and set(c.region.coordinates) == set(domain.coordinates):
            order = [domain.coordinates.index(x) for x in c.region.coordinates]
            kind = max((p.order for p in partials(c.residuals)), default=-1)
            for k in np.flatnonzero(c.region.contains(points[:, order], 10 * TOLERANCE * domain.size)):
                found[k] |= {min(kind, 1)} if kind >= 0 else set()
    return [frozenset(kinds) for kinds in found]


def _changes(problem: Problem, domain: Domain) -> Iterator[tuple[Array, float, tuple[Kinds, Kinds]]]:
    """Places within edges at which one kind of condition gives way to another, and the edge's direction."""
    conditions = [c for c in problem.constraints if c.region.domain is not None and c.region.dimension == 1]
    if len({max((p.order for p in partials(c.residuals)), default=0) > 0 for c in conditions}) < 2:
        return
    for start, end in edges_of(domain):
        t = np.linspace(0, 1, PLACES + 2)[1:-1]
        kinds = _kinds(problem, domain, start + t[:, None] * (end - start))
        for k in range(PLACES - 1):
            if kinds[k] and kinds[k + 1] and kinds[k] != kinds[k + 1]:
                place = _change(problem, domain, start + t[k] * (end - start), start + t[k + 1] * (end - start))
                along = math.atan2(*(end - start)[::-1])
                left = place + NEAR * domain.size * np.array([-math.sin(along), math.cos(along)])
                turn = 0.0 if domain.sides(left[None], 0.0)[0] == -1 else math.pi
                yield place, along + turn, (kinds[k], kinds[k + 1])


def _change(problem: Problem, domain: Domain, low: Array, high: Array) -> Array:
    """The place between two at which the kind of condition changes."""
    first = _kinds(problem, domain, low[None])[0]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _kinds(problem, domain, middle[None])[0] == first else (low, middle)
    return low


def _functions(domain: Domain, sector: Sector, kinds: tuple[Kinds, Kinds], pure: bool) -> Iterator[CornerFunction]:
    length, cut = domain.size / 2, reentry(domain, sector) / 2
    degree = DEGREE if pure else SLOW_DEGREE
    shifts = [(0, 0)] if pure else [(j, b) for j in range(int(degree)) for b in range(int(degree))]
    seen: set[tuple[float, int]] = set()
    for exponent in _exponents(sector.opening, kinds, degree):
        for j, b in shifts:
            a = exponent + j
            whole = abs(a - round(a)) < WHOLE
            a = float(round(a)) if whole else a
            if a + b < degree and (round(a, 6), b) not in seen:
                seen.add((round(a, 6), b))
                yield CornerFunction(sector.vertex, sector.bisector, a, b, whole, length, cut)


def _exponents(opening: float, kinds: tuple[Kinds, Kinds], degree: float) -> list[float]:
    """λ below the degree: kπ/ω where the conditions of both edges may be of one kind, (k − ½)π/ω where they may be of two."""
    shifts = {0.0 if one == other else 0.5 for one in kinds[0] for other in kinds[1]}
    most = math.ceil(degree * opening / math.pi) + 1
    found = [(k - shift) * math.pi / opening for shift in shifts for k in range(1, most + 1)]
    return sorted(a for a in found if a < degree)


def _without_images(functions: Sequence[CornerFunction], problem: Problem, mirrors: Sequence[Mirror]) -> list[CornerFunction]:
    """One function of each set that the mirrors turn into each other."""
    names = groups(problem.carried)[0][0].coordinates
    middles = [(axis, sum(problem.bounds[names[axis]]) / 2) for axis, _, _ in mirrors]
    size = max(b - a for a, b in problem.bounds.values())
    kept: list[CornerFunction] = []
    taken: list[tuple[tuple[float, ...], Array]] = []
    for f in functions:
        own = (f.power, float(f.conjugate), float(f.logarithm))
        if any(law == own and np.abs(place - f.vertex).max() <= TOLERANCE * size * 100 for law, place in taken):
            continue
        kept.append(f)
        images = [np.array(f.vertex)]
        for axis, middle in middles:
            images += [np.where(np.arange(2) == axis, 2 * middle - v, v) for v in images]
        taken += [(own, v) for v in images]
    return kept
