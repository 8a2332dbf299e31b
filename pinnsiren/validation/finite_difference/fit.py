"""Which problems fit on a grid: those on boxes, and on parts of boxes whose faces all lie on grid lines."""

import math
from fractions import Fraction

import numpy as np

from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import Domain
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.symbols import Normal
from pinnsiren.validation.finite_difference.grid import TensorGrid, uniform_grid

LARGEST = {1: 200_000, 2: 300_000, 3: 40_000}  # unknowns whose sparse factors take a minute and 2 GB at most
LARGEST_DENSE = 6_000  # unknowns of collocation in one and two dimensions: 300 MB, 10 s
MOST_PARTS = 16  # of a side, into which faces may divide it: the coarsest grid needs that many cells
ON_LINE = 1e-9  # of the side's length


def unfit(problem: Problem, *, whole: bool) -> str | None:
    """Why a problem cannot be put on a grid, or None.

    Args:
        whole: whether the scheme needs a whole box; else a domain made of boxes, such as an L-shape, will do.
    """
    domains = {c.region.domain for c in problem.constraints}
    if problem.unknowns or problem.ranges:
        return ("it looks for unknown scalars, or holds for a range of parameters; a grid needs all of them as numbers: "
                "validate(solution.at(k=…))")
    if None in domains or problem.data:
        return "the equations hold on sets of data points, and a grid needs equations on a whole domain"
    if any(d.time is not None for d in domains if d is not None):
        return "a stationary grid has no time, and this is an evolution; ps.MethodOfLines(order, cells) steps it"
    if len(problem.coordinates) > len(LARGEST):
        return f"grids have 1 to 3 dimensions, and the problem has {len(problem.coordinates)}"
    domain = next(iter(domains))
    if len(domains) > 1 or domain is None or parts(domain) is None or (whole and not isinstance(domain, Box)):
        wanted = "one Interval or Box" if whole else "one Interval, Box or domain made of boxes (Box − Box, …)"
        return (f"such grids are made for {wanted} that all equations share, and the problem lives on "
                + " and ".join(sorted(map(repr, domains))))
    short = [f for f in problem.fields if set(f.coordinates) != set(problem.coordinates)]
    if short:
        return f"all fields must depend on all coordinates {problem.coordinates}, and {short[0]} does not"
    return None if isinstance(domain, Box) else _unfit_for_part(problem)


def domain_of(problem: Problem) -> Domain:
    """The one domain that all equations of a fitting problem share."""
    domain = problem.constraints[0].region.domain
    if domain is None:
        raise ReferenceError(f"no grid reference: {unfit(problem, whole=False)}.")
    return domain


def bounds_of(problem: Problem) -> Array:
    """The domain's bounding box (d, 2), in the order of the problem's coordinates."""
    domain = domain_of(problem)
    return domain.bounds[[domain.coordinates.index(c) for c in problem.coordinates]]


def circles_of(problem: Problem) -> tuple[bool, ...]:
    """Which of the problem's coordinates are periodic."""
    return tuple(c in domain_of(problem).periodic for c in problem.coordinates)


def parts(domain: Domain) -> int | None:
    """The smallest number of equal cells along every side of the bounding box whose grid lines hold all faces.

    1 for a box. None if a face is curved or slanted, or lies at no fraction k/n of a side with n ≤ 16.
    """
    if isinstance(domain, Box):
        return 1
    count = 1
    for chart in domain.boundary_charts():
        if chart.flat is None:
            return None
        low, high = domain.bounds[domain.coordinates.index(chart.flat.coordinate)]
        place = (chart.flat.value - low) / (high - low)
        fraction = Fraction(place).limit_denominator(MOST_PARTS)
        if abs(float(fraction) - place) > ON_LINE:
            return None
        count = math.lcm(count, fraction.denominator)
    return count if count <= MOST_PARTS else None


def finite_difference_grid(problem: Problem, cells: int, order: int) -> TensorGrid:
    """A uniform grid on the bounding box; on a part of a box it knows each node's side of the boundary.

    Raises:
        ReferenceError: a part of a box, and another order than 2 or cells whose lines miss its faces.
    """
    domain, grid = domain_of(problem), uniform_grid(bounds_of(problem), cells, order, circles_of(problem))
    count = parts(domain)
    if isinstance(domain, Box) or count is None:
        return grid
    if order != 2 or cells % count:
        raise ReferenceError("on a domain made of boxes finite differences have order 2, with a multiple of "
                             f"{4 * count} cells, so that its faces lie on the lines of all three grids; given were "
                             f"order {order} and {cells} cells.")
    columns = [problem.coordinates.index(c) for c in domain.coordinates]
    sides = domain.sides(grid.nodes[:, columns], ON_LINE * domain.size)
    return TensorGrid(grid.axes, sides.astype(np.int8))


def unknowns(problem: Problem, nodes: int) -> int:
    """Of all fields on a grid with so many nodes along each coordinate."""
    return len(problem.carried) * int(nodes ** len(problem.coordinates))


def most(problem: Problem, *, dense: bool) -> int:
    """The largest number of unknowns that can be solved for."""
    dimension = len(problem.coordinates)
    return LARGEST_DENSE if dense and dimension < 3 else LARGEST[dimension]


def require_fit(problem: Problem, nodes: int, *, whole: bool, dense: bool) -> None:
    """Raise a ReferenceError if the problem fits on no grid, or only on a smaller one."""
    reason = unfit(problem, whole=whole)
    if reason:
        raise ReferenceError(f"no grid reference: {reason}.")
    needed, affordable = unknowns(problem, nodes), most(problem, dense=dense)
    if needed > affordable:
        raise ReferenceError(f"a grid of {nodes} nodes along each of {len(problem.coordinates)} coordinates has "
                             f"{needed} unknowns; "
                             f"at most {affordable} can be solved for; choose fewer cells or nodes.")


def _unfit_for_part(problem: Problem) -> str | None:
    """On a part of a box stencils must not reach across the boundary: three points wide, and values given on it."""
    for constraint in problem.constraints:
        inside = constraint.region.dimension == len(constraint.region.coordinates)
        used = partials(constraint.residuals)
        if not inside and (any(p.order for p in used) or any(r.has(Normal) for r in constraint.residuals)):
            return ("on a domain made of boxes only values can be given on the boundary, and "
                    f"'{constraint.name}' holds derivatives")
        if any(max(p.orders) > 2 for p in used):
            return f"on a domain made of boxes derivatives have order ≤ 2, and '{constraint.name}' holds higher ones"
    return None
