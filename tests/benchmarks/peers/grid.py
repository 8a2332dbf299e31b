"""Classical solvers on one problem: pinnsiren's references, on finer and finer grids.

Each line is one grid alone: the seconds to put the equations on it and to solve them, not to estimate its error. So the time to
an error is that of the first grid that reaches it, as if one had known it. All grids share a process, so that only the first
pays for what is loaded and compiled once; that is to their advantage.

``second`` and ``high`` are finite differences of order 2 and 6 for equations without time, leapfrog of order 2 and 4 for waves,
and the method of lines with differences of order 2 and 4, and scipy's integrators, for Burgers' equation. ``spectral`` is
Chebyshev collocation, in space alone where there is time; not for Burgers' equation, whose layer lies in the middle, where
Chebyshev's nodes are farthest apart: 128 of them blow up, slowly.
"""

import sys
from collections.abc import Callable
from typing import TextIO

import torch

import pinnsiren as ps
from pinnsiren.equations import catalogue
from pinnsiren.sampling import Points
from pinnsiren.validation.finite_difference.assembly import discretise, row_equations
from pinnsiren.validation.finite_difference.evolution_form import EvolutionForm, evolution_form
from pinnsiren.validation.finite_difference.fit import bounds_of
from pinnsiren.validation.finite_difference.grid import TensorGrid, spectral_grid, uniform_grid
from pinnsiren.validation.finite_difference.history import History
from pinnsiren.validation.finite_difference.leapfrog import leap
from pinnsiren.validation.finite_difference.semidiscrete import semidiscretise
from pinnsiren.validation.finite_difference.stationary import solve_system
from pinnsiren.validation.finite_difference.stepping import evolve
from tests.benchmarks.peers.protocol import Array, Measure, Request, Watch, announce, tell

Predict = Callable[[Array], Array]
TOLERANCE = 1e-8  # of a time step
SPECTRAL_TOLERANCE = 1e-12  # where the grid's own error gets as small
ENOUGH = 1e-12  # relative error at which no finer grid is tried
SHARE = 1 / 8  # of the time: no finer grid after one that took longer, for the next takes some four times as long
CELLS = {("stationary", "second"): (8, 16, 32, 64, 128, 256, 512),
         ("stationary", "high"): (12, 16, 24, 32, 48, 64, 96, 128, 256),
         ("stationary", "spectral"): (8, 10, 12, 16, 20, 24, 32, 40, 48, 60),
         ("wave_1d", "second"): (16, 32, 64, 128, 256, 512, 1024, 2048), ("wave_1d", "high"): (16, 32, 64, 128, 256, 512, 1024),
         ("wave_1d", "spectral"): (12, 16, 20, 24, 32, 40),
         ("burgers", "second"): (64, 128, 256, 512, 1024, 2048, 4096), ("burgers", "high"): (64, 128, 256, 512, 1024, 2048)}
ORDER = {"stationary": 6, "wave_1d": 4, "burgers": 4}  # of ``high``


def run(request: Request, stream: TextIO) -> None:
    """Solve on one grid after another, and print what the protocol asks for."""
    kind = request.problem if request.problem in ORDER else "stationary"
    scheme = request.settings or "second"
    announce(stream, _description(kind, scheme), f"pinnsiren {ps.__version__}, torch {torch.__version__}")
    for cells in CELLS[kind, scheme]:
        watch = Watch(request, stream)
        try:
            predict = _solved(catalogue()[request.problem](), kind, scheme, cells=cells)
        except ps.ReferenceError:
            continue  # too coarse for the layer: the scheme's values blow up
        measure = Measure(watch.seconds, request.error(predict(request.points)))
        tell(stream, measure)
        if measure.error < ENOUGH or measure.seconds > SHARE * request.seconds:
            break


def _description(kind: str, scheme: str) -> str:
    low, high = CELLS[kind, scheme][0], CELLS[kind, scheme][-1]
    sizes = f"{low} to {high} {'nodes' if scheme == 'spectral' else 'cells'}" + (" a side" if kind == "stationary" else "")
    order = ORDER[kind] if scheme == "high" else 2
    if scheme == "spectral":
        return f"Chebyshev collocation{'' if kind == 'stationary' else ' in space'}, {sizes}"
    return {"stationary": f"order {order}, {sizes}", "wave_1d": f"leapfrog of order {order}, {sizes}",
            "burgers": f"the method of lines, order {order}, {sizes}"}[kind]


def _solved(problem: ps.Problem, kind: str, scheme: str, *, cells: int) -> Predict:
    if kind == "stationary":
        bounds = bounds_of(problem)
        return on_grid(problem, spectral_grid(bounds, cells) if scheme == "spectral"
                       else uniform_grid(bounds, cells, ORDER[kind] if scheme == "high" else 2))
    history = _history(evolution_form(problem.real), kind, scheme, cells=cells)
    return lambda points: history(0, Points(problem.coordinates, points))


def on_grid(problem: ps.Problem, grid: TensorGrid) -> Predict:
    """The solution on a grid, of a problem without time."""
    real = problem.real
    solution = solve_system(discretise(real, row_equations(real), grid), ())
    return lambda points: grid.interpolate(solution.values[0], points)


def _history(form: EvolutionForm, kind: str, scheme: str, *, cells: int) -> History:
    bounds = form.space.bounds
    if scheme == "spectral":
        return evolve(semidiscretise(form, spectral_grid(bounds, cells)), tolerance=SPECTRAL_TOLERANCE)
    order = ORDER[kind] if scheme == "high" else 2
    grid = uniform_grid(bounds, cells, order)
    return leap(form, grid, order) if kind == "wave_1d" else evolve(semidiscretise(form, grid), tolerance=TOLERANCE)


def main() -> None:
    request = Request.from_command_line(__doc__)
    torch.set_num_threads(request.threads)
    run(request, sys.stdout)


if __name__ == "__main__":
    main()
