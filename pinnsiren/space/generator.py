"""The trained part of a space: encoder or table of latents, hypernetwork, and the network whose parameters they give."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pinnsiren.errors import SolveError
from pinnsiren.model import Model, set_parameters
from pinnsiren.networks.encoders import Encoder, Seen
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.hyper import Hypernetwork
from pinnsiren.residual import Residual

NEAR_ZERO = 0.01  # standard deviation of a table's latents at the start


class Generator(nn.Module):
    """From what is seen to parameters θ.

    Args:
        target: the network that is generated. It stays as it is.
        encoder: what reads; None for a table of latents, one for each instance of the training (an autodecoder).
        hypernetwork: from latents to θ.
        instances: rows of the table; 0 with an encoder.
        seed: of the table.

    Attributes:
        ready: (1,), whether these were set; a training that follows another leaves them.
        shift, scale: (c,), mean and standard deviation of the values seen in training: an encoder reads (values − shift)/scale.
        centre, width: (L,), of what the encoder gave at the start of the training: latents are (what it gives − centre)/width.
            Most of what a new encoder says is the same for all instances; without this nothing is learned for long.

    Raises:
        SolveError: an encoder and a hypernetwork whose latents have different lengths.
    """

    ready: Tensor
    shift: Tensor
    scale: Tensor
    centre: Tensor
    width: Tensor

    def __init__(self, target: FeedForward, encoder: Encoder | None, hypernetwork: Hypernetwork, *, instances: int = 0,
                 seed: int = 0) -> None:
        super().__init__()
        if encoder is not None and encoder.latent != hypernetwork.latent:
            raise SolveError(f"the encoder gives latents of length {encoder.latent}, the hypernetwork takes "
                             f"{hypernetwork.latent}; make them equal.")
        self._target = [target]  # in a list, or its parameters would be trained
        like = next(target.parameters())
        self.encoder = None if encoder is None else encoder.to(like)
        self.hypernetwork = hypernetwork
        drawn = torch.randn(instances, hypernetwork.latent, generator=torch.Generator().manual_seed(seed))
        self.table = nn.Parameter((NEAR_ZERO * drawn).to(like)) if encoder is None else None
        channels = 0 if encoder is None else encoder.channels
        self.register_buffer("ready", torch.zeros(1, dtype=torch.bool, device=like.device))
        self.register_buffer("shift", torch.zeros(channels).to(like))
        self.register_buffer("scale", torch.ones(channels).to(like))
        self.register_buffer("centre", torch.zeros(hypernetwork.latent).to(like))
        self.register_buffer("width", torch.ones(hypernetwork.latent).to(like))

    @property
    def target(self) -> FeedForward:
        return self._target[0]

    @property
    def like(self) -> Tensor:
        """A tensor with the dtype and device of all."""
        return next(self.hypernetwork.parameters())

    def encoded(self, seen: Seen) -> Tensor:
        """Latents (B, L) by the encoder.

        Raises:
            SolveError: there is none.
        """
        if self.encoder is None:
            raise SolveError("this space has no encoder; find a latent with space.optimised(problem).")
        values = (seen.values - self.shift) / self.scale
        latents: Tensor = self.encoder(Seen(seen.places, values, seen.owners, seen.count))
        return (latents - self.centre) / self.width

    def network(self, theta: Tensor) -> FeedForward:
        """The generated network for one θ (P,), by itself."""
        network = copy.deepcopy(self.target)
        set_parameters(network, theta.detach())
        return network

    def state(self) -> dict[str, Any]:
        """All values, detached copies."""
        return {k: v.detach().clone() for k, v in self.state_dict().items()}


class Evaluation(nn.Module):
    """A residual at generated parameters: r(θ) by the network's own closed-form jets, differentiable in θ and so in z.

    Args:
        model: of one network, which the residuals to come are compiled for.
    """

    def __init__(self, model: Model, hypernetwork: Hypernetwork) -> None:
        super().__init__()
        self.model, self._hypernetwork = model, [hypernetwork]

    def forward(self, residual: Residual) -> Tensor:
        """r, (R,)."""
        return residual()

    def at(self, residual: Residual, theta: Tensor) -> Tensor:
        """r at parameters θ (B, P) of as many networks, which share the residual's points equally, in their order."""
        parameters = {f"model.networks.0.{k}": v for k, v in self._hypernetwork[0].named(theta).items()}
        r: Tensor = functional_call(self, parameters, (residual,))
        return r
