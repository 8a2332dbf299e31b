"""Signed distance from points: its surface as a mesh and a picture, how far it is from the true one, losses side by side."""

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from pinnsiren.domains import PointSet
from pinnsiren.equations.signed_distance import DISTANCE, Loss, frame_of, points_of, sdf
from pinnsiren.errors import DataError
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.model import Model
from pinnsiren.networks import Siren
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.signals.points import nearest, search_tree
from pinnsiren.signals.shapes import Shape
from pinnsiren.signals.shapes import shape as shape_of
from pinnsiren.solution import Solution
from pinnsiren.solve import ProblemWarning, solve
from pinnsiren.solvers import Adam
from pinnsiren.surface import Surface, level_surface
from pinnsiren.symbols import Parameter, grad
from pinnsiren.validation.surfaces import (
    FieldErrors,
    SurfaceErrors,
    compare_distances,
    compare_surfaces,
    intersection_over_union,
)

LOSSES: tuple[Loss, ...] = ("distance", "paper", "hotspot", "digs", "steik")
STAGES = {  # values of a loss's parameter, one after the other: the papers raise λ, and lower τ
    "hotspot": ("absorption", (4.0, 10.0, 30.0)), "digs": ("tau", (100.0, 10.0, 0.1)), "steik": ("tau", (100.0, 10.0, 0.1)),
}
PUBLISHED = {  # means over ShapeNet's shapes, quoted by HotSpot (arXiv 2411.14628)
    "paper": "pictures only",
    "hotspot": "ShapeNet: IoU .9796, Chamfer .0029, Hausdorff .0250",
    "digs": "ShapeNet: IoU .9636, Chamfer .0031, Hausdorff .0435",
    "steik": "ShapeNet: IoU .9641, Chamfer .0032, Hausdorff .0368",
}
CELLS = 128  # of marching cubes, along each coordinate
SAMPLES = 100_000  # points on each of two surfaces that are compared, and places in the box
SLOPE = 1.5  # ‖∇u‖ of what is fitted to a distance is nowhere more
LAYERS = 4  # of sines, as in the paper
BATCH = 4096
TIMED = 10  # steps, from whose time the number of steps follows
DRAWN = 100_000  # triangles of a picture, at most
MISSED = 5e-3  # share of the points beside the surface above which thin parts are said to be lost; sharp edges alone lose 1e-3


@dataclass(frozen=True)
class Measured:
    """A field beside the true shape.

    Args:
        overlap: intersection over union of the two insides. surface, field: see :mod:`pinnsiren.validation.surfaces`.
    """

    overlap: float
    surface: SurfaceErrors
    field: FieldErrors


def show(solution: Solution, folder: Path) -> list[str]:
    """Write surface.ply, in the frame of the points' source, and surface.png: the surface, and a slice with level lines."""
    try:
        surface = surface_of(solution)
    except DataError as error:
        return [f"no mesh was written: {error}"]
    centre, scale = frame_of(solution.problem)
    there = replace(surface, vertices=surface.vertices * scale + centre)
    there.save(folder / "surface.ply")
    picture(solution, surface).savefig(folder / "surface.png", dpi=150)
    state = f"open at {surface.open_edges} edges, where it leaves the box" if surface.open_edges else "closed"
    lines = [f"wrote {folder / 'surface.ply'} and surface.png: {len(surface.faces)} triangles, {state}, "
             f"{surface.pieces} {'piece' if surface.pieces == 1 else 'pieces'}; area {there.area:.5g}, volume "
             f"{there.volume:.5g} in the source's unit"]
    return lines + [told for told in (missed(solution, surface), _judged(solution)) if told]


def surface_of(solution: Solution, cells: int = CELLS) -> Surface:
    """The zero level of a solution of ``sdf`` in [−1, 1]³.

    Raises:
        DataError: there is none, with the reason.
    """
    field, = solution.problem.fields
    return level_surface(lambda points: solution(field, points), [[-1.0, 1.0]] * 3, cells,
                         slope=SLOPE if solution.problem.is_linear else None)


def measured(solution: Solution, body: Shape, cells: int = CELLS) -> Measured:
    """A solution's surface and distances beside those of a closed shape.

    Raises:
        DataError: the solution has no surface, or the shape no inside.
    """
    field, = solution.problem.fields
    places = np.random.default_rng(5).uniform(-1, 1, (SAMPLES, 3))
    true, values = body.distance(places), solution(field, places)
    on_true = body.sample(SAMPLES, seed=77)
    assert on_true.normals is not None
    return Measured(intersection_over_union(values < 0, true < 0),
                    compare_surfaces(surface_of(solution, cells).sample(SAMPLES, 78), (on_true.points, on_true.normals)),
                    compare_distances(values, solution.evaluate(grad(field), places), true))


def compare(folder: Path, shape: str = "torus", points: int = 50_000, seconds: float = 20.0, width: int = 128,
            size: int = 64) -> list[Row]:
    """Signed distance from points: linear equations, and the losses of the SIREN paper, HotSpot, DiGS and StEik.

    Args:
        shape: a closed one: "sphere", "torus", "box", "csg", "gyroid", "ant", "nut", or a file.
        points: on the surface.
        seconds: for each of the losses that Adam lowers. Published settings take 10 000 steps: give more.
        width: of the SIREN for these; the paper's has 256.
        size: of the grid of the linear equations.

    Raises:
        DataError: a shape that cannot be used, or is not closed, so that nothing can be measured.
    """
    body = shape_of(shape, points)
    rows: list[Row] = []
    body.inside(np.zeros((1, 3)))  # an open one is refused before minutes are spent on it
    for loss in LOSSES:
        start = time.monotonic()
        problem = sdf(shape, loss, points, size)
        solution, steps = (solve(problem, progress=False), 0) if loss == "distance" else _lowered(problem, loss, seconds, width)
        taken = time.monotonic() - start
        method = f"loss {loss}, " + ("windows" if loss == "distance" else f"SIREN {LAYERS}×{width}, Adam")
        setting = f"{shape}, {points} points, " + (f"{size}³ places" if loss == "distance" else f"{steps} steps of {BATCH}")
        rows += _rows(solution, body, method, setting=setting, seconds=taken, published=PUBLISHED.get(loss, ""))
        try:
            picture(solution, surface_of(solution)).savefig(folder / f"{loss}.png", dpi=120)
        except DataError:  # its row says that there is no surface
            continue
    return rows


def _lowered(problem: Problem, loss: Loss, seconds: float, width: int) -> tuple[Solution, int]:
    """Adam on a SIREN for about so many seconds, in stages where the loss has a parameter; and its steps."""
    name, values = STAGES.get(loss, ("", (0.0,)))
    model: Model | None = None
    total = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblemWarning)  # of second derivatives without conditions on the box: as published
        for value in values:
            stage = problem.with_parameters({p: Parameter(name, value) for p in problem.parameters})
            network = Siren(3, 1, width, LAYERS, omega0=30.0) if model is None else model.carriers[0].network
            timed = solve(stage, network, Adam(iterations=TIMED, batch=BATCH, every=TIMED), progress=False).history.seconds
            step = float(timed[-1] - timed[0]) / TIMED
            steps = max(TIMED, int(seconds / len(values) / step))
            solution = solve(stage, network, Adam(iterations=steps, batch=BATCH, clip=1.0, every=50), progress=False)
            model, total = solution.model, total + steps
    return solution, total


def _rows(solution: Solution, body: Shape, method: str, *, setting: str, seconds: float, published: str) -> Iterator[Row]:
    """What is known of the surface, of the inside and of the distances; an overlap of 0 where there is no surface."""
    try:
        m = measured(solution, body)
    except DataError:
        yield Row("sdf", method, f"{setting}; no surface", 0.0, "IoU", seconds, published)
        return
    s, f = m.surface, m.field
    yield Row("sdf", method, setting, s.chamfer, f"Chamfer; Hausdorff {s.hausdorff:.2g}, normals {s.normal_consistency:.4f}",
              seconds, published)
    yield Row("sdf", method, setting, m.overlap, "IoU", seconds)
    yield Row("sdf", method, setting, f.far, f"far-field RMSE; ‖∇u‖ is {f.slope:.2g} from 1 in the mean", seconds)


def missed(solution: Solution, surface: Surface) -> str:
    """What share of the points a solution's surface passes by, as it does where the field smooths thin parts away."""
    cell = 2 / CELLS
    far = nearest(search_tree(surface.vertices), points_of(solution.problem).values, 1)[0]
    share = float(np.mean(far > cell))
    advice = ": parts thinner than the cells of field and mesh are lost" if share > MISSED else ""
    return f"{share:.2%} of the points are further than {cell:.2g} from the surface{advice}"


def _judged(solution: Solution) -> str:
    """The distance's errors at the places where the problem carries the true one."""
    field, region = solution.problem.fields[0], solution.problem.compared
    if not isinstance(region, PointSet):
        return ""
    errors = compare_distances(solution(field, region.values), solution.evaluate(grad(field), region.values),
                               dict(region.columns)[DISTANCE])
    return (f"distance: RMSE {errors.rmse:.2e}, beyond 0.1 from the surface {errors.far:.2e}, mean |1 − ‖∇u‖| "
            f"{errors.slope:.2e}, on the wrong side {errors.wrong_side:.2%} (one unit is half of the box)")


def picture(solution: Solution, surface: Surface) -> Figure:
    """The surface, lit from above, and the distance on the middle plane y = 0 with its level lines."""
    if len(surface.faces) > DRAWN:  # finer than a picture shows
        surface = surface_of(solution, CELLS // 2)
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left = figure.add_subplot(1, 2, 1, projection="3d")
    _draw_surface(left, surface)
    field, = solution.problem.fields
    axis = np.linspace(-1, 1, 241)
    x, z = np.meshgrid(axis, axis)
    values = solution(field, np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=1)).reshape(x.shape)
    right = figure.add_subplot(1, 2, 2)
    most = float(np.abs(values).max())
    image = right.imshow(values, origin="lower", extent=(-1, 1, -1, 1), cmap="RdBu_r", vmin=-most, vmax=most)
    right.contour(x, z, values, levels=np.arange(-20, 21) * 0.1, colors="0.3", linewidths=0.5)
    right.contour(x, z, values, levels=[0.0], colors="black", linewidths=1.6)
    right.set(title="u on y = 0, level lines every 0.1", xlabel="x", ylabel="z")
    figure.colorbar(image, ax=right, shrink=0.85)
    return figure


def _draw_surface(axes: object, surface: Surface) -> None:
    assert isinstance(axes, Axes3D)
    triangles = surface.vertices[surface.faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    light = _lit(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300))
    axes.add_collection3d(Poly3DCollection(list(triangles), facecolors=light, edgecolors=light, linewidths=0.1))
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    half = 0.5 * float((high - low).max())
    limits = [(m - half, m + half) for m in (low + high) / 2]
    axes.set(xlim=limits[0], ylim=limits[1], zlim=limits[2], title="u = 0", xlabel="x", ylabel="y", zlabel="z")
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(3))
    axes.set_box_aspect((1, 1, 1))
    axes.view_init(elev=28, azim=-60)


def _lit(normals: Array) -> Array:
    """Colours (n, 4) of faces: half of the light comes from everywhere."""
    bright = 0.45 + 0.55 * np.clip(normals @ (np.array([0.3, -0.6, 0.75]) / np.linalg.norm([0.3, -0.6, 0.75])), 0, 1)
    return np.concatenate([bright[:, None] * np.array([0.72, 0.80, 0.92]), np.ones((len(normals), 1))], axis=1)


EXPERIMENT = Experiment(compare=compare, problems=("sdf",), show=show)
