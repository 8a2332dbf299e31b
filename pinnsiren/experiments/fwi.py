"""Full-waveform inversion: a medium from recorded waves, jointly with the fields or with the fields eliminated."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnsiren.domains import PointSet
from pinnsiren.equations.fwi import SOURCE, TRUE, UNKNOWN, Shape, fwi, paper_medium, paper_survey
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.pictures import Pixels
from pinnsiren.inversion import GridVelocity, Inversion, NetworkVelocity, Unknown, Velocity, invert
from pinnsiren.networks import Siren
from pinnsiren.problem import Problem
from pinnsiren.solution import Solution
from pinnsiren.solve import solve
from pinnsiren.surveys import Acquisition, Layers, Medium, Survey, recorded
from pinnsiren.surveys.waves import Bounds
from pinnsiren.symbols import Field

Array = npt.NDArray[np.float64]

PUBLISHED = "8.6e-3, a classical solver 1.7e-2; second-hand, region not stated"
MEASURE = "MSE of velocity, physical rectangle"
WIDTH, LAYERS, SLOW = 32, 3, 35.0  # of the velocity's network: 2241 parameters; ω0 of its first layer
QUIET = 0.01  # of the output's initial weights: the inversion starts at the known velocity
SPACING = {"paper": 0.02, "layers": 0.02}
SHARES = (0.25, 0.5, 1.0, 2.0)  # of the paper's k = 20, for the reduced inversions; the joint one has the first three
LEAST = 0.04  # of m, so that c is at most 5: least squares know no sign
ACROSS = 201  # points of a comparison along the longer side
BURIED, SUNK = 0.03, 0.06  # km, of sources and receivers
AROUND = 0.3  # km, thickness of the layers around a section
HERTZ = (3.0, 5.0, 8.0, 12.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn: the true velocity on the physical rectangle, and where waves start and are recorded.

    Args:
        points: (ny, nx, 2), a grid on the rectangle. true: (ny, nx), the velocity there.
        sources, receivers: (S, 2), (R, 2).
        unit: of length; with one y points downwards, into the ground.
    """

    physical: Bounds
    points: Array
    true: Array
    sources: Array
    receivers: Array
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Setting:
    """A model to be found and what is recorded of it."""

    name: str
    medium: Medium
    survey: Survey
    unknown: Unknown
    unit: str

    @cached_property
    def scene(self) -> Scene:
        """The model itself."""
        acquisition = self.survey.acquisition
        (x0, x1), (y0, y1) = acquisition.physical
        size = max(x1 - x0, y1 - y0)
        axes = [np.linspace(a, b, round((b - a) / size * (ACROSS - 1)) + 1) for a, b in ((x0, x1), (y0, y1))]
        points = np.stack(np.meshgrid(*axes, indexing="xy"), axis=-1)
        true = self.medium.velocity(points.reshape(-1, 2)).reshape(points.shape[:2])
        return Scene(acquisition.physical, points, true, acquisition.sources, acquisition.receivers, self.unit)


def compare(folder: Path, model: Shape = "square", seconds: float = 60, noise: float = 0.01, seed: int = 0) -> list[Row]:
    """Velocity from recorded waves (inverse Helmholtz): fields and medium jointly, a network alone, values on a grid.

    Args:
        model: of the paper's kind, a square or a disc of velocity 2 in velocity 1.
        seconds: for each inversion.
        noise: of the data, relative.
        seed: of the noise, the network and the layers.
    """
    rows = []
    for setting in (paper_setting(model, noise, seed), layered_setting(noise, seed)):
        found: dict[str, Array] = {}
        carriers: dict[str, Velocity] = {"network": network_velocity(setting.unknown, seed),
                                         "grid": GridVelocity(setting.unknown)}
        for name, velocity in carriers.items():
            out = invert(setting.survey, velocity, setting.unknown, Inversion(max_time=seconds))
            found[name] = out.at(setting.scene.points.reshape(-1, 2)).reshape(setting.scene.true.shape)
            rows.append(_row(setting, f"reduced, {name}", found[name], out.misfit, out.seconds))
        if setting.name != "layers":
            began = time.monotonic()
            solution = solve(fwi(model, noise=noise, seed=seed), max_time=1.5 * seconds, progress=False)
            found["joint"] = velocity_of(solution, setting.scene.points)
            rows.append(_row(setting, "joint, as the paper", found["joint"], _joint_misfit(solution), time.monotonic() - began))
        draw(setting.scene, found).savefig(folder / f"{setting.name}.png", dpi=120)
    return rows


def paper_setting(model: Shape, noise: float, seed: int) -> Setting:
    survey = paper_survey(model, noise=noise, seed=seed, shares=SHARES)
    bounds = ((-UNKNOWN, UNKNOWN), (-UNKNOWN, UNKNOWN))
    medium = paper_medium(model)
    return Setting(model, medium, survey, Unknown(survey.acquisition.grid(SPACING["paper"]), medium, bounds), "")


def layered_setting(noise: float, seed: int) -> Setting:
    """Sources along the surface; receivers along it and in two wells, at its ends. Lengths in km, velocities in km/s."""
    ground = Layers(seed=seed)
    bounds = ((-AROUND, ground.width + AROUND), (-AROUND, ground.depth + AROUND))
    sources = [(float(x), BURIED) for x in np.linspace(0.1, ground.width - 0.1, 7)]
    wells = [(float(x), float(y)) for x in (0.02, ground.width - 0.02) for y in np.linspace(0.15, ground.depth - 0.05, 8)]
    receivers = [(float(x), SUNK) for x in np.linspace(0.05, ground.width - 0.05, 20)] + wells
    acquisition = Acquisition(bounds, sources, receivers, [2 * np.pi * f for f in HERTZ], thickness=AROUND)
    survey = recorded(ground, acquisition, noise=noise, seed=seed, spacing=SPACING["layers"])
    grid = acquisition.grid(SPACING["layers"])
    return Setting("layers", ground, survey, Unknown(grid, ground, acquisition.physical, extended=True), "km")


def network_velocity(unknown: Unknown, seed: int = 0) -> NetworkVelocity:
    """A SIREN for log(c/c₀), which begins near 0."""
    network = Siren(2, 1, WIDTH, LAYERS, omega0=[SLOW, *[1.0] * (LAYERS - 1)], box=[list(b) for b in unknown.bounds], seed=seed,
                    dtype=torch.float64)
    with torch.no_grad():
        network.output.weight.mul_(QUIET)
        network.output.bias.zero_()
    return NetworkVelocity(unknown, network)


def velocity_of(solution: Solution, points: Array) -> Array:
    """c = m^{−½} of a solution of ``fwi`` at points (…, 2)."""
    slowness = solution(_medium(solution), points.reshape(-1, 2))
    return np.asarray(np.maximum(slowness, LEAST) ** -0.5).reshape(points.shape[:-1])


def show(solution: Solution, folder: Path) -> list[str]:
    """Draw the velocity of a solution of ``fwi`` beside the true one, and say how far it is."""
    scene = _scene(solution.problem)
    found = velocity_of(solution, scene.points)
    draw(scene, {"joint": found}).savefig(folder / "velocity.png", dpi=120)
    start = mean_square(np.ones_like(found), scene.true)
    return [f"velocity: mean square error {mean_square(found, scene.true):.2e} on the physical square (of velocity 1 "
            f"everywhere: {start:.2e}; published {PUBLISHED})", f"wrote {folder / 'velocity.png'}"]


def _scene(problem: Problem) -> Scene:
    """From what a problem of ``fwi`` carries."""
    pixels = Pixels.of(problem)
    points = pixels.points.reshape(*pixels.shape, 2)[::-1]  # rows from below
    true = pixels.column(TRUE)[::-1] ** -0.5
    half = [h / 2 for h in pixels.spacing]
    physical = tuple((float(points[..., i].min() - half[i]), float(points[..., i].max() + half[i])) for i in (0, 1))
    recorded_at = [c.region for c in problem.constraints if isinstance(c.region, PointSet) and SOURCE[0] in c.region.data]
    sources = np.unique([[dict(r.columns)[s][0] for s in SOURCE] for r in recorded_at], axis=0)
    return Scene((physical[0], physical[1]), points, true, sources, recorded_at[0].values)


def mean_square(found: Array, true: Array) -> float:
    """The mean of (c − c_true)²."""
    return float(np.mean((found - true) ** 2))


def draw(scene: Scene, found: Mapping[str, Array]) -> Figure:
    """The true medium with sources and receivers, what was found, and the differences."""
    (x0, x1), (y0, y1) = scene.physical
    tall = (y1 - y0) / (x1 - x0)
    figure = Figure(figsize=(3.6 * (1 + len(found)) + 1, 2 * 3.4 * tall + 1), layout="constrained")
    axes = np.atleast_2d(figure.subplots(2, 1 + len(found), squeeze=False))
    low, high = float(scene.true.min()), float(scene.true.max())
    extent = (x0, x1, y1, y0) if scene.unit else (x0, x1, y0, y1)

    def picture(ax: Axes, values: Array, title: str, *, limits: tuple[float, float], colours: str) -> None:
        image = ax.imshow(values, extent=extent, origin="upper" if scene.unit else "lower", vmin=limits[0], vmax=limits[1],
                          cmap=colours)
        ax.set_title(title, fontsize=10)
        figure.colorbar(image, ax=ax, shrink=0.8)
        if scene.unit:
            ax.set_xlabel(scene.unit)

    title = "true velocity, km/s" if scene.unit else "true velocity"
    picture(axes[0, 0], scene.true, title, limits=(low, high), colours="viridis")
    axes[0, 0].plot(*scene.receivers.T, "w.", markersize=5, markeredgecolor="grey", label="receivers")
    axes[0, 0].plot(*scene.sources.T, "r*", markersize=8, label="sources")
    axes[1, 0].axis("off")
    axes[1, 0].legend(handles=axes[0, 0].lines, fontsize=9, loc="upper center")
    reach = 0.5 * (high - low)
    for i, (name, values) in enumerate(found.items(), start=1):
        error = mean_square(values, scene.true)
        picture(axes[0, i], values, f"{name}: MSE {error:.1e}", limits=(low, high), colours="viridis")
        picture(axes[1, i], values - scene.true, "less the true one", limits=(-reach, reach), colours="RdBu_r")
    return figure


def _row(setting: Setting, method: str, found: Array, misfit: float, seconds: float) -> Row:
    survey = setting.survey
    known = setting.medium.background(setting.scene.points.reshape(-1, 2)).reshape(found.shape)
    start = mean_square(known, setting.scene.true)
    said = (f"{setting.name}, {len(survey.acquisition.sources)} sources, {len(survey.acquisition.receivers)} receivers, "
            f"{len(survey.acquisition.frequencies)} frequencies, noise {survey.noise:.0%}; data misfit {misfit:.2f} of "
            f"the noise; MSE at the start {start:.2g}")
    return Row("fwi", method, said, mean_square(found, setting.scene.true), MEASURE, seconds, "" if setting.unit else PUBLISHED)


def _medium(solution: Solution) -> Field:
    return next(f for f in solution.problem.fields if f.name == "m")


def _joint_misfit(solution: Solution) -> float:
    """Root mean square of the data's residuals, which are in units of the noise."""
    found = [values[-1] for name, values in solution.history.residuals.items() if name.startswith("data")]
    return float(np.sqrt(2 * np.mean(np.square(found))))


EXPERIMENT = Experiment(compare, problems=("fwi",), show=show)
