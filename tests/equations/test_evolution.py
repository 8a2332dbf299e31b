"""The evolution families: exact solutions against independent formulae, references at their order, two kinds for each."""

import mpmath
import numpy as np
import pytest
import sympy
import torch
from scipy.special import j0, roots_legendre

from pinnsiren.compile import compile_expressions
from pinnsiren.equations import catalogue
from pinnsiren.equations.burgers import burgers
from pinnsiren.equations.wave import wave_bathymetry, wave_gaussian
from pinnsiren.errors import ProblemError
from pinnsiren.gridded import GriddedValue
from pinnsiren.partials import Partial
from pinnsiren.validation import Exact, Leapfrog, MethodOfLines, SpectralLines
from pinnsiren.validation.choice import fitting
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.reference import relative_l2

EVOLUTIONS = ("wave_1d", "wave_travelling", "wave_gaussian", "wave_bathymetry", "heat_1d", "heat_2d", "advection_inflow",
              "advection_periodic", "burgers", "allen_cahn", "kdv_soliton", "kdv_two_solitons", "klein_gordon", "fisher",
              "gray_scott")


def at(expression, **columns):
    """An expression at places given by the names of its symbols."""
    symbols = {s.name: s for s in expression.free_symbols}
    known = {symbols[name]: torch.as_tensor(np.asarray(v, float)) for name, v in columns.items() if name in symbols}
    return compile_expressions([expression])(known)[0].numpy()


@pytest.mark.parametrize("name", EVOLUTIONS)
def test_at_least_two_references_judge_each_of_them(name):
    problem = catalogue()[name]()
    found = [r for r in fitting(problem) if not isinstance(r, Exact)]
    assert len(found) >= 2
    kinds = {type(r) for r in found}
    time = problem.constraints[0].region.domain.time
    waves = any(p.orders[p.field.coordinates.index(time)] == 2
                for c in problem.constraints for r in c.residuals for p in r.atoms(Partial))
    assert (Leapfrog in kinds) == waves and MethodOfLines in kinds


@pytest.mark.parametrize("name, coarse, fine", [
    ("wave_1d", Leapfrog(2, 64), Leapfrog(2, 96)), ("wave_1d", Leapfrog(4, 64), Leapfrog(4, 96)),
    ("wave_travelling", MethodOfLines(4, 96), MethodOfLines(4, 128)), ("heat_1d", MethodOfLines(2, 32), MethodOfLines(2, 48)),
    ("heat_1d", MethodOfLines(4, 64), MethodOfLines(4, 96)), ("advection_inflow", MethodOfLines(4, 128), MethodOfLines(4, 192)),
    ("advection_periodic", MethodOfLines(6, 64), MethodOfLines(6, 80)), ("fisher", MethodOfLines(4, 64), MethodOfLines(4, 96)),
    ("klein_gordon", Leapfrog(2, 64), Leapfrog(2, 96)), ("heat_2d", MethodOfLines(4, 32), MethodOfLines(4, 48)),
], ids=str)
def test_references_agree_with_the_exact_solution_at_their_order(name, coarse, fine):
    problem = catalogue()[name]()
    (field,), (inside, _) = problem.fields, comparison_points(problem)
    exact = Exact().compute(problem, inside).values(field, inside)
    errors = []
    for reference in (coarse, fine):
        found = reference.compute(problem, inside)
        errors.append(relative_l2(found.values(field, inside) - exact, exact))
        assert errors[-1] < found.error[field]
    rate = np.log(errors[0] / errors[1]) / np.log(fine.cells / coarse.cells)
    assert abs(rate - fine.order) < 0.15, rate


@pytest.mark.parametrize("name, reference, expected", [
    ("wave_1d", SpectralLines(32), 1e-8), ("wave_travelling", SpectralLines(64), 1e-6), ("heat_1d", SpectralLines(24), 1e-9),
    ("advection_periodic", SpectralLines(12), 1e-8), ("fisher", SpectralLines(32), 1e-5),
    ("klein_gordon", SpectralLines(12), 1e-9),
    ("wave_gaussian", Leapfrog(4, 192), 3e-2),
    pytest.param("burgers", MethodOfLines(4, 2048), 1e-5, marks=pytest.mark.slow),
    pytest.param("kdv_soliton", MethodOfLines(4, 512), 1e-6, marks=pytest.mark.slow),
    pytest.param("kdv_two_solitons", MethodOfLines(4, 512), 1e-5, marks=pytest.mark.slow),
], ids=str)
def test_accurate_references(name, reference, expected):
    problem = catalogue()[name]()
    (field,), (inside, _) = problem.fields, comparison_points(problem)
    exact = Exact().compute(problem, inside).values(field, inside)
    found = reference.compute(problem, inside)
    assert relative_l2(found.values(field, inside) - exact, exact) < min(expected, found.error[field])


@pytest.mark.parametrize("name, first, second", [
    ("allen_cahn", MethodOfLines(4, 256), SpectralLines(128)), ("gray_scott", MethodOfLines(4, 96), SpectralLines(40)),
    ("wave_bathymetry", MethodOfLines(4, 48), Leapfrog(4, 64)),
], ids=str)
def test_where_nothing_is_exact_two_references_agree_within_their_errors(name, first, second):
    problem = catalogue()[name]()
    inside, _ = comparison_points(problem)
    a, b = (r.compute(problem, inside) for r in (first, second))
    for field in problem.fields:
        apart = relative_l2(a.values(field, inside) - b.values(field, inside), b.values(field, inside))
        assert 0 < apart < a.error[field] + b.error[field] < 0.1


def test_cole_and_hopfs_sums_are_their_integrals():
    problem = burgers()
    (u,) = problem.fields
    nu = mpmath.mpf(0.01) / mpmath.pi
    places = [(0.3, 0.2), (-0.02, 0.9), (0.999, 1.0), (0.5, 1e-4)]

    def integral(weight, x, t):
        width = 2 * mpmath.sqrt(nu * t)
        return mpmath.quad(lambda z: weight(mpmath.pi * (x - width * z)) * mpmath.exp(
            -mpmath.cos(mpmath.pi * (x - width * z)) / (2 * mpmath.pi * nu) - z**2), mpmath.linspace(-14, 14, 29))

    expected = [float(-integral(mpmath.sin, x, t) / integral(lambda y: 1, x, t)) for x, t in places]
    a, b = np.transpose(places)
    np.testing.assert_allclose(at(problem.exact[u], x=a, t=b), expected, atol=1e-12)


def test_the_steepest_slope_of_burgers_shock_is_basdevants():
    """|u_x(0, t)| has the maximum 152.00516 at t = 1.6037/π (Basdevant et al. 1986, Table 1)."""
    problem = burgers()
    (u,) = problem.fields
    slope = sympy.diff(problem.exact[u], u.coordinates[0])
    times = np.linspace(1.55, 1.65, 201) / np.pi
    found = -at(slope, x=np.zeros_like(times), t=times)
    assert abs(found.max() - 152.00516) < 1e-4
    assert abs(np.pi * times[found.argmax()] - 1.6037) < 1e-3


def test_the_drop_is_its_integral_over_all_wave_numbers():
    problem = wave_gaussian()
    (u,) = problem.fields
    x, y = (0.9 * np.random.default_rng(0).uniform(-1, 1, 40) for _ in range(2))
    x[0] = y[0] = 0.0
    nodes, weights = roots_legendre(1500)
    k, v = 210 * (nodes + 1), 5e-4
    for t in (0.0, 0.17, 0.4):
        terms = 210 * weights * 0.02 * v * np.exp(-v * k**2 / 2) * np.cos(k * t) * k
        np.testing.assert_allclose(at(problem.exact[u], x=x, y=y, t=np.full(40, t)),
                                   j0(np.multiply.outer(np.hypot(x, y), k)) @ terms, atol=1e-14 * 0.02 * 100)


def test_the_sea_floor_is_water_everywhere_and_as_deep_as_the_model():
    problem = wave_bathymetry(smoothing=1.0)
    (depth,) = {v for c in problem.constraints for r in c.residuals for v in r.atoms(GriddedValue) if not sum(v.orders)}
    east, north = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 60))
    values = at(depth, x=east.ravel(), y=north.ravel())
    assert 0.04 < values.min() < 0.06 and 1.2 < values.max() < 1.46  # km, the spline between samples included
    assert values[0] > 1.0 > 0.1 > values[-1]  # deep in the south-west, a shelf in the north-east
    with pytest.raises(ProblemError, match="smoothing=0.5 km; expected at least 1 km"):
        wave_bathymetry(smoothing=0.5)


def test_a_weaker_viscosity_makes_a_thinner_shock():
    slopes = []
    for viscosity in (0.01, 0.005):
        problem = burgers(viscosity)
        (u,) = problem.fields
        slopes.append(-float(at(sympy.diff(problem.exact[u], u.coordinates[0]), x=[0.0], t=[0.6])[0]))
    assert slopes[1] / slopes[0] == pytest.approx(2, rel=0.1)
