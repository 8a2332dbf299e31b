"""Reproducible initial values, and the boxes that networks scale their coordinates with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pinnsiren.errors import DomainError, SolveError


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    """U(−bound, bound), drawn on the CPU in float64 so that a seed gives the same network on any device and dtype."""
    return (2 * torch.rand(shape, dtype=torch.float64, generator=generator) - 1) * bound


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer with these values; torch's own, which it draws from its global generator, are not drawn."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta", dtype=weight.dtype).to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def centre_and_half_width(box: Sequence[Sequence[float]] | Tensor | None, inputs: int) -> tuple[Tensor, Tensor]:
    """Those of bounds (d, 2), float64; without a box 0 and 1, which leave coordinates as they are.

    Raises:
        DomainError: not one finite pair low < high for each input.
    """
    if box is None:
        return torch.zeros(inputs, dtype=torch.float64), torch.ones(inputs, dtype=torch.float64)
    bounds = torch.as_tensor(box, dtype=torch.float64)
    if bounds.shape != (inputs, 2) or not bool(torch.isfinite(bounds).all() & (bounds[:, 0] < bounds[:, 1]).all()):
        raise DomainError(f"box {bounds.tolist()} does not bound {inputs} coordinates; give one finite pair "
                          "(low, high) with low < high for each.")
    return bounds.mean(1), (bounds[:, 1] - bounds[:, 0]) / 2


def require_sizes(name: str, **sizes: int) -> None:
    """Raise unless all sizes are positive whole numbers.

    Raises:
        SolveError: naming the first that is not.
    """
    for what, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise SolveError(f"{name} was given {what}={size!r}; expected a whole number >= 1.")


def periodic_places(name: str, periodic: Sequence[bool] | None, inputs: int) -> tuple[int, ...]:
    """The places of the coordinates that are periodic.

    Raises:
        SolveError: not one truth value for each input.
    """
    if periodic is None:
        return ()
    if len(periodic) != inputs or not all(isinstance(p, bool) for p in periodic):
        raise SolveError(f"{name} of {inputs} inputs was given periodic={periodic!r}; expected None, or True or False for "
                         "each input, such as (True, False).")
    return tuple(i for i, p in enumerate(periodic) if p)
