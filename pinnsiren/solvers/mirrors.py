"""Faces in which a problem's solution is even or odd, so that features and their mirror images can share coefficients.

u_t = 0 at t = 0 with equations that are even in t, or ∂u/∂n = 0 on a face: the solution continues as an even function. u = 0
there: as an odd one, if the equations allow. That condition then holds by itself, and half of the unknowns are left.
"""

import sympy

from pinnsiren.domains.instants import Final, Initial
from pinnsiren.domains.region import Face, Region
from pinnsiren.model import groups
from pinnsiren.networks.fourier import Mirror
from pinnsiren.partials import Partial
from pinnsiren.problem import Problem
from pinnsiren.symbols import Data, Normal, Time


def mirror_of(problem: Problem) -> Mirror | None:
    """(coordinate, side, parity) of the first face in which every field can be continued; None if there is none.

    On the face a condition must say that the fields' odd part there is zero (or the even one). The equations inside and on
    boundaries that meet the face must be the same after u(…, c, …) → ±u(…, 2m − c, …), m being the place of the face. Time
    comes first.
    """
    together = groups(problem.carried)
    if len(together) != 1 or not together[0][0].coordinates:
        return None
    names = together[0][0].coordinates
    for i, c in sorted(enumerate(names), key=lambda pair: not isinstance(pair[1], Time)):
        if c in problem.periodic:
            continue
        for side, place in zip((-1, 1), problem.bounds[c], strict=True):
            for parity in (1, -1):
                if _continues(problem, c, place, parity):
                    return i, side, parity
    return None


def _continues(problem: Problem, coordinate: sympy.Symbol, place: float, parity: int) -> bool:
    places = {c.name: _place(c.region, coordinate) for c in problem.constraints}
    here = [c for c in problem.constraints if places[c.name] == place]
    pinned = {f for c in here for r in c.residuals for f in _pinned(r, coordinate, parity)}
    if pinned != set(problem.carried):
        return False
    meeting = [c for c in problem.constraints if places[c.name] is None and c.region.points is None]
    return all(_is_invariant(r, coordinate, place, parity) for c in meeting for r in c.residuals)


def _place(region: Region, coordinate: sympy.Symbol) -> float | None:
    """Where a whole flat face across the coordinate lies, if the region is one."""
    match region:
        case Face() if region.coordinate == coordinate:
            return region.value
        case Initial() | Final() if region.domain.time == coordinate:
            return region.instant
    return None


def _pinned(residual: sympy.Expr, coordinate: sympy.Symbol, parity: int) -> set[sympy.Expr]:
    """The field whose odd (for parity 1) or even part a condition on the face sets to zero, if it does nothing else."""
    on_face = residual.xreplace({n: sympy.S(int(n.coordinate == coordinate)) for n in residual.atoms(Normal)})
    used = on_face.atoms(Partial)
    fields = {p.field for p in used}
    vanishes = all(p.orders[p.field.coordinates.index(coordinate)] % 2 == (parity == 1) for p in used)
    homogeneous = on_face.xreplace(dict.fromkeys(used, sympy.S.Zero)) == 0
    return fields if len(fields) == 1 and vanishes and homogeneous else set()


def _is_invariant(residual: sympy.Expr, coordinate: sympy.Symbol, place: float, parity: int) -> bool:
    """Whether the residual of the mirrored fields is the mirrored residual, up to its sign."""
    if residual.has(Data):
        return False
    signs = {p: parity * (-1) ** p.orders[p.field.coordinates.index(coordinate)] * p for p in residual.atoms(Partial)}
    signs |= {n: -n for n in residual.atoms(Normal) if n.coordinate == coordinate}
    reflected = {coordinate: 2 * sympy.nsimplify(place) - coordinate}
    mirrored = residual.xreplace(signs).subs(reflected)
    return any(sympy.expand(mirrored - sign * residual) == 0 for sign in (1, -1))
