"""Gauss–Newton on all parameters: every step solves the linearised least-squares problem, damped as little as it allows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnsiren.last_layer import LastLayer
from pinnsiren.model import Model, parameter_vector, set_parameters
from pinnsiren.networks import LinearOutput
from pinnsiren.residual import Residual
from pinnsiren.solvers.estimate import balanced_scales, judge, row_scales
from pinnsiren.solvers.task import Solver, Step, Task

DECADES = 16  # of the damping, below the largest squared singular value
PRECISE = 1e-5  # an estimated error below which squaring the condition number would cost needed digits


@dataclass(frozen=True)
class Spectrum:
    """J = U S Vᵀ and g = Uᵀ r: all damped steps p(λ) = −V S g / (S² + λ) at the price of one factorisation."""

    directions: Tensor  # V, (P, k)
    singular: Tensor  # S, (k,)
    projections: Tensor  # g, (k,)

    @classmethod
    def of(cls, jacobian: Tensor, residual: Tensor, *, precise: bool) -> "Spectrum":
        """Factorise J (R, P), by its smaller side.

        Args:
            precise: by QR and an SVD of the triangle, in full precision; otherwise by an eigendecomposition of JᵀJ
                or JJᵀ, cheaper, with singular values below 1e-8 of the largest lost.
        """
        tall = jacobian.shape[0] >= jacobian.shape[1]
        if precise:
            return cls._by_svd(jacobian, residual, tall)
        gram = jacobian.T @ jacobian if tall else jacobian @ jacobian.T
        values, vectors = torch.linalg.eigh(gram)
        keep = values > values[-1] * 1e-16 * len(values)
        values, vectors = values[keep], vectors[:, keep]
        singular = values.sqrt()
        if tall:
            return cls(vectors, singular, (vectors.T @ (jacobian.T @ residual)) / singular)
        return cls(jacobian.T @ (vectors / singular), singular, vectors.T @ residual)

    @classmethod
    def _by_svd(cls, jacobian: Tensor, residual: Tensor, tall: bool) -> "Spectrum":
        if tall:
            triangle = torch.linalg.qr(torch.cat([jacobian, residual[:, None]], dim=1), mode="r").R
            size = jacobian.shape[1]
            u, s, vt = torch.linalg.svd(triangle[:size, :size])
            return cls(vt.T, s, u.T @ triangle[:size, size])
        q, triangle = torch.linalg.qr(jacobian.T)
        u, s, vt = torch.linalg.svd(triangle.T)
        return cls(q @ vt.T, s, u.T @ residual)

    def step(self, damping: float) -> Tensor:
        """p(λ), (P,)."""
        return -self.directions @ (self.singular * self.projections / (self.singular.square() + damping))

    def predicted(self, damping: float) -> float:
        """½‖r‖² − ½‖r + J p(λ)‖²."""
        left = damping / (self.singular.square() + damping)
        return 0.5 * float((self.projections.square() * (1 - left.square())).sum())


@dataclass(frozen=True)
class GaussNewton(Solver):
    """Regularised Gauss–Newton with new points at every step, in float64.

    Of the steps p(λ) on a grid of λ it takes the longest whose actual reduction of ½‖r‖² is at least ``ratio`` of the
    predicted one.

    Args:
        iterations: at most so many.
        rows_per_parameter: how many points are sampled, in parameters of the network.
        ratio: actual over predicted reduction that a step must reach.
        patience: iterations within which the estimate on held-out points must fall by a third; else it has stalled.
        resample: draw new points at every step.
        hold_out: keep a fifth of every data set to measure by; False fits all data and measures by the same.

    Reference: Webb, Jerad & Cartis, arXiv 2607.02194 (the ratio rule); Levenberg, Quart. Appl. Math. 2 (1944).
    """

    iterations: int = 300
    rows_per_parameter: float = 3.0
    ratio: float = 0.1
    patience: int = 20
    resample: bool = True
    hold_out: bool = True

    def iterate(self, task: Task) -> Iterator[Step]:
        model = task.require_model("GaussNewton")
        points = int(self.rows_per_parameter * sum(p.numel() for p in model.parameters()))
        residual = task.residual(model, points, seed=11, part="fitted" if self.hold_out else "all")
        scales = feature_scales(residual)
        residual = residual.weighted({name: 1 / s**2 for name, s in balanced_scales(residual, scales).items()})
        held_out = task.residual(model, max(64, points // 4), seed=12, part="held out" if self.hold_out else "all")
        best: list[float] = []  # lowest estimate up to each iteration
        decade = 0
        for iteration in range(self.iterations):
            estimate, loss, residuals = judge(held_out, scales)
            yield Step(model, estimate, loss, residuals, "Gauss–Newton")
            best.append(min([estimate, *best[-1:]]))
            if estimate <= task.target or (iteration >= self.patience and best[-1] > 0.67 * best[-1 - self.patience]):
                return
            if self.resample and iteration:
                residual = residual.resampled(task.seed + 100 + iteration)
            found = self._advance(model, residual, decade, precise=best[-1] < PRECISE)
            if found is None and not self.resample:
                return
            decade = 0 if found is None else max(0, found - 3)

    def _advance(self, model: Model, residual: Residual, decade: int, *, precise: bool) -> int | None:
        """Take the longest step that pays; the damping's decade above the smallest, or None where no step does."""
        r, jacobian = residual.jacobian()
        before, theta = 0.5 * float(r @ r), parameter_vector(model)
        spectrum = Spectrum.of(jacobian, r, precise=precise)
        largest = float(spectrum.singular.max()) ** 2
        for k in range(decade, DECADES + 1):
            damping = largest * 10.0 ** (k - DECADES)
            set_parameters(model, theta + spectrum.step(damping))
            with torch.no_grad():
                after = 0.5 * float(residual().square().sum())
            if math.isfinite(after) and before - after >= self.ratio * spectrum.predicted(damping) > 0:
                return k
        set_parameters(model, theta)
        return None


def feature_scales(residual: Residual) -> dict[str, float]:
    """S_m of each constraint for a network with a linear output (see :func:`row_scales`); 1 for any other."""
    if not all(isinstance(c.network, LinearOutput) for c in residual.model.carriers):
        return dict.fromkeys(residual.blocks, 1.0)
    layer = LastLayer(residual)
    return row_scales(layer.rows(layer.jets(layer.coefficients())))
