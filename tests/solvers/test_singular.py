"""Singular functions at corners: which a problem gets, and solutions that are as accurate there as smooth ones elsewhere."""

import numpy as np
import pytest
import sympy

import pinnsiren as ps
from pinnsiren.ansatz import enriched
from pinnsiren.equations import poisson
from pinnsiren.solvers.singular import singular_functions

x, y = ps.coordinates("x y")
u = ps.Field("u", x, y)
SQUARE = ps.Box({x: (-1, 1), y: (-1, 1)})
L_SHAPE = SQUARE - ps.Box({x: (-1, 0), y: (-1, 0)})


def dirichlet(domain, equation, value=0):
    return ps.Problem(ps.Equation(equation).on(domain.interior), ps.Equation(u, value).on(domain.boundary))


def laws(problem, vertex, mirrors=()):
    return [(round(f.power, 6), f.conjugate, f.logarithm) for f in singular_functions(problem, mirrors)
            if np.allclose(f.vertex, vertex)]


def test_powers_follow_the_opening() -> None:
    problem = dirichlet(L_SHAPE, ps.laplacian(u) + 1)
    at_corner = laws(problem, (0, 0))
    assert at_corner[:3] == [(0.666667, 0, False), (1.333333, 0, False), (2.0, 0, True)]
    assert laws(problem, (1, 1)) == [(2.0, 0, True), (4.0, 0, True), (6.0, 0, True), (8.0, 0, True)]


def test_a_constant_parameter_is_a_number() -> None:
    k = ps.Parameter("k", 2)
    assert singular_functions(dirichlet(SQUARE, k * ps.laplacian(u) + 1)) == singular_functions(
        dirichlet(SQUARE, 2 * ps.laplacian(u) + 1))
    assert singular_functions(dirichlet(SQUARE, k * u.diff(x, 2) + 2 * u.diff(y, 2) + 1))


def test_conditions_of_two_kinds_halve_the_power() -> None:
    conditions = ps.Equation(u, 0).on(SQUARE.face(x, -1)), ps.Equation(u.diff(y), 0).on(SQUARE.face(y, -1))
    problem = ps.Problem(ps.Equation(ps.laplacian(u), 1).on(SQUARE.interior), *conditions)
    assert laws(problem, (-1, -1))[:2] == [(1.0, 0, True), (3.0, 0, True)]
    assert laws(problem, (1, 1)) == []  # no condition there


def test_lower_orders_add_conjugates() -> None:
    assert (0.666667, 1, False) in laws(dirichlet(L_SHAPE, ps.laplacian(u) + 25 * u), (0, 0))
    assert (1.666667, 0, False) in laws(dirichlet(L_SHAPE, ps.laplacian(u) + u.diff(x)), (0, 0))


@pytest.mark.parametrize("equation", [u.diff(x, 2) + 2 * u.diff(y, 2) + 1, u.diff(x) + u.diff(y), u.diff(x, 4) + u.diff(y, 4)])
def test_other_principal_parts_get_none(equation) -> None:
    assert singular_functions(dirichlet(SQUARE, equation)) == ()


def test_of_mirrored_corners_one_is_chosen() -> None:
    problem = dirichlet(SQUARE, ps.laplacian(u) + 1)
    assert len({f.vertex for f in singular_functions(problem)}) == 4
    assert len({f.vertex for f in singular_functions(problem, [(0, 0, 1)])}) == 2
    assert len({f.vertex for f in singular_functions(problem, [(0, 0, 1), (1, 0, 1)])}) == 1


def test_the_square_under_a_constant_load() -> None:
    """−Δu = 1: the value in the middle by the double series 16/π² Σ …, summed along one index in closed form."""
    k = np.arange(1, 60, 2)
    middle = 0.5 - 16 / np.pi**3 * np.sum((-1.0) ** ((k - 1) // 2) / (k**3 * np.cosh(k * np.pi / 2)))
    solution = ps.solve(dirichlet(SQUARE, ps.laplacian(u) + 1), progress=False)
    assert float(solution(u, [[0.0, 0.0]])[0]) == pytest.approx(middle, abs=1e-11)
    assert "corners" in solution.history.phases[-1]


def test_a_reentrant_corner_with_other_data_than_its_own() -> None:
    """u = x² on the boundary of an L: u(0.99, 0.99) as posed in NA Digest, November 2018; Gopal & Trefethen,
    SIAM J. Numer. Anal. 57 (2019)."""
    domain = ps.Polygon((x, y), [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    solution = ps.solve(dirichlet(domain, ps.laplacian(u), x**2), max_time=60, progress=False)
    assert float(solution(u, [[0.99, 0.99]])[0]) == pytest.approx(1.0267919261073, abs=1e-9)


def test_a_condition_that_changes_within_an_edge() -> None:
    at = sympy.Rational(1, 5)
    r, angle = sympy.sqrt((x - at) ** 2 + (y + 1) ** 2), sympy.atan2(y + 1, x - at)
    exact = sympy.sqrt(r) * sympy.cos(angle / 2)
    free = sympy.And(y <= -1, x >= at)
    problem = ps.Problem(ps.Equation(ps.laplacian(u)).on(SQUARE.interior),
                         ps.Equation(u, exact, name="held").on(SQUARE.boundary.where(sympy.Not(free))),
                         ps.Equation(u.diff(y), 0, name="free").on(SQUARE.boundary.where(free)), exact={u: exact})
    assert laws(problem, (0.2, -1))[0] == (0.5, 0, False)
    solution = ps.solve(problem, max_time=60, progress=False)
    assert ps.validate(solution, ps.Exact()).errors[u].relative_l2 < 1e-7


def test_the_corner_of_the_catalogue() -> None:
    solution = ps.solve(poisson.poisson_corner(), progress=False)
    assert ps.validate(solution, ps.Exact()).errors[poisson.poisson_corner().fields[0]].relative_l2 < 1e-12


def test_a_singular_part_that_the_user_names(tmp_path) -> None:
    """∂_x² + 4 ∂_y² on an L, whose singular function has y/2 in place of y: no shape that the solver knows."""
    half = y / 2
    angle = sympy.atan2(half - x, x + half) + 3 * sympy.pi / 4
    shape = sympy.sqrt(x**2 + half**2) ** sympy.Rational(2, 3) * sympy.sin(sympy.Rational(2, 3) * angle)

    def operator(w):
        return w.diff(x, 2) + 4 * w.diff(y, 2)

    smooth = sympy.exp(x) * sympy.sin(y)
    exact = sympy.Rational(3, 2) * shape + smooth
    problem = ps.Problem(ps.Equation(operator(u), operator(smooth)).on(L_SHAPE.interior),
                         ps.Equation(u, exact).on(L_SHAPE.boundary), exact={u: exact})
    assert singular_functions(problem) == ()
    solution = ps.solve(problem, ansatz=enriched(u, shape), max_time=60, progress=False)
    assert ps.validate(solution, ps.Exact()).errors[u].relative_l2 < 1e-11
    (strength,) = solution.unknowns.values()
    assert strength.value == pytest.approx(1.5, abs=1e-10)
    solution.save(tmp_path / "corner.h5")
    points = [[0.3, 0.4], [-0.5, 0.2]]
    np.testing.assert_array_equal(ps.load(tmp_path / "corner.h5")(u, points), solution(u, points))


@pytest.mark.parametrize(("shapes", "message"), [((), "at least one"), ((u,), "holds the unknown"),
                                                 ((sympy.Symbol("w"),), "expected an expression of")])
def test_shapes_that_make_no_sense_are_refused(shapes, message) -> None:
    with pytest.raises(ps.EquationError, match=message):
        enriched(u, *shapes)
