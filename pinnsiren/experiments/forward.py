"""A boundary-value problem of the paper with a known solution: solve's choice, the paper's network and a grid beside it."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from pinnsiren.experiments.experiment import Row
from pinnsiren.networks import Network
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array, Points
from pinnsiren.solution import Solution
from pinnsiren.solve import ProblemWarning, solve
from pinnsiren.solvers import Adam, Solver
from pinnsiren.symbols import Field
from pinnsiren.validation import Exact, Reference
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.reference import in_order

Measure = Callable[[Array, Array], float]  # (values, exact values) -> a number
DPI = 150


@dataclass(frozen=True, eq=False)
class Contest:
    """What is compared, and how.

    Args:
        problem: with an exact solution.
        measure: its name, and the number.
        setting: printed in every row.
        published: by method.
    """

    name: str
    problem: Problem
    measure: tuple[str, Measure]
    setting: str
    published: Mapping[str, str]

    @property
    def field(self) -> Field:
        """The one field."""
        (field,) = self.problem.fields
        return field

    @property
    def points(self) -> Points:
        """Where validation compares: inside, where the field means something."""
        return comparison_points(self.problem)[0]

    def exact(self, points: Points) -> Array:
        """Values of the exact solution (n,)."""
        return Exact().compute(self.problem, points).values(self.field, points)

    def by_solve(self, method: str, *, network: Network | None = None, solver: Solver | None = None,
                 seconds: float | None = None, ansatz: bool | None = None) -> tuple[Row, Solution]:
        """A row for a solution."""
        start = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProblemWarning)
            solution = solve(self.problem, network, solver, max_time=seconds, ansatz=ansatz,
                             dtype=None if solver is None else torch.float32)
        taken = time.monotonic() - start
        steps = f", {solution.history.loss.size * solver.every} steps" if isinstance(solver, Adam) else ""
        return self._row(method, steps, np.asarray(solution(self.field, in_order(self.points, self.problem))), taken), solution

    def by_grid(self, method: str, reference: Reference) -> Row:
        """A row for a grid."""
        start = time.monotonic()
        values = reference.compute(self.problem, self.points).values(self.field, self.points)
        return self._row(method, "", values, time.monotonic() - start)

    def _row(self, method: str, steps: str, values: Array, seconds: float) -> Row:
        name, measure = self.measure
        return Row(self.name, method, self.setting + steps, measure(values, self.exact(self.points)), name, seconds,
                   self.published.get(method, ""))

    def draw(self, path: Path, solutions: Mapping[str, Solution], plane: Points, shape: tuple[int, int]) -> None:
        """The real part of the exact field and of solutions on a plane, and the errors below."""
        exact = np.real(self.exact(plane)).reshape(shape)
        fields = {name: np.real(s(self.field, in_order(plane, self.problem))).reshape(shape) for name, s in solutions.items()}
        largest = float(np.abs(exact).max())
        figure = Figure(figsize=(3.3 * (1 + len(fields)), 6.4), layout="constrained")
        axes = figure.subplots(2, 1 + len(fields))
        for ax in axes.ravel():
            ax.set_axis_off()
        axes[0, 0].set_title("exact", fontsize="small")
        drawn = axes[0, 0].imshow(exact, origin="lower", cmap="RdBu_r", vmin=-largest, vmax=largest)
        for k, (name, values) in enumerate(fields.items(), start=1):
            axes[0, k].imshow(values, origin="lower", cmap="RdBu_r", vmin=-largest, vmax=largest)
            axes[0, k].set_title(name, fontsize="small")
            error = np.abs(values - exact)
            axes[1, k].imshow(error, origin="lower", cmap="magma", vmin=0)
            axes[1, k].set_title(f"error, up to {error.max():.1e}", fontsize="small")
        figure.colorbar(drawn, ax=axes[0].tolist(), shrink=0.7)
        figure.savefig(path, dpi=DPI)


def mean_square(values: Array, exact: Array) -> float:
    """mean |u − u_exact|²."""
    return float(np.mean(np.abs(values - exact) ** 2))


def relative_mean_square(values: Array, exact: Array) -> float:
    """mean |u − u_exact|² / mean |u_exact|²: the square of the relative L2 error."""
    return mean_square(values, exact) / float(np.mean(np.abs(exact) ** 2))
