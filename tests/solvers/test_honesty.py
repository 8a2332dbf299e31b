"""What has no solution is not called solved, and what was asked for is done or refused."""

import numpy as np
import pytest
import sympy

import pinnsiren as ps

x, y = ps.coordinates("x y")
u, d = ps.Field("u", x, y), ps.Data("d")
square = ps.Box({x: (0, 1), y: (0, 1)})


@pytest.mark.filterwarnings("ignore::pinnsiren.ProblemWarning")
def test_incompatible_neumann_conditions_are_no_success() -> None:
    problem = ps.Problem(ps.Equation(ps.laplacian(u), 1).on(square.interior),
                         ps.Equation(ps.normal_derivative(u), 0).on(square.boundary))
    solution = ps.solve(problem, max_time=10, memory_limit=5e8, progress=False)
    assert not solution.status.ok
    assert solution.history.measure.min() > 0.5


@pytest.mark.parametrize(("norm", "bound"), [("l2", None), ("huber", 0.05), ("l1", 0.02)])
def test_norms_that_bear_outliers(norm, bound) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (400, 2))
    exact = np.sin(3 * points[:, 0]) * points[:, 1]
    values = exact + 10 * (rng.random(400) < 0.1)
    problem = ps.Problem(ps.Equation(u, d).on(ps.PointSet((x, y), points, data={d: values}), norm=norm))
    solution = ps.solve(problem, ps.Fourier(2, 1, 40, 3.0, box=[(0, 1), (0, 1)]), ps.LeastSquares(), progress=False)
    error = np.linalg.norm(solution(u, points) - exact) / np.linalg.norm(exact)
    assert error > 1 if bound is None else error < bound


def test_shared_constants_are_folded() -> None:
    w, line = ps.Field("w", x), ps.Interval(x, 0, 1)
    layer = (sympy.exp(x) - sympy.exp(-20)) / (1 - sympy.exp(-20))
    problem = ps.Problem(ps.Equation(w.diff(x, 2), layer).on(line.interior), ps.Equation(w, layer).on(line.boundary))
    assert ps.solve(problem, progress=False).status.ok


def test_a_jumping_coefficient_is_warned_of() -> None:
    w, line = ps.Field("w", x), ps.Interval(x, 0, 1)
    a = sympy.Piecewise((1, x < sympy.Rational(1, 2)), (4, True))
    problem = ps.Problem(ps.Equation((a * w.diff(x)).diff(x), 0).on(line.interior), ps.Equation(w, x).on(line.boundary))
    assert any("flux" in str(f) for f in problem.check())


@pytest.mark.parametrize("term", [sympy.I * x, sympy.exp(-x**2 / ps.Parameter("k", 0)), sympy.zoo * x,
                                  sympy.sign(x - sympy.Rational(1, 2)).diff(x)])
def test_terms_without_real_values_are_found(term) -> None:
    problem = ps.Problem(ps.Equation(ps.laplacian(u), term).on(square.interior), ps.Equation(u, 0).on(square.boundary))
    with pytest.raises(ps.ProblemError, match="interior"):
        ps.solve(problem, max_time=10, progress=False)


def test_one_name_is_one_field_and_one_value() -> None:
    swapped = u.subs({x: y, y: x}, simultaneous=True)
    problem = ps.Problem(ps.Equation(ps.laplacian(u), swapped).on(square.interior), ps.Equation(u, 0).on(square.boundary))
    assert any("fields named u" in str(f) for f in problem.check())
    k = ps.Parameter("k", 1) * u - ps.Parameter("k", 2) * x
    problem = ps.Problem(ps.Equation(ps.laplacian(u), k).on(square.interior), ps.Equation(u, 0).on(square.boundary))
    assert any("parameters named k" in str(f) for f in problem.check())


@pytest.mark.parametrize("options", [{"solver": "adam"}, {"solver": ps.Adam}, {"dtype": "float64"}, {"points": 0},
                                     {"points": {"interior": -5}}])
def test_arguments_of_the_wrong_kind(options) -> None:
    problem = ps.Problem(ps.Equation(ps.laplacian(u), 1).on(square.interior), ps.Equation(u, 0).on(square.boundary))
    with pytest.raises(ps.SolveError):
        ps.solve(problem, progress=False, **options)
