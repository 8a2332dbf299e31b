"""Waves by features that satisfy their equation, with default settings."""

import math

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.equations import catalogue
from pinnsiren.solvers.bands import Band
from pinnsiren.solvers.features import Features
from pinnsiren.solvers.output_layer import OutputLayer
from pinnsiren.solvers.task import Task

x, y = ps.coordinates("x y")
t = ps.time("t")
u, w = ps.Field("u", x, t), ps.Field("w", x, y)


def error(solution):
    return max(e.relative_l2 for e in ps.validate(solution, ps.Exact()).errors.values())


def string(exact, speed, domain, forcing=0):
    """u_tt = c² u_xx + f with the values of ``exact`` on the ends and at the start."""
    at_start = {t: domain.bounds[-1, 0]}
    return ps.Problem(ps.Equation(u.diff(t, 2), speed**2 * u.diff(x, 2) + forcing).on(domain.interior),
                      ps.Equation(u, exact).on(domain.boundary), ps.Equation(u, exact.subs(at_start)).on(domain.initial),
                      ps.Equation(u.diff(t), exact.diff(t).subs(at_start)).on(domain.initial), exact={u: exact})


def test_standing_wave() -> None:
    """PINNacle's Wave1d-C: 4 periods in x, 8 in t."""
    pi = sympy.pi
    exact = sympy.sin(pi * x) * sympy.cos(2 * pi * t) + sympy.sin(4 * pi * x) * sympy.cos(8 * pi * t) / 2
    solution = ps.solve(string(exact, 2, ps.Interval(x, 0, 1) * ps.Interval(t, 0, 1)), progress=False)
    assert error(solution) < 1e-12
    assert "satisfy" in solution.history.phases[-1]


def test_travelling_pulses_that_free_features_do_not_follow() -> None:
    pulse = sum(sympy.exp(-((x - s * t) / sympy.Rational(3, 10)) ** 2) for s in (1, -1)) / 2
    assert error(ps.solve(string(pulse, 1, ps.Interval(x, -3, 3) * ps.Interval(t, 0, 2)), progress=False)) < 1e-11


def test_a_wave_with_a_source() -> None:
    exact = sympy.sin(3 * x + 5 * t) * sympy.exp(x * t)
    source = exact.diff(t, 2) - 4 * exact.diff(x, 2)
    assert error(ps.solve(string(exact, 2, ps.Interval(x, 0, 1) * ps.Interval(t, 0, 1), source), progress=False)) < 1e-10


def test_dispersive_waves_on_a_ring() -> None:
    """u_t + u_xxx = 0, periodic in x: every mode has its own speed."""
    ring = ps.Box({x: (0, 2 * sympy.pi)}, periodic=(x,)) * ps.Interval(t, 0, 1)
    exact = sympy.cos(x + t) + sympy.sin(3 * x + 27 * t) / 3
    problem = ps.Problem(ps.Equation(u.diff(t) + u.diff(x, 3), 0).on(ring.interior),
                         ps.Equation(u, exact.subs(t, 0)).on(ring.initial), exact={u: exact})
    solution = ps.solve(problem, solver=ps.LeastSquares(), progress=False)
    assert error(solution) < 1e-10
    ends = [solution(u, np.array([[s, 0.3]])) for s in (0.0, 2 * np.pi)]
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)


@pytest.mark.parametrize("k", [2, 30])
def test_helmholtz_without_sources(k) -> None:
    square = ps.Box({x: (-1, 1), y: (-1, 1)})
    exact = sympy.bessely(0, k * sympy.sqrt((x - 2) ** 2 + y**2))
    problem = ps.Problem(ps.Equation(ps.laplacian(w) + k**2 * w, 0).on(square.interior),
                         ps.Equation(w, exact).on(square.boundary), exact={w: exact})
    assert error(ps.solve(problem, solver=ps.LeastSquares(), target=1e-8, progress=False)) < 1e-8


def test_boundary_rows_hold_up_to_the_edges_of_faces() -> None:
    """Plane waves twice as many as needed fit evenly spread points, and do what they like beyond the last of them."""
    problem, band = catalogue()["wave_gaussian"](), Band((62.0, 62.0, 3.0), share=1.0)
    task, features = Task(problem), Features.of(problem)
    left = {}
    for method in ("sobol", "edges"):
        model = features.model(task, band, 900)
        points = task.points_for(900, on_variety=True)
        fitted = task.residual(model, points, seed=1, inside=0.05, idle=features.idle, method=method)
        OutputLayer(fitted, 20, 1e-3, 4e9, math.inf).solve(None)
        held_out = task.residual(model, 4000, seed=2)
        with torch.no_grad():
            left[method] = held_out.root_mean_squares(held_out())["boundary"]
    assert left["edges"] < 0.3 * left["sobol"]
