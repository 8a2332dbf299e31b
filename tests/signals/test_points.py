"""Point clouds: the frame is exact, files are read as they are, and what cannot be a surface is refused or left out aloud."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

import pinnsiren as ps
from pinnsiren.errors import DataError
from pinnsiren.signals import PointCloudWarning, point_cloud, read_points, with_estimated_normals
from pinnsiren.signals.point_files import shipped_mesh
from pinnsiren.signals.points import nearest, search_tree


def on_sphere(n: int, seed: int = 0) -> np.ndarray:
    p = np.random.default_rng(seed).normal(size=(n, 3))
    return p / np.linalg.norm(p, axis=1, keepdims=True)


def placed(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """An ellipsoid far from the origin, with normals that are not of length one."""
    p = on_sphere(n)
    return p * [30, 10, 5] + [1000, -2000, 3], p / [30, 10, 5]


def test_the_frame_is_centred_keeps_its_proportions_and_can_be_undone() -> None:
    points, normals = placed()
    cloud = point_cloud(points, normals, margin=0.2)
    low, high = cloud.points.min(axis=0), cloud.points.max(axis=0)
    np.testing.assert_allclose(low + high, 0, atol=1e-12)
    assert np.abs(cloud.points).max() == pytest.approx(0.8, abs=1e-12)
    np.testing.assert_allclose((high - low) * cloud.scale, np.ptp(points, axis=0), rtol=1e-12)
    np.testing.assert_allclose(cloud.original(cloud.points), points, rtol=1e-13)
    np.testing.assert_allclose(cloud.scaled(points), cloud.points, atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-14)


def test_a_point_set_carries_points_normals_and_columns() -> None:
    cloud = point_cloud(*placed())
    axes, d = ps.coordinates("x y z"), ps.Data("d")
    region = cloud.point_set(axes, {d: np.arange(200.0)})
    sample = region.sample(200)
    assert np.array_equal(sample.values, cloud.points) and np.array_equal(sample.data[d], np.arange(200.0))
    np.testing.assert_allclose(sample.normals, cloud.normals)


def test_points_in_the_plane() -> None:
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cloud = with_estimated_normals(point_cloud(5 + 3 * circle, margin=0.0))
    np.testing.assert_allclose(cloud.points, circle, atol=1e-2)
    assert (np.einsum("ni,ni->n", cloud.normals, circle) > 0.999).all()


@pytest.mark.parametrize("separator", [" ", ", ", "\t"])
def test_text_files(tmp_path: Path, separator: str) -> None:
    points, normals = placed(20)
    rows = [separator.join(f"{v:.17g}" for v in row) for row in np.hstack([points, normals])]
    file = tmp_path / "cloud.xyz"
    file.write_text("# a comment\n" + separator.join("abcdef") + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    cloud = read_points(file)
    np.testing.assert_allclose(cloud.original(cloud.points), points, rtol=1e-12)
    np.testing.assert_allclose(cloud.normals, point_cloud(points, normals).normals, atol=1e-12)


@pytest.mark.parametrize("binary", [True, False])
def test_a_ply_file_of_points_keeps_its_normals(tmp_path: Path, binary: bool) -> None:
    points = on_sphere(50)
    table = np.zeros(50, dtype=[(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")])
    for i, name in enumerate("xyz"):
        table[name], table[f"n{name}"] = points[:, i], points[:, i]
    head = ["ply", f"format {'binary_little_endian' if binary else 'ascii'} 1.0", "element vertex 50",
            *(f"property float {name}" for name in table.dtype.names), "end_header", ""]
    body = table.tobytes() if binary else "\n".join(" ".join(map(str, row)) for row in table.tolist()).encode()
    file = tmp_path / "points.ply"
    file.write_bytes("\n".join(head).encode() + body)
    np.testing.assert_allclose(read_points(file).normals, points, atol=1e-6)


@pytest.mark.parametrize("kind", ["stl", "ply", "obj"])
def test_meshes_are_sampled_by_area_with_their_normals(tmp_path: Path, kind: str) -> None:
    """On a 4 × 1 × 1 box, 2·4/18 = 4/9 of each of the sides' points lie on the pairs of long faces, 1/9 on the ends."""
    file = tmp_path / f"box.{kind}"
    trimesh.creation.box((4, 1, 1)).export(file)
    cloud = read_points(file, samples=20_000, seed=3)
    ends = np.abs(cloud.normals[:, 0]) > 0.5
    assert ends.mean() == pytest.approx(1 / 9, abs=0.01)
    original = cloud.original(cloud.points)
    assert np.abs(original[ends, 0]) == pytest.approx(2)
    assert (np.sign(original[ends, 0]) == np.sign(cloud.normals[ends, 0])).all()
    again, other = read_points(file, samples=20_000, seed=3), read_points(file, samples=20_000, seed=4)
    assert np.array_equal(cloud.points, again.points) and not np.array_equal(cloud.points, other.points)


def test_a_mesh_with_holes_is_used_and_said_to_be_open(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(2)
    trimesh.Trimesh(ball.vertices, ball.faces[:-4]).export(tmp_path / "open.ply")
    with pytest.warns(PointCloudWarning, match=r"not closed: \d+ of its edges have one triangle"):
        assert len(read_points(tmp_path / "open.ply", samples=500)) == 500


def test_outliers_are_left_out_unless_kept() -> None:
    points = np.concatenate([on_sphere(1000), [[9.0, 9, 9], [-5, 0, 0]]])
    with pytest.warns(PointCloudWarning, match="2 of 1002 points lie far from all others"):
        cloud = point_cloud(points)
    assert len(cloud) == 1000 and cloud.scale == pytest.approx(1 / 0.9, rel=1e-2)
    assert len(point_cloud(points, outliers="keep")) == 1002


def opened(node: Any, place: np.ndarray, reach: float, gap: np.ndarray) -> int:
    """Leaves that a search from a place must open: those whose cell is nearer than the nearest point. As in scipy, a cell is
    bounded by the cuts between it and the place alone: it begins ``gap`` (3,) from the place."""
    if node.split_dim < 0:
        return 1
    other = gap.copy()
    beyond = place[node.split_dim] - node.split
    other[node.split_dim] = abs(beyond)
    near, far = (node.greater, node.lesser) if beyond > 0 else (node.lesser, node.greater)
    return opened(near, place, reach, gap) + (opened(far, place, reach, other) if np.linalg.norm(other) < reach else 0)


@pytest.mark.parametrize("turned", [False, True])
def test_flat_clouds_are_searched_in_few_cells(turned: bool) -> None:
    """Of the 2000 leaves of an oblique plane, scipy's default tree of as large leaves opens 400 from afar."""
    rng = np.random.default_rng(0)
    plane = rng.uniform(-1, 1, (64_000, 3)) * [1, 1, 0]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] if turned else np.eye(3)
    tree, places = search_tree(plane @ turn), rng.uniform(-1, 1, (40, 3)) @ turn
    reach, _ = nearest(tree, places, 1)
    gaps = np.maximum(np.maximum(tree.mins - places, places - tree.maxes), 0)
    counts = [opened(tree.tree, p, r, g) for p, r, g in zip(places, reach[:, 0], gaps, strict=True)]
    assert np.mean(counts) < 150


def test_even_points_have_no_outliers() -> None:
    for n in (10, 100, 10_000):
        assert len(point_cloud(on_sphere(n))) == n  # warnings are errors


def test_points_with_zero_normals_are_left_out() -> None:
    points, normals = placed()
    normals[3], normals[7] = 0.0, np.nan
    with pytest.warns(PointCloudWarning, match="2 of 200 points have a normal that is zero or not finite"):
        cloud = point_cloud(points, normals)
    assert len(cloud) == 198
    with pytest.raises(DataError, match="200 of 200 normals are zero or not finite; leave the normals out"):
        point_cloud(points, np.zeros_like(points))


def test_of_points_at_one_place_the_first_is_kept() -> None:
    """Corners of a mesh may be listed once for each face: their spacing would be zero."""
    points, normals = placed()
    with pytest.warns(PointCloudWarning, match="400 of 600 points lie where others are"):
        cloud = point_cloud(np.tile(points, (3, 1)), np.concatenate([normals, -normals, normals]))
    once = point_cloud(points, normals)
    assert np.array_equal(cloud.points, once.points) and np.array_equal(cloud.normals, once.normals) and cloud.spacing > 0
    with pytest.warns(PointCloudWarning), pytest.raises(DataError, match="5 points; expected at least 10"):
        point_cloud(np.tile(points[:5], (4, 1)))


@pytest.mark.parametrize("body", ["sphere", "torus"])
def test_estimated_normals_are_those_of_the_surface_and_point_outwards(body: str) -> None:
    from pinnsiren.signals import shape

    cloud = shape(body).sample(5000)
    found = with_estimated_normals(cloud.without_normals())
    cosines = np.einsum("ni,ni->n", found.normals, cloud.normals)
    assert cosines.min() > 0.9 and cosines.mean() > 0.999


def test_two_bodies_are_turned_one_by_one() -> None:
    p = on_sphere(2000)
    cloud = with_estimated_normals(point_cloud(np.concatenate([p[:1000], p[1000:] + np.array([5, 0, 0])])))
    assert (np.einsum("ni,ni->n", cloud.normals, p) > 0.9).all()


@pytest.mark.parametrize(("points", "message"), [
    (np.ones((20, 3)), "all its points are equal"),
    (np.linspace(0, 1, 20)[:, None] * [1, 2, 3], "its points lie on one line"),
    (np.random.default_rng(0).random((20, 3)) * [1, 1, 0], "its points lie in one plane"),
    (np.linspace(0, 1, 20)[:, None] * [1, 2], "its points lie on one line"),
    (np.zeros((3, 3)), "3 points; expected at least 10"),
    (np.zeros((20, 4)), r"shape \(20, 4\); expected \(n, 3\)"),
    ([["a", "b", "c"]], "not an array of real numbers"),
    (np.where(np.arange(60).reshape(20, 3) == 7, np.inf, 1.0), "the point in row 2 is .*finite numbers"),
])
def test_points_that_are_no_surface(points, message) -> None:
    with pytest.raises(DataError, match=message):
        point_cloud(points)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("missing.ply", None, "there is no file"),
    ("empty.xyz", "", "is empty; expected points as text"),
    ("blank.xyz", "# nothing\n\n", "holds no point; expected points as text"),
    ("faces.obj", "f 1 2 3\n", "holds no point; expected points as text"),
    ("beyond.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "cannot be read"),
    ("text.xyz", "1 2 3\n4 five 6\n", "cannot be read as rows of numbers"),
    ("four.xyz", "1 2 3 4\n" * 20, "has 4 columns; expected x y or x y z or x y z nx ny nz"),
    ("broken.ply", "hello", "cannot be read .*expected points as text"),
    ("unknown.foo", "hello", "cannot be read"),
    ("flat.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "whose area is 0"),
])
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_points(tmp_path / name)


def test_settings_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="margin=1; give a part of the half-width"):
        point_cloud(on_sphere(20), margin=1)
    with pytest.raises(DataError, match="outliers='hide' is not known"):
        point_cloud(on_sphere(20), outliers="hide")
    with pytest.raises(DataError, match=r"normals of shape \(3, 3\)"):
        point_cloud(on_sphere(20), on_sphere(3))
    with pytest.raises(DataError, match="noise of standard deviation -1"):
        point_cloud(on_sphere(20)).with_noise(-1)
    with pytest.raises(DataError, match="neighbours=2 for 20 points; give at least 4"):
        with_estimated_normals(point_cloud(on_sphere(20)), 2)


def test_meshes_that_ship_elsewhere_ask_for_their_extra() -> None:
    if importlib.util.find_spec("pyvista") is None:
        with pytest.raises(DataError, match=r"pip install 'pinnsiren\[vtk\]'"):
            shipped_mesh("airplane")
    else:
        assert shipped_mesh("airplane").is_file()
