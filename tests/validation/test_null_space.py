"""What data leave open is found from the equations, and removed before comparing; nothing else is."""

import numpy as np
import pytest
import sympy

import pinnsiren as ps
from pinnsiren.domains.lattice import Lattice, without_harmonic
from pinnsiren.validation.null_space import NullSpace, determined, null_space

x, y = ps.coordinates("x y")
u, d, e = ps.Field("u", x, y), ps.Data("d"), ps.Data("e")
AXIS = (np.arange(40) + 0.5) / 20 - 1
POINTS = np.stack(np.meshgrid(AXIS, AXIS, indexing="ij"), axis=-1).reshape(-1, 2)
PX, PY = POINTS.T
PIXELS = ps.PointSet((x, y), POINTS, data={d: -np.sin(PX) - PY, e: np.sin(PX) - PY**3 / 6})
GIVEN = ps.laplacian(sympy.sin(x) - y**3 / 6, (x, y))


class Known:
    """A solution given by an expression."""

    def __init__(self, problem, exact):
        self.problem, self.exact = problem, exact

    def __call__(self, field, points):
        return self.evaluate(field, points)

    def evaluate(self, expression, points):
        call = sympy.lambdify((x, y), sympy.sympify(expression).subs(u, self.exact).doit(), "numpy")
        return np.broadcast_to(call(*np.asarray(points).T), (len(points),)).astype(float)


def laplacian_problem():
    return ps.Problem(ps.Equation(ps.laplacian(u), d).on(PIXELS), exact={u: e})


@pytest.mark.parametrize(("constraints", "kind"), [
    ([ps.Equation(ps.laplacian(u), d).on(PIXELS)], NullSpace.HARMONIC),
    ([ps.Equation(3 * ps.laplacian(u), d).on(PIXELS)], NullSpace.HARMONIC),
    ([ps.Equation(u.diff(x, 2) + 2 * u.diff(y, 2), d).on(PIXELS)], NullSpace.CONSTANT),
    ([ps.Equation(ps.grad(u), (d, e)).on(PIXELS)], NullSpace.CONSTANT),
    ([ps.Equation(ps.laplacian(u) + u, d).on(PIXELS)], NullSpace.NONE),
    ([ps.Equation(ps.laplacian(u), d).on(PIXELS),
      ps.Equation(ps.normal_derivative(u), 0).on(ps.Box({x: (-1, 1), y: (-1, 1)}).boundary)], NullSpace.CONSTANT),
])
def test_null_spaces_are_found_from_the_equations(constraints, kind) -> None:
    assert null_space(ps.Problem(*constraints), u) is kind


@pytest.mark.parametrize("harmonic", [PX * PY, PX**2 - PY**2, PX + 3, PX**3 - 3 * PX * PY**2])
def test_discrete_harmonic_functions_vanish(harmonic) -> None:
    left = determined(harmonic, NullSpace.HARMONIC, PIXELS.sample(len(POINTS)))
    np.testing.assert_allclose(left, 0, atol=1e-12)


def test_the_rest_stays() -> None:
    bump = (1 - PX**2) * (1 - PY**2)
    left = determined(bump + PX * PY, NullSpace.HARMONIC, PIXELS.sample(len(POINTS)))
    np.testing.assert_allclose(left, determined(bump, NullSpace.HARMONIC, PIXELS.sample(len(POINTS))), atol=1e-12)
    assert np.abs(left).max() > 0.5
    grid = bump.reshape(40, 40)[:, :30]
    np.testing.assert_allclose(without_harmonic(grid, np.array([0.05, 0.05]))[[0, -1]], 0, atol=1e-15)


@pytest.mark.parametrize(("added", "verdict"), [(0, "confirmed"), (5 * x * y + 2, "confirmed"), (0.1 * x**2, "rejected")])
def test_a_laplacian_is_judged_up_to_harmonic_functions(added, verdict) -> None:
    report = ps.validate(Known(laplacian_problem(), sympy.sin(x) - y**3 / 6 + added))
    assert report.verdict == verdict
    assert report.errors[u].up_to == "a harmonic function"
    assert "up to a harmonic function" in report.reason


def test_psnr_is_that_of_the_range() -> None:
    report = ps.validate(Known(laplacian_problem(), sympy.sin(x) - y**3 / 6 + 0.1 * x**2))
    rest = determined(0.1 * PX**2, NullSpace.HARMONIC, PIXELS.sample(len(POINTS)))
    peak = np.ptp(np.sin(PX) - PY**3 / 6)
    assert report.errors[u].psnr == pytest.approx(20 * np.log10(peak / np.sqrt(np.mean(rest**2))), abs=1e-6)
    assert "PSNR" in str(report)


def test_lattices_are_recognised_in_any_order() -> None:
    shuffled = np.random.default_rng(0).permutation(POINTS)
    lattice = Lattice.of(shuffled)
    assert lattice is not None
    assert lattice.counts == (40, 40)
    i, j = lattice.places(shuffled)
    np.testing.assert_allclose(AXIS[i], shuffled[:, 0])
    np.testing.assert_allclose(AXIS[j], shuffled[:, 1])
    assert Lattice.of(np.random.default_rng(0).random((50, 2))) is None
