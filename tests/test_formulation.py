"""Complex fields, parameters with ranges and changes of variables: solved, evaluated, validated, saved."""

import numpy as np
import pytest
import sympy

import pinnsiren as ps
from pinnsiren.ansatz import Ansatz, kinked
from pinnsiren.formulation import formulate

x, y = ps.coordinates("x y")
square = ps.Box({x: (-1, 1), y: (-1, 1)})
u = ps.Field("u", x, y, complex=True)
EXACT = sympy.exp(sympy.I * (2 * x + y)) * (1 + sympy.I * x * y / 2)


def damped(v):
    return ps.laplacian(v, (x, y)) + (4 - 3 * sympy.I) * v


def complex_problem() -> ps.Problem:
    return ps.Problem(ps.Equation(damped(u), damped(EXACT)).on(square.interior), ps.Equation(u, EXACT).on(square.boundary),
                      exact={u: EXACT})


def relative(found, expected) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_a_complex_problem_is_two_real_ones() -> None:
    problem = complex_problem()
    assert problem.fields == (u,)
    assert problem.is_linear
    assert problem.check() == ()
    assert set(problem.real.fields) == set(u.parts)
    assert [c.name for c in problem.real.constraints] == [c.name for c in problem.constraints]
    assert [c.residuals for c in problem.real.constraints] == [c.residuals for c in problem.constraints]
    assert problem.real.real is problem.real


def test_a_complex_solution_is_right_and_survives_its_file(tmp_path) -> None:
    solution = ps.solve(complex_problem(), max_time=20, target=1e-8, progress=False)
    points = square.interior.sample(300, seed=5).values
    expected = sympy.lambdify((x, y), EXACT)(*points.T)
    assert solution(u, points).dtype == np.complex128
    assert relative(solution(u, points), expected) < 1e-8
    assert relative(solution.evaluate(sympy.Abs(u), points), np.abs(expected)) < 1e-8
    assert solution.evaluate(sympy.Abs(u), points).dtype == np.float64
    slope = sympy.lambdify((x, y), EXACT.diff(x))(*points.T)
    assert relative(solution.evaluate(u.diff(x), points), slope) < 1e-6
    solution.save(tmp_path / "complex.h5")
    assert np.array_equal(ps.load(tmp_path / "complex.h5")(u, points), solution(u, points))
    axes = solution.plot().axes
    assert {"Re u", "|u|", "arg u"} <= {a.get_title() for a in axes}


@pytest.mark.parametrize("reference", [ps.Exact(), ps.Chebyshev(20), ps.FiniteDifference(4, 32)])
def test_a_complex_solution_is_judged_by_every_reference(reference) -> None:
    solution = ps.solve(complex_problem(), max_time=20, target=1e-8, progress=False)
    report = ps.validate(solution, reference)
    assert report.verdict == "confirmed"
    assert report.errors[u].relative_l2 < (1e-8 if not isinstance(reference, ps.FiniteDifference) else 1e-3)


def test_a_wrong_sign_of_i_would_be_seen() -> None:
    conjugate = sympy.conjugate(EXACT)
    wrong = ps.Problem(ps.Equation(damped(u), damped(EXACT)).on(square.interior), ps.Equation(u, EXACT).on(square.boundary),
                       exact={u: conjugate})
    solution = ps.solve(complex_problem(), max_time=20, target=1e-6, progress=False)
    from dataclasses import replace
    with pytest.raises(ps.ReferenceError, match=r"problem\.exact is wrong"):
        ps.validate(replace(solution, problem=wrong))


def test_a_nonlinear_complex_equation() -> None:
    """iψ' + |ψ|²ψ = 0 has ψ = e^{ix}: the solution of the interval from its left end."""
    s = ps.Field("s", x, complex=True)
    line = ps.Interval(x, 0, 3)
    problem = ps.Problem(ps.Equation(sympy.I * s.diff(x) + s * sympy.conjugate(s) * s, 0).on(line.interior),
                         ps.Equation(s, 1).on(line.face(x, 0)), exact={s: sympy.exp(sympy.I * x)})
    assert not problem.is_linear
    solution = ps.solve(problem, max_time=20, target=1e-9, progress=False)
    at = np.linspace(0, 3, 50)
    assert relative(solution(s, at), np.exp(1j * at)) < 1e-6


def test_complex_data_are_fitted() -> None:
    d = ps.Data("d", complex=True)
    points = square.interior.sample(400, seed=2).values
    values = np.exp(1j * (points[:, 0] + 2 * points[:, 1]))
    measured = ps.PointSet((x, y), points, {d: values})
    solution = ps.solve(ps.Problem(ps.Equation(u, d).on(measured)), max_time=10, progress=False)
    assert relative(solution(u, points), values) < 1e-6
    with pytest.raises(ps.DataError, match="complex=True"):
        ps.PointSet((x, y), points, {ps.Data("e"): values})


def test_one_solve_for_a_range_of_a_parameter(tmp_path) -> None:
    k = ps.Parameter("k", 1, 4)
    v = ps.Field("v", x)
    line = ps.Interval(x, 0, 1)
    problem = ps.Problem(ps.Equation(v.diff(x, 2) + k**2 * v, 0).on(line.interior), ps.Equation(v, 0).on(line.face(x, 0)),
                         ps.Equation(v.diff(x), k).on(line.face(x, 0)), exact={v: sympy.sin(k * x)})
    assert problem.coordinates == (x,)
    solution = ps.solve(problem, max_time=20, target=1e-9, progress=False)
    at = np.linspace(0, 1, 40)
    for value in (1.0, 2.7, 4.0):
        assert np.abs(solution(v, at, k=value) - np.sin(value * at)).max() < 1e-8
    assert ps.validate(solution.at(k=3.3)).errors[v].relative_l2 < 1e-8
    solution.save(tmp_path / "range.h5")
    assert np.array_equal(ps.load(tmp_path / "range.h5")(v, at, k=2), solution(v, at, k=2))
    with pytest.raises(ps.ProblemError, match="give a value"):
        solution(v, at)
    with pytest.raises(ps.ProblemError, match="outside its range"):
        solution(v, at, k=5)
    with pytest.raises(ps.ProblemError, match="no parameter with a range"):
        solution(v, at, q=5)


def test_an_ansatz_changes_what_is_solved_and_not_what_is_answered() -> None:
    w, n = ps.Field("w", x, y), ps.Field("n", x, y)
    exact = sympy.sin(3 * x) * (1 - y**2) + x
    problem = ps.Problem(ps.Equation(ps.laplacian(w), ps.laplacian(exact, (x, y))).on(square.interior),
                         ps.Equation(w, exact).on(square.boundary), exact={w: exact})
    g = (1 - y**2) * (sympy.sin(3) * x) + x  # the boundary values, continued
    hard = Ansatz({w: g + (1 - x**2) * (1 - y**2) * n}, satisfied=("boundary",), remark="hard boundary values")
    formulation = formulate(problem, hard)
    assert [c.name for c in formulation.problem.constraints] == ["interior"]
    assert formulation.problem.fields == (n,)
    solution = ps.solve(problem, ansatz=hard, target=1e-9, progress=False)
    edge = square.boundary.sample(200, seed=1).values
    assert np.abs(solution(w, edge) - sympy.lambdify((x, y), exact)(*edge.T)).max() < 1e-14
    report = ps.validate(solution)
    assert report.errors[w].relative_l2 < 1e-8
    assert report.residuals["boundary"] < 1e-14
    assert solution.settings["ansatz"] == "hard boundary values"


def test_an_ansatz_of_another_problem_is_refused() -> None:
    w, n = ps.Field("w", x, y), ps.Field("n", x, y)
    problem = complex_problem()
    with pytest.raises(ps.ProblemError, match="no field of the problem"):
        ps.solve(problem, ansatz=Ansatz({w: n}))
    with pytest.raises(ps.ProblemError, match="no constraint of the problem"):
        ps.solve(problem, ansatz=Ansatz({u: u}, satisfied=("rim",)))
    with pytest.raises(ps.SolveError, match="ansatz='hard'"):
        ps.solve(problem, ansatz="hard")


def test_fields_know_what_they_do_to_the_declared_ones() -> None:
    v = ps.Field("v", x, y)
    level, known = sympy.Rational(4, 100) - x**2 - y**2, sympy.exp(x)
    problem = ps.Problem(ps.Equation(ps.laplacian(v), 1).on(square.interior.where(level < 0)),
                         ps.Equation(ps.laplacian(v), 0).on(square.interior.where(level >= 0)),
                         ps.Equation(v, 0).on(square.boundary))
    effects = formulate(problem, kinked(v, level)).effects
    ((inclusion, effect),) = effects.items()
    assert inclusion.name.startswith("M")
    np.testing.assert_allclose(effect.extent, [(-0.2, 0.2)] * 2, atol=0.02)
    assert effect.factor.subs({x: 0, y: 0}) == sympy.Rational(4, 100) ** 2
    assert effect.factor.subs({x: 0.5, y: 0}) == 0
    shaped = formulate(problem, Ansatz({v: known + 2 * ps.Field("N", x, y)})).effects
    (effect,) = shaped.values()
    assert effect.factor == 2 and effect.extent is None
    assert effect.known == pytest.approx(np.sqrt(np.sinh(2) / 2) / 2, rel=0.02)  # rms of eˣ, over 2


def test_a_complex_factor_counts_by_its_magnitude() -> None:
    new = ps.Field("N", x, y, complex=True)
    effects = formulate(complex_problem(), Ansatz({u: sympy.exp(sympy.I * x - y) * new})).effects
    at = {x: 0.3, y: -0.4}
    assert [float(e.factor.subs(at)) for e in effects.values()] == pytest.approx([np.exp(0.4)] * 2)


def test_features_in_an_inclusion_s_own_box_are_solved_for_and_saved(tmp_path) -> None:
    v = ps.Field("v", x, y)
    level = sympy.Rational(9, 100) - x**2 - y**2
    problem = ps.Problem(ps.Equation(ps.laplacian(v) + 4 * v, 1).on(square.interior.where(level < 0)),
                         ps.Equation(ps.laplacian(v) + v, 1).on(square.interior.where(level >= 0)),
                         ps.Equation(v, 0).on(square.boundary), ansatz=kinked(v, level))
    solution = ps.solve(problem, max_time=8, progress=False)
    (around, inclusion) = sorted(solution.model.carriers, key=lambda c: float(c.network.half_width[0]), reverse=True)
    assert float(around.network.half_width[0]) == 1
    assert float(inclusion.network.half_width[0]) == pytest.approx(0.3, abs=0.02)
    assert inclusion.network.output.in_features < around.network.output.in_features
    solution.save(tmp_path / "inclusion.h5")
    points = square.interior.sample(100, seed=3).values
    assert np.array_equal(ps.load(tmp_path / "inclusion.h5")(v, points), solution(v, points))
    report = ps.validate(solution, ps.FiniteDifference(2, 160))
    assert report.errors[v].relative_l2 < 2e-2  # the grid itself moves the jump by half a cell
