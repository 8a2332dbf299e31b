"""The signed-distance experiment: a mesh in the source's frame, also of a loaded solution, and no mesh without a surface."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

import pinnsiren as ps
from pinnsiren.equations.signed_distance import sdf
from pinnsiren.errors import DataError
from pinnsiren.experiments import sdf as experiment
from pinnsiren.experiments import show
from pinnsiren.experiments.sdf import CELLS, EXPERIMENT, compare, measured, missed
from pinnsiren.signals import shape
from pinnsiren.solution import Solution
from pinnsiren.surface import level_surface


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Solution:
    """A ball of radius 2 around (10, 0, 0), from a file of 3000 points."""
    p = np.random.default_rng(0).normal(size=(3000, 3))
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    file = tmp_path_factory.mktemp("sdf") / "ball.xyz"
    np.savetxt(file, np.hstack([[10, 0, 0] + 2 * p, p]))
    return ps.solve(sdf(str(file), size=24), progress=False)


def test_show_writes_a_closed_mesh_where_the_points_are(solved: Solution, tmp_path: Path) -> None:
    solved.save(tmp_path / "solution.h5")
    lines = show(ps.load(tmp_path / "solution.h5"), tmp_path)
    mesh = trimesh.load_mesh(tmp_path / "surface.ply")
    assert mesh.is_watertight and mesh.volume == pytest.approx(4 / 3 * np.pi * 8, rel=5e-3)
    np.testing.assert_allclose(mesh.bounds, [[8, -2, -2], [12, 2, 2]], atol=0.01)
    assert (tmp_path / "surface.png").stat().st_size > 10_000
    assert "closed, 1 piece;" in lines[0]
    assert lines[1:] == ["0.00% of the points are further than 0.016 from the surface"]  # of a file of points no more is known


def test_points_that_the_surface_misses_are_told_of(solved: Solution) -> None:
    """A twentieth of the points on a ring around the ball, as of a wing that the field is too smooth for."""
    surface, *others = solved.problem.constraints
    region = surface.region
    ring = np.where(np.arange(len(region.values))[:, None] % 20, region.values, 1.1 * region.values)
    moved = ps.PointSet(region.coordinates, ring, dict(region.columns), region.normals)
    with_ring = replace(solved, problem=ps.Problem(surface.equation.on(moved), *others))
    line = missed(with_ring, level_surface(lambda p: np.linalg.norm(p, axis=1) - 0.9, [[-1, 1]] * 3, CELLS, slope=1.0))
    assert line.startswith("5.00% of the points") and "parts thinner than the cells of field and mesh are lost" in line


def test_no_mesh_is_written_where_there_is_none(solved: Solution, tmp_path: Path) -> None:
    with_none = ps.solve(solved.problem, ps.Siren(3, 1, 8, 1), ps.Adam(iterations=1, batch=64), progress=False)
    with_none.model.carriers[0].network.output.bias.data += 10
    lines = show(with_none, tmp_path)
    assert "no mesh was written: there is no surface" in lines[0] and "positive: no inside" in lines[0]
    assert not list(tmp_path.iterdir())


def test_errors_of_a_solution(solved: Solution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "SAMPLES", 30_000)
    ball = shape("sphere")
    m = measured(solved, type(ball)("ball", *_ball(0.9)), cells=48)
    assert m.overlap > 0.99 and m.surface.chamfer < 1e-3 and m.field.far < 5e-3 and m.surface.normal_consistency > 0.999


def _ball(radius: float) -> tuple:
    from pinnsiren.signals.shapes import sphere

    body = sphere(radius)
    return body.domain, body.formula


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pinnsiren.solve.ProblemWarning")
def test_compare_has_rows_for_every_loss(tmp_path: Path) -> None:
    rows = compare(tmp_path, shape="sphere", points=2000, seconds=0.3, width=16, size=16)
    methods = dict.fromkeys(r.method for r in rows)
    assert [m.split(",")[0] for m in methods] == ["loss distance", "loss paper", "loss hotspot", "loss digs", "loss steik"]
    chamfer = [r for r in rows if r.measure.startswith("Chamfer")]
    assert chamfer[0].value == min(r.value for r in chamfer) < 5e-3
    assert (tmp_path / "distance.png").is_file() and EXPERIMENT.problems == ("sdf",)


def test_open_shapes_are_refused_before_any_solve(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(2)
    trimesh.Trimesh(ball.vertices, ball.faces[:-4]).export(tmp_path / "open.ply")
    with pytest.warns(match="not closed"), pytest.raises(DataError, match="is not a closed surface"):
        compare(tmp_path, shape=str(tmp_path / "open.ply"))
