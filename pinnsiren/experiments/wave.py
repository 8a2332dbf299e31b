"""The wave equation: the paper's resting drop in two dimensions, against the exact wave."""

from pathlib import Path

import numpy as np

from pinnsiren.equations.wave import wave_gaussian
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.forward import Contest, relative_mean_square
from pinnsiren.networks import Siren
from pinnsiren.sampling import Points
from pinnsiren.solvers import Adam
from pinnsiren.validation import Leapfrog

PUBLISHED = "1.5e-4 … 2.5e-4; tanh about 1e-2; second-hand"
SIDE = 161  # of the picture
SHOWN = 0.3  # the time of the picture


def compare(folder: Path, seconds: float = 60.0, solve_seconds: float | None = 120.0, batch: int = 4096,
            width: int = 256, cells: int = 200) -> list[Row]:
    """u_tt = Δu on [−1, 1]² × [0, 0.4] from a drop: solve's choice, SIREN by Adam, leapfrog.

    Args:
        folder: for wave.png.
        seconds: of Adam (the full setting: 100 000 steps, time growing from 0); solve_seconds: of solve's choice.
        batch, width: of the paper's network.
        cells: of the grid along each coordinate.
    """
    problem = wave_gaussian()
    contest = Contest("wave", problem, ("relative MSE", relative_mean_square), "t up to 0.4", {"SIREN, Adam": PUBLISHED})
    best, chosen = contest.by_solve("features on the wave cone, least squares (solve's choice)", seconds=solve_seconds)
    network = Siren(3, 1, width, 4, omega0=30.0, box=[(-1, 1), (-1, 1), (0, 0.4)])
    plain, trained = contest.by_solve("SIREN, Adam", network=network, seconds=seconds, ansatz=False,
                                      solver=Adam(iterations=10**7, rate=2e-5, batch=batch, schedule="constant"))
    grid = contest.by_grid(f"leapfrog of order 2, {cells}²", Leapfrog(2, cells))
    line = np.linspace(-0.6, 0.6, SIDE)
    plane = np.stack([g.ravel() for g in (*np.meshgrid(line, line), np.full((SIDE, SIDE), SHOWN))], axis=1)
    contest.draw(folder / "wave.png", {"solve's choice": chosen, plain.method: trained},
                 Points(problem.coordinates, plane), (SIDE, SIDE))
    return [best, plain, grid]


EXPERIMENT = Experiment(compare)
