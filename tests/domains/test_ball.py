"""Discs and balls: the equal-area map of the sphere in any dimension, normals, and bad radii."""

import numpy as np
import pytest
import sympy
from scipy.stats import kstest

from pinnsiren.domains import Ball, Disc
from pinnsiren.domains.ball import sphere
from pinnsiren.errors import DomainError
from pinnsiren.sampling import unit_points

x, y, z = sympy.symbols("x y z", real=True)


@pytest.mark.parametrize("dimension", [2, 3, 4, 7])
def test_sphere_map_is_equal_area(dimension: int) -> None:
    """Any projection s of a uniform point of the sphere has (1 + s)/2 ~ Beta((d−1)/2, (d−1)/2)."""
    points = sphere(unit_points(4000, dimension - 1, seed=1, method="uniform"))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-14)
    slanted = np.arange(1, dimension + 1) / np.linalg.norm(np.arange(1, dimension + 1))
    for direction in (*np.eye(dimension), slanted):
        law = ((dimension - 1) / 2, (dimension - 1) / 2)
        assert kstest((1 + points @ direction) / 2, "beta", args=law).pvalue > 1e-3


def test_archimedes() -> None:
    unit = unit_points(1000, 2, seed=0)
    np.testing.assert_allclose(sphere(unit)[:, 2], 2 * unit[:, 1] - 1, atol=1e-13)


@pytest.mark.parametrize("ball", [Disc({x: 1, y: -2}, 0.5), Ball({x: 1, y: -2, z: 3}, 2)])
def test_normals_are_the_gradient_of_the_signed_distance(ball: Ball) -> None:
    middle = np.array([value for _, value in ball.centre])
    sample = ball.boundary.sample(100, seed=2)
    assert sample.normals is not None
    h = 1e-5 * np.eye(len(middle))
    slope = np.stack([(np.linalg.norm(sample.values + e - middle, axis=1)
                       - np.linalg.norm(sample.values - e - middle, axis=1)) / 2e-5 for e in h], axis=1)
    np.testing.assert_allclose(sample.normals, slope, atol=1e-9)
    np.testing.assert_allclose(ball.boundary.normals_at(sample.values), sample.normals, atol=1e-14)


def test_sides_and_bounds() -> None:
    disc = Disc({x: 1, y: 0}, 2)
    points = np.array([[1.0, 0.0], [3.0, 0.0], [3.1, 0.0], [1.0, -2.05]])
    assert disc.sides(points, 0.0).tolist() == [-1, 0, 1, 1]
    assert disc.contains(points, 0.06).tolist() == [True, True, False, True]
    np.testing.assert_array_equal(disc.bounds, [[-1, 3], [-2, 2]])
    assert disc == Ball({x: sympy.Integer(1), y: 0.0}, sympy.Integer(2))


def test_grid_on_a_circle() -> None:
    sample = Disc({x: 0, y: 0}, 1).boundary.sample(4, method="grid").values
    half = 0.5**0.5
    np.testing.assert_allclose(sample, [[half, half], [-half, half], [-half, -half], [half, -half]], atol=1e-15)


def test_bad_balls() -> None:
    for radius in (0, -1):
        with pytest.raises(DomainError, match=f"the radius is {radius}; expected a positive number"):
            Disc({x: 0, y: 0}, radius)
    with pytest.raises(DomainError, match="the radius is nan"):
        Ball({x: 0, y: 0}, float("nan"))
    with pytest.raises(DomainError, match="the centre's y is oo"):
        Ball({x: 0, y: sympy.oo}, 1)
    with pytest.raises(DomainError, match=r"use Interval\(x, a, b\)"):
        Ball({x: 0}, 1)
    with pytest.raises(DomainError, match="give two, or use Ball"):
        Disc({x: 0, y: 0, z: 0}, 1)
    with pytest.raises(DomainError, match="no flat face across x; use a part of its boundary"):
        Disc({x: 0, y: 0}, 1).face(x, 1)
