"""Meshes: files, distances, normals of faces, solids with holes, and surfaces that are not closed."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from pinnsiren.domains import Ball, Box, Interval, Mesh
from pinnsiren.errors import DomainError
from pinnsiren.storage import read, write
from pinnsiren.symbols import coordinates, time

x, y, z = coordinates("x y z")
CUBE = trimesh.creation.box((2, 2, 2))
TORUS = trimesh.creation.torus(1.0, 0.4, major_sections=48, minor_sections=24)


def mesh(of: trimesh.Trimesh) -> Mesh:
    return Mesh((x, y, z), np.asarray(of.vertices), np.asarray(of.faces))


@pytest.mark.parametrize("suffix", ["stl", "ply", "obj"])
def test_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"torus.{suffix}"
    TORUS.export(file)
    for given in (file, str(file)):
        solid = Mesh((x, y, z), given)
        assert (len(solid.vertices), len(solid.faces)) == (48 * 24, 2 * 48 * 24)
        np.testing.assert_allclose(solid.bounds, TORUS.bounds.T, rtol=1e-6)
    file.unlink()
    assert solid.interior.measure == pytest.approx(TORUS.volume, rel=5e-3)
    assert solid.boundary.measure == pytest.approx(TORUS.area, rel=1e-6)
    assert repr(solid) == "Mesh((x, y, z), 1152 vertices, 2304 faces)"


def test_a_cube_is_a_box() -> None:
    cube, box = mesh(CUBE), Box(dict.fromkeys((x, y, z), (-1, 1)))
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (2000, 3))
    np.testing.assert_array_equal(cube.sides(points, 1e-9), box.sides(points, 1e-9))
    beyond = np.abs(points) - 1
    distance = np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
    np.testing.assert_allclose(cube.distance(points), distance, atol=1e-12)
    sample = box.boundary.sample(200)
    np.testing.assert_allclose(cube.boundary.normals_at(sample.values), sample.normals, atol=1e-12)
    assert cube.distance(np.empty((0, 3))).shape == (0,)


def test_a_torus_has_a_hole() -> None:
    torus = mesh(TORUS)
    places = np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0.3], [0, 0, 1], [1.39, 0, 0]])
    assert torus.sides(places, 1e-9).tolist() == [1, -1, -1, 1, -1]
    np.testing.assert_allclose(torus.distance(places[:2]), [0.6, -0.4], rtol=2e-2)
    sample = torus.boundary.sample(1000)
    around = np.arctan2(sample.values[:, 1], sample.values[:, 0])
    ring = np.stack([np.cos(around), np.sin(around), 0 * around], axis=1)
    outward = (sample.values - ring) / np.linalg.norm(sample.values - ring, axis=1, keepdims=True)
    assert (outward * sample.normals).sum(axis=1).min() > 0.98
    # density of area on the torus is 1 + 0.4 cos φ, so the mean distance from the axis is 1 + 0.4²/2
    assert np.hypot(*sample.values[:, :2].T).mean() == pytest.approx(1.08, abs=5e-3)


def test_seen_from_inside_it_is_the_same_solid() -> None:
    inverted = Mesh((x, y, z), np.asarray(CUBE.vertices), np.asarray(CUBE.faces)[:, ::-1])
    assert inverted.sides(np.zeros((1, 3)), 0.0).tolist() == [-1]
    assert inverted.interior.measure == pytest.approx(8, rel=1e-12)
    sample = inverted.boundary.sample(50)
    assert (np.abs((sample.values * sample.normals).sum(axis=1) - 1) < 1e-12).all()


def test_sums_and_products() -> None:
    shell = mesh(CUBE) - Ball({x: 0, y: 0, z: 0}, 0.5)
    assert shell.interior.measure == pytest.approx(8 - math.pi / 6, rel=2e-3)
    assert shell.boundary.of(mesh(CUBE)).measure == pytest.approx(24, rel=2e-3)
    moving = mesh(CUBE) * Interval(time("t"), 0, 2)
    assert moving.boundary.measure == pytest.approx(48, rel=1e-12)
    assert moving.initial.measure == pytest.approx(8, rel=2e-3)


def test_it_comes_back_without_its_file(tmp_path: Path) -> None:
    TORUS.export(tmp_path / "torus.stl")
    solid = Mesh((x, y, z), tmp_path / "torus.stl")
    (tmp_path / "torus.stl").unlink()
    write(tmp_path / "record.h5", {"region": solid.boundary})
    back = read(tmp_path / "record.h5")["region"]
    assert back == solid.boundary
    assert hash(back) == hash(solid.boundary)
    np.testing.assert_array_equal(back.sample(20).values, solid.boundary.sample(20).values)
    with pytest.raises(ValueError, match="read-only"):
        solid.vertices[0] = 0


def faces_of(of: trimesh.Trimesh) -> np.ndarray:
    return np.array(of.faces)


@pytest.mark.parametrize("faces, match", [
    (faces_of(CUBE)[:-1], "the mesh is not a closed surface: 3 of its edges are open .*fill its holes"),
    (np.vstack([faces_of(CUBE), [[0, 1, 7]]]), "of its edges are open|more than two triangles"),
    (np.vstack([faces_of(CUBE), faces_of(CUBE)[:, ::-1]]), "18 of its edges have more than two triangles"),
    (np.vstack([faces_of(CUBE)[:-1], faces_of(CUBE)[-1:, ::-1]]), "turn differently from their neighbours along 3 edges"),
    (faces_of(CUBE) + 1, "corners are not among its 8 vertices"),
    (np.empty((0, 3), int), "corners are not among its 8 vertices, or none"),
    (faces_of(CUBE).astype(float), r"expected a file, or vertices \(n, 3\) and whole-numbered faces"),
    (None, "expected a file, or vertices"),
    ([[0, 1]], "expected a file, or vertices"),
])
def test_surfaces_that_enclose_nothing(faces: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        Mesh((x, y, z), np.asarray(CUBE.vertices), faces)


def test_vertices_that_are_none() -> None:
    with pytest.raises(DomainError, match="vertices that are not finite"):
        Mesh((x, y, z), np.asarray(CUBE.vertices) * np.nan, faces_of(CUBE))
    with pytest.raises(DomainError, match="no arrays of numbers"):
        Mesh((x, y, z), [["a", 0, 0]], faces_of(CUBE))
    with pytest.raises(DomainError, match="encloses no volume"):
        Mesh((x, y, z), np.asarray(CUBE.vertices) * [1, 1, 0], faces_of(CUBE))


def test_bad_files(tmp_path: Path) -> None:
    empty, text, half = tmp_path / "empty.stl", tmp_path / "text.stl", tmp_path / "half.stl"
    empty.write_bytes(b"")
    text.write_text("hello")
    half.write_bytes(CUBE.export(file_type="stl")[:150])
    with pytest.raises(DomainError, match="there is no mesh file .*nowhere.stl; check its path"):
        Mesh((x, y, z), tmp_path / "nowhere.stl")
    for file in (empty, text):
        with pytest.raises(DomainError, match="holds no triangle; expected a closed surface in STL, PLY or OBJ"):
            Mesh((x, y, z), file)
    with pytest.raises(DomainError, match=r"half.stl (cannot be read as a mesh|holds no triangle|is not a closed)"):
        Mesh((x, y, z), half)
    unknown = tmp_path / "mesh.unheard-of"
    unknown.write_text("hello")
    with pytest.raises(DomainError, match="cannot be read as a mesh|holds no triangle"):
        Mesh((x, y, z), unknown)
    opened = tmp_path / "open.stl"
    trimesh.Trimesh(CUBE.vertices, faces_of(CUBE)[:-2]).export(opened)
    with pytest.raises(DomainError, match=r"open.stl is not a closed surface: 4 of its edges are open"):
        Mesh((x, y, z), opened)


def test_other_coordinates() -> None:
    with pytest.raises(DomainError, match=r"give three: Mesh\(\(x, y, z\), file\)"):
        Mesh((x, y), np.asarray(CUBE.vertices), faces_of(CUBE))


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CUBE.export(tmp_path / "cube.stl")
    cube = mesh(CUBE)
    for name in ("igl", "trimesh"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DomainError, match=r"needs trimesh to read .* pip install 'pinnsiren\[mesh\]'"):
        Mesh((x, y, z), tmp_path / "cube.stl")
    with pytest.raises(DomainError, match=r"needs libigl .* pip install 'pinnsiren\[mesh\]'"):
        cube.distance([[0.0, 0, 0]])
