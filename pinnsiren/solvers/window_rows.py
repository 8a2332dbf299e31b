"""The rows of a linear problem for a Windows network, as products that never form the matrix.

Where the points are the same in every cell (pixels, grids), all cells share the local matrices B of their 2^d corners
and a product with all rows is one matrix product. Points that lie anyhow keep their rows explicitly.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.networks.windows import Operator, Windows
from pinnsiren.ranks import ALONE
from pinnsiren.solvers.window_slabs import Slab

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
            _add(total, self.windows, part.output, local.T)


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
                _add(total, batch.windows, part.output, local[:, 0])


def _add(total: Tensor, windows: Tensor, output: int, local: Tensor) -> None:
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


@dataclass(frozen=True, eq=False)
class WindowOperator:
    """A and b of min ‖A x − b‖ for a Windows network, whose coefficients are ``basis`` @ x.

    Args:
        blocks: their rows.
        basis: (features, r), float64.
        shape: (windows, r, outputs) of x.
        slab: the cells whose rows these are, and to whose windows x belongs.
    """

    blocks: tuple[Rows, ...]
    basis: Tensor
    shape: tuple[int, int, int]
    slab: Slab

    @classmethod
    def of(cls, network: Windows, blocks: Sequence[Block], basis: Tensor, *, dtype: torch.dtype = torch.float64,
           memory_limit: float = 4e9, slab: Slab | None = None) -> "WindowOperator":
        """Prepare all rows.

        Args:
            blocks: at the points of the slab.
            dtype: of the products; float32 is twice as fast, and keeps six digits.
            memory_limit: for the rows, bytes.
            slab: by default all cells.

        Raises:
            SolveError: explicit rows that do not fit.
        """
        slab = slab or Slab.of(network, ALONE)
        rows = []
        for block in blocks:
            layout = Layout.of(network, block.points)
            size = len(block.points) * len(network.corners) * basis.shape[1] * len(block.operators) * dtype.itemsize
            if not layout.shared and size > memory_limit:
                raise SolveError(f"{len(block.points)} points that lie anyhow need {size / 1e9:.1f} GB of rows; use "
                                 "points on a grid that repeats in every cell, fewer points, or fewer features.")
            make = _cell_rows if layout.shared else _point_rows
            made = make(network, block, layout, basis, dtype)
            rows.append(made.numbered_from(slab.start) if slab.start else made)
        return cls(tuple(rows), basis, (slab.windows, basis.shape[1], network.outputs), slab)

    @property
    def target(self) -> Tensor:
        """b, (rows,)."""
        return torch.cat([rows.target for rows in self.blocks])

    def zero(self) -> Tensor:
        """x = 0."""
        return self.blocks[0].target.new_zeros(self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """A x, (rows,)."""
        return torch.cat([rows.forward(x) for rows in self.blocks])

    def adjoint(self, y: Tensor) -> Tensor:
        """Aᵀ y, shaped as x."""
        total = self.zero()
        for rows, part in zip(self.blocks, y.split([len(rows.target) for rows in self.blocks]), strict=True):
            rows.adjoint(part, total)
        return self.slab.exchange(total)

    def coefficients(self, x: Tensor) -> Tensor:
        """Those of the network, (windows, features, outputs), from the unknowns of all windows."""
        return torch.einsum("kr,wro->wko", self.basis, x.to(self.basis))


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


def _cell_rows(network: Windows, block: Block, layout: Layout, basis: Tensor, dtype: torch.dtype) -> CellRows:
    parts = tuple(Part(output, (matrix @ basis).flatten(1).to(dtype), None if w is None else layout.spread(w).to(dtype))
                  for output, matrix, w in local_matrices(network, block, layout.places))
    occupied = layout.spread(torch.ones_like(block.target))
    target = (block.scale * layout.spread(block.target)).to(dtype).flatten()
    return CellRows(layout.windows, parts, None if bool(occupied.all()) else occupied.to(dtype), target)


def _point_rows(network: Windows, block: Block, layout: Layout, basis: Tensor, dtype: torch.dtype) -> PointRows:
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
