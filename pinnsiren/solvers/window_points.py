"""The rows of a Windows network at points that lie anyhow: kept explicitly, those of a cell together."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnsiren.networks.windows import Windows
from pinnsiren.solvers.window_rows import Block, Layout, Part, Rows, add


@dataclass(frozen=True, eq=False)
class Batch:
    """Cells with about as many points: m rows each, rows of zeros where a cell has fewer points.

    Args:
        windows: (c, 2^d).
        parts: matrices (c, m, 2^d · r) with the weights multiplied in, at most one an output.
    """

    windows: Tensor
    parts: tuple[Part, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(c, m)."""
        return len(self.windows), self.parts[0].matrix.shape[1]


@dataclass(frozen=True, eq=False)
class PointRows(Rows):
    """Rows at points that lie anyhow, those of a cell together: each cell's unknowns are read once, not once a point.

    Args:
        batches: of cells; rows are numbered batch by batch, cell by cell.
        target: (rows,), 0 in rows of zeros.
        order: (n,), the row of each point.
    """

    batches: tuple[Batch, ...]
    target: Tensor
    order: Tensor

    def numbered_from(self, start: int) -> "PointRows":
        return replace(self, batches=tuple(replace(b, windows=b.windows - start) for b in self.batches))

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for batch in self.batches:
            images = [torch.bmm(part.matrix, x[:, :, part.output][batch.windows].flatten(1)[:, :, None])
                      for part in batch.parts]
            found.append(torch.stack(images).sum(0).flatten())
        return torch.cat(found)

    def adjoint(self, y: Tensor, total: Tensor) -> None:
        for batch, own in zip(self.batches, y.split([math.prod(b.shape) for b in self.batches]), strict=True):
            for part in batch.parts:
                local = torch.bmm(own.view(batch.shape)[:, None, :], part.matrix)
                add(total, batch.windows, part.output, local[:, 0])


def point_rows(network: Windows, block: Block, layout: Layout, basis: Tensor, dtype: torch.dtype) -> PointRows:
    """The rows of a block whose points lie anyhow."""
    cell, place = network.locate(block.points)
    matrices = {}
    for output, operator in block.operators.items():
        corners = [network.basis(place, corner, [operator])[0] @ basis for corner in network.corners]
        matrices[output] = (block.scale * torch.cat(corners, dim=1)).to(dtype)
    windows, batches, targets = network.numbers(cell), [], []
    together = _together(windows[:, 0])
    points = torch.cat([rows.flatten() for rows in together])
    order = torch.empty_like(windows[:, 0])
    order[points[points >= 0]] = torch.nonzero(points >= 0)[:, 0]
    for rows in together:
        real = (rows >= 0).to(dtype)
        parts = tuple(Part(o, matrix[rows] * real[:, :, None], None) for o, matrix in matrices.items())
        batches.append(Batch(windows[rows[:, 0]], parts))
        targets.append(((block.scale * block.target).to(dtype)[rows] * real).flatten())
    return PointRows(tuple(batches), torch.cat(targets), order)


def _together(cells: Tensor) -> list[Tensor]:
    """The points (c, m) of cells with at most m points and more than two thirds of that; −1 where a cell has fewer.

    Args:
        cells: the number of each point's cell, (n,).
    """
    _, which, counts = torch.unique(cells, return_inverse=True, return_counts=True)
    order = torch.argsort(which, stable=True)
    first = torch.cumsum(counts, 0) - counts
    found, most = [], int(counts.max())
    while most > 0:
        least = 2 * most // 3
        chosen = torch.nonzero((counts > least) & (counts <= most))[:, 0]
        if len(chosen):
            places = torch.arange(most, device=cells.device)
            rows = order[(first[chosen, None] + places).clamp_max(len(order) - 1)]
            found.append(torch.where(places < counts[chosen, None], rows, -1))
        most = least
    return found
