"""Helmholtz's equation with a perfectly matched layer: the paper's wave of a point source, against the exact one."""

from pathlib import Path

import numpy as np

from pinnsiren.equations.helmholtz import SOURCE_REACH, helmholtz_point_source
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.forward import Contest, relative_mean_square
from pinnsiren.networks import Siren
from pinnsiren.sampling import Points
from pinnsiren.solvers import Adam
from pinnsiren.validation import FiniteDifference

PUBLISHED = "MSE 7.9e-6, about 4–6 % relative, that is 2e-3 … 4e-3 here; tanh 2.6e-5, radial 1e-4; second-hand"
SIDE = 161  # of the picture


def compare(folder: Path, k: float = 20.0, seconds: float = 60.0, solve_seconds: float | None = None, batch: int = 4096,
            width: int = 256, cells: int = 200) -> list[Row]:
    """A point source in [−1, 1]² with a layer of ½: solve's choice, SIREN by Adam, second-order differences.

    Compared in [−½, ½]², r > 0.06, where the field is physical: the paper's own picture shows the layer too.

    Args:
        folder: for helmholtz.png.
        k: the wavenumber.
        seconds: of Adam (the full setting: 50 000 full-batch steps); solve_seconds: of solve's choice, by default its own.
        batch, width: of the paper's network.
        cells: of the grid along each coordinate.
    """
    problem = helmholtz_point_source(k)
    contest = Contest("helmholtz", problem, ("relative MSE", relative_mean_square), f"k = {k:g}", {"SIREN, Adam": PUBLISHED})
    best, chosen = contest.by_solve("windows, least squares (solve's choice)", seconds=solve_seconds)
    network = Siren(2, 2, width, 4, omega0=30.0, box=[(-1, 1)] * 2)
    plain, trained = contest.by_solve("SIREN, Adam", network=network, seconds=seconds, ansatz=False,
                                      solver=Adam(iterations=10**7, rate=2e-5, batch=batch, schedule="constant"))
    grid = contest.by_grid(f"finite differences of order 2, {cells}²", FiniteDifference(2, cells))
    line = np.linspace(-0.5, 0.5, SIDE)
    plane = np.stack([g.ravel() for g in np.meshgrid(line, line)], axis=1)
    plane[np.hypot(*plane.T) < SOURCE_REACH] = SOURCE_REACH  # the source itself is not compared
    contest.draw(folder / "helmholtz.png", {best.method: chosen, plain.method: trained},
                 Points(problem.coordinates, plane), (SIDE, SIDE))
    return [best, plain, grid]


EXPERIMENT = Experiment(compare)
