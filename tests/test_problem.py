"""Declaring problems: immutability, names, linearity, substitution, LaTeX, and what check() finds."""

import dataclasses

import numpy as np
import pytest
import sympy

import pinnsiren as ps

x, y, z = ps.coordinates("x y z")
u, v = ps.Field("u", x, y), ps.Field("v", x, y)
square = ps.Box({x: (-1, 1), y: (-1, 1)})
inside = ps.Equation(ps.laplacian(u), -1).on(square.interior)
around = ps.Equation(u, 0).on(square.boundary)


def messages(problem):
    return [str(f) for f in problem.check()]


def test_the_readmes_problem() -> None:
    problem = ps.Problem(inside, around)
    assert problem.fields == (u,)
    assert problem.coordinates == (x, y)
    assert problem.is_linear
    assert problem.check() == ()
    assert [c.name for c in problem.constraints] == ["interior", "boundary"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.name = "other"
    assert problem == ps.Problem(inside, around)
    assert "begin{cases}" in problem._repr_latex_()


def test_names_are_unique_and_the_equations_come_first() -> None:
    problem = ps.Problem(ps.Equation(u, 1, name="wall").on(square.face(x, -1)), inside,
                         ps.Equation(u, 1).on(square.face(x, 1)), ps.Equation(u, 1).on(square.face(y, 1)))
    assert [c.name for c in problem.constraints] == ["wall", "interior", "x = 1", "y = 1"]


def test_vector_equations_have_components() -> None:
    equation = ps.Equation(ps.grad(u), (x, y))
    assert equation.residuals == (u.diff(x) - x, u.diff(y) - y)
    assert ps.Equation(ps.grad(u)).residuals == (u.diff(x), u.diff(y))
    with pytest.raises(ps.EquationError, match="2 components"):
        ps.Equation(ps.grad(u), (1, 2, 3))


def test_nonlinear_problems_are_found() -> None:
    assert not ps.Problem(ps.Equation(-ps.laplacian(u) + u**3, 1).on(square.interior), around).is_linear


def test_substitution_changes_variables_everywhere() -> None:
    n = ps.Field("N", x, y)
    problem = ps.Problem(inside, around).substitute({u: (1 - x**2) * (1 - y**2) * n})
    assert problem.fields == (n,)
    expected = ps.laplacian((1 - x**2) * (1 - y**2) * n) + 1
    assert sympy.expand((problem.constraints[0].equation.residuals[0] - expected).doit()) == 0


@pytest.mark.parametrize(("constraint", "message"), [
    (ps.Equation(ps.laplacian(u), z).on(square.interior), "uses coordinate z, but its region has"),
    (ps.Equation(ps.laplacian(u), sympy.Symbol("k")).on(square.interior), "ps.Parameter"),
    (ps.Equation(ps.Field("w", x, y, z).diff(x), 0).on(square.interior), "add z to the domain"),
    (ps.Equation(ps.normal_derivative(u) + u, 0).on(square.interior), "Put it on a boundary"),
    (ps.Equation(u, ps.Data("d")).on(square.interior), "Put it on a PointSet"),
    (ps.Equation(u.subs(x, 0), 1).on(square.interior), "away from its own coordinates"),
    (ps.Equation(ps.laplacian(u), 1 / (x - x.subs(x, 0)) ** 0 * sympy.log(x - 5)).on(square.interior), "not finite"),
    (ps.Equation(u, 0).on(square.interior.where(x > 5)), "empty|no point"),
    (ps.Equation(u, 0).on(square.boundary), "no equation inside"),
])
def test_errors_are_found_before_computing(constraint, message) -> None:
    import re
    problem = ps.Problem(constraint)
    found = [m for m in messages(problem) if m.startswith("error")]
    assert any(re.search(message, m) for m in found), found
    with pytest.raises(ps.ProblemError, match="cannot be solved as it is"):
        ps.solve(problem)


def test_warnings_name_the_null_space_the_corner_and_few_points() -> None:
    neumann = ps.Problem(inside, ps.Equation(ps.normal_derivative(u), 0).on(square.boundary))
    assert any("up to a constant" in m for m in messages(neumann))
    corner = ps.Problem(inside, ps.Equation(u, 0).on(square.face(x, -1)), ps.Equation(u, 1).on(square.face(y, -1)))
    assert any("x = -1, y = -1" in m and "values 0 and 1" in m for m in messages(corner))
    few = ps.Problem(ps.Equation(ps.laplacian(u), -1).on(square.interior, points=2), around)
    assert any("only 2 points" in m for m in messages(few))
    same = ps.Problem(inside, ps.Equation(u, x + y).on(square.face(x, -1)), ps.Equation(u, x + y).on(square.face(y, -1)))
    (bare,) = messages(same)
    assert "no condition for u(x, y) holds on the boundary at" in bare


def test_exact_solutions_are_checked() -> None:
    assert any("no equation uses" in m for m in messages(ps.Problem(inside, around, exact={v: x})))
    assert any("no coordinates" in m for m in messages(ps.Problem(inside, around, exact={u: z})))


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: ps.Problem(), ps.ProblemError, "has a field"),
    (lambda: ps.Problem(ps.Equation(u, 0)), ps.ProblemError, "put an equation on a region"),
    (lambda: ps.Problem(ps.Equation(x, 0).on(square.interior)), ps.ProblemError, "has a field"),
    (lambda: ps.Problem(inside, tolerance=0), ps.ProblemError, "tolerance"),
    (lambda: ps.Equation("u", 0), ps.EquationError, "sympy expression"),
    (lambda: ps.Equation(u, x < 1), ps.EquationError, "sympy expression"),
    (lambda: ps.Equation(u, 0).on(square), ps.EquationError, "expected a region"),
    (lambda: ps.Equation(u, 0).on(square.boundary, weight=-1), ps.EquationError, "weight"),
    (lambda: ps.Equation(u, 0).on(square.boundary, norm="l3"), ps.EquationError, "l2, l1, huber"),
    (lambda: ps.Equation(u, 0).on(square.boundary, points=0), ps.EquationError, "points"),
])
def test_bad_declarations(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make()


def test_nan_in_data_is_refused() -> None:
    with pytest.raises(ps.DataError):
        ps.PointSet((x, y), np.array([[0, 0], [np.nan, 1]]))
