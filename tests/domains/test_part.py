"""The part of a boundary that lies on a primitive's: measures, outward normals, shared faces, products."""

import math

import numpy as np
import pytest

from pinnsiren.domains import Ball, BoundaryOf, Box, Disc, Interval, Polygon
from pinnsiren.equation import Equation
from pinnsiren.errors import DomainError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, coordinates, laplacian, normal_derivative, time

x, y, z = coordinates("x y z")
t = time("t")
SQUARE = Box({x: (-1, 1), y: (-1, 1)})
HOLE = Disc({x: 0.2, y: 0}, 0.5)
CUT = Disc({x: 1, y: 1}, 0.5)
PLATE = SQUARE - HOLE - CUT


def test_pieces_make_up_the_boundary() -> None:
    pieces = [PLATE.boundary.of(p) for p in (SQUARE, HOLE, CUT)]
    assert [p.measure for p in pieces] == pytest.approx([7, math.pi, math.pi / 4], rel=2e-3)
    assert sum(p.measure for p in pieces) == pytest.approx(PLATE.boundary.measure, rel=1e-3)
    for piece in pieces:
        assert (piece.dimension, piece.has_normals, piece.domain) == (1, True, PLATE)
        sample = piece.sample(200)
        assert piece.contains(sample.values).all()
        assert PLATE.boundary.contains(sample.values).all()
        np.testing.assert_allclose(piece.normals_at(sample.values), sample.normals, atol=1e-12)
        step = 1e-5 * sample.normals
        assert (PLATE.sides(sample.values + step, 0.0) == 1).mean() > 0.98
        assert (PLATE.sides(sample.values - step, 0.0) == -1).mean() > 0.98
    assert not pieces[1].contains(pieces[0].sample(50).values).any()


def test_normals_are_outward_of_the_whole_domain() -> None:
    sample = PLATE.boundary.of(HOLE).sample(100)
    np.testing.assert_allclose(sample.normals, (np.array([0.2, 0]) - sample.values) / 0.5, atol=1e-12)
    joined = SQUARE | CUT
    outer = joined.boundary.of(CUT).sample(100)
    np.testing.assert_allclose(outer.normals, (outer.values - 1) / 0.5, atol=1e-12)
    assert joined.boundary.of(CUT).measure == pytest.approx(3 * math.pi / 4, rel=2e-3)


def test_faces_that_primitives_share() -> None:
    corner = SQUARE - Box({x: (0, 1), y: (-1, 0)})
    assert corner.boundary.of(SQUARE).measure == pytest.approx(6, rel=2e-3)
    assert corner.boundary.of(corner.right).measure == pytest.approx(2, rel=2e-3)
    left, right = Box({x: (0, 1), y: (0, 2)}), Box({x: (1, 2), y: (0, 1)})
    stairs = left | right
    assert stairs.boundary.of(left).measure == pytest.approx(5, rel=2e-3)
    assert stairs.boundary.of(right).measure == pytest.approx(3, rel=2e-3)
    assert (left - right).boundary.of(right).measure == pytest.approx(1, rel=2e-3)  # they touch: part of left's own face
    np.testing.assert_array_equal((left - right).boundary.of(right).sample(1).normals, [[1, 0]])


def test_a_primitive_that_is_a_composition_itself() -> None:
    ring = Disc({x: 0, y: 0}, 1) - Disc({x: 0, y: 0}, 0.5)
    half = ring & Box({x: (0, 2), y: (-2, 2)})
    assert half.boundary.of(ring).measure == pytest.approx(1.5 * math.pi, rel=3e-3)
    sample = half.boundary.of(ring).sample(200)
    radius = np.linalg.norm(sample.values, axis=1, keepdims=True)
    np.testing.assert_allclose(sample.normals, sample.values / radius * np.sign(radius - 0.75), atol=1e-12)


def test_products_take_primitives_of_their_space() -> None:
    moving = PLATE * Interval(t, 0, 2)
    wall = moving.boundary.of(HOLE)
    assert wall == moving.boundary.of(HOLE * Interval(t, 0, 2)) == BoundaryOf(moving, HOLE)
    assert wall.measure == pytest.approx(2 * math.pi, rel=2e-3)
    assert (wall.sample(20).normals[:, 2] == 0).all()
    column = PLATE * Interval(z, 0, 2)
    assert column.boundary.of(HOLE).measure == pytest.approx(2 * math.pi, rel=2e-3)
    assert column.boundary.of(HOLE).where(z > 1).measure == pytest.approx(math.pi, rel=4e-3)


def test_a_neumann_condition_on_a_hole() -> None:
    u = Field("u", x, y)
    shape = Polygon((x, y), [(-1, -1), (1, -1), (0, 1.5)]) - Disc({x: 0, y: 0}, 0.25)
    problem = Problem(Equation(laplacian(u), 0).on(shape.interior), Equation(u, x).on(shape.boundary.of(shape.left)),
                      Equation(normal_derivative(u), 0).on(shape.boundary.of(shape.right)))
    assert not [f for f in problem.check() if f.severity == "error"]


@pytest.mark.parametrize("primitive, match", [
    (Ball({x: 0, y: 0, z: 0}, 1), r"boundary.of a domain in \(x, y, z\), asked of one in \(x, y\)"),
    (HOLE.interior, "expected a domain, such as the disc that was cut out"),
    (3, "expected a domain"),
])
def test_primitives_that_do_not_fit(primitive: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        PLATE.boundary.of(primitive)


def test_a_primitive_that_has_no_part_in_it() -> None:
    with pytest.raises(DomainError, match="empty region"):
        PLATE.boundary.of(Disc({x: 0, y: 0}, 0.1)).sample(3)
