"""Images from their gradients and Laplacians at 256²: ``python -m tests.benchmarks.images``.

By windows (``MatrixFree``), and beside it the published network with Adam for the same seconds, but at least 30: through
our jets, and through nested ``autograd.grad`` as the paper's code does it. PSNR after the null space is removed; nothing
is clamped. Wall seconds mean little on a busy machine, so those of the processor, over all threads, stand beside them.
"""

import platform
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

import pinnsiren as ps
from pinnsiren.equations.images import image_from_gradients, image_from_laplacian
from pinnsiren.signals import Image, ceiling, psnr, read_image
from pinnsiren.solvers.matrix_free import MatrixFree

SIZE = 256
PUBLISHED = {"gradient": 32.91, "laplacian": 14.95}  # dB after 10 000 full-batch steps (second-hand)
LEAST_SECONDS = 30.0  # for Adam, which has done next to nothing in the windows' time
BATCH = 8192  # a full batch does not finish ten steps in the windows' time


def main() -> None:
    names = sys.argv[1:] or ["photo", "mri"]
    table = Table("image", "from", "method", "PSNR dB", "ceiling dB", "published dB", "seconds", "processor s", "steps",
                  title=f"{SIZE}² — {platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name in names:
        for known in ("gradient", "laplacian"):
            for row in _rows(name, known):
                table.add_row(*row)
                print(" | ".join(row), flush=True)
    Console(width=120).print(table)


def _rows(name: str, known: str) -> list[list[str]]:
    image = read_image(name, SIZE)
    problem = (image_from_gradients if known == "gradient" else image_from_laplacian)(name, SIZE)
    best = ceiling(image, known)
    u, rows = problem.fields[0], []

    def add(method: str, run: Callable[[], tuple[np.ndarray, int]]) -> float:
        wall, processor = time.perf_counter(), time.process_time()
        values, steps = run()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        rows.append([name, known, method, f"{psnr(values, image, known):.1f}", f"{best:.0f}", f"{PUBLISHED[known]}",
                     f"{wall:.1f}", f"{processor:.1f}", str(steps)])
        return wall

    def windows() -> tuple[np.ndarray, int]:
        solution = _solved(problem, solver=MatrixFree())
        return solution(u, image.points), MatrixFree().every * (len(solution.history.loss) - 1)

    def jets() -> tuple[np.ndarray, int]:
        solution = _solved(problem, network=_siren(), solver=ps.Adam(iterations=10**6, batch=BATCH, every=1),
                           max_time=seconds, dtype=torch.float32)
        return solution(u, image.points), len(solution.history.loss) - 1

    seconds = max(LEAST_SECONDS, add("windows", windows))
    add("SIREN, Adam, jets", jets)
    add("SIREN, Adam, nested autograd", lambda: _nested(image, known, seconds))
    return rows


def _solved(problem: ps.Problem, **options: object) -> ps.Solution:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ps.ProblemWarning)
        return ps.solve(problem, progress=False, **options)


def _siren() -> ps.Siren:
    return ps.Siren(2, 1, 256, 4, omega0=30.0)


def _plain(network: ps.Siren, x: Tensor) -> Tensor:
    """The network as the paper writes it, for autograd to differentiate."""
    for layer, omega in zip(network.layers, network.omega0, strict=True):
        x = torch.sin(omega * layer(x))
    return network.output(x)


def _nested(image: Image, known: str, seconds: float) -> tuple[np.ndarray, int]:
    network, points = _siren(), torch.tensor(image.points, dtype=torch.float32)
    given = image.gradient() if known == "gradient" else (image.laplacian(),)
    target = torch.stack([torch.as_tensor(g.ravel(), dtype=torch.float32) for g in given], dim=1)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    generator = torch.Generator().manual_seed(0)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        chosen = torch.randint(len(points), (BATCH,), generator=generator)
        x = points[chosen].requires_grad_()
        slope = torch.autograd.grad(_plain(network, x).sum(), x, create_graph=True)[0]
        if known == "laplacian":
            slope = sum(torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)[0][:, i:i + 1] for i in (0, 1))
        optimiser.zero_grad(set_to_none=True)
        (slope - target[chosen]).square().sum(1).mean().backward()
        optimiser.step()
        steps += 1
    with torch.no_grad():
        return _plain(network, points).numpy(), steps


if __name__ == "__main__":
    main()
