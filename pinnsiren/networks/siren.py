"""SIREN: sine layers with a frequency factor and the initialisation that keeps their statistics at every depth."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.activations import Activation, Sine
from pinnsiren.errors import SolveError
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.initialisation import centre_and_half_width, linear, periodic_places, require_sizes, uniform


class Siren(FeedForward):
    """sin(ω0 (W x + b)) in every hidden layer, and a linear output.

    First layer W ~ U(±1/d); hidden layers and output W ~ U(±√(6/n)/ω0); biases U(±1/√n), n being the fan-in. With
    them pre-activations are close to normal and activations to arcsine-distributed at every depth.

    Args:
        inputs, outputs: numbers of coordinates and of fields.
        width: neurons a layer.
        layers: number of *sine* layers; the paper's "3 hidden layers" are 4.
        omega0: ω0 of all layers, or one for each; not 0. The output's initial values take the last.
        learnable_omega0: make them parameters.
        box: bounds (d, 2); coordinates are scaled so that it becomes [−1, 1]^d. None leaves them as they are.
        initial_bias: factor of the biases' initial bound; 0 starts without biases.
        periodic: coordinates along which the field repeats itself when x̂ ∈ [−1, 1] does, one truth value for each; there
            the first layer sees (cos πx̂, sin πx̂). None for none.
        seed, dtype, device: of the parameters.

    Raises:
        SolveError: a size below 1, or frequencies that do not fit. DomainError: bounds that are none.
    Reference:
        Sitzmann et al., Implicit Neural Representations with Periodic Activation Functions, NeurIPS 2020, sec. 3.2;
        first-layer bound as in the authors' code (the text misprints it).
    """

    def __init__(self, inputs: int, outputs: int, width: int = 256, layers: int = 4, *,
                 omega0: float | Sequence[float] = 30.0, learnable_omega0: bool = False,
                 box: Sequence[Sequence[float]] | Tensor | None = None, initial_bias: float = 1.0,
                 periodic: Sequence[bool] | None = None, seed: int = 0, dtype: torch.dtype = torch.float32,
                 device: torch.device | str = "cpu") -> None:
        super().__init__()
        require_sizes("Siren", inputs=inputs, outputs=outputs, width=width, layers=layers)
        omegas = _frequencies(omega0, layers)
        self.inputs, self.outputs, self._settings = inputs, outputs, (width, layers, float(initial_bias), seed)
        self.circles = periodic_places("Siren", periodic, inputs)
        generator = torch.Generator().manual_seed(seed)
        fans = [inputs + len(self.circles)] + [width] * layers
        bounds = [1 / fans[0]] + [math.sqrt(6 / width) / omega for omega in omegas[1:]]
        self.layers = nn.ModuleList(_layer(width, fan, bound, initial_bias, generator)
                                    for fan, bound in zip(fans, bounds, strict=False))
        self.output = _layer(outputs, width, math.sqrt(6 / width) / omegas[-1], initial_bias, generator)
        frequencies = torch.tensor(omegas, dtype=torch.float64)
        if learnable_omega0:
            self.omega0 = nn.Parameter(frequencies)
        else:
            self.register_buffer("omega0", frequencies)
        centre, half_width = centre_and_half_width(box, inputs)
        self.register_buffer("centre", centre)
        self.register_buffer("half_width", half_width)
        self.to(dtype=dtype, device=device)

    @property
    def activation(self) -> Activation:
        return Sine()

    def spec(self) -> tuple[str, dict[str, Any]]:
        width, layers, initial_bias, seed = self._settings
        assert self.omega0 is not None
        return "Siren", {
            "inputs": self.inputs, "outputs": self.outputs, "width": width, "layers": layers,
            "omega0": self.omega0.tolist(), "learnable_omega0": isinstance(self.omega0, nn.Parameter),
            "initial_bias": initial_bias, "periodic": self.repeats, "seed": seed, **self.common_spec()}


def _frequencies(omega0: float | Sequence[float], layers: int) -> list[float]:
    omegas = [float(omega0)] * layers if isinstance(omega0, (int, float)) else [float(omega) for omega in omega0]
    if len(omegas) != layers or not all(math.isfinite(omega) and omega != 0 for omega in omegas):
        raise SolveError(f"Siren of {layers} sine layers was given omega0={omega0!r}; expected one finite number that "
                         "is not 0, or one for each layer.")
    return omegas


def _layer(width: int, fan: int, bound: float, initial_bias: float, generator: torch.Generator) -> nn.Linear:
    weight = uniform((width, fan), bound, generator)
    return linear(weight, uniform((width,), initial_bias / math.sqrt(fan), generator))
