"""validate: right solutions are confirmed, planted wrong ones rejected, and the measured error is the true one."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Ball, Box, Disc, PointSet
from pinnsiren.equation import Equation
from pinnsiren.errors import ReferenceError, StorageError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Data, Field, coordinates, laplacian
from pinnsiren.validation import Chebyshev, Exact, FieldError, FiniteDifference, Report, validate
from pinnsiren.validation.choice import cheapest_finer, reference_kinds
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.reference import ReferenceSolution
from pinnsiren.validation.report import judge
from tests.validation.manufactured import EVERY, RECTANGLE, SMOOTH, Known, dirichlet, neumann_only, system, u, v, x, y

BUMP = sympy.exp(-((x - sympy.Rational(1, 3)) ** 2) * 20)  # a function of x alone, so that it fits every problem


def with_exact(make):
    problem, exact = make()
    return Problem(*problem.constraints, exact=exact), exact


def wrong_by(exact, relative):
    """Every field with a bump added."""
    return {f: e + relative * BUMP for f, e in exact.items()}


def true_error(problem, exact, planted, field):
    at = comparison_points(problem)[0].values
    right, given = Known(problem, exact)(field, at), Known(problem, planted)(field, at)
    return np.linalg.norm(given - right) / np.linalg.norm(right)


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_grids_confirm_the_right_solution_and_reject_wrong_ones(make):
    problem, exact = make()
    right = validate(Known(problem, exact))
    assert right.verdict == "confirmed" and right.reference_error < 1e-9
    assert all(e.relative_l2 <= e.reference_error for e in right.errors.values())
    assert all(r < 1e-9 for r in right.residuals.values())
    for planted in ({f: 1.05 * e for f, e in exact.items()}, wrong_by(exact, 0.05)):
        report = validate(Known(problem, planted))
        assert report.verdict == "rejected" and max(report.residuals.values()) > 1e-3
        for field in problem.fields:
            if make is not neumann_only:  # there the errors are those up to a constant
                expected = true_error(problem, exact, planted, field)
                assert report.errors[field].relative_l2 == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("relative", [3e-2, 1e-5, 1e-8])
def test_the_measured_error_is_the_true_error(relative):
    problem, exact = dirichlet()
    planted = wrong_by(exact, relative)
    report = validate(Known(problem, planted))
    assert report.errors[u].relative_l2 == pytest.approx(true_error(problem, exact, planted, u), rel=0.1)
    assert report.errors[u].maximum == pytest.approx(relative, rel=0.1)
    assert report.verdict == ("rejected" if relative > 1e-3 else "confirmed")


def test_a_shift_is_an_error_unless_the_equations_leave_it_open():
    problem, _ = dirichlet()
    assert validate(Known(problem, {u: SMOOTH + 0.1})).verdict == "rejected"
    problem, _ = neumann_only()
    report = validate(Known(problem, {u: SMOOTH + 7}))
    assert report.verdict == "confirmed" and report.errors[u].up_to == "a constant" and "up to a constant" in report.reason


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_exact_solutions_are_proved_and_judge(make):
    problem, exact = with_exact(make)
    report = validate(Known(problem, exact))
    assert report.verdict == "confirmed" and report.reference == "the exact solution" and report.reference_error < 1e-14
    assert validate(Known(problem, wrong_by(exact, 0.05))).verdict == "rejected"


def test_a_wrong_exact_solution_is_caught_by_the_equations():
    problem, _ = dirichlet()
    wrong_inside = Problem(*problem.constraints, exact={u: SMOOTH + (x**2 - 1) * y * (y - 1.5) / 1000})
    with pytest.raises(ReferenceError, match=r"problem\.exact is wrong: put into 'interior' it leaves a residual"):
        validate(Known(wrong_inside, {u: SMOOTH}))
    wrong_on_boundary = Problem(*problem.constraints, exact={u: SMOOTH + x / 1000})
    with pytest.raises(ReferenceError, match=r"'boundary' it leaves a residual of .* Mend the exact solution"):
        validate(Known(wrong_on_boundary, {u: SMOOTH}))


def test_a_homogeneous_condition_is_judged_by_the_size_of_the_solution_not_of_its_rounding():
    sine = sympy.sin(sympy.pi * x) * sympy.sin(2 * sympy.pi * y)
    problem = Problem(Equation(laplacian(u), laplacian(sine, (x, y))).on(RECTANGLE.interior),
                      Equation(u, 0).on(RECTANGLE.boundary), exact={u: sine})
    assert validate(Known(problem, {u: sine})).verdict == "confirmed"  # sin(πx) is 1e-16 at x = 1


def test_an_explicit_reference_judges_even_where_an_exact_solution_is_known():
    problem, exact = with_exact(dirichlet)
    report = validate(Known(problem, exact), FiniteDifference(order=4, cells=64))
    assert report.reference == "finite differences of order 4 on 64 × 64 cells"
    assert 1e-9 < report.reference_error < 1e-6 and "which is the reference's own error" in str(report)
    assert "Chebyshev" in validate(Known(problem, exact), Chebyshev()).reference
    with pytest.raises(ReferenceError, match=r"Exact\(\) cannot be the reference: .* exact=\{u: …\}"):
        validate(Known(dirichlet()[0], exact), Exact())


def test_a_coarse_reference_cannot_tell():
    problem, exact = dirichlet()
    report = validate(Known(problem, wrong_by(exact, 1e-4)), FiniteDifference(2, 32), tolerance=1e-4)
    assert report.verdict == "inconclusive" and "ps.Chebyshev" in report.reason


def test_the_tolerance_is_the_problems_unless_given():
    problem, exact = dirichlet()
    strict, planted = Problem(*problem.constraints, tolerance=1e-9), Known(problem, wrong_by(exact, 1e-6))
    planted.problem = strict
    assert validate(planted).verdict == "rejected"
    assert validate(planted, tolerance=1e-4).verdict == "confirmed"
    with pytest.raises(ReferenceError, match="tolerance=0"):
        validate(planted, tolerance=0)


def test_values_that_are_not_finite_are_rejected():
    problem, _ = dirichlet()
    report = validate(Known(problem, {u: SMOOTH + sympy.log(x + 10) * sympy.nan}))
    assert report.verdict == "rejected" and "not finite" in report.reason
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["errors"]["u"]["relative_l2"] is None


@pytest.mark.parametrize("e, delta, verdict", [(1e-4, 1e-5, "confirmed"), (9.9e-4, 2e-5, "inconclusive"),
                                               (1.005e-3, 1e-5, "inconclusive"), (2e-3, 1e-5, "rejected"),
                                               (0, 2e-3, "inconclusive"), (math.nan, 1e-9, "rejected"),
                                               (math.inf, 1e-9, "rejected")])
def test_the_rule_of_the_verdict(e, delta, verdict):
    found, reason = judge({u: FieldError(e, e, delta)}, 1e-3)
    assert found == verdict and reason.startswith("u ") and "1.0e-03" in reason


def test_a_claim_is_never_below_the_references_own_error():
    assert FieldError(1e-9, 1e-9, 3e-7).claim == 3e-7
    assert str(FieldError(1e-9, 1e-9, 3e-7)) == "agrees to 3.0e-07, which is the reference's own error"
    assert FieldError(1e-5, 1e-5, 3e-7).claim == 1e-5


def without_reference():
    ball = Ball(dict.fromkeys(coordinates("a b c d"), 0), 1)
    w = Field("w", *ball.coordinates)
    return Problem(Equation(laplacian(w), 8).on(ball.interior), Equation(w, 1).on(ball.boundary)), w


def test_without_a_reference_there_are_residuals_and_no_verdict(tmp_path):
    problem, w = without_reference()
    report = validate(Known(problem, {w: sum(c**2 for c in problem.coordinates)}))
    assert report.verdict == "inconclusive" and report.reference is None and not report.errors
    assert math.isnan(report.reference_error) and max(report.residuals.values()) < 1e-12
    assert "Only residuals are known" in report.reason and "gives no exact solution" in report.reason
    assert len(report.plot().axes) == 6  # three planes, each a map and its colour bar
    assert report.to_html(tmp_path / "r.html").exists()


def test_values_that_travel_with_points_are_a_reference_on_these_points():
    known, points = Data("known"), np.random.default_rng(0).random((300, 2))
    pixels = PointSet((x, y), points, data={known: np.sin(points[:, 0])})
    problem = Problem(Equation(u.diff(x), sympy.cos(x)).on(pixels), exact={u: known})
    report = validate(Known(problem, {u: sympy.sin(x) + 2}))  # only derivatives are given
    assert report.verdict == "confirmed" and report.errors[u].up_to == "a constant"
    assert validate(Known(problem, {u: 2 * sympy.sin(x)})).verdict == "rejected"
    assert len(report.plot().axes) == 6


def half_known(exact_u=None):
    """u is known at scattered points, v nowhere; both are found from data that no grid can take."""
    places, a, b, true = PLACES, Data("a"), Data("b"), Data("true")
    values = np.sin(places[:, 0])
    points = PointSet((x, y), places, {a: values, b: values**2, true: values if exact_u is None else exact_u(values)})
    return Problem(Equation([u - a, v * u - b]).on(points), exact={u: true})


PLACES = np.random.default_rng(3).uniform(-1, 1, (60, 2))


def test_fields_with_an_exact_solution_are_judged_where_others_have_none() -> None:
    for exact_u, verdict in ((None, "confirmed"), (lambda values: 1.01 * values, "rejected")):
        problem = half_known(exact_u)
        report = validate(Known(problem, {u: sympy.sin(x), v: sympy.sin(x)}))
        assert report.verdict == verdict
        assert set(report.errors) == {u}
        assert report.reference == "the values that travel with the points of u"
        assert {p.title for p in report.pictures} == {"u"}
        assert Exact().unfit(problem) is not None  # asked for by name, it is a reference for all fields or none


def test_a_reference_that_thinks_too_well_of_itself_is_caught_by_the_next():
    problem, exact = dirichlet()
    inside, _ = comparison_points(problem)
    right = Known(problem, exact)

    def claims(error, factor):
        values = lambda field, at: factor * right(field, at.values)  # noqa: E731
        return Planted(ReferenceSolution(f"{error}", {u: error}, values))

    lying, honest, finer = claims(1e-4, 1.3), claims(1e-4, 1), claims(1e-9, 1)
    found = cheapest_finer([lying, honest, finer], problem, inside, difference=lambda field, values: 1e-6)
    assert found.description == "1e-09"
    found = cheapest_finer([lying, honest], problem, inside, difference=lambda field, values: 1e-6)
    assert found.error[u] == pytest.approx(0.3)  # nobody knows who is right


class Planted:
    def __init__(self, found):
        self.found = found

    def cost(self, problem):
        return 0.0

    def compute(self, problem, points):
        return self.found


def test_references_are_found_in_the_folder():
    assert {Exact, FiniteDifference, Chebyshev} <= set(reference_kinds())


def test_a_disc_is_judged_by_its_exact_solution_and_drawn_inside_only():
    disc = Disc({x: 0, y: 0}, 1)
    problem = Problem(Equation(laplacian(u), 4).on(disc.interior), Equation(u, 1).on(disc.boundary),
                      exact={u: x**2 + y**2})
    report = validate(Known(problem, {u: x**2 + y**2}))
    assert report.verdict == "confirmed"
    assert np.isnan(report.pictures[0].solution).any() and np.nanmax(report.pictures[0].solution) <= 1 + 1e-8


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_the_figure_shows_solution_reference_and_error(make):
    problem, exact = with_exact(make)
    report = validate(Known(problem, wrong_by(exact, 0.01)))
    slices = {1: 1, 2: 1, 3: 3}[len(problem.coordinates)]
    panels = [a for a in report.plot().axes if a.get_title()]
    assert len(panels) == 3 * slices * len(problem.fields)
    assert [a.get_title().split(": ")[1] for a in panels[:3]] == ["solution", "reference", "|solution − reference|"]
    worst = max(np.nanmax(np.abs(p.solution - p.reference)) for p in report.pictures)
    if make is not neumann_only:  # there means are removed
        assert worst == pytest.approx(0.01, rel=0.05)


def test_the_page_is_self_contained(tmp_path):
    problem, exact = with_exact(system)
    problem = Problem(*problem.constraints, name="two <fields>", exact=exact)
    page = validate(Known(problem, exact)).to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "two &lt;fields&gt;" in page and "<fields>" not in page
    assert page.count("<math>") == len(problem.constraints) and "data:image/png;base64," in page
    assert 'class="verdict confirmed"' in page and "http" not in page and "<script" not in page
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_says_where(tmp_path):
    report = validate(Known(*with_exact(dirichlet)))
    with pytest.raises(StorageError, match=r"missing.report\.html: No such file"):
        report.to_html(tmp_path / "missing" / "report.html")


def test_the_dictionary_holds_the_numbers():
    problem, exact = with_exact(system)
    report = validate(Known(problem, wrong_by(exact, 1e-5)))
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["verdict"] == "confirmed" and found["tolerance"] == 1e-3 and set(found["errors"]) == {"u", "v"}
    assert found["errors"]["v"]["relative_l2"] == report.errors[v].relative_l2
    assert set(found["residuals"]) == {c.name for c in problem.constraints}
    assert isinstance(report, Report) and replace(report, pictures=()).to_dict() == report.to_dict()


def test_a_box_in_another_order_than_the_field():
    box = Box({y: (0, 1.5), x: (-1, 1)})
    problem = Problem(Equation(laplacian(u), laplacian(SMOOTH, (x, y))).on(box.interior),
                      Equation(u, SMOOTH).on(box.boundary))
    assert validate(Known(problem, {u: SMOOTH})).verdict == "confirmed"
    assert validate(Known(problem, {u: SMOOTH.subs({x: y, y: x}, simultaneous=True)})).verdict == "rejected"
