"""One signal through the networks that the paper compares, each trained by Adam for the same time, and through ``solve``."""

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import torch
from torch import nn

from pinnsiren.experiments.experiment import Row
from pinnsiren.networks import MLP, Network, Siren
from pinnsiren.networks.encodings import PositionalEncoding, RadialEncoding, rectified
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.signals import Image, Sound, Video
from pinnsiren.solution import Solution
from pinnsiren.solve import ProblemWarning, solve
from pinnsiren.solvers import Adam, Solver

Signal = Image | Sound | Video
RATE = 1e-4  # Adam's, throughout the paper
BUMPS = 1024  # of the network of radial functions
WINDOWS = "windows, least squares (solve's choice)"


@dataclass(frozen=True)
class Training:
    """How long each network is trained.

    Args:
        seconds: for each network.
        iterations: at most; None for as many as the seconds allow.
        batch: samples a step; None for all.
        width: of hidden layers.
        layers: hidden layers; the paper's "3 hidden layers" are 4 of sines.
        seed: of weights and batches.
    """

    seconds: float
    iterations: int | None = None
    batch: int | None = 4096
    width: int = 256
    layers: int = 4
    seed: int = 0

    @property
    def solver(self) -> Solver:
        """Adam as in the paper: rate 1e-4, not lowered."""
        return Adam(iterations=self.iterations or 10**7, rate=RATE, batch=self.batch, schedule="constant", every=20)


@dataclass(frozen=True, eq=False)
class Fit:
    """What became of a signal.

    Attributes:
        values: at the signal's own samples, shaped like it.
        steps: of the optimiser.
    """

    method: str
    solution: Solution
    values: Array
    seconds: float
    steps: int = field(default=0)

    @property
    def parameters(self) -> int:
        """Numbers that the fields are made of."""
        return sum(p.numel() for p in self.solution.model.parameters())

    @property
    def effort(self) -> str:
        """Parameters and steps, in words."""
        return f"{self.parameters} parameters" + (f", {self.steps} steps" if self.steps else "")


def fits(problem: Problem, signal: Signal, training: Training, *, omega0: float = 30.0, octaves: int = 6,
         chosen: Collection[str] = ()) -> list[Fit]:
    """Solve's own choice first, then a network after the other.

    Args:
        chosen: which networks, by their names in :func:`networks`; by default all.
        omega0: of the sines' first layer, on the box scaled to [−1, 1]^d.
        octaves: of the positional encoding.
    """
    found = [fit(WINDOWS, problem, signal)]
    for name, network in networks(problem, training, omega0=omega0, octaves=octaves).items():
        if chosen and name not in chosen:
            continue
        found.append(fit(name, problem, signal, network=network, solver=training.solver, seconds=training.seconds,
                         seed=training.seed))
    return found


def networks(problem: Problem, training: Training, *, omega0: float, octaves: int) -> Mapping[str, Network | nn.Module]:
    """ReLU, tanh, ReLU after a positional encoding and after radial functions, and sines, all of the same width and depth."""
    box = [problem.bounds[c] for c in problem.coordinates]
    inputs, outputs, seed = len(box), len(problem.fields), training.seed
    width, layers = training.width, training.layers
    positional, radial = PositionalEncoding(inputs, octaves, box), RadialEncoding(inputs, BUMPS, box=box, seed=seed)
    return {
        "ReLU": MLP(inputs, outputs, width, layers, activation="relu", box=box, seed=seed),
        "tanh": MLP(inputs, outputs, width, layers, activation="tanh", box=box, seed=seed),
        "ReLU, positional encoding": rectified(positional, outputs, width, layers, seed=seed),
        "ReLU, radial functions": rectified(radial, outputs, width, layers, seed=seed),
        "SIREN": Siren(inputs, outputs, width, layers, omega0=[omega0] + [30.0] * (layers - 1), box=box, seed=seed),
    }


def fit(method: str, problem: Problem, signal: Signal, *, network: Network | nn.Module | None = None,
        solver: Solver | None = None, seconds: float | None = None, seed: int = 0) -> Fit:
    """Solve and look at the result where the signal is known."""
    start = monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblemWarning)  # of a network too slow for the signal, which is what is compared
        solution = solve(problem, network, solver, seed=seed, max_time=seconds,
                         dtype=None if solver is None else torch.float32)
    taken = monotonic() - start
    columns = [solution(u, signal.points) for u in problem.fields]
    values = (columns[0] if len(columns) == 1 else np.stack(columns, axis=1)).reshape(signal.values.shape)
    steps = 0 if solver is None else 20 * (len(solution.history.loss) - 1)
    return Fit(method, solution, values, taken, steps)


def rows(experiment: str, found: list[Fit], setting: str, *, measure: str, value: Callable[[Array], float],
         published: Mapping[str, str]) -> list[Row]:
    """The table of fits.

    Args:
        value: of a fit's values, in the unit of ``measure``.
        published: by method.
    """
    return [Row(experiment, f.method, f"{setting}; {f.effort}", value(f.values), measure, f.seconds,
                published.get(f.method, "")) for f in found]
