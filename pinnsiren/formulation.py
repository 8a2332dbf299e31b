"""What is solved in place of a problem: changes of variables, real fields, parameters as coordinates — all by substitution.

The engine below sees real fields of coordinates, and never hears of complex numbers, hard conditions or parameter ranges.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinnsiren.check.evaluation import evaluate
from pinnsiren.complex_parts import REMEMBERED, in_real_fields, real_and_imaginary
from pinnsiren.domains.box import Interval
from pinnsiren.domains.region import Region
from pinnsiren.equation import Constraint, Equation
from pinnsiren.errors import ProblemError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, RangedParameter

if TYPE_CHECKING:
    from pinnsiren.ansatz import Ansatz

Forms = Mapping[Field, sympy.Expr]
Extent = tuple[tuple[float, float], ...]  # (lower, upper) of each coordinate

SAMPLES = 512
FEWEST = 64  # points that tell where a field has an effect
SMALL = 0.75  # of the domain's width: a field that is felt in a smaller box than that is fitted there
COMPARABLE = 10.0  # times the smallest size of the fields beside one known part


@dataclass(frozen=True)
class Effect:
    """What a field N does to a declared one, u = G + φN.

    Args:
        factor: φ; its magnitude for a complex u.
        known: rms(G)/rms(φ), in the unit of N: an error of N is small or large beside that, for where G is the whole solution,
            N is nothing but rounding. 0 without a known part.
        extent: of the places where φ is not zero, along each coordinate of N; None where they fill the domain.
    """

    factor: sympy.Expr
    known: float
    extent: Extent | None = None


@dataclass(frozen=True)
class Formulation:
    """A problem as it is solved.

    Args:
        problem: in real fields, whose coordinates are those of the declared ones and the parameters with ranges.
        forms: each real part of the declared fields, as an expression of the fields of ``problem``.
    """

    problem: Problem
    forms: Forms

    @cached_property
    def effects(self) -> Mapping[Field, Effect]:
        """What each field does to the declared ones, where an ansatz stands between them.

        Of several fields beside one G those with the largest factor count, so that a part that is there for an inclusion
        does not seem as large as all.
        """
        known: dict[Field, float] = {}
        squares: dict[Field, sympy.Expr] = {}
        for form in self.forms.values():
            fields = [f for f in form.atoms(Field) if f in self.problem.carried]
            factors = {f: sympy.diff(form, f) for f in fields}
            squares |= {f: squares.get(f, sympy.S.Zero) + a**2 for f, a in factors.items()}
            zero = form.xreplace(dict.fromkeys(fields, sympy.S.Zero))
            sizes = {f: self._size(zero, a, f) for f, a in factors.items()} if zero != 0 else {}
            smallest = min((s for s in sizes.values() if s), default=0.0)
            known |= {f: min(s, known.get(f, s)) for f, s in sizes.items() if s and s < COMPARABLE * smallest}
        factors = {f: sympy.sqrt(s) if self._is_known(s, f) else sympy.S.One for f, s in squares.items()}
        return {f: Effect(a, known.get(f, 0.0), self._extent(a, f)) for f, a in factors.items() if f in known or a != 1}

    def _extent(self, factor: sympy.Expr, field: Field) -> Extent | None:
        """The smallest box around all points of any region where a factor is not zero, if a small part of the domain's."""
        if not factor.has(sympy.Piecewise):
            return None
        regions = {c.region for c in self.problem.constraints if set(c.region.coordinates) >= set(field.coordinates)}
        places = []
        for region in regions:
            points = region.sample(SAMPLES, seed=0)
            columns = dict(zip(points.coordinates, points.values.T, strict=True))
            where = np.stack([columns[c] for c in field.coordinates], axis=1)
            places.append(where[evaluate(factor, columns) != 0])
        found = np.concatenate(places)
        if len(found) < FEWEST:
            return None
        extent = tuple(zip(found.min(axis=0).tolist(), found.max(axis=0).tolist(), strict=True))
        whole = [self.problem.bounds[c] for c in field.coordinates]
        shares = [(b - a) / (upper - lower) for (a, b), (lower, upper) in zip(extent, whole, strict=True)]
        return extent if max(shares) < SMALL else None

    def _is_known(self, factor: sympy.Expr, field: Field) -> bool:
        """Whether a factor holds nothing but the field's coordinates."""
        free = {s for s in factor.free_symbols if not isinstance(s, Parameter)}
        return not factor.has(Field) and free <= set(field.coordinates)

    def _size(self, known: sympy.Expr, factor: sympy.Expr, field: Field) -> float | None:
        """rms(known)/rms(factor) at points of a region; None where they hold more than coordinates."""
        regions = [c.region for c in self.problem.constraints if set(c.region.coordinates) >= set(field.coordinates)
                   and c.region.dimension == len(c.region.coordinates)]
        if not regions or not self._is_known(known, field) or not self._is_known(factor, field):
            return None
        points = regions[0].sample(SAMPLES, seed=0)
        columns = dict(zip(points.coordinates, points.values.T, strict=True))
        top, bottom = (float(np.sqrt(np.mean(evaluate(e, columns) ** 2))) for e in (known, factor))
        return top / bottom if np.isfinite(top) and bottom > 0 else None


def formulate(problem: Problem, ansatz: "Ansatz | None" = None) -> Formulation:
    """Put an ansatz into a problem, split it into real parts, and make its parameters with ranges coordinates.

    Constraints that the ansatz satisfies identically are left out.

    Raises:
        ProblemError: the ansatz names a field or constraint that the problem does not have.
    """
    forms: dict[Field, sympy.Expr] = {part: part for part in problem.carried}
    solved = problem
    if ansatz is not None:
        _require_known(ansatz, problem)
        left = [c for c in problem.constraints if c.name not in ansatz.satisfied]
        solved = problem.with_constraints(left).substitute(ansatz.fields)
        for field, expression in ansatz.fields.items():
            forms |= dict(zip(field.parts, real_and_imaginary(in_real_fields(expression)), strict=False))
    solved = solved.real
    if problem.ranges:
        wider = {f: Field(f.name, *f.coordinates, *problem.ranges) for f in solved.fields}
        solved = solved.with_constraints(_ranged(c, wider, problem.ranges) for c in solved.constraints)
        forms = {f: e.subs(wider) for f, e in forms.items()}
    return Formulation(solved, forms)


def expressed(expression: Any, forms: Forms) -> sympy.Expr:
    """An expression of declared fields, complex or real, in the fields that networks carry."""
    return _expressed(sympy.sympify(expression), tuple((f, e) for f, e in forms.items() if f != e))


@lru_cache(REMEMBERED)
def _expressed(expression: sympy.Expr, changed: tuple[tuple[Field, sympy.Expr], ...]) -> sympy.Expr:
    real = in_real_fields(expression)
    return real.subs(dict(changed)).doit() if changed else real


def _require_known(ansatz: "Ansatz", problem: Problem) -> None:
    strange = [f for f in ansatz.fields if f not in problem.fields]
    if strange:
        raise ProblemError(f"the ansatz is for {strange[0]}, which is no field of the problem; "
                           f"it has {', '.join(map(str, problem.fields))}.")
    names = [c.name for c in problem.constraints]
    missing = [n for n in ansatz.satisfied if n not in names]
    if missing:
        raise ProblemError(f"the ansatz satisfies '{missing[0]}', which is no constraint of the problem; it has {names}.")


def _ranged(constraint: Constraint, wider: Mapping[Field, Field], ranges: tuple[RangedParameter, ...]) -> Constraint:
    """A constraint for every value of the parameters."""
    region: Region = constraint.region
    for k in ranges:
        region = region * Interval(k, k.low, k.high)
    rewritten = [r.subs(dict(wider)).doit() for r in constraint.equation.residuals]
    return replace(constraint, equation=Equation(rewritten, name=constraint.equation.name), region=region)


