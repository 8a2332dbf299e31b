"""Every catalogue problem: it is sound, and its exact solution satisfies its equations."""

import numpy as np
import pytest
import sympy
import torch

from pinnsiren.compile import compile_expressions
from pinnsiren.equations import catalogue
from pinnsiren.partials import Partial
from pinnsiren.problem import Problem
from pinnsiren.symbols import Normal

ANALYTIC = [n for n, make in catalogue().items() if not n.startswith("image")]


def test_the_catalogue_holds_the_poisson_family() -> None:
    assert {"poisson_sine", "poisson_bump", "poisson_exp_sin", "poisson_two_scale", "poisson_variable", "poisson_corner",
            "poisson_5d", "poisson_cubic", "image_from_gradients", "image_from_laplacian"} <= set(catalogue())


@pytest.mark.parametrize("name", catalogue())
def test_problems_are_sound_and_say_what_they_are(name) -> None:
    make = catalogue()[name]
    problem = make()
    assert isinstance(problem, Problem)
    assert problem.name == name
    assert not [f for f in problem.check() if f.severity == "error"]
    assert make.__doc__
    assert problem.is_linear == (name != "poisson_cubic")


@pytest.mark.parametrize("name", ANALYTIC)
def test_exact_solutions_satisfy_their_equations(name) -> None:
    problem = catalogue()[name]()
    assert problem.exact is not None
    for constraint in problem.constraints:
        points = constraint.region.sample(300, seed=1)
        columns = {c: torch.tensor(v) for c, v in zip(points.coordinates, points.values.T, strict=True)}
        if points.normals is not None:
            columns |= {Normal(c): torch.tensor(n) for c, n in zip(points.coordinates, points.normals.T, strict=True)}
        symbols = sorted({s for r in constraint.residuals for s in r.atoms(Partial)}, key=str)
        exact = [sympy.diff(problem.exact[s.field], *[(c, k) for c, k in zip(s.field.coordinates, s.orders, strict=True) if k])
                 if s.order else problem.exact[s.field] for s in symbols]
        jets = dict(zip(symbols, compile_expressions(exact)(columns), strict=True))
        scale = max(float(j.abs().max()) for j in jets.values())
        for residual in compile_expressions(constraint.residuals)(columns | jets):
            assert float(residual.abs().max()) < 1e-10 * max(1.0, scale)


def test_a_wrong_forcing_would_be_seen() -> None:
    problem = catalogue()["poisson_sine"]()
    (u,) = problem.fields
    wrong = -sympy.diff(problem.exact[u], problem.coordinates[0], 2)  # one of two second derivatives
    points = problem.constraints[0].region.sample(50, seed=0).values
    call = sympy.lambdify(problem.coordinates, wrong.xreplace({p: p.value for p in problem.parameters}))
    right = -sympy.diff(problem.exact[u], problem.coordinates[1], 2) + wrong
    assert not np.allclose(call(*points.T), sympy.lambdify(problem.coordinates,
                           right.xreplace({p: p.value for p in problem.parameters}))(*points.T))
