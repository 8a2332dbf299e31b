"""The eikonal problems: exact formulas where they are known, the fast-sweeping reference elsewhere; bad sources and speeds."""

import numpy as np
import pytest
import sympy

from pinnsiren.check.evaluation import evaluate
from pinnsiren.equations.eikonal import (
    eikonal_constant,
    eikonal_distance_3d,
    eikonal_distance_polygon,
    eikonal_gradient,
    eikonal_terrain,
)
from pinnsiren.errors import ProblemError
from pinnsiren.gridded import GriddedValue
from pinnsiren.networks import Fourier
from pinnsiren.solve import solve
from pinnsiren.solvers import LeastSquares
from pinnsiren.validation import Exact, validate
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.eikonal import FastSweeping

EVERY = (eikonal_constant, eikonal_gradient, eikonal_terrain, eikonal_distance_polygon, eikonal_distance_3d)
EXACT = [make for make in EVERY if make is not eikonal_terrain]


def exact_values(problem, points):
    columns = dict(zip(points.coordinates, points.values.T, strict=True))
    return evaluate(problem.exact[problem.fields[0]], columns)


@pytest.mark.parametrize("make", EVERY)
def test_problems_are_sound(make):
    problem = make()
    assert problem.name == make.__name__ and not problem.check() and not problem.is_linear
    assert problem.ansatz is not None and set(problem.ansatz.satisfied) <= {c.name for c in problem.constraints}


@pytest.mark.parametrize("make", EXACT)
def test_exact_solutions_are_proved(make):
    problem = make()
    assert Exact().compute(problem, comparison_points(problem)[0]).proved


def test_the_sphere_too():
    problem = eikonal_distance_3d("sphere", 0.5)
    assert Exact().compute(problem, comparison_points(problem)[0]).proved


@pytest.mark.parametrize("make", [eikonal_constant, eikonal_gradient, eikonal_distance_polygon])
def test_the_reference_agrees_with_the_exact_solution(make):
    problem = make()
    inside, _ = comparison_points(problem)
    found, exact = FastSweeping(100).compute(problem, inside), exact_values(problem, inside)
    (field,) = problem.fields
    true = np.linalg.norm(found.values(field, inside) - exact) / np.linalg.norm(exact)
    assert true < found.error[field] < 1e-3


def test_the_distance_from_the_polygon_is_the_polygons_own():
    problem = eikonal_distance_polygon()
    inside, _ = comparison_points(problem)
    around = problem.constraints[0].region.domain
    polygons = []
    part = around.right
    while not polygons:  # the parallel curve's domain: a polygon and five discs, joined one by one
        part, disc = part.left, part.right
        polygons += [part] if hasattr(part, "vertices") else []
    fat = polygons[0]
    flat = fat.distance(inside.values) + 0.15  # right where an edge is nearest, and never too small
    assert (exact_values(problem, inside) <= flat + 1e-12).all() and disc.radius == 0.15


def test_walking_is_slower_on_slopes_and_never_faster_than_on_the_flat():
    problem = eikonal_terrain()
    (speed,) = {v.func for v in problem.constraints[0].residuals[0].atoms(GriddedValue)}
    values = speed.table.values
    flat = 6 * np.exp(-3.5 * 0.05)  # Tobler's speed on level ground
    assert values.max() < flat + 1e-9 and 2.5 < values.min() < 4 and flat - values.max() < 0.05
    assert eikonal_terrain(smoothing=0.5).constraints[0].residuals[0] != problem.constraints[0].residuals[0]
    inside, _ = comparison_points(problem)
    found = FastSweeping(100).compute(problem, inside)
    (field,) = problem.fields
    hours, straight = found.values(field, inside), np.linalg.norm(inside.values - [12, 16], axis=1)
    assert found.error[field] < 1e-2
    assert (hours > straight / values.max() * (1 - 1e-3)).all() and (hours < straight / values.min()).all()


def test_a_short_solve_is_accurate():
    problem = eikonal_gradient()
    network = Fourier(2, 1, 300, 6.0, box=[(-1, 1), (-1, 1)], seed=0)
    report = validate(solve(problem, network, LeastSquares(), progress=False))
    assert report.verdict == "confirmed" and report.errors[problem.fields[0]].relative_l2 < 1e-8


@pytest.mark.parametrize(("make", "message"), [
    (lambda: eikonal_constant(0), "speed=0 makes the speed 0 .* expected a speed > 0"),
    (lambda: eikonal_constant(-1), "expected a speed > 0"),
    (lambda: eikonal_gradient(-0.5), "gradient=-0.5 makes the speed 0 somewhere"),
    (lambda: eikonal_gradient(0), "take eikonal_constant"),
    (lambda: eikonal_gradient(source_x=1.5), r"source at {x: 1.5, y: -0.3}; expected a place in the domain: x from -1 to 1"),
    (lambda: eikonal_constant(source_y=float("nan")), "has its source at"),
    (lambda: eikonal_terrain(source_x=-3), "has its source at {x: -3, y: 16.0}"),
    (lambda: eikonal_terrain(smoothing=0), "at least 0.1 km"),
    (lambda: eikonal_distance_polygon(0), "a distance from 0.05 to 0.3"),
    (lambda: eikonal_distance_3d(width=1.5), "above 0 and up to 0.9"),
])
def test_bad_sources_and_speeds(make, message):
    with pytest.raises(ProblemError, match=message):
        make()


def test_the_formula_of_the_gradient_is_the_usual_one():
    problem = eikonal_gradient(0.5, 0.0, 0.0)
    (field,) = problem.fields
    x, y = problem.coordinates
    usual = sympy.acosh(1 + sympy.Rational(1, 8) * (x**2 + y**2) / (sympy.Rational(3, 2) * (1 + (y + 1) / 2))) / 0.5
    at = {x: 0.7, y: -0.4}
    exact = problem.exact[field].subs({p: p.value for p in problem.parameters})
    assert float(exact.subs(at)) == pytest.approx(float(usual.subs(at)), rel=1e-12)
