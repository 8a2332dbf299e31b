"""Encoders: from values seen at some places to a latent. One looks at a grid, the other at a set of points.

What is seen of several instances comes as one list: all places (N, d), all values (N, c), and to which instance each of them
belongs, (N,). Their order means nothing.
"""

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.errors import DataError, SolveError, StorageError
from pinnsiren.networks.initialisation import centre_and_half_width, require_sizes

RIDGE = 1e-3  # λ, relative to the values' variance: noise of 3 % of them goes in as it is
SLACK = 1e-5  # of a half-width: how far outside of a grid a place counts as on its edge; float32 rounds by 6e-8


@dataclass(frozen=True)
class Seen:
    """What is seen of some instances.

    Args:
        places: (N, d), in the coordinates' units.
        values: (N, c).
        owners: (N,), the number of the instance that each belongs to, from 0 on.
        count: B, how many instances there are.
    """

    places: Tensor
    values: Tensor
    owners: Tensor
    count: int

    @classmethod
    def of(cls, parts: Sequence[tuple[Tensor, Tensor]]) -> "Seen":
        """Of instances one after the other: places (n_i, d) and values (n_i, c) of each."""
        places, values = (torch.cat([part[k] for part in parts]) for k in (0, 1))
        owners = torch.cat([torch.full((len(x),), i) for i, (x, _) in enumerate(parts)])
        return cls(places, values, owners.to(places.device), len(parts))

    def means(self, features: Tensor) -> Tensor:
        """The mean (B, m) over each instance of one row (N, m) for each thing seen.

        Raises:
            DataError: an instance of which nothing is seen.
        """
        number = torch.bincount(self.owners, minlength=self.count)
        if not bool((number > 0).all()):
            raise DataError(f"nothing is seen of instance {int(number.argmin())}; give at least one value.")
        sums = features.new_zeros(self.count, features.shape[1]).index_add(0, self.owners, features)
        return sums / number[:, None]


class Encoder(nn.Module, ABC):
    """A map from what is seen of instances to their latents.

    Attributes:
        inputs: d, the coordinates of a place.
        channels: c, the values at a place.
        latent: L, the length of a latent.
    """

    inputs: int
    channels: int
    latent: int
    centre: Tensor
    half_width: Tensor

    @abstractmethod
    def forward(self, seen: Seen) -> Tensor:
        """Latents (B, L)."""

    @abstractmethod
    def spec(self) -> tuple[str, dict[str, Any]]:
        """The class's name and its constructor's arguments as plain values."""

    def scaled(self, places: Tensor) -> Tensor:
        """Places with the box scaled to [−1, 1]^d."""
        return (places - self.centre) / self.half_width

    def _bounded(self, box: Sequence[Sequence[float]] | None) -> None:
        centre, half_width = centre_and_half_width(box, self.inputs)
        self.register_buffer("centre", centre.float())
        self.register_buffer("half_width", half_width.float())

    def _box(self) -> list[list[float]]:
        low, high = self.centre - self.half_width, self.centre + self.half_width
        return torch.stack([low, high], dim=1).double().tolist()


class ConvEncoder(Encoder):
    """Convolutions over a grid of cells, in two dimensions: each cell holds the mean of what is seen in it, and how much is.

    A 3 × 3 convolution, then as many with stride 2 as leave at least 4 cells on a side, each followed by a residual block, all
    with ReLU; then one linear map of all that is left.

    Args:
        channels: c, values at a place.
        cells: (columns, rows) of the grid, at least 4 each; for an image its pixels.
        latent: L.
        width: channels of the first convolution, doubled by each of the others up to four times.
        box: bounds (2, 2) of the grid; None for [−1, 1]².
        seed: of the parameters.

    Raises:
        SolveError: sizes that are too small. DomainError: bounds that are none.
    """

    def __init__(self, channels: int, cells: Sequence[int], latent: int = 256, width: int = 32, *,
                 box: Sequence[Sequence[float]] | None = None, seed: int = 0) -> None:
        super().__init__()
        columns, rows = cells
        require_sizes("ConvEncoder", channels=channels, columns=columns, rows=rows, latent=latent, width=width)
        if min(cells) < 4:
            raise SolveError(f"ConvEncoder was given a grid of {columns} × {rows} cells; expected at least 4 × 4.")
        self.inputs, self.channels, self.latent, self.cells = 2, channels, latent, (columns, rows)
        self._settings = {"width": width, "seed": seed}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = _convolutions(channels + 1, width, min(cells))
            left = self.layers(torch.zeros(1, channels + 1, rows, columns)).numel()
            self.output = nn.Linear(left, latent)
        self._bounded(box or [[-1.0, 1.0]] * 2)

    def forward(self, seen: Seen) -> Tensor:
        """Latents (B, L).

        Raises:
            DataError: a place outside of the grid's box.
        """
        latents: Tensor = self.output(self.layers(self.rasterised(seen)).flatten(1))
        return latents

    def rasterised(self, seen: Seen) -> Tensor:
        """(B, c + 1, rows, columns): means of the values seen in each cell, 0 where there are none; and whether there are."""
        columns, rows = self.cells
        scaled = self.scaled(seen.places)
        if bool((scaled.abs() > 1 + SLACK).any()):
            raise DataError(f"ConvEncoder was given places outside of its box {self._box()}; give places inside, or an encoder "
                            "with a larger box.")
        x, y = ((scaled + 1) / 2 * scaled.new_tensor([columns, rows])).floor().clamp(min=0).long().unbind(1)
        cell = (seen.owners * rows + y.clamp(max=rows - 1)) * columns + x.clamp(max=columns - 1)
        told = torch.cat([seen.values, torch.ones_like(seen.values[:, :1])], dim=1)
        sums = told.new_zeros(seen.count * rows * columns, told.shape[1]).index_add(0, cell, told)
        number = sums[:, -1:]
        grid = torch.cat([sums[:, :-1] / number.clamp_min(1), number.clamp(max=1)], dim=1)
        return grid.view(seen.count, rows, columns, -1).permute(0, 3, 1, 2)

    def spec(self) -> tuple[str, dict[str, Any]]:
        return "ConvEncoder", {"channels": self.channels, "cells": list(self.cells), "latent": self.latent, "box": self._box(),
                               **self._settings}


class SetEncoder(Encoder):
    """The mean over all that is seen of a function of place and value, beside a smooth fit; then a function of both.

        z = ρ( (1/n) Σ_i φ(γ(x_i), a_i), c ),    γ(x) = (x̂, sin πk ξ/2, cos πk ξ/2),  ξ = x̂ + 1,  k = 1 … frequencies,
        c = argmin (1/n) Σ_i |Σ_k c_k Π_j cos(πk_j ξ_ij/2) − a_i|² + λ Σ_k (1 + |k|²) c_k²,    |k| ≤ frequencies.

    It takes any number of points, and their order makes no difference. Means alone learn slowly to tell how values vary from
    place to place, and from few points they cannot; the fit does both from the start.

    Args:
        inputs: d, coordinates of a place.
        channels: c, values at a place.
        latent: L.
        width, layers: of the ReLU networks φ and ρ: their hidden layers.
        frequencies: of γ, along each coordinate, and of the fit.
        box: bounds (d, 2); None for [−1, 1]^d.
        seed: of the parameters.

    Raises:
        SolveError: sizes below 1. DomainError: bounds that are none.
    Reference: Zaheer et al., Deep Sets, NeurIPS 2017, for the means.
    """

    orders: Tensor

    def __init__(self, inputs: int, channels: int, latent: int = 256, width: int = 256, layers: int = 2, *,
                 frequencies: int = 6, box: Sequence[Sequence[float]] | None = None, seed: int = 0) -> None:
        super().__init__()
        require_sizes("SetEncoder", inputs=inputs, channels=channels, latent=latent, width=width, layers=layers,
                      frequencies=frequencies)
        self.inputs, self.channels, self.latent, self.frequencies = inputs, channels, latent, frequencies
        self._settings = {"width": width, "layers": layers, "frequencies": frequencies, "seed": seed}
        orders = torch.cartesian_prod(*[torch.arange(frequencies + 1.0)] * inputs).view(-1, inputs)
        orders = orders[orders.square().sum(1) <= frequencies**2]
        self.register_buffer("orders", orders)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.each = _relu_network([inputs * (1 + 2 * frequencies) + channels, *[width] * layers, width])
            self.together = _relu_network([width + len(orders) * channels, *[width] * layers, latent])
        self._bounded(box or [[-1.0, 1.0]] * inputs)

    def forward(self, seen: Seen) -> Tensor:
        """Latents (B, L).

        Raises:
            DataError: an instance of which nothing is seen.
        """
        scaled = self.scaled(seen.places)
        waves = [f(a) for a in self._angles(scaled)[1:] for f in (torch.sin, torch.cos)]
        pooled = seen.means(self.each(torch.cat([scaled, *waves, seen.values], dim=1)))
        latents: Tensor = self.together(torch.cat([pooled, self.coefficients(seen, scaled)], dim=1))
        return latents

    def _angles(self, scaled: Tensor) -> Tensor:
        """πk ξ/2 for k = 0 … frequencies, (frequencies + 1, N, d)."""
        return (scaled + 1) * (torch.arange(self.frequencies + 1) * (math.pi / 2)).to(scaled)[:, None, None]

    @torch.no_grad()
    def coefficients(self, seen: Seen, scaled: Tensor) -> Tensor:
        """√K c_k of each instance and channel, (B, K c)."""
        cosines = self._angles(scaled).cos()
        along = (c[o] for c, o in zip(cosines.unbind(2), self.orders.long().unbind(1), strict=True))
        features = functools.reduce(torch.mul, along).T
        ridge = torch.diag(RIDGE * (1 + self.orders.square().sum(1)))
        found = []
        for number in range(seen.count):
            own = features[seen.owners == number]
            moments = own.T @ seen.values[seen.owners == number] / len(own)
            found.append(torch.linalg.solve(own.T @ own / len(own) + ridge, moments).flatten())
        return math.sqrt(len(self.orders)) * torch.stack(found)

    def spec(self) -> tuple[str, dict[str, Any]]:
        return "SetEncoder", {"inputs": self.inputs, "channels": self.channels, "latent": self.latent, "box": self._box(),
                              **self._settings}


class _Residual(nn.Module):
    """x + g(x), with two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def _convolutions(channels: int, width: int, side: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
    now = width
    while side >= 8:
        wider = min(2 * now, 4 * width)
        layers += [nn.Conv2d(now, wider, 3, stride=2, padding=1), nn.ReLU(), _Residual(wider)]
        now, side = wider, -(-side // 2)
    return nn.Sequential(*layers)


def _relu_network(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def encoder(name: str, arguments: dict[str, Any]) -> Encoder:
    """The encoder that ``spec`` described, with its initial parameters.

    Raises:
        StorageError: no encoder of that name, or arguments that it does not take.
    """
    known = {c.__name__: c for c in (ConvEncoder, SetEncoder)}
    if name not in known:
        raise StorageError(f"encoder {name!r} is not known; expected one of {', '.join(sorted(known))}.")
    try:
        return known[name](**arguments)
    except TypeError as error:
        raise StorageError(f"encoder {name} cannot be built from {arguments}: {error}.") from error
