"""Plates, elastic bodies, flows and ions: exact solutions, references at their order, and solves that come near."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.compile import compile_expressions
from pinnsiren.equations import catalogue
from pinnsiren.equations.biharmonic import biharmonic_clamped, biharmonic_supported_mixed
from pinnsiren.equations.elasticity import Material, elasticity_cylinder, elasticity_hole, elasticity_square
from pinnsiren.equations.ghia import ghia_u, ghia_v
from pinnsiren.equations.manufactured import satisfied_by
from pinnsiren.equations.navier_stokes import cavity, kovasznay, stokes
from pinnsiren.equations.poisson_boltzmann import PARTICLES, poisson_boltzmann_perforated, poisson_boltzmann_square
from pinnsiren.partials import Partial
from pinnsiren.validation.exact import columns_of
from tests.validation.manufactured import Known

STEADY = ("biharmonic_clamped", "biharmonic_supported", "biharmonic_supported_mixed", "elasticity_square",
          "elasticity_cylinder", "elasticity_hole", "kovasznay", "stokes", "poisson_boltzmann_square",
          "poisson_boltzmann_perforated")
ON_GRIDS = (biharmonic_supported_mixed, elasticity_square, poisson_boltzmann_square)
BANDS = {"elasticity_hole": 12.0, "poisson_boltzmann_perforated": 10.0, "kovasznay": 8.0}
NEAR = {"elasticity_hole": 0.1, "poisson_boltzmann_perforated": 0.05}  # relative L2 that 300 features reach, and more


def values_of(expression, points):
    return compile_expressions([expression])(columns_of(points))[0].numpy()


def exact_values(problem, expression, points):
    """An expression of the fields, at points where the exact solution holds."""
    return values_of(sympy.sympify(expression).subs(problem.exact).doit(), points)


def residuals_of_exact(problem):
    """The largest residual of each equation beside the largest partial in it."""
    for constraint in problem.constraints:
        columns = columns_of(constraint.region.sample(200, seed=5))
        used = sorted({s for r in constraint.residuals for s in r.atoms(Partial)}, key=str)
        jet = compile_expressions([p.derivative.subs(problem.exact).doit() for p in used])(columns)
        scale = max(1.0, *(float(j.abs().max()) for j in jet))
        values = compile_expressions(constraint.residuals)({**columns, **dict(zip(used, jet, strict=True))})
        yield constraint.name, float(torch.stack(values).abs().max()) / scale


def error_on_grid(problem, reference):
    inside = problem.constraints[0].region.sample(300, seed=3)
    found = reference.compute(problem, inside)
    expected = {f: exact_values(problem, f, inside) for f in problem.fields}
    return max(np.linalg.norm(found.values(f, inside) - v) / np.linalg.norm(v) for f, v in expected.items())


def short_solve(problem, features=300):
    """One least-squares solve for a fixed network: seconds, and far from what the default rule reaches."""
    band = BANDS.get(problem.name, 5.0)
    fields = problem.fields if problem.ansatz is None else [f for e in problem.ansatz.fields.values()
                                                            for f in e.atoms(ps.Field)]
    network = ps.Fourier(2, len(fields), features, band, box=list(problem.bounds.values()), seed=1)
    return ps.solve(problem, network, ps.LeastSquares(), progress=False)


def test_the_catalogue_holds_the_steady_families() -> None:
    assert {*STEADY, "cavity"} <= set(catalogue())


@pytest.mark.parametrize("name", STEADY)
def test_exact_solutions_satisfy_every_equation(name) -> None:
    for equation, residual in residuals_of_exact(catalogue()[name]()):
        assert residual < 1e-10, equation


def test_a_planted_error_in_the_exact_solution_is_seen() -> None:
    problem = kovasznay()
    wrong = {f: -e if f.name == "v" else e for f, e in problem.exact.items()}
    planted = problem.with_constraints(problem.constraints, exact=wrong)
    assert max(r for _, r in residuals_of_exact(planted)) > 1e-2
    with pytest.raises(ps.ReferenceError, match=r"problem\.exact is wrong: put into 'momentum'"):
        ps.Exact().compute(planted, planted.constraints[0].region.sample(10))


@pytest.mark.parametrize("make", ON_GRIDS)
@pytest.mark.parametrize("order", [2, 4])
def test_finite_differences_agree_at_their_order(make, order) -> None:
    problem = make()
    cells = np.array([24, 36, 54]) * order // 2
    errors = [error_on_grid(problem, ps.FiniteDifference(order, int(n))) for n in cells]
    assert order - 0.3 < -np.polyfit(np.log(cells), np.log(errors), 1)[0] < order + 1.1  # edges converge a little faster


@pytest.mark.parametrize("make", ON_GRIDS)
def test_chebyshev_collocation_is_spectral(make) -> None:
    assert error_on_grid(make(), ps.Chebyshev(20)) < 1e-7


@pytest.mark.parametrize("name", STEADY)
def test_a_short_solve_comes_near(name) -> None:
    problem = catalogue()[name]()
    solution = short_solve(problem)
    inside = problem.constraints[0].region.sample(400, seed=9)
    for f in problem.fields:
        expected = exact_values(problem, f, inside)
        assert np.linalg.norm(solution(f, inside.values) - expected) < NEAR.get(name, 1e-3) * np.linalg.norm(expected)


def test_a_solution_of_other_equations_is_rejected() -> None:
    other = elasticity_square(poisson=0.35)
    problem = elasticity_square()
    assert ps.validate(Known(problem, problem.exact)).verdict == "confirmed"
    shifted = {f: e + sympy.Rational(1, 50) * sympy.sin(f.coordinates[0]) for f, e in problem.exact.items()}
    assert ps.validate(Known(problem, shifted)).verdict == "rejected"
    assert max(r for _, r in residuals_of_exact(other.with_constraints(problem.constraints, exact=other.exact))) < 1e-10


def test_a_clamped_edge_neither_moves_nor_turns() -> None:
    problem = biharmonic_clamped()
    (w,) = problem.fields
    edge = problem.constraints[1].region.sample(100, seed=0)
    for condition in (w, ps.normal_derivative(w)):
        assert np.abs(exact_values(problem, condition, edge)).max() < 1e-14


def test_the_stress_at_the_hole_is_three_times_the_tension() -> None:
    problem = elasticity_hole(tension=0.2)
    u, v = problem.fields
    x, y = problem.coordinates
    stress = Material.of(1.0, 0.3, "stress").stress(u, v)
    top = ps.PointSet((x, y), [[0.0, 1.0]]).sample(1)
    side = ps.PointSet((x, y), [[1.0, 0.0]]).sample(1)
    assert exact_values(problem, stress[0, 0], top) == pytest.approx(0.6, abs=1e-14)
    assert exact_values(problem, stress[1, 1], side) == pytest.approx(-0.2, abs=1e-14)


def test_the_hoop_stress_of_the_cylinder_is_lames() -> None:
    problem = elasticity_cylinder(inner=1.0, outer=2.0, pressure=3.0, young=7.0)
    u, v = problem.fields
    stress = Material.of(7.0, 0.3, "strain").stress(u, v)
    bore = ps.PointSet(problem.coordinates, [[1.0, 0.0]]).sample(1)
    assert exact_values(problem, stress[0, 0], bore) == pytest.approx(-3.0)
    assert exact_values(problem, stress[1, 1], bore) == pytest.approx(3.0 * (1 + 4) / (4 - 1))


def test_plane_strain_is_stiffer_than_plane_stress() -> None:
    strain, stress = (Material.of(2.0, 0.25, plane) for plane in ("strain", "stress"))
    values = {p: p.value for p in strain.lame.free_symbols}
    assert strain.lame.subs(values) == pytest.approx(2 * 0.25 / (1.25 * 0.5))
    assert stress.lame.subs(values) == pytest.approx(2 * 0.25 / (1 - 0.25**2))
    assert strain.shear.subs(values) == pytest.approx(2 / 2.5)
    assert strain.kolosov.subs(values) == pytest.approx(3 - 4 * 0.25)
    assert stress.kolosov.subs(values) == pytest.approx((3 - 0.25) / 1.25)


def test_particles_have_their_potential() -> None:
    problem = poisson_boltzmann_perforated(zeta=1.5)
    (u,) = problem.fields
    x, y = problem.coordinates
    for p, q, a in PARTICLES:
        ring = ps.Disc({x: p, y: q}, a).boundary.sample(20)
        assert np.abs(exact_values(problem, u, ring) - 1.5).max() < 1e-13


def test_flows_are_without_divergence() -> None:
    for problem in (kovasznay(), stokes()):
        names = {f.name: f for f in problem.fields}
        inside = problem.constraints[0].region.sample(100, seed=0)
        assert np.abs(exact_values(problem, ps.div((names["u"], names["v"])), inside)).max() < 1e-12


def test_the_corner_flow_is_stokes_with_the_lid_s_speed() -> None:
    problem = cavity()
    (psi,) = problem.fields
    x, y = problem.coordinates
    rest = {f: 0 for e in problem.ansatz.fields.values() for f in e.atoms(ps.Field)}
    known = problem.ansatz.fields[psi].subs(rest)
    on_lid, on_wall = (float(known.diff(y).subs(place).evalf()) for place in ({x: 1e-6, y: 1}, {x: 0, y: 1 - 1e-6}))
    assert on_lid - on_wall == pytest.approx(1.0, abs=1e-4)  # the flow of the other corner is smooth here, and cancels
    inside = problem.constraints[0].region.sample(50, seed=0)
    biharmonic = ps.laplacian(ps.laplacian(known, (x, y)), (x, y))
    size = float(np.abs(values_of(known.diff(y, 4), inside)).max())
    assert np.abs(values_of(biharmonic, inside)).max() < 1e-10 * size


def test_the_cavity_comes_near_the_published_velocities() -> None:
    problem = cavity()
    (psi,) = problem.fields
    x, y = problem.coordinates
    solution = short_solve(problem, features=400)
    for table, velocity in ((ghia_u(), psi.diff(y)), (ghia_v(), -psi.diff(x))):
        given = dict(table.columns)[ps.Data("ghia")]
        assert len(given) == 17
        assert np.abs(solution.evaluate(velocity, table.values) - given).max() < 0.02
    least = solution.evaluate(psi.diff(y), [[0.5, 0.4581]])
    assert least == pytest.approx(-0.21404, abs=0.01)  # Botella & Peyret, Computers & Fluids 27 (1998)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: elasticity_square(poisson=0.5), "incompressible"),
    (lambda: elasticity_square(young=-1.0), "E > 0"),
    (lambda: elasticity_square(plane="shell"), "choose 'strain'"),
    (lambda: elasticity_cylinder(inner=2.0, outer=1.0), "0 < inner < outer"),
    (lambda: elasticity_hole(size=1.0), "more than 1"),
    (lambda: kovasznay(reynolds=0.0), "expected a number > 0"),
    (lambda: cavity(reynolds=-1.0), "expected a number > 0"),
    (lambda: biharmonic_supported_mixed(waves_x=0), "whole numbers"),
])
def test_impossible_numbers_are_refused(make, message) -> None:
    with pytest.raises(ps.ProblemError, match=message):
        make()


def test_a_manufactured_equation_holds_normals_and_vectors() -> None:
    x, y = ps.coordinates("x y")
    u = ps.Field("u", x, y)
    equation = satisfied_by({u: x**2 * y}, (ps.laplacian(u), ps.normal_derivative(u)), "both")
    assert equation.rhs == (2 * y, ps.Normal(x) * 2 * x * y + ps.Normal(y) * x**2)
    assert equation.name == "both"
