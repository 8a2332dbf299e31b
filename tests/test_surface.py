"""Level sets as triangles: closed, without cracks between slabs, of second order, and never empty without a reason."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

import pinnsiren as ps
from pinnsiren import surface
from pinnsiren.errors import DataError, DomainError
from pinnsiren.signals import point_cloud
from pinnsiren.surface import Surface, level_surface, region_below

BOX = [[-1, 1]] * 3


def ball(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points, axis=1) - 0.7


def waves(points: np.ndarray) -> np.ndarray:
    """Many handles, flat places and saddles."""
    x, y, z = 7 * points.T
    gyroid = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)
    return np.maximum(gyroid, 6 * ball(points))


def euler(s: Surface) -> int:
    return len(s.vertices) - len(s.faces) * 3 // 2 + len(s.faces)


def test_a_sphere_of_second_order() -> None:
    errors = []
    for cells in (16, 64):
        s = level_surface(ball, BOX, cells)
        assert s.open_edges == 0 and euler(s) == 2
        errors.append([1 - s.area / (4 * np.pi * 0.49), 1 - s.volume / (4 / 3 * np.pi * 0.343)])
    rates = np.log(np.array(errors[0]) / errors[1]) / np.log(4)
    np.testing.assert_allclose(rates, 2, atol=0.1)
    assert np.abs(ball(s.vertices)).max() < 5e-4


@pytest.mark.parametrize("function", [ball, waves])
@pytest.mark.parametrize("nodes", [3000, 20_000])
def test_slabs_are_joined_without_cracks_or_doubles(function, nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = level_surface(function, BOX, 40)
    monkeypatch.setattr(surface, "SLAB_NODES", nodes)
    s = level_surface(function, BOX, 40)
    assert (len(s.vertices), len(s.faces), s.open_edges) == (len(whole.vertices), len(whole.faces), 0)
    assert s.volume == pytest.approx(whole.volume, rel=1e-5) and euler(s) == euler(whole)
    assert trimesh.Trimesh(s.vertices, s.faces, process=False).is_watertight


def test_values_that_vanish_at_nodes_make_a_closed_surface() -> None:
    s = level_surface(lambda p: np.abs(p).max(axis=1) - 0.5, BOX, 16)
    assert s.open_edges == 0 and euler(s) == 2 and s.volume == pytest.approx(1, abs=0.1)


def test_a_bound_of_the_slope_saves_values_and_changes_nothing() -> None:
    asked = []

    def counted(points: np.ndarray) -> np.ndarray:
        assert np.abs(points).max() <= 1 + 1e-12  # a field may not be known outside of its box
        asked.append(len(points))
        return ball(points)

    whole, s = level_surface(ball, BOX, 100), level_surface(counted, BOX, 100, slope=1.0)
    assert sum(asked) < 0.5 * 101**3
    np.testing.assert_allclose(s.vertices, whole.vertices, atol=2e-5)
    assert np.array_equal(s.faces, whole.faces)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "CHUNK", 5000)
    monkeypatch.setattr(surface, "SLAB_NODES", 5000)
    most = []

    def counted(points: np.ndarray) -> np.ndarray:
        most.append(len(points))
        return ball(points)

    level_surface(counted, BOX, 60)
    assert max(most) <= 5000 and sum(most) == 61**3


def test_another_level_and_a_box_that_is_no_cube() -> None:
    s = level_surface(ball, [[-1, 1], [-1, 1], [0, 1]], 64, level=-0.2)
    assert s.area == pytest.approx(2 * np.pi * 0.25, rel=2e-3)
    assert s.open_edges > 0 and s.vertices[:, 2].min() == pytest.approx(0, abs=1e-9)


def test_triangles_turn_outwards_and_samples_lie_on_them() -> None:
    points, normals = level_surface(ball, BOX, 48).sample(5000, seed=1)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 0.7, atol=1e-3)
    assert np.einsum("ni,ni->n", points, normals).min() / 0.7 > 0.99
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.03)


@pytest.mark.parametrize("kind", ["ply", "obj", "stl"])
def test_files_hold_the_surface_in_the_sources_frame(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0).normal(size=(500, 3))
    cloud = point_cloud(100 + 30 * rng / np.linalg.norm(rng, axis=1, keepdims=True), margin=0.3)
    s = level_surface(ball, BOX, 32).in_frame_of(cloud)
    mesh = trimesh.load_mesh(s.save(tmp_path / f"ball.{kind}"))
    assert mesh.is_watertight and mesh.volume == pytest.approx(s.volume, rel=1e-4)
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.02)
    np.testing.assert_allclose(mesh.bounds, [[70] * 3, [130] * 3], atol=0.6)


def test_a_surface_is_a_domain() -> None:
    x, y, z = ps.coordinates("x y z")
    mesh = level_surface(ball, BOX, 32).mesh((x, y, z))
    points = np.array([[0, 0, 0.69], [0, 0, 0.71]])
    assert mesh.interior.contains(points).tolist() == [True, False]
    region = region_below(ball, (x, y, z), BOX, 32)
    assert region.interior.contains(points).tolist() == [True, False]
    sample = region.boundary.sample(300, seed=1)
    np.testing.assert_allclose(np.linalg.norm(sample.values, axis=1), 0.7, atol=1e-3)
    assert np.einsum("ni,ni->n", sample.values, sample.normals).min() / 0.7 > 0.99


def test_regions_in_the_plane() -> None:
    x, y = ps.coordinates("x y")
    disc = region_below(lambda p: np.hypot(*p.T) - 0.5, (x, y), [[-1, 1]] * 2, 64)
    assert disc.interior.contains([[0.49, 0], [0.51, 0]]).tolist() == [True, False]


@pytest.mark.parametrize(("function", "options", "message"), [
    (lambda p: ball(p) + 1, {}, r"goes from 0.3 to 2.03 on its 17 × 17 × 17 nodes and is positive: no inside"),
    (lambda p: ball(p) - 2, {}, "is negative: no outside"),
    (lambda p: ball(p) + 1, {"slope": 1.0}, "is positive: no inside"),
    (lambda p: np.full(len(p), np.nan), {}, "the function is nan at"),
    (lambda p: p, {}, r"gave values of shape \(\d+, 3\) for \d+ points"),
    (ball, {"cells": 1}, "cells=1; give a whole number"),
    (ball, {"bounds": [[0, 1]] * 2}, r"give \(lower, upper\) for each of three coordinates"),
])
def test_why_there_is_no_surface(function, options, message) -> None:
    with pytest.raises(DataError, match=message):
        level_surface(function, **{"bounds": BOX, "cells": 16} | options)


@pytest.mark.parametrize(("balls", "pieces"), [([0.0], 1), ([-0.5, 0.5], 2), ([-0.3, 0.3], 1)])
def test_pieces_are_counted(balls: list[float], pieces: int) -> None:
    s = level_surface(lambda p: np.min([np.linalg.norm(p - [x, 0, 0], axis=1) - 0.4 for x in balls], axis=0), BOX, 24)
    assert s.pieces == pieces and replace(s, faces=s.faces[:1]).pieces == 1


def test_what_cannot_be_written(tmp_path: Path) -> None:
    s = level_surface(ball, BOX, 8)
    with pytest.raises(DataError, match="give a name that ends in .ply"):
        s.save(tmp_path / "ball.doc")
    with pytest.raises(DataError, match="cannot be written"):
        s.save(tmp_path / "nowhere" / "ball.ply")
    with pytest.raises(DataError, match="without triangles is not written"):
        Surface(s.vertices, s.faces[:0]).save(tmp_path / "none.ply")
    assert not list(tmp_path.iterdir())
    with pytest.raises(DomainError, match="goes from 0.3 to 2.03 .* no body"):
        region_below(lambda p: ball(p) + 1, ps.coordinates("x y z"), BOX, 8)
