"""Which reference judges a solution when the user names none: the cheapest that is finer than the solution."""

import importlib
import math
import pkgutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import pinnsiren.validation as rooms
from pinnsiren.check import undetermined_constants
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.reference import Array, Reference, ReferenceSolution, relative_l2, without_mean

FINER = 0.1  # a reference whose error is a tenth of the measured difference gives that difference to 10 %
STEADY = 0.2  # two references that judge give the same difference up to this; else the difference is their own
BEHIND = 100.0  # a kind whose error was this many times the best one's is not refined further
BUDGET = 30.0  # seconds on one core, after which the best reference so far judges
AT_ROUNDING = 1e-9  # below this a refinement that does not halve the error has met rounding, and the next would too


def reference_kinds() -> tuple[type[Reference], ...]:
    """Every kind of reference in this folder, in the order of their names."""
    for module in pkgutil.walk_packages(rooms.__path__, rooms.__name__ + "."):
        importlib.import_module(module.name)
    return tuple(sorted(Reference.__subclasses__(), key=lambda kind: kind.__name__))


def fitting(problem: Problem) -> tuple[Reference, ...]:
    """Every decided reference that a problem allows, cheapest first."""
    kinds = [kind() for kind in reference_kinds()]
    decided = [r for kind in kinds if kind.unfit(problem) is None for r in kind.refinements(problem)]
    return tuple(sorted(decided, key=lambda r: r.cost(problem)))


def why_unfit(problem: Problem) -> str:
    """What each kind of reference lacks, as one sentence."""
    kinds = {kind: kind().unfit(problem) for kind in reference_kinds()}
    return "; ".join(dict.fromkeys(reason for reason in kinds.values() if reason))


def cheapest_finer(candidates: Iterable[Reference], problem: Problem, points: Points, *,
                   difference: Callable[[Field, Array], float]) -> ReferenceSolution:
    """Refine until the reference's own error is a tenth of its difference from the solution.

    A grid that misses a feature may think too well of itself. Therefore at least two references are computed, which
    must agree on how far the solution is, and where
    two disagree by more than both their errors together, that disagreement becomes the error of both. A reference that
    is proved (an exact solution put into the equations) needs no second. A kind that falls far behind another, as
    finite differences do where the solution is smooth, is left.

    Args:
        candidates: from cheap to accurate.
        points: where solution and reference are compared.
        difference: the solution's relative L2 difference from reference values at these points.
    Raises:
        ReferenceError: no candidate could be computed; the message is the last one's.
    """
    began = time.monotonic()
    tried: list[ReferenceSolution] = []
    apart: list[float] = []  # the solution from each reference
    latest: dict[type[Reference], float] = {}
    failure = ReferenceError("no reference fits this problem.")
    for candidate in candidates:
        if latest.get(type(candidate), 0.0) > BEHIND * min(latest.values(), default=math.inf):
            continue
        if tried and time.monotonic() - began + candidate.cost(problem) > BUDGET:
            break
        try:
            tried.append(candidate.compute(problem, points))
        except ReferenceError as error:
            failure = error
            continue
        if tried[-1].proved:
            break
        tried[-2:] = _reconciled(tried[-2:], problem, points)
        latest[type(candidate)] = _worst(tried[-1])
        apart.append(max(difference(f, tried[-1].values(f, points)) for f in problem.fields))
        steady = len(apart) > 1 and abs(apart[-1] - apart[-2]) <= STEADY * apart[-1]
        if len(tried) > 1 and (_met_rounding(*tried[-2:])
                               or (steady and _is_finer(tried[-1], problem, points, difference=difference))):
            break
    if not tried:
        raise failure
    return min(reversed(tried), key=_worst)


def _is_finer(found: ReferenceSolution, problem: Problem, points: Points, *,
              difference: Callable[[Field, Array], float]) -> bool:
    return all(found.error[f] <= FINER * difference(f, found.values(f, points)) for f in problem.fields)


def _met_rounding(before: ReferenceSolution, found: ReferenceSolution) -> bool:
    return AT_ROUNDING > _worst(found) > 0.5 * _worst(before)


def _worst(reference: ReferenceSolution) -> float:
    return max(reference.error.values())


def _reconciled(pair: list[ReferenceSolution], problem: Problem, points: Points) -> list[ReferenceSolution]:
    """Two references, with their disagreement as the error of both where it exceeds what they claim together."""
    if len(pair) < 2:
        return pair
    a, b = pair
    free = undetermined_constants(problem.real)
    errors: tuple[dict[Field, float], dict[Field, float]] = (dict(a.error), dict(b.error))
    for f in problem.fields:
        left, right = (without_mean(r.values(f, points), free_constant=f.parts[0] in free) for r in (a, b))
        apart = relative_l2(left - right, right)
        if not apart <= a.error[f] + b.error[f]:
            errors[0][f] = errors[1][f] = apart
    return [replace(a, error=errors[0]), replace(b, error=errors[1])]
