"""Errors of surfaces and of distances, where they are known."""

import numpy as np
import pytest

from pinnsiren.errors import ReferenceError
from pinnsiren.signals import shape
from pinnsiren.signals.shapes import box, sphere
from pinnsiren.validation.surfaces import compare_distances, compare_surfaces, intersection_over_union

PLACES = np.random.default_rng(0).uniform(-1, 1, (50_000, 3))


def surface(body, n: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    cloud = body.sample(n, seed)
    return cloud.points, cloud.normals


def test_concentric_spheres() -> None:
    errors = compare_surfaces(surface(sphere(0.5)), surface(sphere(0.6), seed=1))
    assert errors.chamfer == pytest.approx(0.1, abs=1e-4)
    assert errors.hausdorff == pytest.approx(0.1, abs=2e-3)
    assert errors.normal_consistency == pytest.approx(1, abs=1e-3)
    a, b = sphere(0.5), sphere(0.6)
    assert intersection_over_union(a.inside(PLACES), b.inside(PLACES)) == pytest.approx((5 / 6) ** 3, abs=0.01)


def test_equal_surfaces_are_at_no_distance_but_their_points_are() -> None:
    found, true = surface(shape("torus")), surface(shape("torus"), seed=1)
    assert compare_surfaces(found, true).chamfer < 1e-4
    area = 4 * np.pi**2 * 0.6 * 0.25
    between = compare_surfaces(found, true, between="points").chamfer
    assert between == pytest.approx(0.5 * np.sqrt(area / 20_000), rel=0.05)  # the mean distance of even random points


def test_a_translated_cube() -> None:
    """Moved by 0.1 along x: two faces are 0.1 off; the others' points are at most that far from the other cube's."""
    points, normals = surface(box((0.5, 0.5, 0.5)))
    errors = compare_surfaces((points + np.array([0.1, 0, 0]), normals), surface(box((0.5, 0.5, 0.5)), seed=1))
    assert errors.hausdorff == pytest.approx(0.1, abs=0.01)
    assert 0.1 / 3 < errors.chamfer < 0.1 / 3 + 0.01  # of six faces two, and a little of the four others
    cube = box((0.5, 0.5, 0.5))
    overlap = intersection_over_union(cube.inside(PLACES - np.array([0.1, 0, 0])), cube.inside(PLACES))
    assert overlap == pytest.approx(0.9 / 1.1, abs=0.01)


def test_normals_of_other_directions() -> None:
    points, normals = surface(sphere(0.5))
    turned = np.stack([-normals[:, 1], normals[:, 0], 0 * normals[:, 2]], axis=1)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    assert compare_surfaces((points, normals), (points, turned)).normal_consistency == pytest.approx(0, abs=1e-6)


def test_a_field_that_is_scaled_and_shifted() -> None:
    """u = 2d + 0.1 has ‖∇u‖ = 2; it is on the wrong side where −0.05 < d < 0."""
    true = sphere(0.6).distance(PLACES)
    slopes = 2 * PLACES / np.linalg.norm(PLACES, axis=1, keepdims=True)
    errors = compare_distances(2 * true + 0.1, slopes, true)
    assert errors.slope == pytest.approx(1)
    assert errors.rmse == pytest.approx(np.sqrt(np.mean((true + 0.1) ** 2)))
    far = np.abs(true) > 0.1
    assert errors.far == pytest.approx(np.sqrt(np.mean((true[far] + 0.1) ** 2)))
    assert errors.wrong_side == pytest.approx(4 / 3 * np.pi * (0.6**3 - 0.55**3) / 8, abs=2e-3)


def test_what_cannot_be_compared() -> None:
    found = surface(sphere(0.5), 100)
    with pytest.raises(ReferenceError, match=r"points \(3, 3\) and normals \(3, 3\)"):
        compare_surfaces((np.zeros((3, 3)), np.zeros((3, 3))), found)
    with pytest.raises(ReferenceError, match="in 2 dimensions, the other in 3"):
        compare_surfaces((found[0][:, :2], found[1][:, :2]), found)
    with pytest.raises(ReferenceError, match="between='lines' is not known"):
        compare_surfaces(found, found, between="lines")
    with pytest.raises(ReferenceError, match="no place is inside of either body"):
        intersection_over_union(np.zeros(5, bool), np.zeros(5, bool))
    with pytest.raises(ReferenceError, match="one truth value for each of the same places"):
        intersection_over_union(np.zeros(5, bool), np.zeros(6, bool))
    with pytest.raises(ReferenceError, match="no place is further than 0.1"):
        compare_distances(np.zeros(5), np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ReferenceError, match=r"expected \(n,\), \(n, d\), \(n,\)"):
        compare_distances(np.zeros(5), np.zeros((5, 3)), np.zeros(6))
