"""The exact output layer, the choice of its features, and the estimate of its error."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.equations import poisson
from pinnsiren.solvers.bands import Band, candidates, length_scales, wave_paces
from pinnsiren.solvers.estimate import ridge_solve
from pinnsiren.solvers.features import Features
from pinnsiren.solvers.task import Task

x, y = ps.coordinates("x y")
u = ps.Field("u", x, y)
square = ps.Box({x: (-1, 1), y: (-1, 1)})


def error(solution):
    return ps.validate(solution, ps.Exact()).errors[solution.problem.fields[0]].relative_l2


def test_ridge_solve_is_least_squares() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(40, 12)) * np.logspace(0, 6, 12)
    target = rng.normal(size=40)
    expected = np.linalg.lstsq(matrix / np.linalg.norm(matrix, axis=0), target, rcond=None)[0] / np.linalg.norm(matrix, axis=0)
    np.testing.assert_allclose(ridge_solve(torch.tensor(matrix), torch.tensor(target)), expected, rtol=1e-10)


def test_ridge_solve_of_a_singular_matrix_is_finite_and_small() -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(40, 5))
    matrix = torch.tensor(np.hstack([half, half, np.zeros((40, 1))]))
    target = torch.tensor(half @ np.ones(5))
    solution = ridge_solve(matrix, target)
    torch.testing.assert_close(matrix @ solution, target, rtol=1e-9, atol=1e-9)
    assert float(solution.abs().max()) < 1.1


@pytest.mark.parametrize("name", ["poisson_sine", "poisson_exp_sin", "poisson_variable", "poisson_cubic", "poisson_5d"])
def test_defaults_reach_near_rounding(name) -> None:
    solution = ps.solve(getattr(poisson, name)(), progress=False)
    assert solution.status.ok
    assert error(solution) < 1e-11


def test_a_users_network_gets_the_best_output_layer() -> None:
    problem = poisson.poisson_sine()
    network = ps.Siren(2, 1, 200, 1, omega0=10.0, seed=1)
    solution = ps.solve(problem, network, ps.LeastSquares(), progress=False)
    assert error(solution) < 1e-8
    untouched = ps.Siren(2, 1, 200, 1, omega0=10.0, seed=1)
    assert torch.equal(network.output.weight, untouched.output.weight)  # solve works on a copy


def test_newton_converges_quadratically_on_smooth_problems() -> None:
    exact = sympy.sin(2 * x) * y
    forcing = ps.laplacian(exact, (x, y)) + sympy.exp(exact)
    problem = ps.Problem(ps.Equation(ps.laplacian(u) + sympy.exp(u), forcing).on(square.interior),
                         ps.Equation(u, exact).on(square.boundary), exact={u: exact})
    network = ps.Fourier(2, 1, 300, 5.0, seed=0)
    errors = [error(ps.solve(problem, network, ps.LeastSquares(newton_steps=n), ansatz=False, progress=False))
              for n in (0, 1, 2, 6)]
    assert errors[0] > 1e-3
    assert errors[1] < 0.1 * errors[0]
    assert errors[2] < 20 * errors[1] ** 2 + 1e-9
    assert errors[3] < 1e-9


def test_systems_are_solved_together() -> None:
    v = ps.Field("v", x, y)
    exact = {u: sympy.sin(x + y), v: sympy.cos(2 * x) * y}
    first, second = ps.laplacian(u) + v.diff(x), v.diff(x) + v.diff(y) - 2 * u
    problem = ps.Problem(
        ps.Equation(first, first.subs(exact).doit()).on(square.interior),
        ps.Equation(second, second.subs(exact).doit()).on(square.interior),
        ps.Equation(u, exact[u]).on(square.boundary),
        ps.Equation(v, exact[v]).on(square.boundary.where((x < 0) | (y < 0))), exact=exact)
    solution = ps.solve(problem, progress=False)
    report = ps.validate(solution, ps.Exact())
    assert max(report.errors[f].relative_l2 for f in (u, v)) < 1e-8


def test_one_dimension_and_three() -> None:
    line = ps.Interval(x, 0, 2)
    w = ps.Field("w", x)
    exact = sympy.exp(-x) * sympy.cos(5 * x)
    problem = ps.Problem(ps.Equation(w.diff(x, 2) + x * w, exact.diff(x, 2) + x * exact).on(line.interior),
                         ps.Equation(w, exact).on(line.boundary), exact={w: exact})
    assert error(ps.solve(problem, progress=False)) < 1e-11
    z = sympy.Symbol("z", real=True)
    ball, q = ps.Ball({x: 0, y: 0, z: 0}, 1), ps.Field("q", x, y, z)
    harmonic = x * y * z + x**2 - z**2
    problem = ps.Problem(ps.Equation(ps.laplacian(q), 0).on(ball.interior),
                         ps.Equation(q, harmonic).on(ball.boundary), exact={q: harmonic})
    assert error(ps.solve(problem, progress=False, max_time=40)) < 1e-7


def test_length_scales_of_data_and_of_waves() -> None:
    scales = length_scales(poisson.poisson_two_scale())
    assert scales[x] == pytest.approx(10 * np.pi, rel=0.15)
    helmholtz = ps.Problem(ps.Equation(ps.laplacian(u) + 400 * u, 0).on(square.interior), ps.Equation(u, 1).on(square.boundary))
    assert length_scales(helmholtz)[y] == pytest.approx(20.0)
    wide = ps.Box({x: (0, 10), y: (-1, 1)})
    stretched = ps.Problem(ps.Equation(ps.laplacian(u) + 400 * u, 0).on(wide.interior), ps.Equation(u, 1).on(wide.boundary))
    assert length_scales(stretched)[x] == pytest.approx(100.0)


def test_bands_in_time_are_those_of_the_waves() -> None:
    t = ps.time("t")
    w = ps.Field("w", x, y, t)
    pond = ps.Box({x: (-2, 2), y: (-1, 1)}) * ps.Interval(t, 0, 0.5)
    depth = 1 + x**2 / 4  # c² on the interior is 4/3 in the mean
    start = (ps.Equation(w, x).on(pond.initial), ps.Equation(w.diff(t), 0).on(pond.initial))
    waves = ps.Problem(ps.Equation(w.diff(t, 2), ps.div(depth * ps.grad(w))).on(pond.interior), *start)
    assert wave_paces(waves)[t] == pytest.approx((4 / 3) ** 0.5 * 0.25, rel=1e-3)  # T = 1/4 and the shorter L = 1
    assert (24.0, 24.0, pytest.approx(24 * wave_paces(waves)[t])) in [b.widths for b in candidates(waves)]
    assert not wave_paces(ps.Problem(ps.Equation(w.diff(t), ps.laplacian(w)).on(pond.interior), *start))
    assert not wave_paces(ps.Problem(ps.Equation(w.diff(t, 2), -ps.laplacian(w)).on(pond.interior), *start))


def test_bands_know_how_many_features_resolve_them() -> None:
    assert Band((10 * np.pi, 10 * np.pi)).modes == pytest.approx(400)
    assert Band((np.pi,) * 5, 1).modes == pytest.approx(10)
    assert not Band((100.0, 100.0)).fits(300)
    assert {b.interactions for b in candidates(poisson.poisson_5d())} == {1, 2, None}


@pytest.mark.parametrize("name", ["poisson_exp_sin", "poisson_bump", "poisson_corner"])
def test_estimates_are_above_the_error_but_not_far(name) -> None:
    problem = getattr(poisson, name)()
    task = Task(problem)
    for features in (100, 300):
        for width in (6.0, 12.0):
            band = Band((width, width))
            trial = ps.LeastSquares()._trial(task, Features.of(problem).model(task, band, features), band, start=None)
            points = problem.constraints[0].region.sample(2000, seed=9).values
            exact = sympy.lambdify((x, y), problem.exact[u].xreplace({p: p.value for p in problem.parameters}))(*points.T)
            with torch.no_grad():
                found = trial.model.carriers[0].network(torch.tensor(points))[:, 0].numpy()
            actual = np.linalg.norm(found - exact) / np.linalg.norm(exact)
            assert actual < 1.5 * trial.estimate
            assert trial.estimate < 300 * actual
