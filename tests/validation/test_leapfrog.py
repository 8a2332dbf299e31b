"""Leapfrog: orders 2 and 4 in space and time, its stability, and what it refuses."""

import pytest

from pinnsiren.equation import Equation
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.validation import Leapfrog, MethodOfLines
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.finite_difference import leapfrog
from pinnsiren.validation.reference import relative_l2
from tests.validation.evolving import (
    LINE,
    WAVES,
    heat,
    t,
    u,
    wave,
    wave_absorbed,
    wave_damped,
    wave_nonlinear,
    x,
)
from tests.validation.test_evolution import check_order, names


@pytest.mark.parametrize("make", WAVES, ids=names)
def test_order_two(make):
    check_order(Leapfrog(2, 32), Leapfrog(2, 48), *make())


@pytest.mark.parametrize("make", [m for m in WAVES if m is not wave_damped], ids=names)
def test_order_four(make):
    check_order(Leapfrog(4, 32), Leapfrog(4, 48), *make())


def test_it_agrees_with_the_method_of_lines_within_both_errors():
    problem, _ = wave_nonlinear()
    inside, _ = comparison_points(problem)
    a, b = (r.compute(problem, inside) for r in (Leapfrog(4, 48), MethodOfLines(4, 32)))
    assert 0 < relative_l2(a.values(u, inside) - b.values(u, inside), b.values(u, inside)) < a.error[u] + b.error[u]


@pytest.mark.parametrize("order", [2, 4])
def test_too_long_steps_are_unstable_and_said_to_be(order, monkeypatch):
    problem, _ = wave()
    monkeypatch.setattr(leapfrog, "COURANT", dict.fromkeys((2, 4), 1.3))
    with pytest.raises(ReferenceError, match="stepping in time stopped at t = .* grown"):
        Leapfrog(order, 256).compute(problem, comparison_points(problem)[0])


@pytest.mark.parametrize("reference, problem, message", [
    (Leapfrog(), heat()[0], "second order in time, and u\\(x, t\\) has a first one; take MethodOfLines"),
    (Leapfrog(4), wave_damped()[0], "order 4 takes no term with u_t; order 2 takes damping"),
    (Leapfrog(), wave_absorbed()[0], "boundary conditions without time derivatives, and 'x = 1' has one"),
    (Leapfrog(), Problem(Equation(u.diff(t, 2), u.diff(x, 2) + u.diff(t) ** 2).on(LINE.interior),
                         Equation(u, 0).on(LINE.boundary), Equation(u, 0).on(LINE.initial),
                         Equation(u.diff(t), 1).on(LINE.initial)), "only damping"),
])
def test_unfit_problems_are_told_why(reference, problem, message):
    assert reference.unfit(problem) is not None
    with pytest.raises(ReferenceError, match=message):
        Leapfrog(reference.order or 2, 32).compute(problem, comparison_points(problem)[0])


def test_bad_arguments():
    with pytest.raises(ReferenceError, match=r"order=6\); expected one of \(2, 4\)"):
        Leapfrog(6)
    with pytest.raises(ReferenceError, match="at least 24 cells for order 4"):
        Leapfrog(4, 20)
