"""A field without coordinates: an unknown number, such as a wave speed or the strength of a source."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.errors import SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks.initialisation import linear, require_sizes
from pinnsiren.networks.network import LinearOutput, Trace


class Constant(LinearOutput):
    """u = c, the same everywhere: no inputs, no features, only the bias of the output.

    Args:
        outputs: how many numbers.
        initial: their values to begin with, in their units; one for all or one for each.
        dtype, device: of the parameters.

    Raises:
        SolveError: no output, or another number of initial values.
    """

    def __init__(self, outputs: int, initial: float | Sequence[float] = 0.0, *, dtype: torch.dtype = torch.float32,
                 device: torch.device | str = "cpu") -> None:
        super().__init__()
        require_sizes("Constant", outputs=outputs)
        values = [float(initial)] * outputs if isinstance(initial, (int, float)) else [float(v) for v in initial]
        if len(values) != outputs:
            raise SolveError(f"Constant of {outputs} outputs was given initial={values}; expected one number for each.")
        self.inputs, self.outputs, self._initial = 0, outputs, values
        bias = torch.tensor(values, dtype=torch.float64)
        self.output = linear(bias.new_zeros(outputs, 1), bias)
        self.output.in_features, self.output.weight = 0, nn.Parameter(bias.new_zeros(outputs, 0))  # torch warns of its own
        self.to(dtype=dtype, device=device)

    def jet(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        self.check(points, channels)
        value = self.output.bias.expand(1, len(points), -1)
        return torch.cat([value, value.new_zeros(len(channels) - 1, *value.shape[1:])])

    def hidden(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        self.check(points, channels)
        return points.new_zeros(len(channels), len(points), 0)

    @torch.no_grad()
    def trace(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Trace:
        return _ConstantTrace(self.jet(points, channels).detach().clone())

    def spec(self) -> tuple[str, dict[str, Any]]:
        return "Constant", {"outputs": self.outputs, "initial": self._initial,
                            "dtype": str(self.output.bias.dtype).removeprefix("torch.")}


class _ConstantTrace(Trace):
    """∂jet/∂c is 1 in the value and 0 elsewhere."""

    def __init__(self, jet: Tensor) -> None:
        self.jet = jet

    def pullback(self, cotangent: Tensor) -> Tensor:
        return cotangent[0].clone()
