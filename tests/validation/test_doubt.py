"""A grid's word alone neither confirms nor rejects: what it may have missed is held against the residual."""

import numpy as np
import pytest
import sympy

import pinnsiren as ps

x, y = ps.coordinates("x y")
w = ps.Field("w", x)
line = ps.Interval(x, 0, 1)


class Planted:
    """A solution given by an expression."""

    def __init__(self, problem, exact):
        self.problem, self.exact = problem, exact

    def __call__(self, field, points):
        return self.evaluate(field, points)

    def evaluate(self, expression, points):
        call = sympy.lambdify(x, sympy.sympify(expression).subs(w, self.exact).doit(), ["scipy", "numpy"])
        return np.broadcast_to(call(np.asarray(points)[:, 0]), (len(points),)).astype(float)


def spike(sharpness):
    s, c = sympy.Integer(sharpness), sympy.Rational(31371, 100000)
    root = sympy.sqrt(s)
    particular = -(sympy.sqrt(sympy.pi) / 2 * (x - c) * sympy.erf(root * (x - c)) + sympy.exp(-s * (x - c) ** 2) / (2 * root))
    exact = particular - particular.subs(x, 0) * (1 - x) - particular.subs(x, 1) * x + x
    forcing = root * sympy.exp(-s * (x - c) ** 2)
    problem = ps.Problem(ps.Equation(-w.diff(x, 2), forcing).on(line.interior), ps.Equation(w, x).on(line.boundary))
    return problem, exact


@pytest.mark.parametrize("sharpness", [10**4, 10**5])
def test_a_spike_between_the_nodes_is_not_argued_away(sharpness) -> None:
    problem, exact = spike(sharpness)
    assert ps.validate(Planted(problem, x)).verdict != "confirmed"
    assert ps.validate(Planted(problem, exact)).verdict != "rejected"


@pytest.mark.parametrize("place", [sympy.Rational(3, 10), sympy.Rational(7, 8)])
def test_a_jump_in_the_forcing_does_not_reject_the_right_solution(place) -> None:
    exact = sympy.Piecewise((0, x < place), ((x - place) ** 2 / 2, True)) - x * (1 - place) ** 2 / 2
    problem = ps.Problem(ps.Equation(w.diff(x, 2), sympy.Heaviside(x - place, 0)).on(line.interior),
                         ps.Equation(w, 0).on(line.boundary))
    assert ps.validate(Planted(problem, exact)).verdict != "rejected"
    assert ps.validate(Planted(problem, 1.2 * exact)).verdict != "confirmed"


def test_another_solution_of_a_nonlinear_problem_is_not_rejected() -> None:
    t = sympy.Symbol("t")
    theta = sympy.nsolve(t - sympy.sqrt(2) * sympy.cosh(t / 4), 10.9)  # of two roots the upper branch of Bratu's problem
    exact = -2 * sympy.log(sympy.cosh((x - sympy.Rational(1, 2)) * theta / 2) / sympy.cosh(theta / 4))
    problem = ps.Problem(ps.Equation(w.diff(x, 2) + sympy.exp(w), 0).on(line.interior), ps.Equation(w, 0).on(line.boundary))
    report = ps.validate(Planted(problem, exact))
    assert report.verdict == "inconclusive"
    assert "several solutions" in report.reason


def test_zero_boundary_values_and_corners_do_not_raise_doubts() -> None:
    u = ps.Field("u", x, y)
    square = ps.Box({x: (-1, 1), y: (-1, 1)})
    problem = ps.Problem(ps.Equation(ps.laplacian(u), -1).on(square.interior), ps.Equation(u, 0).on(square.boundary))
    solution = ps.solve(problem, target=1e-3, progress=False)
    assert ps.validate(solution).verdict == "confirmed"


def test_smooth_problems_are_judged_as_before() -> None:
    exact = sympy.exp(x) * sympy.sin(3 * x)
    problem = ps.Problem(ps.Equation(w.diff(x, 2) + w, exact.diff(x, 2) + exact).on(line.interior),
                         ps.Equation(w, exact).on(line.boundary))
    assert ps.validate(Planted(problem, exact)).verdict == "confirmed"
    assert ps.validate(Planted(problem, exact * 1.01)).verdict == "rejected"
