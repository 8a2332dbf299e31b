"""Grid references: they converge at their order, know their own error, and refuse what they cannot solve."""

import itertools

import numpy as np
import pytest
import sympy

from pinnsiren.check import undetermined_constants
from pinnsiren.domains import Box, Disc, Interval, PointSet
from pinnsiren.equation import Equation
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Data, Field, coordinates, laplacian, normal_derivative
from pinnsiren.validation import Chebyshev, FiniteDifference
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.finite_difference.refinement import estimated_error
from pinnsiren.validation.reference import in_order
from tests.validation.manufactured import (
    EVERY,
    PLANE,
    RECTANGLE,
    SMOOTH,
    Known,
    dirichlet,
    one_dimension,
    system,
    three_dimensions,
    u,
    v,
    x,
    y,
)


def names(make):
    return make.__name__


def errors_of(reference, problem, exact):
    """(true, estimated) relative L2 errors of a reference, the largest over the fields."""
    inside, _ = comparison_points(problem)
    found = reference.compute(problem, inside)
    true, free = [], undetermined_constants(problem)
    for field in problem.fields:
        a, b = found.values(field, inside), Known(problem, exact)(field, in_order(inside, problem))
        a, b = (a - a.mean(), b - b.mean()) if field in free else (a, b)
        true.append(np.linalg.norm(a - b) / np.linalg.norm(b))
        assert found.error[field] > true[-1], f"{reference} claims {found.error[field]:.2e} and is {true[-1]:.2e} off"
    return max(true), max(found.error.values())


# where the order is asymptotic and rounding still far; a line is cheap, so there on finer grids
CELLS = {2: (64, 96), 4: (64, 96), 6: (48, 80)}
CELLS_ON_A_LINE = {2: (64, 128), 4: (96, 128), 6: (80, 112)}


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("make", [*PLANE, one_dimension], ids=names)
def test_converges_at_its_order_and_never_claims_too_much(make, order):
    problem, exact = make()
    cells = CELLS_ON_A_LINE[order] if make is one_dimension else CELLS[order]
    (coarse, claimed), (fine, _) = (errors_of(FiniteDifference(order, n), problem, exact) for n in cells)
    assert abs(np.log(coarse / fine) / np.log(cells[1] / cells[0]) - order) < 0.1
    assert claimed < 5 * coarse  # nor far too little


def test_converges_at_its_order_in_space():
    problem, exact = three_dimensions()
    (coarse, _), (fine, _) = (errors_of(FiniteDifference(2, n), problem, exact) for n in (16, 24))
    assert abs(np.log(coarse / fine) / np.log(24 / 16) - 2) < 0.1


def test_preconditioned_gmres_solves_fourth_order_in_space():
    true, claimed = errors_of(FiniteDifference(4, 24), *three_dimensions())
    assert true < 1e-9 and claimed < 5 * true


@pytest.mark.parametrize("make", EVERY, ids=names)
def test_chebyshev_is_spectral(make):
    problem, exact = make()
    true, claimed = errors_of(Chebyshev(12 if make is three_dimensions else 24), problem, exact)
    assert true < 1e-12 and claimed < 1e-11


@pytest.mark.parametrize("reference", [FiniteDifference(2, 32), FiniteDifference(4, 32), FiniteDifference(6, 32),
                                       FiniteDifference(4, 96), Chebyshev(16), Chebyshev(32)], ids=str)
def test_corner_singularities_slow_a_scheme_and_its_estimate_knows(reference):
    square = Box({x: (-1, 1), y: (-1, 1)})
    problem = Problem(Equation(laplacian(u), -1).on(square.interior), Equation(u, 0).on(square.boundary))
    inside, _ = comparison_points(problem)
    a, b = inside.values.T
    exact = (1 - a**2) / 2
    for k in range(1, 200, 2):  # Fourier's series for −Δu = 1
        decay = np.exp(k * np.pi / 2 * (b - 1)) + np.exp(-k * np.pi / 2 * (b + 1))
        exact -= 16 / (np.pi * k) ** 3 * np.sin(k * np.pi * (1 + a) / 2) * decay / (1 + np.exp(-k * np.pi))
    found = reference.compute(problem, inside)
    true = np.linalg.norm(found.values(u, inside) - exact) / np.linalg.norm(exact)
    assert true < found.error[u] < 30 * true


def test_the_observed_order_counts_only_where_it_is_slower_than_the_scheme():
    values = np.ones(4)
    fast = estimated_error(values, values * (1 + 1e-4), values * (1 + 1e-1), fastest=1 / 4)
    slow = estimated_error(values, values * (1 + 1e-4), values * (1 + 3e-4), fastest=1 / 4)
    stuck = estimated_error(values, values * (1 + 1e-4), values, fastest=1 / 4)
    assert fast == pytest.approx(2e-4 / 3) and slow == pytest.approx(2e-4) and stuck == pytest.approx(2e-4 * 7 / 3)


def test_where_faces_meet_dirichlet_comes_before_neumann_whatever_the_order_of_declaration():
    exact = {u: sympy.sin(x) * y}
    def given(region):
        return Equation(u, exact[u]).on(region)
    def flux(region):
        return Equation(normal_derivative(u), normal_derivative(exact[u], (x, y))).on(region)
    inside = Equation(laplacian(u), laplacian(exact[u], (x, y))).on(RECTANGLE.interior)
    sides = RECTANGLE.face(x, -1), RECTANGLE.face(x, 1), RECTANGLE.face(y, 0), RECTANGLE.face(y, 1.5)
    for conditions in itertools.permutations([flux(sides[0]), flux(sides[1]), given(sides[2]), given(sides[3])], 4):
        found = Chebyshev(16).compute(Problem(inside, *conditions), comparison_points(Problem(inside, *conditions))[0])
        assert found.error[u] < 1e-11


def test_parameters_and_the_order_of_a_box_do_not_matter():
    box = Box({y: (0, 1.5), x: (-1, 1)})  # not the order of u(x, y)
    problem = Problem(Equation(laplacian(u) + u.diff(x), (laplacian(SMOOTH, (x, y)) + SMOOTH.diff(x))).on(box.interior),
                      Equation(u, SMOOTH).on(box.boundary))
    true, _ = errors_of(Chebyshev(20), problem, {u: SMOOTH})
    assert true < 1e-12


@pytest.mark.parametrize("conditions, message", [
    ([Equation(u, 0).on(RECTANGLE.face(x, 1))], "there are 0 usable equations for 1 fields"),
    ([Equation(u, 0).on(RECTANGLE.boundary), Equation(normal_derivative(u), 0).on(RECTANGLE.face(x, 1))],
     "at x = 1, .* are 2 conditions for 1 fields"),
])
def test_every_node_needs_one_equation_for_each_field(conditions, message):
    problem = Problem(Equation(laplacian(u), 1).on(RECTANGLE.interior), *conditions)
    with pytest.raises(ReferenceError, match=message):
        FiniteDifference(2, 32).compute(problem, comparison_points(problem)[0])


def test_incompatible_neumann_data_are_found():
    problem = Problem(Equation(laplacian(u), 1).on(RECTANGLE.interior),
                      Equation(normal_derivative(u), 0).on(RECTANGLE.boundary))
    for reference in (FiniteDifference(2, 32), Chebyshev(16)):
        with pytest.raises(ReferenceError, match=r"no solution exists: u.*\(a constant 1 is missing inside"):
            reference.compute(problem, comparison_points(problem)[0])


def test_singular_systems_are_found():
    same = laplacian(u) + laplacian(v)
    problem = Problem(Equation((same, 2 * same), (1, 2)).on(RECTANGLE.interior),
                      Equation((u, v), (0, 0)).on(RECTANGLE.boundary))
    for reference in (FiniteDifference(2, 32), Chebyshev(16)):
        with pytest.raises(ReferenceError, match="singular"):
            reference.compute(problem, comparison_points(problem)[0])


def test_a_nonlinear_problem_without_a_solution_ends_with_advice():
    w, line = Field("w", x), Interval(x, 0, 1)
    bratu = Problem(Equation(w.diff(x, 2) + 10 * sympy.exp(w), 0).on(line.interior), Equation(w, 0).on(line.boundary))
    with pytest.raises(ReferenceError, match=r"Newton's method on the grid does not converge .* Give problem\.exact"):
        FiniteDifference(2, 32).compute(bratu, comparison_points(bratu)[0])


def four_dimensions():
    a, b, c, d = coordinates("a b c d")
    w, box = Field("w", a, b, c, d), Box(dict.fromkeys((a, b, c, d), (0, 1)))
    return Problem(Equation(laplacian(w), 0).on(box.interior), Equation(w, 0).on(box.boundary))


def on_points():
    values, points = Data("d"), np.random.default_rng(0).random((20, 2))
    return Problem(Equation(u, values).on(PointSet((x, y), points, data={values: points[:, 0]})))


def on_a_disc():
    disc = Disc({x: 0, y: 0}, 1)
    return Problem(Equation(laplacian(u), 1).on(disc.interior), Equation(u, 0).on(disc.boundary))


@pytest.mark.parametrize("make, reason", [(four_dimensions, "1 to 3 dimensions, and the problem has 4"),
                                          (on_points, "sets of data points"), (on_a_disc, "made for one Interval")])
def test_problems_without_a_grid_say_why(make, reason):
    problem = make()
    for reference in (FiniteDifference(2, 32), Chebyshev(16)):
        assert reason in reference.unfit(problem)
        with pytest.raises(ReferenceError, match=reason):
            reference.compute(problem, comparison_points(problem)[0])


def test_refinements_decide_what_was_left_open():
    plane, _ = dirichlet()
    assert list(FiniteDifference(4, 40).refinements(plane)) == [FiniteDifference(4, 40)]
    assert {r.order for r in FiniteDifference(6).refinements(plane)} == {6}
    assert {r.order for r in FiniteDifference(cells=28).refinements(plane)} == {2, 4}  # too few cells for order 6
    assert list(Chebyshev(10).refinements(plane)) == [Chebyshev(10)]
    assert len(list(Chebyshev().refinements(system()[0]))) < len(list(Chebyshev().refinements(plane)))  # memory


def test_bad_settings_say_what_is_expected():
    with pytest.raises(ReferenceError, match=r"order=3\); expected one of \(2, 4, 6\)"):
        FiniteDifference(order=3)
    with pytest.raises(ReferenceError, match="at least 32 cells for order 6"):
        FiniteDifference(order=6, cells=24)
    with pytest.raises(ReferenceError, match="at least 8"):
        Chebyshev(nodes=5)
    with pytest.raises(ReferenceError, match="choose fewer cells"):
        FiniteDifference(2, 2000).compute(dirichlet()[0], comparison_points(dirichlet()[0])[0])
    with pytest.raises(ReferenceError, match="leaves open"):
        FiniteDifference().compute(dirichlet()[0], comparison_points(dirichlet()[0])[0])


def l_shape(exact):
    domain = Box({x: (-1, 1), y: (-1, 1)}) - Box({x: (0, 1), y: (0, 1)})
    return Problem(Equation(laplacian(u) - u, laplacian(exact, (x, y)) - exact).on(domain.interior),
                   Equation(u, exact).on(domain.boundary)), {u: exact}


def test_a_domain_made_of_boxes_has_second_order():
    problem, exact = l_shape(SMOOTH)
    (coarse, _), (fine, _) = (errors_of(FiniteDifference(2, n), problem, exact) for n in (32, 64))
    assert abs(np.log2(coarse / fine) - 2) < 0.1
    assert Chebyshev().unfit(problem) is not None


def test_the_re_entrant_corner_slows_it_and_the_estimate_knows():
    angle = sympy.Mod(sympy.atan2(y, x) - sympy.pi / 2, 2 * sympy.pi)
    singular = (x**2 + y**2) ** sympy.Rational(1, 3) * sympy.sin(2 * angle / 3)
    domain = Box({x: (-1, 1), y: (-1, 1)}) - Box({x: (0, 1), y: (0, 1)})
    problem = Problem(Equation(laplacian(u), 0).on(domain.interior), Equation(u, singular).on(domain.boundary))
    (coarse, _), (fine, claimed) = (errors_of(FiniteDifference(2, n), problem, {u: singular}) for n in (32, 128))
    assert abs(np.log(coarse / fine) / np.log(4) - 4 / 3) < 0.1 and claimed < 10 * fine


def test_a_part_of_a_box_says_what_it_needs():
    exact = sympy.sin(x) * y
    domain = Box({x: (0, 3), y: (0, 1)}) - Box({x: (1, 2), y: (0, 0.5)})  # thirds and halves
    inside = Equation(laplacian(u), laplacian(exact, (x, y))).on(domain.interior)
    problem = Problem(inside, Equation(u, exact).on(domain.boundary))
    assert [r.cells % 24 for r in FiniteDifference().refinements(problem)] == [0] * 4
    with pytest.raises(ReferenceError, match="order 2, with a multiple of 24 cells.* order 4 and 48 cells"):
        FiniteDifference(4, 48).compute(problem, comparison_points(problem)[0])
    flux = Problem(inside, Equation(normal_derivative(u), 0).on(domain.boundary))
    assert "only values can be given on the boundary, and 'boundary'" in FiniteDifference().unfit(flux)
    odd = Box({x: (0, 1), y: (0, 1)}) - Box({x: (0, 1 / np.pi), y: (0, 1)})
    assert "made of boxes" in FiniteDifference().unfit(Problem(Equation(laplacian(u), 0).on(odd.interior)))
