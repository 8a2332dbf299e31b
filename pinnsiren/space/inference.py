"""Inference without an encoder: the latent whose network satisfies a problem best."""

import torch
from torch import Tensor

from pinnsiren.ansatz import Ansatz
from pinnsiren.model import Model
from pinnsiren.problem import Problem
from pinnsiren.residual import Residual
from pinnsiren.solvers.task import Task
from pinnsiren.space.family import POINTS, carried_fields, formulated
from pinnsiren.space.generator import Evaluation, Generator


def optimised(generator: Generator, problem: Problem, ansatz: Ansatz | bool | None, start: Tensor, *, iterations: int,
              weight: float) -> Tensor:
    """The latent (L,) that minimises ‖r(θ(z))‖² + w mean z², by L-BFGS with a strong Wolfe line search from ``start``."""
    solved = formulated(problem, ansatz).problem
    model = Model({carried_fields(solved): generator.target})
    residual = Residual.sampled(solved, model, Task(solved).counts(POINTS))
    evaluation = Evaluation(model, generator.hypernetwork)
    latent = start.detach().clone().to(generator.like).requires_grad_()
    search = torch.optim.LBFGS([latent], max_iter=iterations, line_search_fn="strong_wolfe", tolerance_change=0.0)

    def closure() -> Tensor:
        loss = evaluation.at(residual, generator.hypernetwork(latent[None])).square().sum() + weight * latent.square().mean()
        latent.grad, = torch.autograd.grad(loss, [latent])
        return loss.detach()

    search.step(closure)
    return latent.detach()
