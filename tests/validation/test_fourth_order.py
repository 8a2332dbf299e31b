"""Equations of fourth order on grids: two conditions on every face, the second one used next to it."""

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Interval
from pinnsiren.equation import Equation
from pinnsiren.equations.biharmonic import biharmonic_clamped, biharmonic_supported
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.equations.navier_stokes import cavity
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, coordinates, laplacian, normal_derivative
from pinnsiren.validation import Chebyshev, FiniteDifference

x, y = coordinates("x y")


def beam():
    """u'''' = f, held and clamped on the left, with given slope and moment on the right."""
    u, line = Field("u", x), Interval(x, 0, 2)
    exact = {u: sympy.sin(2 * x) + x**2 / 3}
    return Problem(satisfied_by(exact, u.diff(x, 4)).on(line.interior), satisfied_by(exact, u).on(line.boundary),
                   satisfied_by(exact, u.diff(x)).on(line.face(x, 0)), satisfied_by(exact, u.diff(x, 2)).on(line.face(x, 2)),
                   exact=exact)


def guided():
    """ΔΔu = f with slope and moment on the right face, where no value is given."""
    u, box = Field("u", x, y), Box({x: (0, 1), y: (0, 1)})
    exact = {u: sympy.exp(x) * sympy.cos(y) + x * y**3}
    right, rest = box.face(x, 1), box.boundary.where(x < 1)
    return Problem(satisfied_by(exact, laplacian(laplacian(u))).on(box.interior), satisfied_by(exact, u).on(rest),
                   satisfied_by(exact, normal_derivative(u)).on(rest), satisfied_by(exact, u.diff(x)).on(right),
                   satisfied_by(exact, u.diff(x, 2)).on(right), exact=exact)


def error(problem, reference):
    inside = problem.constraints[0].region.sample(200, seed=1)
    (u,) = problem.fields
    known = problem.exact[u].xreplace({p: p.value for p in problem.parameters})
    expected = sympy.lambdify(inside.coordinates, known)(*inside.values.T)
    return np.linalg.norm(reference.compute(problem, inside).values(u, inside) - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("make", [beam, biharmonic_clamped, biharmonic_supported, guided])
@pytest.mark.parametrize("order", [2, 4])
def test_finite_differences_converge_at_their_order(make, order) -> None:
    cells = np.array([60, 90, 135]) if order == 2 else np.array([48, 72, 108])
    errors = [error(make(), FiniteDifference(order, int(n))) for n in cells]
    assert order - 0.4 < -np.polyfit(np.log(cells), np.log(errors), 1)[0] < order + 1.3


@pytest.mark.parametrize("make", [beam, biharmonic_clamped, biharmonic_supported, guided])
def test_collocation_is_spectral(make) -> None:
    assert error(make(), Chebyshev(20)) < 1e-8


def test_a_third_condition_is_one_too_many() -> None:
    problem = biharmonic_clamped()
    (w,) = problem.fields
    edge = problem.constraints[1].region
    more = Problem(*problem.constraints, Equation(laplacian(w), 0, "moment").on(edge))
    with pytest.raises(ReferenceError, match="3 conditions for 1 fields"):
        FiniteDifference(2, 32).compute(more, problem.constraints[0].region.sample(10))


def test_the_cavity_on_a_grid_has_the_published_stream_function() -> None:
    problem = cavity()
    (psi,) = problem.fields
    inside = problem.constraints[0].region.sample(4000, seed=0)
    found = Chebyshev(24).compute(problem, inside)
    assert found.values(psi, inside).min() == pytest.approx(-0.1035, abs=5e-4)
    assert found.error[psi] < 1e-2
