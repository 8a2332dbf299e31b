"""CSG: coinciding faces, corners, seams, nesting, and domains that do not fit."""

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Ball, Box, Disc, Interval
from pinnsiren.errors import DomainError

x, y, z = sympy.symbols("x y z", real=True)
SQUARE = Box({x: (-1, 1), y: (-1, 1)})
L_SHAPE = SQUARE - Box({x: (0, 1), y: (-1, 0)})


def test_the_l_shape_has_neither_the_removed_faces_nor_doubled_ones() -> None:
    at = {(1, -0.5): 1, (0.5, -1): 1, (1, -1): 1,  # what the smaller box took of the outer boundary
          (0.5, -0.5): 1, (0, 0): 0, (0, -1): 0, (1, 0): 0, (0, -0.5): 0, (0.5, 0): 0, (-1, -1): 0, (-1, 1): 0,
          (1, 1): 0,
          (0, 0.5): -1, (-0.5, -0.5): -1}
    np.testing.assert_array_equal(L_SHAPE.sides(np.array(list(at), dtype=float), 0.0), list(at.values()))
    np.testing.assert_array_equal(L_SHAPE.sides(np.array(list(at), dtype=float), 1e-9), list(at.values()))


def test_the_l_shape_has_six_faces() -> None:
    lengths = {(x, -1): 2, (x, 0): 1, (x, 1): 1, (y, -1): 1, (y, 0): 1, (y, 1): 2}
    for (c, value), length in lengths.items():
        face = L_SHAPE.face(c, value)
        assert face.measure == pytest.approx(length, rel=1e-3)
        sample = face.sample(50)
        assert (sample.values[:, L_SHAPE.coordinates.index(c)] == value).all()
        assert face.contains(sample.values).all()
        np.testing.assert_array_equal(face.normals_at(sample.values), sample.normals)
    np.testing.assert_array_equal(L_SHAPE.face(x, 0).sample(1).normals, [[1, 0]])
    np.testing.assert_array_equal(L_SHAPE.face(y, 0).sample(1).normals, [[0, -1]])


def test_corners_of_the_l_shape_belong_to_their_two_faces() -> None:
    corners = np.array([[0, 0], [0, -1], [1, 0], [0, 1]], dtype=float)
    assert L_SHAPE.face(x, 0).contains(corners).tolist() == [True, True, False, False]
    assert L_SHAPE.face(y, 0).contains(corners).tolist() == [True, False, True, False]
    assert L_SHAPE.face(x, 1).contains(corners).tolist() == [False, False, True, False]
    np.testing.assert_array_equal(L_SHAPE.face(x, 0).normals_at(corners[:2]), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(L_SHAPE.face(y, 0).normals_at(corners[[0, 2]]), [[0, -1], [0, -1]])
    np.testing.assert_array_equal(L_SHAPE.face(x, 1).normals_at(corners[[2]]), [[1, 0]])
    allowed = [{(1, 0), (0, -1)}, {(1, 0), (0, -1)}, {(1, 0), (0, -1)}]
    for normal, valid in zip(L_SHAPE.boundary.normals_at(corners[:3]), allowed, strict=True):
        assert tuple(normal) in valid


def test_the_same_l_shape_from_other_operations() -> None:
    union = Box({x: (-1, 0), y: (-1, 1)}) | Box({x: (0, 1), y: (0, 1)})
    other = (Box({x: (-1, 0), y: (-1, 1)}) | Box({x: (-1, 1), y: (0, 1)})) & Box({x: (-1, 2), y: (-1, 2)})
    nodes = np.stack(np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)), axis=-1).reshape(-1, 2)
    for domain in (union, other):
        assert domain.interior.measure == pytest.approx(3, rel=1e-3)
        assert domain.boundary.measure == pytest.approx(8, rel=1e-3)
        np.testing.assert_array_equal(domain.sides(nodes, 0.0), L_SHAPE.sides(nodes, 0.0))
        np.testing.assert_array_equal(domain.face(x, 0).measure, pytest.approx(1, rel=1e-3))


def test_a_seam_between_touching_boxes_is_inside() -> None:
    whole = Interval(x, 0, 1) | Interval(x, 1, 3)
    assert whole.sides(np.array([[0.0], [1.0], [3.0]]), 0.0).tolist() == [0, -1, 0]
    assert set(whole.boundary.sample(10).values[:, 0]) == {0.0, 3.0}
    cut_along_it = Box({x: (1, 3), y: (0, 0.5)})
    cut = (Box({x: (0, 1), y: (0, 1)}) | Box({x: (1, 2), y: (0, 1)})) - cut_along_it
    assert cut.interior.measure == pytest.approx(1.5, rel=1e-3)
    assert cut.boundary.measure == pytest.approx(6, rel=1e-3)
    assert cut.face(x, 1).measure == pytest.approx(0.5, rel=1e-3)
    np.testing.assert_array_equal(cut.face(x, 1).sample(1).normals, [[1, 0]])


def test_faces_that_touch_from_outside_take_nothing_away() -> None:
    kept = SQUARE - Box({x: (1, 2), y: (-1, 1)})
    assert kept.interior.measure == 4
    assert kept.boundary.measure == 8
    assert kept.boundary.contains([[1.0, 0.0]]).all()
    assert kept.face(x, 1).measure == 2
    np.testing.assert_array_equal(kept.face(x, 1).sample(1).normals, [[1, 0]])


def test_faces_that_coincide_up_to_rounding() -> None:
    box = Box({x: (0, 0.3), y: (0, 1)}) - Box({x: (0.1, 0.1 * 3), y: (0, 0.5)})
    assert box.boundary.measure == pytest.approx(2.6, rel=1e-3)
    assert box.face(x, 0.3).measure == pytest.approx(0.5, rel=1e-3)


def test_a_disc_with_a_hole_and_a_cut_nested() -> None:
    domain = (Disc({x: 0, y: 0}, 2) - Disc({x: 0, y: 0}, 1)) & Box({x: (0, 3), y: (-3, 3)})
    assert domain.interior.measure == pytest.approx(1.5 * np.pi, rel=2e-3)
    assert domain.boundary.measure == pytest.approx(3 * np.pi + 2, rel=2e-3)
    assert domain.face(x, 0).measure == pytest.approx(2, rel=2e-3)
    on = np.array([[0.0, 1.5], [0.0, 0.5], [1.0, 0.0], [2.0, 0.0], [0.0, -2.0]])
    assert domain.boundary.contains(on).tolist() == [True, False, True, True, True]
    np.testing.assert_allclose(domain.boundary.normals_at(on[[0, 2, 3]]), [[-1, 0], [-1, 0], [1, 0]])


def test_corners_of_a_box_with_a_hole_in_ten_dimensions() -> None:
    symbols = sympy.symbols("x:10", real=True)
    domain = Box(dict.fromkeys(symbols, (-1, 1))) - Ball(dict.fromkeys(symbols, 0), 0.5)
    assert domain.boundary.contains(np.ones((1, 10))).all()
    assert (domain.sides(domain.interior.sample(100).values, 0.0) == -1).all()


def test_bounds() -> None:
    a, b = Box({x: (0, 2), y: (0, 2)}), Box({x: (1, 3), y: (-1, 1)})
    np.testing.assert_array_equal((a - b).bounds, [[0, 2], [0, 2]])
    np.testing.assert_array_equal((a & b).bounds, [[1, 2], [0, 1]])
    np.testing.assert_array_equal((a | b).bounds, [[0, 3], [-1, 2]])


@pytest.mark.parametrize("domain", [
    Interval(x, 0, 1) & Interval(x, 2, 3),
    Disc({x: 0, y: 0}, 1) & Disc({x: 3, y: 0}, 1),
    SQUARE - SQUARE,
    SQUARE - Disc({x: 0, y: 0}, 2),
    SQUARE & Box({x: (1, 2), y: (-1, 1)}),
    Disc({x: 0, y: 0}, 1) - Disc({x: 0, y: 0}, 1),
])
def test_empty_domains(domain: object) -> None:
    for region in (domain.interior, domain.boundary):
        assert region.is_empty()
        assert region.measure == 0
        with pytest.raises(DomainError, match=r"empty region .* overlap as meant"):
            region.sample(10)


def test_operands_that_do_not_fit() -> None:
    with pytest.raises(DomainError, match="give both the same coordinates in the same order"):
        SQUARE - Disc({y: 0, x: 0}, 1)
    with pytest.raises(DomainError, match="give both the same coordinates"):
        SQUARE & Interval(x, 0, 1)
    with pytest.raises(DomainError, match="expected two domains such as Box and Disc"):
        SQUARE | 3
    with pytest.raises(DomainError, match=r"at -1, 0, 1"):
        L_SHAPE.face(x, 0.5)
