"""The exact solution as a reference, after it has been put into the equations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import sympy
import torch

from pinnsiren.compile import compile_expressions
from pinnsiren.equation import Constraint
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Data, Field, Normal
from pinnsiren.validation.reference import Array, Reference, ReferenceSolution, combined

SAMPLES = 500
SEED = 20_260  # of the points at which the exact solution is put into the equations
LARGEST_RESIDUAL = 1e-8  # relative to the equation's own terms: rounding gives 1e-12, a wrong solution 1e-2
ROUNDING = 1e-15


@dataclass(frozen=True)
class Exact(Reference):
    """``problem.exact``, proved: its residuals, compiled from the same equations, vanish at sampled points.

    Args:
        partly: judge by the fields that have an exact solution where others have none, such as a medium that is known and the
            waves in it that are not; then only equations of these fields alone are proved.
    """

    partly: bool = field(default=False, repr=False)

    def unfit(self, problem: Problem) -> str | None:
        missing = [f for f in (*problem.fields, *problem.unknowns) if f not in (problem.exact or {})]
        if missing and not (self.partly and self._known(problem)):
            return f"the problem gives no exact solution of {', '.join(map(str, missing))}: Problem(…, exact={{u: …}})"
        return None

    def _known(self, problem: Problem) -> list[Field]:
        return [f for f in problem.fields if f in (problem.exact or {})]

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        yield self

    def cost(self, problem: Problem) -> float:
        return 0.0

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """The exact solution.

        Raises:
            ReferenceError: an expression is missing, or does not satisfy the equations.
        """
        reason = self.unfit(problem)
        if reason or problem.exact is None:
            raise ReferenceError(f"no exact reference: {reason}.")
        real = problem.real
        exact = real.exact or {}
        measured = any(e.has(Data) for e in exact.values())  # data columns cannot be differentiated, hence not proved
        if not measured:
            _require_satisfied(real, exact)
        description = "the values that travel with the points" if measured else "the exact solution"
        known = self._known(problem)
        if len(known) < len(problem.fields):
            description += f" of {', '.join(f.name for f in known)}"
        return ReferenceSolution(description=description,
                                 error=dict.fromkeys(known, ROUNDING),
                                 values=lambda field, at: combined(
                                     list(_evaluated([exact[p] for p in field.parts], columns_of(at)))), proved=True)


def columns_of(points: Points) -> dict[sympy.Symbol, torch.Tensor]:
    """Coordinates, normals and data of points as float64 columns (n,), by the symbols that equations use."""
    columns = {c: torch.from_numpy(v.copy()) for c, v in zip(points.coordinates, points.values.T, strict=True)}
    if points.normals is not None:
        columns |= {Normal(c): torch.from_numpy(v.copy())
                    for c, v in zip(points.coordinates, points.normals.T, strict=True)}
    return columns | {d: torch.as_tensor(v, dtype=torch.float64) for d, v in points.data.items()}


def _require_satisfied(problem: Problem, exact: Mapping[Field, sympy.Expr]) -> None:
    """Feed the exact solution's partials to the compiled residuals at samples of every region.

    Measured values carry noise, which no exact solution follows: equations with data are left out, and those of fields whose
    exact solution is not known. Where a problem says where
    it is compared, the solution is known there and need not hold elsewhere.
    """
    constraints = [c for c in problem.constraints
                   if not any(r.has(Data) for r in c.residuals) and {p.field for p in partials(c.residuals)} <= set(exact)]
    if not constraints:
        return
    needed = partials(r for c in constraints for r in c.residuals)
    derivatives = [_partial_of(exact, p) for p in needed]
    places, columns, kept = [], [], []
    for constraint in constraints:
        points = constraint.region.sample(SAMPLES, seed=SEED)
        if problem.compared is not None:
            points = points.subset(problem.compared.contains(points.values, 0.0))
        if len(points) == 0:
            continue
        known = columns_of(points)
        jet = _evaluated(derivatives, known)
        kept.append(constraint)
        places.append(points)
        columns.append(known | {p: torch.from_numpy(v) for p, v in zip(needed, jet, strict=True)})
    size = {p: max(_rms(c[p].numpy()) for c in columns) for p in needed}
    for constraint, points, known in zip(kept, places, columns, strict=True):
        for expression in constraint.residuals:
            _require_zero(expression, constraint, points, columns=known, size=size)


def _require_zero(expression: sympy.Expr, constraint: Constraint, points: Points, *,
                  columns: Mapping[sympy.Symbol, torch.Tensor], size: Mapping[Partial, float]) -> None:
    """Raise if a residual is not small beside its own terms: F(0), and ∂F/∂(∂^α u) times the usual size of ∂^α u."""
    slopes = linearise(expression)
    at_zero = expression.xreplace(dict.fromkeys(slopes, sympy.S.Zero))
    known = [] if at_zero.has(sympy.zoo, sympy.oo, sympy.nan) else [at_zero]
    values = _evaluated([expression, *slopes.values(), *known], columns)
    count = len(slopes) + 1
    terms = [_rms(v) * size[p] for v, p in zip(values[1:count], slopes, strict=True)]
    terms += [_rms(v) for v in values[count:]]
    residual, scale = values[0], max(terms)
    if _rms(residual) <= LARGEST_RESIDUAL * scale:
        return
    worst = int(np.argmax(np.where(np.isfinite(residual), np.abs(residual), np.inf)))
    place = ", ".join(f"{c} = {v:.4g}" for c, v in zip(points.coordinates, points.values[worst], strict=True))
    raise ReferenceError(
        f"problem.exact is wrong: put into '{constraint.name}' it leaves a residual of {_rms(residual):.2g} (root mean "
        f"square; {residual[worst]:.3g} at {place}) where the equation's terms are of size {scale:.2g}; expected 0. "
        "Mend the exact solution, or derive the right-hand side from it with sympy.")


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _partial_of(exact: Mapping[Field, sympy.Expr], partial: Partial) -> sympy.Expr:
    pairs = [(c, k) for c, k in zip(partial.field.coordinates, partial.orders, strict=True) if k]
    form = exact[partial.field]
    return sympy.diff(form, *pairs, simplify=False) if pairs else form  # it is only evaluated, and simplifying takes seconds


def _evaluated(expressions: list[sympy.Expr], columns: Mapping[sympy.Symbol, torch.Tensor]) -> Array:
    """Expressions (k,) at n points: (k, n) float64."""
    if not expressions:
        return np.empty((0, len(next(iter(columns.values())))))
    return torch.stack(compile_expressions(expressions)(columns)).numpy()
