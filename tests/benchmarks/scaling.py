"""How far one step scales: ``python -m tests.benchmarks.scaling --device cuda`` (or cpu), widths and points doubling.

A step is ½ mean (Δu + 1)² of a Siren with 3 hidden layers in 2D and its gradient: 4 channels, forwards and backwards. For every
width the points are doubled until memory is out (``--memory-limit`` GB, or what the device has) or a step takes longer than
``--longest`` seconds. The share is of the speed of a square matrix product in the same precision, measured first: the step's
own products, 3 passes over 4 channels, are counted as 2 · multiplications.

On a GPU the step is timed plain and as a CUDA graph, with events; on a CPU there is no graph.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnsiren.jets import Channels
from pinnsiren.loop import out_of_memory
from pinnsiren.networks import Siren
from pinnsiren.solvers.captured import WARM_UP, Captured
from tests.benchmarks.engine import high_water

CHANNELS = Channels(2, ((0, 0),), (((0, 0), (1, 1)),))
HIDDEN = 3  # products of width × width; the first layer's and the output's are small beside them
PASSES = 3  # forwards, and backwards to the activations and to the weights
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Row:
    """One measured step: seconds plain and from a graph (None without one), and the peak of memory in bytes."""

    width: int
    points: int
    plain: float
    graph: float | None
    memory: float

    def text(self, peak: float) -> str:
        best = min(self.plain, self.graph or self.plain)
        flops = 2 * PASSES * len(CHANNELS) * HIDDEN * self.points * self.width**2
        graph = "–" if self.graph is None else f"{1e3 * self.graph:.2f}"
        return (f"| {self.width} | {self.points} | {1e3 * self.plain:.2f} | {graph} | {self.points / best:.2e} | "
                f"{self.memory / 1e9:.2f} | {100 * flops / best / peak:.0f} % |")


def seconds(run: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median time of a call: by events on a GPU, by the clock elsewhere."""
    run()
    found = []
    for _ in range(repeats):
        if device.type == "cuda":
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            run()
            end.record()
            end.synchronize()
            found.append(start.elapsed_time(end) / 1e3)
        else:
            began = time.perf_counter()
            run()
            found.append(time.perf_counter() - began)
    return statistics.median(found)


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a square matrix product."""
    n = 8192 if device.type == "cuda" else 1024
    a = torch.randn(n, n, dtype=dtype).to(device)
    return 2 * n**3 / seconds(lambda: a @ a, device, 5)


def work_of(width: int, points: int, device: torch.device, dtype: torch.dtype) -> Callable[[], tuple[Tensor, ...]]:
    """Loss and gradient of one step."""
    network = Siren(2, 1, width, HIDDEN + 1, omega0=5.0, dtype=dtype, device=device)
    x = (2 * torch.rand(points, 2, generator=torch.Generator().manual_seed(1), dtype=dtype) - 1).to(device)
    coefficients, parameters = (torch.ones(2, 1, dtype=dtype),), list(network.parameters())

    def work() -> tuple[Tensor, ...]:
        loss = (network.jet(x, CHANNELS, coefficients)[-1] + 1).square().mean() / 2
        return loss.detach(), *torch.autograd.grad(loss, parameters)

    return work


def measured(width: int, points: int, device: torch.device, arguments: argparse.Namespace) -> Row:
    """Raises: torch.OutOfMemoryError: it does not fit."""
    work = work_of(width, points, device, DTYPES[arguments.dtype])
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    plain, graph = seconds(work, device, arguments.repeats), None
    if device.type == "cuda":
        step = Captured(work, device)
        for _ in range(WARM_UP + 1):
            step()
        graph = None if step.note else seconds(step, device, arguments.repeats)
        print(step.note, end="", file=sys.stderr)
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 2**20 * high_water()
    return Row(width, points, plain, graph, memory)


def rows(device: torch.device, arguments: argparse.Namespace) -> Iterator[Row]:
    width = arguments.narrowest
    while width <= arguments.widest:
        points = arguments.fewest
        while points <= arguments.most:
            try:
                row = measured(width, points, device, arguments)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                print(f"width {width}, {points} points: out of memory", file=sys.stderr)
                break
            yield row
            if row.plain > arguments.longest or 2 * row.memory > 1e9 * arguments.memory_limit:
                break
            points *= 2
        width *= 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--narrowest", type=int, default=64, help="width to begin with")
    parser.add_argument("--widest", type=int, default=1024)
    parser.add_argument("--fewest", type=int, default=1024, help="points to begin with")
    parser.add_argument("--most", type=int, default=2**24)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--longest", type=float, default=1.0, help="seconds of a step after which points are not doubled")
    parser.add_argument("--memory-limit", type=float, default=float("inf"), help="GB; on a CPU of the whole process so far")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    peak = matrix_peak(device, DTYPES[arguments.dtype])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}, torch {torch.__version__}, {arguments.dtype}, matrix product {peak / 1e12:.3f} Tflop/s\n")
    print("| width | points | step, ms | as a graph, ms | points/s | peak memory, GB | of the matrix product |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows(device, arguments):
        print(row.text(peak), flush=True)


if __name__ == "__main__":
    main()
