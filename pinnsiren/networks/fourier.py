"""Random Fourier features: one layer of sines with a given band of frequencies, and a linear output to solve for."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.activations import Activation, Sine
from pinnsiren.errors import SolveError
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.initialisation import centre_and_half_width, linear, require_sizes, uniform


class Fourier(FeedForward):
    """Σ_k c_k sin(w_k · x̂ + b_k) + c_0 with w_ki ~ U(−band_i, band_i), b_k ~ U(−π, π), and c = 0 to begin with.

    Args:
        inputs, outputs: numbers of coordinates and of fields.
        width: number of features.
        band: largest angular frequency in scaled coordinates, radians per half-width of the box; one for all
            coordinates or one for each.
        interactions: number of coordinates that each feature depends on, chosen at random; None for all.
        box: bounds (d, 2); coordinates are scaled so that it becomes [−1, 1]^d. None leaves them as they are.
        seed, dtype, device: of the parameters.

    Raises:
        SolveError: a size below 1, or a band that is not positive. DomainError: bounds that are none.
    Reference:
        Rahimi & Recht, Random features for large-scale kernel machines, NeurIPS 2007; Hashemi et al., Generalization
        bounds for sparse random feature expansions, ACHA 62 (2023).
    """

    def __init__(self, inputs: int, outputs: int, width: int, band: float | Sequence[float], *,
                 interactions: int | None = None, box: Sequence[Sequence[float]] | Tensor | None = None, seed: int = 0,
                 dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> None:
        super().__init__()
        require_sizes("Fourier", inputs=inputs, outputs=outputs, width=width)
        self.inputs, self.outputs, self.seed, self.omega0 = inputs, outputs, seed, None
        self.band = [float(band)] * inputs if isinstance(band, (int, float)) else [float(b) for b in band]
        if len(self.band) != inputs or not all(math.isfinite(b) and b > 0 for b in self.band):
            raise SolveError(f"Fourier of {inputs} inputs was given band={band!r}; expected one positive number, or "
                             "one for each input.")
        generator = torch.Generator().manual_seed(seed)
        frequencies = uniform((width, inputs), 1.0, generator) * torch.tensor(self.band, dtype=torch.float64)
        if interactions is not None:
            frequencies = frequencies * _chosen((width, inputs), interactions, generator)
        self.interactions = interactions
        self.layers = nn.ModuleList([linear(frequencies, uniform((width,), math.pi, generator))])
        self.output = linear(frequencies.new_zeros(outputs, width), frequencies.new_zeros(outputs))
        centre, half_width = centre_and_half_width(box, inputs)
        self.register_buffer("centre", centre)
        self.register_buffer("half_width", half_width)
        self.to(dtype=dtype, device=device)

    @property
    def activation(self) -> Activation:
        return Sine()

    def spec(self) -> tuple[str, dict[str, Any]]:
        return "Fourier", {"inputs": self.inputs, "outputs": self.outputs, "width": self.output.in_features,
                           "band": self.band, "interactions": self.interactions, "seed": self.seed, **self.common_spec()}


def _chosen(shape: tuple[int, int], interactions: int, generator: torch.Generator) -> Tensor:
    """1 at ``interactions`` random coordinates of each feature, 0 at the others: (width, inputs)."""
    if not 1 <= interactions <= shape[1]:
        raise SolveError(f"Fourier was given interactions={interactions}; expected 1 to {shape[1]}, the number of inputs.")
    ranks = torch.rand(shape, generator=generator, dtype=torch.float64).argsort(dim=1)
    return (ranks < interactions).double()
