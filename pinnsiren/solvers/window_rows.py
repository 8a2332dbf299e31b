"""The rows of a linear problem for a Windows network, as products that never form the matrix: what rows are, and those of
points that are the same in every cell (pixels, grids).

All cells share the local matrices B of their 2^d corners there, and a product with all rows is one matrix product.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnsiren.networks.windows import Operator, Windows

SAME_PLACE = 1e-5  # cells: points closer than this in two cells are at the same place
FILLED = 0.5  # share of places × cells that must be occupied for shared matrices to pay


@dataclass(frozen=True, eq=False)
class Block:
    """Linear equations at points: scale · Σ_o L_o Φ_o(x_i) = scale · target_i.

    Args:
        points: (n, d) float64.
        operators: L_o for each output o that the equation uses; weights are numbers or columns (n, 1).
        target: (n,).
        scale: of these rows against those of other blocks.
    """

    points: Tensor
    operators: Mapping[int, Operator]
    target: Tensor
    scale: float = 1.0

    def at(self, mine: Tensor) -> "Block":
        """The same equations at some of the points, (n,) bool."""
        def cut(operator: Operator) -> Operator:
            return {orders: w[mine] if isinstance(w, Tensor) and len(w) == len(mine) else w for orders, w in operator.items()}

        operators = {output: cut(operator) for output, operator in self.operators.items()}
        return replace(self, points=self.points[mine], operators=operators, target=self.target[mine])


@dataclass(frozen=True, eq=False)
class Part:
    """weight ⊙ (matrix · x_output): one operator on one output. A weight of None is 1."""

    output: int
    matrix: Tensor
    weight: Tensor | None


class Rows(ABC):
    """A block's rows in the orthonormal basis: unknowns x are (windows, r, outputs)."""

    target: Tensor

    @abstractmethod
    def numbered_from(self, start: int) -> "Rows":
        """The same rows, windows being numbered from ``start`` on."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A x, one number a row."""

    @abstractmethod
    def adjoint(self, y: Tensor, total: Tensor) -> None:
        """Add Aᵀ y to ``total``, (windows, r, outputs)."""


@dataclass(frozen=True, eq=False)
class CellRows(Rows):
    """Rows at m places that are the same in A cells, numbered place · A + cell.

    Args:
        windows: (A, 2^d).
        parts: matrices (m, 2^d · r), weights (m, A).
        occupied: (m, A), 0 where a cell has no point at a place (a pixel outside the domain), or None.
        target: (m · A,), 0 there.
    """

    windows: Tensor
    parts: tuple[Part, ...]
    occupied: Tensor | None
    target: Tensor

    def numbered_from(self, start: int) -> "CellRows":
        return replace(self, windows=self.windows - start)

    def forward(self, x: Tensor) -> Tensor:
        total = None
        for part in self.parts:
            local = x[:, :, part.output][self.windows].flatten(1)
            image = part.matrix @ local.T
            image = image if part.weight is None else image * part.weight
            total = image if total is None else total + image
        assert total is not None
        return (total if self.occupied is None else total * self.occupied).flatten()

    def adjoint(self, y: Tensor, total: Tensor) -> None:
        y = y.view(-1, len(self.windows))
        y = y if self.occupied is None else y * self.occupied
        for part in self.parts:
            local = part.matrix.T @ (y if part.weight is None else y * part.weight)
            add(total, self.windows, part.output, local.T)


def add(total: Tensor, windows: Tensor, output: int, local: Tensor) -> None:
    """Add local unknowns (cells, 2^d · r) to those of their windows."""
    flat = local.reshape(windows.numel(), total.shape[1])
    total[:, :, output].index_add_(0, windows.flatten(), flat)


@dataclass(frozen=True, eq=False)
class Layout:
    """Where a block's points lie.

    Args:
        windows: (A, 2^d) of the cells that have points.
        places: (m, d), where points are in their cells.
        order: (n,), place · A + cell of each point.
        shared: whether it pays to share matrices among cells.
    """

    windows: Tensor
    places: Tensor
    order: Tensor
    shared: bool

    @classmethod
    def of(cls, network: Windows, points: Tensor) -> "Layout":
        cell, place = network.locate(points)
        numbers = network.numbers(cell)
        first, which_cell = torch.unique(numbers[:, 0], return_inverse=True)
        windows = numbers.new_empty(len(first), numbers.shape[1])
        windows[which_cell] = numbers
        grid = (place / SAME_PLACE).round().long()
        key = grid[:, 0]
        for column in grid.unbind(1)[1:]:  # one number a place: cheaper to sort than rows
            key = key * round(2 / SAME_PLACE) + column
        which_place = torch.unique(key, return_inverse=True)[1]
        m, count = int(which_place.max()) + 1, len(windows)
        places = place.new_zeros(m, place.shape[1])
        places[which_place] = place
        order = which_place * count + which_cell
        shared = m * count * FILLED <= len(points) and len(torch.unique(order)) == len(points)
        return cls(windows, places, order, shared)

    def spread(self, values: Tensor) -> Tensor:
        """A column (n,) as (m, A), 0 where there is no point."""
        full = values.new_zeros(len(self.places) * len(self.windows))
        full[self.order] = values
        return full.view(len(self.places), -1)


def separate(operator: Operator) -> tuple[Operator, dict[tuple[int, ...], Tensor]]:
    """An operator's terms with constant weights, as numbers, and the columns (n,) of those that vary."""
    constant: dict[tuple[int, ...], float | Tensor] = {}
    varying = {}
    for orders, weight in operator.items():
        if isinstance(weight, Tensor) and not bool((weight == weight[0]).all()):
            varying[orders] = weight[:, 0]
        else:
            constant[orders] = float(weight[0, 0]) if isinstance(weight, Tensor) else weight
    return constant, varying


def local_matrices(network: Windows, block: Block, places: Tensor) -> list[tuple[int, Tensor, Tensor | None]]:
    """(output, (m, 2^d, features), column) of a block at places in a cell; columns (n,) are the varying weights."""
    found: list[tuple[int, Tensor, Tensor | None]] = []
    for output, operator in block.operators.items():
        constant, varying = separate(operator)
        operators = ([constant] if constant else []) + [{orders: 1.0} for orders in varying]
        columns = ([None] if constant else []) + list(varying.values())
        corners = torch.stack([network.basis(places, corner, operators) for corner in network.corners], dim=2)
        found += [(output, block.scale * matrix, column) for matrix, column in zip(corners, columns, strict=True)]
    return found


def cell_rows(network: Windows, block: Block, layout: Layout, basis: Tensor, dtype: torch.dtype) -> CellRows:
    """The rows of a block whose points are the same in every cell."""
    parts = tuple(Part(output, (matrix @ basis).flatten(1).to(dtype), None if w is None else layout.spread(w).to(dtype))
                  for output, matrix, w in local_matrices(network, block, layout.places))
    occupied = layout.spread(torch.ones_like(block.target))
    target = (block.scale * layout.spread(block.target)).to(dtype).flatten()
    return CellRows(layout.windows, parts, None if bool(occupied.all()) else occupied.to(dtype), target)


def feature_scale(network: Windows, block: Block, most: int = 512) -> float:
    """S of a block: √2 times the root mean square of its unscaled rows, what a wave of amplitude one gives.

    Estimated at ``most`` of its points, spread evenly.
    """
    chosen = torch.linspace(0, len(block.points) - 1, min(most, len(block.points)), device=block.points.device).long()
    _, place = network.locate(block.points[chosen])
    squares = 0.0
    for operator in block.operators.values():
        some = {o: w[chosen] if isinstance(w, Tensor) else w for o, w in operator.items()}
        rows = torch.stack([network.basis(place, corner, [some])[0] for corner in network.corners])
        squares += float(rows.square().sum(0).mean())
    return math.sqrt(2 * squares) or 1.0
