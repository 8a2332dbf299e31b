"""Networks that see features of a point instead of the point: those that the SIREN paper compares itself with.

They are plain torch modules: their jets come from automatic differentiation (:class:`~pinnsiren.networks.ModuleNetwork`).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pinnsiren.networks.initialisation import centre_and_half_width, linear, require_sizes, uniform

Box = Sequence[Sequence[float]] | Tensor | None


class PositionalEncoding(nn.Module):
    """x̂ ↦ (x̂, sin 2^k π x̂, cos 2^k π x̂), k < octaves: sines of each coordinate in octaves.

    Args:
        inputs: number of coordinates.
        octaves: for samples at N places along the longest side, log₂(N) − 2 reaches a quarter of what they can tell, as in the
            published code.
        box: bounds (d, 2), scaled to [−1, 1]^d; None leaves points as they are.

    Attributes:
        outputs: number of features, inputs · (1 + 2 · octaves).
    Reference: Mildenhall et al., ECCV 2020, eq. 4.
    """

    centre: Tensor
    half_width: Tensor
    frequencies: Tensor

    def __init__(self, inputs: int, octaves: int, box: Box = None) -> None:
        super().__init__()
        require_sizes("PositionalEncoding", inputs=inputs, octaves=octaves)
        centre, half_width = centre_and_half_width(box, inputs)
        self.outputs = inputs * (1 + 2 * octaves)
        self.register_buffer("centre", centre.float())
        self.register_buffer("half_width", half_width.float())
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.arange(octaves))

    def forward(self, points: Tensor) -> Tensor:
        """(n, inputs) to (n, outputs)."""
        x = (points - self.centre) / self.half_width
        z = (x[:, :, None] * self.frequencies).flatten(1)
        return torch.cat([x, torch.sin(z), torch.cos(z)], dim=1)


class RadialEncoding(nn.Module):
    """x̂ ↦ exp(−σ_k |x̂ − c_k|²): Gaussian bumps at random centres, both of which are learned.

    Args:
        inputs: number of coordinates.
        features: number of bumps; 1024 in the published code, with σ = 10.
        sharpness: σ to begin with, per squared half-width.
        box: bounds (d, 2), scaled to [−1, 1]^d; None leaves points as they are.
        seed: of the centres.
    """

    centre: Tensor
    half_width: Tensor

    def __init__(self, inputs: int, features: int = 1024, sharpness: float = 10.0, box: Box = None, seed: int = 0) -> None:
        super().__init__()
        require_sizes("RadialEncoding", inputs=inputs, features=features)
        centre, half_width = centre_and_half_width(box, inputs)
        self.outputs = features
        self.centres = nn.Parameter(uniform((features, inputs), 1.0, torch.Generator().manual_seed(seed)).float())
        self.sharpness = nn.Parameter(torch.full((features,), sharpness))
        self.register_buffer("centre", centre.float())
        self.register_buffer("half_width", half_width.float())

    def forward(self, points: Tensor) -> Tensor:
        """(n, inputs) to (n, features)."""
        x = (points - self.centre) / self.half_width
        squares = x.square().sum(1, keepdim=True) - 2 * x @ self.centres.T + self.centres.square().sum(1)
        return torch.exp(-self.sharpness * squares)


def rectified(encoding: PositionalEncoding | RadialEncoding, outputs: int, width: int = 256, layers: int = 4, *,
              seed: int = 0) -> nn.Sequential:
    """An encoding, ``layers`` layers of ReLU after it, and a linear output; weights after He, biases 0."""
    require_sizes("rectified", outputs=outputs, width=width, layers=layers)
    generator = torch.Generator().manual_seed(seed)
    parts: list[nn.Module] = [encoding]
    fans = [encoding.outputs, *[width] * layers]
    for fan, out in zip(fans, [*fans[1:], outputs], strict=True):
        weight = uniform((out, fan), math.sqrt(6 / fan), generator).float()
        parts += [linear(weight, torch.zeros(out)), nn.ReLU()]
    return nn.Sequential(*parts[:-1])
