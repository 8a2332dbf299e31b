"""Signed distances from points: third order on smooth surfaces, exact on planes, and on the right side near edges."""

import numpy as np
import pytest
import sympy

from pinnsiren.errors import DataError
from pinnsiren.signals import PointCloudWarning, lattice_distances, nearest_distances, point_cloud, shape
from pinnsiren.signals.shapes import FORMULAS, Shape

PLACES = np.random.default_rng(3).uniform(-1, 1, (3000, 3))


def slopes_of(body: Shape, places: np.ndarray, h: float = 1e-5) -> np.ndarray:
    steps = h * np.eye(3)
    return np.stack([(body.distance(places + s) - body.distance(places - s)) / (2 * h) for s in steps], axis=1)


@pytest.mark.parametrize(("name", "points", "most"), [("sphere", 20_000, 3e-4), ("torus", 20_000, 6e-4), ("box", 20_000, 4e-3)])
def test_values_and_slopes_near_the_true_ones(name: str, points: int, most: float) -> None:
    body = shape(name)
    found = nearest_distances(body.sample(points, seed=1), PLACES)
    true = body.distance(PLACES)
    assert np.sqrt(np.mean((found.values - true) ** 2)) < most
    regular = np.abs(true) < 0.15  # away from the medial axes, where slopes jump
    cosines = np.einsum("ni,ni->n", found.slopes, slopes_of(body, PLACES))[regular]
    np.testing.assert_allclose(np.linalg.norm(found.slopes, axis=1), 1, atol=1e-12)
    assert np.mean(cosines > 0.99) > 0.93  # beside a box, edges of its points and of itself are not the same


def test_distances_converge_with_its_points() -> None:
    body, errors = shape("torus"), []
    for n in (2000, 32_000):  # a quarter of the spacing
        found = nearest_distances(body.sample(n, seed=1), PLACES)
        errors.append(np.median(np.abs(found.values - body.distance(PLACES))))
    assert np.log(errors[0] / errors[1]) / np.log(4) > 2.5


def test_planes_are_exact() -> None:
    axis = np.linspace(-1, 1, 21)
    grid = np.stack([g.ravel() for g in np.meshgrid(axis, axis)], axis=1)
    sides = [np.insert(grid, 2, z, axis=1) for z in (-1, 1)]
    normals = np.repeat([[0.0, 0, -1], [0, 0, 1]], len(grid), axis=0)
    cloud = point_cloud(np.concatenate(sides), normals, margin=0.0)
    inner = PLACES * [0.8, 0.8, 1.0]
    np.testing.assert_allclose(nearest_distances(cloud, inner).values, np.abs(inner[:, 2]) - 1, atol=1e-12)


@pytest.mark.parametrize("name", ["box", "csg", "gyroid"])
def test_sides_on_a_grid(name: str) -> None:
    """Sharp edges and thin sheets: at most a few places, all near the surface, are on the wrong side."""
    body = shape(name)
    found = lattice_distances(body.sample(30_000, seed=2), 32)
    wrong = (found.values < 0) != body.inside(found.points)
    assert wrong.mean() < 2e-3
    assert np.abs(found.values[wrong]).max(initial=0.0) < 0.0625  # the spacing


def test_sides_are_outvoted_where_a_normal_is_wrong() -> None:
    cloud = shape("sphere").sample(3000)
    normals = cloud.normals.copy()
    normals[:60] *= -1
    found = lattice_distances(point_cloud(cloud.points, normals, margin=0.3), 24)
    true = np.linalg.norm(found.points, axis=1) - 0.7
    far = np.abs(true) > 0.1
    assert ((found.values < 0) == (true < 0))[far].all()


def test_a_hole_does_not_turn_the_inside_out() -> None:
    """A ball without its cap above z = 0.6: what is inside hangs together with the outside."""
    whole = shape("sphere").sample(6000)
    cloud = whole.subset(whole.points[:, 2] < 0.6)
    with pytest.warns(PointCloudWarning, match=r"1\d% of the places .* leave a hole wider than 0.062"):
        found = lattice_distances(cloud, 32)
    radius = np.linalg.norm(found.points, axis=1)
    sure = (found.points[:, 2] < 0.5) & (np.abs(radius - 0.7) > 0.05)
    assert ((found.values < 0) == (radius < 0.7))[sure].mean() > 0.995


def test_the_distance_of_a_box_is_euclidean() -> None:
    """A corner at (0.7, 0.5, 0.4): 3, 4, 12 from it is 13."""
    body = shape("box")
    assert body.distance(np.array([[0.7, 0.5, 0.4]]) + np.array([[0.03, 0.04, 0.12]]))[0] == pytest.approx(0.13)
    assert body.distance(np.zeros((1, 3)))[0] == pytest.approx(-0.4)


@pytest.mark.parametrize("name", FORMULAS)
def test_shapes_are_sampled_on_their_surface_with_outward_normals(name: str) -> None:
    body = shape(name)
    cloud = body.sample(2000, seed=5)
    step = 0.004 * cloud.normals
    inward, outward = body.inside(cloud.points - step), body.inside(cloud.points + step)
    assert (inward & ~outward).mean() > 0.98  # beside edges a step may leave through the other face
    if body.formula is not None:
        assert np.abs(body.distance(cloud.points)).max() < 1e-9
        assert isinstance(body.formula, sympy.Expr)


def test_distances_without_a_formula_agree_with_one() -> None:
    torus = shape("torus")
    numeric = Shape("torus", torus.domain)
    np.testing.assert_allclose(numeric.distance(PLACES), torus.distance(PLACES), atol=5e-4)


def test_what_cannot_be_measured() -> None:
    cloud = shape("sphere").sample(100)
    with pytest.raises(DataError, match="has no normals.*with_estimated_normals"):
        nearest_distances(cloud.without_normals(), PLACES)
    with pytest.raises(DataError, match="a grid of 1 points"):
        lattice_distances(cloud, 1)
    with pytest.raises(DataError, match="there is no shape and no file 'klein'"):
        shape("klein")
    with pytest.raises(DataError, match="is not a closed surface: it has no inside"):
        Shape("open", None, cloud=cloud).distance(PLACES)
