"""Polygons: exact sides, distances and faces, many vertices, and vertices that bound nothing."""

import math
from pathlib import Path

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Polygon
from pinnsiren.errors import DataError, DomainError
from pinnsiren.storage import read, write
from pinnsiren.symbols import coordinates

x, y, z = coordinates("x y z")
SQUARE = [(0, 0), (4, 0), (4, 4), (0, 4)]
NOTCHED = Polygon((x, y), [(0, 0), (3, 0), (3, 2), (1.5, 0.5), (0, 2)], holes=[[(0.25, 0.25), (0.25, 0.5), (0.5, 0.25)]])


def star(n: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 0.3 * np.cos(7 * angle))[:, None]


def test_sides_of_points_on_vertices_edges_and_in_line_with_them() -> None:
    at = {(0, 0): 0, (3, 0): 0, (1.5, 0.5): 0, (1, 0): 0, (0, 2): 0, (0.25, 0.25): 0, (0.3, 0.45): 0, (2.25, 1.25): 0,
          (1, 0.5): -1, (2, 0.5): -1, (1.5, 0.25): -1, (0.6, 0.25): -1, (0.1, 1.5): -1,
          (0.3, 0.3): 1, (-1, 0): 1, (4, 0): 1, (5, 0.5): 1, (1.5, 2): 1, (1.5, 1): 1, (-1, 2): 1, (1, -1): 1}
    np.testing.assert_array_equal(NOTCHED.sides(np.array(list(at), dtype=float), 1e-12), list(at.values()))


def test_distance_is_signed_and_exact() -> None:
    points = np.array([[1.5, 0.25], [1.5, 1.5], [-3, -4], [4, 1], [0.3, 0.3]])
    expected = [-0.25, 1 / math.sqrt(2), 5, 1, 0.05]
    np.testing.assert_allclose(NOTCHED.distance(points), expected, rtol=1e-14)
    many = np.random.default_rng(0).uniform(-1, 4, (500, 2))
    ring = Polygon((x, y), SQUARE, holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]])
    from_hole = np.linalg.norm(np.maximum(np.abs(many - 1.5) - 0.5, 0), axis=1)
    inside = (np.abs(many - 2).max(axis=1) < 2) & (from_hole > 0)
    depth = np.minimum(2 - np.abs(many - 2).max(axis=1), from_hole)
    np.testing.assert_allclose(-ring.distance(many)[inside], depth[inside], rtol=1e-12)
    assert (ring.distance(many)[~inside] >= 0).all()
    assert ring.distance(np.empty((0, 2))).shape == (0,)
    with pytest.raises(DataError, match=r"expected \(n, 2\)"):
        ring.distance([[1, 2, 3]])


@pytest.mark.parametrize("turned", [False, True])
def test_either_way_round(turned: bool) -> None:
    way = -1 if turned else 1
    polygon = Polygon((y, x), SQUARE[::way], holes=[[(1, 1), (1, 2), (2, 2), (2, 1)][::way]])
    assert polygon.coordinates == (y, x)
    assert polygon.interior.measure == pytest.approx(15, rel=1e-14)
    places = np.array([[4, 2], [0, 2], [2, 0], [2, 4], [1, 1.5], [2, 1.5]])
    np.testing.assert_array_equal(polygon.normals(places), [[1, 0], [-1, 0], [0, -1], [0, 1], [1, 0], [-1, 0]])


def test_edges_along_a_coordinate_are_faces() -> None:
    assert NOTCHED.face(x, 0).measure == 2
    assert NOTCHED.face(y, 0).measure == 3
    np.testing.assert_array_equal(NOTCHED.face(x, 3).sample(1).normals, [[1, 0]])
    hole = NOTCHED.face(x, 0.25)
    assert hole.measure == 0.25
    np.testing.assert_array_equal(hole.sample(1).normals, [[1, 0]])
    assert hole.contains([[0.25, 0.3], [0.25, 0.6], [0.25, 0.0]]).tolist() == [True, False, False]
    with pytest.raises(DomainError, match="its faces across x are at 0, 0.25, 3"):
        NOTCHED.face(x, 1)
    stairs = Polygon((x, y), [(0, 0), (3, 0), (3, 1), (2, 1), (2, 2), (1, 2), (1, 1), (0, 1)])
    assert stairs.face(y, 1).measure == 2
    assert stairs.face(y, 1).contains([[0.5, 1], [1.5, 1], [2.5, 1]]).tolist() == [True, False, True]


def test_sums_with_other_domains() -> None:
    cut = NOTCHED - Box({x: (1, 2), y: (0, 0.25)})
    assert cut.interior.measure == pytest.approx(NOTCHED.interior.measure - 0.25, rel=2e-3)
    assert cut.face(y, 0.25).where(x > 1).measure == pytest.approx(1, rel=2e-3)


def test_uniform_over_a_slanted_shape() -> None:
    values = NOTCHED.interior.sample(2**13, seed=3).values
    corner = ((values >= 0) & (values <= 0.25)).all(axis=1).mean()
    assert corner == pytest.approx(0.0625 / NOTCHED.interior.measure, abs=2e-3)
    slope = NOTCHED.boundary.where(sympy.Eq(x + y, 2)).sample(500).values
    assert slope[:, 0].mean() == pytest.approx(0.75, abs=5e-3)


def test_a_thousand_vertices() -> None:
    polygon = Polygon((x, y), star(1000))
    assert polygon.interior.measure == pytest.approx(np.pi * (1 + 0.3**2 / 2), rel=1e-3)
    sample = polygon.boundary.sample(2000)
    assert polygon.boundary.contains(sample.values).all()
    assert len(polygon.boundary_charts()) < 20
    assert (polygon.sides(polygon.interior.sample(2000).values, 0.0) == -1).all()


def test_it_comes_back_from_a_file(tmp_path: Path) -> None:
    write(tmp_path / "polygon.h5", {"thing": NOTCHED.boundary})
    back = read(tmp_path / "polygon.h5")["thing"]
    assert back == NOTCHED.boundary
    assert hash(back) == hash(NOTCHED.boundary)


@pytest.mark.parametrize("vertices, match", [
    ([(0, 0), (2, 2), (2, 0), (0, 2)], r"edge 0 of the polygon, from \(0, 0\) to \(2, 2\), crosses or touches edge 2 of the "
                                       r"polygon, from \(2, 0\) to \(0, 2\)"),
    ([(0, 0), (1, 0)], r"vertices of shape \(2, 2\); expected at least three pairs of numbers"),
    ([(0, 0), (1, 0), (1, 1), (0, 0)], r"vertices 0 and 3 of the polygon are the same, \(0, 0\); leave the closing one out"),
    ([(0, 0), (1, 0), (1, 1), (1, 0), (0, 1)], "vertices 1 and 3 of the polygon are the same.*give every vertex once"),
    ([(0, 0), (1, 1), (3, 3)], "the polygon has no area: its vertices lie on one line"),
    ([(0, 0), (2, 0), (2, 1), (1, 0), (0, 1)], r"crosses or touches edge 0 of the polygon, from \(0, 0\) to \(2, 0\)"),
    ([(0, 0), (2, 0), (1, 0), (1, 1)], "crosses or touches"),
    ([(0, 0), (1, 0), (-1, 0), (1, 1)], "crosses or touches"),
    ([(0, 0), (1, 0), (1, np.nan)], r"vertex 2 of the polygon is \(1.0, nan\)"),
    ([(0, 0, 1), (1, 0, 1), (0, 1, 1)], r"shape \(3, 3\)"),
    ([(0, 0), (1, 0), ("a", 1)], "not pairs of numbers"),
    (3, "not pairs of numbers"),
])
def test_vertices_that_bound_nothing(vertices: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        Polygon((x, y), vertices)


@pytest.mark.parametrize("holes, match", [
    ([[(5, 5), (6, 5), (5, 6)]], r"hole 0 is not inside the polygon: its vertex \(5, 5\) is outside"),
    ([[(3, 3), (5, 3), (3, 3.5)]], "of the polygon.*crosses or touches edge 0 of hole 0"),
    ([[(0, 1), (1, 1), (1, 2)]], "of hole 0.*crosses or touches edge 3 of the polygon"),
    ([[(-1, -1), (5, -1), (5, 5), (-1, 5)]], "hole 0 is not inside the polygon"),
    ([[(1, 1), (2, 1), (1, 2)], [(1.1, 1.1), (1.2, 1.1), (1.1, 1.2)]], "hole 1 is inside hole 0"),
    ([[(1, 1), (2, 1), (1, 2)], [(1.1, 1.1), (3, 1.1), (3, 1.2)]], "of hole 0.*crosses or touches edge . of hole 1"),
    ([(1, 1), (2, 1), (1, 2)], "hole 0 has vertices that are not pairs"),
    (7, r"expected several lists of vertices: holes=\[\["),
])
def test_holes_that_do_not_fit(holes: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        Polygon((x, y), SQUARE, holes)


@pytest.mark.parametrize("axes", [(x,), (x, y, z), (x, x), ("x", "y")])
def test_other_coordinates(axes: object) -> None:
    with pytest.raises(DomainError, match=r"give two|names a coordinate twice|expected symbols"):
        Polygon(axes, SQUARE)
