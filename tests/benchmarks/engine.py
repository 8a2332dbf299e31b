"""Speed of one training step against hand-written nested autograd: ``python -m tests.benchmarks.engine``.

Full-batch Adam steps in float32 on 3 sine layers × 256 with 4096 interior and 512 boundary points (Laplacians: 1024
interior points), both engines on the same weights, interleaved in one process, median of 20 steps × 2 rounds. Before
anything is timed, both must give the same loss and gradient. The limit is a plain regression step × channels.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pinnsiren.jets import Channels
from pinnsiren.networks import Siren

CLOCK=time.process_time
Points = tuple[Tensor, Tensor]  # interior, boundary
Loss = Callable[[Siren, Points], Tensor]


@dataclass(frozen=True)
class Case:
    """One equation, its loss in both engines, and how many channels its jets carry."""

    name: str
    dimension: int
    outputs: int
    interior: int
    boundary: int
    channels: int
    jets: Loss
    nested: Loss


def field(network: Siren, x: Tensor) -> Tensor:
    """The plain network, frequencies multiplied into the weights: the fastest form for autograd, too."""
    layers = network.tensors()
    a = network.scaled(x)
    for weight, bias in zip(layers.weights, layers.biases, strict=True):
        a = torch.sin(torch.nn.functional.linear(a, weight, bias))
    return network.output(a)


def nested_seconds(u: Tensor, x: Tensor) -> list[Tensor]:
    """∂_i² u for every coordinate, by differentiating the gradient."""
    gradient, = torch.autograd.grad(u.sum(), x, create_graph=True)
    return [torch.autograd.grad(gradient[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1])]


def collapsed(dimension: int, weights: Sequence[float]) -> tuple[Channels, tuple[Tensor, ...]]:
    """Channels of Σ_i weight_i ∂_i²."""
    channels = Channels(dimension, ((0,) * dimension,), (tuple((i, i) for i in range(dimension)),))
    return channels, (torch.tensor(weights, dtype=torch.float32).unsqueeze(1),)


def boundary_loss(network: Siren, points: Tensor, *, nested: bool) -> Tensor:
    if not len(points):
        return torch.zeros(())
    return 50 * (field(network, points) if nested else network(points)).square().mean()


def weighted_jets(network: Siren, points: Points, *, weights: Sequence[float]) -> Tensor:
    """½ mean (Σ_i weight_i ∂_i² u − f)² + boundary."""
    channels, coefficients = collapsed(network.inputs, weights)
    operator = network.jet(points[0], channels, coefficients)[-1, :, 0]
    return (operator + 1).square().mean() / 2 + boundary_loss(network, points[1], nested=False)


def weighted_nested(network: Siren, points: Points, *, weights: Sequence[float]) -> Tensor:
    x = points[0].clone().requires_grad_()
    seconds = nested_seconds(field(network, x)[:, 0], x)
    operator = sum((w * second for w, second in zip(weights, seconds, strict=True)), torch.zeros(()))
    return (operator + 1).square().mean() / 2 + boundary_loss(network, points[1], nested=True)


def wavenumber(x: Tensor) -> Tensor:
    """A variable coefficient k² m(x) of the Helmholtz equation."""
    return 20.0 * (1 + 0.5 * torch.tanh(x[:, :1] + x[:, 1:]))


def helmholtz_jets(network: Siren, points: Points) -> Tensor:
    """½ mean |Δu + k² m(x) u|² for a complex u in two outputs."""
    channels, coefficients = collapsed(2, (1.0, 1.0))
    jet = network.jet(points[0], channels, coefficients)
    residual = jet[-1] + wavenumber(points[0]) * jet[0]
    return residual.square().mean() / 2 + boundary_loss(network, points[1], nested=False)


def helmholtz_nested(network: Siren, points: Points) -> Tensor:
    x = points[0].clone().requires_grad_()
    u = field(network, x)
    laplacian = torch.stack([torch.stack(nested_seconds(u[:, k], x)).sum(0) for k in range(2)], dim=1)
    residual = laplacian + wavenumber(points[0]) * u
    return residual.square().mean() / 2 + boundary_loss(network, points[1], nested=True)


def weighted_case(name: str, weights: Sequence[float], interior: int, boundary: int) -> Case:
    return Case(name, len(weights), 1, interior, boundary, len(weights) + 2, partial(weighted_jets, weights=weights),
                partial(weighted_nested, weights=weights))


def cases() -> list[Case]:
    return [
        weighted_case("Poisson 2D", (1.0, 1.0), 4096, 512),
        Case("Helmholtz 2D, 2 outputs", 2, 2, 4096, 512, 4, helmholtz_jets, helmholtz_nested),
        weighted_case("wave 2D + t", (-1.0, -1.0, 1.0), 4096, 512),
        *(weighted_case(f"Laplacian d = {d}", (1.0,) * d, 1024, 0) for d in (2, 5, 10)),
    ]


def prepare(case: Case) -> tuple[Siren, Points]:
    generator = torch.Generator().manual_seed(1)
    points = tuple(2 * torch.rand(n, case.dimension, generator=generator) - 1 for n in (case.interior, case.boundary))
    return Siren(case.dimension, case.outputs, 256, 3, omega0=5.0, seed=0), (points[0], points[1])


def check(case: Case) -> float:
    """Largest relative difference of loss and gradient between both engines, in float64; raises above 1e-9."""
    network, points = prepare(case)
    network, points = network.double(), (points[0][:64].double(), points[1][:64].double())
    results = []
    for loss in (case.jets, case.nested):
        value = loss(network, points)
        gradient = torch.autograd.grad(value, list(network.parameters()), allow_unused=True, materialize_grads=True)
        results.append(torch.cat([value.reshape(1), *(g.flatten() for g in gradient)]))
    difference = float(((results[0] - results[1]).abs().max() / results[1].abs().max()).item())
    if not difference < 1e-9:
        raise SystemExit(f"{case.name}: the engines differ by {difference:.1e}; nothing was timed.")
    return difference


def stepper(loss: Callable[[Siren, Points], Tensor], network: Siren, points: Points) -> Callable[[], None]:
    """One full-batch Adam step."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-6)

    def step() -> None:
        optimiser.zero_grad()
        loss(network, points).backward()
        optimiser.step()

    return step


def regression(network: Siren, points: Points) -> Tensor:
    return field(network, points[0]).square().mean() + boundary_loss(network, points[1], nested=True)


def milliseconds(steps: dict[str, Callable[[], None]], repeats: int, rounds: int = 2) -> dict[str, float]:
    """Median time of each step, the steps taking turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step(), step()
    for _ in range(rounds):
        for name, step in steps.items():
            for _ in range(repeats):
                start = CLOCK()
                step()
                times[name].append(1e3 * (CLOCK() - start))
    return {name: statistics.median(t) for name, t in times.items()}


def time_case(case: Case, repeats: int, *, compiled: bool) -> dict[str, float]:
    losses: dict[str, Any] = {"nested": case.nested, "jets": case.jets, "regression": regression}
    if compiled:
        losses["compiled"] = torch.compile(case.jets)
    return milliseconds({name: stepper(loss, *prepare(case)) for name, loss in losses.items()}, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for case in cases():
        if arguments.only not in case.name: continue
        difference = check(case)
        t = time_case(case, arguments.repeats, compiled=arguments.compile)
        print(f"{case.name:24s} {difference:.0e} nested {t['nested']:.1f} jets {t['jets']:.1f} ratio {t['jets']/t['nested']:.2f} limit {t['regression']*case.channels:.1f}", {k: round(v,1) for k,v in t.items()}, flush=True)


if __name__ == "__main__":
    main()
