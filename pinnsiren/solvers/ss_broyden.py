"""Self-scaled Broyden on all parameters: the quasi-Newton method of the most accurate small networks in the literature."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.model import parameter_vector, set_parameters
from pinnsiren.residual import Residual
from pinnsiren.solvers.adaptive import Adaptive, redraw, require_adaptive
from pinnsiren.solvers.broyden import Point, SelfScaledBroyden
from pinnsiren.solvers.loss import loss_of, loss_step
from pinnsiren.solvers.task import Solver, Step, Task


@dataclass(frozen=True)
class SSBroyden(Solver):
    """:class:`~pinnsiren.solvers.broyden.SelfScaledBroyden` on ½‖r‖², in float64, at points that stay for many iterations.

    The dense inverse Hessian of P parameters takes 8 P² bytes and one pass over them a step. It is kept when points are drawn
    anew: the curvature hardly changes with them, and takes about P steps to learn. What is reported is the loss at other,
    evenly spread points that never change.

    Args:
        iterations: at most so many.
        points: how many where the user does not say.
        resample: iterations between two draws of points, or None for the same points throughout.
        adaptive: how new points follow the residual, as in :class:`~pinnsiren.solvers.gauss_newton.GaussNewton`.
        every: iterations between two reports.

    Raises:
        SolveError: a number that makes no sense; a network whose inverse Hessian does not fit into the memory limit.
    References: see :class:`~pinnsiren.solvers.broyden.SelfScaledBroyden`; Kiyani, Shukla, Urbán, Darbon & Karniadakis, Comput.
        Methods Appl. Mech. Eng. 446 (2025) 118308.
    """

    iterations: int = 20_000
    points: int = 4096
    resample: int | None = 500
    adaptive: Adaptive | None = "rad"
    every: int = 10

    def __post_init__(self) -> None:
        require_adaptive(self.adaptive, "SSBroyden")
        if self.iterations < 1 or self.points < 1 or self.every < 1 or (self.resample is not None and self.resample < 1):
            raise SolveError(f"{self} has a number below 1; iterations, points, every and resample count from 1.")

    def iterate(self, task: Task) -> Iterator[Step]:
        model = task.require_model("SSBroyden")
        theta = parameter_vector(model)
        _require_memory(theta, task.memory_limit)
        method = SelfScaledBroyden(len(theta), theta)
        judged = task.residual(model, self.points, seed=42)
        residual = task.residual(model, self.points, seed=41)
        at, drawn = Point.of(loss_of(residual), theta), 0
        for iteration in range(self.iterations + 1):
            lower = method.advance(loss_of(residual), at) if iteration else at
            at = lower or at
            if iteration % self.every == 0 or lower is None or iteration == self.iterations:
                set_parameters(model, at.theta)
                yield loss_step(judged, "SSBroyden", iteration)
            if lower is None and (self.resample is None or drawn == iteration - 1):
                return  # nothing is lower, at new points neither
            if self.resample is not None and (lower is None or iteration - drawn >= self.resample):
                residual = self._redrawn(residual, at.theta, task.seed + 1000 + iteration)
                at, drawn = Point.of(loss_of(residual), at.theta), iteration

    def _redrawn(self, residual: Residual, theta: Tensor, seed: int) -> Residual:
        """New points."""
        set_parameters(residual.model, theta)
        return redraw(self.adaptive)(residual, seed)


def _require_memory(theta: Tensor, limit: float) -> None:
    wanted = len(theta) ** 2 * theta.element_size()
    if wanted > limit:
        raise SolveError(f"SSBroyden needs {wanted:.1e} bytes for the inverse Hessian of {len(theta)} parameters, and "
                         f"memory_limit is {limit:.1e}. Take LBFGS or NNCG, which hold none, a narrower network, or a higher "
                         "memory_limit.")
