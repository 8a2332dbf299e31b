"""The README's tables: ``ps.solve(problem)`` beside classical solvers, ``python -m tests.benchmarks.classical``; a minute.

Smooth problems on a square: pinnsiren's own references on one grid each, finite differences and Chebyshev collocation, with the
seconds to put the equations on the grid and to solve them, not to estimate an error. Each column first solves a problem that
is not counted, so that nothing is loaded or compiled in the time. The error is the relative L2 error at new points inside.

An L-shape: Δu = 0, u = x² on the boundary, of which u(0.99, 0.99) = 1.0267919261073… is known (NA Digest, November 2018;
Gopal & Trefethen, SIAM J. Numer. Anal. 57 (2019)), beside finite elements.
"""

import platform
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

import pinnsiren as ps
from pinnsiren.equations import catalogue
from pinnsiren.sampling import Points
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.finite_difference.fit import bounds_of
from pinnsiren.validation.finite_difference.grid import TensorGrid, spectral_grid, uniform_grid
from pinnsiren.validation.reference import relative_l2
from tests.benchmarks.peers.grid import Predict, on_grid

PROBLEMS = ("poisson_exp_sin", "poisson_bump", "poisson_two_scale", "poisson_cubic")
WARM = "poisson_sine"
GRIDS: dict[str, Callable[..., TensorGrid]] = {
    "second order, 256²": lambda bounds: uniform_grid(bounds, 256, 2), "sixth order, 128²": lambda b: uniform_grid(b, 128, 6),
    "Chebyshev, 48²": lambda bounds: spectral_grid(bounds, 48)}
CORNER, VALUE = (0.99, 0.99), 1.0267919261073
SIZES = (1 / 32, 1 / 64, 1 / 128)  # of triangles


def main() -> None:
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, pinnsiren {ps.__version__}\n")
    print("| problem | pinnsiren | " + " | ".join(GRIDS) + " |\n|" + " --- |" * (len(GRIDS) + 2))
    for name in (WARM, *PROBLEMS):
        problem = catalogue()[name]()
        points = comparison_points(problem)[0]
        cells = [timed(partial(by_default, problem), problem, points)]
        cells += [timed(partial(on_grid, problem, grid(bounds_of(problem))), problem, points) for grid in GRIDS.values()]
        if name != WARM:
            print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)
    print("\n| Δu = 0 on an L, u = x² around it | error of u(0.99, 0.99) |\n| --- | --- |")
    x, y = ps.coordinates("x y")
    u = ps.Field("u", x, y)
    domain = ps.Polygon((x, y), [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    problem = ps.Problem(ps.Equation(ps.laplacian(u), 0).on(domain.interior), ps.Equation(u, x**2).on(domain.boundary))
    at = Points((x, y), np.array([CORNER]))
    start = time.perf_counter()
    found = float(ps.solve(problem, progress=False)(u, at.values)[0])
    print(f"| pinnsiren | {abs(found - VALUE):.0e} in {time.perf_counter() - start:.1f} s |", flush=True)
    for size in SIZES:
        start = time.perf_counter()
        reference = ps.FiniteElements(size).compute(problem, at)
        error = abs(float(reference.values(u, at)[0]) - VALUE)
        print(f"| {reference.description} | {error:.0e} in {time.perf_counter() - start:.1f} s, two coarser ones included |",
              flush=True)


def by_default(problem: ps.Problem) -> Predict:
    """What ``ps.solve`` finds."""
    return partial(ps.solve(problem, progress=False), problem.fields[0])


def timed(solved: Callable[[], Predict], problem: ps.Problem, points: Points) -> str:
    """Relative L2 error and seconds."""
    start = time.perf_counter()
    predict = solved()
    used = time.perf_counter() - start
    exact = ps.Exact().compute(problem, points).values(problem.fields[0], points)
    return f"{relative_l2(predict(points.values) - exact, exact):.0e} in {used:.1f} s"


if __name__ == "__main__":
    main()
