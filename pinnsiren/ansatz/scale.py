"""Fields in units of their own size, found from what the problem gives."""

import numpy as np
import sympy

from pinnsiren.ansatz.ansatz import Ansatz, new_field
from pinnsiren.check.evaluation import evaluate
from pinnsiren.equation import Constraint
from pinnsiren.errors import EquationError, ProblemError
from pinnsiren.partials import Partial, linearise
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Normal

SAMPLES = 256
DIGITS = 2  # of sizes and means: a unit needs no more


def scaled(problem: Problem) -> Ansatz:
    """u = m + s N for each field, so that N is about one: exact, and what equations with their own units need.

    m and s are mean and range of the values that conditions give to u; without those, m = 0 and s is such that the largest
    forcing of an equation in u and one of its terms are of equal size. Coordinates need no scaling: networks carry them
    scaled to [−1, 1] already. Linear least squares does not mind the size of a field; Newton's method from 0, and first-order
    training, do.

    Raises:
        ProblemError: neither a value nor a forcing is given for any field.
    """
    fields: dict[Field, sympy.Expr] = {}
    for field in problem.fields:
        units = [_unit(problem.real, part) for part in field.parts]
        known = [u for u in units if u is not None]
        if known:
            size = max(s for _, s in known)
            mean = sympy.Add(*[unit * _short(u[0]) for unit, u in zip((1, sympy.I), units, strict=False) if u is not None])
            fields[field] = mean + _short(size) * new_field(field)
    if not fields:
        raise ProblemError("nothing tells the size of a field: all conditions and forcings are zero. Give the fields' own "
                           "scale: Ansatz({u: 300 + 20 * N}).")
    sizes = ", ".join(f"{f.name} in units of {e.coeff(new_field(f))}" for f, e in fields.items())
    return Ansatz(fields, remark=sizes)


def _unit(problem: Problem, part: Field) -> tuple[float, float] | None:
    """(mean, size) of a real part: from its values where some are given, else from forcings."""
    values = [v for c in problem.constraints for r in c.residuals for v in [_values(c, r, part)] if v is not None]
    if values:
        everything = np.concatenate(values)
        low, high = float(everything.min()), float(everything.max())
        size = (high - low) / 2
        if size > 1e-3 * max(abs(low), abs(high)):
            return (low + high) / 2, size
        if high:
            return 0.0, max(abs(low), abs(high))
    sizes = [s for c in problem.constraints for r in c.residuals for s in [_forced(problem, c, r, part)] if s]
    return (0.0, max(sizes)) if sizes else None


def _values(constraint: Constraint, residual: sympy.Expr, part: Field) -> np.ndarray | None:
    """The values that a residual a·u − g gives to u, at points of its region."""
    slopes = linearise(residual)
    used = list(slopes)
    if len(used) != 1 or used[0].field != part or used[0].order or slopes[used[0]].has(Partial) or residual.has(Normal):
        return None
    return _sampled(constraint, -residual.subs(used[0], 0) / slopes[used[0]])


def _forced(problem: Problem, constraint: Constraint, residual: sympy.Expr, part: Field) -> float | None:
    """The size of u for which some term of a residual is as large as its forcing, derivatives counted as 1/half-width."""
    slopes = {p: a for p, a in linearise(residual).items() if p.field == part and not a.has(Partial)}
    zeros = dict.fromkeys(residual.atoms(Partial), sympy.S.Zero)
    forcing = residual.xreplace(zeros)
    if forcing == 0 or not slopes or residual.has(Normal):
        return None
    half = {c: (b - a) / 2 for c, (a, b) in problem.bounds.items()}
    terms = [float(np.abs(_sampled(constraint, a)).max()) / np.prod([half[c] ** k for c, k in
                                                                    zip(part.coordinates, p.orders, strict=True)])
             for p, a in slopes.items()]
    return float(np.abs(_sampled(constraint, forcing)).max()) / max(terms) if max(terms) > 0 else None


def _sampled(constraint: Constraint, expression: sympy.Expr) -> np.ndarray:
    points = constraint.region.sample(SAMPLES, seed=1)
    values = evaluate(expression, {**dict(zip(points.coordinates, points.values.T, strict=True)), **points.data})
    if not np.isfinite(values).all():
        raise EquationError(f"'{constraint.name}' gives values that are not finite: {expression}.")
    return values


def _short(value: float) -> sympy.Expr:
    """A number with few digits."""
    return sympy.Rational(f"{value:.{DIGITS - 1}e}")
