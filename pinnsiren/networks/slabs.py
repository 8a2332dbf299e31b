"""Slabs: a network for each interval of one coordinate, usually time, so that a long evolution is many short ones."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pinnsiren.errors import SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks.network import Network, Trace

Spec = tuple[str, dict[str, Any]]
Piece = tuple[Network, Tensor, list[Tensor]]  # a network, the numbers of its points, its coefficients


class Slabs(Network):
    """Φ(x) = Φ_k(x) where edge_k ≤ x_i < edge_{k+1}: at an inner edge the later network, beyond the ends the outer ones.

    Nothing here makes the pieces fit; the solver ``TimeSlabs`` does.

    Args:
        coordinate: i, the place of the coordinate among the inputs.
        edges: of the slabs, increasing, in the coordinate's unit; one more than there are networks.
        networks: one for each slab, of the same inputs, outputs and dtype; or what their ``spec()`` gave.

    Raises:
        SolveError: networks, edges or a coordinate that do not fit each other.
    """

    edges: Tensor

    def __init__(self, coordinate: int, edges: Sequence[float], networks: Sequence[Network | Spec]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(n if isinstance(n, Network) else _build(n) for n in networks)
        sizes = {(n.inputs, n.outputs, next(n.parameters()).dtype) for n in self.pieces}
        if len(sizes) != 1:
            raise SolveError(f"Slabs was given networks of {len(sizes)} kinds of inputs, outputs and dtype; expected one.")
        self.inputs, self.outputs, dtype = sizes.pop()
        if coordinate not in range(self.inputs):
            raise SolveError(f"Slabs was given coordinate={coordinate!r}; expected a place among its {self.inputs} inputs.")
        if len(edges) != len(self.networks) + 1 or not all(math.isfinite(a) and a < b for a, b in itertools.pairwise(edges)):
            raise SolveError(f"Slabs of {len(self.networks)} networks was given edges={list(edges)}; expected "
                             f"{len(self.networks) + 1} increasing numbers.")
        self.coordinate = coordinate
        self.register_buffer("edges", torch.tensor(list(edges), dtype=dtype, device=next(self.parameters()).device))

    @property
    def pieces(self) -> list[Network]:
        """The networks in the order of their slabs."""
        return [n for n in self.networks if isinstance(n, Network)]

    def locate(self, points: Tensor) -> Tensor:
        """The slab of each point, (n,) whole numbers."""
        return torch.bucketize(points[:, self.coordinate].contiguous(), self.edges[1:-1], right=True)

    def jet(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Tensor:
        self.check(points, channels)
        rows, pieces = self._split(points, coefficients)
        parts = [n.jet(points[r], channels, some) for n, r, some in pieces]
        return torch.cat([points.new_zeros(len(channels), 0, self.outputs), *parts], dim=1)[:, torch.argsort(rows)]

    @torch.no_grad()
    def trace(self, points: Tensor, channels: Channels, coefficients: Sequence[Tensor] = ()) -> Trace:
        self.check(points, channels)
        return SlabsTrace(self, points, channels, self._split(points, coefficients)[1])

    def spec(self) -> Spec:
        return "Slabs", {"coordinate": self.coordinate, "edges": self.edges.tolist(),
                         "networks": [n.spec() for n in self.pieces]}

    def _split(self, points: Tensor, coefficients: Sequence[Tensor]) -> tuple[Tensor, list[Piece]]:
        """The points' numbers slab by slab, and a piece for each slab that has some."""
        slab = self.locate(points)
        found = []
        for k, network in enumerate(self.pieces):
            rows = torch.nonzero(slab == k)[:, 0]
            if len(rows):
                found.append((network, rows, [a if a.shape[1] == 1 else a[:, rows] for a in coefficients]))
        numbers = [rows for _, rows, _ in found]
        return torch.cat(numbers) if numbers else slab, found


class SlabsTrace(Trace):
    """The traces of the slabs' networks, each at its own points."""

    def __init__(self, network: Slabs, points: Tensor, channels: Channels, pieces: Sequence[Piece]) -> None:
        sizes = [sum(p.numel() for p in n.parameters()) for n in network.pieces]
        starts = dict(zip(network.pieces, itertools.accumulate(sizes, initial=0), strict=False))
        self._count = sum(sizes)
        self._traces = [(starts[n], rows, n.trace(points[rows], channels, some)) for n, rows, some in pieces]
        self.jet = points.new_zeros(len(channels), len(points), network.outputs)
        for _, rows, trace in self._traces:
            self.jet[:, rows] = trace.jet

    @torch.no_grad()
    def pullback(self, cotangent: Tensor) -> Tensor:
        full = cotangent.new_zeros(cotangent.shape[1], self._count)
        for start, rows, trace in self._traces:
            own = trace.pullback(cotangent[:, rows])
            full[rows, start:start + own.shape[1]] = own
        return full


def _build(spec: Spec) -> Network:
    from pinnsiren.networks import build  # imported when used: that module imports this one

    kind, arguments = spec
    return build(kind, arguments)
