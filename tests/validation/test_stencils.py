"""Differentiation matrices: exact on polynomials, spectral on Chebyshev points; interpolation; what they refuse."""

import numpy as np
import pytest

from pinnsiren.errors import ReferenceError
from pinnsiren.validation.finite_difference.grid import spectral_grid, uniform_grid
from pinnsiren.validation.finite_difference.stencils import chebyshev_axis, fornberg_weights, uniform_axis


def test_fornberg_gives_the_classical_weights():
    centred = fornberg_weights(np.array([[-2.0, -1, 0, 1, 2]]), 2)[0]
    np.testing.assert_allclose(centred[1] * 12, [1, -8, 0, 8, -1], atol=1e-13)
    np.testing.assert_allclose(centred[2] * 12, [-1, 16, -30, 16, -1], atol=1e-13)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_stencils_are_exact_up_to_their_degree_and_no_further(order, k):
    axis = uniform_axis(-1, 2, 24, order)
    matrix = axis.derivative(k)
    for degree in range(k + order):
        power = np.polynomial.Polynomial([0] * degree + [1])
        np.testing.assert_allclose(matrix @ power(axis.nodes), power.deriv(k)(axis.nodes), atol=2e-9 * 2.0**degree)
    beyond = np.polynomial.Polynomial([0] * (k + order) + [1])
    assert np.abs(matrix @ beyond(axis.nodes) - beyond.deriv(k)(axis.nodes)).max() > 1e-5


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_chebyshev_is_exact_on_polynomials_and_spectral_on_the_exponential(k):
    axis = chebyshev_axis(0, 1, 16)
    power = np.polynomial.Polynomial([0] * 15 + [1])
    expected = power.deriv(k)(axis.nodes)
    np.testing.assert_allclose(axis.derivative(k) @ power(axis.nodes), expected, atol=1e-10 * 15**k)
    wave = np.exp(2 * axis.nodes)
    assert np.abs(axis.derivative(k) @ wave - 2**k * wave).max() < 1e-13 * 16 ** (2 * k)
    assert np.abs(axis.derivative(k) @ np.ones(16)).max() < 1e-13 * 16 ** (2 * k)


def test_second_order_stencils_also_live_on_chebyshev_nodes():
    axis = chebyshev_axis(-1, 1, 20)
    np.testing.assert_allclose(axis.derivative(2, accuracy=2) @ axis.nodes**2, 2, atol=1e-9)


@pytest.mark.parametrize("order", [2, 4, 6])
def test_interpolation_converges_faster_than_the_scheme(order):
    bounds = np.array([[0, 1], [0, 2], [-1, 1.0]])
    points = np.random.default_rng(0).random((500, 3)) * np.ptp(bounds, axis=1) + bounds[:, 0]
    errors = []
    for cells in (12, 24):
        grid = uniform_grid(bounds, cells, order)
        errors.append(np.abs(grid.interpolate(wave(grid.nodes), points) - wave(points)).max())
    assert np.log2(errors[0] / errors[1]) > order + 1


def test_chebyshev_interpolation_is_exact_to_rounding_also_on_nodes_and_corners():
    bounds = np.array([[0, 1], [0, 2.0], [-1, 1.0]])
    grid = spectral_grid(bounds, 20)
    inside = np.random.default_rng(0).random((50, 3)) * [1, 2, 2] - [0, 0, 1]
    points = np.concatenate([inside, grid.nodes[::97], bounds.T])
    np.testing.assert_allclose(grid.interpolate(wave(grid.nodes), points), wave(points), atol=1e-13)


def test_linear_interpolation_on_nodes_gives_their_values():
    axis = uniform_axis(0, 1, 8, 2)
    start, weights = axis.interpolation(axis.nodes, width=2)
    values = np.sin(axis.nodes)
    np.testing.assert_array_equal((values[start[:, None] + np.arange(2)] * weights).sum(axis=1), values)


def test_mixed_partials_are_kronecker_products_in_the_order_of_the_axes():
    grid = spectral_grid(np.array([[0, 1], [-1, 1.0]]), 22)
    a, b = grid.nodes.T
    values = np.sin(2 * a) * np.exp(3 * b)
    np.testing.assert_allclose(grid.partial((1, 2)) @ values, 2 * np.cos(2 * a) * 9 * np.exp(3 * b), atol=1e-5)


def wave(points):
    return np.sin(points[:, 0] + 2 * points[:, 1]) * np.exp(points[:, 2])


def test_bad_axes_say_what_is_expected():
    with pytest.raises(ReferenceError, match=r"order 3; expected one of \(2, 4, 6\)"):
        uniform_axis(0, 1, 10, 3)
    with pytest.raises(ReferenceError, match="at least 8 cells"):
        uniform_axis(0, 1, 7, 6)
    with pytest.raises(ReferenceError, match="at least 4"):
        chebyshev_axis(0, 1, 3)
    with pytest.raises(ReferenceError, match="orders 0 to 4"):
        uniform_axis(0, 1, 20, 2).derivative(5)
    with pytest.raises(ReferenceError, match="too few for the derivative of order 4"):
        uniform_axis(0, 1, 8, 6).derivative(4)
