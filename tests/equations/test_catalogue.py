"""Every catalogue problem: it is sound, its exact solution satisfies it, references agree, a solve improves on zero."""

from functools import cache

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.compile import compile_expressions
from pinnsiren.equations import catalogue
from pinnsiren.partials import Partial
from pinnsiren.problem import Problem
from pinnsiren.symbols import Normal
from pinnsiren.validation.choice import reference_kinds
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.reference import relative_l2

FAMILIES = ("poisson", "image", "fit", "sdf", "blend", "eikonal", "helmholtz", "wave", "heat", "advection", "burgers",
            "allen_cahn", "kdv", "klein_gordon", "gray_scott", "biharmonic", "elasticity", "kovasznay", "cavity", "unknown",
            "fwi")
AFFORDABLE = 1.6  # seconds that a reference may be expected to take here; some take ten times what they expect
SHORT = 6.0  # seconds of a solve …
LONGER = {  # … and of one whose first hundreds of features say nothing yet
    "helmholtz_point_source": 20.0, "helmholtz_square": 40.0, "helmholtz_disc": 50.0, "helmholtz_scattering": 50.0,
    "unknown_speed": 20.0, "sdf": 45.0, "wave_gaussian": 60.0, "wave_bathymetry": 50.0, "allen_cahn": 45.0, "gray_scott": 45.0,
    "fwi": 45.0,
}
CLOSE = 0.1  # estimated errors at which a solve may stop here
IMPROVED = 0.5  # of what zero fields have


@cache
def problem_of(name: str) -> Problem:
    return catalogue()[name]()


def with_exact() -> list[str]:
    return [n for n in catalogue() if problem_of(n).exact and not any(e.has(ps.Data) for e in problem_of(n).exact.values())]


def test_the_catalogue_holds_the_families() -> None:
    for family in FAMILIES:
        assert any(name.startswith(family) for name in catalogue()), family


@pytest.mark.parametrize("name", catalogue())
def test_problems_are_sound_and_say_what_they_are(name) -> None:
    problem = problem_of(name)
    assert problem.name == name
    assert not [str(f) for f in problem.check() if f.severity == "error"]
    assert catalogue()[name].__doc__


@pytest.mark.parametrize("name", with_exact())
def test_exact_solutions_satisfy_their_equations(name) -> None:
    """At points where the exact solution is one: a perfectly matched layer is left out."""
    declared, problem = problem_of(name), problem_of(name).real
    for constraint in problem.constraints:
        if any(r.has(ps.Data) for r in constraint.residuals):
            continue  # measured values carry noise
        points = constraint.region.sample(200, seed=1)
        kept = np.ones(len(points), bool) if declared.compared is None else declared.compared.contains(points.values, 0.0)
        if not kept.any():
            continue
        columns = {c: torch.tensor(v[kept]) for c, v in zip(points.coordinates, points.values.T, strict=True)}
        if points.normals is not None:
            columns |= {Normal(c): torch.tensor(n[kept]) for c, n in zip(points.coordinates, points.normals.T, strict=True)}
        symbols = sorted({s for r in constraint.residuals for s in r.atoms(Partial)}, key=str)
        exact = [problem.exact[s.field] if not s.order else
                 sympy.diff(problem.exact[s.field], *[(c, k) for c, k in zip(s.field.coordinates, s.orders, strict=True) if k],
                            simplify=False)
                 for s in symbols]
        jets = dict(zip(symbols, compile_expressions(exact)(columns), strict=True))
        scale = max(float(j.abs().max()) for j in jets.values())
        for residual in compile_expressions(constraint.residuals)(columns | jets):
            assert float(residual.abs().max()) < 1e-10 * max(1.0, scale), constraint.name


@pytest.mark.slow
@pytest.mark.parametrize("name", with_exact())
def test_references_agree_with_the_exact_solution(name) -> None:
    """Each kind's cheapest is as near as it says it is, up to a factor that estimates from three grids may miss."""
    problem = problem_of(name)
    points, _ = comparison_points(problem)
    exact = ps.Exact().compute(problem, points)
    for kind in reference_kinds():
        if kind is ps.Exact or kind().unfit(problem) is not None:
            continue
        affordable = [r for r in kind().refinements(problem) if r.cost(problem) <= AFFORDABLE]
        try:
            found = affordable[-1].compute(problem, points)
        except (IndexError, ps.ReferenceError):  # too dear, or too coarse to be computed, which it says
            continue
        for field in problem.fields:
            expected = exact.values(field, points)
            error = relative_l2(found.values(field, points) - expected, expected)
            assert error < 3 * found.error[field] + 1e-12, (affordable[-1], field)


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue())
@pytest.mark.filterwarnings("ignore::pinnsiren.solve.ProblemWarning")
def test_a_short_solve_improves_on_zero(name) -> None:
    """The error of some field is below that of zero, which is 1: beside the exact solution, or finite differences."""
    target = CLOSE if name in LONGER and name.startswith("helmholtz") else None  # their estimates can be trusted
    solution = ps.solve(problem_of(name), max_time=LONGER.get(name, SHORT), target=target, progress=False)
    report = ps.validate(solution, ps.Exact() if name in with_exact() else None)
    assert min(e.relative_l2 for e in report.errors.values()) < IMPROVED
