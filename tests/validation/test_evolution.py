"""The method of lines: it converges at its order, knows its own error, and refuses what it cannot step."""

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Disc, Interval, PointSet
from pinnsiren.equation import Equation
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field, Parameter, coordinates, laplacian, normal_derivative
from pinnsiren.validation import Chebyshev, FiniteDifference, Leapfrog, MethodOfLines, SpectralLines, validate
from pinnsiren.validation.choice import fitting
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.finite_difference import stepping
from pinnsiren.validation.finite_difference.evolution_form import evolution_form
from pinnsiren.validation.finite_difference.grid import uniform_grid
from pinnsiren.validation.finite_difference.semidiscrete import semidiscretise
from pinnsiren.validation.reference import in_order, relative_l2
from tests.validation.evolving import (
    CIRCLE,
    EVERY,
    FIRST_ORDER,
    LINE,
    SQUARE,
    WAVE,
    WAVES,
    beam,
    circling,
    heat,
    heat_in_plane,
    heat_in_short_waves,
    heat_with_fluxes,
    inflow,
    same,
    started,
    system,
    t,
    u,
    v,
    w,
    wave,
    wave_absorbed,
    x,
    y,
)
from tests.validation.manufactured import Known, dirichlet


def names(make):
    return make.__name__


def errors_of(reference, problem, exact):
    """(true, estimated) relative L2 errors of a reference, the largest over the fields; it never claims too much."""
    inside, _ = comparison_points(problem)
    found, true = reference.compute(problem, inside), []
    for field in problem.fields:
        right = Known(problem, exact)(field, in_order(inside, problem))
        true.append(relative_l2(found.values(field, inside) - right, right))
        assert true[-1] < found.error[field], f"{reference} claims {found.error[field]:.2e} and is {true[-1]:.2e} off"
    return max(true), max(found.error.values())


def check_order(coarse, fine, problem, exact):
    """The fitted rate of a reference between two numbers of cells is its order."""
    (before, claimed), (after, _) = (errors_of(r, problem, exact) for r in (coarse, fine))
    rate = np.log(before / after) / np.log(fine.cells / coarse.cells)
    assert abs(rate - fine.order) < 0.15
    assert claimed < 6 * before  # nor far too little


@pytest.mark.parametrize("make", [*FIRST_ORDER[:-1], wave, wave_absorbed], ids=names)
@pytest.mark.parametrize("order", [2, 4])
def test_converges_at_its_order_on_a_line(make, order):
    cells = {2: (32, 48), 4: (64, 96)}[order]  # coarser grids of order 4 are not quite in the asymptotic range
    check_order(MethodOfLines(order, cells[0]), MethodOfLines(order, cells[1]), *make())


@pytest.mark.parametrize("make, cells", [(heat_in_short_waves, (64, 96)), (circling, (32, 44))])
def test_order_six_is_for_diffusion_and_for_circles(make, cells):
    check_order(MethodOfLines(6, cells[0]), MethodOfLines(6, cells[1]), *make())


@pytest.mark.parametrize("make", [heat_in_plane, WAVES[-1]], ids=names)
def test_converges_at_its_order_in_the_plane(make):
    check_order(MethodOfLines(4, 24), MethodOfLines(4, 36), *make())


def test_converges_in_space():
    a, b, c = coordinates("a b c")
    f, domain = Field("f", a, b, c, t), Box({a: (0, 1), b: (0, 1), c: (0, 1)}, periodic=(c,)) * Interval(t, 0, 0.2)
    exact = {f: sympy.sin(a + 2 * b - t) * sympy.exp(sympy.sin(2 * sympy.pi * c) / 2)}
    problem, _ = started(domain, exact, same(lambda f: f.diff(t) - laplacian(f) / 50, exact).on(domain.interior),
                         same(lambda f: f, exact).on(domain.boundary))
    check_order(MethodOfLines(2, 40), MethodOfLines(2, 48), problem, exact)


def test_two_conditions_at_one_end_where_the_equation_has_fourth_order():
    check_order(MethodOfLines(2, 24), MethodOfLines(2, 32), *beam())


@pytest.mark.parametrize("make", [m for m in EVERY if m is not beam], ids=names)
def test_collocation_is_spectral(make):
    problem, exact = make()
    plane = len(problem.coordinates) == 3
    true, claimed = errors_of(SpectralLines(16 if plane else 28), problem, exact)
    assert true < (1e-7 if plane else 1e-9) and claimed < (2e-6 if plane else 1e-8)


@pytest.mark.parametrize("make", [heat_with_fluxes, system, inflow, wave_absorbed, circling], ids=names)
def test_the_jacobian_is_the_derivative_of_the_rate(make):
    problem, _ = make()
    form = evolution_form(problem)
    lines = semidiscretise(form, uniform_grid(form.space.bounds, 12, 2, [bool(form.space.periodic)]))
    rng = np.random.default_rng(0)
    y, direction, h = rng.standard_normal(lines.start.shape), rng.standard_normal(lines.start.shape), 1e-6
    change = (lines.rate(0.3, y + h * direction) - lines.rate(0.3, y - h * direction)) / (2 * h)
    np.testing.assert_allclose(lines.jacobian(0.3, y) @ direction, change, rtol=1e-6, atol=1e-6 * np.abs(change).max())


@pytest.mark.parametrize("make", [heat, circling], ids=names)
def test_explicit_and_implicit_steps_agree(make, monkeypatch):
    problem, _ = make()
    inside, _ = comparison_points(problem)
    found = []
    for limit in (1e9, 0.0):
        monkeypatch.setattr(stepping, "STIFF", limit)
        monkeypatch.setattr(stepping, "STIFF_FOR_WAVES", limit)
        found.append(MethodOfLines(2, 32).compute(problem, inside).values(u, inside))
    assert 0 < relative_l2(found[0] - found[1], found[0]) < 1e-6


def test_initial_conditions_may_join_value_and_rate():
    problem, exact = wave()
    speed = same(lambda u: u.diff(t) + 2 * u.diff(x) - x * u, exact).on(LINE.initial)
    other = Problem(*problem.constraints[:-1], speed)
    assert sympy.simplify(list(evolution_form(other).initial.values())[1] - exact[u].diff(t).subs(t, 0)) == 0


def test_a_complex_field_is_stepped_in_its_parts():
    psi = Field("psi", x, t, complex=True)
    exact = sympy.exp(sympy.I * (sympy.pi * x - sympy.pi**2 * t))
    problem = Problem(Equation(sympy.I * psi.diff(t), -psi.diff(x, 2)).on(CIRCLE.interior),
                      Equation(psi, exact.subs(t, 0)).on(CIRCLE.initial))
    inside, _ = comparison_points(problem)
    a, b = (inside.values[:, inside.coordinates.index(c)] for c in (x, t))
    found = SpectralLines(12).compute(problem, inside)
    true = np.exp(1j * (np.pi * a - np.pi**2 * b))
    assert relative_l2(found.values(psi, inside) - true, true) < found.error[psi] < 1e-7


def test_parameters_and_another_order_of_coordinates_do_not_matter():
    k, f = Parameter("k", 0.3), Field("f", t, y, x)
    box = Box({y: (-1, 0.5), x: (0, 1)}) * Interval(t, 0.5, 1)
    exact = {f: sympy.sin(x + 2 * y) * sympy.exp(-k * t)}
    problem, _ = started(box, exact, same(lambda f: f.diff(t) - k * laplacian(f), exact).on(box.interior),
                         same(lambda f: f, exact).on(box.boundary))
    assert errors_of(SpectralLines(12), problem, {f: exact[f].subs(k, 0.3)})[0] < 1e-8


@pytest.mark.parametrize("rate, message", [(-u.diff(x, 2), "stopped at t = "),
                                           (u**2 * 2, "stopped at t = .* either the solution becomes infinite")])
def test_what_grows_without_bound_is_no_reference(rate, message):
    start = Equation(u, 2 + sympy.sin(sympy.pi * x)).on(CIRCLE.initial)
    problem = Problem(Equation(u.diff(t), rate).on(CIRCLE.interior), start)
    with pytest.raises(ReferenceError, match=message):
        MethodOfLines(2, 64).compute(problem, comparison_points(problem)[0])


@pytest.mark.parametrize("reference", [MethodOfLines(2, 32), MethodOfLines(4, 48), SpectralLines(16), Leapfrog(2, 32)], ids=str)
def test_an_initial_value_between_the_nodes_is_missed_by_all_grids_and_noticed(reference):
    exact = sympy.exp(-((x - t - sympy.Rational(1, 50)) ** 2) / (2 * sympy.Rational(1, 200) ** 2))
    problem = Problem(Equation(u.diff(t, 2), u.diff(x, 2)).on(CIRCLE.interior),
                      Equation(u, exact.subs(t, 0)).on(CIRCLE.initial),
                      Equation(u.diff(t), exact.diff(t).subs(t, 0)).on(CIRCLE.initial))
    inside, _ = comparison_points(problem)
    found = reference.compute(problem, inside)
    columns = dict(zip(inside.coordinates, inside.values.T, strict=True))
    right = sympy.lambdify((x, t), exact)(columns[x], columns[t])
    assert relative_l2(found.values(u, inside) - right, right) < 3 * found.error[u]
    assert found.error[u] > 0.5


def on_line(*constraints):
    return Problem(*(e.on(r) for e, r in constraints))


START, RATE, ENDS = (Equation(u, x), LINE.initial), (Equation(u.diff(t), 0), LINE.initial), (Equation(u, 0), LINE.boundary)


@pytest.mark.parametrize("problem, message", [
    (on_line((Equation(u.diff(t, 2), u.diff(x, 2)), LINE.interior), START, ENDS),
     "initial conditions do not give u_t at the first time: there are 0 for 1; .* first time derivative on .initial"),
    (on_line((Equation(u.diff(t), u.diff(x, 2)), LINE.interior), START, RATE, ENDS), "an initial condition says u_t = 0"),
    (on_line((Equation(u.diff(t), u.diff(x, 2, t)), LINE.interior), START, ENDS), "differentiated in space, as u_xxt"),
    (on_line((Equation(u.diff(t, 3), u), LINE.interior), START, ENDS), "time derivative of order 3; orders 1 and 2"),
    (on_line((Equation((u.diff(t) + v.diff(x), u.diff(x)), 0), LINE.interior), START, ENDS),
     r"no equation has a time derivative of v\(x, t\): it follows from a constraint, as a pressure"),
    (on_line((Equation(u.diff(t) ** 2, u), LINE.interior), START, ENDS), "the equations do not give u_t: they are not linear"),
    (on_line((Equation(u.diff(t), u.diff(x, 2)), LINE.interior.where(x < 0.5)), START, ENDS), "a part of the interior"),
    (on_line((Equation(u.diff(t), u.diff(x, 2)), LINE.interior), (Equation(u, x), LINE.final), ENDS), "takes equations on the"),
    (on_line((Equation(u.diff(t), u.diff(x, 2)), LINE.interior), START, (Equation(u, 0), LINE.boundary.where(t < 0.5))),
     "changes with t"),
    (on_line((Equation(u.diff(t), u.diff(x, 2)), LINE.interior), START, (Equation(u, 1), PointSet((x, t), [[0.5, 0.5]]))),
     "sets of data points"),
    (dirichlet()[0], r"made for one Box × time, Box\({x: \(0, 1\)}\) \* Interval\(t, 0, 1\)"),
])
def test_unfit_problems_are_told_why(problem, message):
    with pytest.raises(ReferenceError, match="no evolution reference: .*" + message):
        MethodOfLines(2, 32).compute(problem, comparison_points(dirichlet()[0])[0])
    assert SpectralLines().unfit(problem) == MethodOfLines().unfit(problem) is not None


@pytest.mark.parametrize("conditions, message", [
    ((), "at x = 0 there are 0 usable equations for 1 fields"),
    ((ENDS, (Equation(u.diff(x), 0), LINE.face(x, 0))), "at x = 0 the equations 'boundary', 'x = 0' are 2 conditions"),
    (((Equation(u**2, 0), LINE.boundary),), "is not linear in the fields"),
    (((Equation(u.diff(t, 2), 0), LINE.boundary),), "time derivative of order 2, and the equations inside have order 1"),
])
def test_bad_conditions_are_told_at_their_place(conditions, message):
    problem = on_line((Equation(u.diff(t), u.diff(x, 2)), LINE.interior), START, *conditions)
    with pytest.raises(ReferenceError, match=message):
        MethodOfLines(2, 32).compute(problem, comparison_points(problem)[0])


def test_schemes_that_would_not_be_stable_are_refused():
    with pytest.raises(ReferenceError, match=r"order=3\); expected one of"):
        MethodOfLines(3)
    with pytest.raises(ReferenceError, match="at least 24 cells for order 4"):
        MethodOfLines(4, 20)
    with pytest.raises(ReferenceError, match="too coarse"):
        SpectralLines(7)
    assert "order 6 make waves grow at the ends of x" in MethodOfLines(6).unfit(wave()[0])
    assert "up to second derivatives along x" in SpectralLines().unfit(beam()[0])
    with pytest.raises(ReferenceError, match="at most 50000 can be stepped"):
        MethodOfLines(2, 60_000).compute(wave()[0], comparison_points(wave()[0])[0])
    with pytest.raises(ReferenceError, match="leaves open what to compute"):
        MethodOfLines().compute(wave()[0], comparison_points(wave()[0])[0])


def test_stationary_references_refuse_evolutions():
    for reference in (FiniteDifference(), Chebyshev()):
        assert "a stationary grid has no time" in reference.unfit(heat()[0])
    disc = Disc({x: 0, y: 0}, 1) * Interval(t, 0, 1)
    round_ = Problem(Equation(w.diff(t), laplacian(w)).on(disc.interior), Equation(w, 0).on(disc.boundary),
                     Equation(w, 0).on(disc.initial))
    assert not fitting(round_)


def test_two_kinds_of_references_judge_evolutions_by_default():
    for make, kinds in ((heat, {MethodOfLines, SpectralLines}), (wave, {MethodOfLines, SpectralLines, Leapfrog})):
        problem, exact = make()
        assert {type(r) for r in fitting(problem)} == kinds
        assert validate(Known(problem, exact)).verdict == "confirmed"
        report = validate(Known(problem, {u: WAVE + x * (1 - x) * t / 50}))
        assert report.verdict == "rejected" and report.errors[u].relative_l2 > 1e-3 > 10 * report.reference_error


def test_a_reference_that_the_user_names_is_refined():
    problem, exact = heat()
    report = validate(Known(problem, exact), MethodOfLines(order=4, cells=32))
    assert report.reference == "the method of lines with finite differences of order 4 on 32 cells"
    assert report.verdict == "confirmed"


def test_without_flux_the_mean_stays_what_it_was():
    problem = Problem(Equation(w.diff(t), laplacian(w)).on(SQUARE.interior),
                      Equation(normal_derivative(w), 0).on(SQUARE.boundary),
                      Equation(w, sympy.cos(sympy.pi * x) + x**2 * (3 - 2 * x)).on(SQUARE.initial))
    a, b = np.meshgrid((np.arange(64) + 0.5) / 64, (np.arange(64) + 0.5) * 1.5 / 64 - 1)
    late = Points((x, y, t), np.stack([a.ravel(), b.ravel(), np.ones(a.size)], axis=1))
    found = SpectralLines(20).compute(problem, comparison_points(problem)[0])
    assert abs(found.values(w, late).mean() - 0.5) < 1e-6
