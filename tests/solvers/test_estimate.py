"""Estimates of errors of several fields: a small one counts as much as a large one, a zero one does not spoil them."""

import math

import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.ansatz import Ansatz
from pinnsiren.formulation import formulate
from pinnsiren.last_layer import LastLayer
from pinnsiren.residual import Residual
from pinnsiren.solvers.bands import Band
from pinnsiren.solvers.estimate import _given, _unbalanced, judge, row_scales
from pinnsiren.solvers.features import Features
from pinnsiren.solvers.task import Task

x, y = ps.coordinates("x y")
u, v = ps.Field("u", x, y), ps.Field("v", x, y)
square = ps.Box({x: (-1, 1), y: (-1, 1)})
SHAPE = sympy.sin(2 * x) * sympy.exp(y)


def coupled(size, unit=1.0):
    """Δu + v/unit = f, Δv = g with v = unit · size · shape: a field that is small, in some unit."""
    exact = {u: sympy.cos(x + 2 * y), v: unit * size * SHAPE}
    first, second = ps.laplacian(u) + v / unit, ps.laplacian(v)
    return ps.Problem(ps.Equation(first, first.subs(exact).doit()).on(square.interior),
                      ps.Equation(second, second.subs(exact).doit()).on(square.interior),
                      ps.Equation(u, exact[u]).on(square.boundary), ps.Equation(v, exact[v]).on(square.boundary), exact=exact)


def estimated(problem, *, spoil=1.0):
    task, band = Task(problem), Band((6.0, 6.0))
    model = Features.of(problem).model(task, band, 150)
    trial = ps.LeastSquares()._trial(task, model, band, start=None)
    with torch.no_grad():
        model.networks[0].output.weight[1] *= spoil
        model.networks[0].output.bias[1] *= spoil
    return judge(task.residual(model, 200, seed=5), trial.scales)[0]


@pytest.mark.parametrize(("size", "unit"), [(1.0, 1.0), (0.01, 1.0), (1.0, 1e-5), (1.0, 1e5)])
def test_an_error_of_any_field_is_seen(size, unit) -> None:
    problem = coupled(size, unit)
    assert estimated(problem) < 1e-3
    assert 0.05 < estimated(problem, spoil=1.1) < 1


def test_a_field_that_is_zero_spoils_nothing() -> None:
    assert estimated(coupled(0.0)) < 1e-3


def test_a_real_solution_of_a_complex_problem() -> None:
    w = ps.Field("w", x, y, complex=True)
    exact = sympy.cos(x + 2 * y)
    left = ps.laplacian(w, (x, y)) + (3 - sympy.I) * w
    problem = ps.Problem(ps.Equation(left, left.subs(w, exact).doit()).on(square.interior),
                         ps.Equation(w, exact).on(square.boundary), exact={w: exact})
    solution = ps.solve(problem, solver=ps.LeastSquares(), progress=False)
    assert solution.history.measure.min() < 1e-10
    points = square.interior.sample(100, seed=1).values
    assert abs(solution(w, points) - sympy.lambdify((x, y), exact)(*points.T)).max() < 1e-10


def test_a_field_counts_as_much_as_the_declared_one_feels_it() -> None:
    """u = φN with φ from 1 to 1e-7: N is a hundred times larger where u feels nothing of it, and a tenth off where it does."""
    decay = sympy.exp(-8 * (x + 1))
    right = sympy.cos(x + 2 * y) + 100 * sympy.exp(4 * (x - 1))
    wrong = right + sympy.exp(-4 * (x + 1)) / 10
    problem = ps.Problem(ps.Equation(ps.laplacian(u), ps.laplacian(decay * right, (x, y))).on(square.interior),
                         ps.Equation(u, decay * right).on(square.boundary))
    formulation = formulate(problem, Ansatz({u: decay * v}))
    model = ps.solve(ps.Problem(ps.Equation(v, wrong).on(square.interior)), target=1e-7, progress=False).model
    residual = Task(formulation.problem).residual(model, 1000, seed=5)
    layer = LastLayer(residual)
    scales = row_scales(layer.rows(layer.zero()))
    assert 0.03 < judge(residual, scales, formulation.effects)[0] < 1
    assert judge(residual, scales)[0] < 0.01  # N itself is right, by its own size


def test_what_is_given_may_be_narrower_than_the_points_are_apart() -> None:
    """At 200 points a drop of width 0.03 is nowhere: fields a tenth of it are not unbounded."""
    drop = sympy.exp(-(x**2 + y**2) / (2 * 0.03**2))
    problem = ps.Problem(ps.Equation(u, drop).on(square.interior))
    model = Features.of(problem).model(Task(problem), Band((3.0, 3.0)), 20)
    size = math.sqrt(math.pi) * 0.03 / 2  # rms of the drop
    residual = Residual.sampled(problem, model, {"interior": 200}, seed=6)
    assert max(_given(residual).values()) < 0.01 * size
    with torch.no_grad():
        model.networks[0].output.bias.fill_(0.1 * size)
        assert _unbalanced(residual, residual.root_mean_squares(residual()), {"interior": 1.0}, {}) == 0
        model.networks[0].output.bias.fill_(2 * size)
        found = _unbalanced(residual, residual.root_mean_squares(residual()), {"interior": 1.0}, {})
        assert found == pytest.approx(2, rel=0.3)
