"""Periodic axes: circulant stencils and Fourier collocation, alone and in stationary references."""

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Interval
from pinnsiren.equation import Equation
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, coordinates, laplacian
from pinnsiren.validation import Chebyshev, FiniteDifference
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.finite_difference.grid import spectral_grid, uniform_grid
from pinnsiren.validation.finite_difference.stencils import fourier_axis, uniform_axis
from pinnsiren.validation.reference import in_order

x, y = coordinates("x y")
BOUNDS = np.array([[-1, 1], [0.0, 2.5]])


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_fourier_is_exact_on_the_waves_that_it_holds(k):
    axis = fourier_axis(-1, 1, 20)
    assert len(axis) == 21
    for wave in (0, 1, 10):
        values = np.exp(1j * np.pi * wave * axis.nodes)
        np.testing.assert_allclose(axis.derivative(k) @ values, (1j * np.pi * wave) ** k * values, atol=1e-12 * 32.0**k)
    aliased = np.exp(11j * np.pi * axis.nodes)
    assert np.abs(axis.derivative(k) @ aliased - (11j * np.pi) ** k * aliased).max() > 1


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_stencils_go_round_the_circle_at_their_order(order, k):
    errors = []
    for cells in (20, 40):
        axis = uniform_axis(-1, 1, cells, order, periodic=True)
        errors.append(np.abs(axis.derivative(k) @ smooth(axis.nodes) - smooth(axis.nodes, k)).max())
    assert len(axis) == 40 and np.log2(errors[0] / errors[1]) > order - 0.35


def smooth(nodes, k=0):
    wave = np.exp(1j * np.pi * nodes)
    return (wave * (1j * np.pi) ** k + wave**2 / 4 * (2j * np.pi) ** k).real


@pytest.mark.parametrize("order, least", [(2, 3), (4, 5), (6, 7), (None, 40)])
def test_interpolation_goes_round_the_circle(order, least):
    points = np.concatenate([np.random.default_rng(0).random((300, 2)) * np.ptp(BOUNDS, axis=1) + BOUNDS[:, 0], BOUNDS.T])
    errors = []
    for cells in (16, 32):
        grid = (spectral_grid(BOUNDS, cells, (True, False)) if order is None
                else uniform_grid(BOUNDS, cells, order, (True, False)))
        a, b = grid.nodes.T
        exact = smooth(points[:, 0]) * np.exp(points[:, 1])
        errors.append(np.abs(grid.interpolate(smooth(a) * np.exp(b), points) - exact).max())
    assert errors[1] < (1e-12 if order is None else errors[0] / 2**least)


def test_a_circle_has_no_faces_and_no_boundary_nodes():
    grid = uniform_grid(BOUNDS, 8, 2, (True, False))
    assert grid.shape == (8, 9) and {face.axis for face in grid.faces} == {1}
    assert (grid.sides.reshape(grid.shape)[:, 1:-1] == -1).all() and (grid.sides.reshape(grid.shape)[:, [0, -1]] == 0).all()
    assert (uniform_grid(BOUNDS, 8, 2, (True, True)).sides == -1).all()


def test_bad_circles_say_what_is_expected():
    with pytest.raises(ReferenceError, match="Fourier collocation on 3 nodes; expected at least 4"):
        fourier_axis(0, 1, 3)
    with pytest.raises(ReferenceError, match="8 nodes on a circle are too few"):
        uniform_axis(0, 1, 8, 6, periodic=True).derivative(4)


def strip():
    """−Δu + u_x + u on a strip whose ends in x are joined: the solution repeats with period 2."""
    u = Field("u", x, y)
    box = Box({x: (-1, 1), y: (0, 1)}, periodic=(x,))
    exact = sympy.exp(sympy.sin(sympy.pi * x)) * sympy.cos(y)

    def left(v):
        return -laplacian(v, (x, y)) + sympy.diff(v, x) + v

    return Problem(Equation(left(u), left(exact)).on(box.interior), Equation(u, exact).on(box.boundary)), exact


def circle():
    w = Field("w", x)
    exact = sympy.exp(sympy.cos(sympy.pi * x))
    line = Interval(x, -1, 1, periodic=True)
    return Problem(Equation(w.diff(x, 2) - w**3, exact.diff(x, 2) - exact**3).on(line.interior)), exact


def torus():
    """Δu = f on a torus fixes u up to a constant."""
    u = Field("u", x, y)
    box = Box({x: (-1, 1), y: (-1, 1)}, periodic=(x, y))
    exact = sympy.sin(sympy.pi * x) * sympy.cos(2 * sympy.pi * y)
    return Problem(Equation(laplacian(u), laplacian(exact, (x, y))).on(box.interior)), exact


@pytest.mark.parametrize("make", [strip, circle, torus], ids=lambda make: make.__name__)
def test_stationary_references_on_circles_converge_and_know_their_error(make):
    problem, exact = make()
    (field,), (inside, _) = problem.fields, comparison_points(problem)
    true = sympy.lambdify(problem.coordinates, exact)(*in_order(inside, problem).T)

    def error(reference):
        found = reference.compute(problem, inside)
        off = np.linalg.norm(found.values(field, inside) - true) / np.linalg.norm(true)
        assert off < found.error[field]
        return off

    assert error(Chebyshev(24)) < 1e-10
    for order in (2, 4, 6):
        coarse, fine = (error(FiniteDifference(order, cells)) for cells in (48, 72))
        assert abs(np.log(coarse / fine) / np.log(1.5) - order) < 0.15
