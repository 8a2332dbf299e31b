"""Multi-layer perceptron: the usual network of tanh, softplus or ReLU layers, to compare with."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.activations import Activation, activation_named
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.initialisation import centre_and_half_width, linear, periodic_places, require_sizes, uniform


class MLP(FeedForward):
    """f(W x + b) in every hidden layer, and a linear output.

    Weights are drawn after Glorot, U(±√(6/(n_in + n_out))), and after He, U(±√(6/n_in)), for ReLU; biases U(±1/√n_in).

    Args:
        inputs, outputs: numbers of coordinates and of fields.
        width: neurons a layer.
        layers: number of hidden layers.
        activation: finer, identity, relu, sine, softplus or tanh.
        box: bounds (d, 2); coordinates are scaled so that it becomes [−1, 1]^d. None leaves them as they are.
        periodic: coordinates along which the field repeats itself when x̂ ∈ [−1, 1] does, one truth value for each; there
            the first layer sees (cos πx̂, sin πx̂). None for none.
        seed, dtype, device: of the parameters.

    Raises:
        SolveError: a size below 1, or an unknown activation. DomainError: bounds that are none.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 64, layers: int = 4, *, activation: str = "tanh",
                 box: Sequence[Sequence[float]] | Tensor | None = None, periodic: Sequence[bool] | None = None, seed: int = 0,
                 dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> None:
        super().__init__()
        require_sizes("MLP", inputs=inputs, outputs=outputs, width=width, layers=layers)
        self.inputs, self.outputs, self.seed, self.omega0 = inputs, outputs, seed, None
        self._name, self._activation = activation, activation_named(activation)
        self.circles = periodic_places("MLP", periodic, inputs)
        generator = torch.Generator().manual_seed(seed)
        fans = [inputs + len(self.circles), *[width] * layers]
        self.layers = nn.ModuleList(_layer(fan, width, activation, generator) for fan in fans[:-1])
        self.output = _layer(width, outputs, "identity", generator)
        centre, half_width = centre_and_half_width(box, inputs)
        self.register_buffer("centre", centre)
        self.register_buffer("half_width", half_width)
        self.to(dtype=dtype, device=device)

    @property
    def activation(self) -> Activation:
        return self._activation

    def spec(self) -> tuple[str, dict[str, Any]]:
        return "MLP", {"inputs": self.inputs, "outputs": self.outputs, "width": self.output.in_features,
                       "layers": len(self.layers), "activation": self._name, "periodic": self.repeats, "seed": self.seed,
                       **self.common_spec()}


def _layer(fan: int, width: int, activation: str, generator: torch.Generator) -> nn.Linear:
    bound = math.sqrt(6 / fan) if activation == "relu" else math.sqrt(6 / (fan + width))
    return linear(uniform((width, fan), bound, generator), uniform((width,), 1 / math.sqrt(fan), generator))
