"""Boxes: exact sides, faces and corners, grids, and bad extents."""

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Interval
from pinnsiren.errors import DataError, DomainError
from pinnsiren.symbols import Parameter, coordinates

x, y, z = coordinates("x y z")
BOX = Box({y: (-1, 1), x: (0, sympy.pi)})


def test_extent_is_kept_in_the_order_given_as_floats() -> None:
    assert BOX.coordinates == (y, x)
    assert BOX.lower == (-1.0, 0.0)
    assert BOX.upper == (1.0, float(np.pi))
    assert Box({y: (-1.0, sympy.Integer(1)), x: (np.float64(0), sympy.pi)}) == BOX
    assert Box({x: (0, 1), y: (0, 1)}) != Box({y: (0, 1), x: (0, 1)})
    assert Box({x: (0, sympy.Rational(1, 3))}) == Interval(x, 0, 1 / 3)
    np.testing.assert_array_equal(BOX.bounds, [[-1, 1], [0, np.pi]])
    assert BOX.size == pytest.approx(np.pi)


def test_contains_is_closed_and_exact() -> None:
    interval = Interval(x, 0.1, 0.3)
    ends = np.array([[0.1], [0.3], [np.nextafter(0.1, 0)], [np.nextafter(0.3, 1)]])
    assert interval.contains(ends).tolist() == [True, True, False, False]
    assert interval.contains(ends, 1e-12).all()
    corner = np.array([[1 + 3e-3, np.pi + 4e-3]])  # at a distance 5e-3
    assert BOX.contains(corner, 5.1e-3).all()
    assert not BOX.contains(corner, 4.9e-3).any()


def test_normals_are_the_gradient_of_the_signed_distance() -> None:
    def distance(p: np.ndarray) -> np.ndarray:
        beyond = np.maximum(BOX.lower - p, p - BOX.upper)
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)

    sample = BOX.boundary.sample(200, seed=2)
    assert sample.normals is not None
    h = 1e-6 * np.eye(2)
    slope = np.stack([(distance(sample.values + e) - distance(sample.values - e)) / 2e-6 for e in h], axis=1)
    np.testing.assert_allclose(sample.normals, slope, atol=1e-8)


def test_faces_are_exact_and_give_their_own_normal_in_corners() -> None:
    corner = np.array([[-1.0, 0.0]])
    np.testing.assert_array_equal(BOX.face(y, -1).normals_at(corner), [[-1, 0]])
    np.testing.assert_array_equal(BOX.face(x, 0).normals_at(corner), [[0, -1]])
    assert BOX.face(y, -1).contains(corner).all()
    assert BOX.face(x, 0).contains(corner).all()
    assert not BOX.face(y, 1).contains(corner).any()
    assert not BOX.face(y, -1).contains([[-1.0, -0.5]]).any()
    face = BOX.face(x, sympy.pi)
    sample = face.sample(64)
    assert (sample.values[:, 1] == np.pi).all()
    np.testing.assert_array_equal(sample.normals, np.tile([0, 1], (64, 1)))
    assert face.measure == 2.0
    assert (face.dimension, face.has_normals, face.data, face.points) == (1, True, (), None)


def test_corner_normals_of_the_box_are_one_of_its_faces() -> None:
    (normal,) = BOX.boundary.normals_at([[1.0, np.pi]])
    assert sorted(normal) == [0, 1]


def test_grid_points_are_exact() -> None:
    sample = Box({x: (0, 4), y: (0, 2)}).interior.sample(16, method="grid").values
    np.testing.assert_array_equal(np.unique(sample[:, 0]), [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_array_equal(np.unique(sample[:, 1]), [0.25, 0.75, 1.25, 1.75])
    face = Box({x: (0, 4), y: (0, 2)}).face(y, 2).sample(4, method="grid").values
    np.testing.assert_array_equal(face, [[0.5, 2], [1.5, 2], [2.5, 2], [3.5, 2]])


def test_an_interval_ends_in_two_points() -> None:
    sample = Interval(x, -1, 2).boundary.sample(5)
    assert set(sample.values[:, 0]) == {-1.0, 2.0}
    np.testing.assert_array_equal(sample.normals, np.where(sample.values > 0, 1.0, -1.0))
    assert (Interval(x, -1, 2).face(x, 2).sample(3).values == 2).all()
    assert Interval(x, -1, 2).boundary.dimension == 0


def test_points_of_a_thin_box_far_from_the_origin_stay_inside() -> None:
    thin = Interval(x, 1e6, 1e6 + 1e-9)
    values = thin.interior.sample(1000).values
    assert ((values > thin.lower) & (values < thin.upper)).all()


@pytest.mark.parametrize("extent, match", [
    ({x: (1, -1)}, r"runs backwards, from 1 to -1; swap its ends: \(-1, 1\)"),
    ({x: (1, 1)}, r"of length 0; expected a positive finite length"),
    ({x: (0, float("inf"))}, "upper end of x is inf; expected a finite real number"),
    ({x: (float("nan"), 1)}, "lower end of x is nan"),
    ({x: (0, 1j)}, "expected a finite real number"),
    ({x: ("0", 1)}, "lower end of x is '0'"),
    ({x: (0, Parameter("L", 2))}, "of a Parameter, give its value"),
    ({x: (-1e308, 1e308)}, "expected a positive finite length"),
    ({x: 1}, r"expected \(lower, upper\)"),
    ({x: (0, 1, 2)}, r"expected \(lower, upper\)"),
    ({"x": (0, 1)}, "expected symbols from ps.coordinates"),
    ({}, "no coordinate"),
    (((x, (0, 1)), (x, (0, 2))), "names a coordinate twice"),
    (7, "expected an entry for each coordinate"),
])
def test_bad_extents(extent: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        Box(extent)


def test_bad_faces() -> None:
    with pytest.raises(DomainError, match=r"face\(x, 0.5\) is no face .* at 0, 3.14159"):
        BOX.face(x, 0.5)
    with pytest.raises(DomainError, match=r"face\(z, …\) of a domain with coordinates"):
        BOX.face(z, 0)
    assert BOX.face(x, 1e-12) == BOX.face(x, 0)


def test_points_of_the_wrong_shape() -> None:
    for ask in (BOX.contains, BOX.interior.contains, BOX.boundary.contains, BOX.boundary.normals_at,
                BOX.face(x, 0).contains):
        with pytest.raises(DataError, match=r"shape \(4, 3\); expected \(n, 2\)"):
            ask(np.zeros((4, 3)))
    with pytest.raises(DomainError, match="has no normals; use the boundary"):
        BOX.interior.normals_at(np.zeros((1, 2)))
