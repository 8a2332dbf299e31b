"""validate: compare a solution with a reference, evaluate its residuals at new points, and judge."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import sympy
import torch

from pinnsiren.compile import compile_expressions
from pinnsiren.equation import Constraint
from pinnsiren.errors import ReferenceError
from pinnsiren.partials import Partial, linearise, partials
from pinnsiren.pml import PML
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Data, Field
from pinnsiren.validation.choice import cheapest_finer, fitting, why_unfit
from pinnsiren.validation.exact import Exact, columns_of
from pinnsiren.validation.figure import pictures_of
from pinnsiren.validation.null_space import NullSpace, determined, null_space
from pinnsiren.validation.reference import Array, Reference, ReferenceSolution, in_order, relative_l2
from pinnsiren.validation.reflection import reflection
from pinnsiren.validation.report import FieldError, Reflection, Report, judge

COMPARED = 4096  # interior points: their sampling error of an L2 norm is about 1 %
ON_BOUNDARIES = 1024
SEED = 77_003  # far from the seeds that solvers count up from: these points were never trained on


class Solved(Protocol):
    """What is judged: a problem with values of its fields, and of expressions of them."""

    @property
    def problem(self) -> Problem: ...

    def __call__(self, field: Any, points: Any) -> Array: ...

    def evaluate(self, expression: Any, points: Any) -> Array: ...


def validate(solution: Solved, reference: Reference | None = None, tolerance: float | None = None) -> Report:
    """Judge a solution by a reference that is computed from the same equations.

    Args:
        solution: what :func:`solve` returned.
        reference: ``Exact()``, ``Tabulated(file)``, ``FiniteDifference(order, cells)``, …; what it leaves open is refined
            until it is finer than the solution. By default the exact solution if the problem has one, else the cheapest
            grid that is finer than the solution, else none: then the report has residuals only and is inconclusive.
        tolerance: the relative L2 error up to which the solution is confirmed; the problem's own by default.

    Raises:
        ReferenceError: the reference does not fit the problem, cannot be computed, or the exact solution is wrong.
    """
    problem = solution.problem
    tolerance = problem.tolerance if tolerance is None else tolerance
    if not tolerance > 0:
        raise ReferenceError(f"validate was given tolerance={tolerance}; expected a relative error > 0, such as 1e-3.")
    own = None if reference is None else reference.places(problem)  # a table may have values nowhere else
    inside, boundary = comparison_points(problem) if own is None else (own, ())
    kinds = {f: null_space(problem.real, f.parts[0]) for f in problem.fields}
    found, why_none = _reference(solution, reference, inside, kinds)
    judged = problem.fields if found is None else tuple(found.error)
    errors = {} if found is None else {f: _field_error(solution, f, found, kind=kinds[f], inside=inside, boundary=boundary)
                                       for f in judged}
    residuals = {c.name: residual_rms(solution, c) for c in problem.constraints}
    imbalance = None if found is None or found.proved else max(imbalance_of(solution, c, inside) for c in problem.constraints)
    verdict, reason = judge(errors, tolerance, why_none=why_none, imbalance=imbalance)
    returned = None if problem.layer is None or problem.ranges else _reflection(solution, problem.layer)

    def shown(field: Field, at: Points) -> Array:
        values = np.asarray(solution(field, in_order(at, problem)))
        if found is None:
            return values
        expected = found.values(field, at)
        return np.asarray(expected + determined(values - expected, kinds[field], at))

    pictures = pictures_of(problem, inside, fields=judged, solution=shown, reference=None if found is None else found.values,
                           sliced=own is None)
    return Report(problem=problem, reference=None if found is None else found.description,
                  errors=errors, residuals=residuals, tolerance=tolerance, verdict=verdict, reason=reason,
                  pictures=pictures, reflection=returned)


def comparison_points(problem: Problem) -> tuple[Points, tuple[Points, ...]]:
    """New points inside, uniform over the interior regions or taken from point sets, and on each boundary region.

    A point set that carries the exact values is taken whole. A problem that says where it is compared is compared there.
    """
    if problem.compared is not None:
        return problem.compared.sample(COMPARED, seed=SEED), ()
    inner = [c.region for c in problem.constraints
             if c.region.domain is None or c.region.dimension == len(c.region.coordinates)]
    if not _is_measured(problem):  # beside an equation inside, points such as sources are conditions like a boundary's
        inner = [r for r in inner if r.domain is not None] or inner
    outer = [c.region for c in problem.constraints if c.region not in inner]
    whole = [r for r in inner if set(r.coordinates) == set(problem.coordinates)]  # fields of fewer coordinates live there too
    regions = list(dict.fromkeys(whole or inner)) or list(dict.fromkeys(outer))
    size = sum(r.measure for r in regions) or 1.0
    shares = [max(1, round(COMPARED * r.measure / size)) if len(regions) > 1 else COMPARED for r in regions]
    shares = [r.points or n if _is_measured(problem) else n for r, n in zip(regions, shares, strict=True)]
    inside = [r.sample(n, seed=SEED) for r, n in zip(regions, shares, strict=True)]
    boundary = tuple(r.sample(ON_BOUNDARIES, seed=SEED) for r in dict.fromkeys(outer))
    return _joined(inside), boundary


def _reflection(solution: Solved, layer: PML) -> Reflection | None:
    """What comes back from the layer; None where it cannot be measured."""
    try:
        return Reflection(max(reflection(solution, layer, field=f) for f in solution.problem.fields), layer.reflection())
    except ReferenceError:
        return None


def residual_rms(solution: Solved, constraint: Constraint) -> float:
    """Root mean square over new points of |F|, F the vector of a constraint's residuals, in the equation's own unit."""
    points = constraint.region.sample(COMPARED, seed=SEED + 1)
    columns: dict[sympy.Symbol, torch.Tensor] = dict(columns_of(points))
    at = in_order(points, solution.problem)
    for p in partials(constraint.residuals):
        columns[p] = torch.as_tensor(solution.evaluate(p.derivative, at), dtype=torch.float64)
    values = torch.stack(compile_expressions(constraint.residuals)(columns)).numpy()
    return float(np.sqrt(np.mean(np.sum(values**2, axis=0))))


def _is_measured(problem: Problem) -> bool:
    return any(e.has(Data) for e in (problem.exact or {}).values())


def imbalance_of(solution: Solved, constraint: Constraint, inside: Points) -> float:
    """Root mean square of a constraint's residuals at new points beside that of their largest term; dimensionless.

    The terms are F(0) and ∂F/∂(∂^α u) · ∂^α u; a partial that vanishes on a boundary counts as it is inside.
    """
    points = constraint.region.sample(COMPARED, seed=SEED + 2)
    columns: dict[sympy.Symbol, torch.Tensor] = dict(columns_of(points))
    at, within = in_order(points, solution.problem), in_order(inside, solution.problem)
    sizes: dict[Partial, float] = {}
    for p in partials(constraint.residuals):
        values = solution.evaluate(p.derivative, at)
        columns[p] = torch.as_tensor(values, dtype=torch.float64)
        sizes[p] = max(_rms(values), _rms(solution.evaluate(p.derivative, within)))
    worst = 0.0
    for residual in constraint.residuals:
        slopes = linearise(residual)
        known = residual.xreplace(dict.fromkeys(slopes, sympy.S.Zero))
        known = sympy.S.Zero if known.has(sympy.nan, sympy.zoo, sympy.oo) else known
        left, given, *factors = [_rms(v.numpy()) for v in compile_expressions([residual, known, *slopes.values()])(columns)]
        terms = [given, *(a * sizes[p] for a, p in zip(factors, slopes, strict=True))]
        worst = max(worst, left / max(*terms, 1e-300))
    return worst


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _reference(solution: Solved, asked: Reference | None, inside: Points,
               kinds: Mapping[Field, NullSpace]) -> tuple[ReferenceSolution | None, str]:
    """The reference that judges, or None and why there is none."""
    problem = solution.problem
    judged = {f: np.asarray(solution(f, in_order(inside, problem))) for f in problem.fields}

    def difference(field: Field, values: Array) -> float:
        return _compared(judged[field] - values, values, kinds[field], inside)

    if asked is None and problem.exact is not None and Exact().unfit(problem) is None:
        asked = Exact()
    if asked is not None:
        reason = asked.unfit(problem)
        if reason:
            raise ReferenceError(f"{asked} cannot be the reference: {reason}.")
        return cheapest_finer(asked.refinements(problem), problem, inside, difference=difference), ""
    candidates = fitting(problem) or ((Exact(partly=True),) if Exact(partly=True).unfit(problem) is None else ())
    if not candidates:
        return None, f"there is no reference ({why_unfit(problem)})"
    try:
        return cheapest_finer(candidates, problem, inside, difference=difference), ""
    except ReferenceError as error:
        return None, f"no reference could be computed: {error}"


def _field_error(solution: Solved, field: Field, reference: ReferenceSolution, *, kind: NullSpace,
                 inside: Points, boundary: tuple[Points, ...]) -> FieldError:
    problem = solution.problem
    values = reference.values(field, inside)
    difference = np.asarray(solution(field, in_order(inside, problem))) - values
    rest = determined(difference, kind, inside)
    shift = difference.mean() if kind is NullSpace.CONSTANT else 0.0
    # a data column travels with its own points: elsewhere such a reference has no values
    everywhere = () if inside.data else boundary
    outer = [np.asarray(solution(field, in_order(p, problem))) - reference.values(field, p) for p in everywhere]
    largest = float(np.max(np.abs(np.concatenate([rest, *(d - shift for d in outer)]))))
    return FieldError(relative_l2=_compared(difference, values, kind, inside), maximum=largest,
                      reference_error=reference.error[field], up_to=str(kind),
                      psnr=_psnr(rest, values) if _is_measured(problem) else None)


def _compared(difference: Array, reference: Array, kind: NullSpace, points: Points) -> float:
    """The relative L2 difference, without what the equations leave open; nor does the reference's mean count then."""
    size = reference if kind is NullSpace.NONE else reference - reference.mean()
    return relative_l2(determined(difference, kind, points), size)


def _psnr(difference: Array, reference: Array) -> float:
    """Peak signal-to-noise ratio in dB, the peak being the reference's range, for complex fields that of |u|."""
    error = float(np.mean(np.abs(difference) ** 2))
    peak = np.ptp(np.abs(reference) if np.iscomplexobj(reference) else reference)
    return float(10 * np.log10(peak**2 / error)) if error > 0 else float("inf")


def _joined(parts: list[Points]) -> Points:
    """Points of several regions as one set, with the data columns that all of them carry."""
    first = parts[0]
    shared = [d for d in first.data if all(d in p.data for p in parts)]
    values = [p.values[:, [p.coordinates.index(c) for c in first.coordinates]] for p in parts]
    data = {d: np.concatenate([p.data[d] for p in parts]) for d in shared}
    return Points(first.coordinates, np.concatenate(values), None, data)
