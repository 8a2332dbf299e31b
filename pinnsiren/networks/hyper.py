"""A hypernetwork: a ReLU network whose outputs are the parameters of another network, a SIREN.

    θ = s ⊙ (c + ε V h(z)),      h: a ReLU network of the latent z,

where s is the root mean square of each tensor of the SIREN's initial values and s ⊙ c are these values themselves. ε is small,
so that whatever z is, the generated network starts with the statistics of a SIREN; and since an output is measured in the
spread of the tensor that it belongs to, one learning rate fits all layers. A step of Adam moves every number of V by its rate,
hence an output by ε times the rate times the width of h: without ε the generated networks jumped about.
"""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.errors import SolveError
from pinnsiren.networks.feedforward import FeedForward, parameter_slices
from pinnsiren.networks.initialisation import linear, require_sizes


class Hypernetwork(nn.Module):
    """From latents (B, L) to the parameters (B, P) of a network, each row in the order of ``target.parameters()``.

    Args:
        target: a Siren, MLP or Fourier network, whose present values the generated ones start from. It is not kept.
        latent: L.
        width, layers: of the ReLU network between; the paper's has one hidden layer of 256.
        spread: ε, the standard deviation that z of unit variance gives to the generated values at the start, over their own;
            dimensionless.
        seed: of the ReLU network and V.

    Raises:
        SolveError: sizes below 1, a spread that is not positive, or a target without layers of its own.
    Reference: Sitzmann et al., NeurIPS 2020, sec. 4.4 and supplement 9; Ha, Dai & Le, HyperNetworks, ICLR 2017.
    """

    scales: Tensor

    def __init__(self, target: FeedForward, latent: int = 256, width: int = 256, layers: int = 1, *, spread: float = 0.1,
                 seed: int = 0) -> None:
        super().__init__()
        require_sizes("Hypernetwork", latent=latent, width=width, layers=layers)
        if not isinstance(target, FeedForward):
            raise SolveError(f"Hypernetwork was given a {type(target).__name__} to generate; expected a Siren, MLP or Fourier "
                             "network, whose parameters are plain tensors.")
        if isinstance(target.omega0, nn.Parameter):
            raise SolveError("Hypernetwork was given a network with learnable frequencies; make it with "
                             "learnable_omega0=False.")
        if not (math.isfinite(spread) and spread > 0):
            raise SolveError(f"Hypernetwork was given spread={spread!r}; expected a number > 0, such as 0.1.")
        self._settings: dict[str, Any] = {"latent": latent, "width": width, "layers": layers, "spread": float(spread),
                                          "seed": seed}
        generator = torch.Generator().manual_seed(seed)
        fans = [latent, *[width] * layers]
        self.hidden = nn.ModuleList(_relu_layer(n, m, generator) for n, m in pairwise(fans))
        start = torch.cat([p.detach().double().cpu().flatten() for p in target.parameters()])
        scales = torch.cat([_spread_of(p).expand(p.numel()) for p in target.parameters()])
        drawn = torch.randn(len(start), width, dtype=torch.float64, generator=generator) / math.sqrt(width)
        self.start, self.output = nn.Parameter(start / scales), nn.Parameter(drawn)
        self.register_buffer("scales", scales)
        self.slices, self.shapes = parameter_slices(target), {n: p.shape for n, p in target.named_parameters()}
        own = next(target.parameters())
        self.to(dtype=own.dtype, device=own.device)

    @property
    def latent(self) -> int:
        """L, the length of z."""
        return int(self._settings["latent"])

    def forward(self, latents: Tensor) -> Tensor:
        """The parameters (B, P) for latents (B, L), differentiable in both networks."""
        features = latents
        for layer in self.hidden:
            features = torch.relu(layer(features))
        return self.scales * torch.addmm(self.start, features, self.output.T, alpha=self._settings["spread"])

    def named(self, theta: Tensor) -> dict[str, Tensor]:
        """Rows (B, P) as the target's named parameters, each (B, …): see :mod:`pinnsiren.networks.stacked`."""
        return {name: theta[:, place].reshape(-1, *self.shapes[name]) for name, place in self.slices.items()}

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments but the target, as plain values."""
        return dict(self._settings)


def _relu_layer(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """W ~ N(0, 2/n), b = 0: mean squares keep their size through layers of ReLU (He et al., ICCV 2015)."""
    weight = torch.randn(outputs, inputs, dtype=torch.float64, generator=generator) * math.sqrt(2 / inputs)
    return linear(weight, torch.zeros(outputs, dtype=torch.float64))


def _spread_of(parameter: Tensor) -> Tensor:
    """The root mean square of a tensor's values, (1,); 1 where all are zero, as the biases of some schemes."""
    size = parameter.detach().double().cpu().square().mean().sqrt()
    return (size if bool(size > 0) else torch.ones_like(size)).reshape(1)
