"""Which part of what could be seen of an instance is seen."""

import torch
from torch import Tensor

from pinnsiren.errors import DataError


def context(places: Tensor, values: Tensor, numbers: tuple[int, int] | None,
            random: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random part of what could be seen, of a random number of points, evenly drawn on a logarithmic scale.

    Raises:
        DataError: fewer points than are asked for.
    """
    if numbers is None:
        return places, values
    low, high = numbers
    if high > len(places):
        raise DataError(f"a context of up to {high} points was asked for, and an instance has {len(places)}; give "
                        f"context=({min(low, len(places))}, {len(places)}) or fewer.")
    drawn = float(torch.rand((), dtype=torch.float64, generator=random))
    count = round(low * (high / low) ** drawn)
    chosen = torch.randperm(len(places), generator=random)[:count].to(places.device)
    return places[chosen], values[chosen]
