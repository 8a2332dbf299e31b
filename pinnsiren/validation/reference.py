"""What a reference is: a second way to the solution, with an honest estimate of its own error."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field

Array = npt.NDArray[Any]  # float64, complex128 for complex fields


@dataclass(frozen=True)
class ReferenceSolution:
    """A computed reference.

    Attributes:
        description: how it was computed, for a reader: "finite differences of order 4 on 64 × 64 cells".
        error: the reference's own relative L2 error for each field that it knows; dimensionless.
        values: values(field, points) gives (n,) at any points of the domain, for the problem's declared fields.
        proved: whether it was put into the equations and satisfies them, so that no second reference is needed.
    """

    description: str
    error: Mapping[Field, float]
    values: Callable[[Field, Points], Array]
    proved: bool = False


class Reference(ABC):
    """How to compute a reference. Each kind is a frozen dataclass in a file of this folder, found without a list.

    A reference never sees the solution that it judges.
    """

    @abstractmethod
    def unfit(self, problem: Problem) -> str | None:
        """Why this reference cannot be computed for a problem, with what would make it possible; None when it can."""

    @abstractmethod
    def refinements(self, problem: Problem) -> Iterator["Reference"]:
        """Itself with everything the user left open decided, from cheap to accurate."""

    @abstractmethod
    def cost(self, problem: Problem) -> float:
        """Rough seconds on one core of a reference with everything decided: the order in which references are tried."""

    def places(self, problem: Problem) -> Points | None:
        """Where it has values, if only there: a table of scattered points; None for everywhere."""
        return None

    @abstractmethod
    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """The reference solution of a problem, with its error estimated at interior points.

        Raises:
            ReferenceError: the problem does not fit, or the computation failed; the message says how to mend it.
        """


def relative_l2(difference: Array, values: Array) -> float:
    """‖difference‖₂ / ‖values‖₂, or the root mean square of the difference when the values are all zero."""
    size = float(np.sqrt(np.mean(np.abs(values) ** 2)))
    return float(np.sqrt(np.mean(np.abs(difference) ** 2))) / (size or 1.0)


def combined(parts: Sequence[Array]) -> Array:
    """The values of a field from those of its real parts: u, or u_re + i u_im."""
    return parts[0] if len(parts) == 1 else np.asarray(parts[0] + 1j * parts[1])


def without_mean(values: Array, *, free_constant: bool) -> Array:
    """Values less their mean, for a field that the equations fix only up to a constant; else unchanged."""
    return values - values.mean() if free_constant else values


def in_order(points: Points, problem: Problem) -> Array:
    """Points (n, d) with their columns in the order of ``problem.coordinates``, which solutions and grids expect."""
    return points.values[:, [points.coordinates.index(c) for c in problem.coordinates]]
