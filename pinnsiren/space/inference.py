"""What follows an encoder's pass, or stands in its place: latents by optimisation, last layers conditioned on a problem."""

import torch
from torch import Tensor

from pinnsiren.ansatz import Ansatz
from pinnsiren.last_layer import LastLayer
from pinnsiren.model import Model
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.problem import Problem
from pinnsiren.residual import Residual
from pinnsiren.solvers.task import Task
from pinnsiren.space.family import POINTS, carried_fields, formulated
from pinnsiren.space.generator import Evaluation, Generator
from pinnsiren.space.prior import Prior, system


def optimised(generator: Generator, problem: Problem, ansatz: Ansatz | bool | None, start: Tensor, *, iterations: int,
              weight: float) -> Tensor:
    """The latent (L,) that minimises ‖r(θ(z))‖² + w mean z², by L-BFGS with a strong Wolfe line search from ``start``."""
    residual = _residual(generator.target, problem, ansatz)
    evaluation = Evaluation(residual.model, generator.hypernetwork)
    latent = start.detach().clone().to(generator.like).requires_grad_()
    search = torch.optim.LBFGS([latent], max_iter=iterations, line_search_fn="strong_wolfe", tolerance_change=0.0)

    def closure() -> Tensor:
        loss = evaluation.at(residual, generator.hypernetwork(latent[None])).square().sum() + weight * latent.square().mean()
        latent.grad, = torch.autograd.grad(loss, [latent])
        return loss.detach()

    search.step(closure)
    return latent.detach()


def condition(network: FeedForward, problem: Problem, ansatz: Ansatz | bool | None, prior: Prior) -> None:
    """Move a network's last layer to where the prior expects it, given that the problem holds; in place."""
    layer = LastLayer(_residual(network, problem, ansatz))
    matrix, target = system(layer)
    change = prior.mean(matrix, target).to(layer.residual.model.reference)
    layer.write([a + b for a, b in zip(layer.coefficients(), layer.split(change), strict=True)])


def _residual(network: FeedForward, problem: Problem, ansatz: Ansatz | bool | None) -> Residual:
    solved = formulated(problem, ansatz).problem
    return Residual.sampled(solved, Model({carried_fields(solved): network}), Task(solved).counts(POINTS))
