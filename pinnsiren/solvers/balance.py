"""Balanced constraints: factors on rows that keep one constraint from drowning another under a first-order method.

The factors change what is lowered, never what is reported: that stays ½‖r‖² with the problem's own weights.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.ranks import Ranks
from pinnsiren.residual import Residual

Balancing = Literal["gradient", "ntk", "self-adaptive"]

EVERY = 100  # iterations between two updates of constraint weights: each costs a few steps
MEMORY = 0.9  # share of the old weights in the new
LARGEST = 1e5  # times the mean: the weight of a constraint that hardly pulls, as one that is satisfied already
PROBES = 128  # points whose rows of the Jacobian tell the trace of the tangent kernel; costs PROBES × P numbers
ASCENT = 0.01  # of the row weights a step: after a hundred steps, the first weights count as much as what was added


class Balance(ABC):
    """Factors on rows, kept up to date while a solve runs.

    Attributes:
        weights: all that it remembers, λ in one form or another.
    """

    weights: Any

    @abstractmethod
    def factors(self, residual: Residual, r: Tensor, iteration: int) -> Tensor:
        """√λ_i for each row, (R,), without gradients.

        Args:
            residual: whose rows ``r`` are; a batch may be another one each time.
            r: (R,).
        """


def balance_for(kind: Balancing, seed: int, ranks: Ranks) -> Balance:
    """The balance of a name.

    "gradient": λ_m = mean_k ‖∇L_k‖ / ‖∇L_m‖, so that all constraints pull equally hard (Wang, Teng & Perdikaris, SIAM J. Sci.
    Comput. 43 (2021); with norms in place of maximum over mean as in Wang, Sankaran, Wang & Perdikaris, arXiv 2308.08468,
    alg. 1, which needs no constraint to be the first).

    "ntk": λ_m = mean_k tr K_k / tr K_m, K_m = J_m J_mᵀ, so that all converge equally fast (Wang, Yu & Perdikaris, J. Comput.
    Phys. 449 (2022), sec. 6), with the traces at a few points.

    "self-adaptive": each row's own λ_i, by gradient ascent on ½ Σ λ_i r_i² (McClenny & Braga-Neto, J. Comput. Phys. 474
    (2023), with the mask m(λ) = λ), at a rate in units of its constraint's mean r²: so the places where an equation fails
    weigh more, but no constraint more than another. The points have to stay the same.

    Raises:
        SolveError: on several processes, none of which sees all rows.
    """
    if ranks.size > 1:
        raise SolveError(f"balance={kind!r} weighs rows by sums over all of them, and {ranks.size} processes hold a part each. "
                         "Leave balance out, or solve in one process.")
    if kind == "gradient":
        return ByConstraint(gradient_norms)
    if kind == "ntk":
        return ByConstraint(KernelTraces(seed))
    return ByRow()


def require_balance(kind: str | None, batch: int | None, solver: str) -> None:
    """Raise unless a balance is known and its points stay the same where they must.

    Raises:
        SolveError: it is not, or they do not.
    """
    if kind is not None and kind not in get_args(Balancing):
        raise SolveError(f"{solver}(balance={kind!r}) is not known; choose one of {', '.join(get_args(Balancing))}, or None.")
    if kind == "self-adaptive" and batch is not None:
        raise SolveError(f'{solver}(balance="self-adaptive", batch={batch}): its weights belong to points, and batches draw '
                         'new ones each time. Leave batch out, or choose "gradient" or "ntk".')


@dataclass
class ByConstraint(Balance):
    """One weight for each constraint, inverse to a size of it: λ_m = mean_k s_k / s_m. The problem's weights stay beside it.

    Args:
        sizes: w_m s_m by name, each ≥ 0, at a residual's points in an iteration, w_m being the problem's weight.
        weights: λ_m, a running mean of the updates.
    """

    sizes: Callable[[Residual, int], dict[str, float]]
    weights: dict[str, float] = field(default_factory=dict)

    def factors(self, residual: Residual, r: Tensor, iteration: int) -> Tensor:
        if iteration % EVERY == 0:
            weights = residual.weights
            self._update({name: size / weights[name] for name, size in self.sizes(residual, iteration).items()})
        factors = torch.empty_like(r, requires_grad=False)
        for name, block in residual.blocks.items():
            factors[block] = self.weights[name] ** 0.5
        return factors

    def _update(self, sizes: dict[str, float]) -> None:
        mean = sum(sizes.values()) / len(sizes)
        for name, size in sizes.items():
            new = mean / (size + mean / LARGEST) if mean > 0 else 1.0
            self.weights[name] = MEMORY * self.weights.get(name, new) + (1 - MEMORY) * new


def gradient_norms(residual: Residual, iteration: int = 0) -> dict[str, float]:
    """‖∇_θ ½‖r_m‖²‖ for each constraint."""
    r, parameters = residual(), list(residual.model.parameters())
    norms = {}
    for name, block in residual.blocks.items():
        gradient = torch.autograd.grad(0.5 * r[block].square().sum(), parameters, retain_graph=True, allow_unused=True,
                                       materialize_grads=True)
        norms[name] = float(torch.stack([g.norm() for g in gradient]).norm())
    return norms


@dataclass(frozen=True)
class KernelTraces:
    """tr J_m J_mᵀ for each constraint, from the rows at a few points that are drawn anew in each iteration."""

    seed: int

    def __call__(self, residual: Residual, iteration: int = 0) -> dict[str, float]:
        few = residual.batch(PROBES, torch.Generator().manual_seed(self.seed + iteration))
        _, jacobian = few.jacobian()
        return {name: float(jacobian[block].square().sum()) for name, block in few.blocks.items()}


@dataclass
class ByRow(Balance):
    """λ_i ← λ_i + η r_i² / mean r², the mean over the rows of its constraint: what stays unsolved for long weighs ever more.

    The factors are √(λ_i / mean λ).

    Args:
        weights: λ, (R,), from 1 on.
    """

    weights: Tensor | None = None

    def factors(self, residual: Residual, r: Tensor, iteration: int) -> Tensor:
        if self.weights is None:
            self.weights = torch.ones_like(r, requires_grad=False)
        self.weights = self.weights.to(r.device)  # a checkpoint gives them back on the CPU
        squares = r.detach().square()
        for block in residual.blocks.values():
            mean = squares[block].mean()
            self.weights[block] += ASCENT * squares[block] / mean.clamp_min(torch.finfo(mean.dtype).tiny)
        return (self.weights / self.weights.mean()).sqrt()
