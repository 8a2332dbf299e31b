"""Unit-cube points, their distribution over pieces, and drawing by rejection."""

import numpy as np
import pytest
import sympy

from pinnsiren.errors import DataError, DomainError
from pinnsiren.sampling import METHODS, Chart, Points, accepted_fraction, allot, check_request, draw, unit_points

x, y = sympy.symbols("x y", real=True)


def half(unit: np.ndarray) -> tuple[np.ndarray, None]:
    return unit, None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n, dimension", [(1, 1), (7, 2), (100, 3), (9, 0), (5, 12)])
def test_unit_points_are_exactly_n_in_the_open_cube(method: str, n: int, dimension: int) -> None:
    unit = unit_points(n, dimension, seed=1, method=method)
    assert unit.shape == (n, dimension)
    assert unit.dtype == np.float64
    assert ((unit > 0) & (unit < 1)).all()


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_sobol_has_the_moments_of_the_uniform_law(dimension: int) -> None:
    unit = unit_points(4096, dimension, seed=3)
    assert np.abs(unit.mean(axis=0) - 1 / 2).max() < 1e-3
    assert np.abs((unit**2).mean(axis=0) - 1 / 3).max() < 1e-3
    if dimension > 1:
        assert abs((unit[:, 0] * unit[:, 1]).mean() - 1 / 4) < 1e-3


def test_half_of_the_points_have_the_arcsine_law() -> None:
    unit, near = unit_points(4096, 2, seed=3, method="edges"), np.array([1e-4, 1e-2, 0.2, 0.5, 0.9])
    for column in unit.T:
        share = (column[:, None] < near).mean(axis=0)
        np.testing.assert_allclose(share, near / 2 + np.arcsin(np.sqrt(near)) / np.pi, atol=4e-3)
    assert abs(((unit[:, 0] < 0.5) & (unit[:, 1] < 0.5)).mean() - 1 / 4) < 4e-3


def test_uniform_points_have_the_errors_of_independent_ones() -> None:
    means = [unit_points(400, 1, seed=s, method="uniform").mean() for s in range(200)]
    assert np.std(means) == pytest.approx((1 / 12 / 400) ** 0.5, rel=0.15)


def test_grid_points_are_the_midpoints_of_equal_cells() -> None:
    np.testing.assert_array_equal(unit_points(4, 1, method="grid")[:, 0], [1 / 8, 3 / 8, 5 / 8, 7 / 8])
    np.testing.assert_array_equal(unit_points(4, 2, method="grid"),
                                  [[1 / 4, 1 / 4], [1 / 4, 3 / 4], [3 / 4, 1 / 4], [3 / 4, 3 / 4]])
    thinned = unit_points(7, 2, method="grid")
    assert len(np.unique(thinned, axis=0)) == 7
    assert set(np.unique(thinned)) == {1 / 6, 3 / 6, 5 / 6}


@pytest.mark.parametrize("method", ["sobol", "uniform", "edges"])
def test_seeds_reproduce_and_longer_samples_continue_shorter_ones(method: str) -> None:
    a, b = unit_points(100, 2, seed=5, method=method), unit_points(1000, 2, seed=5, method=method)
    np.testing.assert_array_equal(a, b[:100])
    assert not np.array_equal(a, unit_points(100, 2, seed=6, method=method))


def test_a_grid_with_uncountable_cells_is_refused() -> None:
    with pytest.raises(DomainError, match="too many cells"):
        unit_points(3, 70, method="grid")


@pytest.mark.parametrize("n", [4, 5, 17, 1000])
def test_allot_gives_every_piece_a_point_and_the_rest_by_share(n: int) -> None:
    shares = np.array([1e-6, 3.0, 0.0, 1.0, 2.0])
    counts = allot(n, shares)
    assert counts.sum() == n
    assert ((counts > 0) == (shares > 0)).all()
    assert np.abs(counts - n * shares / shares.sum()).max() <= 2


def test_allot_of_fewer_points_than_pieces_favours_none() -> None:
    counts = np.array([allot(3, np.array([1.0, 1.0, 0.0, 1.0, 1.0, 2.0, 0.0]), seed) for seed in range(600)])
    assert (counts.sum(axis=1) == 3).all()
    np.testing.assert_allclose(counts.mean(axis=0), [0.5, 0.5, 0, 0.5, 0.5, 1.0, 0], atol=0.07)


@pytest.mark.parametrize("method", ["uniform", "sobol", "grid"])
def test_draw_rejects_and_returns_exactly_n(method: str) -> None:
    chart = Chart(2, 1.0, half).only(lambda p, _: p[:, 0] + p[:, 1] < 0.5).only(lambda p, _: p[:, 0] > p[:, 1])
    fraction = accepted_fraction(chart, 2**14)
    assert fraction == pytest.approx(1 / 16, rel=2e-3)
    points, normals = draw(chart, 333, fraction, seed=2, method=method)
    assert points.shape == (333, 2)
    assert normals is None
    assert (points.sum(axis=1) < 0.5).all()
    assert (points[:, 0] > points[:, 1]).all()
    assert len(np.unique(points, axis=0)) == 333
    # the centroid of the triangle (0, 0), (1/2, 0), (1/4, 1/4)
    np.testing.assert_allclose(points.mean(axis=0), [1 / 4, 1 / 12], atol=0.02)


def test_draw_gives_up_after_bounded_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinnsiren.sampling._MOST_TRIALS", 1000)
    chart = Chart(1, 1.0, half).only(lambda p, _: p[:, 0] > 2)
    with pytest.raises(DomainError, match="only 0 of 5 points were found in"):
        draw(chart, 5, 0.5, seed=0, method="sobol")
    with pytest.raises(DomainError, match="use method 'sobol'"):
        draw(chart, 5, 0.5, seed=0, method="grid")


def test_flipped_reverses_normals_for_the_condition_too() -> None:
    chart = Chart(1, 1.0, lambda u: (u, np.ones_like(u))).only(lambda p, n: n[:, 0] > 0)
    points, normals = chart.flipped().accepted(np.array([[0.25], [0.5]]))
    np.testing.assert_array_equal(normals, [[-1.0], [-1.0]])
    assert len(points) == 2


@pytest.mark.parametrize("arguments, match", [
    ((0, 0, "sobol"), "n is 0; give a whole number of at least 1"),
    ((2.5, 0, "sobol"), r"n is 2\.5"),
    ((3, -1, "sobol"), "seed is -1"),
    ((3, 0, "halton"), "'halton' is not known; choose one of 'uniform', 'sobol', 'grid'"),
])
def test_requests_that_cannot_be_met(arguments: tuple, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        check_request(*arguments)


def test_points_check_their_shapes() -> None:
    assert len(Points((x, y), [[0, 1], [2, 3]])) == 2
    with pytest.raises(DataError, match=r"shape \(3,\); expected \(n, 2\)"):
        Points((x, y), np.zeros(3))
    with pytest.raises(DataError, match="not an array of real numbers"):
        Points((x, y), [["a", "b"]])
    with pytest.raises(DataError, match="normals have shape"):
        Points((x, y), np.zeros((3, 2)), normals=np.zeros((2, 2)))
    with pytest.raises(DataError, match="data column d has shape"):
        Points((x, y), np.zeros((3, 2)), data={sympy.Symbol("d"): np.zeros(2)})
